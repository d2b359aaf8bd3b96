//! Disruption budgets, and evictions that they allow.

use super::{cluster, pod, status};
use model::{
    controllers::disruption::Disruptions,
    wire::{Certificate, Head},
};
use serde_json::{Value, json};
use tests::{cluster::Cluster, in_memory::Answer};

const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(Disruptions::default());
    cluster
}

fn budget(cluster: &mut Cluster, mut spec: Value) {
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    let budget = json!({"metadata": {"name": "b"}, "spec": spec});
    cluster.send("POST", BUDGETS, &budget);
}

/// Expected, healthy, desired, allowed.
fn figures(cluster: &mut Cluster) -> [i64; 4] {
    cluster.settle();
    let status = cluster.get(&format!("{BUDGETS}/b"))["status"].clone();
    [
        "expectedPods",
        "currentHealthy",
        "desiredHealthy",
        "disruptionsAllowed",
    ]
    .map(|field| status[field].as_i64().unwrap_or(-1))
}

/// A ReplicaSet that asks for so many pods, and as many pods of it.
fn replicas(cluster: &mut Cluster, number: usize) {
    let template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    });
    let set = json!({
        "metadata": {"name": "web"},
        "spec": {"replicas": number, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    let set = cluster.send("POST", "/apis/apps/v1/namespaces/default/replicasets", &set);
    let owner = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web",
        "uid": set["metadata"]["uid"], "controller": true,
    }]);
    for index in 0..number {
        let name = format!("p{index}");
        pod(cluster, &name, "web", "n", &format!("10.1.0.{}", index + 1));
        let owned = json!({"metadata": {"ownerReferences": owner}});
        cluster.send("PATCH", &format!("{PODS}/{name}"), &owned);
    }
}

fn evict(cluster: &mut Cluster, pod: &str, options: &Value) -> Answer {
    let head = Head {
        method: "POST".into(),
        path: format!("{PODS}/{pod}/eviction"),
        headers: vec![("content-type".into(), "application/json".into())],
        certificate: Some(Certificate {
            common_name: "admin".into(),
            organizations: vec!["system:masters".into()],
        }),
        ..Head::default()
    };
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod},
        "deleteOptions": options,
    });
    cluster.server.send(&head, eviction.to_string().as_bytes())
}

#[test]
fn a_budget_counts_the_healthy_and_the_expected() {
    let mut cluster = running();
    replicas(&mut cluster, 4);
    budget(&mut cluster, json!({"maxUnavailable": "25%"}));
    assert_eq!(figures(&mut cluster), [4, 4, 3, 1]);
    status(&mut cluster, "p0", "10.1.0.1", false);
    assert_eq!(figures(&mut cluster), [4, 3, 3, 0]);
    let scale = json!({"spec": {"replicas": 2}});
    cluster.send(
        "PATCH",
        "/apis/apps/v1/namespaces/default/replicasets/web",
        &scale,
    );
    assert_eq!(figures(&mut cluster), [2, 3, 1, 2]);
    let condition = &cluster.get(&format!("{BUDGETS}/b"))["status"]["conditions"][0];
    assert_eq!(condition["reason"], "SufficientPods");
}

#[test]
fn a_budget_of_a_number_needs_no_controller_and_one_of_a_share_does() {
    let mut cluster = running();
    pod(&mut cluster, "p0", "web", "n", "10.1.0.1");
    pod(&mut cluster, "p1", "web", "n", "10.1.0.2");
    budget(&mut cluster, json!({"minAvailable": 1}));
    assert_eq!(figures(&mut cluster), [2, 2, 1, 1]);
    let owner = json!({"metadata": {"ownerReferences": [{
        "apiVersion": "example.com/v1", "kind": "Unheard", "name": "x", "uid": "u", "controller": true,
    }]}});
    cluster.send("PATCH", &format!("{PODS}/p0"), &owner);
    let share = json!({"spec": {"minAvailable": "50%"}});
    cluster.send("PATCH", &format!("{BUDGETS}/b"), &share);
    assert_eq!(figures(&mut cluster)[3], 0);
    let condition = &cluster.get(&format!("{BUDGETS}/b"))["status"]["conditions"][0];
    assert_eq!(condition["reason"], "SyncFailed");
    assert_eq!(condition["message"], "found no controllers for pod \"p0\"");
}

#[test]
fn evictions_use_the_budget_up_and_get_it_back() {
    let mut cluster = running();
    replicas(&mut cluster, 2);
    budget(&mut cluster, json!({"minAvailable": 1}));
    cluster.settle();
    assert_eq!(
        evict(&mut cluster, "p0", &json!({"dryRun": ["All"]})).code,
        201
    );
    assert_eq!(figures(&mut cluster), [2, 2, 1, 1]);
    assert_eq!(evict(&mut cluster, "p0", &Value::Null).code, 201);
    // Before the controller has seen anything.
    let refused = evict(&mut cluster, "p1", &Value::Null);
    assert_eq!(refused.code, 429);
    let cause = &refused.json()["details"]["causes"][0]["message"];
    assert_eq!(
        cause,
        "The disruption budget b needs 1 healthy pods and has 2 currently"
    );
    assert_eq!(figures(&mut cluster), [2, 1, 1, 0]);
    let p0 = cluster.get(&format!("{PODS}/p0"));
    assert!(!p0["metadata"]["deletionTimestamp"].is_null());
    let target = &p0["status"]["conditions"][1];
    assert_eq!(target["reason"], "EvictionByEvictionAPI");
    let now = json!({"gracePeriodSeconds": 0});
    cluster.send("DELETE", &format!("{PODS}/p0"), &now);
    pod(&mut cluster, "p2", "web", "n", "10.1.0.9");
    assert_eq!(figures(&mut cluster), [2, 2, 1, 1]);
    assert_eq!(evict(&mut cluster, "p1", &Value::Null).code, 201);
}

#[test]
fn a_pod_that_was_evicted_and_stays_counts_again() {
    let mut cluster = running();
    replicas(&mut cluster, 2);
    budget(&mut cluster, json!({"minAvailable": 1}));
    cluster.settle();
    // An eviction that got no further than the budget.
    let since = cluster.server.now.rfc3339();
    let stuck = json!({"status": {"disruptedPods": {"p0": since}, "disruptionsAllowed": 0}});
    cluster.send("PATCH", &format!("{BUDGETS}/b/status"), &stuck);
    assert_eq!(figures(&mut cluster), [2, 1, 1, 0]);
    assert!(cluster.run_until(130_000_000, |cluster| figures(cluster) == [2, 2, 1, 1]));
}

#[test]
fn an_eviction_says_what_it_is_about() {
    let mut cluster = running();
    pod(&mut cluster, "p0", "web", "n", "10.1.0.1");
    assert_eq!(evict(&mut cluster, "nobody", &Value::Null).code, 404);
    let wrong = json!({"preconditions": {"uid": "another"}});
    assert_eq!(evict(&mut cluster, "p0", &wrong).code, 409);
    let p0 = cluster.get(&format!("{PODS}/p0"));
    assert_eq!(p0["status"]["conditions"].as_array().map(Vec::len), Some(1));
    let right = json!({"preconditions": {
        "uid": p0["metadata"]["uid"], "resourceVersion": p0["metadata"]["resourceVersion"],
    }});
    assert_eq!(evict(&mut cluster, "p0", &right).code, 201);
}
