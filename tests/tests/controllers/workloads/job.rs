//! Jobs, and what becomes of them when they are finished.

use super::{SECOND, condition, create, get, patch, path, pods, server, told};
use model::controllers::{job::JobController, ttl_after_finished::TtlAfterFinishedController};
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.add(super::Starter);
    cluster.add(JobController::new());
    cluster.add(TtlAfterFinishedController);
    cluster
}

/// Makes the Job `j` with that spec, whose pods come to that phase.
fn job(cluster: &mut Cluster, phase: &str, mut spec: Value) {
    spec["template"] = json!({
        "metadata": {"annotations": {"test/phase": phase}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
    });
    create(
        cluster,
        "jobs",
        &json!({"metadata": {"name": "j"}, "spec": spec}),
    );
}

fn status(cluster: &mut Cluster) -> Value {
    get(cluster, "jobs", "j")["status"].take()
}

fn condition_of(cluster: &mut Cluster, kind: &str) -> Value {
    let job = get(cluster, "jobs", "j");
    condition(&job, kind)
}

fn finalizers(cluster: &mut Cluster) -> usize {
    let pods = cluster.list(&path("pods"));
    let held = |pod: &&Value| !pod["metadata"]["finalizers"].is_null();
    pods.iter().filter(held).count()
}

#[test]
fn a_job_is_complete_when_enough_pods_have_succeeded() {
    let mut cluster = cluster();
    let spec = json!({"completions": 5, "parallelism": 2, "ttlSecondsAfterFinished": 100});
    job(&mut cluster, "Succeeded", spec);
    cluster.settle();
    let start = cluster.server.now;
    let now = start.rfc3339();
    let mut done = status(&mut cluster);
    let kinds: Vec<_> = done["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let kinds: Vec<_> = kinds
        .iter()
        .map(|condition| condition["type"].clone())
        .collect();
    assert_eq!(kinds, ["SuccessCriteriaMet", "Complete"]);
    done["conditions"].take();
    let expected = json!({
        "conditions": null, "startTime": now, "completionTime": now, "succeeded": 5,
        "terminating": 0, "ready": 0, "uncountedTerminatedPods": {},
    });
    assert_eq!(done, expected);
    assert_eq!(pods(&mut cluster).len(), 5);
    assert_eq!(finalizers(&mut cluster), 0);
    assert_eq!(told(&mut cluster, "Completed"), ["Job completed"]);
    let going = |cluster: &mut Cluster| {
        !get(cluster, "jobs", "j")["metadata"]["deletionTimestamp"].is_null()
    };
    assert!(cluster.run_until(1000 * SECOND, going));
    assert_eq!(cluster.server.now.0 - start.0, 100 * SECOND);
}

#[test]
fn failures_are_tried_again_later_and_later_until_the_limit() {
    let mut cluster = cluster();
    job(&mut cluster, "Failed", json!({"backoffLimit": 2}));
    let start = cluster.server.now;
    let failed = |cluster: &mut Cluster| !condition_of(cluster, "Failed").is_null();
    assert!(cluster.run_until(1000 * SECOND, failed));
    assert_eq!(cluster.server.now.0 - start.0, 30 * SECOND);
    let reason = condition_of(&mut cluster, "Failed")["reason"].take();
    assert_eq!(reason, "BackoffLimitExceeded");
    assert_eq!(status(&mut cluster)["failed"], 3);
    assert_eq!(finalizers(&mut cluster), 0);
    let told = told(&mut cluster, "BackoffLimitExceeded");
    assert_eq!(told, ["Job has reached the specified backoff limit"]);
}

#[test]
fn an_indexed_job_completes_every_index() {
    let mut cluster = cluster();
    let spec = json!({"completions": 4, "parallelism": 3, "completionMode": "Indexed"});
    job(&mut cluster, "Succeeded", spec);
    cluster.settle();
    assert_eq!(status(&mut cluster)["completedIndexes"], "0-3");
    assert_eq!(status(&mut cluster)["succeeded"], 4);
    assert!(!condition_of(&mut cluster, "Complete").is_null());
    let pods = cluster.list(&path("pods"));
    for (index, pod) in pods.iter().enumerate() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        assert!(name.starts_with(&format!("j-{index}-")), "{name}");
        let variable = &pod["spec"]["containers"][0]["env"][0];
        assert_eq!(variable["name"], "JOB_COMPLETION_INDEX");
        assert_eq!(pod["spec"]["hostname"], format!("j-{index}"));
    }
}

#[test]
fn a_suspended_job_has_no_pods() {
    let mut cluster = cluster();
    job(&mut cluster, "Running", json!({"suspend": true}));
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 0);
    assert_eq!(status(&mut cluster)["startTime"], Value::Null);
    patch(
        &mut cluster,
        "jobs",
        "j",
        &json!({"spec": {"suspend": false}}),
    );
    cluster.settle();
    assert_eq!(status(&mut cluster)["active"], 1);
    assert_eq!(condition_of(&mut cluster, "Suspended")["status"], "False");
    patch(
        &mut cluster,
        "jobs",
        "j",
        &json!({"spec": {"suspend": true}}),
    );
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 0);
    assert_eq!(told(&mut cluster, "Suspended").len(), 2);
    assert_eq!(told(&mut cluster, "Resumed"), ["Job resumed"]);
}

#[test]
fn a_job_past_its_deadline_fails_and_its_pods_go() {
    let mut cluster = cluster();
    job(
        &mut cluster,
        "Running",
        json!({"activeDeadlineSeconds": 30}),
    );
    let failed =
        |cluster: &mut Cluster| condition_of(cluster, "Failed")["reason"] == "DeadlineExceeded";
    assert!(cluster.run_until(100 * SECOND, failed));
    assert_eq!(pods(&mut cluster).len(), 0);
    assert_eq!(status(&mut cluster)["failed"], 1);
    assert_eq!(status(&mut cluster)["active"], Value::Null);
}

#[test]
fn a_policy_says_what_a_failure_means() {
    let mut cluster = cluster();
    let rules = json!([{
        "action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]},
    }]);
    job(
        &mut cluster,
        "Failed",
        json!({"podFailurePolicy": {"rules": rules}}),
    );
    cluster.settle();
    let failed = condition_of(&mut cluster, "Failed");
    assert_eq!(failed["reason"], "PodFailurePolicy");
    let pod = pods(&mut cluster).remove(0);
    let message = format!(
        "Container c for pod shop/{pod} failed with exit code 42 matching FailJob rule at index 0"
    );
    assert_eq!(failed["message"], message);
    assert_eq!(pods(&mut cluster).len(), 1);
}

#[test]
fn nobody_holds_the_pods_of_a_job_that_is_gone() {
    let mut cluster = cluster();
    job(&mut cluster, "Running", json!({}));
    cluster.settle();
    assert_eq!(finalizers(&mut cluster), 1);
    cluster.send(
        "DELETE",
        &format!("{}/j", path("jobs")),
        &json!({"propagationPolicy": "Background"}),
    );
    cluster.settle();
    assert_eq!(finalizers(&mut cluster), 0);
}
