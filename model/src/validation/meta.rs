//! `metadata` of an object: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`, as
//! kube-apiserver 1.36 has it.

use super::name::{self, NameRule};
use crate::{
    ambient::Time,
    golang, limits,
    status::{FieldError, FieldErrorKind, Refusal, Status},
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Map, Value, json};

/// How strictly finalizers are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finalizers {
    /// Built-in kinds: a standard one, or with a domain (`validateKubeFinalizerName` in
    /// `kubernetes/kubernetes/pkg/apis/core/validation/validation.go`).
    Standard,
    /// Custom resources and what the API server checks for all kinds: any qualified name.
    Qualified,
}

/// What is wrong with the metadata of an object that is created, or of one that is updated as far
/// as the old one does not matter (`ValidateObjectMeta`).
///
/// The API server runs this twice: a kind's strategy with its own name rule, and for all kinds
/// with [`NameRule::PathSegment`] and [`Finalizers::Qualified`] — on create only when the first
/// finds nothing, on update before the strategy.
#[must_use]
pub fn object_meta(
    metadata: &Value,
    namespaced: bool,
    rule: NameRule,
    finalizers: Finalizers,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let prefix = text(metadata, "generateName");
    if !prefix.is_empty() {
        for why in rule.prefix(prefix) {
            errors.push(FieldError::invalid_text(
                "metadata.generateName",
                prefix,
                why,
            ));
        }
    }
    let own = text(metadata, "name");
    if own.is_empty() {
        let detail = "name or generateName is required";
        errors.push(FieldError::required("metadata.name", detail));
    }
    if !own.is_empty() {
        for why in rule.name(own) {
            errors.push(FieldError::invalid_text("metadata.name", own, why));
        }
    }
    namespace(metadata, namespaced, &mut errors);
    not_negative(metadata, &mut errors);
    common(metadata, &mut errors);
    qualified_finalizers(metadata, &mut errors);
    standard_finalizers(metadata, finalizers, &mut errors);
    errors
}

/// What is wrong with the metadata of an update, seen from the old object's
/// (`ValidateObjectMetaUpdate`). Both are as they would be stored: what an update cannot touch has
/// been taken over from the old one, and the resourceVersion is in both.
#[must_use]
pub fn object_meta_update(new: &Value, old: &Value, finalizers: Finalizers) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if present(old, "deletionTimestamp").is_some() {
        no_new_finalizers(new, old, &mut errors);
    }
    if text(new, "resourceVersion").is_empty() {
        let detail = "must be specified for an update";
        errors.push(FieldError::invalid_text(
            "metadata.resourceVersion",
            "",
            detail,
        ));
    }
    not_negative(new, &mut errors);
    let (generation, before) = (number(new, "generation"), number(old, "generation"));
    if generation < before {
        let value = Value::from(generation);
        let detail = "must not be decremented";
        errors.push(FieldError::invalid("metadata.generation", &value, detail));
    }
    for field in ["name", "namespace", "uid"] {
        let value = text(new, field);
        if value != text(old, field) {
            errors.push(immutable(field, &Value::from(value)));
        }
    }
    for field in ["creationTimestamp", "deletionTimestamp"] {
        if moment(new, field) != moment(old, field) {
            errors.push(immutable(field, &new[field]));
        }
    }
    let field = "deletionGracePeriodSeconds";
    if present(new, field) != present(old, field) {
        errors.push(immutable(field, &new[field]));
    }
    common(new, &mut errors);
    standard_finalizers(new, finalizers, &mut errors);
    errors
}

/// Puts the namespace of the request into an object that names none; an object that is not
/// namespaced loses any (`EnsureObjectNamespaceMatchesRequestNamespace`). `expected` is empty for
/// what is not namespaced.
///
/// # Errors
/// 400 when the object names another namespace.
pub fn ensure_namespace(metadata: &mut Map<String, Value>, expected: &str) -> Result<(), Refusal> {
    let named = metadata.get("namespace").and_then(Value::as_str);
    match named.unwrap_or_default() {
        named if named == expected && !named.is_empty() => {}
        _ if expected.is_empty() => {
            metadata.remove("namespace");
        }
        "" => {
            metadata.insert("namespace".into(), expected.into());
        }
        _ => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    }
    Ok(())
}

/// Whether an object is the one that the path names (`checkName` in
/// `k8s.io/apiserver/pkg/endpoints/handlers/rest.go`).
///
/// # Errors
/// 400 when its name is missing or another one.
pub fn ensure_name(metadata: &Value, expected: &str) -> Result<(), Refusal> {
    match text(metadata, "name") {
        "" => Err(Status::bad_request(format!(
            "the name of the object ({expected} based on URL) was undeterminable: name must be provided"
        ))),
        name if name != expected => Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({expected})"
        ))),
        _ => Ok(()),
    }
}

fn namespace(metadata: &Value, namespaced: bool, errors: &mut Vec<FieldError>) {
    let field = "metadata.namespace";
    match text(metadata, "namespace") {
        "" if namespaced => errors.push(FieldError::required(field, "")),
        "" => {}
        _ if !namespaced => errors.push(FieldError::forbidden(field, "not allowed on this type")),
        named => {
            for why in NameRule::DnsLabel.name(named) {
                errors.push(FieldError::invalid_text(field, named, why));
            }
        }
    }
}

/// What is checked on create and on update alike.
fn common(metadata: &Value, errors: &mut Vec<FieldError>) {
    labels(metadata, errors);
    annotations(metadata, errors);
    owner_references(metadata, errors);
}

