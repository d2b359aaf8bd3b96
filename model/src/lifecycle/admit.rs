//! Admission: NamespaceLifecycle, and the addresses that Services get.

use super::{
    context::Scene,
    document,
    route::{Action, Endpoint},
    storage,
};
use crate::{
    cache::Cache,
    etcd::{Key, KeyRange, RangeResponse, Revision, Txn},
    kinds::{
        self,
        service::{Holdings, Pool},
    },
    object::Object,
    registry,
    status::{Cause, Refusal, Status},
};
use alloc::format;
use core::net::Ipv4Addr;
use serde_json::Value;

/// What the cache says of the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// It is there (or none is needed).
    Fine,
    /// The cache doesn't have it: only the store knows.
    Unknown(Key),
}

/// NamespaceLifecycle for a create: the namespace must exist and not be terminating
/// (`k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle`).
///
/// # Errors
/// 403 when it is terminating.
pub fn namespace(scene: &Scene<'_>, cache: &Cache) -> Result<Namespace, Refusal> {
    let name = scene.namespace();
    if name.is_empty() {
        return Ok(Namespace::Fine);
    }
    let key = namespace_key(name);
    match cache.get(&key).and_then(|entry| entry.object()) {
        None => Ok(Namespace::Unknown(key)),
        Some(object) => refuse_terminating(scene, object).map(|()| Namespace::Fine),
    }
}

fn namespace_key(name: &str) -> Key {
    Key::from(format!("{}{name}", registry::prefix("", "namespaces")).as_str())
}

/// Guards a transaction that creates something: its namespace is there, and is still what admission
/// has `seen`, so that nothing is created behind the back of whoever empties a terminating one (O7).
/// The real server has that gap.
pub fn guard_namespace(txn: &mut Txn, scene: &Scene<'_>, seen: Revision) {
    let name = scene.namespace();
    if !name.is_empty() {
        let key = namespace_key(name);
        storage::only_if_unchanged_since(txn, KeyRange::Single(key.clone()), seen);
        storage::only_if_there(txn, key);
    }
}

/// The same, after a live read of the namespace.
///
/// # Errors
/// 404 when it doesn't exist, 403 when it is terminating.
pub fn live_namespace(scene: &Scene<'_>, answer: &RangeResponse) -> Result<(), Refusal> {
    match answer.kvs.first() {
        None => Err(Status::not_found("", "namespaces", scene.namespace())),
        Some(kv) => refuse_terminating(scene, &storage::decode(kv)?),
    }
}

/// The namespaces that cannot be deleted (`lifecycle.NewLifecycle`'s immortal ones).
///
/// # Errors
/// 403.
pub fn immortal(endpoint: &Endpoint, name: &str) -> Result<(), Refusal> {
    let resource = &endpoint.resource;
    let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
    let deletes = matches!(endpoint.action, Action::Delete | Action::DeleteCollection);
    if is_namespace && deletes && matches!(name, "default" | "kube-system" | "kube-public") {
        return Err(Status::forbidden(
            "",
            "namespaces",
            name,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}

/// The endpoint writes Services, which hold addresses and ports.
#[must_use]
pub fn allocates(scene: &Scene<'_>) -> bool {
    let resource = &scene.endpoint.resource;
    resource.group.is_empty() && resource.plural == "services" && scene.subresource().is_none()
}

/// Guards a transaction by which a Service ([`allocates`]) gets what it did not have: no other was written since
/// `seen`, so none has got the same (O12). Several servers may give at the same time, each by what
/// its own cache shows.
pub fn guard_allocation(txn: &mut Txn, old: Option<&Value>, new: &Value, seen: Revision) {
    let had = old.map(kinds::service::holdings).unwrap_or_default();
    if !had.has_all(&kinds::service::holdings(new)) {
        let services = registry::prefix("", "services");
        let services = KeyRange::prefix(services.as_bytes());
        storage::only_if_unchanged_since(txn, services, seen);
    }
}

/// What all Services but the one at `key` hold.
#[must_use]
pub fn held_by_others(cache: &Cache, key: &Key) -> Holdings {
    let mut taken = Holdings::default();
    let services = registry::prefix("", "services");
    for (other, object) in cache.list(&services, &[]) {
        if other != key {
            taken.add(kinds::service::holdings(&object.json()));
        }
    }
    taken
}

/// Gives a Service the addresses and ports that it asks for.
///
/// # Errors
/// 422 when one is taken or out of range.
pub fn allocate(
    scene: &Scene<'_>,
    service: &mut Value,
    old: Option<&Value>,
    taken: Holdings,
) -> Result<(), Refusal> {
    let range = scene.config.service_addresses;
    let pool = Pool {
        network: Ipv4Addr::from(range.network),
        prefix: range.prefix_length,
        node_ports: scene.config.service_node_ports.clone(),
        taken,
    };
    kinds::service::allocate(service, old, &pool, scene.ambient.seed).map_err(|errors| {
        Status::invalid("", "Service", document::meta_text(service, "name"), &errors)
    })
}

fn refuse_terminating(scene: &Scene<'_>, namespace: &Object) -> Result<(), Refusal> {
    if namespace.meta().deletion_timestamp.is_none() {
        return Ok(());
    }
    let (resource, name) = (&scene.endpoint.resource, scene.namespace());
    let why =
        format!("unable to create new content in namespace {name} because it is being terminated");
    let mut refusal = Status::forbidden(&resource.group, &resource.plural, scene.name(), &why);
    if let Some(details) = &mut refusal.details {
        details.causes.push(Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".into(),
        });
    }
    Err(refusal)
}
