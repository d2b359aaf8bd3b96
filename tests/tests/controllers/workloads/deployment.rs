//! Deployments.

use super::{
    SECOND, assert_peace, cluster, condition, create, get, patch, path, pods, template, told,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn deployment(replicas: i64) -> Value {
    json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": template("one"),
        },
    })
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

/// The ReplicaSets as `(revision, replicas)`, in the order of their revisions.
fn sets(cluster: &mut Cluster) -> Vec<(String, i64)> {
    let sets = cluster.list(&path("replicasets"));
    let read = |set: &Value| {
        let revision = &set["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        let revision = revision.as_str().unwrap_or_default().to_owned();
        (revision, set["spec"]["replicas"].as_i64().unwrap_or(-1))
    };
    let mut sets: Vec<_> = sets.iter().map(read).collect();
    sets.sort();
    sets
}

/// What `kubectl rollout status` waits for.
fn rolled_out(cluster: &mut Cluster) -> bool {
    let deployment = get(cluster, "deployments", "web");
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && status["updatedReplicas"] == spec["replicas"]
        && status["replicas"] == spec["replicas"]
        && status["availableReplicas"] == spec["replicas"]
}

fn progress(cluster: &mut Cluster) -> (String, String) {
    let deployment = get(cluster, "deployments", "web");
    let condition = condition(&deployment, "Progressing");
    let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

#[test]
fn a_deployment_makes_a_replica_set_and_pods() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(3));
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(pods(&mut cluster).len(), 3);
    let set = cluster.list(&path("replicasets")).remove(0);
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let hash = &set["metadata"]["labels"]["pod-template-hash"];
    assert_eq!(
        Some(name),
        hash.as_str().map(|hash| format!("web-{hash}")).as_deref()
    );
    assert_eq!(
        set["spec"]["selector"]["matchLabels"]["pod-template-hash"],
        *hash
    );
    let annotations = json!({
        "deployment.kubernetes.io/desired-replicas": "3",
        "deployment.kubernetes.io/max-replicas": "4",
        "deployment.kubernetes.io/revision": "1",
    });
    assert_eq!(set["metadata"]["annotations"], annotations);
    let scaled = format!("Scaled up replica set {name} from 0 to 3");
    assert_eq!(told(&mut cluster, "ScalingReplicaSet"), [scaled]);
    let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
    assert_eq!(
        progress(&mut cluster),
        ("NewReplicaSetAvailable".into(), message)
    );
    let deployment = get(&mut cluster, "deployments", "web");
    assert_eq!(
        condition(&deployment, "Available")["reason"],
        "MinimumReplicasAvailable"
    );
    let revision = &deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
    assert_eq!(revision, "1");
    assert_peace(&mut cluster);
}

#[test]
fn a_new_template_is_rolled_out_and_back() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(4));
    cluster.settle();
    patch(&mut cluster, "deployments", "web", &image("two"));
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(sets(&mut cluster), [("1".into(), 0), ("2".into(), 4)]);
    // As `kubectl rollout undo` does it.
    patch(&mut cluster, "deployments", "web", &image("one"));
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(sets(&mut cluster), [("2".into(), 0), ("3".into(), 4)]);
    let sets = cluster.list(&path("replicasets"));
    let history = |set: &Value| {
        set["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"
    };
    assert!(sets.iter().any(history));
}

#[test]
fn a_rollout_that_hangs_exceeds_its_deadline() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(4));
    cluster.settle();
    let mut stuck = image("two");
    stuck["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    patch(&mut cluster, "deployments", "web", &stuck);
    cluster.settle();
    assert_eq!(sets(&mut cluster), [("1".into(), 3), ("2".into(), 2)]);
    assert_eq!(progress(&mut cluster).0, "ReplicaSetUpdated");
    let over = |cluster: &mut Cluster| progress(cluster).0 == "ProgressDeadlineExceeded";
    assert!(cluster.run_until(1000 * SECOND, over));
    assert_eq!(sets(&mut cluster), [("1".into(), 3), ("2".into(), 2)]);
    // In proportion: 25% more of everything.
    patch(
        &mut cluster,
        "deployments",
        "web",
        &json!({"spec": {"replicas": 8}}),
    );
    cluster.settle();
    assert_eq!(sets(&mut cluster), [("1".into(), 6), ("2".into(), 4)]);
    patch(&mut cluster, "deployments", "web", &image("three"));
    let mut unstuck = image("three");
    unstuck["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": null});
    patch(&mut cluster, "deployments", "web", &unstuck);
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(progress(&mut cluster).0, "NewReplicaSetAvailable");
}

