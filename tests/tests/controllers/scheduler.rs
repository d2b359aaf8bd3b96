//! The scheduler: where pods go, and why some go nowhere.

use crate::nodes::{SECOND, create, kubelet, pod, reasons, with_nodes};
use model::controllers::{
    kubelet::{Capacity, Kubelet, SimulatedRuntime},
    scheduler::Scheduler,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::cluster::Cluster;

fn scheduled(count: u32) -> Cluster {
    let mut cluster = with_nodes(count);
    cluster.add(Scheduler::default());
    cluster.settle();
    cluster
}

fn small(index: u32) -> Kubelet<SimulatedRuntime> {
    let capacity = Capacity {
        cpu: "1".into(),
        memory: "1Gi".into(),
        pods: 3,
        ..Capacity::default()
    };
    Kubelet::new(
        &format!("small-{index}"),
        index,
        capacity,
        SimulatedRuntime::new(),
    )
}

fn asks(cpu: &str) -> Value {
    let resources = json!({"requests": {"cpu": cpu}});
    json!({"spec": {"containers": [{"name": "app", "image": "app:1", "resources": resources}]}})
}

fn node_of(cluster: &mut Cluster, path: &str) -> String {
    let pod = cluster.get(path);
    pod["spec"]["nodeName"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// What PodScheduled says of a pod that waits.
fn why(cluster: &mut Cluster, path: &str) -> String {
    let pod = cluster.get(path);
    let conditions = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut found = conditions.iter().filter(|it| it["type"] == "PodScheduled");
    let found = found.next().unwrap_or(&Value::Null);
    assert_eq!(found["reason"], "Unschedulable", "{found}");
    found["message"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn pods_are_spread_run_and_are_told_of() {
    let mut cluster = scheduled(3);
    let owner = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u",
        "controller": true}]);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    let paths: Vec<String> = (0..9)
        .map(|index| {
            let changes = json!({"metadata": {"ownerReferences": owner}});
            create(&mut cluster, &pod(&format!("web-{index}"), changes))
        })
        .collect();
    cluster.settle();
    for path in &paths {
        *counts.entry(node_of(&mut cluster, path)).or_default() += 1;
        assert_eq!(cluster.get(path)["status"]["phase"], "Running");
    }
    assert_eq!(counts.into_values().collect::<Vec<u32>>(), [3, 3, 3]);
    let events = reasons(&mut cluster, "web-0");
    assert!(events.contains(&"Scheduled".to_owned()), "{events:?}");
    let mut messages = cluster.list("/api/v1/events");
    messages.retain(|it| it["reason"] == "Scheduled" && it["involvedObject"]["name"] == "web-0");
    let node = node_of(&mut cluster, &paths[0]);
    let expected = format!("Successfully assigned default/web-0 to {node}");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["message"], expected);
}

#[test]
fn a_pod_that_fits_nowhere_waits_for_a_node() {
    let mut cluster = with_nodes(0);
    cluster.add(Scheduler::default());
    let path = create(&mut cluster, &pod("a", asks("2")));
    cluster.settle();
    assert_eq!(
        why(&mut cluster, &path),
        "no nodes available to schedule pods"
    );
    cluster.add(small(0));
    cluster.add(small(1));
    cluster.settle();
    assert_eq!(
        why(&mut cluster, &path),
        "0/2 nodes are available: 2 Insufficient cpu. no new claims to deallocate, preemption: \
         0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
    let events = reasons(&mut cluster, "a");
    assert!(
        events.iter().all(|it| it == "FailedScheduling"),
        "{events:?}"
    );
    cluster.add(kubelet(2));
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &path), "node-2");
}

