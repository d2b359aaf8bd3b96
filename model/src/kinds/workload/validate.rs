//! The validation of workloads (`pkg/apis/apps/validation/validation.go`,
//! `ValidateReplicationControllerSpec` and `ValidatePodTemplateSpec` in
//! `pkg/apis/core/validation/validation.go`).

use super::{cron_job, job, sets, status};
use crate::{
    kinds::{
        document::{at, list, number, put, text},
        findings::Findings,
        formats::percent,
        labels,
        pod::validate::{Holder, spec as pod_spec},
    },
    resource::Resource,
    status::FieldError,
};
use alloc::{format, vec::Vec};
use serde_json::{Value, json};

pub(in crate::kinds) fn validate(resource: &Resource, workload: &Value) -> Vec<FieldError> {
    let mut findings = Findings::default();
    if resource.plural == "cronjobs" {
        cron_job::validate(workload, &mut findings);
        cron_job::name_length(workload, &mut findings);
    } else {
        check(resource, workload, &mut findings);
    }
    findings.finish()
}

/// What holds at creation and after an update.
fn check(resource: &Resource, workload: &Value, findings: &mut Findings) {
    let spec = at(workload, &["spec"]);
    match resource.plural.as_str() {
        "deployments" => deployment(spec, findings),
        "replicasets" => replica_set(spec, findings),
        "replicationcontrollers" => replication_controller(spec, findings),
        "statefulsets" => sets::stateful_set(spec, findings),
        "daemonsets" => sets::daemon_set(spec, findings),
        "jobs" => job::validate(workload, findings),
        "cronjobs" => cron_job::validate(workload, findings),
        "podtemplates" => template(at(workload, &["template"]), "template", findings),
        "controllerrevisions" => {
            if at(workload, &["data"]).is_null() {
                findings.required_because("data", "data is mandatory");
            }
            findings.not_negative("revision", number(workload, &["revision"]));
        }
        _ => {}
    }
}

pub(in crate::kinds) fn validate_update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    let mut findings = Findings::default();
    if subresource == Some("status") {
        status::validate(resource, new, old, &mut findings);
        return findings.finish();
    }
    check(resource, new, &mut findings);
    let selector = ["spec", "selector"];
    let selectors = (at(new, &selector), at(old, &selector));
    match resource.plural.as_str() {
        "deployments" | "replicasets" => {
            findings.immutable("spec.selector", selectors.0, selectors.1);
        }
        "daemonsets" => {
            // Upstream validates the spec once for itself and once as a part of the update.
            check(resource, new, &mut findings);
            findings.immutable("spec.selector", selectors.0, selectors.1);
        }
        "statefulsets" => sets::stateful_set_update(new, old, &mut findings),
        "jobs" => job::validate_update(new, old, &mut findings),
        "controllerrevisions" => {
            findings.immutable("data", at(new, &["data"]), at(old, &["data"]));
        }
        _ => {}
    }
    findings.finish()
}

/// A selector that must select something.
pub(super) fn selector(spec: &Value, kind: &str, findings: &mut Findings) {
    let selector = at(spec, &["selector"]);
    if selector.is_null() {
        findings.required("spec.selector");
        return;
    }
    labels::validate_selector(selector, "spec.selector", findings);
    if labels::is_empty(selector) {
        let why = format!("empty selector is invalid for {kind}");
        findings.invalid("spec.selector", selector.clone(), why);
    }
}

/// The template's labels are what the selector asks for.
pub(super) fn selected(selector: &Value, spec: &Value, findings: &mut Findings) {
    let template_labels = at(spec, &["template", "metadata", "labels"]);
    let wanted = selector.is_null() || !labels::is_empty(selector);
    if wanted && labels::matches(selector, template_labels) == Some(false) {
        let shown = if template_labels.is_null() {
            json!(null)
        } else {
            template_labels.clone()
        };
        let why = "`selector` does not match template `labels`";
        findings.invalid("spec.template.metadata.labels", shown, why);
    }
}

/// `ValidatePodTemplateSpec`.
pub(super) fn template(template: &Value, path: &str, findings: &mut Findings) {
    let template_labels = at(template, &["metadata", "labels"]);
    labels::validate(template_labels, &format!("{path}.labels"), findings);
    let spec = at(template, &["spec"]);
    pod_spec(spec, &format!("{path}.spec"), Holder::Template, findings);
    if !list(spec, &["ephemeralContainers"]).is_empty() {
        let why = "ephemeral containers not allowed in pod template";
        findings.forbidden(format!("{path}.spec.ephemeralContainers"), why);
    }
}

/// Pods that are replaced when they end: they restart always and have no deadline.
pub(super) fn runs_forever(spec: &Value, kind: &str, findings: &mut Findings) {
    let pod = at(spec, &["template", "spec"]);
    let policy = text(pod, &["restartPolicy"]);
    if policy != "Always" {
        findings.not_supported("spec.template.spec.restartPolicy", policy, &["Always"]);
    }
    if !at(pod, &["activeDeadlineSeconds"]).is_null() {
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        findings.forbidden("spec.template.spec.activeDeadlineSeconds", why);
    }
}

