//! Rows for people: the Tables that `kubectl get` shows, and metadata without the rest.
//!
//! A Table has the columns of `data/columns.tsv` (read off kube-apiserver 1.36) and a row an
//! object, whose cells are computed as `pkg/printers/internalversion/printers.go` computes them.
//! Whether an object goes along with its row is the client's choice ([`IncludeObject`]). Column
//! descriptions are empty: the documentation's sentences are not part of our data.
//!
//! A Status is never turned into a Table (`doTransformObject` in apiserver's `response.go`): errors
//! and the answers of deletes stay as they are.

mod access;
mod age;
mod autoscaling;
mod cells;
#[cfg(test)]
mod check;
mod cluster;
mod event;
mod flow;
mod labels;
mod network;
mod pod;
mod read;
mod storage;
mod workload;

pub use age::human_duration;

use crate::{ambient::Time, resource::Resource};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The version that is written unless [`set_version`] says otherwise.
const API_VERSION: &str = "meta.k8s.io/v1";
/// The kind of an object's metadata.
const PARTIAL: &str = "PartialObjectMetadata";

/// How objects are shown to a client that asked for less than the objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// As they are.
    Object,
    /// `as=Table`
    Table,
    /// `as=PartialObjectMetadata` and its list.
    PartialObjectMetadata,
}

/// What goes along with each row: the query parameter `includeObject`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IncludeObject {
    /// The object's metadata.
    #[default]
    Metadata,
    /// The object.
    Object,
    /// Nothing.
    None,
}

impl IncludeObject {
    /// Reads the query parameter; empty when it is not given.
    ///
    /// # Errors
    /// The message of the real server's BadRequest.
    pub fn parse(parameter: &str) -> Result<IncludeObject, String> {
        match parameter {
            "" | "Metadata" => Ok(IncludeObject::Metadata),
            "Object" => Ok(IncludeObject::Object),
            "None" => Ok(IncludeObject::None),
            other => Err(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
                 must be 'Metadata', 'Object', 'None', or empty"
            )),
        }
    }
}

/// A column of a resource's Table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// `Name`; kubectl shows it in capitals.
    pub name: String,
    /// An OpenAPI type: `string`, `integer`, `boolean`, `date`.
    pub kind: String,
    /// `name` in the column that names the object, else mostly empty.
    pub format: String,
    /// Columns above 0 are for `-o wide`.
    pub priority: i64,
}

impl Column {
    fn new(name: &str, kind: &str, format: &str, priority: i64) -> Column {
        Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            format: format.to_owned(),
            priority,
        }
    }

    fn definition(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        })
    }
}

/// The columns of a resource that has a printer of its own; empty for all others.
#[must_use]
pub fn columns(group: &str, version: &str, plural: &str) -> Vec<Column> {
    let wanted_group = if group.is_empty() { "core" } else { group };
    include_str!("../../data/columns.tsv")
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let mut field = || fields.next().unwrap_or_default();
            let names = (field(), field(), field());
            (names == (wanted_group, version, plural)).then(|| {
                Column::new(
                    field(),
                    field(),
                    field(),
                    field().parse().unwrap_or_default(),
                )
            })
        })
        .collect()
}

/// A Table. `metadata` is that of the list, or of the one object that is shown: its
/// resourceVersion, `continue` and remainingItemCount are taken. Also right for a bookmark, which
/// is an object that is empty but for its resourceVersion.
#[must_use]
pub fn table(
    resource: &Resource,
    objects: &[Value],
    metadata: &Value,
    include: IncludeObject,
    now: Time,
) -> Value {
    let mut objects: Vec<&Value> = objects.iter().collect();
    if (resource.group.as_str(), resource.plural.as_str())
        == ("flowcontrol.apiserver.k8s.io", "flowschemas")
    {
        objects.sort_by_key(|schema| flow::order(schema));
    }
    let shape = match objects.first() {
        Some(first) => Shape::of(resource, first),
        None => Shape::of_items(resource),
    };
    let columns = shape.columns(resource);
    let rows = objects
        .into_iter()
        .map(|object| row(resource, object, include, now));
    json!({
        "kind": "Table",
        "apiVersion": API_VERSION,
        "metadata": list_metadata(metadata),
        "columnDefinitions": columns.iter().map(Column::definition).collect::<Value>(),
        "rows": rows.collect::<Value>(),
    })
}

