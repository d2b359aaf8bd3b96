//! The typed decoder: what Go's strict, case-sensitive decoder makes of a document.
//!
//! Origin of the rules: `sigs.k8s.io/json` (a fork of Go's `encoding/json`). A value of the wrong
//! type is noted and decoding goes on, so that the first such error is the one reported; what a
//! type's own decoder refuses ends it at once.

use super::{
    json::{Json, number},
    moment, quantity,
    types::{Field, Omit, Shape, Special, Type, TypeId, Types},
};
use crate::{golang::quote, limits};
use alloc::{
    borrow::ToOwned,
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::Engine;
use serde_json::{Map, Value};

/// Decodes a document as a type; the caller makes it canonical. With `strict`, also what Go's
/// strict decoder reports.
///
/// # Errors
/// The first value of a wrong type.
pub(super) fn typed(
    types: &Types,
    root: &Type,
    document: Json,
    strict: bool,
) -> Result<(Map<String, Value>, Vec<String>), String> {
    let mut decoder = Decoder {
        types,
        strict,
        problems: Vec::new(),
        seen: BTreeSet::new(),
        path: String::new(),
        fields: Vec::new(),
        owner: "",
        place: None,
        error: None,
    };
    let decoded = match document {
        Json::Null => Map::new(),
        Json::Object(members) => decoder.members(root, members)?,
        other => {
            decoder.mismatch(other.noun(), root.go_name());
            Map::new()
        }
    };
    match decoder.error {
        Some(error) => Err(error),
        None => Ok((decoded, decoder.problems)),
    }
}

struct Decoder<'t> {
    types: &'t Types,
    strict: bool,
    problems: Vec<String>,
    seen: BTreeSet<String>,
    /// Where the decoder is, with indexes and map keys: for problems.
    path: String,
    /// Where it is, struct fields only: for errors.
    fields: Vec<&'static str>,
    /// The struct that the last of them belongs to.
    owner: &'static str,
    /// What errors say instead, inside a type with a decoder of its own.
    place: Option<String>,
    error: Option<String>,
}

/// A value, or nothing because it was null or refused.
type Decoded = Result<Option<Value>, String>;

