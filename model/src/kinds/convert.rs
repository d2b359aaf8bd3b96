//! Resources that share their storage: both Event APIs, both autoscaling versions.

use super::document::put;
use crate::resource::Resource;
use serde_json::{Value, json};

/// Turns a document of `from_api_version` into the served version of `to`. Nothing changes when
/// that is the same, or when the resource has one version only.
pub fn convert(from_api_version: &str, to: &Resource, object: &mut Value) {
    let to_api_version = to.api_version();
    if from_api_version == to_api_version {
        return;
    }
    put(object, "apiVersion", json!(to_api_version));
}
