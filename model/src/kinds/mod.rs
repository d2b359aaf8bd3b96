//! What is special to a kind: defaults, what a write may touch, validation beyond metadata,
//! warnings; and the subresources that are no plain update (scale, binding, finalize, eviction).
//!
//! Everything is a pure function over JSON documents in the served version, as the schema's
//! decoder leaves them: unknown fields dropped, types checked, null and empty optional fields
//! gone. The order of a write is that of the generic registry (`registry/generic/registry/store.go`,
//! `registry/rest/create.go` and `update.go`):
//!
//! * create: [`default`], mutating admission, name, uid and creationTimestamp set, for Services
//!   [`service::allocate`], [`prepare_create`], metadata's validation, [`validate_create`],
//!   validating admission;
//! * update: [`default`], mutating admission, for Services [`service::allocate`],
//!   [`prepare_update`], metadata's validation, [`validate_update`], validating admission.
//!
//! **Architecture invariant:** nothing outside this module asks for a kind by name.

mod access;
mod autoscaler;
mod cluster;
mod configuration;
mod convert;
mod document;
mod findings;
mod formats;
mod labels;
mod network;
mod pod;
mod prepare;
mod quantity;
mod registration;
mod storage;
mod traits;
mod workload;

pub mod binding;
pub mod eviction;
pub mod namespace;
pub mod scale;
pub mod service;

pub use convert::convert;
pub use traits::{Generation, Propagation, ScalePaths, Traits, traits};

use crate::{ambient::Ambient, resource::Resource, status::FieldError};
use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// The module that knows a kind.
enum Family {
    Pod,
    Service,
    Namespace,
    Configuration,
    Workload,
    Network,
    Storage,
    Cluster,
    Access,
    Autoscaler,
    Registration,
    Other,
}

fn family(resource: &Resource) -> Family {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => Family::Pod,
        ("", "services") => Family::Service,
        ("", "namespaces") => Family::Namespace,
        ("", "configmaps" | "secrets") => Family::Configuration,
        ("", "podtemplates" | "replicationcontrollers") | ("apps" | "batch", _) => Family::Workload,
        ("", "endpoints") | ("discovery.k8s.io" | "networking.k8s.io", _) => Family::Network,
        ("", "persistentvolumes" | "persistentvolumeclaims") | ("storage.k8s.io", _) => {
            Family::Storage
        }
        ("", "nodes" | "events" | "limitranges")
        | ("events.k8s.io" | "coordination.k8s.io" | "scheduling.k8s.io", _)
        | ("node.k8s.io" | "policy", _) => Family::Cluster,
        ("rbac.authorization.k8s.io", _) => Family::Access,
        ("autoscaling", _) => Family::Autoscaler,
        (
            "admissionregistration.k8s.io"
            | "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "flowcontrol.apiserver.k8s.io",
            _,
        ) => Family::Registration,
        _ => Family::Other,
    }
}

/// Fills in the defaults of the served version (`pkg/apis/*/v1/defaults.go`). Idempotent.
pub fn default(resource: &Resource, object: &mut Value) {
    match family(resource) {
        Family::Pod => pod::default(object),
        Family::Service => service::default(object),
        Family::Namespace => namespace::default(object),
        Family::Configuration => configuration::default(resource, object),
        Family::Workload => workload::default(resource, object),
        Family::Network => network::default(resource, object),
        Family::Storage => storage::default(resource, object),
        Family::Cluster => cluster::default(resource, object),
        Family::Access => access::default(resource, object),
        Family::Autoscaler => autoscaler::default(resource, object),
        Family::Registration => registration::default(resource, object),
        Family::Other => {}
    }
}

/// Resets what a client may not set at creation, starts the generation
/// (`Strategy.PrepareForCreate`). The object has its name, uid and creationTimestamp already.
pub fn prepare_create(resource: &Resource, object: &mut Value, ambient: &Ambient) {
    prepare::create(resource, object, ambient);
}

/// Takes from `old` what this write may not touch, raises the generation
/// (`Strategy.PrepareForUpdate`). `subresource` is `None` for the object itself.
pub fn prepare_update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &mut Value,
    old: &Value,
    ambient: &Ambient,
) {
    prepare::update(resource, subresource, new, old, ambient);
}

/// What is wrong with a new object beyond its metadata, in the real server's order
/// (`Strategy.Validate`).
#[must_use]
pub fn validate_create(resource: &Resource, object: &Value) -> Vec<FieldError> {
    match family(resource) {
        Family::Pod => pod::validate_create(object),
        Family::Service => service::validate(object),
        Family::Namespace => namespace::validate(object),
        Family::Configuration => configuration::validate(resource, object),
        Family::Workload => workload::validate(resource, object),
        Family::Network => network::validate(resource, object, None),
        Family::Storage => storage::validate(resource, object, None),
        Family::Cluster => cluster::validate(resource, object, None),
        Family::Access => access::validate(resource, object, None),
        Family::Autoscaler => autoscaler::validate(resource, object),
        Family::Registration | Family::Other => Vec::new(),
    }
}

/// What is wrong with a changed object beyond its metadata, in the real server's order
/// (`Strategy.ValidateUpdate`).
#[must_use]
pub fn validate_update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    match family(resource) {
        Family::Pod => pod::validate_update(subresource, new, old),
        Family::Service => service::validate_update(subresource, new, old),
        Family::Workload => workload::validate_update(resource, subresource, new, old),
        Family::Namespace => namespace::validate(new),
        // Of the other kinds only what people write is checked.
        _ if subresource == Some("status") => Vec::new(),
        Family::Configuration => configuration::validate_update(resource, new, old),
        Family::Network => network::validate(resource, new, Some(old)),
        Family::Storage => storage::validate(resource, new, Some(old)),
        Family::Cluster => cluster::validate(resource, new, Some(old)),
        Family::Access => access::validate(resource, new, Some(old)),
        Family::Autoscaler => autoscaler::validate(resource, new),
        Family::Registration | Family::Other => Vec::new(),
    }
}

/// The texts of the Warning headers that a create (`old` is `None`) or an update gets
/// (`Strategy.WarningsOnCreate`, `WarningsOnUpdate`).
#[must_use]
pub fn warnings(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<String> {
    match family(resource) {
        Family::Pod if old.is_none() => pod::warnings(new),
        Family::Workload => workload::warnings(resource, new, old),
        _ => Vec::new(),
    }
}

/// True when nothing but finalizers in the metadata holds the object back: namespaces have
/// finalizers of their own (`ShouldDeleteNamespaceDuringUpdate`).
#[must_use]
pub fn may_go(resource: &Resource, object: &Value) -> bool {
    let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
    !is_namespace || namespace::is_finished(object)
}
