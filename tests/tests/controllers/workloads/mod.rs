//! What makes pods, with somebody who says that the pods run.

mod cron_job;
mod daemon_set;
mod deployment;
mod disorder;
mod job;
mod replica_set;
mod stateful_set;

use model::{
    ambient::Ambient,
    config::User,
    controllers::{
        Call, Change, Controller, DeleteOptions, Item, Outcome, View, Watch, apis,
        deployment::DeploymentController, replica_set::ReplicaSetController,
    },
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

/// A second of the cluster's clock.
const SECOND: i64 = 1_000_000;

/// Says of every pod that it runs and is ready, or what its annotation `test/phase` wants; lets go
/// of those that are to be deleted.
struct Starter;

impl Controller for Starter {
    fn name(&self) -> &'static str {
        "starter"
    }

    fn user(&self) -> User {
        User {
            name: "starter".into(),
            groups: vec!["system:masters".into()],
            ..User::default()
        }
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::PODS)]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        items.push(change.name.clone());
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(pod) = view.get(&apis::PODS, item) else {
            return Outcome::done();
        };
        let meta = pod.meta();
        let phase = meta.fields["status.phase"].as_str();
        if meta.deletion_timestamp.is_some() {
            let ended = matches!(phase, "Succeeded" | "Failed");
            if !meta.finalizers.is_empty() && !ended {
                return Outcome::calls(vec![say(item, "Failed", ambient)]);
            }
            let options = DeleteOptions {
                uid: &meta.uid,
                grace_seconds: Some(0),
                ..DeleteOptions::default()
            };
            if !meta.finalizers.is_empty() {
                return Outcome::done();
            }
            return Outcome::calls(vec![Call::delete(&apis::PODS, item, &meta.uid, options)]);
        }
        let document = pod.json();
        let wanted = document["metadata"]["annotations"]["test/phase"].as_str();
        let wanted = wanted.unwrap_or("Running");
        if matches!(phase, "Succeeded" | "Failed") || phase == wanted {
            return Outcome::done();
        }
        Outcome::calls(vec![say(item, wanted, ambient)])
    }
}

fn say(item: &Item, phase: &str, ambient: &Ambient) -> Call {
    let now = ambient.now.rfc3339();
    let ready = if phase == "Running" { "True" } else { "False" };
    let mut status = json!({"status": {
        "phase": phase, "startTime": now,
        "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": now}],
    }});
    if phase == "Failed" {
        let terminated = json!({"exitCode": 42, "finishedAt": now, "reason": "Error"});
        status["status"]["containerStatuses"] = json!([{
            "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": terminated},
        }]);
    }
    Call::merge_patch(&apis::PODS, item, "status", &status)
}

/// A server with the namespace `shop` that gives everybody the rights of their roles, and nobody
/// else.
fn server() -> Cluster {
    let mut cluster = crate::nodes::empty();
    cluster.server.now = model::ambient::Time(1_800_000_000 * SECOND);
    let namespace = json!({"metadata": {"name": "shop"}});
    cluster.send("POST", "/api/v1/namespaces", &namespace);
    cluster
}

/// One where pods run and ReplicaSets and Deployments are looked after.
fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.add(Starter);
    cluster.add(ReplicaSetController::new());
    cluster.add(DeploymentController::new());
    cluster
}

fn path(plural: &str) -> String {
    let root = match plural {
        "pods" | "events" | "replicationcontrollers" | "persistentvolumeclaims" => "/api/v1",
        "jobs" | "cronjobs" => "/apis/batch/v1",
        _ => "/apis/apps/v1",
    };
    format!("{root}/namespaces/shop/{plural}")
}

fn create(cluster: &mut Cluster, plural: &str, object: &Value) -> Value {
    cluster.send("POST", &path(plural), object)
}

fn patch(cluster: &mut Cluster, plural: &str, name: &str, patch: &Value) -> Value {
    cluster.send("PATCH", &format!("{}/{name}", path(plural)), patch)
}

fn get(cluster: &mut Cluster, plural: &str, name: &str) -> Value {
    cluster.get(&format!("{}/{name}", path(plural)))
}

/// What the events of a reason say, in the order of their making.
fn told(cluster: &mut Cluster, reason: &str) -> Vec<String> {
    let mut events = cluster.list(&path("events"));
    events.retain(|event| event["reason"] == reason);
    let revision = |event: &Value| -> u64 {
        let text = event["metadata"]["resourceVersion"].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    events.sort_by_key(revision);
    let text = |event: &Value| event["message"].as_str().unwrap_or_default().into();
    events.iter().map(text).collect()
}

/// The names of the pods.
fn pods(cluster: &mut Cluster) -> Vec<String> {
    let pods = cluster.list(&path("pods"));
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap_or_default().into();
    pods.iter().map(name).collect()
}

/// What has settled stays as it is: nobody writes again.
fn assert_peace(cluster: &mut Cluster) {
    let before = cluster.server.store().revision();
    cluster.settle();
    assert_eq!(cluster.server.store().revision(), before);
}

/// The condition of that type in a status.
fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// A pod template with the label `app: web` and that image.
fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    })
}
