//! A node's kubelet: its registration, its heartbeats, its pods.

use crate::nodes::{SECOND, condition, create, kubelet, pod, reasons, with_nodes};
use model::{
    ambient::Time,
    controllers::{
        Name,
        kubelet::{
            Capacity, ContainerConfig, Kubelet, PodConfig, Pull, Runtime, SandboxStatus,
            SimulatedRuntime,
        },
    },
};
use serde_json::{Value, json};
use std::{cell::RefCell, rc::Rc};
use tests::cluster::Cluster;

/// A pod on `node-0` whose runtime is steered so.
fn steered(name: &str, annotations: &Value, spec: &Value) -> Value {
    let mut named = serde_json::Map::new();
    for (key, value) in annotations.as_object().into_iter().flatten() {
        named.insert(format!("runtime.trueplane.dev/{key}"), value.clone());
    }
    let mut pod = pod(
        name,
        json!({"metadata": {"annotations": named}, "spec": {"nodeName": "node-0"}}),
    );
    for (field, value) in spec.as_object().into_iter().flatten() {
        pod["spec"][field] = value.clone();
    }
    pod
}

fn container(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]
}

#[test]
fn a_node_registers_itself_and_renews_its_lease() {
    let mut cluster = with_nodes(2);
    let nodes = cluster.list("/api/v1/nodes");
    let ranges: Vec<&Value> = nodes.iter().map(|it| &it["spec"]["podCIDR"]).collect();
    assert_eq!(ranges, ["10.244.0.0/24", "10.244.1.0/24"]);
    let node = &nodes[0];
    assert_eq!(condition(node, "Ready"), "True");
    assert_eq!(node["status"]["capacity"]["pods"], "110");
    assert_eq!(
        node["metadata"]["labels"]["kubernetes.io/hostname"],
        "node-0"
    );
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-0";
    assert!(cluster.run_until(SECOND, |cluster| !cluster.get(lease).is_null()));
    let first = cluster.get(lease);
    assert_eq!(
        first["metadata"]["ownerReferences"][0]["uid"],
        node["metadata"]["uid"]
    );
    let renewed = cluster.run_until(10 * SECOND, |cluster| {
        cluster.get(lease)["spec"]["renewTime"] != first["spec"]["renewTime"]
    });
    assert!(renewed);
    cluster.send("DELETE", lease, &Value::Null);
    let made = cluster.run_until(11 * SECOND, |cluster| !cluster.get(lease).is_null());
    assert!(made, "a lease that is deleted is made again");
    let heartbeat = |node: &Value| node["status"]["conditions"][0]["lastHeartbeatTime"].clone();
    let posted = cluster.run_until(301 * SECOND, |cluster| {
        heartbeat(&cluster.get("/api/v1/nodes/node-0")) != heartbeat(node)
    });
    assert!(posted, "the status is posted every five minutes");
    cluster.send("DELETE", "/api/v1/nodes/node-0", &Value::Null);
    cluster.run_until(60 * SECOND, |_| false);
    assert_eq!(cluster.get("/api/v1/nodes/node-0"), Value::Null);
}

#[test]
fn a_pod_runs_and_goes() {
    let mut cluster = with_nodes(2);
    let path = create(&mut cluster, &steered("a", &json!({}), &json!({})));
    create(&mut cluster, &steered("b", &json!({}), &json!({})));
    cluster.settle();
    let shown = cluster.get(&path);
    let status = &shown["status"];
    assert_eq!(status["phase"], "Running");
    assert_eq!(status["podIP"], "10.244.0.2");
    assert_eq!(status["hostIP"], "192.168.0.2");
    assert_eq!(status["qosClass"], "BestEffort");
    for kind in [
        "PodReadyToStartContainers",
        "Initialized",
        "ContainersReady",
        "Ready",
        "PodScheduled",
    ] {
        assert_eq!(condition(&shown, kind), "True", "{kind}");
    }
    assert_eq!(container(&shown)["ready"], true);
    assert!(container(&shown)["state"]["running"]["startedAt"].is_string());
    let id = container(&shown)["containerID"]
        .as_str()
        .unwrap_or_default();
    assert!(id.starts_with("simulated://"), "{id}");
    let events = reasons(&mut cluster, "a");
    assert_eq!(events, ["Pulled", "Created", "Started"]);
    cluster.send("DELETE", &path, &Value::Null);
    cluster.settle();
    assert_eq!(cluster.get(&path), Value::Null);
    assert_eq!(
        reasons(&mut cluster, "a").last().map(String::as_str),
        Some("Killing")
    );
    let other = cluster.get("/api/v1/namespaces/default/pods/b");
    assert_eq!(other["status"]["podIP"], "10.244.0.3");
    create(&mut cluster, &steered("a", &json!({}), &json!({})));
    cluster.settle();
    assert_eq!(
        cluster.get(&path)["status"]["podIP"],
        "10.244.0.2",
        "the address is free again"
    );
}