impl Decoder<'_> {
    fn members(
        &mut self,
        owner: &Type,
        members: Vec<(String, Json)>,
    ) -> Result<Map<String, Value>, String> {
        let mut decoded = Map::new();
        let mut seen: BTreeSet<&'static str> = BTreeSet::new();
        let (path, outer) = (self.path.len(), self.owner);
        for (name, json) in members {
            let Some(field) = owner.field(&name) else {
                self.problem("unknown field", &name);
                continue;
            };
            let again = !seen.insert(field.name);
            if again {
                self.problem("duplicate field", field.name);
            }
            self.enter(field.name);
            self.fields.push(field.name);
            self.owner = owner.short_name();
            let null = json == Json::Null;
            let value = self.value(&field.shape, field.go_type, json)?;
            match value {
                Some(value) if again => {
                    let old = decoded.remove(field.name).unwrap_or_default();
                    let merged = merge(self.types, &field.shape, old, value);
                    decoded.insert(field.name.to_owned(), merged);
                }
                Some(value) => {
                    decoded.insert(field.name.to_owned(), value);
                }
                None if null && cleared_by_null(field) => {
                    decoded.remove(field.name);
                }
                None => {}
            }
            self.fields.pop();
            self.owner = outer;
            self.path.truncate(path);
        }
        Ok(decoded)
    }

    fn value(&mut self, shape: &Shape, go_type: &str, json: Json) -> Decoded {
        match (shape, json) {
            (Shape::Special(special, id), json) => self.special(*special, *id, json),
            (_, Json::Null) => Ok(None),
            (Shape::String, Json::String(text)) => Ok(Some(Value::String(text))),
            (Shape::Bytes, Json::String(text)) => Ok(self.bytes(&text)),
            (Shape::Boolean, Json::Boolean(flag)) => Ok(Some(Value::Bool(flag))),
            (Shape::Int32 | Shape::Int64 | Shape::Double, Json::Number(text)) => {
                Ok(self.number(shape, go_type, &text))
            }
            (Shape::List(element), Json::List(items)) => {
                let go_type = go_type.strip_prefix("[]").unwrap_or_default();
                self.list(element, go_type, items).map(Some)
            }
            (Shape::Map(value), Json::Object(members)) => {
                let go_type = go_type.strip_prefix("map[").unwrap_or_default();
                let go_type = go_type.split_once(']').map_or("", |(_, value)| value);
                self.map(value, go_type, members).map(Some)
            }
            (Shape::Struct(id), Json::Object(members)) => {
                let types = self.types;
                let members = self.members(types.at(*id), members)?;
                Ok(Some(Value::Object(members)))
            }
            (_, other) => {
                self.mismatch_of(other.noun(), shape, go_type);
                Ok(None)
            }
        }
    }

    /// Null elements stay, to become zeros.
    fn list(&mut self, element: &Shape, go_type: &str, items: Vec<Json>) -> Result<Value, String> {
        let path = self.path.len();
        let mut decoded = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if self.strict {
                self.path.push_str(&format!("[{index}]"));
            }
            decoded.push(self.value(element, go_type, item)?.unwrap_or_default());
            self.path.truncate(path);
        }
        Ok(Value::Array(decoded))
    }

    fn map(
        &mut self,
        shape: &Shape,
        go_type: &str,
        members: Vec<(String, Json)>,
    ) -> Result<Value, String> {
        let path = self.path.len();
        let mut decoded = Map::new();
        for (name, json) in members {
            if decoded.contains_key(&name) {
                self.problem("duplicate field", &name);
            }
            self.enter(&name);
            let value = self.value(shape, go_type, json)?.unwrap_or_default();
            self.path.truncate(path);
            decoded.insert(name, value);
        }
        Ok(Value::Object(decoded))
    }

    fn number(&mut self, shape: &Shape, go_type: &str, text: &str) -> Option<Value> {
        let fits = match shape {
            Shape::Int32 => text.parse::<i32>().ok().map(Value::from),
            Shape::Int64 => text.parse::<i64>().ok().map(Value::from),
            _ => {
                let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
                float.map(|_| number(text))
            }
        };
        if fits.is_none() {
            self.mismatch_of(&format!("number {text}"), shape, go_type);
        }
        fits
    }

    fn bytes(&mut self, text: &str) -> Option<Value> {
        let text = text.replace(['\r', '\n'], "");
        match BASE64.decode(&text) {
            Ok(bytes) => Some(Value::String(BASE64.encode(bytes))),
            Err(why) => {
                let at = match why {
                    base64::DecodeError::InvalidByte(at, _)
                    | base64::DecodeError::InvalidLastSymbol(at, _) => at,
                    base64::DecodeError::InvalidLength(length) => length / 4 * 4,
                    base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
                };
                let error = format!("illegal base64 data at input byte {at}");
                self.error.get_or_insert(error);
                None
            }
        }
    }

    fn special(&mut self, special: Special, id: TypeId, json: Json) -> Decoded {
        if json == Json::Null {
            return Ok(None);
        }
        match (special, json) {
            (Special::Time, Json::String(text)) => moment::seconds(&text).map(text_or_zero),
            (Special::MicroTime, Json::String(text)) => {
                moment::microseconds(&text).map(text_or_zero)
            }
            (Special::Time | Special::MicroTime, other) => {
                Err(self.message(other.noun(), "string"))
            }
            (Special::Quantity, Json::String(text) | Json::Number(text)) => {
                let canonical = quantity::canonical(text.trim())?;
                Ok(Some(Value::String(canonical)))
            }
            (Special::Quantity, _) => Err(quantity::canonical("").unwrap_or_else(str::to_owned)),
            (Special::IntOrString, Json::String(text)) => Ok(Some(Value::String(text))),
            (Special::IntOrString, Json::Number(text)) => match text.parse::<i32>() {
                Ok(integer) => Ok(Some(Value::from(integer))),
                Err(_) => Err(self.message(&format!("number {text}"), "int32")),
            },
            (Special::IntOrString, other) => Err(self.message(other.noun(), "int32")),
            (Special::RawExtension | Special::FieldsV1 | Special::Json, json) => {
                Ok(Some(json.into_value()))
            }
            (Special::Empty, Json::Object(members)) => {
                for (name, _) in members {
                    self.problem("unknown field", &name);
                }
                Ok(Some(Value::Object(Map::new())))
            }
            (Special::Empty, other) => {
                self.mismatch(other.noun(), self.types.at(id).go_name());
                Ok(None)
            }
            (
                Special::SchemaOrArray | Special::SchemaOrBool | Special::SchemaOrStrings,
                Json::Object(members),
            ) => self.schema(members).map(Some),
            (Special::SchemaOrArray, Json::List(items)) => {
                let decoded: Result<Vec<Value>, String> = items
                    .into_iter()
                    .map(|item| self.schema_item(item))
                    .collect();
                Ok(Some(Value::Array(decoded?)).filter(|list| *list != Value::Array(Vec::new())))
            }
            (Special::SchemaOrBool, Json::Boolean(flag)) => Ok(Some(Value::Bool(flag))),
            (Special::SchemaOrBool, _) => Err("boolean or JSON schema expected".to_owned()),
            (Special::SchemaOrStrings, Json::List(items)) => self.strings(items),
            // Their decoders keep nothing of any other value.
            (Special::SchemaOrArray | Special::SchemaOrStrings, _) => Ok(None),
        }
    }

    /// A schema inside a type with a decoder of its own: that decoder is not strict, and its first
    /// error ends it all.
    fn schema(&mut self, members: Vec<(String, Json)>) -> Result<Value, String> {
        let types = self.types;
        let Some(schema) = types.get(super::SCHEMA) else {
            return Ok(Value::Null);
        };
        let mut nested = Decoder {
            types,
            strict: false,
            problems: Vec::new(),
            seen: BTreeSet::new(),
            path: String::new(),
            fields: Vec::new(),
            owner: "",
            place: Some(self.place()),
            error: None,
        };
        let decoded = nested.members(schema, members)?;
        match nested.error {
            Some(error) => Err(error),
            None => Ok(Value::Object(decoded)),
        }
    }

    fn schema_item(&mut self, item: Json) -> Result<Value, String> {
        match item {
            Json::Object(members) => self.schema(members),
            Json::Null => Ok(Value::Object(Map::new())),
            other => Err(self.message(other.noun(), "v1.JSONSchemaProps")),
        }
    }

    fn strings(&mut self, items: Vec<Json>) -> Decoded {
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Json::String(text) => strings.push(Value::String(text)),
                Json::Null => strings.push(Value::String(String::new())),
                other => return Err(self.message(other.noun(), "string")),
            }
        }
        Ok(Some(Value::Array(strings)).filter(|list| *list != Value::Array(Vec::new())))
    }

    fn mismatch_of(&mut self, noun: &str, shape: &Shape, go_type: &str) {
        if go_type.is_empty() {
            let go_type = shape.go_type(self.types);
            self.mismatch(noun, &go_type);
        } else {
            self.mismatch(noun, go_type);
        }
    }

    fn mismatch(&mut self, noun: &str, go_type: &str) {
        if self.error.is_none() {
            self.error = Some(self.message(noun, go_type));
        }
    }

    fn message(&self, noun: &str, go_type: &str) -> String {
        let place = self.place();
        format!("json: cannot unmarshal {noun} into Go {place} of type {go_type}")
    }

    fn place(&self) -> String {
        match &self.place {
            Some(place) => place.clone(),
            None if self.fields.is_empty() => "value".to_string(),
            None => format!("struct field {}.{}", self.owner, self.fields.join(".")),
        }
    }

    fn enter(&mut self, name: &str) {
        if !self.strict {
            return;
        }
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
    }

    fn problem(&mut self, what: &str, name: &str) {
        if !self.strict || self.problems.len() >= limits::FIELD_PROBLEMS {
            return;
        }
        let place = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        let problem = format!("{what} {}", quote(&place));
        if self.seen.insert(problem.clone()) {
            self.problems.push(problem);
        }
    }
}