#[test]
fn a_paused_deployment_is_scaled_and_not_rolled_out() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(2));
    cluster.settle();
    patch(
        &mut cluster,
        "deployments",
        "web",
        &json!({"spec": {"paused": true}}),
    );
    cluster.settle();
    assert_eq!(progress(&mut cluster).0, "DeploymentPaused");
    let mut change = image("two");
    change["spec"]["replicas"] = 3.into();
    patch(&mut cluster, "deployments", "web", &change);
    cluster.settle();
    assert_eq!(sets(&mut cluster), [("1".into(), 3)]);
    patch(
        &mut cluster,
        "deployments",
        "web",
        &json!({"spec": {"paused": null}}),
    );
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(sets(&mut cluster), [("1".into(), 0), ("2".into(), 3)]);
}

#[test]
fn recreate_has_no_two_templates_at_once() {
    let mut cluster = cluster();
    let mut web = deployment(3);
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    create(&mut cluster, "deployments", &web);
    cluster.settle();
    patch(&mut cluster, "deployments", "web", &image("two"));
    cluster.settle();
    assert!(rolled_out(&mut cluster));
    assert_eq!(sets(&mut cluster), [("1".into(), 0), ("2".into(), 3)]);
    let scaled = told(&mut cluster, "ScalingReplicaSet");
    let directions: Vec<_> = scaled
        .iter()
        .map(|it| it.split(' ').nth(1).unwrap_or(""))
        .collect();
    assert_eq!(directions, ["up", "down", "up"]);
}

#[test]
fn old_revisions_are_kept_as_long_as_asked() {
    let mut cluster = cluster();
    let mut web = deployment(1);
    web["spec"]["revisionHistoryLimit"] = 2.into();
    create(&mut cluster, "deployments", &web);
    for number in 0..5 {
        cluster.settle();
        patch(
            &mut cluster,
            "deployments",
            "web",
            &image(&format!("i{number}")),
        );
    }
    cluster.settle();
    assert_eq!(
        sets(&mut cluster),
        [("4".into(), 0), ("5".into(), 0), ("6".into(), 1)]
    );
}

#[test]
fn a_name_that_is_taken_is_a_collision() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(1));
    cluster.settle();
    let set = cluster.list(&path("replicasets")).remove(0);
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let foreign = json!({"metadata": {"labels": {"app": "foreign"}, "ownerReferences": null}});
    patch(&mut cluster, "replicasets", name, &foreign);
    cluster.settle();
    let deployment = get(&mut cluster, "deployments", "web");
    assert_eq!(deployment["status"]["collisionCount"], 1);
    assert!(rolled_out(&mut cluster));
}

#[test]
fn annotations_that_say_nonsense_stop_nothing() {
    let mut cluster = cluster();
    create(&mut cluster, "deployments", &deployment(4));
    cluster.settle();
    let mut stuck = image("two");
    stuck["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    patch(&mut cluster, "deployments", "web", &stuck);
    cluster.settle();
    for set in cluster.list(&path("replicasets")) {
        let most = i64::MAX.to_string();
        let nonsense = json!({"metadata": {"annotations": {
            "deployment.kubernetes.io/max-replicas": most,
            "deployment.kubernetes.io/revision": most,
        }}});
        let name = set["metadata"]["name"].as_str().unwrap_or_default();
        patch(&mut cluster, "replicasets", name, &nonsense);
    }
    let change = json!({"spec": {"replicas": 8}});
    patch(&mut cluster, "deployments", "web", &change);
    cluster.settle();
    let all: i64 = sets(&mut cluster).iter().map(|(_, size)| size).sum();
    assert_eq!(all, 10, "as many as a surge allows");
}
