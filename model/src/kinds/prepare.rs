//! `Strategy.PrepareForCreate` and `PrepareForUpdate`: who may write which part of an object.

use super::{
    document::{at, copy, items, number, put, remove, same, text},
    pod,
    traits::{Generation, traits},
    workload,
};
use crate::{ambient::Ambient, resource::Resource};
use alloc::vec::Vec;
use serde_json::{Value, json};

pub(super) fn create(resource: &Resource, object: &mut Value, ambient: &Ambient) {
    let traits = traits(resource);
    let starts = traits.generation != Generation::Never;
    put_metadata(object, "generation", starts.then(|| json!(1)));
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pod::prepare_create(object),
        ("batch", "jobs") => workload::job::prepare_create(object),
        ("", "namespaces") => super::namespace::prepare_create(object),
        ("", "services") => super::service::prepare_create(object),
        ("discovery.k8s.io", "endpointslices") => drop_topology(object),
        // A kubelet registers its node with the status that it has.
        ("", "nodes") => {}
        ("", "persistentvolumes") => {
            let status = json!({
                "phase": "Pending", "lastPhaseTransitionTime": ambient.now.rfc3339(),
            });
            put(object, "status", status);
        }
        ("apiextensions.k8s.io", "customresourcedefinitions") => reset_definition(object),
        _ if traits.has_status => put(object, "status", fresh_status(resource)),
        _ => {}
    }
    if (resource.group.as_str(), resource.plural.as_str()) == ("apps", "daemonsets") {
        workload::count_templates(object, None);
    }
}

pub(super) fn update(
    resource: &Resource,
    subresource: Option<&str>,
    new: &mut Value,
    old: &Value,
    ambient: &Ambient,
) {
    match subresource {
        None => update_object(resource, new, old),
        Some("status") => update_status(resource, new, old, ambient),
        Some("finalize") => super::namespace::prepare_finalize(new, old),
        Some("ephemeralcontainers" | "resize") => pod::prepare_part(subresource, new, old),
        // The others (scale, binding ...) work on the object themselves.
        Some(_) => {}
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        // Labels default to the template's whenever the stored object is read.
        ("batch", "jobs") | ("", "replicationcontrollers") => workload::labels_of_template(new),
        _ => {}
    }
    if matches!(
        subresource,
        None | Some("scale" | "ephemeralcontainers" | "resize")
    ) {
        raise_generation(resource, new, old);
    } else {
        // A status is not what somebody wants, and a node is not what the user wants.
        let generation = at(old, &["metadata", "generation"]).clone();
        put_metadata(
            new,
            "generation",
            (!generation.is_null()).then_some(generation),
        );
    }
}

fn update_object(resource: &Resource, new: &mut Value, old: &Value) {
    if traits(resource).has_status {
        copy(old, new, "status");
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("apps", "daemonsets") => workload::count_templates(new, Some(old)),
        ("", "namespaces") => super::namespace::prepare_update(new, old),
        ("", "services") => super::service::prepare_update(new, old),
        ("discovery.k8s.io", "endpointslices")
            if at(new, &["endpoints"]) != at(old, &["endpoints"]) =>
        {
            drop_topology(new);
        }
        _ => {}
    }
}

/// Only `status` is taken, and, except where a kind's strategy resets them, labels, annotations
/// and finalizers.
fn update_status(resource: &Resource, new: &mut Value, old: &Value, ambient: &Ambient) {
    if let Some(members) = new.as_object_mut() {
        members.retain(|field, _| {
            matches!(
                field.as_str(),
                "apiVersion" | "kind" | "metadata" | "status"
            )
        });
    }
    if let Some(members) = old.as_object() {
        for field in members.keys() {
            if !matches!(
                field.as_str(),
                "apiVersion" | "kind" | "metadata" | "status"
            ) {
                copy(old, new, field);
            }
        }
    }
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pod::prepare_status(new, old),
        ("apps", "deployments") => copy_metadata(new, old, &["labels"]),
        ("", "persistentvolumes")
            if text(new, &["status", "phase"]) != text(old, &["status", "phase"]) =>
        {
            if let Some(status) = new.get_mut("status") {
                put(
                    status,
                    "lastPhaseTransitionTime",
                    json!(ambient.now.rfc3339()),
                );
            }
        }
        (
            "apiextensions.k8s.io"
            | "apiregistration.k8s.io"
            | "admissionregistration.k8s.io"
            | "flowcontrol.apiserver.k8s.io"
            | "resource.k8s.io"
            | "networking.k8s.io"
            | "storage.k8s.io",
            plural,
        ) if plural != "ingresses" => reset_metadata(new, old),
        (
            ""
            | "apps"
            | "batch"
            | "autoscaling"
            | "policy"
            | "certificates.k8s.io"
            | "networking.k8s.io",
            _,
        ) => {}
        _ => reset_metadata_of_custom_resource(new, old),
    }
}

