//! Subresources whose body is another view of the object: `scale`. Those whose body is the object
//! itself (`status`, `finalize`, `approval` ...) need nothing here.

use super::{context::Scene, respond};
use crate::{
    kinds,
    status::{Refusal, Status},
    wire::Response,
};
use alloc::string::String;
use serde_json::Value;

/// The endpoint's body is a view of the object, not the object.
#[must_use]
pub fn is_view(scene: &Scene<'_>) -> bool {
    scene.subresource() == Some("scale")
}

/// The endpoint's body for this object.
#[must_use]
pub fn body(scene: &Scene<'_>, object: &Value) -> Value {
    if is_view(scene) {
        kinds::scale::read(&scene.endpoint.resource, object)
    } else {
        object.clone()
    }
}

/// The object that `wanted`, a body of this endpoint, makes of `old`.
///
/// # Errors
/// 422 when a view's content is invalid.
pub fn merge(scene: &Scene<'_>, wanted: Value, old: &Value) -> Result<Value, Refusal> {
    if !is_view(scene) {
        return Ok(wanted);
    }
    let mut object = old.clone();
    let told = wanted["metadata"]["resourceVersion"].clone();
    kinds::scale::write(&scene.endpoint.resource, &wanted, &mut object)
        .map_err(|errors| Status::invalid("autoscaling", "Scale", scene.name(), &errors))?;
    object["metadata"]["resourceVersion"] = told;
    Ok(object)
}

/// The endpoint's body as an answer.
#[must_use]
pub fn answer(scene: &Scene<'_>, object: &Value, warnings: &[String]) -> Response {
    respond::document(scene, 200, &body(scene, object), warnings)
}
