//! The validation of workloads.

use crate::{
    kinds::document::{at, same},
    resource::Resource,
    status::FieldError,
};
use alloc::vec::Vec;
use serde_json::Value;

pub(in crate::kinds) fn validate(_resource: &Resource, _workload: &Value) -> Vec<FieldError> {
    Vec::new()
}

pub(in crate::kinds) fn validate_update(
    resource: &Resource,
    _subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    let mut errors = validate(resource, new);
    let selector = ["spec", "selector"];
    if matches!(
        resource.plural.as_str(),
        "deployments" | "replicasets" | "daemonsets"
    ) && !same(at(new, &selector), at(old, &selector))
    {
        errors.push(FieldError::invalid(
            "spec.selector",
            at(new, &selector),
            "field is immutable",
        ));
    }
    errors
}
