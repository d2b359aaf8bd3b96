//! Endpoints objects and forwarding tables.

use super::{cluster, node, pod, status};
use model::{
    cache::WatchEvent,
    controllers::{
        Controller, Name, Todo, Worker,
        endpoint_slice::EndpointSlices,
        endpoints::EndpointsObjects,
        proxy::{Protocol, Proxy, Table},
    },
};
use serde_json::{Value, json};
use tests::cluster::Cluster;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints/web";

fn running() -> Cluster {
    let mut cluster = cluster();
    cluster.add(EndpointSlices::default());
    cluster.add(EndpointsObjects::default());
    node(&mut cluster, "n1", "a");
    node(&mut cluster, "n2", "b");
    cluster
}

fn service(cluster: &mut Cluster, spec: &Value) -> Value {
    let service = json!({"metadata": {"name": "web"}, "spec": spec});
    cluster.send("POST", SERVICES, &service)
}

/// The table of a proxy that starts now.
fn table(cluster: &mut Cluster, node: &str) -> Table {
    cluster.settle();
    let mut worker = Worker::new(Proxy::new(node));
    for watch in worker.controller().watches() {
        let head = worker.watch(&watch);
        let mut stream = cluster.server.watch(&head).expect("it is granted");
        worker.begun(&watch.api);
        let events: Vec<WatchEvent> = cluster.server.poll(&mut stream);
        for event in events {
            worker.event(&watch.api, &event);
        }
    }
    let ambient = model::ambient::Ambient::default();
    assert_eq!(worker.next(&ambient), Todo::Wait(None), "it sends nothing");
    worker.controller().table().clone()
}

#[test]
fn an_endpoints_object_follows_a_service() {
    let mut cluster = running();
    let spec = json!({"selector": {"app": "web"}, "ports": [
        {"name": "a", "port": 80, "targetPort": "web"}, {"name": "b", "port": 81},
    ]});
    service(&mut cluster, &spec);
    cluster.settle();
    assert_eq!(cluster.get(ENDPOINTS)["subsets"], Value::Null);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    pod(&mut cluster, "p2", "web", "n2", "10.1.0.2");
    status(&mut cluster, "p2", "10.1.0.2", false);
    cluster.settle();
    let found = cluster.get(ENDPOINTS);
    let subset = &found["subsets"][0];
    assert_eq!(subset["addresses"][0]["ip"], "10.1.0.1");
    assert_eq!(subset["addresses"][0]["nodeName"], "n1");
    assert_eq!(subset["notReadyAddresses"][0]["targetRef"]["name"], "p2");
    assert_eq!(
        subset["ports"],
        json!([
            {"name": "a", "port": 8080, "protocol": "TCP"},
            {"name": "b", "port": 81, "protocol": "TCP"},
        ])
    );
    cluster.send("DELETE", &format!("{SERVICES}/web"), &Value::Null);
    cluster.settle();
    assert_eq!(cluster.get(ENDPOINTS), Value::Null);
}

#[test]
fn endpoints_that_somebody_made_are_left_alone() {
    let mut cluster = running();
    let mine = json!({"metadata": {"name": "mine"}, "subsets": [{
        "addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 1}],
    }]});
    let made = cluster.send("POST", "/api/v1/namespaces/default/endpoints", &mine);
    cluster.settle();
    let found = cluster.get("/api/v1/namespaces/default/endpoints/mine");
    assert_eq!(found["metadata"], made["metadata"]);
}

#[test]
fn a_table_has_a_rule_for_each_port_of_a_service() {
    let mut cluster = running();
    let spec = json!({
        "selector": {"app": "web"}, "type": "NodePort", "externalIPs": ["198.51.100.7"],
        "clusterIP": "10.0.0.77", "sessionAffinity": "ClientIP",
        "ports": [{"name": "http", "port": 80, "targetPort": "web", "nodePort": 30_080}],
    });
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    pod(&mut cluster, "p2", "web", "n2", "10.1.0.2");
    pod(&mut cluster, "p3", "web", "n2", "10.1.0.3");
    status(&mut cluster, "p3", "10.1.0.3", false);
    let table = table(&mut cluster, "n1");
    assert_eq!(
        table.to_string(),
        "default/web:http TCP 10.0.0.77:80 → 10.1.0.1:8080, 10.1.0.2:8080; \
         from outside 198.51.100.7:80 *:30080 → 10.1.0.1:8080, 10.1.0.2:8080; \
         the same for 10800 s\n"
    );
    let route = table.route(Protocol::Tcp, "10.0.0.77:80").expect("a rule");
    assert_eq!(route, ["10.1.0.1:8080", "10.1.0.2:8080"]);
    assert_eq!(table.route(Protocol::Udp, "10.0.0.77:80"), None);
    let written = serde_json::to_value(&table).expect("JSON");
    assert_eq!(written["rules"][0]["nodePort"], 30_080);
    assert_eq!(written["rules"][0]["protocol"], "TCP");
}

#[test]
fn local_policies_keep_to_the_node() {
    let mut cluster = running();
    let spec = json!({
        "selector": {"app": "web"}, "type": "NodePort", "externalTrafficPolicy": "Local",
        "internalTrafficPolicy": "Local", "ports": [{"port": 80, "targetPort": "web"}],
    });
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    let of = |table: Table| table.of(&Name::new("default", "web")).to_vec();
    let (here, there) = (of(table(&mut cluster, "n1")), of(table(&mut cluster, "n2")));
    assert_eq!(here[0].endpoints, ["10.1.0.1:8080"]);
    assert_eq!(here[0].external_endpoints, ["10.1.0.1:8080"]);
    assert!(there[0].endpoints.is_empty() && there[0].external_endpoints.is_empty());
}

#[test]
fn what_ends_is_used_when_nothing_else_is_ready() {
    let mut cluster = running();
    let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]});
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    pod(&mut cluster, "p2", "web", "n1", "10.1.0.2");
    let path = |name: &str| format!("/api/v1/namespaces/default/pods/{name}");
    let endpoints = |cluster: &mut Cluster| {
        let table = table(cluster, "n1");
        table.of(&Name::new("default", "web"))[0].endpoints.clone()
    };
    cluster.send("DELETE", &path("p1"), &Value::Null);
    assert_eq!(endpoints(&mut cluster), ["10.1.0.2:8080"]);
    cluster.send("DELETE", &path("p2"), &Value::Null);
    assert_eq!(endpoints(&mut cluster), ["10.1.0.1:8080", "10.1.0.2:8080"]);
}

#[test]
fn headless_services_and_outside_names_have_no_rules() {
    let mut cluster = running();
    let spec = json!({"selector": {"app": "web"}, "clusterIP": "None", "ports": [{"port": 80}]});
    service(&mut cluster, &spec);
    pod(&mut cluster, "p1", "web", "n1", "10.1.0.1");
    let outside = json!({"metadata": {"name": "out"}, "spec": {
        "type": "ExternalName", "externalName": "example.com",
    }});
    cluster.send("POST", SERVICES, &outside);
    assert_eq!(table(&mut cluster, "n1").rules().count(), 0);
}
