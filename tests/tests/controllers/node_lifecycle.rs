//! Nodes that are lost, cordoned or deleted, and what becomes of their pods.

use crate::nodes::{SECOND, condition, create, kubelet, pod, reasons, with_nodes};
use model::controllers::{
    node_lifecycle::NodeLifecycle, pod_garbage_collector::PodGarbageCollector, scheduler::Scheduler,
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

fn watched(nodes: u32) -> Cluster {
    let mut cluster = with_nodes(nodes);
    cluster.add(NodeLifecycle::default());
    cluster.add(PodGarbageCollector::default());
    cluster.settle();
    cluster
}

/// A pod on that node that puts up with its loss for so many seconds.
fn on(node: &str, name: &str, seconds: Option<i64>) -> Value {
    let mut pod = pod(name, json!({"spec": {"nodeName": node}}));
    if let Some(seconds) = seconds {
        pod["spec"]["tolerations"] = json!([{
            "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
            "tolerationSeconds": seconds,
        }]);
    }
    pod
}

/// Key and effect of a node's taints.
fn taints(cluster: &mut Cluster, node: &str) -> Vec<String> {
    let node = cluster.get(&format!("/api/v1/nodes/{node}"));
    let taints = node["spec"]["taints"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |it: &Value| {
        let text = |field: &str| it[field].as_str().unwrap_or_default().to_owned();
        format!("{}:{}", text("key"), text("effect"))
    };
    taints.iter().map(text).collect()
}

fn deleted(cluster: &mut Cluster, path: &str) -> bool {
    let pod = cluster.get(path);
    pod.is_null() || pod["metadata"]["deletionTimestamp"].is_string()
}

#[test]
fn pods_of_a_lost_node_are_evicted_when_their_time_is_over() {
    let mut cluster = watched(2);
    let at_once = create(&mut cluster, &on("node-1", "at-once", None));
    let later = create(&mut cluster, &on("node-1", "later", Some(300)));
    let elsewhere = create(&mut cluster, &on("node-0", "elsewhere", None));
    cluster.run_until(120 * SECOND, |_| false);
    assert_eq!(
        condition(&cluster.get("/api/v1/nodes/node-1"), "Ready"),
        "True"
    );
    cluster.stop("system:node:node-1");
    let lost = cluster.run_until(60 * SECOND, |cluster| {
        condition(&cluster.get("/api/v1/nodes/node-1"), "Ready") == "Unknown"
    });
    assert!(lost);
    let node = cluster.get("/api/v1/nodes/node-1");
    let conditions = node["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(conditions.len(), 4);
    for it in &conditions {
        assert_eq!(it["reason"], "NodeStatusUnknown");
        assert_eq!(it["message"], "Kubelet stopped posting node status.");
    }
    assert!(reasons(&mut cluster, "node-1").contains(&"NodeNotReady".to_owned()));
    let unreachable = "node.kubernetes.io/unreachable";
    assert_eq!(
        taints(&mut cluster, "node-1"),
        [
            format!("{unreachable}:NoSchedule"),
            format!("{unreachable}:NoExecute")
        ]
    );
    assert!(deleted(&mut cluster, &at_once));
    assert_eq!(
        condition(&cluster.get(&at_once), "DisruptionTarget"),
        "True"
    );
    assert!(!deleted(&mut cluster, &later) && !deleted(&mut cluster, &elsewhere));
    assert_eq!(
        condition(&cluster.get(&later), "Ready"),
        "False",
        "it takes no traffic"
    );
    let start = cluster.server.now.0;
    assert!(cluster.run_until(400 * SECOND, |cluster| deleted(cluster, &later)));
    assert_eq!(cluster.server.now.0 - start, 300 * SECOND);
    assert!(
        !cluster.get(&later).is_null(),
        "nobody can say that it has ended"
    );
    cluster.add(kubelet(1));
    let back = cluster.run_until(60 * SECOND, |cluster| {
        cluster.get(&later).is_null() && taints(cluster, "node-1").is_empty()
    });
    assert!(back);
    assert_eq!(
        condition(&cluster.get("/api/v1/nodes/node-1"), "Ready"),
        "True"
    );
    assert_eq!(condition(&cluster.get(&elsewhere), "Ready"), "True");
}

#[test]
fn pods_are_ready_again_when_their_node_comes_back_in_time() {
    let mut cluster = watched(2);
    let path = create(&mut cluster, &on("node-1", "a", Some(300)));
    cluster.settle();
    cluster.stop("system:node:node-1");
    assert!(cluster.run_until(100 * SECOND, |cluster| condition(
        &cluster.get(&path),
        "Ready"
    ) == "False"));
    cluster.add(kubelet(1));
    cluster.run_until(400 * SECOND, |_| false);
    assert_eq!(condition(&cluster.get(&path), "Ready"), "True");
    assert!(!deleted(&mut cluster, &path));
}

#[test]
fn nothing_is_evicted_when_no_node_is_heard_of() {
    let mut cluster = watched(2);
    let paths = ["node-0", "node-1"].map(|node| create(&mut cluster, &on(node, node, None)));
    cluster.settle();
    for node in ["node-0", "node-1"] {
        cluster.stop(&format!("system:node:{node}"));
    }
    cluster.run_until(600 * SECOND, |_| false);
    assert_eq!(
        condition(&cluster.get("/api/v1/nodes/node-0"), "Ready"),
        "Unknown"
    );
    assert_eq!(
        condition(&cluster.get("/api/v1/nodes/node-1"), "Ready"),
        "Unknown"
    );
    for node in ["node-0", "node-1"] {
        let taints = taints(&mut cluster, node);
        assert_eq!(taints, ["node.kubernetes.io/unreachable:NoSchedule"]);
    }
    assert!(paths.iter().all(|path| !deleted(&mut cluster, path)));
    cluster.add(kubelet(0));
    let evicted = cluster.run_until(60 * SECOND, |cluster| deleted(cluster, &paths[1]));
    assert!(evicted, "one node is heard of again, so the other is lost");
    assert!(!deleted(&mut cluster, &paths[0]));
}

#[test]
fn a_cordoned_node_is_tainted_until_it_is_not() {
    let mut cluster = watched(1);
    cluster.add(Scheduler::default());
    let cordon = |on: Value| json!({"spec": {"unschedulable": on}});
    cluster.send("PATCH", "/api/v1/nodes/node-0", &cordon(true.into()));
    let path = create(&mut cluster, &pod("a", json!({})));
    cluster.settle();
    let taint = "node.kubernetes.io/unschedulable:NoSchedule";
    assert_eq!(taints(&mut cluster, "node-0"), [taint]);
    assert!(cluster.get(&path)["spec"]["nodeName"].is_null());
    cluster.send("PATCH", "/api/v1/nodes/node-0", &cordon(Value::Null));
    cluster.settle();
    assert!(taints(&mut cluster, "node-0").is_empty());
    assert_eq!(cluster.get(&path)["status"]["phase"], "Running");
}

#[test]
fn a_taint_of_ones_own_evicts_and_is_kept() {
    let mut cluster = watched(2);
    let path = create(&mut cluster, &on("node-0", "a", None));
    let mut tolerant = on("node-0", "b", None);
    tolerant["spec"]["tolerations"] = json!([{"key": "mine", "operator": "Exists"}]);
    let tolerant = create(&mut cluster, &tolerant);
    cluster.settle();
    let mine = json!([{"key": "mine", "effect": "NoExecute"}]);
    let change = json!({"spec": {"taints": mine, "unschedulable": true}});
    cluster.send("PATCH", "/api/v1/nodes/node-0", &change);
    cluster.settle();
    assert_eq!(cluster.get(&path), Value::Null);
    assert!(reasons(&mut cluster, "a").contains(&"TaintManagerEviction".to_owned()));
    assert!(!deleted(&mut cluster, &tolerant));
    let both = [
        "mine:NoExecute",
        "node.kubernetes.io/unschedulable:NoSchedule",
    ];
    assert_eq!(taints(&mut cluster, "node-0"), both);
}

#[test]
fn pods_of_a_deleted_node_are_removed() {
    let mut cluster = watched(2);
    let path = create(&mut cluster, &on("node-1", "a", None));
    let never = create(&mut cluster, &on("nowhere", "b", None));
    let kept = create(&mut cluster, &on("node-0", "c", None));
    cluster.settle();
    cluster.stop("system:node:node-1");
    cluster.send("DELETE", "/api/v1/nodes/node-1", &Value::Null);
    cluster.run_until(30 * SECOND, |_| false);
    assert!(!cluster.get(&path).is_null(), "a node may come back");
    let gone = cluster.run_until(60 * SECOND, |cluster| {
        cluster.get(&path).is_null() && cluster.get(&never).is_null()
    });
    assert!(gone);
    assert!(!cluster.get(&kept).is_null());
}