fn deployment(spec: &Value, findings: &mut Findings) {
    findings.not_negative("spec.replicas", number(spec, &["replicas"]));
    selector(spec, "deployment", findings);
    selected(at(spec, &["selector"]), spec, findings);
    template(at(spec, &["template"]), "spec.template", findings);
    runs_forever(spec, "ReplicaSet", findings);
    deployment_strategy(at(spec, &["strategy"]), findings);
    let ready = number(spec, &["minReadySeconds"]);
    findings.not_negative("spec.minReadySeconds", ready);
    let revisions = number(spec, &["revisionHistoryLimit"]);
    findings.not_negative("spec.revisionHistoryLimit", revisions);
    if let Some(deadline) = number(spec, &["progressDeadlineSeconds"]) {
        findings.not_negative("spec.progressDeadlineSeconds", Some(deadline));
        if deadline <= ready.unwrap_or_default() {
            let why = "must be greater than minReadySeconds";
            findings.invalid("spec.progressDeadlineSeconds", deadline, why);
        }
    }
}

fn deployment_strategy(strategy: &Value, findings: &mut Findings) {
    let rolling = at(strategy, &["rollingUpdate"]);
    match text(strategy, &["type"]) {
        "Recreate" => {
            if !rolling.is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                findings.forbidden("spec.strategy.rollingUpdate", why);
            }
        }
        "RollingUpdate" => {
            let path = "spec.strategy.rollingUpdate";
            let (unavailable, surge) =
                (at(rolling, &["maxUnavailable"]), at(rolling, &["maxSurge"]));
            amount(unavailable, &format!("{path}.maxUnavailable"), findings);
            amount(surge, &format!("{path}.maxSurge"), findings);
            if value(unavailable) == 0 && value(surge) == 0 {
                let why = "may not be 0 when `maxSurge` is 0";
                let shown = if unavailable.is_null() {
                    json!(0)
                } else {
                    unavailable.clone()
                };
                findings.invalid(format!("{path}.maxUnavailable"), shown, why);
            }
            at_most_all(unavailable, &format!("{path}.maxUnavailable"), findings);
        }
        _ => unknown_strategy(
            "spec.strategy",
            strategy,
            &["Recreate", "RollingUpdate"],
            findings,
        ),
    }
}

/// The value shown is the internal Go type.
pub(super) fn unknown_strategy(
    field: &str,
    strategy: &Value,
    known: &[&str],
    findings: &mut Findings,
) {
    let shown =
        json!({"Type": at(strategy, &["type"]), "RollingUpdate": at(strategy, &["rollingUpdate"])});
    findings.not_supported(field, shown, known);
}

/// `ValidatePositiveIntOrPercent`.
pub(in crate::kinds) fn amount(amount: &Value, field: &str, findings: &mut Findings) {
    match amount.as_str() {
        Some(text) => findings.invalid_text(field, text, percent(text)),
        None => findings.not_negative(field, amount.as_i64()),
    }
}

/// The number in a number or percentage.
pub(super) fn value(amount: &Value) -> i64 {
    let text = amount
        .as_str()
        .map(|text| text.strip_suffix('%').unwrap_or(text));
    match text {
        Some(text) => text.parse().unwrap_or_default(),
        None => amount.as_i64().unwrap_or_default(),
    }
}

/// `IsNotMoreThan100Percent`.
pub(in crate::kinds) fn at_most_all(amount: &Value, field: &str, findings: &mut Findings) {
    if amount.as_str().is_some_and(|text| text.ends_with('%')) && value(amount) > 100 {
        findings.invalid(field, amount.clone(), "must not be greater than 100%");
    }
}

fn replica_set(spec: &Value, findings: &mut Findings) {
    findings.not_negative("spec.replicas", number(spec, &["replicas"]));
    findings.not_negative("spec.minReadySeconds", number(spec, &["minReadySeconds"]));
    selector(spec, "deployment", findings);
    selected(at(spec, &["selector"]), spec, findings);
    template(at(spec, &["template"]), "spec.template", findings);
    runs_forever(spec, "ReplicaSet", findings);
}

fn replication_controller(spec: &Value, findings: &mut Findings) {
    findings.not_negative("spec.minReadySeconds", number(spec, &["minReadySeconds"]));
    let selector = at(spec, &["selector"]);
    if !crate::kinds::document::is_set(selector) {
        findings.required("spec.selector");
    }
    findings.not_negative("spec.replicas", number(spec, &["replicas"]));
    if at(spec, &["template"]).is_null() {
        findings.required("spec.template");
        return;
    }
    let mut as_selector = json!({});
    put(&mut as_selector, "matchLabels", selector.clone());
    selected(&as_selector, spec, findings);
    template(at(spec, &["template"]), "spec.template", findings);
    runs_forever(spec, "ReplicationController", findings);
}

