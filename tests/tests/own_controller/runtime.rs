//! A controller of `kube::runtime`, as its documentation has it: it owns what it makes, finalizes
//! what goes, and is told by its watches alone.

use crate::{client, typed};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{
        Controller,
        controller::Action,
        finalizer::{Event, finalizer},
        watcher,
    },
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tests::live::{Live, eventually};

const FINALIZER: &str = "example.com/copy";

/// Each ConfigMap with a label has a Secret of its name.
async fn reconcile(map: Arc<ConfigMap>, client: Arc<Client>) -> Result<Action, kube::Error> {
    let namespace = map.namespace().unwrap_or_default();
    let maps: Api<ConfigMap> = Api::namespaced((*client).clone(), &namespace);
    let secrets: Api<Secret> = Api::namespaced((*client).clone(), &namespace);
    let done = finalizer(&maps, FINALIZER, map, async |event| match event {
        Event::Apply(map) => {
            let name = map.name_any();
            let secret = json!({
                "metadata": {"name": name, "ownerReferences": [map.controller_owner_ref(&())]},
                "stringData": map.data,
            });
            if secrets.get_opt(&name).await?.is_none() {
                secrets
                    .create(&PostParams::default(), &typed(secret))
                    .await?;
            } else {
                let merge = Patch::Merge(secret);
                secrets
                    .patch(&name, &PatchParams::default(), &merge)
                    .await?;
            }
            Ok::<_, kube::Error>(Action::await_change())
        }
        Event::Cleanup(map) => {
            let gone = secrets
                .delete(&map.name_any(), &DeleteParams::default())
                .await;
            match gone {
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                other => drop(other?),
            }
            Ok(Action::await_change())
        }
    });
    // What went wrong is tried again.
    Ok(done
        .await
        .unwrap_or_else(|_| Action::requeue(Duration::from_millis(10))))
}

#[test]
fn a_controller_of_the_kube_crate_works_unmodified() {
    let live = Live::start();
    live.run(async {
        let client = client(&live).await;
        let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
        let secrets: Api<Secret> = Api::default_namespaced(client.clone());
        let labelled = watcher::Config::default().labels("copy=yes");
        let controller = Controller::new(maps.clone(), labelled)
            .owns(secrets.clone(), watcher::Config::default())
            .run(
                reconcile,
                |_, _, _| Action::requeue(Duration::from_millis(10)),
                Arc::new(client),
            );
        let running = tokio::spawn(controller.for_each(async |_| {}));
        let create = PostParams::default();
        for name in ["a", "b"] {
            let map =
                json!({"metadata": {"name": name, "labels": {"copy": "yes"}}, "data": {"k": "1"}});
            maps.create(&create, &typed(map)).await.unwrap();
        }
        let value = async |name: &str| {
            let secret = secrets.get_opt(name).await.unwrap()?;
            String::from_utf8(secret.data?.remove("k")?.0).ok()
        };
        let is = async |name: &str, wanted: &str| {
            eventually(&format!("{name} is {wanted}"), async || {
                (value(name).await.as_deref() == Some(wanted)).then_some(())
            })
            .await;
        };
        is("a", "1").await;
        is("b", "1").await;
        let change = Patch::Merge(json!({"data": {"k": "2"}}));
        maps.patch("a", &PatchParams::default(), &change)
            .await
            .unwrap();
        is("a", "2").await;
        // What it owns is made anew when somebody deletes it.
        secrets.delete("b", &DeleteParams::default()).await.unwrap();
        is("b", "1").await;
        maps.delete("a", &DeleteParams::default()).await.unwrap();
        eventually("the finalizer is done", async || {
            let gone = maps.get_opt("a").await.unwrap().is_none();
            (gone && value("a").await.is_none()).then_some(())
        })
        .await;
        let left = maps
            .list(&ListParams::default().labels("copy=yes"))
            .await
            .unwrap();
        assert_eq!(left.items.len(), 1);
        running.abort();
    });
}