#[test]
fn room_is_what_pods_ask_for_and_comes_back_when_they_go() {
    let mut cluster = with_nodes(0);
    cluster.add(Scheduler::default());
    cluster.add(small(0));
    let first = create(&mut cluster, &pod("a", asks("600m")));
    cluster.settle();
    let second = create(&mut cluster, &pod("b", asks("600m")));
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &first), "small-0");
    assert_eq!(
        why(&mut cluster, &second),
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: \
         0/1 nodes are available: 1 No preemption victims found for incoming pod."
    );
    cluster.send("DELETE", &first, &Value::Null);
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &second), "small-0");
    for name in ["c", "d", "e"] {
        create(&mut cluster, &pod(name, json!({})));
        cluster.settle();
    }
    let told = why(&mut cluster, "/api/v1/namespaces/default/pods/e");
    assert!(
        told.starts_with("0/1 nodes are available: 1 Too many pods. "),
        "{told}"
    );
    let done = json!({"status": {"phase": "Succeeded"}});
    cluster.send("PATCH", "/api/v1/namespaces/default/pods/c/status", &done);
    cluster.settle();
    assert_eq!(
        node_of(&mut cluster, "/api/v1/namespaces/default/pods/e"),
        "small-0"
    );
}

#[test]
fn a_node_is_full_whatever_is_asked_for() {
    let mut cluster = scheduled(1);
    let huge = json!({"requests": {"memory": "7Ei"}});
    for name in ["a", "b"] {
        let mut placed = pod(name, json!({"spec": {"nodeName": "node-0"}}));
        placed["spec"]["containers"][0]["resources"] = huge.clone();
        create(&mut cluster, &placed);
    }
    let mut small = pod("c", json!({}));
    small["spec"]["containers"][0]["resources"] = json!({"requests": {"memory": "1Mi"}});
    let small = create(&mut cluster, &small);
    cluster.settle();
    assert!(why(&mut cluster, &small).contains("Insufficient memory"));
}

#[test]
fn init_containers_count_by_the_largest_and_sidecars_always() {
    let mut cluster = with_nodes(0);
    cluster.add(Scheduler::default());
    cluster.add(small(0));
    let container = |name: &str, cpu: &str| json!({"name": name, "image": "i", "resources": {"requests": {"cpu": cpu}}});
    let mut sidecar = container("s", "300m");
    sidecar["restartPolicy"] = "Always".into();
    // 300m + 400m while the pod runs, 300m + 600m while it begins.
    let changes = json!({"spec": {
        "containers": [container("app", "400m")],
        "initContainers": [sidecar, container("i", "600m")],
    }});
    create(&mut cluster, &pod("a", changes));
    let fits = create(&mut cluster, &pod("b", asks("100m")));
    let more = create(&mut cluster, &pod("c", asks("1m")));
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &fits), "small-0");
    assert_eq!(node_of(&mut cluster, &more), "");
}

#[test]
fn each_filter_says_why_in_upstreams_words() {
    let mut cluster = scheduled(2);
    let label = json!({"metadata": {"labels": {"disk": "ssd", "size": "7"}}});
    cluster.send("PATCH", "/api/v1/nodes/node-0", &label);
    let taint = json!([{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]);
    cluster.send(
        "PATCH",
        "/api/v1/nodes/node-1",
        &json!({"spec": {"taints": taint}}),
    );
    let affinity = |expressions: Value| {
        let terms = json!({"nodeSelectorTerms": [{"matchExpressions": expressions}]});
        json!({"spec": {"affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": terms}}}})
    };
    let port = json!([{"containerPort": 80, "hostPort": 80}]);
    let port = json!({"spec": {"containers": [{"name": "app", "image": "i", "ports": port}]}});
    let tolerates = json!([{"key": "dedicated", "operator": "Exists"}]);
    let tolerates = json!({"spec": {"tolerations": tolerates, "nodeSelector":
        {"kubernetes.io/hostname": "node-1"}}});
    for (name, changes, expected) in [
        ("plain", json!({}), Ok("node-0")),
        (
            "ssd",
            json!({"spec": {"nodeSelector": {"disk": "ssd"}}}),
            Ok("node-0"),
        ),
        ("tolerant", tolerates, Ok("node-1")),
        (
            "in",
            affinity(json!([{"key": "disk", "operator": "In", "values": ["ssd"]}])),
            Ok("node-0"),
        ),
        (
            "gt",
            affinity(json!([{"key": "size", "operator": "Gt", "values": ["6"]}])),
            Ok("node-0"),
        ),
        (
            "lt",
            affinity(json!([{"key": "size", "operator": "Lt", "values": ["6"]}])),
            Err(
                "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s)",
            ),
        ),
        ("port", port.clone(), Ok("node-0")),
        (
            "port-again",
            port,
            Err(
                "1 node(s) didn't have free ports for the requested pod ports, 1 node(s) had untolerated taint(s)",
            ),
        ),
    ] {
        let path = create(&mut cluster, &pod(name, changes));
        cluster.settle();
        match expected {
            Ok(node) => assert_eq!(node_of(&mut cluster, &path), node, "{name}"),
            Err(reasons) => {
                let told = why(&mut cluster, &path);
                let expected = format!("0/2 nodes are available: {reasons}. ");
                assert!(told.starts_with(&expected), "{told}");
            }
        }
    }
    let cordon = json!({"spec": {"unschedulable": true}});
    cluster.send("PATCH", "/api/v1/nodes/node-0", &cordon);
    let path = create(&mut cluster, &pod("cordoned", json!({})));
    cluster.settle();
    let told = why(&mut cluster, &path);
    assert!(told.contains("1 node(s) were unschedulable"), "{told}");
    cluster.send(
        "PATCH",
        "/api/v1/nodes/node-0",
        &json!({"spec": {"unschedulable": null}}),
    );
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &path), "node-0");
}

