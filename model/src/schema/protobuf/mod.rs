//! Kubernetes' protobuf: four bytes, then a `runtime.Unknown` that says what kind of object it
//! holds, then the object's own message (`serializer/protobuf/protobuf.go`,
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding>).
//!
//! It is only read; what is read becomes the JSON document of the same object, and goes the same
//! way from there.

mod message;
mod table;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use table::Messages;

use super::{Head, Types};
use crate::resource::split_api_version;
use alloc::{borrow::ToOwned, string::String};
use serde_json::{Map, Value};
use wire::{Reader, Wire, text};

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// What it said it is, with what was expected put in for what it left out; none when that
    /// could not be read.
    pub head: Option<Head>,
    /// The decoder's words.
    pub why: String,
}

/// What every body begins with.
const PREFIX: [u8; 4] = *b"k8s\0";

/// The type of a delete's body, which every group and version has.
const DELETE_OPTIONS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

/// The document of the object that a body holds, with its `kind` and `apiVersion`; of a kind that
/// isn't known, nothing else.
///
/// # Errors
/// It is no such body.
pub(super) fn document(types: &Types, expected: &Head, bytes: &[u8]) -> Result<Value, Malformed> {
    let envelope = Envelope::read(bytes).map_err(|why| Malformed { head: None, why })?;
    let head = envelope.head(expected);
    let (group, version) = split_api_version(&head.api_version);
    let name = match types.of_kind(group, version, &head.kind) {
        None if head.kind == "DeleteOptions" => Some(DELETE_OPTIONS),
        name => name,
    };
    let mut members = match name {
        None => Map::new(),
        Some(name) => match message::members(&types.messages, name, envelope.raw) {
            Ok(members) => members,
            Err(why) => {
                let head = Some(head);
                return Err(Malformed { head, why });
            }
        },
    };
    members.insert("apiVersion".to_owned(), head.api_version.into());
    members.insert("kind".to_owned(), head.kind.into());
    Ok(Value::Object(members))
}

/// `runtime.Unknown`: its encoding and media type are not looked at.
struct Envelope<'a> {
    api_version: String,
    kind: String,
    raw: &'a [u8],
}

impl<'a> Envelope<'a> {
    fn read(bytes: &'a [u8]) -> Result<Envelope<'a>, String> {
        if bytes.is_empty() {
            return Err("empty data".to_owned());
        }
        let Some(bytes) = bytes.strip_prefix(&PREFIX) else {
            return Err(
                "provided data does not appear to be a protobuf message, expected prefix \
                 [107 56 115 0]"
                    .to_owned(),
            );
        };
        if bytes.is_empty() {
            return Err("empty body".to_owned());
        }
        let mut envelope = Envelope {
            api_version: String::new(),
            kind: String::new(),
            raw: &[],
        };
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.tag("Unknown")? {
            match (tag.number, tag.wire) {
                (1, Wire::Bytes) => envelope.read_type(reader.bytes()?)?,
                (2, Wire::Bytes) => envelope.raw = reader.bytes()?,
                (1, wrong) => return Err(wrong_wire(wrong, "TypeMeta")),
                (2, wrong) => return Err(wrong_wire(wrong, "Raw")),
                _ => reader.skip(tag)?,
            }
        }
        Ok(envelope)
    }

    fn read_type(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.tag("TypeMeta")? {
            match (tag.number, tag.wire) {
                (1, Wire::Bytes) => self.api_version = text(reader.bytes()?)?,
                (2, Wire::Bytes) => self.kind = text(reader.bytes()?)?,
                (1, wrong) => return Err(wrong_wire(wrong, "APIVersion")),
                (2, wrong) => return Err(wrong_wire(wrong, "Kind")),
                _ => reader.skip(tag)?,
            }
        }
        Ok(())
    }

    /// What it says it is; a version that cannot be read counts as none.
    fn head(&self, expected: &Head) -> Head {
        let or = |told: &str, expected: &str| {
            let text = if told.is_empty() { expected } else { told };
            text.to_owned()
        };
        let api_version = match self.api_version.matches('/').count() {
            0 | 1 => self.api_version.as_str(),
            _ => "",
        };
        Head {
            api_version: or(api_version, &expected.api_version),
            kind: or(&self.kind, &expected.kind),
        }
    }
}

fn wrong_wire(wire: Wire, field: &str) -> String {
    let number = wire.number();
    alloc::format!("proto: wrong wireType = {number} for field {field}")
}
