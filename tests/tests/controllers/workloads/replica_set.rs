//! ReplicaSets and ReplicationControllers.

use super::{
    SECOND, assert_peace, condition, create, get, patch, path, pods, server, template, told,
};
use model::controllers::replica_set::ReplicaSetController;
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.add(super::Starter);
    cluster.add(ReplicaSetController::new());
    cluster.add(ReplicaSetController::replication());
    cluster
}

fn replica_set(name: &str, replicas: i64) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": template("i"),
        },
    })
}

#[test]
fn there_are_as_many_pods_as_asked_for() {
    let mut cluster = cluster();
    create(&mut cluster, "replicasets", &replica_set("a", 3));
    cluster.settle();
    let names = pods(&mut cluster);
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.len() == "a-12345".len()));
    let set = get(&mut cluster, "replicasets", "a");
    let expected = json!({
        "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "observedGeneration": 1, "terminatingReplicas": 0,
    });
    assert_eq!(set["status"], expected);
    let mut created: Vec<String> = names
        .iter()
        .map(|it| format!("Created pod: {it}"))
        .collect();
    let mut events = told(&mut cluster, "SuccessfulCreate");
    created.sort();
    events.sort();
    assert_eq!(events, created);

    patch(
        &mut cluster,
        "replicasets",
        "a",
        &json!({"spec": {"replicas": 1}}),
    );
    cluster.settle();
    let left = pods(&mut cluster);
    assert_eq!(left.len(), 1);
    assert_eq!(told(&mut cluster, "SuccessfulDelete").len(), 2);

    cluster.send(
        "DELETE",
        &format!("{}/{}", path("pods"), left[0]),
        &Value::Null,
    );
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 1, "a new one has come");
    assert_ne!(pods(&mut cluster), left);
    assert_peace(&mut cluster);
}

#[test]
fn replication_controllers_are_the_same() {
    let mut cluster = cluster();
    let controller = json!({
        "metadata": {"name": "r"}, "spec": {"replicas": 2, "template": template("i")},
    });
    create(&mut cluster, "replicationcontrollers", &controller);
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 2);
    let controller = get(&mut cluster, "replicationcontrollers", "r");
    assert_eq!(controller["status"]["readyReplicas"], 2);
}

#[test]
fn pods_are_adopted_and_released_by_their_labels() {
    let mut cluster = cluster();
    let mut orphan = template("i");
    orphan["metadata"]["name"] = "orphan".into();
    create(&mut cluster, "pods", &orphan);
    create(&mut cluster, "replicasets", &replica_set("a", 2));
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 2, "one of them is the orphan");
    let orphan = get(&mut cluster, "pods", "orphan");
    assert_eq!(orphan["metadata"]["ownerReferences"][0]["name"], "a");

    let change = json!({"metadata": {"labels": {"app": "other"}}});
    patch(&mut cluster, "pods", "orphan", &change);
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 3, "its place was filled");
    let orphan = get(&mut cluster, "pods", "orphan");
    assert_eq!(orphan["metadata"]["ownerReferences"], Value::Null);
}

#[test]
fn what_is_worth_least_goes_first() {
    let mut cluster = cluster();
    create(&mut cluster, "replicasets", &replica_set("a", 3));
    cluster.settle();
    let names = pods(&mut cluster);
    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}});
    patch(
        &mut cluster,
        "pods",
        &format!("{}/status", names[1]),
        &status,
    );
    let cheap = json!({"metadata": {"annotations": {
        "controller.kubernetes.io/pod-deletion-cost": "-1",
    }}});
    patch(&mut cluster, "pods", &names[2], &cheap);
    patch(
        &mut cluster,
        "replicasets",
        "a",
        &json!({"spec": {"replicas": 2}}),
    );
    cluster.settle();
    assert_eq!(pods(&mut cluster), [names[0].clone(), names[2].clone()]);
    patch(
        &mut cluster,
        "replicasets",
        "a",
        &json!({"spec": {"replicas": 1}}),
    );
    cluster.settle();
    assert_eq!(pods(&mut cluster), [names[0].clone()]);
}

#[test]
fn a_pod_is_available_after_min_ready_seconds() {
    let mut cluster = cluster();
    let mut set = replica_set("a", 1);
    set["spec"]["minReadySeconds"] = 30.into();
    create(&mut cluster, "replicasets", &set);
    cluster.settle();
    let set = get(&mut cluster, "replicasets", "a");
    assert_eq!(set["status"]["readyReplicas"], 1);
    assert_eq!(set["status"]["availableReplicas"], Value::Null);
    let available = |cluster: &mut Cluster| {
        get(cluster, "replicasets", "a")["status"]["availableReplicas"] == 1
    };
    let start = cluster.server.now;
    assert!(cluster.run_until(60 * SECOND, available));
    assert_eq!(cluster.server.now.0 - start.0, 30 * SECOND);
}

#[test]
fn what_cannot_be_made_is_told() {
    let mut cluster = cluster();
    create(&mut cluster, "replicasets", &replica_set("a", 0));
    cluster.send("DELETE", "/api/v1/namespaces/shop", &Value::Null);
    patch(
        &mut cluster,
        "replicasets",
        "a",
        &json!({"spec": {"replicas": 1}}),
    );
    let failed = |cluster: &mut Cluster| {
        let set = get(cluster, "replicasets", "a");
        let failure = condition(&set, "ReplicaFailure");
        let message = failure["message"].as_str().unwrap_or_default();
        failure["reason"] == "FailedCreate" && message.ends_with("because it is being terminated")
    };
    assert!(cluster.run_until(10 * SECOND, failed));
    patch(
        &mut cluster,
        "replicasets",
        "a",
        &json!({"spec": {"replicas": 0}}),
    );
    let healed = |cluster: &mut Cluster| {
        let set = get(cluster, "replicasets", "a");
        condition(&set, "ReplicaFailure").is_null()
    };
    assert!(cluster.run_until(10 * SECOND, healed));
}
