//! DaemonSets.

use super::{assert_peace, create, get, patch, path, pods, server, template, told};
use model::controllers::daemon_set::DaemonSetController;
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.add(super::Starter);
    cluster.add(DaemonSetController::new());
    for name in ["n1", "n2", "n3"] {
        let node = json!({"metadata": {"name": name, "labels": {"disk": "ssd"}}});
        cluster.send("POST", "/api/v1/nodes", &node);
    }
    cluster
}

fn daemon_set(strategy: &Value) -> Value {
    json!({
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}}, "template": template("one"),
            "updateStrategy": strategy,
        },
    })
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

/// node → image of the pods, sorted.
fn placed(cluster: &mut Cluster) -> Vec<(String, String)> {
    let pods = cluster.list(&path("pods"));
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let read = |pod: &Value| {
        let node = format!("{required}/nodeSelectorTerms/0/matchFields/0/values/0");
        let text = |path: &str| {
            pod.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        (text(&node), text("/spec/containers/0/image"))
    };
    let mut placed: Vec<_> = pods.iter().map(read).collect();
    placed.sort();
    placed
}

fn on(nodes: &[&str], image: &str) -> Vec<(String, String)> {
    nodes
        .iter()
        .map(|node| ((*node).into(), image.into()))
        .collect()
}

/// What `kubectl rollout status` waits for.
fn rolled_out(cluster: &mut Cluster) -> bool {
    let set = get(cluster, "daemonsets", "agent");
    let status = &set["status"];
    status["observedGeneration"] == set["metadata"]["generation"]
        && status["updatedNumberScheduled"] == status["desiredNumberScheduled"]
        && status["numberAvailable"] == status["desiredNumberScheduled"]
}

#[test]
fn every_node_that_suits_has_a_pod() {
    let mut cluster = cluster();
    let mut set = daemon_set(&Value::Null);
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    create(&mut cluster, "daemonsets", &set);
    cluster.settle();
    assert_eq!(placed(&mut cluster), on(&["n1", "n2", "n3"], "one"));
    let status = get(&mut cluster, "daemonsets", "agent")["status"].take();
    let expected = json!({
        "currentNumberScheduled": 3, "desiredNumberScheduled": 3, "numberMisscheduled": 0,
        "numberReady": 3, "numberAvailable": 3, "updatedNumberScheduled": 3,
        "observedGeneration": 1,
    });
    assert_eq!(status, expected);
    let taint = json!({"spec": {"taints": [{"key": "k", "effect": "NoExecute"}]}});
    cluster.send("PATCH", "/api/v1/nodes/n1", &taint);
    let taint = json!({"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}});
    cluster.send("PATCH", "/api/v1/nodes/n2", &taint);
    let label = json!({"metadata": {"labels": {"disk": "slow"}}});
    cluster.send("PATCH", "/api/v1/nodes/n3", &label);
    let node = json!({"metadata": {"name": "n4", "labels": {"disk": "ssd"}}});
    cluster.send("POST", "/api/v1/nodes", &node);
    cluster.settle();
    assert_eq!(
        placed(&mut cluster),
        on(&["n2", "n4"], "one"),
        "what runs on n2 may stay"
    );
    let status = get(&mut cluster, "daemonsets", "agent")["status"].take();
    assert_eq!(status["numberMisscheduled"], 1);
    assert_peace(&mut cluster);
}

#[test]
fn a_new_template_goes_from_node_to_node_and_back() {
    let mut cluster = cluster();
    create(&mut cluster, "daemonsets", &daemon_set(&Value::Null));
    cluster.settle();
    patch(&mut cluster, "daemonsets", "agent", &image("two"));
    cluster.settle();
    assert_eq!(placed(&mut cluster), on(&["n1", "n2", "n3"], "two"));
    assert!(rolled_out(&mut cluster));
    let mut events = told(&mut cluster, "SuccessfulDelete");
    assert_eq!(events.len(), 3);
    events.dedup();
    assert_eq!(events.len(), 3);
    let mut revisions = revisions(&mut cluster);
    assert_eq!(revisions, [1, 2]);
    patch(&mut cluster, "daemonsets", "agent", &image("one"));
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    revisions = self::revisions(&mut cluster);
    assert_eq!(revisions, [2, 3]);
}

fn revisions(cluster: &mut Cluster) -> Vec<i64> {
    let revisions = cluster.list(&path("controllerrevisions"));
    let number = |one: &Value| one["revision"].as_i64().unwrap_or_default();
    let mut numbers: Vec<_> = revisions.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_broken_template_takes_only_as_many_nodes_as_may_be_unavailable() {
    let mut cluster = cluster();
    create(&mut cluster, "daemonsets", &daemon_set(&Value::Null));
    cluster.settle();
    let mut broken = image("two");
    broken["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    patch(&mut cluster, "daemonsets", "agent", &broken);
    cluster.settle();
    let images: Vec<_> = placed(&mut cluster)
        .into_iter()
        .map(|(_, image)| image)
        .collect();
    assert_eq!(images.iter().filter(|image| *image == "two").count(), 1);
    assert_eq!(images.len(), 3);
}

#[test]
fn a_surge_starts_new_pods_beside_old_ones() {
    let mut cluster = cluster();
    let rolling = json!({"maxSurge": 1, "maxUnavailable": 0});
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
    create(&mut cluster, "daemonsets", &daemon_set(&strategy));
    cluster.settle();
    let mut broken = image("two");
    broken["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    patch(&mut cluster, "daemonsets", "agent", &broken);
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 4);
    broken["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": null});
    patch(&mut cluster, "daemonsets", "agent", &broken);
    cluster.settle();
    assert_eq!(placed(&mut cluster), on(&["n1", "n2", "n3"], "two"));
    assert!(rolled_out(&mut cluster));
}

#[test]
fn on_delete_waits_for_somebody_to_delete() {
    let mut cluster = cluster();
    create(
        &mut cluster,
        "daemonsets",
        &daemon_set(&json!({"type": "OnDelete"})),
    );
    cluster.settle();
    patch(&mut cluster, "daemonsets", "agent", &image("two"));
    cluster.settle();
    assert_eq!(placed(&mut cluster), on(&["n1", "n2", "n3"], "one"));
    for pod in pods(&mut cluster) {
        cluster.send("DELETE", &format!("{}/{pod}", path("pods")), &Value::Null);
    }
    cluster.settle();
    assert_eq!(placed(&mut cluster), on(&["n1", "n2", "n3"], "two"));
}
