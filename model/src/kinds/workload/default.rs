//! The defaults of workloads.

use crate::{
    kinds::{
        document::{at, existing, fill, is_set, items, member, object, put, same, text},
        pod::default::template,
    },
    resource::Resource,
};
use alloc::string::ToString;
use serde_json::{Value, json};

pub(in crate::kinds) fn default(resource: &Resource, workload: &mut Value) {
    match resource.plural.as_str() {
        "podtemplates" => template(object(workload, "template")),
        "replicationcontrollers" => replication_controller(workload),
        "deployments" => deployment(workload),
        "replicasets" => {
            let spec = object(workload, "spec");
            number(spec, "replicas", 1);
            template(object(spec, "template"));
        }
        "statefulsets" => stateful_set(object(workload, "spec")),
        "daemonsets" => daemon_set(object(workload, "spec")),
        "jobs" => {
            job_spec(object(workload, "spec"), true);
            labels_of_template(workload);
        }
        "cronjobs" => cron_job(object(workload, "spec")),
        _ => {}
    }
}

/// Sets a number that Go can tell from unset.
fn number(holder: &mut Value, field: &str, default: i64) {
    let member = member(holder, field);
    if member.is_null() {
        *member = json!(default);
    }
}

/// Labels default to those of the template.
pub(in crate::kinds) fn labels_of_template(workload: &mut Value) {
    let labels = at(workload, &["spec", "template", "metadata", "labels"]).clone();
    if is_set(&labels) && !is_set(at(workload, &["metadata", "labels"])) {
        put(object(workload, "metadata"), "labels", labels);
    }
}

fn replication_controller(workload: &mut Value) {
    let spec = object(workload, "spec");
    number(spec, "replicas", 1);
    if let Some(found) = existing(spec, "template") {
        template(found);
        let labels = at(spec, &["template", "metadata", "labels"]).clone();
        if is_set(&labels) && !is_set(at(spec, &["selector"])) {
            put(spec, "selector", labels);
        }
    }
    labels_of_template(workload);
}

fn deployment(workload: &mut Value) {
    let spec = object(workload, "spec");
    number(spec, "replicas", 1);
    number(spec, "revisionHistoryLimit", 10);
    number(spec, "progressDeadlineSeconds", 600);
    let strategy = object(spec, "strategy");
    fill(strategy, "type", "RollingUpdate");
    if text(strategy, &["type"]) == "RollingUpdate" {
        let rolling = object(strategy, "rollingUpdate");
        fill(rolling, "maxUnavailable", "25%");
        fill(rolling, "maxSurge", "25%");
    }
    template(object(spec, "template"));
}

fn stateful_set(spec: &mut Value) {
    fill(spec, "podManagementPolicy", "OrderedReady");
    number(spec, "replicas", 1);
    number(spec, "revisionHistoryLimit", 10);
    let strategy = object(spec, "updateStrategy");
    fill(strategy, "type", "RollingUpdate");
    if text(strategy, &["type"]) == "RollingUpdate" {
        number(object(strategy, "rollingUpdate"), "partition", 0);
    }
    let retention = object(spec, "persistentVolumeClaimRetentionPolicy");
    fill(retention, "whenDeleted", "Retain");
    fill(retention, "whenScaled", "Retain");
    for claim in items(spec, "volumeClaimTemplates") {
        fill(claim, "apiVersion", "v1");
        fill(claim, "kind", "PersistentVolumeClaim");
        let claim_spec = object(claim, "spec");
        fill(claim_spec, "volumeMode", "Filesystem");
        object(claim_spec, "resources");
        fill(object(claim, "status"), "phase", "Pending");
    }
    template(object(spec, "template"));
}

fn daemon_set(spec: &mut Value) {
    number(spec, "revisionHistoryLimit", 10);
    let strategy = object(spec, "updateStrategy");
    fill(strategy, "type", "RollingUpdate");
    if text(strategy, &["type"]) == "RollingUpdate" {
        let rolling = object(strategy, "rollingUpdate");
        fill(rolling, "maxUnavailable", json!(1));
        fill(rolling, "maxSurge", json!(0));
    }
    template(object(spec, "template"));
}

/// The annotation in which apps/v1 keeps a DaemonSet's `templateGeneration`.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Counts the changes of a DaemonSet's template, whatever the client sent (`daemonset/strategy.go`,
/// `apps/v1/conversion.go`).
pub(in crate::kinds) fn count_templates(new: &mut Value, old: Option<&Value>) {
    let annotation = ["metadata", "annotations", TEMPLATE_GENERATION];
    let template = ["spec", "template"];
    let before: i64 = old.map_or(0, |old| text(old, &annotation).parse().unwrap_or_default());
    let changed = old.is_none_or(|old| !same(at(old, &template), at(new, &template)));
    let count = before.saturating_add(i64::from(changed)).to_string();
    let annotations = object(object(new, "metadata"), "annotations");
    *member(annotations, TEMPLATE_GENERATION) = json!(count);
}

/// The spec of a Job, or (`whole` is false) of the template in a CronJob, which gets the defaults
/// of its pods only.
fn job_spec(spec: &mut Value, whole: bool) {
    if whole {
        if at(spec, &["completions"]).is_null() && at(spec, &["parallelism"]).is_null() {
            put(spec, "completions", json!(1));
        }
        number(spec, "parallelism", 1);
        let limited = !at(spec, &["backoffLimitPerIndex"]).is_null();
        number(
            spec,
            "backoffLimit",
            if limited { i64::from(i32::MAX) } else { 6 },
        );
        fill(spec, "completionMode", "NonIndexed");
        let suspended = member(spec, "suspend");
        if suspended.is_null() {
            *suspended = json!(false);
        }
        let manual = member(spec, "manualSelector");
        if manual.is_null() {
            *manual = json!(false);
        }
        let replaced = if at(spec, &["podFailurePolicy"]).is_null() {
            "TerminatingOrFailed"
        } else {
            "Failed"
        };
        fill(spec, "podReplacementPolicy", replaced);
    }
    for rule in failure_rules(spec) {
        for pattern in items(rule, "onPodConditions") {
            fill(pattern, "status", "True");
        }
    }
    template(object(spec, "template"));
}

fn failure_rules(spec: &mut Value) -> &mut [Value] {
    match existing(spec, "podFailurePolicy") {
        Some(policy) => items(policy, "rules"),
        None => &mut [],
    }
}

fn cron_job(spec: &mut Value) {
    fill(spec, "concurrencyPolicy", "Allow");
    let suspended = member(spec, "suspend");
    if suspended.is_null() {
        *suspended = json!(false);
    }
    number(spec, "successfulJobsHistoryLimit", 3);
    number(spec, "failedJobsHistoryLimit", 1);
    let template = object(spec, "jobTemplate");
    object(template, "metadata");
    job_spec(object(template, "spec"), false);
}
