//! The last phase before the store: what is wrong with an object, and the witness that nothing is.

use super::context::Scene;
use crate::{
    frozen::Frozen,
    kinds, object,
    status::{FieldError, Refusal, Status},
    validation::{self, Finalizers, NameRule},
};
use serde_json::Value;

/// A document that has passed validation, encoded for the store. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Validated(Frozen);

impl Validated {
    /// The stored form.
    #[must_use]
    pub fn frozen(&self) -> &Frozen {
        &self.0
    }
}

/// Validates a new object and encodes it in the storage version.
///
/// # Errors
/// 422 with a cause for each error, in the real server's order.
pub fn creation(scene: &Scene<'_>, document: &Value) -> Result<Validated, Refusal> {
    let resource = &scene.endpoint.resource;
    let rule = kinds::traits(resource).name_rule;
    let metadata = &document["metadata"];
    let mut errors =
        validation::object_meta(metadata, resource.namespaced, rule, Finalizers::Standard);
    errors.extend(kinds::validate_create(resource, document));
    refuse(scene, document, &errors)?;
    Ok(encode(scene, document))
}

/// Validates a changed object and encodes it in the storage version.
///
/// # Errors
/// 422 with a cause for each error, in the real server's order.
pub fn change(scene: &Scene<'_>, new: &Value, old: &Value) -> Result<Validated, Refusal> {
    let resource = &scene.endpoint.resource;
    let (after, before) = (&new["metadata"], &old["metadata"]);
    // What holds for all kinds first, then what the kind's own strategy checks: it looks at the
    // metadata again, so causes can come twice (`rest.ValidateUpdate`).
    let mut errors = validation::object_meta(
        after,
        resource.namespaced,
        NameRule::PathSegment,
        Finalizers::Qualified,
    );
    errors.extend(validation::object_meta_update(
        after,
        before,
        Finalizers::Qualified,
    ));
    errors.extend(validation::object_meta_update(
        after,
        before,
        Finalizers::Standard,
    ));
    errors.extend(kinds::validate_update(
        resource,
        scene.subresource(),
        new,
        old,
    ));
    refuse(scene, new, &errors)?;
    Ok(encode(scene, new))
}

/// Encodes a pod whose only change is the node that a Binding gave it: the Binding was validated,
/// and what a client may change in a pod is not what is asked here (`BindingREST.assignPod`).
#[must_use]
pub fn binding(scene: &Scene<'_>, pod: &Value) -> Validated {
    encode(scene, pod)
}

/// Encodes an object whose only change is that it has been marked for deletion: content that was
/// valid when it was stored is not validated again (`updateForGracefulDeletionAndFinalizers`).
#[must_use]
pub fn deletion_mark(scene: &Scene<'_>, document: &Value) -> Validated {
    encode(scene, document)
}

/// Encodes a pod whose only change is the condition that says that it is evicted.
#[must_use]
pub fn evicted(scene: &Scene<'_>, pod: &Value) -> Validated {
    encode(scene, pod)
}

/// Encodes a disruption budget whose only change is that an eviction was charged to its status; it
/// is stored in the version that it is served in.
#[must_use]
pub fn charged(budget: &Value) -> Validated {
    Validated(object::freeze(budget))
}

fn refuse(scene: &Scene<'_>, document: &Value, errors: &[FieldError]) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    let resource = &scene.endpoint.resource;
    let name = document["metadata"]["name"].as_str().unwrap_or_default();
    Err(Status::invalid(
        &resource.group,
        &resource.kind,
        name,
        errors,
    ))
}

fn encode(scene: &Scene<'_>, document: &Value) -> Validated {
    let resource = &scene.endpoint.resource;
    if resource.storage_version != resource.api_version()
        && let Some(home) = scene.config.resources.stored_as(resource)
    {
        let mut stored = document.clone();
        kinds::convert(&resource.api_version(), home, &mut stored);
        return Validated(object::freeze(&stored));
    }
    Validated(object::freeze(document))
}