#[test]
fn the_most_important_pod_comes_first_and_gated_ones_not_at_all() {
    let mut cluster = with_nodes(0);
    cluster.add(Scheduler::default());
    let class = json!({"metadata": {"name": "high"}, "value": 1000});
    cluster.send("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", &class);
    let low = create(&mut cluster, &pod("low", asks("600m")));
    let mut important = pod("important", asks("600m"));
    important["spec"]["priority"] = 1000.into();
    important["spec"]["priorityClassName"] = "high".into();
    let high = create(&mut cluster, &important);
    let mut gated = pod("gated", asks("1m"));
    gated["spec"]["schedulingGates"] = json!([{"name": "example.com/wait"}]);
    let gated = create(&mut cluster, &gated);
    let other = create(
        &mut cluster,
        &pod("other", json!({"spec": {"schedulerName": "mine"}})),
    );
    cluster.settle();
    cluster.add(small(0));
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &high), "small-0");
    for path in [&low, &gated, &other] {
        assert_eq!(node_of(&mut cluster, path), "", "{path}");
    }
    let open = json!({"spec": {"schedulingGates": []}});
    cluster.send("PATCH", &gated, &open);
    cluster.settle();
    assert_eq!(node_of(&mut cluster, &gated), "small-0");
}

#[test]
fn two_schedulers_bind_each_pod_once() {
    let mut cluster = scheduled(2);
    cluster.add(Scheduler::default());
    let paths: Vec<String> = (0..20)
        .map(|index| create(&mut cluster, &pod(&format!("p-{index}"), json!({}))))
        .collect();
    cluster.run_until(5 * SECOND, |_| false);
    for path in &paths {
        assert_eq!(cluster.get(path)["status"]["phase"], "Running", "{path}");
    }
    let mut events = cluster.list("/api/v1/events");
    events.retain(|event| event["reason"] == "Scheduled");
    assert_eq!(events.len(), 20, "only who has bound a pod says so");
}

/// A cluster with that many nodes in each of two zones.
fn zoned(each: u32) -> Cluster {
    let mut cluster = scheduled(2 * each);
    for index in 0..2 * each {
        let zone = json!({"metadata": {"labels": {"zone": format!("z{}", index % 2)}}});
        cluster.send("PATCH", &format!("/api/v1/nodes/node-{index}"), &zone);
    }
    cluster
}

fn zone_of(cluster: &mut Cluster, path: &str) -> String {
    match node_of(cluster, path).strip_prefix("node-") {
        Some(index) => format!("z{}", index.parse::<u32>().unwrap_or_default() % 2),
        None => String::new(),
    }
}

/// Labels `app`, and required terms of that kind over pods with that label.
fn with_terms(name: &str, app: &str, kind: &str, other: &str, key: &str) -> Value {
    let term = json!({"topologyKey": key, "labelSelector": {"matchLabels": {"app": other}}});
    let affinity = json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}});
    let labels = json!({"app": app});
    pod(
        name,
        json!({"metadata": {"labels": labels}, "spec": {"affinity": affinity}}),
    )
}

