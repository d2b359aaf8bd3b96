//! The scale subresource: `autoscaling/v1` Scale as a view of an object.
//!
//! Origin: `pkg/registry/apps/deployment/storage/storage.go` (`ScaleREST`, `scaleUpdatedObjectInfo`)
//! and its siblings, `ValidateScale` in `pkg/apis/autoscaling/validation/validation.go`.

use super::document::{at, list, number, put, strings, text};
use crate::{resource::Resource, status::FieldError};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The Scale of an object; the object has its resourceVersion.
#[must_use]
pub fn read(resource: &Resource, object: &Value) -> Value {
    let mut metadata = json!({});
    for field in [
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
    ] {
        super::document::copy(at(object, &["metadata"]), &mut metadata, field);
    }
    let mut spec = json!({});
    let wanted = number(object, &["spec", "replicas"]).unwrap_or_default();
    put(&mut spec, "replicas", positive(wanted));
    let there = number(object, &["status", "replicas"]).unwrap_or_default();
    let mut status = json!({"replicas": there});
    let selector = selector(resource, object);
    if !selector.is_empty() {
        put(&mut status, "selector", json!(selector));
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec,
        "status": status,
    })
}

/// A number that is left out when it is 0.
fn positive(number: i64) -> Value {
    if number == 0 {
        Value::Null
    } else {
        json!(number)
    }
}

/// Writes the replicas of a Scale into the object. Name, uid and resourceVersion are the
/// lifecycle's to check: a Scale's resourceVersion is that of the object.
///
/// # Errors
/// Of the kind Scale: when the number is negative.
pub fn write(
    _resource: &Resource,
    scale: &Value,
    object: &mut Value,
) -> Result<(), Vec<FieldError>> {
    let replicas = number(scale, &["spec", "replicas"]).unwrap_or_default();
    if replicas < 0 {
        let why = "must be greater than or equal to 0";
        return Err([FieldError::invalid("spec.replicas", &json!(replicas), why)].into());
    }
    put(
        super::document::object(object, "spec"),
        "replicas",
        json!(replicas),
    );
    Ok(())
}

/// The label selector as a query: `a=b,c in (d,e)`, requirements sorted by key.
fn selector(resource: &Resource, object: &Value) -> String {
    let selector = at(object, &["spec", "selector"]);
    if resource.plural == "replicationcontrollers" {
        let pairs = strings(selector, &[]);
        let texts: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        return texts.join(",");
    }
    let mut requirements: Vec<(String, String)> = strings(selector, &["matchLabels"])
        .into_iter()
        .map(|(key, value)| (key.to_string(), format!("{key}={value}")))
        .collect();
    for expression in list(selector, &["matchExpressions"]) {
        let key = text(expression, &["key"]);
        let mut values = super::document::texts(expression, &["values"]);
        values.sort_unstable();
        let values = values.join(",");
        let requirement = match text(expression, &["operator"]) {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_string(),
            "DoesNotExist" => format!("!{key}"),
            _ => continue,
        };
        requirements.push((key.to_string(), requirement));
    }
    requirements.sort_by(|one, other| one.0.cmp(&other.0));
    let texts: Vec<String> = requirements.into_iter().map(|(_, text)| text).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::resource::Resources;
    use alloc::string::ToString;
    use serde_json::json;

    #[test]
    fn a_scale_is_a_view_of_its_object() {
        let resources = Resources::built_in();
        let deployments = resources.find("apps", "v1", "deployments").unwrap();
        let mut deployment = json!({
            "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "7",
                "generation": 1, "labels": {"a": "b"}},
            "spec": {"replicas": 2, "selector": {
                "matchLabels": {"tier": "web", "app": "d"},
                "matchExpressions": [{"key": "b", "operator": "In", "values": ["y", "x"]}],
            }},
            "status": {},
        });
        assert_eq!(
            read(deployments, &deployment),
            json!({
                "kind": "Scale", "apiVersion": "autoscaling/v1",
                "metadata": {"name": "d", "namespace": "n", "uid": "u", "resourceVersion": "7"},
                "spec": {"replicas": 2},
                "status": {"replicas": 0, "selector": "app=d,b in (x,y),tier=web"},
            })
        );
        write(deployments, &json!({"spec": {}}), &mut deployment).unwrap();
        assert_eq!(deployment["spec"]["replicas"], 0);
        assert_eq!(read(deployments, &deployment)["spec"], json!({}));
        let errors = write(
            deployments,
            &json!({"spec": {"replicas": -1}}),
            &mut deployment,
        );
        assert_eq!(
            errors.unwrap_err()[0].to_string(),
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0"
        );
    }
}