/// `metav1.ResetObjectMetaForStatus`: all that people write in metadata stays.
fn reset_metadata(new: &mut Value, old: &Value) {
    let fields = [
        "deletionTimestamp",
        "generation",
        "selfLink",
        "labels",
        "annotations",
        "finalizers",
        "ownerReferences",
    ];
    copy_metadata(new, old, &fields);
}

/// The status of a custom resource changes nothing in metadata but managedFields.
fn reset_metadata_of_custom_resource(new: &mut Value, old: &Value) {
    let kept = at(new, &["metadata", "managedFields"]).clone();
    let version = at(new, &["metadata", "resourceVersion"]).clone();
    copy(old, new, "metadata");
    put_metadata(new, "managedFields", (!kept.is_null()).then_some(kept));
    put_metadata(
        new,
        "resourceVersion",
        (!version.is_null()).then_some(version),
    );
}

fn copy_metadata(new: &mut Value, old: &Value, fields: &[&str]) {
    for field in fields {
        let value = at(old, &["metadata", field]);
        put_metadata(new, field, (!value.is_null()).then(|| value.clone()));
    }
}

/// Sets a member of metadata, or removes it.
pub(super) fn put_metadata(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(metadata) = object.get_mut("metadata") {
        match value {
            Some(value) => put(metadata, field, value),
            None => remove(metadata, field),
        }
    }
}

/// Generation goes up by one with the changes that the kind's strategy names, whatever the client
/// sent.
pub(super) fn raise_generation(resource: &Resource, new: &mut Value, old: &Value) {
    let changed = |path: &[&str]| !same(at(new, path), at(old, path));
    let raise = match traits(resource).generation {
        Generation::Never => return put_metadata(new, "generation", None),
        Generation::Constant => false,
        Generation::Field(field) => changed(&[field]),
        Generation::SpecAndAnnotations => {
            changed(&["spec"]) || changed(&["metadata", "annotations"])
        }
        Generation::ContentAndLabels => {
            changed(&["metadata", "labels"]) || content(new) != content(old)
        }
    };
    let before = number(old, &["metadata", "generation"]).unwrap_or_default();
    let after = before.saturating_add(i64::from(raise));
    put_metadata(new, "generation", (after > 0).then(|| json!(after)));
}

/// All but metadata and the type's name.
fn content(object: &Value) -> Vec<(&str, &Value)> {
    super::document::members(object, &[])
        .filter(|(field, _)| !matches!(*field, "metadata" | "apiVersion" | "kind"))
        .collect()
}

/// The status that a new object gets: the zero value, as Go writes it.
fn fresh_status(resource: &Resource) -> Value {
    match (
        resource.group.as_str(),
        resource.version.as_str(),
        resource.plural.as_str(),
    ) {
        ("", _, "persistentvolumeclaims") => json!({"phase": "Pending"}),
        ("", _, "replicationcontrollers") | ("apps", _, "replicasets") => json!({"replicas": 0}),
        ("apps", _, "statefulsets") => json!({"replicas": 0, "availableReplicas": 0}),
        ("apps", _, "daemonsets") => json!({
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0,
            "numberReady": 0,
        }),
        ("autoscaling", "v1", _) => json!({"currentReplicas": 0, "desiredReplicas": 0}),
        ("autoscaling", _, _) => json!({"desiredReplicas": 0, "currentMetrics": null}),
        ("networking.k8s.io", _, "ingresses") => json!({"loadBalancer": {}}),
        ("policy", _, _) => json!({
            "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
        }),
        ("storage.k8s.io", _, "volumeattachments") => json!({"attached": false}),
        // A custom resource has no status until somebody writes it.
        (group, _, _) if group.contains('.') && !group.ends_with(".k8s.io") => Value::Null,
        _ => json!({}),
    }
}

