//! The objects that a cluster has from its first moment, made through the same lifecycle as any
//! other: the server is its own first client, as kube-apiserver is over its loopback connection.

use crate::{drive, error::StartError, loopback, server::Core};
use model::{
    bootstrap::{objects, reconcile},
    etcd::{Key, Revision},
    lifecycle::{Effect, Event},
    registry,
    resource::{Resource, split_api_version},
    wire::{Certificate, Head},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Makes what is missing, and repairs of it what is the server's to keep. The namespaces come
/// first; everything else is asked for at the same time, so that the store makes it durable
/// together.
///
/// # Errors
/// When the store refuses.
pub(crate) async fn bootstrap(core: &Arc<Core>, port: u16) -> Result<(), StartError> {
    let (namespaces, others): (Vec<Value>, Vec<Value>) = objects()
        .into_iter()
        .partition(|object| object["kind"] == "Namespace");
    all(core, namespaces).await?;
    all(core, others).await?;
    ensure(Arc::clone(core), own_service(core, port)).await
}

async fn all(core: &Arc<Core>, objects: Vec<Value>) -> Result<(), StartError> {
    let mut tasks = JoinSet::new();
    for object in objects {
        tasks.spawn(ensure(Arc::clone(core), object));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|why| StartError(format!("cannot make the first objects: {why}")))??;
    }
    Ok(())
}

/// The Service `kubernetes`, by which pods reach the API server: the first address of the range.
fn own_service(core: &Core, port: u16) -> Value {
    let first = core.config.service_addresses.network + 1;
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": std::net::Ipv4Addr::from(first).to_string(),
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}],
        },
    })
}

/// Makes the object, or repairs the one that is there. A restart finds it in the cache; to create
/// it again is no way to find out: a Service is refused because of its own address before anybody
/// looks whether its name is taken.
async fn ensure(core: Arc<Core>, object: Value) -> Result<(), StartError> {
    let word = |member: &str| object["metadata"][member].as_str().unwrap_or_default();
    let (namespace, name) = (word("namespace"), word("name"));
    let kind = object["kind"].as_str().unwrap_or_default();
    let (group, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
    let mut resources = core.config.resources.iter();
    let served =
        |it: &&Arc<Resource>| it.kind == kind && it.group == group && it.version == version;
    let Some(resource) = resources.find(served) else {
        return Ok(());
    };
    let place = if namespace.is_empty() {
        String::new()
    } else {
        format!("/namespaces/{namespace}")
    };
    let root = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    let path = format!("{root}{place}/{}", resource.plural);
    let one = format!("{path}/{name}");
    let (head, body) = match found(&core, &registry::key(resource, namespace, name)).await {
        None => (own("POST", path), object.to_string()),
        Some(existing) => match reconcile(&existing, &object) {
            None => return Ok(()),
            Some(repaired) => (own("PUT", one.clone()), repaired.to_string()),
        },
    };
    let response = loopback::send(&core, &head, body.into_bytes()).await;
    if matches!(response.code, 200 | 201) {
        return Ok(());
    }
    // Another server on the same store may have been first.
    let found = loopback::send(&core, &own("GET", one), Vec::new()).await;
    if found.code == 200 {
        return Ok(());
    }
    Err(StartError(format!(
        "cannot make {kind} {name}: {:?}",
        response.body
    )))
}

/// What the cache has at a key.
async fn found(core: &Core, key: &Key) -> Option<Value> {
    let at_least = Revision(0);
    match drive::perform(core, Effect::Cache { at_least }).await {
        Event::Cache(cache) => Some(cache.get(key)?.object()?.json()),
        _ => None,
    }
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
