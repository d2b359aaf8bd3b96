//! Messages as the JSON that Go writes of the same objects.

use super::{
    table::{Field, Form, INLINE, ITEMS, Kind, Message, Messages, Occurs},
    wire::{Reader, Tag, Wire, text},
};
use crate::{
    limits,
    schema::{json::Json, moment},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Number, Value};

/// The members of the object that a message of that type holds. What is there is written, zeros
/// too: the types know what is left out.
///
/// # Errors
/// It is no such message.
pub(super) fn members(
    messages: &Messages,
    type_name: &str,
    bytes: &[u8],
) -> Result<Map<String, Value>, String> {
    let message = messages.get(type_name);
    let message = message.ok_or_else(|| format!("object {type_name} has no protobuf encoding"))?;
    let mut members = Map::new();
    Decoder { messages }.fill(message, bytes, 1, &mut members)?;
    Ok(members)
}

struct Decoder<'t> {
    messages: &'t Messages,
}

impl Decoder<'_> {
    /// Reads a message into an object that may have members already: a message in pieces is one.
    /// `depth` counts the objects and lists that the object is in, itself included.
    fn fill(
        &self,
        message: &Message,
        bytes: &[u8],
        depth: usize,
        members: &mut Map<String, Value>,
    ) -> Result<(), String> {
        bounded(depth)?;
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.tag(message.short_name())? {
            match message.field(tag.number) {
                Some(field) => self.field(field, tag, &mut reader, depth, members)?,
                None => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    fn field(
        &self,
        field: &Field,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: usize,
        members: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let before = members.remove(field.name);
        let now = match field.occurs {
            Occurs::Once => match field.kind {
                Kind::Message(id) if field.name == INLINE => {
                    expect(field, tag, Wire::Bytes)?;
                    return self.fill(self.messages.at(id), reader.bytes()?, depth, members);
                }
                Kind::Message(id) if self.messages.at(id).form == Form::Object => {
                    expect(field, tag, Wire::Bytes)?;
                    let mut object = object(before);
                    let message = self.messages.at(id);
                    self.fill(message, reader.bytes()?, depth + 1, &mut object)?;
                    Value::Object(object)
                }
                _ => self.value(field, tag, reader, depth + 1)?,
            },
            Occurs::List => {
                let mut items = list(before);
                self.element(field, tag, reader, depth + 2, &mut items)?;
                Value::Array(items)
            }
            Occurs::Map => {
                let mut entries = object(before);
                expect(field, tag, Wire::Bytes)?;
                let (key, value) = self.entry(field, reader.bytes()?, depth + 2)?;
                entries.insert(key, value);
                Value::Object(entries)
            }
        };
        members.insert(field.name.to_owned(), now);
        Ok(())
    }

    /// One element of a list, or, of numbers, as many as are packed together.
    fn element(
        &self,
        field: &Field,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: usize,
        items: &mut Vec<Value>,
    ) -> Result<(), String> {
        let wire = wire(field.kind);
        if tag.wire == Wire::Bytes && wire != Wire::Bytes {
            let mut packed = Reader::new(reader.bytes()?);
            let tag = Tag { wire, ..tag };
            while !packed.is_at_end() {
                items.push(self.value(field, tag, &mut packed, depth)?);
            }
            return Ok(());
        }
        items.push(self.value(field, tag, reader, depth)?);
        Ok(())
    }

    /// An entry of a map; what it leaves out is the zero of its type.
    fn entry(&self, field: &Field, bytes: &[u8], depth: usize) -> Result<(String, Value), String> {
        let mut reader = Reader::new(bytes);
        let (mut key, mut value) = (String::new(), None);
        while let Some(tag) = reader.tag(&field.go_name())? {
            match tag.number {
                1 => {
                    expect(field, tag, Wire::Bytes)?;
                    key = text(reader.bytes()?)?;
                }
                2 => value = Some(self.value(field, tag, &mut reader, depth)?),
                _ => reader.skip(tag)?,
            }
        }
        let value = match (value, field.kind) {
            (Some(value), _) => value,
            (None, Kind::String | Kind::Bytes) => Value::from(""),
            (None, Kind::Boolean) => Value::from(false),
            (None, Kind::Int32 | Kind::Int64 | Kind::Double) => Value::from(0),
            (None, Kind::Message(id)) => self.message(self.messages.at(id), &[], depth)?,
        };
        Ok((key, value))
    }

    fn value(
        &self,
        field: &Field,
        tag: Tag,
        reader: &mut Reader<'_>,
        depth: usize,
    ) -> Result<Value, String> {
        expect(field, tag, wire(field.kind))?;
        Ok(match field.kind {
            Kind::String => text(reader.bytes()?)?.into(),
            Kind::Bytes => STANDARD.encode(reader.bytes()?).into(),
            Kind::Boolean => (reader.varint()? != 0).into(),
            Kind::Int32 => {
                // What does not fit falls off, as in Go.
                let [a, b, c, d, ..] = reader.varint()?.to_le_bytes();
                i32::from_le_bytes([a, b, c, d]).into()
            }
            Kind::Int64 => reader.varint()?.cast_signed().into(),
            Kind::Double => {
                let double = f64::from_bits(reader.fixed64()?);
                let number = Number::from_f64(double);
                let number = number.ok_or_else(|| format!("json: unsupported value: {double}"))?;
                Value::Number(number)
            }
            Kind::Message(id) => self.message(self.messages.at(id), reader.bytes()?, depth)?,
        })
    }

    fn message(&self, message: &Message, bytes: &[u8], depth: usize) -> Result<Value, String> {
        if message.form == Form::Json {
            return raw(message, bytes, depth);
        }
        let mut members = Map::new();
        self.fill(message, bytes, depth, &mut members)?;
        let integer = |name: &str| {
            members
                .get(name)
                .and_then(Value::as_i64)
                .unwrap_or_default()
        };
        Ok(match message.form {
            Form::Object | Form::Json => Value::Object(members),
            Form::List => members
                .remove(ITEMS)
                .unwrap_or_else(|| Value::Array(Vec::new())),
            // No bytes at all are Go's zero time.
            Form::Time | Form::MicroTime if bytes.is_empty() => Value::Null,
            Form::Time => moment::of_seconds(integer("seconds"))?.into(),
            Form::MicroTime => {
                let nanoseconds = i32::try_from(integer("nanos")).unwrap_or_default();
                moment::of_microseconds(integer("seconds"), nanoseconds)?.into()
            }
            Form::Quantity => members.remove("string").unwrap_or_else(|| "0".into()),
            Form::IntOrString => match integer("type") {
                0 => integer("intVal").into(),
                1 => members.remove("strVal").unwrap_or_else(|| "".into()),
                _ => return Err("impossible IntOrString.Type".to_owned()),
            },
            Form::SchemaOrArray => match members.remove("jSONSchemas") {
                Some(schemas) => schemas,
                None => members.remove("schema").unwrap_or_default(),
            },
            Form::SchemaOrBool => match members.remove("schema") {
                Some(schema) => schema,
                None => members.remove("allows").unwrap_or(Value::Bool(false)),
            },
            Form::SchemaOrStrings => match members.remove("property") {
                Some(names) => names,
                None => members.remove("schema").unwrap_or_default(),
            },
        })
    }
}

/// The JSON text that a message holds in its only field.
fn raw(message: &Message, bytes: &[u8], depth: usize) -> Result<Value, String> {
    let mut reader = Reader::new(bytes);
    let mut json = None;
    while let Some(tag) = reader.tag(message.short_name())? {
        match message.field(tag.number) {
            Some(field) => {
                expect(field, tag, Wire::Bytes)?;
                json = Some(reader.bytes()?);
            }
            None => reader.skip(tag)?,
        }
    }
    let Some(json) = json.filter(|json| !json.is_empty()) else {
        return Ok(Value::Null);
    };
    let value = Json::parse(json)?.into_value();
    // The outermost object or list is at `depth`.
    bounded((depth + nesting(&value)).saturating_sub(1))?;
    Ok(value)
}

/// How many objects and lists are in each other; the parser has bounded it.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(nesting).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(nesting).max().unwrap_or_default(),
        _ => 0,
    }
}

fn bounded(depth: usize) -> Result<(), String> {
    if depth > limits::JSON_DEPTH {
        return Err("proto: exceeded max depth".to_string());
    }
    Ok(())
}

fn wire(kind: Kind) -> Wire {
    match kind {
        Kind::String | Kind::Bytes | Kind::Message(_) => Wire::Bytes,
        Kind::Boolean | Kind::Int32 | Kind::Int64 => Wire::Varint,
        Kind::Double => Wire::Fixed64,
    }
}

fn expect(field: &Field, tag: Tag, wire: Wire) -> Result<(), String> {
    if tag.wire == wire {
        return Ok(());
    }
    let (found, name) = (tag.wire.number(), field.go_name());
    Err(format!("proto: wrong wireType = {found} for field {name}"))
}

fn object(before: Option<Value>) -> Map<String, Value> {
    match before {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn list(before: Option<Value>) -> Vec<Value> {
    match before {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
