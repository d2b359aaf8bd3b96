//! Servers on one etcd, two with controllers: those of one run, and when it goes the other's.

use crate::http::ok;
use serde_json::{Value, json};
use server::{ControllerChoice, Options};
use std::time::{Duration, Instant};
use tests::{
    client::Client,
    etcd::Etcd,
    live::{Live, PATIENCE},
};

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";
const PODS: &str = "/api/v1/namespaces/default/pods";
/// How long a look waits before the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

fn server(etcd: &Etcd, controllers: ControllerChoice) -> Live {
    Live::start_with(Options {
        etcd: Some(etcd.servers()),
        controllers,
        ..Options::default()
    })
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// Who holds the Lease of a group of controllers; `None` when nobody does.
fn holder(client: &Client, lease: &str) -> Option<String> {
    let (code, found) = crate::http::ask(client, "GET", &format!("{LEASES}/{lease}"), &Value::Null);
    let holder = found["spec"]["holderIdentity"].as_str()?;
    (code == 200 && !holder.is_empty()).then(|| holder.to_owned())
}

fn deploy(client: &Client, name: &str) {
    let labels = json!({"app": name});
    let deployment = json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    ok(client, "POST", DEPLOYMENTS, &deployment);
}

/// Waits until exactly two pods of a Deployment run.
fn runs(client: &Client, name: &str) {
    let selected = format!("{PODS}?labelSelector=app%3D{name}");
    until("two pods run", || {
        let pods = ok(client, "GET", &selected, &Value::Null);
        let pods = pods["items"].as_array()?;
        let running = pods
            .iter()
            .filter(|pod| pod["status"]["phase"] == "Running");
        (pods.len() == 2 && running.count() == 2).then_some(())
    });
}

#[test]
fn one_server_runs_the_controllers_and_another_takes_over() {
    let etcd = Etcd::start();
    // The nodes are another server's, so that they outlive the first.
    let _nodes = server(
        &etcd,
        ControllerChoice {
            nodes: 2,
            ..ControllerChoice::default()
        },
    );
    let first = server(&etcd, ControllerChoice::all(0));
    let client = Client::new(&first);
    let leader = until("the first leads", || {
        holder(&client, "kube-controller-manager")
    });
    deploy(&client, "before");
    runs(&client, "before");
    let second = server(&etcd, ControllerChoice::all(0));
    let client = Client::new(&second);
    deploy(&client, "both");
    runs(&client, "both");
    assert_eq!(
        holder(&client, "kube-controller-manager"),
        Some(leader.clone()),
        "the second has waited"
    );
    drop(first);
    let next = until("the second leads", || {
        holder(&client, "kube-controller-manager").filter(|holder| *holder != leader)
    });
    until("it schedules too", || holder(&client, "kube-scheduler"));
    deploy(&client, "after");
    runs(&client, "after");
    assert_eq!(holder(&client, "kube-controller-manager"), Some(next));
}
