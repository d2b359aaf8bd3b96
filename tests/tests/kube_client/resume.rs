//! A watcher that is cut off goes on where it was.

use crate::connect::{Proxy, Soon, client, client_through};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde_json::json;
use tests::live::Live;
use tokio::sync::mpsc;

/// What a watcher reports, but for errors.
fn events(api: Api<ConfigMap>, config: watcher::Config) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = watcher(api, config).backoff(Soon);
    tokio::spawn(stream.for_each(move |event| {
        let text = match event {
            Ok(Event::Init) => Some("init".to_owned()),
            Ok(Event::InitApply(object)) => Some(format!("init {}", object.name_any())),
            Ok(Event::InitDone) => Some("done".to_owned()),
            Ok(Event::Apply(object)) => Some(format!("apply {}", object.name_any())),
            Ok(Event::Delete(object)) => Some(format!("delete {}", object.name_any())),
            Err(_) => None,
        };
        if let Some(text) = text {
            // Nobody listens any more when the test is over.
            let _ = sender.send(text);
        }
        async {}
    }));
    receiver
}

fn each_change_is_seen_once_although_the_watch_is_cut(config: watcher::Config) {
    let live = Live::start();
    live.run(async {
        let direct: Api<ConfigMap> = Api::default_namespaced(client(&live).await);
        let create = async |name: &str| {
            let object = serde_json::from_value(json!({"metadata": {"name": name}})).unwrap();
            direct
                .create(&PostParams::default(), &object)
                .await
                .unwrap();
        };
        create("a").await;
        let proxy = Proxy::start(&live).await;
        let watched = Api::default_namespaced(client_through(&live, &proxy).await);
        let mut events = events(watched, config);
        for expected in ["init", "init a", "done"] {
            assert_eq!(events.recv().await.unwrap(), expected);
        }
        create("b").await;
        assert_eq!(events.recv().await.unwrap(), "apply b");
        // What happens while it is cut off comes later, in order, and it does not start anew.
        proxy.cut();
        create("c").await;
        direct.delete("a", &DeleteParams::default()).await.unwrap();
        create("a").await;
        for expected in ["apply c", "delete a", "apply a"] {
            assert_eq!(events.recv().await.unwrap(), expected);
        }
        proxy.cut();
        direct.delete("b", &DeleteParams::default()).await.unwrap();
        assert_eq!(events.recv().await.unwrap(), "delete b");
    });
}

#[test]
fn after_a_list() {
    each_change_is_seen_once_although_the_watch_is_cut(watcher::Config::default());
}

#[test]
fn after_a_streamed_list() {
    each_change_is_seen_once_although_the_watch_is_cut(
        watcher::Config::default().streaming_lists(),
    );
}