#[test]
fn pods_that_avoid_each_other_are_apart_and_later_ones_wait() {
    let mut cluster = zoned(1);
    let alone = |name: &str| with_terms(name, "a", "podAntiAffinity", "a", "zone");
    let first = create(&mut cluster, &alone("a"));
    let second = create(&mut cluster, &alone("b"));
    cluster.settle();
    assert_ne!(
        zone_of(&mut cluster, &first),
        zone_of(&mut cluster, &second)
    );
    let third = create(&mut cluster, &alone("c"));
    let plain = pod("d", json!({"metadata": {"labels": {"app": "a"}}}));
    let plain = create(&mut cluster, &plain);
    cluster.settle();
    let told = why(&mut cluster, &third);
    let expected = "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. ";
    assert!(told.starts_with(expected), "{told}");
    let told = why(&mut cluster, &plain);
    let expected = "0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity";
    assert!(told.starts_with(expected), "{told}");
    cluster.send("DELETE", &first, &Value::Null);
    cluster.settle();
    let placed = [&third, &plain].map(|path| zone_of(&mut cluster, path));
    assert!(
        placed.iter().filter(|zone| !zone.is_empty()).count() == 1,
        "{placed:?}"
    );
}

#[test]
fn pods_that_want_each_other_are_together() {
    let mut cluster = zoned(2);
    let follower = with_terms("follower", "b", "podAffinity", "a", "zone");
    let follower = create(&mut cluster, &follower);
    cluster.settle();
    let told = why(&mut cluster, &follower);
    let expected = "0/4 nodes are available: 4 node(s) didn't match pod affinity rules. ";
    assert!(told.starts_with(expected), "{told}");
    let leader = create(
        &mut cluster,
        &pod("leader", json!({"metadata": {"labels": {"app": "a"}}})),
    );
    cluster.settle();
    assert_eq!(
        zone_of(&mut cluster, &leader),
        zone_of(&mut cluster, &follower)
    );
    let group: Vec<String> = ["x", "y", "z"]
        .iter()
        .map(|name| {
            create(
                &mut cluster,
                &with_terms(name, "g", "podAffinity", "g", "zone"),
            )
        })
        .collect();
    cluster.settle();
    let zones: Vec<String> = group
        .iter()
        .map(|path| zone_of(&mut cluster, path))
        .collect();
    assert!(
        !zones[0].is_empty() && zones.iter().all(|zone| *zone == zones[0]),
        "{zones:?}"
    );
}

#[test]
fn pods_are_spread_over_domains_as_evenly_as_asked() {
    let mut cluster = zoned(2);
    let constraint = json!([{"maxSkew": 1, "topologyKey": "zone",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "s"}}}]);
    let spread = |name: &str, selector: Value| {
        let spec = json!({"topologySpreadConstraints": constraint, "nodeSelector": selector});
        pod(
            name,
            json!({"metadata": {"labels": {"app": "s"}}, "spec": spec}),
        )
    };
    let paths: Vec<String> = (0..6)
        .map(|index| create(&mut cluster, &spread(&format!("s-{index}"), json!({}))))
        .collect();
    cluster.settle();
    let zones: Vec<String> = paths
        .iter()
        .map(|path| zone_of(&mut cluster, path))
        .collect();
    assert_eq!(
        zones.iter().filter(|zone| *zone == "z0").count(),
        3,
        "{zones:?}"
    );
    cluster.send(
        "PATCH",
        "/api/v1/nodes/node-0",
        &json!({"spec": {"unschedulable": true}}),
    );
    cluster.send(
        "PATCH",
        "/api/v1/nodes/node-2",
        &json!({"spec": {"unschedulable": true}}),
    );
    let seventh = create(&mut cluster, &spread("s-6", json!({})));
    cluster.settle();
    assert_eq!(zone_of(&mut cluster, &seventh), "z1");
    let eighth = create(&mut cluster, &spread("s-7", json!({})));
    cluster.settle();
    let told = why(&mut cluster, &eighth);
    let expected =
        "2 node(s) didn't match pod topology spread constraints, 2 node(s) were unschedulable";
    assert!(told.contains(expected), "{told}");
}
