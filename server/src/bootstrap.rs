//! The objects that a cluster has from its first moment, made through the same lifecycle as any
//! other: the server is its own first client, as kube-apiserver is over its loopback connection.

use crate::{ambient::ambient, drive, error::StartError, server::Core};
use model::{
    frozen::Frozen,
    lifecycle::{self, Effect, Event, Next},
    wire::{Certificate, Head, Response},
};
use serde_json::{Value, json};

/// Namespaces that every cluster has (`pkg/controlplane/controller/systemnamespaces`, and the node
/// leases' own).
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Makes what is missing. What is there stays as it is.
///
/// # Errors
/// When the store refuses.
pub(crate) async fn bootstrap(core: &Core, port: u16) -> Result<(), StartError> {
    for name in NAMESPACES {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
        });
        create(core, "/api/v1/namespaces", &namespace).await?;
    }
    for (name, value, what) in [
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to \
             another node if necessary.",
        ),
    ] {
        let class = json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name}, "value": value, "description": what,
        });
        create(core, "/apis/scheduling.k8s.io/v1/priorityclasses", &class).await?;
    }
    create(
        core,
        "/api/v1/namespaces/default/services",
        &own_service(core, port),
    )
    .await
}

/// The Service `kubernetes`, by which pods reach the API server: the first address of the range.
fn own_service(core: &Core, port: u16) -> Value {
    let first = core.config.service_addresses.network + 1;
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": std::net::Ipv4Addr::from(first).to_string(),
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    })
}

async fn create(core: &Core, path: &str, object: &Value) -> Result<(), StartError> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    // A restart finds it there. To create it again is no way to find out: a Service is refused
    // because of its own address before anybody looks whether its name is taken.
    let found = send(core, &own("GET", format!("{path}/{name}")), Vec::new()).await;
    if found.code == 200 {
        return Ok(());
    }
    let body = object.to_string().into_bytes();
    let response = send(core, &own("POST", path.into()), body).await;
    if response.code == 201 {
        return Ok(());
    }
    // Another server on the same store may have been first.
    let found = send(core, &own("GET", format!("{path}/{name}")), Vec::new()).await;
    if found.code == 200 {
        return Ok(());
    }
    Err(StartError(format!(
        "cannot make {name} at {path}: {:?}",
        response.body
    )))
}

/// A request of the server to itself.
fn own(method: &str, path: String) -> Head {
    Head {
        method: method.into(),
        path,
        headers: vec![("content-type".into(), "application/json".into())],
        certificate: Some(Certificate {
            common_name: "system:apiserver".into(),
            organizations: vec!["system:masters".into()],
        }),
        source: "127.0.0.1".into(),
        ..Head::default()
    }
}

async fn send(core: &Core, head: &Head, body: Vec<u8>) -> Response {
    let body = Frozen::from(body);
    let mut step = lifecycle::begin(head, &core.config, &ambient(false, false));
    loop {
        core.audit.write(&step.audit);
        let (request, effect) = match step.next {
            Next::Done(response) => return response,
            Next::Wait(request, effect) => (request, effect),
        };
        let event = match effect {
            Effect::Body { .. } => Event::Body(Ok(body.clone())),
            effect => drive::perform(core, effect).await,
        };
        step = request.resume(event, &core.config, &ambient(false, false));
    }
}