/// Go's decoder does not mind bits that are left over in the last digit.
const BASE64: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

fn text_or_zero(text: Option<String>) -> Option<Value> {
    text.map(Value::String)
}

/// Null clears pointers, lists and maps, and what has a decoder of its own; it leaves other values
/// as they are.
fn cleared_by_null(field: &Field) -> bool {
    matches!(field.omit, Omit::Null | Omit::NeverNull)
        || matches!(
            field.shape,
            Shape::List(_) | Shape::Map(_) | Shape::Bytes | Shape::Special(..)
        )
}

/// A member that comes twice is decoded into what the first one left.
fn merge(types: &Types, shape: &Shape, old: Value, new: Value) -> Value {
    match (shape, old, new) {
        (Shape::Struct(id), Value::Object(mut old), Value::Object(new)) => {
            for (name, value) in new {
                let before = old.remove(&name);
                let value = match (types.at(*id).field(&name), before) {
                    (Some(field), Some(before)) => merge(types, &field.shape, before, value),
                    _ => value,
                };
                old.insert(name, value);
            }
            Value::Object(old)
        }
        (Shape::Map(_), Value::Object(mut old), Value::Object(new)) => {
            old.extend(new);
            Value::Object(old)
        }
        (Shape::List(element), Value::Array(old), Value::Array(new)) => {
            let mut old = old.into_iter();
            let merged = new.into_iter().map(|value| match old.next() {
                Some(before) if value.is_null() => before,
                Some(before) => merge(types, element, before, value),
                None => value,
            });
            merged.collect()
        }
        (_, _, new) => new,
    }
}
