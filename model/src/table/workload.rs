//! What runs pods: deployments, replica sets, stateful sets, daemon sets, jobs, cron jobs.

use super::{age, cells::Printer, labels, read, text};
use crate::ambient::Time;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

pub(super) fn printer(plural: &str) -> Option<Printer> {
    Some(match plural {
        "controllerrevisions" => controller_revision,
        "cronjobs" => cron_job,
        "daemonsets" => daemon_set,
        "deployments" => deployment,
        "jobs" => job,
        "replicasets" => replica_set,
        "statefulsets" => stateful_set,
        _ => return None,
    })
}

/// Name, ready of desired, updated, available, age; wide: containers, images, selector.
fn deployment(object: &Value, now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/template");
    let selector = labels::requirements(read::present(object, "/spec/selector"));
    [
        read::name(object),
        ready_of_desired(object),
        read::integer(object, "/status/updatedReplicas").into(),
        read::integer(object, "/status/availableReplicas").into(),
        age::age(object, now),
        containers,
        images,
        text(selector.unwrap_or_else(|| "<invalid>".into())),
    ]
    .into()
}

fn replica_set(object: &Value, now: Time) -> Vec<Value> {
    replicas(
        object,
        now,
        labels::selector(read::present(object, "/spec/selector")),
    )
}

/// As replica sets, but the selector is a plain map of labels.
pub(super) fn replication_controller(object: &Value, now: Time) -> Vec<Value> {
    replicas(
        object,
        now,
        labels::labels(read::present(object, "/spec/selector")),
    )
}

fn replicas(object: &Value, now: Time, selector: String) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/template");
    [
        read::name(object),
        read::integer(object, "/spec/replicas").into(),
        read::integer(object, "/status/replicas").into(),
        read::integer(object, "/status/readyReplicas").into(),
        age::age(object, now),
        containers,
        images,
        text(selector),
    ]
    .into()
}

fn stateful_set(object: &Value, now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/template");
    [
        read::name(object),
        ready_of_desired(object),
        age::age(object, now),
        containers,
        images,
    ]
    .into()
}

fn daemon_set(object: &Value, now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/template");
    let count = |name: &str| Value::from(read::integer(&object["status"], name));
    [
        read::name(object),
        count("/desiredNumberScheduled"),
        count("/currentNumberScheduled"),
        count("/numberReady"),
        count("/updatedNumberScheduled"),
        count("/numberAvailable"),
        text(labels::labels(read::present(
            object,
            "/spec/template/spec/nodeSelector",
        ))),
        age::age(object, now),
        containers,
        images,
        text(labels::selector(read::present(object, "/spec/selector"))),
    ]
    .into()
}

fn job(object: &Value, now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/template");
    [
        read::name(object),
        text(job_status(object)),
        text(job_completions(object)),
        text(job_duration(object, now)),
        age::age(object, now),
        containers,
        images,
        text(labels::selector(read::present(object, "/spec/selector"))),
    ]
    .into()
}

fn job_status(job: &Value) -> &'static str {
    let condition = |kind| read::condition_holds(job, kind);
    if condition("Complete") {
        "Complete"
    } else if condition("Failed") {
        "Failed"
    } else if read::terminating(job) {
        "Terminating"
    } else if condition("Suspended") {
        "Suspended"
    } else if condition("FailureTarget") {
        "FailureTarget"
    } else {
        "Running"
    }
}

fn job_completions(job: &Value) -> String {
    let succeeded = read::integer(job, "/status/succeeded");
    if let Some(wanted) = read::present(job, "/spec/completions") {
        return format!("{succeeded}/{wanted}");
    }
    match read::integer(job, "/spec/parallelism") {
        parallelism if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        _ => format!("{succeeded}/1"),
    }
}

fn job_duration(job: &Value, now: Time) -> String {
    let moment = |pointer| read::present(job, pointer).and_then(age::parse);
    match moment("/status/startTime") {
        None => String::new(),
        Some(start) => {
            let end = moment("/status/completionTime").unwrap_or(now);
            age::human_duration(end.0.saturating_sub(start.0))
        }
    }
}

