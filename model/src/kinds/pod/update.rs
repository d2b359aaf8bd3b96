//! What may be changed in a pod that is there (`ValidatePodUpdate`,
//! `ValidatePodEphemeralContainersUpdate`, `ValidatePodStatusUpdate`).

use super::{
    container::image,
    difference::unified,
    validate::{Holder, spec, tolerations},
};
use crate::{
    golang::quote,
    kinds::{
        document::{at, copy, items, list, number, put, same, text},
        findings::{Findings, IMMUTABLE},
    },
    status::FieldError,
};
use alloc::{format, vec::Vec};
use serde_json::{Value, json};

/// The fields that an update of the pod itself may change, as the text names them.
const CHANGEABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,\
    `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
    `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(in crate::kinds) fn validate(
    subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    let mut findings = Findings::default();
    match subresource {
        // Binding and eviction check for themselves.
        Some("binding" | "eviction") => {}
        Some("status") => status(new, old, &mut findings),
        Some("ephemeralcontainers") => {
            spec(at(new, &["spec"]), "spec", Holder::Pod, &mut findings);
            ephemeral(new, old, &mut findings);
        }
        Some("resize") => {
            spec(at(new, &["spec"]), "spec", Holder::Pod, &mut findings);
            resize(new, old, &mut findings);
        }
        _ => {
            spec(at(new, &["spec"]), "spec", Holder::Pod, &mut findings);
            pod(new, old, &mut findings);
        }
    }
    findings.finish()
}

fn pod(new: &Value, old: &Value, findings: &mut Findings) {
    for field in ["containers", "initContainers"] {
        let (now, before) = (list(new, &["spec", field]), list(old, &["spec", field]));
        if now.len() != before.len() {
            let why = "pod updates may not add or remove containers";
            findings.forbidden(format!("spec.{field}"), why);
            return;
        }
        for (index, container) in now.iter().enumerate() {
            image(container, &format!("spec.{field}[{index}]"), true, findings);
        }
    }
    if !deadline(new, old, findings) {
        return;
    }
    let added = list(new, &["spec", "tolerations"]);
    added_tolerations(added, list(old, &["spec", "tolerations"]), findings);
    removed_gates(new, old, findings);
    let (masked, before) = (masked(new, old), at(old, &["spec"]));
    if !same(&masked, before) {
        let difference = unified(&masked, before);
        let why =
            format!("pod updates may not change fields other than {CHANGEABLE}\n{difference}");
        findings.forbidden("spec", why);
    }
}

/// False when nothing further is checked.
fn deadline(new: &Value, old: &Value, findings: &mut Findings) -> bool {
    const FIELD: &str = "spec.activeDeadlineSeconds";
    let now = number(new, &["spec", "activeDeadlineSeconds"]);
    let before = number(old, &["spec", "activeDeadlineSeconds"]);
    match (now, before) {
        (Some(now), _) if !(0..=i64::from(i32::MAX)).contains(&now) => {
            let why = "must be between 0 and 2147483647, inclusive";
            findings.invalid(FIELD, now, why);
            false
        }
        (Some(now), Some(before)) if before < now => {
            findings.invalid(FIELD, now, "must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            findings.invalid(FIELD, Value::Null, why);
            true
        }
        _ => true,
    }
}

/// Tolerations may be added, and the seconds of those that are there changed.
fn added_tolerations(new: &[Value], old: &[Value], findings: &mut Findings) {
    let without_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        put(&mut toleration, "tolerationSeconds", Value::Null);
        toleration
    };
    let now: Vec<Value> = new.iter().map(without_seconds).collect();
    if !old
        .iter()
        .all(|toleration| now.contains(&without_seconds(toleration)))
    {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        findings.forbidden("spec.tolerations", why);
        return;
    }
    tolerations(new, "spec.tolerations", findings);
}

fn removed_gates(new: &Value, old: &Value, findings: &mut Findings) {
    let before = list(old, &["spec", "schedulingGates"]);
    for (index, gate) in list(new, &["spec", "schedulingGates"]).iter().enumerate() {
        if !before.contains(gate) {
            let why = "only deletion is allowed, but found new scheduling gate '";
            let field = format!("spec.schedulingGates[{index}].name");
            findings.forbidden(field, format!("{why}{}'", text(gate, &["name"])));
        }
    }
}

