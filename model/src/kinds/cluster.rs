//! Small kinds with a rule or two: Nodes, Leases, Events, PriorityClasses, RuntimeClasses,
//! PodDisruptionBudgets, LimitRanges.
//!
//! Origin: `pkg/apis/{core,coordination,scheduling,node,policy}/{v1/defaults.go,validation}`.

use super::{
    document::{at, fill, items, list, member, members, number, object, put, text},
    findings::{Findings, NOT_NEGATIVE},
    labels::validate_selector,
    workload::{amount, at_most_all},
};
use crate::{
    resource::Resource,
    status::FieldError,
    validation::name::{dns_label, label_key, label_value},
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

pub(super) fn default(resource: &Resource, document: &mut Value) {
    match resource.plural.as_str() {
        "nodes" => {
            let capacity = at(document, &["status", "capacity"]).clone();
            if at(document, &["status", "allocatable"]).is_null() && !capacity.is_null() {
                put(object(document, "status"), "allocatable", capacity);
            }
        }
        "limitranges" => {
            for limit in items(object(document, "spec"), "limits") {
                container_limit(limit);
            }
        }
        "priorityclasses" => fill(document, "preemptionPolicy", "PreemptLowerPriority"),
        _ => {}
    }
}

/// What is not said about containers follows from what is: the default limit from the most, the
/// default request from the default limit, else from the least.
fn container_limit(limit: &mut Value) {
    if text(limit, &["type"]) != "Container" {
        return;
    }
    for (from, to) in [
        ("max", "default"),
        ("default", "defaultRequest"),
        ("min", "defaultRequest"),
    ] {
        let amounts: Vec<(String, Value)> = members(limit, &[from])
            .map(|(name, amount)| (name.to_string(), amount.clone()))
            .collect();
        for (name, amount) in amounts {
            let default = member(object(limit, to), &name);
            if default.is_null() {
                *default = amount;
            }
        }
    }
}

pub(super) fn validate(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut findings = Findings::default();
    match resource.plural.as_str() {
        "nodes" => node(new, old, &mut findings),
        "leases" => lease(at(new, &["spec"]), &mut findings),
        "events" => event(resource, new, old, &mut findings),
        "priorityclasses" => priority_class(new, old, &mut findings),
        "runtimeclasses" => {
            let handler = text(new, &["handler"]);
            findings.invalid_text("handler", handler, dns_label(handler));
            if let Some(old) = old {
                findings.immutable("handler", at(new, &["handler"]), at(old, &["handler"]));
            }
        }
        "poddisruptionbudgets" => budget(at(new, &["spec"]), &mut findings),
        _ => {}
    }
    findings.finish()
}

/// The taints' effects, in the order in which texts name them.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// `ValidateNode`, `ValidateNodeUpdate`.
fn node(new: &Value, old: Option<&Value>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, taint) in list(new, &["spec", "taints"]).iter().enumerate() {
        let path = format!("spec.taints[{index}]");
        let (key, value) = (text(taint, &["key"]), text(taint, &["value"]));
        findings.invalid_text(format!("{path}.key"), key, label_key(key));
        let wrong = label_value(value);
        if !wrong.is_empty() {
            findings.invalid(format!("{path}.value"), value, wrong.join(";"));
        }
        let effect = text(taint, &["effect"]);
        findings.one_of(format!("{path}.effect"), effect, &EFFECTS);
        if !seen.insert((key, effect)) {
            let mut error = FieldError::duplicate(path, taint);
            error.detail = "taints must be unique by key and effect pair".to_string();
            findings.push(error);
        }
    }
    let Some(old) = old else { return };
    for field in ["podCIDR", "providerID"] {
        let (now, before) = (text(new, &["spec", field]), text(old, &["spec", field]));
        if !before.is_empty() && now != before {
            let why = format!("node updates may not change {field} except from \"\" to valid");
            findings.forbidden(format!("spec.{field}"), why);
        }
    }
}

/// `ValidateLeaseSpec`.
fn lease(spec: &Value, findings: &mut Findings) {
    if let Some(seconds) = number(spec, &["leaseDurationSeconds"]).filter(|seconds| *seconds <= 0) {
        findings.invalid(
            "spec.leaseDurationSeconds",
            seconds,
            "must be greater than 0",
        );
    }
    if let Some(count) = number(spec, &["leaseTransitions"]).filter(|count| *count < 0) {
        findings.invalid("spec.leaseTransitions", count, NOT_NEGATIVE);
    }
}

/// `legacyValidateEvent` and, in events.k8s.io, what is strict since then.
fn event(resource: &Resource, new: &Value, old: Option<&Value>, findings: &mut Findings) {
    let (about, reporter) = if resource.group.is_empty() {
        ("involvedObject", "reportingComponent")
    } else {
        ("regarding", "reportingController")
    };
    let namespace = text(new, &["metadata", "namespace"]);
    let theirs = text(new, &[about, "namespace"]);
    let agree = match theirs {
        "" => matches!(namespace, "" | "default"),
        theirs => theirs == namespace,
    };
    if !agree {
        let why = "does not match event.namespace";
        findings.invalid("involvedObject.namespace", theirs, why);
    }
    if !at(new, &["eventTime"]).is_null() {
        for field in [reporter, "reportingInstance", "action"] {
            if text(new, &[field]).is_empty() {
                findings.required(field);
            }
        }
    } else if !resource.group.is_empty() && old.is_none() {
        findings.required("eventTime");
    }
    if !resource.group.is_empty() && old.is_none() {
        if text(new, &["reason"]).is_empty() {
            findings.required("reason");
        }
        let kind = text(new, &["type"]);
        if !matches!(kind, "Normal" | "Warning") {
            findings.invalid("type", "", format!("has invalid value: {kind}"));
        }
    }
}