fn labels(metadata: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.labels";
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        for why in name::label_key(key) {
            errors.push(FieldError::invalid_text(field, key, why));
        }
        let value = value.as_str().unwrap_or_default();
        for why in name::label_value(value) {
            errors.push(FieldError::invalid_text(field, value, why));
        }
    }
}

fn annotations(metadata: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.annotations";
    let mut bytes = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        bytes += key.len() + value.as_str().unwrap_or_default().len();
        for why in name::label_key(&key.to_lowercase()) {
            errors.push(FieldError::invalid_text(field, key, why));
        }
    }
    if bytes > limits::ANNOTATION_BYTES {
        errors.push(FieldError::too_long(field, limits::ANNOTATION_BYTES));
    }
}

fn owner_references(metadata: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.ownerReferences";
    let references = metadata["ownerReferences"].as_array();
    let references = references.map(Vec::as_slice).unwrap_or_default();
    let mut controller: Option<String> = None;
    for reference in references {
        owner_reference(reference, errors);
        if reference["controller"] != json!(true) {
            continue;
        }
        let owner = format!("{}/{}", text(reference, "kind"), text(reference, "name"));
        if let Some(first) = &controller {
            let all: Vec<String> = references.iter().map(printed_reference).collect();
            errors.push(FieldError {
                field: field.into(),
                kind: FieldErrorKind::Invalid,
                value: format!("[{}]", all.join(",")),
                detail: format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {owner}"
                ),
            });
        } else {
            controller = Some(owner);
        }
    }
}

fn owner_reference(reference: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.ownerReferences";
    let api_version = text(reference, "apiVersion");
    let (group, version) = match api_version.split_once('/') {
        None => ("", api_version),
        Some((_, version)) if version.contains('/') => ("", ""),
        Some((group, version)) => (group, version),
    };
    if version.is_empty() {
        let field = format!("{field}.apiVersion");
        let detail = "version must not be empty";
        errors.push(FieldError::invalid_text(field, api_version, detail));
    }
    for member in ["kind", "name", "uid"] {
        if text(reference, member).is_empty() {
            let field = format!("{field}.{member}");
            errors.push(FieldError::invalid_text(field, "", "must not be empty"));
        }
    }
    if (group, version, text(reference, "kind")) == ("", "v1", "Event") {
        errors.push(FieldError {
            field: field.into(),
            kind: FieldErrorKind::Invalid,
            value: printed_reference(reference),
            detail: "/v1, Kind=Event is disallowed from being an owner".into(),
        });
    }
}

/// An owner reference as JSON, its members in the order of Go's type.
fn printed_reference(reference: &Value) -> String {
    let mut members = Vec::new();
    for name in ["apiVersion", "kind", "name", "uid"] {
        let value = golang::json(&Value::from(text(reference, name)));
        members.push(format!("\"{name}\":{value}"));
    }
    for name in ["controller", "blockOwnerDeletion"] {
        if let Some(value) = present(reference, name) {
            members.push(format!("\"{name}\":{}", golang::json(value)));
        }
    }
    format!("{{{}}}", members.join(","))
}

fn qualified_finalizers(metadata: &Value, errors: &mut Vec<FieldError>) {
    let field = "metadata.finalizers";
    let all = finalizers_of(metadata);
    for finalizer in &all {
        for why in name::label_key(finalizer) {
            errors.push(FieldError::invalid_text(field, finalizer, why));
        }
    }
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid(field, &Value::from(all), detail));
    }
}

fn standard_finalizers(metadata: &Value, rule: Finalizers, errors: &mut Vec<FieldError>) {
    if rule == Finalizers::Qualified {
        return;
    }
    for (index, finalizer) in finalizers_of(metadata).into_iter().enumerate() {
        let standard = matches!(finalizer, "kubernetes" | "orphan" | "foregroundDeletion");
        if !standard && !finalizer.contains('/') {
            let field = format!("metadata.finalizers[{index}]");
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid_text(field, finalizer, detail));
        }
    }
}

fn no_new_finalizers(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let old = finalizers_of(old);
    let new: BTreeSet<&str> = finalizers_of(new).into_iter().collect();
    let added: Vec<String> = new
        .into_iter()
        .filter(|finalizer| !old.contains(finalizer))
        .map(golang::quote)
        .collect();
    if !added.is_empty() {
        errors.push(FieldError::forbidden(
            "metadata.finalizers",
            format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            ),
        ));
    }
}

fn not_negative(metadata: &Value, errors: &mut Vec<FieldError>) {
    let generation = number(metadata, "generation");
    if generation < 0 {
        let value = Value::from(generation);
        let detail = "must be greater than or equal to 0";
        errors.push(FieldError::invalid("metadata.generation", &value, detail));
    }
}

fn immutable(field: &str, value: &Value) -> FieldError {
    FieldError::invalid(format!("metadata.{field}"), value, "field is immutable")
}

fn finalizers_of(metadata: &Value) -> Vec<&str> {
    let all = metadata["finalizers"].as_array().into_iter().flatten();
    all.map(|one| one.as_str().unwrap_or_default()).collect()
}

/// A time as a moment where it is one: the same moment can be written in several ways.
fn moment(metadata: &Value, field: &str) -> Option<Result<Time, String>> {
    let written = present(metadata, field)?;
    let parsed = written.as_str().and_then(Time::parse);
    Some(parsed.ok_or_else(|| written.to_string()))
}

fn present<'a>(metadata: &'a Value, field: &str) -> Option<&'a Value> {
    metadata.get(field).filter(|value| !value.is_null())
}

fn text<'a>(metadata: &'a Value, field: &str) -> &'a str {
    metadata[field].as_str().unwrap_or_default()
}

fn number(metadata: &Value, field: &str) -> i64 {
    metadata[field].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests;