/// The new spec with all that may change as it was.
fn masked(new: &Value, old: &Value) -> Value {
    let mut spec = at(new, &["spec"]).clone();
    let before = at(old, &["spec"]);
    for field in ["containers", "initContainers"] {
        let old = list(before, &[field]);
        for (container, old) in items(&mut spec, field).iter_mut().zip(old) {
            copy(old, container, "image");
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        copy(before, &mut spec, field);
    }
    let grace = |spec: &Value| number(spec, &["terminationGracePeriodSeconds"]);
    if grace(before).is_some_and(|seconds| seconds < 0) && grace(&spec) == Some(1) {
        copy(before, &mut spec, "terminationGracePeriodSeconds");
    }
    spec
}

/// Ephemeral containers may be added only.
fn ephemeral(new: &Value, old: &Value, findings: &mut Findings) {
    const FIELD: &str = "spec.ephemeralContainers";
    let now = list(new, &["spec", "ephemeralContainers"]);
    for container in list(old, &["spec", "ephemeralContainers"]) {
        let name = text(container, &["name"]);
        match now.iter().find(|one| text(one, &["name"]) == name) {
            None => {
                let why = format!(
                    "existing ephemeral containers {} may not be removed\n",
                    quote(name)
                );
                findings.forbidden(FIELD, why);
            }
            Some(changed) if !same(changed, container) => {
                let difference = unified(changed, container);
                let why = format!(
                    "existing ephemeral containers {} may not be changed\n{difference}",
                    quote(name)
                );
                findings.forbidden(FIELD, why);
            }
            Some(_) => {}
        }
    }
}

/// Only the resources and resize policies of containers may change.
fn resize(new: &Value, old: &Value, findings: &mut Findings) {
    let mut masked = at(new, &["spec"]).clone();
    let before = at(old, &["spec"]);
    for field in ["containers", "initContainers"] {
        let old = list(before, &[field]);
        for (container, old) in items(&mut masked, field).iter_mut().zip(old) {
            copy(old, container, "resources");
            copy(old, container, "resizePolicy");
        }
    }
    if !same(&masked, before) {
        let why = "only cpu and memory resources are mutable";
        findings.forbidden("spec", why);
    }
    if text(old, &["status", "qosClass"]) != super::quality::class(new) {
        let why = "Pod QOS Class may not change as a result of resizing";
        findings.invalid("spec", text(new, &["status", "qosClass"]), why);
    }
}

fn status(new: &Value, old: &Value, findings: &mut Findings) {
    let (now, before) = (
        text(new, &["status", "qosClass"]),
        text(old, &["status", "qosClass"]),
    );
    if now != before {
        findings.invalid("status.qosClass", now, IMMUTABLE);
    }
    let nominated = text(new, &["status", "nominatedNodeName"]);
    if !nominated.is_empty() {
        let wrong = crate::validation::name::dns_subdomain(nominated);
        findings.invalid_text("status.nominatedNodeName", nominated, wrong);
    }
    let mut addresses = Vec::new();
    for (index, address) in list(new, &["status", "podIPs"]).iter().enumerate() {
        let address = text(address, &["ip"]);
        let field = format!("status.podIPs[{index}]");
        if crate::kinds::formats::ip(address).is_none() {
            findings.invalid(field.clone(), address, crate::kinds::formats::NOT_AN_IP);
        }
        if addresses.contains(&address) {
            findings.duplicate(field, json!({"IP": address}));
        }
        addresses.push(address);
    }
}

#[cfg(test)]
mod tests {
    use super::validate;
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn pod() -> Value {
        let mut pod = json!({
            "spec": {
                "containers": [{"name": "c", "image": "i"}],
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "activeDeadlineSeconds": 60,
            },
            "status": {"qosClass": "BestEffort"},
        });
        crate::kinds::pod::default(&mut pod);
        pod
    }

    /// `change` makes the new pod from the old one; only the first line of each text counts.
    fn check(subresource: Option<&str>, change: impl Fn(&mut Value), expected: &[&str]) {
        let mut new = pod();
        change(&mut new);
        let errors = validate(subresource, &new, &pod());
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let lines: Vec<_> = texts
            .iter()
            .filter_map(|text| text.lines().next())
            .collect();
        assert_eq!(lines, expected);
    }

    const FROZEN: &str = "spec: Forbidden: pod updates may not change fields other than \
        `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
        `spec.tolerations` (only additions to existing tolerations),\
        `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously \
        negative)";

    #[test]
    fn little_of_a_pod_may_change() {
        check(
            None,
            |pod| pod["spec"]["containers"][0]["image"] = json!("j"),
            &[],
        );
        check(
            None,
            |pod| pod["spec"]["activeDeadlineSeconds"] = json!(30),
            &[],
        );
        check(
            None,
            |pod| pod["spec"]["activeDeadlineSeconds"] = json!(90),
            &[
                "spec.activeDeadlineSeconds: Invalid value: 90: must be less than or equal to previous \
             value",
            ],
        );
        check(None, |pod| pod["spec"]["nodeName"] = json!("n"), &[FROZEN]);
        check(
            None,
            |pod| pod["spec"]["containers"][0]["env"] = json!([{"name": "X"}]),
            &[FROZEN],
        );
        check(
            None,
            |pod| pod["spec"]["containers"] = json!([]),
            &[
                "spec.containers: Required value",
                "spec.containers: Forbidden: pod updates may not add or remove containers",
            ],
        );
    }

    #[test]
    fn tolerations_may_be_added() {
        let second = json!({"key": "b", "operator": "Exists"});
        check(
            None,
            |pod| {
                let first = pod["spec"]["tolerations"][0].clone();
                pod["spec"]["tolerations"] = json!([first, second]);
            },
            &[],
        );
        check(
            None,
            |pod| pod["spec"]["tolerations"] = json!([]),
            &[
                "spec.tolerations: Forbidden: existing toleration can not be modified except its \
             tolerationSeconds",
            ],
        );
    }

    #[test]
    fn the_quality_of_service_stays() {
        check(
            Some("status"),
            |pod| pod["status"]["qosClass"] = json!("Burstable"),
            &["status.qosClass: Invalid value: \"Burstable\": field is immutable"],
        );
    }
}
