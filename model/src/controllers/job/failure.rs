//! Pods that failed: what the policy says about them, and how long to wait before the next try.

use super::super::workload::{Pod, later, time_at};
use crate::{
    ambient::Time,
    kinds::document::{at, list, number, text, texts},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// The delay after the first failure, in seconds; it doubles with each (`DefaultJobPodFailureBackOff`).
const FIRST_DELAY: i64 = 10;
/// The longest (`MaxJobPodFailureBackOff`).
const LONGEST_DELAY: i64 = 600;

/// What a failed pod means for its Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts towards the limit.
    Count,
    /// It does not.
    Ignore,
    /// The Job has failed, because of this.
    FailJob(String),
}

/// Asks the Job's `podFailurePolicy` about a pod (`matchPodFailurePolicy`).
pub(super) fn verdict(policy: &Value, pod: &Pod<'_>) -> Verdict {
    let rules = list(policy, &["rules"]);
    if rules.is_empty() || pod.phase() != "Failed" {
        return Verdict::Count;
    }
    let document = pod.object.json();
    let meta = pod.object.meta();
    let who = format!("{}/{}", meta.namespace, meta.name);
    for (index, rule) in rules.iter().enumerate() {
        let action = text(rule, &["action"]);
        let why = if at(rule, &["onExitCodes"]).is_null() {
            let found = by_condition(rule, &document);
            found.map(|kind| format!("Pod {who} has condition {kind}"))
        } else {
            let found = by_exit_code(at(rule, &["onExitCodes"]), &document);
            found.map(|(container, code)| {
                format!("Container {container} for pod {who} failed with exit code {code}")
            })
        };
        let Some(why) = why else { continue };
        return match action {
            "Ignore" => Verdict::Ignore,
            "FailJob" => Verdict::FailJob(format!("{why} matching {action} rule at index {index}")),
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn by_condition(rule: &Value, pod: &Value) -> Option<String> {
    let conditions = list(pod, &["status", "conditions"]);
    let matches = |pattern: &&Value| {
        conditions.iter().any(|condition| {
            ["type", "status"]
                .iter()
                .all(|field| at(condition, &[field]) == at(pattern, &[field]))
        })
    };
    let mut patterns = list(rule, &["onPodConditions"]).iter();
    let found = patterns.find(matches)?;
    Some(text(found, &["type"]).to_string())
}

fn by_exit_code(requirement: &Value, pod: &Value) -> Option<(String, i64)> {
    let container = text(requirement, &["containerName"]);
    let values = list(requirement, &["values"]);
    let listed = text(requirement, &["operator"]) == "In";
    ["containerStatuses", "initContainerStatuses"]
        .iter()
        .flat_map(|field| list(pod, &["status", field]))
        .filter(|status| container.is_empty() || text(status, &["name"]) == container)
        .find_map(|status| {
            let code = number(status, &["state", "terminated", "exitCode"])?;
            let contained = values.iter().any(|value| value.as_i64() == Some(code));
            let matches = code != 0 && contained == listed;
            matches.then(|| (text(status, &["name"]).to_string(), code))
        })
}

/// Until when no new pod is made: 10 s after the last failure, doubled for each other failure since
/// the last success (`getRemainingTime`).
pub(super) fn back_off(pods: &[Pod<'_>]) -> Option<Time> {
    let ends = |phase: &str| -> Vec<Time> {
        let ended = pods.iter().filter(|pod| pod.phase() == phase);
        ended.filter_map(end).collect()
    };
    let success = ends("Succeeded").into_iter().max();
    let mut failures = ends("Failed");
    failures.retain(|time| Some(*time) > success);
    let last = failures.iter().max()?;
    let doublings = u32::try_from(failures.len() - 1).unwrap_or_default().min(6);
    Some(later(*last, (FIRST_DELAY << doublings).min(LONGEST_DELAY)))
}

/// When a pod came to its end: the last of its containers, or else when it stopped to be ready
/// (`getFinishTime`).
fn end(pod: &Pod<'_>) -> Option<Time> {
    let document = pod.object.json();
    let statuses = list(&document, &["status", "containerStatuses"]).iter();
    let ends = statuses.filter_map(|one| time_at(one, &["state", "terminated", "finishedAt"]));
    ends.max().or_else(|| pod.ready_changed())
}

/// How often the containers of those that run were restarted: they count for pods whose containers
/// are (`pastBackoffLimitOnFailure`).
pub(super) fn restarts_exceed(job: &Value, pods: &[Pod<'_>], limit: i64) -> bool {
    if text(job, &["spec", "template", "spec", "restartPolicy"]) != "OnFailure" {
        return false;
    }
    let running = pods.iter().filter(|pod| !pod.finished());
    let restarts: i64 = running.map(Pod::all_restarts).sum();
    restarts > 0 && restarts >= limit
}

/// The container names that an environment variable has to be put into.
pub(super) fn has_variable(container: &Value, name: &str) -> bool {
    let named = |one: &Value| text(one, &["name"]) == name;
    list(container, &["env"]).iter().any(named)
}

/// The uids in a list of the status.
pub(super) fn uids<'a>(status: &'a Value, field: &str) -> Vec<&'a str> {
    texts(status, &["uncountedTerminatedPods", field])
}
