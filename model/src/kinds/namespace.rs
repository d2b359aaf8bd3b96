//! Namespaces: their own finalizers, phase and label.
//!
//! Origin: `pkg/registry/core/namespace/strategy.go` and `storage/storage.go`.

use super::document::{at, copy, list, member, object, put, remove, text};
use crate::{status::FieldError, validation::name::label_key};
use alloc::{format, vec::Vec};
use serde_json::{Value, json};

/// The finalizer that every namespace gets: its contents must go first.
pub const FINALIZER: &str = "kubernetes";

pub(super) fn default(object: &mut Value) {
    let name = text(object, &["metadata", "name"]);
    if name.is_empty() {
        return;
    }
    let name = json!(name);
    let labels = super::document::object(member(object, "metadata"), "labels");
    *member(labels, "kubernetes.io/metadata.name") = name;
}

/// Every namespace gets the finalizer, besides those that the client asks for.
pub(super) fn prepare_create(object: &mut Value) {
    default(object);
    put(object, "status", json!({"phase": "Active"}));
    let mut finalizers = list(object, &["spec", "finalizers"]).to_vec();
    if !finalizers.contains(&json!(FINALIZER)) {
        finalizers.push(json!(FINALIZER));
    }
    put(
        super::document::object(object, "spec"),
        "finalizers",
        json!(finalizers),
    );
}

/// `spec.finalizers` can be changed through the subresource `finalize` only.
pub(super) fn prepare_update(new: &mut Value, old: &Value) {
    let finalizers = at(old, &["spec", "finalizers"]).clone();
    put(object(new, "spec"), "finalizers", finalizers);
}

/// Through `finalize` only `spec.finalizers` (and metadata) can be changed.
pub(super) fn prepare_finalize(new: &mut Value, old: &Value) {
    copy(old, new, "status");
    let spec = object(new, "spec");
    if list(spec, &["finalizers"]).is_empty() {
        remove(spec, "finalizers");
    }
}

/// True when a namespace that is being deleted has no finalizers of either sort left: the write
/// that makes it so removes it.
#[must_use]
pub fn is_finished(object: &Value) -> bool {
    !at(object, &["metadata", "deletionTimestamp"]).is_null()
        && list(object, &["spec", "finalizers"]).is_empty()
        && list(object, &["metadata", "finalizers"]).is_empty()
}

/// Marks a namespace that is being deleted; its deletionTimestamp is set already.
pub fn terminate(object: &mut Value) {
    put(
        super::document::object(object, "status"),
        "phase",
        json!("Terminating"),
    );
}

/// `ValidateNamespace`, `ValidateNamespaceFinalizeUpdate`.
pub(super) fn validate(object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, finalizer) in list(object, &["spec", "finalizers"]).iter().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        let field = format!("spec.finalizers[{index}]");
        let wrong = label_key(name);
        errors.extend(
            wrong
                .into_iter()
                .map(|why| FieldError::invalid(&field, finalizer, why)),
        );
        if !name.contains('/') && name != FINALIZER {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(&field, finalizer, why));
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::{is_finished, prepare_create, prepare_finalize, prepare_update, validate};
    use alloc::string::ToString;
    use serde_json::json;

    #[test]
    fn a_new_namespace_is_active_and_has_its_finalizer_and_label() {
        let mut namespace = json!({"metadata": {"name": "a"}, "spec": {}});
        prepare_create(&mut namespace);
        assert_eq!(
            namespace,
            json!({
                "metadata": {"name": "a", "labels": {"kubernetes.io/metadata.name": "a"}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            })
        );
    }

    #[test]
    fn finalizers_change_through_finalize_only() {
        let old = json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
        let mut new = json!({"spec": {"finalizers": ["a.b/c"]}});
        prepare_update(&mut new, &old);
        assert_eq!(new["spec"], old["spec"]);
        let mut new = json!({"spec": {"finalizers": []}, "status": {"phase": "x"}});
        prepare_finalize(&mut new, &old);
        assert_eq!(new, json!({"spec": {}, "status": {"phase": "Active"}}));
        assert!(!is_finished(&new));
        new["metadata"] = json!({"deletionTimestamp": "2030-01-01T00:00:00Z"});
        assert!(is_finished(&new));
    }

    #[test]
    fn finalizers_are_qualified() {
        let errors = validate(&json!({"spec": {"finalizers": ["kubernetes", "notqualified"]}}));
        assert_eq!(errors.len(), 1);
        assert_eq!(
            errors[0].to_string(),
            "spec.finalizers[1]: Invalid value: \"notqualified\": \
            name is neither a standard finalizer name nor is it fully qualified"
        );
    }
}
