//! A type as a JSON schema.

use super::Dialect;
use crate::schema::{Field, ListType, Shape, Special, Type, Types};
use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};
use serde_json::{Map, Value, json};

/// The schema of a type, with the kinds that it has.
pub(super) fn of_type(
    types: &Types,
    dialect: Dialect,
    described: &Type,
    kinds: &BTreeMap<&'static str, Vec<Value>>,
) -> Value {
    if let Some(special) = described.special {
        return of_special(dialect, special);
    }
    let mut schema = json!({"type": "object"});
    let mut properties = Map::new();
    for field in &described.fields {
        properties.insert(
            field.name.to_owned(),
            of_field(types, dialect, described, field),
        );
    }
    if !properties.is_empty() {
        schema["properties"] = properties.into();
    }
    let required = described.fields.iter().filter(|field| field.required);
    let required: Vec<&str> = required.map(|field| field.name).collect();
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if described.atomic && !described.fields.is_empty() {
        schema["x-kubernetes-map-type"] = "atomic".into();
    }
    if let Some(kinds) = kinds.get(described.name) {
        schema["x-kubernetes-group-version-kind"] = kinds.clone().into();
    }
    schema
}

fn of_field(types: &Types, dialect: Dialect, owner: &Type, field: &Field) -> Value {
    let mut schema = of_shape(types, dialect, &field.shape);
    let mut extensions = extensions(owner, field);
    if !field.values.is_empty() {
        extensions.insert("enum".to_owned(), field.values.clone().into());
    }
    let default = field
        .default
        .and_then(|text| serde_json::from_str(text).ok());
    if let (Dialect::V3, Some(default)) = (dialect, default) {
        extensions.insert("default".to_owned(), default);
    }
    // Version 3 ignores what stands beside a reference.
    if dialect == Dialect::V3 && !extensions.is_empty() && schema.get("$ref").is_some() {
        schema = json!({"allOf": [schema]});
    }
    if let Value::Object(members) = &mut schema {
        members.extend(extensions);
    }
    schema
}

fn extensions(owner: &Type, field: &Field) -> Map<String, Value> {
    let mut extensions = Map::new();
    let mut add = |name: &str, value: Value| {
        extensions.insert(name.to_owned(), value);
    };
    if let Some(list_type) = field.list_type {
        let name = match list_type {
            ListType::Atomic => "atomic",
            ListType::Set => "set",
            ListType::Map => "map",
        };
        add("x-kubernetes-list-type", name.into());
    }
    if !field.list_map_keys.is_empty() {
        add(
            "x-kubernetes-list-map-keys",
            field.list_map_keys.clone().into(),
        );
    }
    let strategies = [
        (field.patch.merge, "merge"),
        (field.patch.replace, "replace"),
        (field.patch.retain_keys, "retainKeys"),
    ];
    let strategies = strategies.iter().filter(|(given, _)| *given);
    let strategies: Vec<&str> = strategies.map(|(_, name)| *name).collect();
    if !strategies.is_empty() {
        add("x-kubernetes-patch-strategy", strategies.join(",").into());
    }
    if let Some(key) = field.patch_merge_key {
        add("x-kubernetes-patch-merge-key", key.into());
    }
    if let Some(map_type) = field.map_type.filter(|_| !owner.atomic) {
        add("x-kubernetes-map-type", map_type.into());
    }
    extensions
}

fn of_shape(types: &Types, dialect: Dialect, shape: &Shape) -> Value {
    match shape {
        Shape::String => json!({"type": "string"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Int32 => json!({"type": "integer", "format": "int32"}),
        Shape::Int64 => json!({"type": "integer", "format": "int64"}),
        Shape::Double => json!({"type": "number", "format": "double"}),
        Shape::List(element) => {
            json!({"type": "array", "items": of_element(types, dialect, element)})
        }
        Shape::Map(value) => {
            json!({"type": "object", "additionalProperties": of_element(types, dialect, value)})
        }
        Shape::Struct(id) | Shape::Special(_, id) => dialect.reference(types.at(*id).name),
    }
}

/// Elements and values of maps are no pointers: version 3 gives their zero as the default.
fn of_element(types: &Types, dialect: Dialect, shape: &Shape) -> Value {
    let mut schema = of_shape(types, dialect, shape);
    if dialect == Dialect::V2 {
        return schema;
    }
    let zero = match shape {
        Shape::String => json!(""),
        Shape::Boolean => json!(false),
        Shape::Int32 | Shape::Int64 | Shape::Double => json!(0),
        Shape::Struct(_) => {
            schema = json!({"allOf": [schema]});
            json!({})
        }
        _ => return schema,
    };
    schema["default"] = zero;
    schema
}

fn of_special(dialect: Dialect, special: Special) -> Value {
    match (special, dialect) {
        (Special::Quantity, Dialect::V2) => json!({"type": "string"}),
        (Special::Quantity, Dialect::V3) => {
            json!({"oneOf": [{"type": "string"}, {"type": "number"}]})
        }
        (Special::IntOrString, Dialect::V2) => {
            json!({"type": "string", "format": "int-or-string"})
        }
        (Special::IntOrString, Dialect::V3) => json!({
            "format": "int-or-string",
            "oneOf": [{"type": "integer"}, {"type": "string"}],
        }),
        (Special::Time | Special::MicroTime, _) => {
            json!({"type": "string", "format": "date-time"})
        }
        (Special::RawExtension | Special::FieldsV1 | Special::Empty, _) => {
            json!({"type": "object"})
        }
        (
            Special::Json
            | Special::SchemaOrArray
            | Special::SchemaOrBool
            | Special::SchemaOrStrings,
            _,
        ) => json!({}),
    }
}
