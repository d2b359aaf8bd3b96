//! Clusters with nodes, and what is often asked about them.

use model::{
    bootstrap,
    config::{AuthorizationMode, Config},
    controllers::kubelet::{Capacity, Kubelet, SimulatedRuntime},
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

/// A second on the cluster's clock.
pub(crate) const SECOND: i64 = 1_000_000;

/// A server with the first objects of a cluster, that gives everybody the rights of their roles.
pub(crate) fn empty() -> Cluster {
    let mut config = Config::permissive();
    config.authorization = vec![AuthorizationMode::Node, AuthorizationMode::Rbac];
    let mut cluster = Cluster::new(config);
    for object in bootstrap::objects() {
        let text = |path: &str| {
            let value = object.pointer(path).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let collection = match text("/kind").as_str() {
            "Namespace" => "/api/v1/namespaces".to_owned(),
            "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => {
                let place = match text("/metadata/namespace").as_str() {
                    "" => String::new(),
                    namespace => format!("/namespaces/{namespace}"),
                };
                let plural = text("/kind").to_lowercase();
                format!("/apis/rbac.authorization.k8s.io/v1{place}/{plural}s")
            }
            _ => continue,
        };
        cluster.send("POST", &collection, &object);
    }
    cluster
}

/// The kubelet of `node-INDEX`.
pub(crate) fn kubelet(index: u32) -> Kubelet<SimulatedRuntime> {
    let name = format!("node-{index}");
    Kubelet::new(&name, index, Capacity::default(), SimulatedRuntime::new())
}

/// A cluster with so many nodes, all registered.
pub(crate) fn with_nodes(count: u32) -> Cluster {
    let mut cluster = empty();
    for index in 0..count {
        cluster.add(kubelet(index));
    }
    cluster.settle();
    cluster
}

/// A pod with one container, and these changes to it as a JSON merge patch.
pub(crate) fn pod(name: &str, changes: Value) -> Value {
    let mut pod = json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "image": "app:1"}]},
    });
    merge(&mut pod, changes);
    pod
}

fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(members), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(members.entry(name).or_insert(Value::Null), change);
            }
        }
        (target, changes) => *target = changes,
    }
}

/// Creates the pod in `default`; its path.
pub(crate) fn create(cluster: &mut Cluster, pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().expect("it has a name");
    cluster.send("POST", "/api/v1/namespaces/default/pods", pod);
    format!("/api/v1/namespaces/default/pods/{name}")
}

/// The status of a condition of an object; empty when there is none.
pub(crate) fn condition(object: &Value, kind: &str) -> String {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|it| it["type"] == kind);
    let status = found.and_then(|it| it["status"].as_str());
    status.unwrap_or_default().to_owned()
}

/// The reasons of the events about the object of that name, in the order in which they came.
pub(crate) fn reasons(cluster: &mut Cluster, name: &str) -> Vec<String> {
    let mut events = cluster.list("/api/v1/events");
    events.retain(|event| event["involvedObject"]["name"] == name);
    let version = |event: &Value| {
        let version = event["metadata"]["resourceVersion"].as_str();
        version.and_then(|text| text.parse::<u64>().ok())
    };
    events.sort_by_key(version);
    let reasons = events.iter().filter_map(|event| event["reason"].as_str());
    reasons.map(str::to_owned).collect()
}
