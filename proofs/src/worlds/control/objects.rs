//! Objects that several worlds are about, and what happens around them.

use crate::plane::{Ask, Calls, Clock, Faults, Plane, State};
use model::{
    controllers::{Call, DeleteOptions, Name, apis},
    object::Object,
};
use serde_json::{Value, json};

/// The namespace of what happens.
pub(super) const NAMESPACE: &str = "d";

/// The plane in which the administrator asks for these things at any moment and calls race, what one
/// reads with what another commits, while an answer is lost and a member crashes, once each.
pub(super) fn racing<const ASKS: usize>(plane: Plane, asks: [Call; ASKS], ticks: u8) -> Plane {
    Plane {
        asks: asks.map(Ask::at_once).into(),
        faults: Faults {
            lost: 1,
            crashes: 1,
            cuts: 0,
        },
        clock: Clock::WhenIdle(ticks),
        calls: Calls::ReadThenCommit,
        ..plane
    }
}

/// Creates a namespace.
pub(super) fn namespace(name: &str) -> Call {
    Call::create(&apis::NAMESPACES, "", &json!({"metadata": {"name": name}}))
}

/// Creates a node that is ready, with so many processors.
pub(super) fn node(name: &str, processors: &str) -> Call {
    let has = json!({"cpu": processors, "memory": "1Gi", "pods": "2"});
    let node = json!({
        "metadata": {"name": name},
        "status": {
            "capacity": has, "allocatable": has,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    });
    Call::create(&apis::NODES, "", &node)
}

/// Has a DELETE done for show alone: its body is what counts.
pub(super) fn dry_delete(call: &mut Call) {
    if call.method == "DELETE" {
        let mut body: Value = serde_json::from_slice(call.body.bytes()).unwrap_or_default();
        body["dryRun"] = json!(["All"]);
        call.body = body.to_string().as_str().into();
    }
}

/// A pod, on that node when it is not empty.
pub(super) fn pod(name: &str, node: &str) -> Value {
    let mut pod = json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    });
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
    }
    pod
}

/// Creates that pod.
pub(super) fn create_pod(name: &str, node: &str) -> Call {
    Call::create(&apis::PODS, NAMESPACE, &pod(name, node))
}

/// Deletes a pod, with this grace period.
pub(super) fn delete_pod(name: &str, grace_seconds: Option<i64>) -> Call {
    let options = DeleteOptions {
        grace_seconds,
        ..DeleteOptions::default()
    };
    Call::delete(&apis::PODS, &named(name), "", options)
}

/// A name in [`NAMESPACE`].
pub(super) fn named(name: &str) -> Name {
    Name::new(NAMESPACE, name)
}

/// The pods that are stored.
pub(super) fn pods(state: &State) -> impl Iterator<Item = Object> + use<> {
    state.list(&apis::PODS)
}

/// The node that a pod is bound to; empty when it is not.
pub(super) fn node_of(pod: &Object) -> &str {
    let fields = &pod.meta().fields;
    fields.get("spec.nodeName").map_or("", String::as_str)
}
