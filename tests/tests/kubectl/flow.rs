//! The whole way: kubectl makes a Deployment, and its pods run on simulated nodes behind a Service.

use crate::tool::{Kubectl, cells, patience};
use std::collections::BTreeSet;

/// A Deployment of three behind a Service, rolled out.
fn web() -> Kubectl {
    let kubectl = Kubectl::with_cluster();
    kubectl.ok("create deployment web --image=nginx --replicas=3");
    kubectl.ok("expose deployment web --port=80");
    rolled_out(&kubectl);
    kubectl
}

fn rolled_out(kubectl: &Kubectl) -> String {
    kubectl.ok(&format!(
        "rollout status deployment/web --timeout={}",
        patience()
    ))
}

/// What a JSONPath with one word an object finds, sorted.
fn words(kubectl: &Kubectl, objects: &str, path: &str) -> BTreeSet<String> {
    let found = kubectl.ok(&format!("get {objects} -o 'jsonpath={path}'"));
    found.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_deployment_ends_as_ready_pods_behind_its_service() {
    let kubectl = web();
    let pods = kubectl.ok("get pods --no-headers");
    assert_eq!(pods.lines().count(), 3, "{pods}");
    for pod in pods.lines() {
        assert_eq!(cells(pod)[1..3], ["1/1", "Running"], "{pods}");
    }
    let nodes = words(&kubectl, "pods", "{.items[*].spec.nodeName}");
    assert!(nodes.len() > 1, "all pods are on {nodes:?}");
    let addresses = words(&kubectl, "pods", "{.items[*].status.podIP}");
    assert_eq!(addresses.len(), 3);
    let slices = "endpointslices -l kubernetes.io/service-name=web";
    let path = "{.items[*].endpoints[*].addresses[*]}";
    kubectl.until("the slice has the pods", || {
        words(&kubectl, slices, path) == addresses
    });
    for node in words(&kubectl, "nodes", "{.items[*].metadata.name}") {
        let raw = format!("get --raw /debug/proxy/{node}");
        kubectl.until("every proxy forwards to the pods", || {
            let table = kubectl.ok(&raw);
            addresses.iter().all(|it| table.contains(it.as_str()))
        });
    }
}

#[test]
fn a_pod_is_told_of_by_events_and_by_describe() {
    let kubectl = web();
    let reasons = words(&kubectl, "events", "{.items[*].reason}");
    for reason in [
        "ScalingReplicaSet",
        "SuccessfulCreate",
        "Scheduled",
        "Started",
    ] {
        assert!(reasons.contains(reason), "{reasons:?}");
    }
    let described = kubectl.ok("describe pods -l app=web");
    for line in ["Successfully assigned default/web-", "Container started"] {
        assert!(described.contains(line), "{described}");
    }
}

#[test]
fn rollouts_go_forth_and_back() {
    let kubectl = web();
    kubectl.ok("set image deployment/web nginx=nginx:2");
    rolled_out(&kubectl);
    let image = "{.items[*].spec.containers[*].image}";
    kubectl.until("only new pods are left", || {
        words(&kubectl, "pods", image) == ["nginx:2".to_owned()].into()
    });
    let history = kubectl.ok("rollout history deployment/web");
    let revisions: Vec<&str> = history
        .lines()
        .filter_map(|it| it.split(' ').next())
        .collect();
    assert!(
        revisions.contains(&"1") && revisions.contains(&"2"),
        "{history}"
    );
    kubectl.ok("rollout undo deployment/web");
    rolled_out(&kubectl);
    kubectl.until("only old pods are left", || {
        words(&kubectl, "pods", image) == ["nginx".to_owned()].into()
    });
    kubectl.ok("scale deployment/web --replicas=5");
    rolled_out(&kubectl);
    assert_eq!(
        kubectl.value("deployment web", "{.status.readyReplicas}"),
        "5"
    );
}

#[test]
fn a_drained_node_is_empty_and_takes_no_more() {
    let kubectl = web();
    let first = words(&kubectl, "pods", "{.items[*].spec.nodeName}");
    let node = first.first().expect("the pods are somewhere");
    let drain = format!("drain {node} --ignore-daemonsets --timeout={}", patience());
    kubectl.ok(&drain);
    rolled_out(&kubectl);
    let others = words(&kubectl, "pods", "{.items[*].spec.nodeName}");
    assert!(!others.contains(node), "{node} still has pods: {others:?}");
    let row = kubectl.ok(&format!("get node {node} --no-headers"));
    assert_eq!(cells(&row)[1], "Ready,SchedulingDisabled");
    kubectl.ok(&format!("uncordon {node}"));
}

#[test]
fn a_deleted_namespace_ends_with_all_that_is_in_it() {
    let kubectl = Kubectl::with_cluster();
    kubectl.ok("create namespace gone");
    kubectl.ok("-n gone create deployment web --image=nginx --replicas=2");
    let wait = format!(
        "-n gone rollout status deployment/web --timeout={}",
        patience()
    );
    kubectl.ok(&wait);
    kubectl.ok(&format!("delete namespace gone --timeout={}", patience()));
    let left =
        kubectl.ok("get pods,replicasets,deployments -n gone --no-headers --ignore-not-found");
    assert_eq!(left, "");
}

#[test]
fn what_owns_pods_takes_them_along() {
    let kubectl = web();
    kubectl.ok("delete deployment web");
    kubectl.until("the garbage collector has been there", || {
        kubectl
            .ok("get pods,replicasets --no-headers --ignore-not-found")
            .is_empty()
    });
}

#[test]
fn the_trace_of_a_pod_names_every_component_in_order() {
    let kubectl = web();
    let pods = words(&kubectl, "pods", "{.items[*].metadata.name}");
    let pod = pods.first().expect("there are three");
    let proxied = || kubectl.ok(&format!("get --raw /debug/trace/pods/default/{pod}"));
    kubectl.until("a proxy forwards to it", || {
        proxied().contains(" forwards default/web")
    });
    let told = proxied();
    let mut rest = told.as_str();
    for step in [
        "kubectl: create deployments web (201)",
        "deployment-controller: create replicasets web-",
        "replicaset-controller: create pods web-",
        "scheduler: create pods/binding web-",
        "start container nginx on node-",
        "patch pods/status web-",
        "forwards default/web",
        "etcd has it at revision",
    ] {
        let found = rest.find(step);
        let at = found.unwrap_or_else(|| panic!("{step} is not where it should be in\n{told}"));
        rest = &rest[at..];
    }
    let page = kubectl.ok(&format!(
        "get --raw '/debug/trace/pods/default/{pod}?output=html'"
    ));
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"));
    let missing = kubectl.fails("get --raw /debug/trace/pods/default/nobody");
    assert!(missing.contains("NotFound"), "{missing}");
}
