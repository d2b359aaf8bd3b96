//! StatefulSets.

use super::{assert_peace, create, get, patch, path, pods, server, template, told};
use model::controllers::stateful_set::StatefulSetController;
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn cluster() -> Cluster {
    let mut cluster = server();
    cluster.add(super::Starter);
    cluster.add(StatefulSetController::new());
    cluster
}

fn stateful_set(replicas: i64) -> Value {
    json!({
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas, "serviceName": "db",
            "selector": {"matchLabels": {"app": "web"}}, "template": template("one"),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    })
}

fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
}

fn images(cluster: &mut Cluster) -> Vec<String> {
    let pods = cluster.list(&path("pods"));
    let image = |pod: &Value| {
        pod["spec"]["containers"][0]["image"]
            .as_str()
            .unwrap_or("")
            .into()
    };
    pods.iter().map(image).collect()
}

fn stuck(image: &str) -> Value {
    let mut change = self::image(image);
    change["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    change
}

#[test]
fn pods_come_in_order_with_their_claims_and_go_the_other_way() {
    let mut cluster = cluster();
    create(&mut cluster, "statefulsets", &stateful_set(3));
    cluster.settle();
    assert_eq!(pods(&mut cluster), ["db-0", "db-1", "db-2"]);
    let told_first = &told(&mut cluster, "SuccessfulCreate")[..3];
    let expected = [
        "create Claim data-db-0 Pod db-0 in StatefulSet db success",
        "create Pod db-0 in StatefulSet db successful",
        "create Claim data-db-1 Pod db-1 in StatefulSet db success",
    ];
    assert_eq!(told_first, expected);
    let pod = get(&mut cluster, "pods", "db-1");
    assert_eq!(pod["spec"]["hostname"], "db-1");
    assert_eq!(pod["spec"]["subdomain"], "db");
    assert_eq!(
        pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"],
        "1"
    );
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}});
    assert_eq!(pod["spec"]["volumes"][0], volume);
    let claim = get(&mut cluster, "persistentvolumeclaims", "data-db-1");
    assert_eq!(claim["metadata"]["labels"], json!({"app": "web"}));
    let status = get(&mut cluster, "statefulsets", "db")["status"].take();
    let revision = &status["updateRevision"];
    let expected = json!({
        "replicas": 3, "readyReplicas": 3, "availableReplicas": 3, "currentReplicas": 3,
        "updatedReplicas": 3, "observedGeneration": 1, "collisionCount": 0,
        "currentRevision": revision, "updateRevision": revision,
    });
    assert_eq!(status, expected);

    patch(
        &mut cluster,
        "statefulsets",
        "db",
        &json!({"spec": {"replicas": 1}}),
    );
    cluster.settle();
    assert_eq!(pods(&mut cluster), ["db-0"]);
    let expected = [
        "delete Pod db-2 in StatefulSet db successful",
        "delete Pod db-1 in StatefulSet db successful",
    ];
    assert_eq!(told(&mut cluster, "SuccessfulDelete"), expected);
    let claims = cluster.list(&path("persistentvolumeclaims"));
    assert_eq!(claims.len(), 3, "claims are kept");
    assert_peace(&mut cluster);
}

#[test]
fn in_order_one_waits_for_the_other_and_in_parallel_none_does() {
    let mut cluster = cluster();
    let mut set = stateful_set(3);
    set["spec"]["template"]["metadata"]["annotations"] = json!({"test/phase": "Pending"});
    create(&mut cluster, "statefulsets", &set);
    cluster.settle();
    assert_eq!(pods(&mut cluster), ["db-0"]);
    set["metadata"]["name"] = "par".into();
    set["spec"]["podManagementPolicy"] = "Parallel".into();
    create(&mut cluster, "statefulsets", &set);
    cluster.settle();
    assert_eq!(pods(&mut cluster), ["db-0", "par-0", "par-1", "par-2"]);
}

#[test]
fn an_update_goes_from_the_last_to_the_partition() {
    let mut cluster = cluster();
    let mut set = stateful_set(3);
    set["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    create(&mut cluster, "statefulsets", &set);
    cluster.settle();
    patch(&mut cluster, "statefulsets", "db", &image("two"));
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "two", "two"]);
    let expected = [
        "delete Pod db-2 in StatefulSet db successful",
        "delete Pod db-1 in StatefulSet db successful",
    ];
    assert_eq!(told(&mut cluster, "SuccessfulDelete"), expected);
    let status = get(&mut cluster, "statefulsets", "db")["status"].take();
    assert_ne!(status["currentRevision"], status["updateRevision"]);
    assert_eq!(status["updatedReplicas"], 2);
    // What is below the partition comes back as it was.
    cluster.send("DELETE", &format!("{}/db-0", path("pods")), &Value::Null);
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "two", "two"]);
    let whole = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}});
    patch(&mut cluster, "statefulsets", "db", &whole);
    cluster.settle();
    assert_eq!(images(&mut cluster), ["two", "two", "two"]);
    let status = get(&mut cluster, "statefulsets", "db")["status"].take();
    assert_eq!(status["currentRevision"], status["updateRevision"]);
    // As `kubectl rollout undo` does it: the old revision becomes the newest.
    patch(&mut cluster, "statefulsets", "db", &image("one"));
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "one", "one"]);
    let revisions = cluster.list(&path("controllerrevisions"));
    let numbers: Vec<_> = revisions
        .iter()
        .map(|one| one["revision"].clone())
        .collect();
    assert!(numbers == [2, 3] || numbers == [3, 2], "{numbers:?}");
}

#[test]
fn an_update_stops_at_the_first_pod_that_does_not_come_up() {
    let mut cluster = cluster();
    create(&mut cluster, "statefulsets", &stateful_set(3));
    cluster.settle();
    patch(&mut cluster, "statefulsets", "db", &stuck("two"));
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "one", "two"]);
}

#[test]
fn a_pod_that_has_failed_is_made_again() {
    let mut cluster = cluster();
    create(&mut cluster, "statefulsets", &stateful_set(1));
    cluster.settle();
    let before = get(&mut cluster, "pods", "db-0")["metadata"]["uid"].take();
    let failed = json!({"status": {"phase": "Failed"}});
    patch(&mut cluster, "pods", "db-0/status", &failed);
    cluster.settle();
    let after = get(&mut cluster, "pods", "db-0")["metadata"]["uid"].take();
    assert!(after.is_string() && after != before);
    let message = "StatefulSet shop/db is recreating failed Pod db-0";
    assert_eq!(told(&mut cluster, "RecreatingFailedPod"), [message]);
}

#[test]
fn on_delete_waits_for_somebody_to_delete() {
    let mut cluster = cluster();
    let mut set = stateful_set(2);
    set["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
    create(&mut cluster, "statefulsets", &set);
    cluster.settle();
    patch(&mut cluster, "statefulsets", "db", &image("two"));
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "one"]);
    cluster.send("DELETE", &format!("{}/db-1", path("pods")), &Value::Null);
    cluster.settle();
    assert_eq!(images(&mut cluster), ["one", "two"]);
}

#[test]
fn so_many_that_one_look_does_not_make_them_all_come_with_the_next() {
    let mut cluster = server();
    cluster.add(StatefulSetController::new());
    let mut set = stateful_set(502);
    set["spec"]["podManagementPolicy"] = "Parallel".into();
    create(&mut cluster, "statefulsets", &set);
    cluster.settle();
    assert_eq!(pods(&mut cluster).len(), 502);
}
