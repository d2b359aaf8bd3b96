//! What Go's encoder leaves of a decoded object: zeros of fields with `omitempty` go, structs that
//! are not pointers are always written, fields without `omitempty` are there even when unset.

use super::types::{Field, Omit, Shape, Special, Type, Types};
use alloc::{borrow::ToOwned, string::String, vec::Vec};
use serde_json::{Map, Value};

/// The struct as it is written. Members that the type does not have are dropped.
///
/// A list or map that is written even when it is unset is null when it is empty, where
/// kube-apiserver would have read it back from protobuf, which does not tell the two apart.
#[must_use]
pub fn canonical(
    types: &Types,
    owner: &Type,
    mut members: Map<String, Value>,
) -> Map<String, Value> {
    let mut written = Map::new();
    for field in &owner.fields {
        let value = members.remove(field.name).filter(|value| !value.is_null());
        if let Some(value) = member(types, owner, field, value) {
            written.insert(field.name.to_owned(), value);
        }
    }
    written
}

fn member(types: &Types, owner: &Type, field: &Field, value: Option<Value>) -> Option<Value> {
    match field.omit {
        Omit::Null => value.map(|value| encode(types, &field.shape, value)),
        Omit::NeverNull => {
            Some(value.map_or(Value::Null, |value| encode(types, &field.shape, value)))
        }
        Omit::Never => {
            let value = encode(types, &field.shape, value.unwrap_or_default());
            let forgotten = owner.forgets_empty && is_empty_collection(&field.shape, &value);
            Some(if forgotten { Value::Null } else { value })
        }
        Omit::Empty => {
            // Most fields are unset: don't build what is thrown away.
            if value.is_none() && !matches!(field.shape, Shape::Struct(_) | Shape::Special(..)) {
                return None;
            }
            let value = encode(types, &field.shape, value.unwrap_or_default());
            (!is_zero(&field.shape, &value)).then_some(value)
        }
        Omit::Zero => {
            let value = encode(types, &field.shape, value.unwrap_or_default());
            (!value.is_null() && !is_zero(&field.shape, &value)).then_some(value)
        }
    }
}

/// A value as it is written; null stands for Go's zero value.
fn encode(types: &Types, shape: &Shape, value: Value) -> Value {
    match (shape, value) {
        (Shape::String, Value::Null) => Value::String(String::new()),
        (Shape::Boolean, Value::Null) => Value::Bool(false),
        (Shape::Int32 | Shape::Int64 | Shape::Double, Value::Null) => Value::from(0),
        (Shape::List(element), Value::Array(items)) => {
            let items = items.into_iter();
            items.map(|item| encode(types, element, item)).collect()
        }
        (Shape::Map(shape), Value::Object(members)) => {
            let members = members.into_iter();
            members
                .map(|(name, value)| (name, encode(types, shape, value)))
                .collect()
        }
        (Shape::Struct(id), value) => {
            let members = match value {
                Value::Object(members) => members,
                _ => Map::new(),
            };
            Value::Object(canonical(types, types.at(*id), members))
        }
        (Shape::Special(special, _), value) => encode_special(types, *special, value),
        (_, value) => value,
    }
}

fn encode_special(types: &Types, special: Special, value: Value) -> Value {
    match (special, value) {
        (Special::Quantity, Value::Null) => Value::from("0"),
        (Special::IntOrString, Value::Null) => Value::from(0),
        (Special::SchemaOrBool, Value::Null) => Value::Bool(false),
        (Special::Empty, _) => Value::Object(Map::new()),
        (
            Special::SchemaOrArray | Special::SchemaOrBool | Special::SchemaOrStrings,
            Value::Object(members),
        ) => match types.get(super::SCHEMA) {
            Some(schema) => Value::Object(canonical(types, schema, members)),
            None => Value::Object(members),
        },
        (Special::SchemaOrArray, Value::Array(items)) => {
            let schemas = items.into_iter();
            let schemas: Vec<Value> = schemas
                .map(|item| encode_special(types, Special::SchemaOrArray, item))
                .collect();
            Value::Array(schemas)
        }
        (_, value) => value,
    }
}

/// `omitempty` leaves it out. A struct never is.
fn is_zero(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::Struct(_) | Shape::Special(..), _) => false,
        (_, Value::Null | Value::Bool(false)) => true,
        (_, Value::String(text)) => text.is_empty(),
        (_, Value::Number(number)) => number.as_f64() == Some(0.0),
        (_, Value::Array(items)) => items.is_empty(),
        (_, Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}

fn is_empty_collection(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (Shape::List(_), Value::Array(items)) => items.is_empty(),
        (Shape::Map(_), Value::Object(members)) => members.is_empty(),
        _ => false,
    }
}
