//! Claims and the volumes that they get; roles made of others.

use super::cluster;
use model::controllers::{
    cluster_role_aggregation::ClusterRoleAggregation,
    persistent_volume_binder::PersistentVolumeBinder,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const VOLUMES: &str = "/api/v1/persistentvolumes";
const CLAIMS: &str = "/api/v1/namespaces/default/persistentvolumeclaims";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(PersistentVolumeBinder::default());
    cluster
}

fn volume(cluster: &mut Cluster, name: &str, class: &str, size: &str, policy: &str) {
    let volume = json!({"metadata": {"name": name}, "spec": {
        "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"],
        "storageClassName": class, "persistentVolumeReclaimPolicy": policy,
        "hostPath": {"path": "/data"},
    }});
    cluster.send("POST", VOLUMES, &volume);
}

fn claim(cluster: &mut Cluster, name: &str, class: &str, size: &str) {
    let claim = json!({"metadata": {"name": name}, "spec": {
        "storageClassName": class, "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }});
    cluster.send("POST", CLAIMS, &claim);
}

/// Volume and phase of a claim.
fn bound(cluster: &mut Cluster, claim: &str) -> (Value, Value) {
    cluster.settle();
    let claim = cluster.get(&format!("{CLAIMS}/{claim}"));
    (
        claim["spec"]["volumeName"].clone(),
        claim["status"]["phase"].clone(),
    )
}

fn phase(cluster: &mut Cluster, volume: &str) -> Value {
    cluster.settle();
    cluster.get(&format!("{VOLUMES}/{volume}"))["status"]["phase"].clone()
}

#[test]
fn a_claim_gets_the_smallest_volume_that_does() {
    let mut cluster = running();
    volume(&mut cluster, "other", "fast", "5Gi", "Retain");
    volume(&mut cluster, "large", "slow", "100Gi", "Retain");
    volume(&mut cluster, "fitting", "slow", "8Gi", "Retain");
    volume(&mut cluster, "small", "slow", "1Gi", "Retain");
    assert_eq!(phase(&mut cluster, "fitting"), "Available");
    claim(&mut cluster, "c", "slow", "5Gi");
    assert_eq!(bound(&mut cluster, "c"), (json!("fitting"), json!("Bound")));
    assert_eq!(phase(&mut cluster, "fitting"), "Bound");
    let claim = cluster.get(&format!("{CLAIMS}/c"));
    assert_eq!(claim["status"]["capacity"]["storage"], "8Gi");
}

#[test]
fn two_claims_never_share_a_volume() {
    let mut cluster = running();
    claim(&mut cluster, "a", "slow", "5Gi");
    claim(&mut cluster, "b", "slow", "5Gi");
    assert_eq!(bound(&mut cluster, "a"), (Value::Null, json!("Pending")));
    volume(&mut cluster, "v1", "slow", "5Gi", "Retain");
    let of = |cluster: &mut Cluster, name| bound(cluster, name).0;
    let (a, b) = (of(&mut cluster, "a"), of(&mut cluster, "b"));
    assert!(a.is_null() != b.is_null(), "{a} {b}");
    volume(&mut cluster, "v2", "slow", "5Gi", "Retain");
    let (a, b) = (of(&mut cluster, "a"), of(&mut cluster, "b"));
    assert!(a != b && !a.is_null() && !b.is_null(), "{a} {b}");
}

#[test]
fn a_volume_is_released_and_reclaimed_as_it_says() {
    let mut cluster = running();
    volume(&mut cluster, "keep", "a", "1Gi", "Retain");
    volume(&mut cluster, "drop", "b", "1Gi", "Delete");
    claim(&mut cluster, "a", "a", "1Gi");
    claim(&mut cluster, "b", "b", "1Gi");
    assert_eq!(bound(&mut cluster, "a").1, "Bound");
    assert_eq!(bound(&mut cluster, "b").1, "Bound");
    for name in ["a", "b"] {
        cluster.send("DELETE", &format!("{CLAIMS}/{name}"), &Value::Null);
    }
    assert!(cluster.run_until(10_000_000, |cluster| phase(cluster, "keep") == "Released"));
    assert_eq!(cluster.get(&format!("{VOLUMES}/drop")), Value::Null);
    claim(&mut cluster, "a", "a", "1Gi");
    assert_eq!(
        bound(&mut cluster, "a").1,
        "Pending",
        "what it held is not given away"
    );
}

#[test]
fn a_claim_whose_volume_is_gone_is_lost() {
    let mut cluster = running();
    volume(&mut cluster, "v", "a", "1Gi", "Retain");
    claim(&mut cluster, "c", "a", "1Gi");
    assert_eq!(bound(&mut cluster, "c").1, "Bound");
    cluster.send("DELETE", &format!("{VOLUMES}/v"), &Value::Null);
    assert!(cluster.run_until(10_000_000, |cluster| bound(cluster, "c").1 == "Lost"));
}

#[test]
fn a_role_has_the_rules_of_those_it_is_made_of() {
    let mut cluster = cluster();
    cluster.add(ClusterRoleAggregation::default());
    let sum = json!({"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": [
        {"matchLabels": {"to-sum": "true"}},
    ]}});
    cluster.send("POST", ROLES, &sum);
    let rule =
        |resource: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]});
    for (name, resource) in [("b", "pods"), ("a", "secrets"), ("c", "pods")] {
        let part = json!({
            "metadata": {"name": name, "labels": {"to-sum": "true"}}, "rules": [rule(resource)],
        });
        cluster.send("POST", ROLES, &part);
    }
    cluster.settle();
    let rules = |cluster: &mut Cluster| cluster.get(&format!("{ROLES}/sum"))["rules"].clone();
    assert_eq!(rules(&mut cluster), json!([rule("secrets"), rule("pods")]));
    let leave = json!({"metadata": {"labels": {"to-sum": null}}});
    cluster.send("PATCH", &format!("{ROLES}/a"), &leave);
    cluster.settle();
    assert_eq!(rules(&mut cluster), json!([rule("pods")]));
}
