//! Reflectors stay in step with the server under random changes.

use crate::{
    connect::{Proxy, Soon, client, client_through},
    random::Numbers,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{
        WatchStreamExt,
        reflector::{self, Store},
        watcher,
    },
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tests::{
    etcd::Etcd,
    live::{Live, eventually},
};

/// How many changes are made, by how many writers, to how many names each.
const CHANGES: u64 = 10_000;
const WRITERS: u64 = 8;
const NAMES: u64 = 40;
/// The proxy cuts its connections after so many changes.
const BETWEEN_CUTS: u64 = 1_000;
/// Time for all of it: thousands of requests on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);

type Contents = BTreeMap<String, (String, String)>;

/// resourceVersion and value of each name.
fn contents<'a>(objects: impl IntoIterator<Item = &'a ConfigMap>) -> Contents {
    let entry = |object: &ConfigMap| {
        let value = object.data.as_ref().and_then(|data| data.get("k")).cloned();
        let version = object.resource_version().unwrap_or_default();
        (object.name_any(), (version, value.unwrap_or_default()))
    };
    objects.into_iter().map(entry).collect()
}

#[test]
fn reflectors_equal_a_list_after_ten_thousand_random_changes() {
    reflectors_equal_a_list(&Live::start(), CHANGES);
}

#[test]
fn reflectors_equal_a_list_with_etcd_behind_the_server() {
    reflectors_equal_a_list(&Live::on(&Etcd::start()), CHANGES / 5);
}

fn reflectors_equal_a_list(live: &Live, changes: u64) {
    live.run_within(LIMIT, async {
        let client = client(live).await;
        let proxy = Proxy::start(live).await;
        let cut = client_through(live, &proxy).await;
        let labelled = || watcher::Config::default().labels("side=left");
        let reflectors = [
            ("by lists", "", reflect(&client, watcher::Config::default())),
            (
                "by pages",
                "",
                reflect(&client, watcher::Config::default().page_size(50)),
            ),
            (
                "by streams",
                "",
                reflect(&client, watcher::Config::default().streaming_lists()),
            ),
            (
                "by lists, cut off",
                "",
                reflect(&cut, watcher::Config::default()),
            ),
            (
                "by streams, cut off",
                "",
                reflect(&cut, watcher::Config::default().streaming_lists()),
            ),
            (
                "a selection by lists",
                "side=left",
                reflect(&client, labelled()),
            ),
            (
                "a selection by streams",
                "side=left",
                reflect(&cut, labelled().streaming_lists()),
            ),
        ];
        let made = Arc::new(AtomicU64::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                tokio::spawn(write(
                    client.clone(),
                    writer,
                    changes / WRITERS,
                    Arc::clone(&made),
                ))
            })
            .collect();
        for cuts in 1..changes / BETWEEN_CUTS {
            let reached =
                || async { (made.load(Ordering::Relaxed) >= cuts * BETWEEN_CUTS).then_some(()) };
            eventually("the writers make changes", reached).await;
            proxy.cut();
        }
        for writer in writers {
            writer.await.unwrap();
        }
        assert_eq!(made.load(Ordering::Relaxed), changes);

        let api: Api<ConfigMap> = Api::default_namespaced(client);
        for (name, selector, store) in &reflectors {
            let listed = api
                .list(&ListParams::default().labels(selector))
                .await
                .unwrap();
            let listed = contents(&listed.items);
            assert!(!listed.is_empty());
            let equal = || async {
                let state = store.state();
                (contents(state.iter().map(AsRef::as_ref)) == listed).then_some(())
            };
            eventually(&format!("the reflector {name} equals the list"), equal).await;
        }
    });
}

fn reflect(client: &Client, config: watcher::Config) -> Store<ConfigMap> {
    let api: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (store, writer) = reflector::store();
    let stream = reflector::reflector(writer, watcher(api, config)).backoff(Soon);
    // Errors are what being cut off looks like: the stream goes on behind them.
    tokio::spawn(stream.for_each(|_| async {}));
    store
}

/// Makes this writer's share of the changes, to names of its own, so that each must succeed.
async fn write(client: Client, writer: u64, changes: u64, made: Arc<AtomicU64>) {
    let api: Api<ConfigMap> = Api::default_namespaced(client);
    let mut numbers = Numbers::new(writer + 1);
    let mut live: BTreeMap<u64, ConfigMap> = BTreeMap::new();
    for change in 0..changes {
        let index = numbers.below(NAMES);
        let name = format!("w{writer}-{index}");
        let side = if numbers.below(2) == 0 {
            "left"
        } else {
            "right"
        };
        let fresh = json!({"metadata": {"name": name, "labels": {"side": side}},
            "data": {"k": change.to_string()}});
        match (live.remove(&index), numbers.below(4)) {
            (None, _) => {
                let object = serde_json::from_value(fresh).unwrap();
                let created = api.create(&PostParams::default(), &object).await.unwrap();
                live.insert(index, created);
            }
            (Some(_), 0) => {
                api.delete(&name, &DeleteParams::default()).await.unwrap();
            }
            (Some(mut object), 1) => {
                object.metadata.labels = Some([("side".to_owned(), side.to_owned())].into());
                let replaced = api
                    .replace(&name, &PostParams::default(), &object)
                    .await
                    .unwrap();
                live.insert(index, replaced);
            }
            (Some(_), _) => {
                let params = PatchParams::default();
                let patched = api
                    .patch(&name, &params, &Patch::Merge(fresh))
                    .await
                    .unwrap();
                live.insert(index, patched);
            }
        }
        made.fetch_add(1, Ordering::Relaxed);
    }
}
