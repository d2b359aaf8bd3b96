//! CronJobs.

use super::{SECOND, create, get, patch, path, server, told};
use model::{
    ambient::Time,
    controllers::{cron_job::CronJobController, job::JobController},
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const MINUTE: i64 = 60 * SECOND;

fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.server.now = Time::parse("2026-01-01T00:00:30Z").expect("it is a time");
    cluster.add(super::Starter);
    cluster.add(JobController::new());
    cluster.add(CronJobController::new());
    cluster
}

/// Makes the CronJob `c` with that in its spec, whose pods come to that phase.
fn cron_job(cluster: &mut Cluster, phase: &str, mut spec: Value) {
    spec["jobTemplate"] = json!({"spec": {"backoffLimit": 0, "template": {
        "metadata": {"annotations": {"test/phase": phase}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]},
    }}});
    let cron_job = json!({"metadata": {"name": "c"}, "spec": spec});
    create(cluster, "cronjobs", &cron_job);
}

fn jobs(cluster: &mut Cluster) -> Vec<String> {
    let jobs = cluster.list(&path("jobs"));
    let name = |job: &Value| job["metadata"]["name"].as_str().unwrap_or_default().into();
    jobs.iter().map(name).collect()
}

fn status(cluster: &mut Cluster) -> Value {
    get(cluster, "cronjobs", "c")["status"].take()
}

/// Lets so much time pass.
fn pass(cluster: &mut Cluster, time: i64) {
    let end = Time(cluster.server.now.0 + time);
    cluster.run_until(time, |_| false);
    cluster.server.now = end;
    cluster.settle();
}

/// The Job of that time.
fn named(time: &str) -> String {
    let time = Time::parse(time).expect("it is a time");
    format!("c-{}", time.seconds() / 60)
}

#[test]
fn there_is_a_job_at_each_time_and_only_the_last_are_kept() {
    let mut cluster = cluster();
    let spec = json!({"schedule": "*/5 * * * *", "successfulJobsHistoryLimit": 2});
    cron_job(&mut cluster, "Succeeded", spec);
    pass(&mut cluster, 4 * MINUTE);
    assert_eq!(jobs(&mut cluster), [""; 0]);
    pass(&mut cluster, MINUTE);
    assert_eq!(jobs(&mut cluster), [named("2026-01-01T00:05:00Z")]);
    pass(&mut cluster, 11 * MINUTE);
    let kept = [named("2026-01-01T00:10:00Z"), named("2026-01-01T00:15:00Z")];
    assert_eq!(jobs(&mut cluster), kept);
    let expected = json!({
        "lastScheduleTime": "2026-01-01T00:15:00Z", "lastSuccessfulTime": "2026-01-01T00:15:00Z",
    });
    assert_eq!(status(&mut cluster), expected);
    let created = told(&mut cluster, "SuccessfulCreate");
    let created: Vec<_> = created
        .iter()
        .filter(|it| it.starts_with("Created job "))
        .collect();
    assert_eq!(created.len(), 3);
    let seen = &told(&mut cluster, "SawCompletedJob")[0];
    let first = named("2026-01-01T00:05:00Z");
    assert_eq!(
        *seen,
        format!("Saw completed job: {first}, condition: Complete")
    );
}

#[test]
fn what_runs_already_is_left_alone_or_replaced() {
    for (policy, expected) in [("Allow", 3), ("Forbid", 1), ("Replace", 1)] {
        let mut cluster = cluster();
        let spec = json!({"schedule": "* * * * *", "concurrencyPolicy": policy});
        cron_job(&mut cluster, "Running", spec);
        pass(&mut cluster, 3 * MINUTE);
        assert_eq!(jobs(&mut cluster).len(), expected, "{policy}");
        let active = status(&mut cluster)["active"].take();
        assert_eq!(active.as_array().map(Vec::len), Some(expected), "{policy}");
        let newest = named("2026-01-01T00:03:00Z");
        let last = jobs(&mut cluster).pop();
        assert_eq!(last == Some(newest), policy != "Forbid", "{policy}");
    }
}

#[test]
fn a_suspended_one_starts_nothing_and_then_only_what_was_due_last() {
    let mut cluster = cluster();
    cron_job(
        &mut cluster,
        "Succeeded",
        json!({"schedule": "@hourly", "suspend": true}),
    );
    pass(&mut cluster, 300 * MINUTE);
    assert_eq!(jobs(&mut cluster), [""; 0]);
    patch(
        &mut cluster,
        "cronjobs",
        "c",
        &json!({"spec": {"suspend": false}}),
    );
    cluster.settle();
    assert_eq!(jobs(&mut cluster), [named("2026-01-01T05:00:00Z")]);
}

#[test]
fn a_start_that_is_too_late_is_left_out() {
    let mut cluster = cluster();
    let spec = json!({"schedule": "@hourly", "suspend": true, "startingDeadlineSeconds": 60});
    cron_job(&mut cluster, "Succeeded", spec);
    pass(&mut cluster, 300 * MINUTE + 2 * MINUTE);
    patch(
        &mut cluster,
        "cronjobs",
        "c",
        &json!({"spec": {"suspend": false}}),
    );
    cluster.settle();
    assert_eq!(jobs(&mut cluster), [""; 0]);
    pass(&mut cluster, 60 * MINUTE);
    assert_eq!(jobs(&mut cluster), [named("2026-01-01T06:00:00Z")]);
}

#[test]
fn a_time_zone_is_heeded() {
    let mut cluster = cluster();
    let spec = json!({"schedule": "0 9 * * *", "timeZone": "Asia/Tokyo"});
    cron_job(&mut cluster, "Succeeded", spec);
    pass(&mut cluster, 60 * MINUTE);
    assert_eq!(jobs(&mut cluster), [""; 0], "it was nine a minute ago");
    pass(&mut cluster, 24 * 60 * MINUTE);
    assert_eq!(jobs(&mut cluster), [named("2026-01-02T00:00:00Z")]);
}

#[test]
fn an_interval_runs_from_the_last_start_whatever_happens_in_between() {
    let mut cluster = cluster();
    cron_job(&mut cluster, "Succeeded", json!({"schedule": "@every 1h"}));
    pass(&mut cluster, 40 * MINUTE);
    let change = json!({"metadata": {"labels": {"looked": "at"}}});
    patch(&mut cluster, "cronjobs", "c", &change);
    pass(&mut cluster, 21 * MINUTE);
    assert_eq!(jobs(&mut cluster), [named("2026-01-01T01:00:30Z")]);
}

#[test]
fn of_many_missed_times_the_last_is_found_however_unevenly_they_are_spread() {
    let mut cluster = cluster();
    let spec = json!({"schedule": "* 1 * 2 *", "suspend": true});
    cron_job(&mut cluster, "Succeeded", spec);
    pass(&mut cluster, 200 * 24 * 60 * MINUTE);
    let change = json!({"spec": {"suspend": false}});
    patch(&mut cluster, "cronjobs", "c", &change);
    cluster.settle();
    assert_eq!(jobs(&mut cluster), [named("2026-02-28T01:59:00Z")]);
}
