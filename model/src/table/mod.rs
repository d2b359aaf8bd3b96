//! Rows for people: the Tables that `kubectl get` shows, and metadata without the rest.
//!
//! A Table has the columns of `data/columns.tsv` (read off kube-apiserver 1.36) and a row an
//! object, whose cells are computed as `pkg/printers/internalversion/printers.go` computes them.
//! Whether an object goes along with its row is the client's choice ([`Include`]). Column
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

/// The version of group `meta.k8s.io` that the client asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// `v1`
    #[default]
    V1,
    /// `v1beta1`, which only differs by its name.
    V1Beta1,
}

impl Version {
    /// `meta.k8s.io/v1`
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Version::V1 => "meta.k8s.io/v1",
            Version::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// What goes along with each row: the query parameter `includeObject`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Include {
    /// The object's metadata.
    #[default]
    Metadata,
    /// The object.
    Object,
    /// Nothing.
    None,
}

impl Include {
    /// Reads the query parameter; empty when it is not given.
    ///
    /// # Errors
    /// The message of the real server's BadRequest.
    pub fn parse(parameter: &str) -> Result<Include, String> {
        match parameter {
            "" | "Metadata" => Ok(Include::Metadata),
            "Object" => Ok(Include::Object),
            "None" => Ok(Include::None),
            other => Err(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: {other:?}: \
                 must be 'Metadata', 'Object', 'None', or empty"
            )),
        }
    }
}

/// How a Table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Options {
    /// The version of the Table, and of the metadata in its rows.
    pub version: Version,
    /// What goes along with each row.
    pub include: Include,
    /// With column definitions; in a watch only the first event has them.
    pub headers: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            version: Version::V1,
            include: Include::Metadata,
            headers: true,
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

/// One row: its cells, its conditions, and what goes along with it. Also right for a bookmark,
/// which is an object that is empty but for its resourceVersion.
#[must_use]
pub fn row(resource: &Resource, object: &Value, options: Options, now: Time) -> Value {
    let include = match options.include {
        // The end of the initial events is marked in the metadata, so that goes along anyway
        // (`asTable` in apiserver's `response.go`).
        Include::None if ends_initial_events(object) => Include::Metadata,
        include => include,
    };
    let mut row = json!({
        "cells": Shape::of(resource, object).cells(resource, object, now),
        "object": match include {
            Include::None => Value::Null,
            Include::Metadata => partial(object, options.version),
            Include::Object => object.clone(),
        },
    });
    if let Some(conditions) = cells::conditions(resource, object) {
        row["conditions"] = conditions;
    }
    row
}

/// The Table of one object: what a get, a create or an event of a watch shows.
#[must_use]
pub fn table_of_object(resource: &Resource, object: &Value, options: Options, now: Time) -> Value {
    let version = &object["metadata"]["resourceVersion"];
    let metadata = match version.as_str() {
        None | Some("") => json!({}),
        Some(version) => json!({ "resourceVersion": version }),
    };
    let columns = Shape::of(resource, object).columns(resource);
    let rows = [row(resource, object, options, now)];
    document(metadata, &columns, rows.into(), options)
}

/// The Table of a list; `metadata` is the list's: resourceVersion, `continue`,
/// remainingItemCount.
#[must_use]
pub fn table_of_list<'a>(
    resource: &Resource,
    metadata: Value,
    items: impl IntoIterator<Item = &'a Value>,
    options: Options,
    now: Time,
) -> Value {
    let mut items: Vec<&Value> = items.into_iter().collect();
    if (resource.group.as_str(), resource.plural.as_str())
        == ("flowcontrol.apiserver.k8s.io", "flowschemas")
    {
        items.sort_by_key(|schema| flow::order(schema));
    }
    let rows = items
        .into_iter()
        .map(|item| row(resource, item, options, now))
        .collect();
    document(
        metadata,
        &Shape::of_items(resource).columns(resource),
        rows,
        options,
    )
}

/// The object's metadata as a PartialObjectMetadata.
#[must_use]
pub fn partial(object: &Value, version: Version) -> Value {
    let metadata = match &object["metadata"] {
        Value::Null => json!({}),
        metadata => metadata.clone(),
    };
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": metadata,
    })
}

/// A PartialObjectMetadataList; `metadata` is the list's.
#[must_use]
pub fn partial_list<'a>(
    metadata: Value,
    items: impl IntoIterator<Item = &'a Value>,
    version: Version,
) -> Value {
    let items: Vec<Value> = items
        .into_iter()
        .map(|item| partial(item, version))
        .collect();
    json!({
        "kind": "PartialObjectMetadataList",
        "apiVersion": version.api_version(),
        "metadata": metadata,
        "items": items,
    })
}

fn document(metadata: Value, columns: &[Column], rows: Vec<Value>, options: Options) -> Value {
    let definitions = if options.headers {
        columns.iter().map(Column::definition).collect()
    } else {
        Value::Null
    };
    json!({
        "kind": "Table",
        "apiVersion": options.version.api_version(),
        "metadata": metadata,
        "columnDefinitions": definitions,
        "rows": rows,
    })
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
