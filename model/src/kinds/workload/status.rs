//! The status of workloads: what controllers may write.

use crate::{
    kinds::{
        document::{list, number, text},
        findings::Findings,
    },
    resource::Resource,
    status::FieldErrorKind,
};
use alloc::format;
use serde_json::Value;

/// The numbers in a status that must not be negative, and those of them that count replicas.
struct Numbers {
    all: &'static [&'static str],
    replicas: &'static [&'static str],
}

const DEPLOYMENT: Numbers = Numbers {
    all: &[
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ],
    replicas: &["updatedReplicas", "readyReplicas", "availableReplicas"],
};
const REPLICA_SET: Numbers = Numbers {
    all: &[
        "replicas",
        "fullyLabeledReplicas",
        "readyReplicas",
        "availableReplicas",
        "observedGeneration",
    ],
    replicas: &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
};
const STATEFUL_SET: Numbers = Numbers {
    all: &[
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ],
    replicas: &[
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ],
};
const DAEMON_SET: Numbers = Numbers {
    all: &[
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    ],
    replicas: &[],
};
const JOB: Numbers = Numbers {
    all: &["active", "succeeded", "failed"],
    replicas: &[],
};

pub(super) fn validate(resource: &Resource, new: &Value, old: &Value, findings: &mut Findings) {
    let (numbers, ready) = match resource.plural.as_str() {
        "deployments" => (DEPLOYMENT, "readyReplicas"),
        "replicasets" | "replicationcontrollers" => (REPLICA_SET, "readyReplicas"),
        "statefulsets" => (STATEFUL_SET, "status.readyReplicas"),
        "daemonsets" => (DAEMON_SET, ""),
        "jobs" => (JOB, ""),
        _ => return,
    };
    counts(new, numbers.all, findings);
    at_most_replicas(new, numbers.replicas, findings);
    available_are_ready(new, ready, findings);
    not_decremented(new, old, findings);
    if resource.plural == "jobs" {
        finished_stays_finished(new, old, findings);
    }
}

fn count(object: &Value, field: &str) -> i64 {
    number(object, &["status", field]).unwrap_or_default()
}

fn counts(new: &Value, fields: &[&str], findings: &mut Findings) {
    for field in fields {
        findings.not_negative(format!("status.{field}"), number(new, &["status", field]));
    }
}

fn at_most_replicas(new: &Value, fields: &[&str], findings: &mut Findings) {
    for field in fields {
        if count(new, field) > count(new, "replicas") {
            let why = "cannot be greater than status.replicas";
            findings.invalid(format!("status.{field}"), count(new, field), why);
        }
    }
}

fn available_are_ready(new: &Value, name: &str, findings: &mut Findings) {
    if count(new, "availableReplicas") > count(new, "readyReplicas") {
        let why = format!("cannot be greater than {name}");
        findings.invalid(
            "status.availableReplicas",
            count(new, "availableReplicas"),
            why,
        );
    }
}

fn not_decremented(new: &Value, old: &Value, findings: &mut Findings) {
    let field = "collisionCount";
    if count(new, field) < count(old, field) {
        let why = "cannot be decremented";
        findings.invalid("status.collisionCount", count(new, field), why);
    }
}

/// A condition that ends a Job never goes away (`ValidateJobUpdateStatus`).
fn finished_stays_finished(new: &Value, old: &Value, findings: &mut Findings) {
    let holds = |job: &Value, kind: &str| {
        let mut conditions = list(job, &["status", "conditions"]).iter();
        conditions.any(|one| text(one, &["type"]) == kind && text(one, &["status"]) == "True")
    };
    for kind in ["Failed", "Complete", "FailureTarget", "SuccessCriteriaMet"] {
        if holds(old, kind) && !holds(new, kind) {
            let why = format!("cannot disable the terminal {kind} condition");
            findings.without_value(FieldErrorKind::Invalid, "status.conditions", why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::validate;
    use crate::{kinds::findings::Findings, resource::Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(group: &str, plural: &str, old: &Value, new: &Value, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources.find(group, "v1", plural).unwrap();
        let mut findings = Findings::default();
        validate(
            resource,
            &json!({"status": new}),
            &json!({"status": old}),
            &mut findings,
        );
        let errors = findings.finish();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn there_are_no_more_of_a_sort_than_there_are() {
        check(
            "apps",
            "deployments",
            &json!({}),
            &json!({"replicas": -1}),
            &[
                "status.replicas: Invalid value: -1: must be greater than or equal to 0",
                "status.updatedReplicas: Invalid value: 0: cannot be greater than status.replicas",
                "status.readyReplicas: Invalid value: 0: cannot be greater than status.replicas",
                "status.availableReplicas: Invalid value: 0: cannot be greater than status.replicas",
            ],
        );
        check(
            "apps",
            "replicasets",
            &json!({}),
            &json!({"replicas": 3, "readyReplicas": 9}),
            &["status.readyReplicas: Invalid value: 9: cannot be greater than status.replicas"],
        );
    }

    #[test]
    fn a_finished_job_stays_finished() {
        let condition = |kind: &str| json!({"type": kind, "status": "True"});
        let complete =
            json!({"conditions": [condition("SuccessCriteriaMet"), condition("Complete")]});
        check("batch", "jobs", &complete, &complete, &[]);
        check(
            "batch",
            "jobs",
            &complete,
            &json!({"conditions": [condition("Failed")]}),
            &[
                "status.conditions: Invalid value: cannot disable the terminal Complete condition",
                "status.conditions: Invalid value: cannot disable the terminal SuccessCriteriaMet \
             condition",
            ],
        );
    }
}
