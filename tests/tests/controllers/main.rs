//! Controllers around the in-memory API server, on virtual time.

mod disruptions;
mod garbage;
mod kubelet;
mod namespaces;
mod node_lifecycle;
mod nodes;
mod proxies;
mod quotas;
mod scheduler;
mod service_accounts;
mod slices;
mod volumes;
mod workloads;

use model::config::Config;
use serde_json::{Value, json};
use tests::cluster::Cluster;

/// A cluster with the namespace `default`.
fn cluster() -> Cluster {
    let mut cluster = Cluster::new(Config::permissive());
    namespace(&mut cluster, "default");
    cluster
}

fn namespace(cluster: &mut Cluster, name: &str) {
    cluster.send(
        "POST",
        "/api/v1/namespaces",
        &json!({"metadata": {"name": name}}),
    );
}

/// Makes a pod with the label `app`, on `node`, and says that it runs, ready or not.
fn pod(cluster: &mut Cluster, name: &str, app: &str, node: &str, address: &str) -> Value {
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {
            "nodeName": node,
            "containers": [{
                "name": "c", "image": "i", "ports": [{"name": "web", "containerPort": 8080}],
            }],
        },
    });
    cluster.send("POST", pods, &pod);
    status(cluster, name, address, true)
}

fn status(cluster: &mut Cluster, pod: &str, address: &str, ready: bool) -> Value {
    let path = format!("/api/v1/namespaces/default/pods/{pod}/status");
    let ready = if ready { "True" } else { "False" };
    let status = json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": ready}],
    }});
    cluster.send("PATCH", &path, &status)
}

fn node(cluster: &mut Cluster, name: &str, zone: &str) {
    let labels = json!({"topology.kubernetes.io/zone": zone});
    let node = json!({"metadata": {"name": name, "labels": labels}});
    cluster.send("POST", "/api/v1/nodes", &node);
}
