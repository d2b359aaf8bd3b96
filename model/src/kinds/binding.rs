//! Binding a pod to a node (`pkg/registry/core/pod/storage/storage.go`, `BindingREST`).

use super::{
    document::{at, list, member, members, object, text},
    pod::set_condition,
};
use crate::{
    ambient::Ambient,
    status::{FieldError, Reason, Refusal, Status},
};
use alloc::{format, string::ToString, vec::Vec};
use serde_json::{Value, json};

/// Assigns the pod to the node that the Binding names: `spec.nodeName`, the Binding's annotations
/// and labels, the condition PodScheduled. The pod is as the store has it.
///
/// # Errors
/// 500 (without a reason) when the Binding is not valid, 409 when its uid is that of another pod,
/// when the pod is being deleted, has a node already or waits at a scheduling gate.
pub fn bind(pod: &mut Value, binding: &Value, ambient: &Ambient) -> Result<(), Refusal> {
    let errors = validate(binding);
    if !errors.is_empty() {
        let message = FieldError::join(&errors);
        return Err(Status::new(Reason::Unknown, message));
    }
    let name = text(pod, &["metadata", "name"]).to_string();
    check_uid(pod, binding, &name)?;
    let refuse = |why: &str| Err(Status::conflict("", "pods/binding", &name, why));
    if !at(pod, &["metadata", "deletionTimestamp"]).is_null() {
        return refuse(&format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    let node = text(pod, &["spec", "nodeName"]);
    if !node.is_empty() {
        return refuse(&format!(
            "pod {name} is already assigned to node \"{node}\""
        ));
    }
    if !list(pod, &["spec", "schedulingGates"]).is_empty() {
        return refuse(&format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    *member(object(pod, "spec"), "nodeName") = json!(text(binding, &["target", "name"]));
    for (annotation, value) in members(binding, &["metadata", "annotations"]) {
        let annotations = object(object(pod, "metadata"), "annotations");
        *member(annotations, annotation) = value.clone();
    }
    for (label, value) in members(binding, &["metadata", "labels"]) {
        let kept = member(object(object(pod, "metadata"), "labels"), label);
        if kept.is_null() {
            *kept = value.clone();
        }
    }
    let condition = json!({"type": "PodScheduled", "status": "True"});
    set_condition(pod, condition, &ambient.now.rfc3339());
    Ok(())
}

/// `ValidatePodBinding`.
fn validate(binding: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let kind = text(binding, &["target", "kind"]);
    if !kind.is_empty() && kind != "Node" {
        let supported = ["Node", "<empty>"];
        errors.push(FieldError::not_supported(
            "target.kind",
            &json!(kind),
            &supported,
        ));
    }
    if text(binding, &["target", "name"]).is_empty() {
        errors.push(FieldError::required("target.name", ""));
    }
    errors
}

/// A Binding's uid, when it has one, is a precondition.
fn check_uid(pod: &Value, binding: &Value, name: &str) -> Result<(), Refusal> {
    let wanted = text(binding, &["metadata", "uid"]);
    let uid = text(pod, &["metadata", "uid"]);
    if wanted.is_empty() || wanted == uid {
        return Ok(());
    }
    let namespace = text(pod, &["metadata", "namespace"]);
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/pods/{namespace}/{name}, \
         ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: \
         {wanted}, UID in object meta: {uid}"
    );
    Err(Status::conflict("", "pods", name, &why))
}

#[cfg(test)]
mod tests {
    use super::bind;
    use crate::ambient::{Ambient, Time};
    use serde_json::{Value, json};

    fn check(mut pod: Value, binding: &Value, expected: Result<Value, (u16, &str)>) {
        let ambient = Ambient {
            now: Time(0),
            ..Ambient::default()
        };
        match (bind(&mut pod, binding, &ambient), expected) {
            (Ok(()), Ok(expected)) => assert_eq!(pod, expected),
            (Err(status), Err((code, message))) => {
                assert_eq!((status.code, status.message.as_str()), (code, message));
            }
            (outcome, expected) => panic!("{outcome:?} and not {expected:?}"),
        }
    }

    #[test]
    fn a_pod_is_bound_once() {
        let to = |node: &str| json!({"target": {"kind": "Node", "name": node}});
        let pod = json!({"metadata": {"name": "p", "uid": "u"}, "spec": {}});
        let mut binding = to("n");
        binding["metadata"] = json!({"annotations": {"a": "b"}});
        let bound = json!({
            "metadata": {"name": "p", "uid": "u", "annotations": {"a": "b"}},
            "spec": {"nodeName": "n"},
            "status": {"conditions": [{
                "type": "PodScheduled", "status": "True", "lastProbeTime": null,
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            }]},
        });
        check(pod.clone(), &binding, Ok(bound.clone()));
        check(
            bound,
            &to("m"),
            Err((
                409,
                "Operation cannot be fulfilled on pods/binding \"p\": \
            pod p is already assigned to node \"n\"",
            )),
        );
        let going = json!({"metadata": {"name": "p", "deletionTimestamp": "x"}});
        check(
            going,
            &to("n"),
            Err((
                409,
                "Operation cannot be fulfilled on pods/binding \"p\": \
            pod p is being deleted, cannot be assigned to a host",
            )),
        );
        check(
            pod,
            &json!({"target": {"kind": "Pod"}}),
            Err((
                500,
                "[target.kind: Unsupported \
            value: \"Pod\": supported values: \"Node\", \"<empty>\", target.name: Required \
            value]",
            )),
        );
    }
}