/// One row: its cells, its conditions, and what goes along with it.
#[must_use]
pub fn row(resource: &Resource, object: &Value, include: IncludeObject, now: Time) -> Value {
    let include = match include {
        // The end of the initial events is marked in the metadata, so that goes along anyway
        // (`asTable` in apiserver's `response.go`).
        IncludeObject::None if ends_initial_events(object) => IncludeObject::Metadata,
        include => include,
    };
    let mut row = json!({
        "cells": Shape::of(resource, object).cells(resource, object, now),
        "object": match include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => partial(object),
            IncludeObject::Object => object.clone(),
        },
    });
    if let Some(conditions) = cells::conditions(resource, object) {
        row["conditions"] = conditions;
    }
    row
}

/// The object's metadata as a PartialObjectMetadata.
#[must_use]
pub fn partial(object: &Value) -> Value {
    let metadata = match object.get("metadata") {
        None | Some(Value::Null) => json!({}),
        Some(metadata) => metadata.clone(),
    };
    json!({"kind": PARTIAL, "apiVersion": API_VERSION, "metadata": metadata})
}

/// A PartialObjectMetadataList; `metadata` is the list's.
#[must_use]
pub fn partial_list(objects: &[Value], metadata: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": API_VERSION,
        "metadata": list_metadata(metadata),
        "items": objects.iter().map(partial).collect::<Value>(),
    })
}

/// Writes what this module made in another version of group `meta.k8s.io`: `v1beta1` differs by
/// its name only, in the document and in the metadata in its rows or items.
pub fn set_version(document: &mut Value, version: &str) {
    let name = format!("meta.k8s.io/{version}");
    let mut inner: Vec<&mut Value> = Vec::new();
    for (member, value) in document.as_object_mut().into_iter().flatten() {
        match (member.as_str(), value) {
            ("apiVersion", value) => *value = name.clone().into(),
            ("rows", Value::Array(rows)) => {
                inner.extend(rows.iter_mut().filter_map(|row| row.get_mut("object")));
            }
            ("items", Value::Array(items)) => inner.extend(items),
            _ => {}
        }
    }
    for object in inner {
        if object["kind"] == PARTIAL {
            object["apiVersion"] = name.clone().into();
        }
    }
}

fn list_metadata(of: &Value) -> Value {
    let members = ["resourceVersion", "continue", "remainingItemCount"];
    let taken = members.iter().filter_map(|name| {
        let value = of
            .get(name)
            .filter(|value| !value.is_null() && *value != "")?;
        Some(((*name).to_owned(), value.clone()))
    });
    Value::Object(taken.collect())
}

fn ends_initial_events(object: &Value) -> bool {
    object["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
}

/// Which columns and cells an object of a resource has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Those of the resource's own printer.
    Own,
    /// Those of the `scale` subresource.
    Scale,
    /// Name and age: a custom resource that declares no columns.
    Age,
    /// Name and time of creation: apiserver's `NewDefaultTableConvertor`.
    Created,
}

impl Shape {
    fn of(resource: &Resource, object: &Value) -> Shape {
        match object["kind"].as_str() {
            Some("Scale") if resource.kind != "Scale" => Shape::Scale,
            _ => Shape::of_items(resource),
        }
    }

    fn of_items(resource: &Resource) -> Shape {
        if cells::printer(resource).is_some() {
            Shape::Own
        } else if resource.stored() {
            Shape::Age
        } else {
            Shape::Created
        }
    }

    fn columns(self, resource: &Resource) -> Vec<Column> {
        let name = Column::new("Name", "string", "name", 0);
        match self {
            Shape::Own => columns(&resource.group, &resource.version, &resource.plural),
            Shape::Scale => [
                name,
                Column::new("Desired", "integer", "", 0),
                Column::new("Available", "integer", "", 0),
                Column::new("Age", "string", "", 0),
            ]
            .into(),
            Shape::Age => [name, Column::new("Age", "date", "", 0)].into(),
            Shape::Created => [name, Column::new("Created At", "date", "", 0)].into(),
        }
    }

    fn cells(self, resource: &Resource, object: &Value, now: Time) -> Vec<Value> {
        match self {
            Shape::Own => match cells::printer(resource) {
                Some(printer) => printer(object, now),
                None => Vec::new(),
            },
            Shape::Scale => autoscaling::scale(object, now),
            Shape::Age => cells::name_and_age(object, now),
            Shape::Created => cells::name_and_creation(object, now),
        }
    }
}

/// Text for a cell.
fn text(text: impl ToString) -> Value {
    Value::String(text.to_string())
}

#[cfg(test)]
mod tests;