#[cfg(test)]
mod tests {
    use super::{validate, validate_update};
    use crate::resource::{Resource, Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn resource(group: &str, plural: &str) -> Resource {
        Resource::clone(Resources::built_in().find(group, "v1", plural).unwrap())
    }

    /// A valid workload with `change` made to its spec.
    fn workload(resource: &Resource, change: &Value) -> Value {
        let mut spec = json!({
            "selector": {"matchLabels": {"app": "x"}},
            "template": {
                "metadata": {"labels": {"app": "x"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        });
        crate::kinds::document::merge(&mut spec, change);
        let mut workload = json!({"metadata": {"name": "x", "uid": "u"}, "spec": spec});
        crate::kinds::default(resource, &mut workload);
        workload
    }

    fn check(group: &str, plural: &str, change: &Value, expected: &[&str]) {
        let resource = resource(group, plural);
        let errors = validate(&resource, &workload(&resource, change));
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{plural} {change}");
    }

    fn check_update(group: &str, plural: &str, change: &Value, expected: &[&str]) {
        let resource = resource(group, plural);
        let old = workload(&resource, &json!({}));
        let errors = validate_update(&resource, None, &workload(&resource, change), &old);
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{plural} {change}");
    }

    const MISMATCH: &str = "spec.template.metadata.labels: Invalid value: {\"app\":\"x\"}: `selector` \
        does not match template `labels`";

    #[test]
    fn selectors_match_their_templates() {
        let other = json!({"selector": {"matchLabels": {"app": "y"}}});
        for plural in ["deployments", "replicasets", "statefulsets", "daemonsets"] {
            check("apps", plural, &json!({}), &[]);
            check("apps", plural, &other, &[MISMATCH]);
        }
        check(
            "apps",
            "deployments",
            &json!({"selector": null}),
            &["spec.selector: Required value", MISMATCH],
        );
        let plain = json!({"selector": {"matchLabels": null, "a": "b"}});
        check("", "replicationcontrollers", &plain, &[MISMATCH]);
        check(
            "",
            "replicationcontrollers",
            &json!({"selector": {"matchLabels": null, "a": "b"}, "template": null}),
            &["spec.template: Required value"],
        );
    }

    #[test]
    fn deployments_are_validated() {
        let check =
            |change: Value, expected: &[&str]| check("apps", "deployments", &change, expected);
        check(
            json!({"replicas": -1}),
            &["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
        );
        check(
            json!({"template": {"spec": {"restartPolicy": "Never"}}}),
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \
             \"Always\"",
            ],
        );
        check(
            json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is \
             'Recreate'",
            ],
        );
        check(
            json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}}),
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when \
             `maxSurge` is 0",
            ],
        );
        check(
            json!({"strategy": {"rollingUpdate": {"maxUnavailable": "x%"}}}),
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"x%\": a valid percent \
             string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', \
             regex used for validation is '[0-9]+%')",
            ],
        );
        check(
            json!({"progressDeadlineSeconds": 5, "minReadySeconds": 10}),
            &[
                "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
            ],
        );
        check(
            json!({"template": {"spec": {"containers": [{"name": "c"}]}}}),
            &["spec.template.spec.containers[0].image: Required value"],
        );
    }

    #[test]
    fn stateful_and_daemon_sets_are_validated() {
        check(
            "apps",
            "statefulsets",
            &json!({"podManagementPolicy": "Random"}),
            &[
                "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or \
             'Parallel'",
            ],
        );
        let mounted = json!({
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "template": {"spec": {"containers": [{"name": "c", "image": "i",
                "volumeMounts": [{"name": "data", "mountPath": "/d"}]}]}},
        });
        check("apps", "statefulsets", &mounted, &[]);
        check(
            "apps",
            "daemonsets",
            &json!({"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0}}}),
            &[
                "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when \
             maxSurge is 0",
            ],
        );
        check(
            "apps",
            "daemonsets",
            &json!({"updateStrategy": {"type": "Magic"}}),
            &[
                "spec.updateStrategy: Unsupported value: {\"RollingUpdate\":null,\"Type\":\"Magic\"}: \
             supported values: \"RollingUpdate\", \"OnDelete\"",
            ],
        );
    }

    #[test]
    fn some_fields_stay_what_they_were() {
        let selector = json!({"selector": {"matchLabels": {"app": "e"}}});
        check_update(
            "apps",
            "deployments",
            &selector,
            &[
                MISMATCH,
                "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"e\"}}: field is immutable",
            ],
        );
        check_update(
            "apps",
            "statefulsets",
            &json!({"replicas": 3, "minReadySeconds": 1}),
            &[],
        );
        check_update(
            "apps",
            "statefulsets",
            &json!({"serviceName": "other"}),
            &[
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', \
             'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', \
             'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
            ],
        );
    }
}