/// A definition starts without conditions and names, and with the version that it stores.
fn reset_definition(object: &mut Value) {
    let stored: Vec<Value> = super::document::list(object, &["spec", "versions"])
        .iter()
        .filter(|version| super::document::flag(version, &["storage"]))
        .map(|version| at(version, &["name"]).clone())
        .collect();
    let status = json!({
        "conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored,
    });
    put(object, "status", status);
}

/// `deprecatedTopology` cannot be written through v1.
fn drop_topology(object: &mut Value) {
    for endpoint in items(object, "endpoints") {
        remove(endpoint, "deprecatedTopology");
    }
}

#[cfg(test)]
mod tests {
    use super::update;
    use crate::{
        ambient::{Ambient, Time},
        resource::Resources,
    };
    use serde_json::{Value, json};

    /// What becomes of a write over an object of generation 3.
    fn check(
        name: (&str, &str),
        subresource: Option<&str>,
        old: &Value,
        mut new: Value,
        expected: &Value,
    ) {
        let resources = Resources::built_in();
        let resource = resources.find(name.0, "v1", name.1).unwrap();
        let ambient = Ambient {
            now: Time(0),
            ..Ambient::default()
        };
        update(resource, subresource, &mut new, old, &ambient);
        assert_eq!(new, *expected, "{name:?} {subresource:?}");
    }

    const DEPLOYMENTS: (&str, &str) = ("apps", "deployments");

    fn deployment(labels: &Value, replicas: i64, status: &Value) -> Value {
        json!({
            "metadata": {"labels": labels, "generation": 3}, "spec": {"replicas": replicas},
            "status": status,
        })
    }

    #[test]
    fn spec_and_status_are_written_apart() {
        let old = deployment(&json!({"a": "b"}), 1, &json!({"replicas": 1}));
        let both = deployment(&json!({"a": "c"}), 2, &json!({"replicas": 2}));
        let mut expected = deployment(&json!({"a": "c"}), 2, &json!({"replicas": 1}));
        expected["metadata"]["generation"] = json!(4);
        check(DEPLOYMENTS, None, &old, both.clone(), &expected);
        let expected = deployment(&json!({"a": "b"}), 1, &json!({"replicas": 2}));
        check(DEPLOYMENTS, Some("status"), &old, both, &expected);
    }

    #[test]
    fn the_generation_grows_by_the_rule_of_the_kind() {
        let object = |generation: i64, annotations: Value, labels: Value| {
            json!({"metadata": {
                "generation": generation, "annotations": annotations, "labels": labels,
            }})
        };
        let old = object(3, json!({"a": "b"}), json!({"a": "b"}));
        let annotated = object(9, json!({"a": "c"}), json!({"a": "b"}));
        let labelled = object(9, json!({"a": "b"}), json!({"a": "c"}));
        for (name, by_annotations, by_labels) in [
            (DEPLOYMENTS, 4, 3),
            (("apps", "replicasets"), 3, 3),
            (("discovery.k8s.io", "endpointslices"), 3, 4),
            (("scheduling.k8s.io", "priorityclasses"), 3, 3),
        ] {
            let mut expected = annotated.clone();
            expected["metadata"]["generation"] = json!(by_annotations);
            check(name, None, &old, annotated.clone(), &expected);
            let mut expected = labelled.clone();
            expected["metadata"]["generation"] = json!(by_labels);
            check(name, None, &old, labelled.clone(), &expected);
        }
        let mut none = annotated.clone();
        none["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("generation");
        check(("", "configmaps"), None, &old, annotated, &none);
    }

    #[test]
    fn a_binding_is_no_new_generation() {
        let old = json!({"metadata": {"generation": 1}, "spec": {}});
        let bound = json!({"metadata": {"generation": 1}, "spec": {"nodeName": "n"}});
        check(("", "pods"), Some("binding"), &old, bound.clone(), &bound);
    }

    #[test]
    fn a_volumes_phase_has_its_time() {
        let volume = |status: Value| json!({"metadata": {}, "spec": {}, "status": status});
        let old = volume(json!({"phase": "Pending", "lastPhaseTransitionTime": "x"}));
        let available = volume(json!({"phase": "Available", "lastPhaseTransitionTime": "x"}));
        let now = "1970-01-01T00:00:00Z";
        let expected = volume(json!({"phase": "Available", "lastPhaseTransitionTime": now}));
        check(
            ("", "persistentvolumes"),
            Some("status"),
            &old,
            available,
            &expected,
        );
    }
}
