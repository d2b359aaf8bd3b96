use super::{IncludeObject, columns, partial, partial_list, row, set_version, table};
use crate::{
    ambient::Time,
    resource::{Resource, Resources},
};
use alloc::{string::String, sync::Arc, vec::Vec};
use serde_json::{Value, json};

fn resource(group: &str, plural: &str) -> Arc<Resource> {
    Arc::clone(Resources::built_in().find(group, "v1", plural).unwrap())
}

fn now() -> Time {
    Time::parse("2026-01-01T00:10:00Z").unwrap()
}

fn config_map() -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"k": "1"}, "metadata": {
        "name": "a", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}})
}

fn plain_table(resource: &Resource, objects: &[Value], metadata: &Value) -> Value {
    table(resource, objects, metadata, IncludeObject::default(), now())
}

/// The first event of a watch, as it was recorded of kube-apiserver.
#[test]
fn the_table_of_one_object() {
    let column = |name, format| {
        json!({"name": name, "type": "string", "format": format, "description": "",
            "priority": 0})
    };
    let expected = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "7"},
        "columnDefinitions": [column("Name", "name"), column("Data", ""), column("Age", "")],
        "rows": [{"cells": ["a", 1, "10m"], "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": config_map()["metadata"]}}]});
    let object = config_map();
    let config_maps = resource("", "configmaps");
    let metadata = object["metadata"].clone();
    assert_eq!(plain_table(&config_maps, &[object], &metadata), expected);
}

#[test]
fn what_goes_along_with_a_row_is_the_clients_choice() {
    let config_maps = resource("", "configmaps");
    let object =
        |object: &Value, include| row(&config_maps, object, include, now())["object"].clone();
    assert_eq!(object(&config_map(), IncludeObject::None), Value::Null);
    assert_eq!(object(&config_map(), IncludeObject::Object), config_map());
    let end = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {
        "resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}});
    assert_eq!(object(&end, IncludeObject::None), partial(&end));
    assert_eq!(IncludeObject::parse(""), Ok(IncludeObject::Metadata));
    assert_eq!(
        IncludeObject::parse("All"),
        Err(String::from(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": \
             must be 'Metadata', 'Object', 'None', or empty"
        ))
    );
}

#[test]
fn a_list_keeps_its_metadata() {
    let metadata = json!({"resourceVersion": "9", "continue": "c", "remainingItemCount": 3});
    let objects = [config_map(), config_map()];
    let config_maps = resource("", "configmaps");
    let listed = plain_table(&config_maps, &objects, &metadata);
    assert_eq!(listed["metadata"], metadata);
    assert_eq!(listed["rows"].as_array().unwrap().len(), 2);
    let list = partial_list(&objects, &metadata);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["metadata"], metadata);
    assert_eq!(list["items"][1], partial(&config_map()));
    let empty = plain_table(&config_maps, &[], &json!({}));
    assert_eq!(
        (&empty["rows"], &empty["metadata"]),
        (&json!([]), &json!({}))
    );
}

#[test]
fn the_older_version_differs_by_its_name() {
    let older = json!("meta.k8s.io/v1beta1");
    let objects = [config_map()];
    let mut listed = plain_table(&resource("", "configmaps"), &objects, &json!({}));
    set_version(&mut listed, "v1beta1");
    assert_eq!(listed["apiVersion"], older);
    assert_eq!(listed["rows"][0]["object"]["apiVersion"], older);
    let mut list = partial_list(&objects, &json!({}));
    set_version(&mut list, "v1beta1");
    assert_eq!(
        (&list["apiVersion"], &list["items"][0]["apiVersion"]),
        (&older, &older)
    );
    let include = IncludeObject::Object;
    let mut whole = table(
        &resource("", "configmaps"),
        &objects,
        &json!({}),
        include,
        now(),
    );
    set_version(&mut whole, "v1beta1");
    assert_eq!(whole["rows"][0]["object"], config_map());
}

#[test]
fn flow_schemas_are_listed_in_the_order_in_which_they_match() {
    let schema = |name: &str, precedence: i64| {
        json!({"metadata": {"name": name},
            "spec": {"matchingPrecedence": precedence}})
    };
    let objects = [schema("a", 100), schema("c", 1), schema("b", 100)];
    let schemas = resource("flowcontrol.apiserver.k8s.io", "flowschemas");
    let listed = plain_table(&schemas, &objects, &json!({}));
    let rows = listed["rows"].as_array().unwrap();
    let names: Vec<&Value> = rows.iter().map(|row| &row["cells"][0]).collect();
    assert_eq!(names, ["c", "a", "b"]);
}

#[test]
fn scales_custom_resources_and_questions_have_tables_of_their_own() {
    let names = |resource: &Resource, object: Value| -> Vec<String> {
        let listed = plain_table(resource, &[object], &json!({}));
        let definitions = listed["columnDefinitions"].as_array().unwrap();
        let cells = listed["rows"][0]["cells"].as_array().unwrap();
        assert_eq!(definitions.len(), cells.len());
        definitions
            .iter()
            .map(|column| column["name"].as_str().unwrap().into())
            .collect()
    };
    let scale = json!({"kind": "Scale", "metadata": {"name": "d"}});
    let deployments = resource("apps", "deployments");
    assert_eq!(
        names(&deployments, scale),
        ["Name", "Desired", "Available", "Age"]
    );
    let mut widgets = Resource::clone(&deployments);
    widgets.plural = "widgets".into();
    assert_eq!(names(&widgets, config_map()), ["Name", "Age"]);
    let reviews = resource("authentication.k8s.io", "tokenreviews");
    assert_eq!(names(&reviews, json!({})), ["Name", "Created At"]);
}

#[test]
fn every_stored_resource_has_columns_and_as_many_cells_for_any_object() {
    let bookmark = json!({"metadata": {"resourceVersion": "1"}});
    let odd = json!({"metadata": 1, "spec": [], "status": "x", "data": null, "subsets": {}});
    for resource in Resources::built_in().iter().filter(|one| one.stored()) {
        let columns = columns(&resource.group, &resource.version, &resource.plural);
        assert!(!columns.is_empty(), "{}", resource.plural);
        for object in [&bookmark, &odd, &Value::Null] {
            let row = row(resource, object, IncludeObject::default(), now());
            let extra = usize::from(resource.plural == "ipaddresses");
            let cells = row["cells"].as_array().unwrap().len();
            assert_eq!(cells, columns.len() + extra, "{}", resource.plural);
        }
    }
}
