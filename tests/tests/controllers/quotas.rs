//! What quotas say is used.

use super::{cluster, pod};
use model::{
    controllers::{Api, resource_quota::ResourceQuotas},
    resource::Resources,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn running(spec: &Value) -> Cluster {
    let mut cluster = cluster();
    cluster.add(ResourceQuotas::new(Api::deletable(&Resources::built_in())));
    let quota = json!({"metadata": {"name": "q"}, "spec": spec});
    cluster.send("POST", QUOTAS, &quota);
    cluster
}

fn used(cluster: &mut Cluster) -> Value {
    cluster.settle();
    let status = cluster.get(&format!("{QUOTAS}/q"))["status"].clone();
    let hard = cluster.get(&format!("{QUOTAS}/q"))["spec"]["hard"].clone();
    assert_eq!(status["hard"], hard);
    status["used"].clone()
}

#[test]
fn objects_are_counted_and_what_goes_is_given_back() {
    let hard = json!({
        "configmaps": "5", "count/secrets": "1", "count/deployments.apps": "2", "services": "3",
        "services.nodeports": "2", "requests.storage": "10Gi",
        "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "2",
    });
    let mut cluster = running(&json!({"hard": hard}));
    let path = "/api/v1/namespaces/default";
    for name in ["a", "b"] {
        let map = json!({"metadata": {"name": name}});
        cluster.send("POST", &format!("{path}/configmaps"), &map);
        let claim = json!({"metadata": {"name": name}, "spec": {
            "storageClassName": if name == "a" { "fast" } else { "slow" },
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1536Mi"}},
        }});
        cluster.send("POST", &format!("{path}/persistentvolumeclaims"), &claim);
    }
    let service = json!({"metadata": {"name": "s"}, "spec": {
        "type": "NodePort", "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}],
    }});
    cluster.send("POST", &format!("{path}/services"), &service);
    assert_eq!(
        used(&mut cluster),
        json!({
            "configmaps": "2", "count/secrets": "0", "count/deployments.apps": "0",
            "services": "1", "services.nodeports": "2", "requests.storage": "3Gi",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        })
    );
    cluster.send("DELETE", &format!("{path}/configmaps/a"), &Value::Null);
    assert_eq!(used(&mut cluster)["configmaps"], "1");
}

fn resourceful(cluster: &mut Cluster, name: &str, requests: &Value) {
    let pod = json!({"metadata": {"name": name}, "spec": {
        "containers": [
            {"name": "a", "image": "i", "resources": {"requests": requests}},
            {"name": "b", "image": "i", "resources": {"requests": {"cpu": "250m"}}},
        ],
        "initContainers": [
            {"name": "c", "image": "i", "resources": {"requests": {"cpu": "300m"}}},
        ],
    }});
    cluster.send("POST", PODS, &pod);
}

#[test]
fn pods_count_for_what_they_ask_for_until_they_end() {
    let hard = json!({"pods": "5", "cpu": "4", "requests.memory": "4Gi", "limits.cpu": "1"});
    let mut cluster = running(&json!({"hard": hard}));
    resourceful(
        &mut cluster,
        "p",
        &json!({"cpu": "500m", "memory": "512Mi"}),
    );
    resourceful(
        &mut cluster,
        "q",
        &json!({"cpu": "1250m", "memory": "512Mi"}),
    );
    assert_eq!(
        used(&mut cluster),
        json!({"pods": "2", "cpu": "2250m", "requests.memory": "1Gi", "limits.cpu": "0"})
    );
    let ended = json!({"status": {"phase": "Succeeded"}});
    cluster.send("PATCH", &format!("{PODS}/q/status"), &ended);
    assert_eq!(
        used(&mut cluster),
        json!({"pods": "1", "cpu": "750m", "requests.memory": "512Mi", "limits.cpu": "0"})
    );
}

#[test]
fn scopes_say_which_pods_count() {
    let mut cluster = running(&json!({"hard": {"pods": "5"}, "scopes": ["BestEffort"]}));
    resourceful(&mut cluster, "p", &json!({"cpu": "1"}));
    assert_eq!(used(&mut cluster), json!({"pods": "0"}));
    pod(&mut cluster, "q", "web", "n", "10.1.0.1");
    assert_eq!(used(&mut cluster), json!({"pods": "1"}));
}