#[test]
fn a_pod_is_given_its_grace_period_to_end() {
    let mut cluster = with_nodes(1);
    for (name, delay, most) in [("quick", "5s", 5), ("slow", "2m", 30)] {
        let path = create(
            &mut cluster,
            &steered(name, &json!({"stop-delay": delay}), &json!({})),
        );
        cluster.settle();
        cluster.send("DELETE", &path, &Value::Null);
        let start = cluster.server.now.0;
        assert!(cluster.run_until(120 * SECOND, |cluster| cluster.get(&path).is_null()));
        assert_eq!(cluster.server.now.0 - start, most * SECOND, "{name}");
    }
}

#[test]
fn a_pod_with_a_finalizer_stays_and_its_containers_do_not() {
    let mut cluster = with_nodes(1);
    let mut kept = steered("a", &json!({}), &json!({}));
    kept["metadata"]["finalizers"] = json!(["example.com/wait"]);
    let path = create(&mut cluster, &kept);
    cluster.settle();
    cluster.send("DELETE", &path, &Value::Null);
    cluster.settle();
    let shown = cluster.get(&path);
    assert_eq!(shown["status"]["phase"], "Succeeded");
    assert_eq!(condition(&shown, "Ready"), "False");
    assert!(container(&shown)["state"]["terminated"].is_object());
    cluster.send("PATCH", &path, &json!({"metadata": {"finalizers": null}}));
    cluster.settle();
    assert_eq!(cluster.get(&path), Value::Null);
}

