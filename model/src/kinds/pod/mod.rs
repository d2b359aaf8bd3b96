//! Pods: defaults, quality of service, what may be changed when, and validation.

mod container;
pub(super) mod default;
pub(super) mod difference;
mod probe;
mod quality;
mod resources;
mod update;
pub(super) mod validate;
mod volume;

use super::{
    document::{at, copy, fill, items, list, member, number, object, put, text},
    prepare::put_metadata,
};
use crate::status::FieldError;
use alloc::{format, string::String, vec::Vec};
use serde_json::{Value, json};

pub(super) use default::pod as default;
pub(super) use update::validate as validate_update;

/// A new pod is pending; its quality of service never changes
/// (`pkg/registry/core/pod/strategy.go`).
pub(super) fn prepare_create(pod: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": quality::class(pod)});
    if !list(pod, &["spec", "schedulingGates"]).is_empty() {
        put(
            &mut status,
            "conditions",
            json!([{
                "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastProbeTime": null, "lastTransitionTime": null,
            }]),
        );
    }
    put(pod, "status", status);
}

/// The kubelet's view cannot take back what the server decided.
pub(super) fn prepare_status(new: &mut Value, old: &Value) {
    let deletion = at(old, &["metadata", "deletionTimestamp"]).clone();
    put_metadata(
        new,
        "deletionTimestamp",
        (!deletion.is_null()).then_some(deletion),
    );
    let owners = at(old, &["metadata", "ownerReferences"]).clone();
    put_metadata(
        new,
        "ownerReferences",
        (!owners.is_null()).then_some(owners),
    );
    let status = object(new, "status");
    let quality = text(old, &["status", "qosClass"]);
    if !quality.is_empty() {
        fill(status, "qosClass", quality);
    }
    if number(status, &["observedGeneration"]).unwrap_or_default() == 0 {
        copy(at(old, &["status"]), status, "observedGeneration");
    }
    keep_observed_generations(status, list(old, &["status", "conditions"]));
    same_addresses(status);
}

/// A condition written without `observedGeneration` keeps that of the condition of its type.
fn keep_observed_generations(status: &mut Value, old: &[Value]) {
    let mut left: Vec<&Value> = old.iter().collect();
    for condition in items(status, "conditions") {
        let Some(index) = left
            .iter()
            .position(|old| at(old, &["type"]) == at(condition, &["type"]))
        else {
            continue;
        };
        let old = left.remove(index);
        if number(condition, &["observedGeneration"]).unwrap_or_default() == 0 {
            copy(old, condition, "observedGeneration");
        }
    }
}

/// `podIP` is the first of `podIPs`, `hostIP` that of `hostIPs` (`conversion.go`).
fn same_addresses(status: &mut Value) {
    let first = text(status, &["podIP"]);
    if !first.is_empty() && list(status, &["podIPs"]).is_empty() {
        let addresses = json!([{"ip": first}]);
        put(status, "podIPs", addresses);
    }
    if let Some(first) = list(status, &["podIPs"]).first() {
        let first = at(first, &["ip"]).clone();
        put(status, "podIP", first);
    }
}

/// Through `ephemeralcontainers` and `resize` only their part of the spec is taken.
pub(super) fn prepare_part(subresource: Option<&str>, new: &mut Value, old: &Value) {
    let mut spec = at(old, &["spec"]).clone();
    if subresource == Some("ephemeralcontainers") {
        copy(at(new, &["spec"]), &mut spec, "ephemeralContainers");
    } else {
        for field in ["containers", "initContainers"] {
            let wanted = list(new, &["spec", field]);
            let names = |containers: &[Value]| -> Vec<Value> {
                containers
                    .iter()
                    .map(|one| at(one, &["name"]).clone())
                    .collect()
            };
            if names(wanted) != names(list(old, &["spec", field])) {
                // Validation refuses it.
                return;
            }
            for (container, wanted) in items(&mut spec, field).iter_mut().zip(wanted) {
                copy(wanted, container, "resources");
                copy(wanted, container, "resizePolicy");
            }
        }
    }
    put(new, "spec", spec);
    copy(old, new, "status");
    for field in [
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
        "deletionTimestamp",
    ] {
        let value = at(old, &["metadata", field]);
        put_metadata(new, field, (!value.is_null()).then(|| value.clone()));
    }
}

/// Sets a condition of the pod's status: the time of its transition changes with its status only
/// (`podutil.UpdatePodCondition`).
pub(super) fn set_condition(pod: &mut Value, mut condition: Value, now: &str) {
    let status = object(pod, "status");
    let conditions = member(status, "conditions");
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    *member(&mut condition, "lastProbeTime") = Value::Null;
    *member(&mut condition, "lastTransitionTime") = json!(now);
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    let same_type = |old: &&mut Value| at(old, &["type"]) == at(&condition, &["type"]);
    match conditions.iter_mut().find(same_type) {
        Some(old) => {
            if at(old, &["status"]) == at(&condition, &["status"]) {
                copy(old, &mut condition, "lastTransitionTime");
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}

pub(super) fn validate_create(pod: &Value) -> Vec<FieldError> {
    validate::create(pod).finish()
}

/// What a new pod is warned of (`podStrategy.WarningsOnCreate`); updates are not.
pub(super) fn warnings(pod: &Value) -> Vec<String> {
    let name = text(pod, &["metadata", "name"]);
    let wrong = crate::validation::name::dns_label(name);
    if wrong.is_empty() {
        return Vec::new();
    }
    let wrong = wrong.join(" ");
    [format!(
        "metadata.name: this is used in the Pod's hostname, which can result in surprising \
         behavior; a DNS label is recommended: [{wrong}]"
    )]
    .into()
}
