use super::{
    Include, Options, Version, columns, partial, partial_list, row, table_of_list, table_of_object,
};
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

/// The recorded watch of `corpus/watch/watch-as-table.json`.
#[test]
fn the_first_event_of_a_watch_has_columns_and_the_next_has_none() {
    let column = |name, format| {
        json!({"name": name, "type": "string", "format": format, "description": "",
            "priority": 0})
    };
    let mut expected = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": "7"},
        "columnDefinitions": [column("Name", "name"), column("Data", ""), column("Age", "")],
        "rows": [{"cells": ["a", 1, "10m"], "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": config_map()["metadata"]}}]});
    let config_maps = resource("", "configmaps");
    let first = Options::default();
    let table = |options| table_of_object(&config_maps, &config_map(), options, now());
    assert_eq!(table(first), expected);
    expected["columnDefinitions"] = Value::Null;
    assert_eq!(
        table(Options {
            headers: false,
            ..first
        }),
        expected
    );
}

#[test]
fn what_goes_along_with_a_row_is_the_clients_choice() {
    let config_maps = resource("", "configmaps");
    let object = |object: &Value, include| {
        let options = Options {
            include,
            ..Options::default()
        };
        row(&config_maps, object, options, now())["object"].clone()
    };
    assert_eq!(object(&config_map(), Include::None), Value::Null);
    assert_eq!(object(&config_map(), Include::Object), config_map());
    let end = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {
        "resourceVersion": "9", "annotations": {"k8s.io/initial-events-end": "true"}}});
    assert_eq!(object(&end, Include::None), partial(&end, Version::V1));
    assert_eq!(Include::parse(""), Ok(Include::Metadata));
    assert_eq!(
        Include::parse("All"),
        Err(String::from(
            "Unable to convert to Table as requested: includeObject: Invalid value: \"All\": \
             must be 'Metadata', 'Object', 'None', or empty"
        ))
    );
}

#[test]
fn a_list_keeps_its_metadata() {
    let metadata = json!({"resourceVersion": "9", "continue": "c", "remainingItemCount": 3});
    let items = [config_map(), config_map()];
    let version = Version::V1Beta1;
    let options = Options {
        version,
        ..Options::default()
    };
    let table = table_of_list(
        &resource("", "configmaps"),
        metadata.clone(),
        &items,
        options,
        now(),
    );
    assert_eq!(table["metadata"], metadata);
    assert_eq!(table["rows"].as_array().unwrap().len(), 2);
    assert_eq!(
        table["rows"][0]["object"]["apiVersion"],
        "meta.k8s.io/v1beta1"
    );
    let list = partial_list(metadata.clone(), &items, version);
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["metadata"], metadata);
    assert_eq!(list["items"][1], partial(&config_map(), version));
    let empty = table_of_list(&resource("", "configmaps"), json!({}), [], options, now());
    assert_eq!(empty["rows"], json!([]));
}

#[test]
fn flow_schemas_are_listed_in_the_order_in_which_they_match() {
    let schema = |name: &str, precedence: i64| {
        json!({"metadata": {"name": name},
            "spec": {"matchingPrecedence": precedence}})
    };
    let items = [schema("a", 100), schema("c", 1), schema("b", 100)];
    let group = "flowcontrol.apiserver.k8s.io";
    let table = table_of_list(
        &resource(group, "flowschemas"),
        json!({}),
        &items,
        Options::default(),
        now(),
    );
    let names: Vec<&Value> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["cells"][0])
        .collect();
    assert_eq!(names, ["c", "a", "b"]);
}

#[test]
fn scales_custom_resources_and_questions_have_tables_of_their_own() {
    let names = |resource: &Resource, object: &Value| -> Vec<String> {
        let table = table_of_object(resource, object, Options::default(), now());
        let definitions = table["columnDefinitions"].as_array().unwrap();
        assert_eq!(
            definitions.len(),
            table["rows"][0]["cells"].as_array().unwrap().len()
        );
        definitions
            .iter()
            .map(|column| column["name"].as_str().unwrap().into())
            .collect()
    };
    let scale = json!({"kind": "Scale", "metadata": {"name": "d"}});
    let deployments = resource("apps", "deployments");
    assert_eq!(
        names(&deployments, &scale),
        ["Name", "Desired", "Available", "Age"]
    );
    let mut widgets = Resource::clone(&deployments);
    widgets.plural = "widgets".into();
    assert_eq!(names(&widgets, &config_map()), ["Name", "Age"]);
    let reviews = resource("authentication.k8s.io", "tokenreviews");
    assert_eq!(names(&reviews, &json!({})), ["Name", "Created At"]);
}

#[test]
fn every_stored_resource_has_columns_and_as_many_cells_for_any_object() {
    let bookmark = json!({"metadata": {"resourceVersion": "1"}});
    let odd = json!({"metadata": 1, "spec": [], "status": "x", "data": null, "subsets": {}});
    for resource in Resources::built_in().iter().filter(|one| one.stored()) {
        let columns = columns(&resource.group, &resource.version, &resource.plural);
        assert!(!columns.is_empty(), "{}", resource.plural);
        for object in [&bookmark, &odd, &Value::Null] {
            let row = row(resource, object, Options::default(), now());
            let extra = usize::from(resource.plural == "ipaddresses");
            let cells = row["cells"].as_array().unwrap().len();
            assert_eq!(cells, columns.len() + extra, "{}", resource.plural);
        }
    }
}