fn cron_job(object: &Value, now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/spec/jobTemplate/spec/template");
    let suspend = match object["spec"]["suspend"].as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = match read::present(object, "/status/lastScheduleTime") {
        Some(moment) => age::since(moment, now),
        None => "<none>".to_string(),
    };
    [
        read::name(object),
        text(read::string(object, "/spec/schedule")),
        text(read::present_or(object, "/spec/timeZone", "<none>")),
        text(suspend),
        read::list(object, "/status/active").len().into(),
        text(last),
        age::age(object, now),
        containers,
        images,
        text(labels::selector(read::present(
            object,
            "/spec/jobTemplate/spec/selector",
        ))),
    ]
    .into()
}

/// Name, containers, images, the labels of its pods.
pub(super) fn pod_template(object: &Value, _now: Time) -> Vec<Value> {
    let (containers, images) = containers(object, "/template");
    let labels = labels::labels(read::present(object, "/template/metadata/labels"));
    [read::name(object), containers, images, text(labels)].into()
}

fn controller_revision(object: &Value, now: Time) -> Vec<Value> {
    let controller = read::list(object, "/metadata/ownerReferences")
        .iter()
        .find(|owner| read::boolean(owner, "/controller", false));
    let controller = controller.map_or_else(
        || "<none>".into(),
        |owner| {
            let name = read::string(owner, "/name");
            let kind = read::string(owner, "/kind").to_lowercase();
            match read::string(owner, "/apiVersion").split_once('/') {
                Some((group, _)) => format!("{kind}.{}/{name}", group.to_lowercase()),
                None if kind.is_empty() => name.into(),
                None => format!("{kind}/{name}"),
            }
        },
    );
    [
        read::name(object),
        text(controller),
        read::integer(object, "/revision").into(),
        age::age(object, now),
    ]
    .into()
}

/// Name, limits (a number or a percentage; `N/A` when not set), disruptions allowed, age.
pub(super) fn disruption_budget(object: &Value, now: Time) -> Vec<Value> {
    let bound = |pointer| match read::present(object, pointer) {
        None => text("N/A"),
        Some(Value::String(percentage)) => text(percentage),
        Some(number) => text(number),
    };
    [
        read::name(object),
        bound("/spec/minAvailable"),
        bound("/spec/maxUnavailable"),
        read::integer(object, "/status/disruptionsAllowed").into(),
        age::age(object, now),
    ]
    .into()
}

fn ready_of_desired(object: &Value) -> Value {
    let ready = read::integer(object, "/status/readyReplicas");
    text(format!(
        "{ready}/{}",
        read::integer(object, "/spec/replicas")
    ))
}

