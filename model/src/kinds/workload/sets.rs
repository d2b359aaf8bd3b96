//! StatefulSets and DaemonSets (`ValidateStatefulSetSpec`, `ValidateDaemonSetSpec`).

use super::validate::{
    amount, at_most_all, runs_forever, selected, selector, template, unknown_strategy, value,
};
use crate::{
    kinds::{
        document::{at, copy, list, number, object, put, same, text},
        findings::Findings,
        labels,
    },
    status::FieldErrorKind,
};
use alloc::{format, string::String, vec::Vec};
use serde_json::{Value, json};

pub(super) fn stateful_set(spec: &Value, findings: &mut Findings) {
    match text(spec, &["podManagementPolicy"]) {
        "" => findings.required("spec.podManagementPolicy"),
        "OrderedReady" | "Parallel" => {}
        other => {
            let why = "must be 'OrderedReady' or 'Parallel'";
            findings.invalid("spec.podManagementPolicy", other, why);
        }
    }
    stateful_set_strategy(at(spec, &["updateStrategy"]), findings);
    findings.not_negative("spec.replicas", number(spec, &["replicas"]));
    findings.not_negative("spec.minReadySeconds", number(spec, &["minReadySeconds"]));
    findings.not_negative("spec.ordinals.start", number(spec, &["ordinals", "start"]));
    selector(spec, "statefulset", findings);
    selected(at(spec, &["selector"]), spec, findings);
    template(&with_claims(spec), "spec.template", findings);
    runs_forever(spec, "StatefulSet", findings);
}

/// The template with a volume for each claim that the set makes, as its pods will have it.
fn with_claims(spec: &Value) -> Value {
    let mut template = at(spec, &["template"]).clone();
    let mut volumes = list(&template, &["spec", "volumes"]).to_vec();
    for claim in list(spec, &["volumeClaimTemplates"]) {
        let name = at(claim, &["metadata", "name"]);
        if !volumes.iter().any(|volume| at(volume, &["name"]) == name) {
            volumes.push(json!({"name": name, "emptyDir": {}}));
        }
    }
    put(object(&mut template, "spec"), "volumes", json!(volumes));
    template
}

fn stateful_set_strategy(strategy: &Value, findings: &mut Findings) {
    let rolling = at(strategy, &["rollingUpdate"]);
    match text(strategy, &["type"]) {
        "" => findings.required("spec.updateStrategy"),
        "OnDelete" => {
            if !rolling.is_null() {
                let shown = json!({
                    "Partition": at(rolling, &["partition"]),
                    "MaxUnavailable": at(rolling, &["maxUnavailable"]),
                });
                let why = "only allowed for updateStrategy 'RollingUpdate'";
                findings.invalid("spec.updateStrategy.rollingUpdate", shown, why);
            }
        }
        "RollingUpdate" => {
            let path = "spec.updateStrategy.rollingUpdate";
            findings.not_negative(format!("{path}.partition"), number(rolling, &["partition"]));
            let unavailable = at(rolling, &["maxUnavailable"]);
            if !unavailable.is_null() {
                let field = format!("{path}.maxUnavailable");
                amount(unavailable, &field, findings);
                if value(unavailable) == 0 {
                    findings.invalid(field.clone(), unavailable.clone(), "cannot be 0");
                }
                at_most_all(unavailable, &field, findings);
            }
        }
        _ => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            findings.invalid("spec.updateStrategy", strategy.clone(), why);
        }
    }
}

/// The fields of a StatefulSet that may change, in the order of the text.
const STATEFUL_SET_CHANGES: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(super) fn stateful_set_update(new: &Value, old: &Value, findings: &mut Findings) {
    let (mut now, before) = (at(new, &["spec"]).clone(), at(old, &["spec"]));
    for field in STATEFUL_SET_CHANGES {
        copy(before, &mut now, field);
    }
    if !same(&now, before) {
        let quoted: Vec<String> = STATEFUL_SET_CHANGES
            .iter()
            .map(|field| format!("'{field}'"))
            .collect();
        let (last, first) = quoted
            .split_last()
            .map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
        let why = format!(
            "updates to statefulset spec for fields other than {} and {last} are forbidden",
            first.join(", ")
        );
        findings.without_value(FieldErrorKind::Forbidden, "spec", why);
    }
}

pub(super) fn daemon_set(spec: &Value, findings: &mut Findings) {
    let asked = at(spec, &["selector"]);
    if asked.is_null() {
        findings.required("spec.selector");
    } else {
        labels::validate_selector(asked, "spec.selector", findings);
    }
    selected(asked, spec, findings);
    if !asked.is_null() && labels::is_empty(asked) {
        let why = "empty selector is invalid for daemonset";
        findings.invalid("spec.selector", asked.clone(), why);
    }
    template(at(spec, &["template"]), "spec.template", findings);
    runs_forever(spec, "DaemonSet", findings);
    findings.not_negative("spec.minReadySeconds", number(spec, &["minReadySeconds"]));
    daemon_set_strategy(at(spec, &["updateStrategy"]), findings);
    let revisions = number(spec, &["revisionHistoryLimit"]);
    findings.not_negative("spec.revisionHistoryLimit", revisions);
}

fn daemon_set_strategy(strategy: &Value, findings: &mut Findings) {
    let rolling = at(strategy, &["rollingUpdate"]);
    match text(strategy, &["type"]) {
        "OnDelete" => {}
        "RollingUpdate" if rolling.is_null() => {
            findings.required("spec.updateStrategy.rollingUpdate");
        }
        "RollingUpdate" => {
            let path = "spec.updateStrategy.rollingUpdate";
            let (unavailable, surge) =
                (at(rolling, &["maxUnavailable"]), at(rolling, &["maxSurge"]));
            for (field, given) in [("maxUnavailable", unavailable), ("maxSurge", surge)] {
                amount(given, &format!("{path}.{field}"), findings);
                at_most_all(given, &format!("{path}.{field}"), findings);
            }
            match (value(unavailable) != 0, value(surge) != 0) {
                (true, true) => {
                    let why = "may not be set when maxUnavailable is non-zero";
                    findings.invalid(format!("{path}.maxSurge"), surge.clone(), why);
                }
                (false, false) => {
                    let why = "cannot be 0 when maxSurge is 0";
                    findings.required_because(format!("{path}.maxUnavailable"), why);
                }
                _ => {}
            }
        }
        _ => {
            let known = ["RollingUpdate", "OnDelete"];
            unknown_strategy("spec.updateStrategy", strategy, &known, findings);
        }
    }
}