#[test]
fn what_crashes_is_started_again_later_and_later() {
    let mut cluster = with_nodes(1);
    let path = create(
        &mut cluster,
        &steered("a", &json!({"crash-after": "1s"}), &json!({})),
    );
    let restarts = |pod: &Value| container(pod)["restartCount"].as_i64().unwrap_or_default();
    let mut times = Vec::new();
    for count in 0..6 {
        assert!(
            cluster.run_until(400 * SECOND, |cluster| restarts(&cluster.get(&path))
                == count)
        );
        times.push(cluster.server.now.0 / SECOND);
    }
    let delays: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(delays, [1, 11, 21, 41, 81]);
    assert!(cluster.run_until(2 * SECOND, |cluster| {
        container(&cluster.get(&path))["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    }));
    let shown = cluster.get(&path);
    assert_eq!(shown["status"]["phase"], "Running");
    assert_eq!(condition(&shown, "Ready"), "False");
    assert_eq!(container(&shown)["lastState"]["terminated"]["exitCode"], 1);
    let uid = shown["metadata"]["uid"].as_str().unwrap_or_default();
    let message = format!("back-off 2m40s restarting failed container=app pod=a_default({uid})");
    assert_eq!(container(&shown)["state"]["waiting"]["message"], message);
    assert!(reasons(&mut cluster, "a").contains(&"BackOff".to_owned()));
}

#[test]
fn restart_policies_decide_what_becomes_of_the_pod() {
    let mut cluster = with_nodes(1);
    for (policy, code, phase) in [
        ("Never", "0", "Succeeded"),
        ("Never", "3", "Failed"),
        ("OnFailure", "0", "Succeeded"),
        ("OnFailure", "3", "Running"),
        ("Always", "0", "Running"),
    ] {
        let name = format!("{}-{code}", policy.to_lowercase());
        let annotations = json!({"run-for": "1s", "exit-code": code});
        let path = create(
            &mut cluster,
            &steered(&name, &annotations, &json!({"restartPolicy": policy})),
        );
        cluster.settle();
        assert_eq!(cluster.get(&path)["status"]["phase"], "Running", "{name}");
        cluster.run_until(3 * SECOND, |_| false);
        let shown = cluster.get(&path);
        assert_eq!(shown["status"]["phase"], phase, "{name}");
        let ended = &container(&shown)["state"]["terminated"];
        let reason = if code == "0" { "Completed" } else { "Error" };
        assert_eq!(
            ended["reason"].as_str(),
            (phase != "Running").then_some(reason),
            "{name}"
        );
    }
}

#[test]
fn the_address_of_a_pod_that_is_over_is_free_again() {
    let mut cluster = with_nodes(1);
    let spec = json!({"restartPolicy": "Never"});
    for name in ["a", "b", "c"] {
        let path = create(
            &mut cluster,
            &steered(name, &json!({"exit-code": "0"}), &spec),
        );
        cluster.settle();
        let status = &cluster.get(&path)["status"];
        assert_eq!(status["phase"], "Succeeded", "{name}");
        assert_eq!(status["podIP"], "10.244.0.2", "{name}");
    }
    // A pod whose container has crashed will have it again.
    create(
        &mut cluster,
        &steered("d", &json!({"crash-after": "1s"}), &json!({})),
    );
    cluster.run_until(8 * SECOND, |_| false);
    let path = create(&mut cluster, &steered("e", &json!({}), &json!({})));
    cluster.settle();
    assert_eq!(cluster.get(&path)["status"]["podIP"], "10.244.0.3");
}

#[test]
fn an_image_that_cannot_be_pulled_is_tried_again() {
    let mut cluster = with_nodes(1);
    let annotations = json!({"image-pull-error": "not found"});
    let path = create(&mut cluster, &steered("a", &annotations, &json!({})));
    cluster.settle();
    let shown = cluster.get(&path);
    assert_eq!(shown["status"]["phase"], "Pending");
    let waiting = &container(&shown)["state"]["waiting"];
    assert_eq!(waiting["reason"], "ImagePullBackOff");
    assert_eq!(
        waiting["message"],
        "Back-off pulling image \"app:1\": ErrImagePull: not found"
    );
    assert_eq!(condition(&shown, "PodReadyToStartContainers"), "True");
    assert_eq!(condition(&shown, "ContainersReady"), "False");
    let repaired =
        json!({"metadata": {"annotations": {"runtime.trueplane.dev/image-pull-error": null}}});
    cluster.send("PATCH", &path, &repaired);
    let runs = cluster.run_until(11 * SECOND, |cluster| {
        cluster.get(&path)["status"]["phase"] == "Running"
    });
    assert!(runs);
}

#[test]
fn a_container_waits_for_its_image_and_is_not_ready_before_its_time() {
    let mut cluster = with_nodes(1);
    let annotations = json!({"start-delay": "2s", "ready-after": "3s"});
    let path = create(&mut cluster, &steered("a", &annotations, &json!({})));
    cluster.settle();
    let shown = cluster.get(&path);
    assert_eq!(
        container(&shown)["state"]["waiting"]["reason"],
        "ContainerCreating"
    );
    let start = cluster.server.now;
    let phase = |cluster: &mut Cluster| cluster.get(&path)["status"]["phase"].clone();
    assert!(cluster.run_until(3 * SECOND, |cluster| phase(cluster) == "Running"));
    assert_eq!(cluster.server.now.0 - start.0, 2 * SECOND);
    assert_eq!(condition(&cluster.get(&path), "Ready"), "False");
    assert!(cluster.run_until(4 * SECOND, |cluster| condition(
        &cluster.get(&path),
        "Ready"
    ) == "True"));
    assert_eq!(cluster.server.now.0 - start.0, 5 * SECOND);
    let events = reasons(&mut cluster, "a");
    assert_eq!(events, ["Pulling", "Pulled", "Created", "Started"]);
    let gone = json!({"metadata": {"annotations": {"runtime.trueplane.dev/not-ready": "true"}}});
    cluster.send("PATCH", &path, &gone);
    cluster.settle();
    assert_eq!(condition(&cluster.get(&path), "Ready"), "False");
}

#[test]
fn init_containers_come_first_one_after_another() {
    let mut cluster = with_nodes(1);
    let init = json!([{"name": "one", "image": "i"}, {"name": "two", "image": "i"}]);
    let annotations = json!({"run-for.one": "5s", "run-for.two": "5s"});
    let spec = json!({"initContainers": init, "restartPolicy": "Never"});
    let path = create(&mut cluster, &steered("a", &annotations, &spec));
    cluster.settle();
    let states = |pod: &Value| -> Vec<String> {
        let statuses = pod["status"]["initContainerStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let main = pod["status"]["containerStatuses"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let state = |it: &Value| {
            it["state"]
                .as_object()
                .and_then(|it| it.keys().next().cloned())
        };
        statuses.iter().chain(&main).filter_map(state).collect()
    };
    let shown = cluster.get(&path);
    assert_eq!(states(&shown), ["running", "waiting", "waiting"]);
    assert_eq!(
        container(&shown)["state"]["waiting"]["reason"],
        "PodInitializing"
    );
    assert_eq!(condition(&shown, "Initialized"), "False");
    cluster.run_until(5 * SECOND, |_| false);
    assert_eq!(
        states(&cluster.get(&path)),
        ["terminated", "running", "waiting"]
    );
    cluster.run_until(5 * SECOND, |_| false);
    let shown = cluster.get(&path);
    assert_eq!(states(&shown), ["terminated", "terminated", "running"]);
    assert_eq!(condition(&shown, "Ready"), "True");
    let fails = json!({"exit-code.one": "1"});
    let path = create(&mut cluster, &steered("b", &fails, &spec));
    cluster.settle();
    assert_eq!(cluster.get(&path)["status"]["phase"], "Failed");
}

#[test]
fn a_readiness_gate_is_waited_for() {
    let mut cluster = with_nodes(1);
    let spec = json!({"readinessGates": [{"conditionType": "example.com/open"}]});
    let path = create(&mut cluster, &steered("a", &json!({}), &spec));
    cluster.settle();
    let shown = cluster.get(&path);
    assert_eq!(condition(&shown, "ContainersReady"), "True");
    assert_eq!(condition(&shown, "Ready"), "False");
    let mut open = shown.clone();
    let conditions = open["status"]["conditions"]
        .as_array_mut()
        .expect("there are some");
    conditions.push(json!({"type": "example.com/open", "status": "True"}));
    cluster.send("PUT", &format!("{path}/status"), &open);
    cluster.settle();
    assert_eq!(condition(&cluster.get(&path), "Ready"), "True");
}

#[test]
fn a_kubelet_that_is_started_anew_finds_its_containers_running() {
    let runtime = Shared::default();
    let begin = |cluster: &mut Cluster| {
        cluster.add(Kubelet::new(
            "node-0",
            0,
            Capacity::default(),
            runtime.clone(),
        ));
        cluster.settle();
    };
    let mut cluster = with_nodes(0);
    begin(&mut cluster);
    let kept = create(&mut cluster, &steered("a", &json!({}), &json!({})));
    let doomed = create(&mut cluster, &steered("b", &json!({}), &json!({})));
    cluster.settle();
    let before = cluster.get(&kept);
    cluster.stop("system:node:node-0");
    let forced = json!({"gracePeriodSeconds": 0});
    cluster.send("DELETE", &doomed, &forced);
    cluster.run_until(60 * SECOND, |_| false);
    assert_eq!(
        runtime.sandboxes().len(),
        2,
        "what runs goes on without a kubelet"
    );
    begin(&mut cluster);
    assert_eq!(cluster.get(&kept)["status"], before["status"]);
    assert_eq!(
        runtime.sandboxes().len(),
        1,
        "what was deleted meanwhile is killed"
    );
    // Two at once over the same runtime are safe too.
    begin(&mut cluster);
    create(
        &mut cluster,
        &steered("c", &json!({"crash-after": "1s"}), &json!({})),
    );
    cluster.run_until(100 * SECOND, |_| false);
    assert_eq!(cluster.get(&kept)["status"], before["status"]);
}

#[test]
fn a_node_that_has_lost_its_containers_starts_them_anew_but_not_what_was_over() {
    let mut cluster = with_nodes(1);
    let moved = create(&mut cluster, &steered("c", &json!({}), &json!({})));
    cluster.settle();
    create(&mut cluster, &steered("b", &json!({}), &json!({})));
    let over = json!({"restartPolicy": "Never"});
    let over = steered("a", &json!({"exit-code": "3"}), &over);
    let over = create(&mut cluster, &over);
    cluster.settle();
    let before = (cluster.get(&over), cluster.get(&moved));
    assert_eq!(before.0["status"]["phase"], "Failed");
    cluster.stop("system:node:node-0");
    cluster.add(kubelet(0));
    cluster.settle();
    assert_eq!(cluster.get(&over)["status"], before.0["status"]);
    let after = cluster.get(&moved);
    let address = &after["status"]["podIP"];
    assert_ne!(*address, before.1["status"]["podIP"]);
    assert_eq!(after["status"]["podIPs"], json!([{"ip": address}]));
    for path in [over, moved] {
        cluster.send("DELETE", &path, &Value::Null);
        cluster.run_until(60 * SECOND, |_| false);
        assert_eq!(cluster.get(&path), Value::Null);
    }
}

/// A runtime that outlives its kubelet.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<SimulatedRuntime>>);

impl Runtime for Shared {
    fn version(&self) -> (&'static str, &'static str) {
        self.0.borrow().version()
    }

    fn sandboxes(&self) -> Vec<(String, Name)> {
        self.0.borrow().sandboxes()
    }

    fn status(&self, uid: &str, now: Time) -> Option<SandboxStatus> {
        self.0.borrow().status(uid, now)
    }

    fn run_sandbox(&mut self, pod: &PodConfig<'_>, now: Time) {
        self.0.borrow_mut().run_sandbox(pod, now);
    }

    fn pull(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) -> Pull {
        self.0.borrow_mut().pull(pod, container, now)
    }

    fn start(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) {
        self.0.borrow_mut().start(pod, container, now);
    }

    fn ready(&self, pod: &PodConfig<'_>, container: &str, now: Time) -> (bool, Option<Time>) {
        self.0.borrow().ready(pod, container, now)
    }

    fn stop(&mut self, pod: &PodConfig<'_>, container: &str, grace_seconds: i64, now: Time) {
        self.0.borrow_mut().stop(pod, container, grace_seconds, now);
    }

    fn remove(&mut self, uid: &str) {
        self.0.borrow_mut().remove(uid);
    }
}