/// The names and the images of a pod template's containers, each joined by commas.
fn containers(object: &Value, template: &str) -> (Value, Value) {
    let containers = object
        .pointer(template)
        .map_or(&[][..], |template| read::list(template, "/spec/containers"));
    let join = |pointer: &str| {
        let texts: Vec<&str> = containers
            .iter()
            .map(|container| read::string(container, pointer))
            .collect();
        text(texts.join(","))
    };
    (join("/name"), join("/image"))
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    const TEMPLATE: &str = r#"{"metadata": {"labels": {"a": "b"}},
        "spec": {"nodeSelector": {"d": "ssd"},
        "containers": [{"name": "x", "image": "i:1"}, {"name": "y", "image": "j"}]}}"#;

    fn object(mut rest: serde_json::Value) -> serde_json::Value {
        let template: serde_json::Value = serde_json::from_str(TEMPLATE).unwrap();
        rest["metadata"]["name"] = json!("n");
        rest["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        match rest["kind"].as_str() {
            Some("CronJob") => rest["spec"]["jobTemplate"]["spec"]["template"] = template,
            Some("PodTemplate") => rest["template"] = template,
            _ => rest["spec"]["template"] = template,
        }
        rest
    }

    #[test]
    fn replicas_are_counted() {
        let selector = json!({"matchLabels": {"a": "b"}});
        check(
            "apps",
            "deployments",
            object(
                json!({"spec": {"replicas": 3, "selector": selector}, "status":
                {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1, "replicas": 3}}),
            ),
            json!(["n", "1/3", 2, 1, "10m", "x,y", "i:1,j", "a=b"]),
        );
        check(
            "apps",
            "replicasets",
            object(json!({"spec": {"replicas": 3, "selector": selector},
                "status": {"replicas": 2, "readyReplicas": 1}})),
            json!(["n", 3, 2, 1, "10m", "x,y", "i:1,j", "a=b"]),
        );
        check(
            "",
            "replicationcontrollers",
            object(json!({"spec": {"replicas": 0}})),
            json!(["n", 0, 0, 0, "10m", "x,y", "i:1,j", "<none>"]),
        );
        check(
            "apps",
            "statefulsets",
            object(json!({"spec": {"replicas": 2}, "status": {"readyReplicas": 2}})),
            json!(["n", "2/2", "10m", "x,y", "i:1,j"]),
        );
        check(
            "apps",
            "daemonsets",
            object(
                json!({"spec": {"selector": selector}, "status": {"desiredNumberScheduled": 5,
                "currentNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2,
                "numberAvailable": 1}}),
            ),
            json!(["n", 5, 4, 3, 2, 1, "d=ssd", "10m", "x,y", "i:1,j", "a=b"]),
        );
    }

    #[test]
    fn jobs_have_completions_and_a_duration() {
        let wide = ["x,y", "i:1,j", "<none>"];
        let cells = |status: &str, completions: &str, duration: &str| {
            json!([
                "n",
                status,
                completions,
                duration,
                "10m",
                wide[0],
                wide[1],
                wide[2]
            ])
        };
        check(
            "batch",
            "jobs",
            object(json!({"spec": {"completions": 2}})),
            cells("Running", "0/2", ""),
        );
        check(
            "batch",
            "jobs",
            object(
                json!({"spec": {"parallelism": 3}, "status": {"succeeded": 1,
                "startTime": "2026-01-01T00:00:30Z"}}),
            ),
            cells("Running", "1/1 of 3", "9m30s"),
        );
        check(
            "batch",
            "jobs",
            object(
                json!({"spec": {"parallelism": 1}, "status": {"succeeded": 1,
                "startTime": "2026-01-01T00:00:30Z", "completionTime": "2026-01-01T00:00:40Z",
                "conditions": [{"type": "Complete", "status": "True"}]}}),
            ),
            cells("Complete", "1/1", "10s"),
        );
        for (condition, status) in [
            ("Failed", "Failed"),
            ("Suspended", "Suspended"),
            ("FailureTarget", "FailureTarget"),
        ] {
            check(
                "batch",
                "jobs",
                object(json!({"spec": {}, "status": {
                    "conditions": [{"type": condition, "status": "True"}]}})),
                cells(status, "0/1", ""),
            );
        }
    }

    #[test]
    fn cron_jobs_have_a_schedule() {
        check(
            "batch",
            "cronjobs",
            object(
                json!({"kind": "CronJob", "spec": {"schedule": "* * * * *", "suspend": false},
                "status": {"active": [{}, {}], "lastScheduleTime": "2026-01-01T00:09:00Z"}}),
            ),
            json!([
                "n",
                "* * * * *",
                "<none>",
                "False",
                2,
                "60s",
                "10m",
                "x,y",
                "i:1,j",
                "<none>"
            ]),
        );
        check(
            "batch",
            "cronjobs",
            object(
                json!({"kind": "CronJob", "spec": {"schedule": "@daily", "suspend": true,
                "timeZone": "Etc/UTC"}}),
            ),
            json!([
                "n", "@daily", "Etc/UTC", "True", 0, "<none>", "10m", "x,y", "i:1,j", "<none>"
            ]),
        );
    }

    #[test]
    fn templates_revisions_and_budgets() {
        check(
            "",
            "podtemplates",
            object(json!({"kind": "PodTemplate"})),
            json!(["n", "x,y", "i:1,j", "a=b"]),
        );
        check(
            "apps",
            "controllerrevisions",
            object(json!({"revision": 4, "metadata": {"ownerReferences": [
                {"apiVersion": "v1", "kind": "Pod", "name": "no"},
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "s",
                    "controller": true}]}})),
            json!(["n", "statefulset.apps/s", 4, "10m"]),
        );
        check(
            "apps",
            "controllerrevisions",
            object(json!({"revision": 1})),
            json!(["n", "<none>", 1, "10m"]),
        );
        check(
            "policy",
            "poddisruptionbudgets",
            object(json!({"spec": {"minAvailable": "50%"}, "status": {"disruptionsAllowed": 2}})),
            json!(["n", "50%", "N/A", 2, "10m"]),
        );
        check(
            "policy",
            "poddisruptionbudgets",
            object(json!({"spec": {"maxUnavailable": 1}})),
            json!(["n", "N/A", "1", 0, "10m"]),
        );
    }
}
