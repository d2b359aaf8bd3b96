//! EndpointSlices.

use super::{cluster, node, pod, status};
use model::controllers::endpoint_slice::EndpointSlices;
use serde_json::{Value, json};
use tests::cluster::Cluster;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";

fn service(cluster: &mut Cluster, spec: &Value) -> Value {
    let service = json!({"metadata": {"name": "web", "labels": {"team": "a"}}, "spec": spec});
    cluster.send("POST", SERVICES, &service)
}

fn plain() -> Value {
    json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]})
}

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(EndpointSlices::default());
    node(&mut cluster, "n1", "a");
    cluster
}

fn slices(cluster: &mut Cluster) -> Vec<Value> {
    cluster.settle();
    cluster.list(SLICES)
}

/// The only slice.
fn slice(cluster: &mut Cluster) -> Value {
    let mut slices = slices(cluster);
    assert_eq!(slices.len(), 1, "{slices:?}");
    slices.remove(0)
}

#[test]
fn a_slice_follows_a_service_and_its_pods() {
    let mut cluster = running();
    let service = service(&mut cluster, &plain());
    let empty = slice(&mut cluster);
    assert_eq!(empty["endpoints"].as_array().map_or(0, Vec::len), 0);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    pod(&mut cluster, "other", "db", "n1", "10.1.0.2");
    let full = slice(&mut cluster);
    let name = full["metadata"]["name"].as_str().expect("a name");
    assert!(name.starts_with("web-"), "{name}");
    assert_eq!(
        full["metadata"]["labels"],
        json!({
            "kubernetes.io/service-name": "web", "team": "a",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        })
    );
    let owner = &full["metadata"]["ownerReferences"][0];
    assert_eq!(owner["uid"], service["metadata"]["uid"]);
    let port = json!([{"name": "", "port": 8080, "protocol": "TCP"}]);
    assert_eq!(full["ports"], port);
    let pod = cluster.get("/api/v1/namespaces/default/pods/p1");
    assert_eq!(
        full["endpoints"],
        json!([{
            "addresses": ["10.1.0.1"],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "nodeName": "n1", "zone": "a",
            "targetRef": {
                "kind": "Pod", "name": "p1", "namespace": "default", "uid": pod["metadata"]["uid"],
            },
        }])
    );
}

#[test]
fn only_ready_pods_are_said_to_be_ready() {
    let mut cluster = running();
    service(&mut cluster, &plain());
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    let conditions = |slice: Value| slice["endpoints"][0]["conditions"].clone();
    assert_eq!(conditions(slice(&mut cluster))["ready"], true);
    status(&mut cluster, "p1", "10.1.0.1", false);
    assert_eq!(conditions(slice(&mut cluster))["ready"], false);
    status(&mut cluster, "p1", "10.1.0.1", true);
    cluster.send("DELETE", "/api/v1/namespaces/default/pods/p1", &Value::Null);
    assert_eq!(
        conditions(slice(&mut cluster)),
        json!({"ready": false, "serving": true, "terminating": true})
    );
    let now = json!({"gracePeriodSeconds": 0});
    cluster.send("DELETE", "/api/v1/namespaces/default/pods/p1", &now);
    let endpoints = slice(&mut cluster)["endpoints"].clone();
    assert!(endpoints.as_array().is_none_or(Vec::is_empty));
}

#[test]
fn a_service_may_publish_what_is_not_ready_and_be_headless() {
    let mut cluster = running();
    let mut spec = plain();
    spec["publishNotReadyAddresses"] = true.into();
    spec["clusterIP"] = "None".into();
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    status(&mut cluster, "p1", "10.1.0.1", false);
    let slice = slice(&mut cluster);
    assert_eq!(
        slice["metadata"]["labels"]["service.kubernetes.io/headless"],
        ""
    );
    assert_eq!(
        slice["endpoints"][0]["conditions"],
        json!({"ready": true, "serving": false, "terminating": false})
    );
}

#[test]
fn a_slice_has_at_most_a_hundred_endpoints() {
    let mut cluster = running();
    service(&mut cluster, &plain());
    for number in 0..250 {
        let address = format!("10.1.{}.{}", number / 250, number % 250 + 1);
        pod(
            &mut cluster,
            &format!("p{number:03}"),
            "web",
            "n1",
            &address,
        );
    }
    let lengths = |slices: &[Value]| {
        let of = |slice: &Value| slice["endpoints"].as_array().map_or(0, Vec::len);
        let mut lengths: Vec<usize> = slices.iter().map(of).collect();
        lengths.sort_unstable();
        lengths
    };
    assert_eq!(lengths(&slices(&mut cluster)), [50, 100, 100]);
    for number in 0..240 {
        let path = format!("/api/v1/namespaces/default/pods/p{number:03}");
        let now = json!({"gracePeriodSeconds": 0});
        cluster.send("DELETE", &path, &now);
    }
    assert_eq!(lengths(&slices(&mut cluster)).iter().sum::<usize>(), 10);
}

#[test]
fn a_pod_without_the_named_port_is_in_a_slice_of_its_own() {
    let mut cluster = running();
    let mut spec = plain();
    spec["ports"] = json!([
        {"name": "a", "port": 80, "targetPort": "web", "appProtocol": "http"},
        {"name": "b", "port": 81, "targetPort": 9090},
    ]);
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    let bare = json!({
        "metadata": {"name": "p2", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "n1"},
    });
    cluster.send("POST", "/api/v1/namespaces/default/pods", &bare);
    status(&mut cluster, "p2", "10.1.0.2", true);
    let mut found: Vec<(Value, Value)> = slices(&mut cluster)
        .into_iter()
        .map(|slice| {
            (
                slice["endpoints"][0]["addresses"][0].clone(),
                slice["ports"].clone(),
            )
        })
        .collect();
    found.sort_by_key(|(address, _)| address.to_string());
    let b = json!({"name": "b", "port": 9090, "protocol": "TCP"});
    let a = json!({"name": "a", "port": 8080, "protocol": "TCP", "appProtocol": "http"});
    let expected = [
        (json!("10.1.0.1"), json!([a, b])),
        (json!("10.1.0.2"), json!([b])),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_pod_waits_for_its_node() {
    let mut cluster = running();
    service(&mut cluster, &plain());
    pod(&mut cluster, "p1", "web", "n2", "10.1.0.1");
    let endpoints = slice(&mut cluster)["endpoints"].clone();
    assert!(endpoints.as_array().is_none_or(Vec::is_empty));
    node(&mut cluster, "n2", "b");
    assert_eq!(slice(&mut cluster)["endpoints"][0]["zone"], "b");
}
