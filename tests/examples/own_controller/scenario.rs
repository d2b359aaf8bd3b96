//! What the janitor is checked against: a pod comes, its claim comes, the pod goes.

use crate::janitor::POD;
use model::controllers::{Call, DeleteOptions, Name, apis};
use proofs::{
    own::Scenario,
    plane::{Happened, State},
};
use serde_json::{Value, json};

/// What must not happen.
pub(crate) const KEPT: &str = "no claim is deleted whose pod is there";

/// A pod.
pub(crate) fn pod() -> Value {
    json!({
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    })
}

/// Its claim.
pub(crate) fn claim() -> Value {
    json!({
        "metadata": {"name": "a-data", "labels": {POD: "a"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

/// The scenario.
pub(crate) fn scenario() -> Scenario {
    let namespace = json!({"metadata": {"name": "d"}});
    let delete = Call::delete(
        &apis::PODS,
        &Name::new("d", "a"),
        "",
        DeleteOptions::default(),
    );
    Scenario::new("a pod comes and goes, and so does its claim")
        .begin(vec![Call::create(&apis::NAMESPACES, "", &namespace)])
        .asks(vec![
            Call::create(&apis::PODS, "d", &pod()),
            Call::create(&apis::PERSISTENT_VOLUME_CLAIMS, "d", &claim()),
            delete,
        ])
        .every_step(KEPT, kept)
        .happens("a claim is deleted", deletes_claim)
        .comes(
            "the claim of a pod that is gone goes",
            pod_is_gone,
            |state| state.list(&apis::PERSISTENT_VOLUME_CLAIMS).count() == 0,
        )
}

fn deletes_claim(happened: &Happened<'_>) -> bool {
    let mut claims = happened
        .touched
        .iter()
        .filter(|it| it.is(&apis::PERSISTENT_VOLUME_CLAIMS));
    claims.any(|claim| {
        let deleted = |new: &model::object::Object| new.meta().deletion_timestamp.is_some();
        claim.new.as_ref().is_none_or(deleted)
    })
}

fn kept(happened: &Happened<'_>) -> bool {
    !deletes_claim(happened) || happened.before.list(&apis::PODS).count() == 0
}

fn pod_is_gone(state: &State) -> bool {
    state.asked == 3
}
