//! Controllers that are not ours: one that is written against our trait, checked and then run
//! through the `kube` crate, and one that is written against the `kube` crate alone.

#[path = "../../examples/own_controller/drive.rs"]
mod drive;
#[path = "../../examples/own_controller/janitor.rs"]
mod janitor;
mod runtime;
#[path = "../../examples/own_controller/scenario.rs"]
mod scenario;

use janitor::Janitor;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use proofs::{check::Failure, own::check};
use scenario::{KEPT, scenario};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tests::live::{Live, eventually};

/// The administrator's client.
pub(crate) async fn client(live: &Live) -> Client {
    let kubeconfig = Kubeconfig::read_from(live.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options);
    Client::try_from(config.await.unwrap()).unwrap()
}

pub(crate) fn typed<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_mistake_is_found_by_the_shortest_way() {
    let failure = check(Janitor::hasty(), scenario()).unwrap_err();
    let Failure::Many(failures) = failure else {
        panic!("{failure}");
    };
    let [Failure::Violated(story)] = failures.as_slice() else {
        panic!("{failures:?}");
    };
    assert_eq!(story.property, KEPT);
    assert_eq!(
        story.actions(),
        [
            "Ask(0)",
            "Ask(1)",
            "Deliver(controller, \"persistentvolumeclaims\", 1)",
            "Turn(controller)",
        ],
        "{story}"
    );
}

#[test]
fn the_repaired_form_is_right_in_every_order() {
    let report = check(Janitor::careful(), scenario()).unwrap();
    assert!(report.unique > 100, "{report:?}");
}

#[test]
fn the_same_controller_runs_against_a_server() {
    let live = Live::start();
    live.run(async {
        let client = client(&live).await;
        let pods: Api<Pod> = Api::default_namespaced(client.clone());
        let claims: Api<PersistentVolumeClaim> = Api::default_namespaced(client.clone());
        let create = PostParams::default();
        pods.create(&create, &typed(scenario::pod())).await.unwrap();
        let claim = typed(scenario::claim());
        claims.create(&create, &claim).await.unwrap();
        let driven = tokio::spawn(drive::drive(Janitor::careful(), client));
        pods.delete("a", &DeleteParams::default()).await.unwrap();
        eventually("the claim is deleted", async || {
            let claim = claims.get_opt("a-data").await.unwrap();
            let deleted =
                |claim: PersistentVolumeClaim| claim.metadata.deletion_timestamp.is_some();
            claim.is_none_or(deleted).then_some(())
        })
        .await;
        driven.abort();
    });
}