/// The most that people can give, and what the system has for itself.
const MOST_PRIORITY: i64 = 1_000_000_000;
const SYSTEM_CLASSES: [(&str, i64); 2] = [
    ("system-node-critical", 2_000_001_000),
    ("system-cluster-critical", 2_000_000_000),
];

/// `ValidatePriorityClass`, `ValidatePriorityClassUpdate`.
fn priority_class(new: &Value, old: Option<&Value>, findings: &mut Findings) {
    if let Some(old) = old {
        if number(new, &["value"]) != number(old, &["value"]) {
            findings.forbidden("value", "may not be changed in an update.");
        }
        let policy = "preemptionPolicy";
        findings.immutable(policy, at(new, &[policy]), at(old, &[policy]));
        return;
    }
    let name = text(new, &["metadata", "name"]);
    let value = number(new, &["value"]).unwrap_or_default();
    if name.starts_with("system-") {
        let known = SYSTEM_CLASSES.iter().find(|(known, _)| *known == name);
        let why = match known {
            None => Some(format!("{name} is not a known system priority class")),
            Some((_, right)) if *right != value => {
                Some(format!("value of {name} PriorityClass must be {right}"))
            }
            Some(_) if super::document::flag(new, &["globalDefault"]) => Some(format!(
                "globalDefault of {name} PriorityClass must be false"
            )),
            Some(_) => None,
        };
        if let Some(why) = why {
            let reserved = "priority class names with 'system-' prefix are reserved for system \
                            use only. error: ";
            findings.forbidden("metadata.name", format!("{reserved}{why}"));
        }
    } else if value > MOST_PRIORITY {
        let why = format!("maximum allowed value of a user defined priority is {MOST_PRIORITY}");
        findings.forbidden("value", why);
    }
    let policies = ["Never", "PreemptLowerPriority"];
    findings.one_of(
        "preemptionPolicy",
        text(new, &["preemptionPolicy"]),
        &policies,
    );
}

/// `ValidatePodDisruptionBudgetSpec`.
fn budget(spec: &Value, findings: &mut Findings) {
    let (least, most) = (at(spec, &["minAvailable"]), at(spec, &["maxUnavailable"]));
    if !least.is_null() && !most.is_null() {
        let why = "minAvailable and maxUnavailable cannot be both set";
        findings.invalid("spec", spec.clone(), why);
    }
    for (field, given) in [("spec.minAvailable", least), ("spec.maxUnavailable", most)] {
        amount(given, field, findings);
        at_most_all(given, field, findings);
    }
    validate_selector(at(spec, &["selector"]), "spec.selector", findings);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    let policy = text(spec, &["unhealthyPodEvictionPolicy"]);
    if !policy.is_empty() && !policies.contains(&policy) {
        findings.not_supported("spec.unhealthyPodEvictionPolicy", policy, &policies);
    }
}

#[cfg(test)]
mod tests {
    use super::{default, validate};
    use crate::resource::Resources;
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(name: (&str, &str), mut new: Value, old: Option<Value>, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources.find(name.0, "v1", name.1).unwrap();
        default(resource, &mut new);
        let errors = validate(resource, &new, old.as_ref());
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{new}");
    }

    #[test]
    fn leases_last_some_time() {
        let leases = ("coordination.k8s.io", "leases");
        check(
            leases,
            json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}}),
            None,
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        );
    }

    #[test]
    fn priorities_are_bounded_and_stay() {
        let classes = ("scheduling.k8s.io", "priorityclasses");
        let class = |name: &str, value: i64| {
            let policy = "PreemptLowerPriority";
            json!({"metadata": {"name": name}, "value": value, "preemptionPolicy": policy})
        };
        check(classes, class("a", 1000), None, &[]);
        check(
            classes,
            class("a", 2_000_000_000),
            None,
            &["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
        );
        check(
            classes,
            class("system-x", 1),
            None,
            &[
                "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for \
             system use only. error: system-x is not a known system priority class",
            ],
        );
        check(
            classes,
            class("a", 2000),
            Some(class("a", 1000)),
            &["value: Forbidden: may not be changed in an update."],
        );
    }

    #[test]
    fn handlers_are_labels_and_stay() {
        let classes = ("node.k8s.io", "runtimeclasses");
        check(
            classes,
            json!({"handler": "kata"}),
            Some(json!({"handler": "runc"})),
            &["handler: Invalid value: \"kata\": field is immutable"],
        );
    }

    #[test]
    fn an_event_is_where_its_object_is() {
        let event = json!({
            "metadata": {"namespace": "n"}, "involvedObject": {"namespace": "default"},
        });
        check(
            ("", "events"),
            event,
            None,
            &[
                "involvedObject.namespace: Invalid value: \"default\": does not match event.namespace",
            ],
        );
        let event = json!({"metadata": {"namespace": "n"}, "involvedObject": {"namespace": "n"}});
        check(("", "events"), event, None, &[]);
    }

    #[test]
    fn container_limits_are_filled_in() {
        let resources = Resources::built_in();
        let mut range = json!({"spec": {"limits": [
            {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}, {"type": "Pod"},
        ]}});
        default(resources.find("", "v1", "limitranges").unwrap(), &mut range);
        assert_eq!(
            range["spec"]["limits"],
            json!([
                {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"},
                    "default": {"cpu": "2"}, "defaultRequest": {"cpu": "2", "memory": "1Mi"}},
                {"type": "Pod"},
            ])
        );
    }
}
