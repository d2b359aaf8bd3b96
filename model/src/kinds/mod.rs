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

mod document;
mod findings;
mod formats;
mod labels;
mod quantity;
mod traits;

pub mod binding;
mod convert;
pub mod namespace;
pub mod scale;
pub mod service;

mod configuration;
mod network;
mod pod;
mod prepare;
mod workload;

pub use convert::convert;
pub use traits::{Generation, Propagation, ScalePaths, Traits, traits};

use crate::{ambient::Ambient, resource::Resource, status::FieldError};
use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// Fills in the defaults of the served version (`pkg/apis/*/v1/defaults.go`). Idempotent.
pub fn default(resource: &Resource, object: &mut Value) {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pod::default(object),
        ("", "services") => service::default(object),
        ("", "namespaces") => namespace::default(object),
        ("", "configmaps" | "secrets") => configuration::default(resource, object),
        ("", "podtemplates" | "replicationcontrollers") | ("apps" | "batch", _) => {
            workload::default(resource, object);
        }
        ("", "endpoints") | ("discovery.k8s.io" | "networking.k8s.io", _) => {
            network::default(resource, object)
        }
        _ => {}
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
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pod::validate_create(object),
        ("", "services") => service::validate(object),
        ("", "namespaces") => namespace::validate(object),
        ("", "configmaps" | "secrets") => configuration::validate(resource, object),
        ("", "podtemplates" | "replicationcontrollers") | ("apps" | "batch", _) => {
            workload::validate(resource, object)
        }
        ("", "endpoints") | ("discovery.k8s.io" | "networking.k8s.io", _) => {
            network::validate(resource, object, None)
        }
        _ => Vec::new(),
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
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pod::validate_update(subresource, new, old),
        ("", "services") => service::validate_update(subresource, new, old),
        ("", "namespaces") => namespace::validate(new),
        ("", "configmaps" | "secrets") => configuration::validate_update(resource, new, old),
        ("", "podtemplates" | "replicationcontrollers") | ("apps" | "batch", _) => {
            workload::validate_update(resource, subresource, new, old)
        }
        ("", "endpoints") | ("discovery.k8s.io" | "networking.k8s.io", _)
            if subresource.is_none() =>
        {
            network::validate(resource, new, Some(old))
        }
        _ => Vec::new(),
    }
}

/// The texts of the Warning headers that a create (`old` is `None`) or an update gets
/// (`Strategy.WarningsOnCreate`, `WarningsOnUpdate`).
#[must_use]
pub fn warnings(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<String> {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") if old.is_none() => pod::warnings(new),
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
