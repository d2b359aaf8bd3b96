//! The built-in API's types, and how a document becomes an object of one of them.
//!
//! kube-apiserver decodes a request's body into Go structs and writes the structs out again; here
//! a document is checked against the same types as data, and left as those structs would be
//! written. Defaults of a kind are not set here.

mod canonical;
mod decode;
pub(crate) mod json;
mod moment;
pub mod quantity;
mod types;

pub use canonical::canonical;
pub use types::{Field, ListType, Omit, PatchStrategy, Shape, Special, Type, TypeId, Types};

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use json::Json;
use serde_json::Value;

const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// What becomes of unknown and duplicate fields (the `fieldValidation` parameter).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FieldValidation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped, each with a warning.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// A document as an object of its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// The object, canonical: as kube-apiserver would write it, defaults not set.
    pub value: Value,
    /// `unknown field "spec.x"` and `duplicate field "data.k"`, in the order of the document; none
    /// under [`FieldValidation::Ignore`]. They are the warnings of [`FieldValidation::Warn`];
    /// under [`FieldValidation::Strict`] any of them refuses the request with [`strict_error`].
    pub problems: Vec<String>,
}

/// Parsed text that no type has been put to yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document(Json);

/// What a document says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// `apiVersion`, empty when there is none.
    pub api_version: String,
    /// `kind`, empty when there is none.
    pub kind: String,
}

impl Document {
    /// Parses a request's body.
    ///
    /// # Errors
    /// `couldn't get version/kind; json parse error: unexpected end of JSON input`, as the real
    /// decoder has it, which looks for the kind first (`serializer/json/meta.go`).
    pub fn parse(bytes: &[u8]) -> Result<Document, String> {
        Json::parse(bytes)
            .map(Document)
            .map_err(|why| headless(&why))
    }

    /// What it says it is.
    ///
    /// # Errors
    /// It is no object, or its kind or version is no string: text as of [`Document::parse`]; or
    /// `unexpected GroupVersion string: a/b/c`.
    pub fn head(&self) -> Result<Head, String> {
        let members = match &self.0 {
            Json::Object(members) => members.as_slice(),
            Json::Null => &[],
            other => {
                let noun = other.noun();
                return Err(headless(&format!(
                    "json: cannot unmarshal {noun} into Go value of type struct {{ APIVersion \
                     string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \
                     \"json:\\\"kind,omitempty\\\"\" }}"
                )));
            }
        };
        let mut head = Head::default();
        for (name, value) in members {
            // This first look does not mind the case of the names.
            let (field, text) = if name.eq_ignore_ascii_case("apiVersion") {
                ("apiVersion", &mut head.api_version)
            } else if name.eq_ignore_ascii_case("kind") {
                ("kind", &mut head.kind)
            } else {
                continue;
            };
            match value {
                Json::String(value) => *text = value.clone(),
                Json::Null => {}
                other => {
                    let noun = other.noun();
                    return Err(headless(&format!(
                        "json: cannot unmarshal {noun} into Go struct field .{field} of type string"
                    )));
                }
            }
        }
        if head.api_version.matches('/').count() > 1 {
            let version = head.api_version;
            return Err(format!("unexpected GroupVersion string: {version}"));
        }
        Ok(head)
    }

    /// Decodes it as a type; null is an object without members.
    ///
    /// # Errors
    /// The first value that does not fit, in the words of Go's decoder: `json: cannot unmarshal
    /// number into Go struct field ConfigMap.data of type string`; or there is no such type.
    pub fn decode(
        self,
        types: &Types,
        type_name: &str,
        validation: FieldValidation,
    ) -> Result<Decoded, String> {
        let root = types.get(type_name);
        let root = root.ok_or_else(|| format!("no type is registered for {type_name}"))?;
        let strict = validation != FieldValidation::Ignore;
        let (members, problems) = decode::typed(types, root, self.0, strict)?;
        let value = Value::Object(canonical(types, root, members));
        Ok(Decoded { value, problems })
    }

    /// The document as it stands; of members that come twice the last counts.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0.into_value()
    }
}

impl From<Value> for Document {
    fn from(value: Value) -> Document {
        Document(Json::from(value))
    }
}

/// Decodes JSON text as a type.
///
/// # Errors
/// As [`Document::parse`] and [`Document::decode`].
pub fn decode(
    types: &Types,
    type_name: &str,
    bytes: &[u8],
    validation: FieldValidation,
) -> Result<Decoded, String> {
    Document::parse(bytes)?.decode(types, type_name, validation)
}

/// Decodes a document that was parsed before, as patched objects are.
///
/// # Errors
/// As [`Document::decode`].
pub fn decode_value(
    types: &Types,
    type_name: &str,
    value: Value,
    validation: FieldValidation,
) -> Result<Decoded, String> {
    Document::from(value).decode(types, type_name, validation)
}

/// `strict decoding error: unknown field "a", duplicate field "b"`
#[must_use]
pub fn strict_error(problems: &[String]) -> String {
    format!("strict decoding error: {}", problems.join(", "))
}

/// The message of the 400 for a body that cannot be decoded (`transformDecodeError` in
/// `pkg/endpoints/handlers/rest.go`). `head` is what the body said it is, with what the request
/// implies put in for what it left out; none when that could not be read.
#[must_use]
pub fn refusal(expected_kind: &str, head: Option<&Head>, body: &[u8], error: &str) -> String {
    if let Some(head) = head.filter(|head| !head.kind.is_empty()) {
        let (_, version) = crate::resource::split_api_version(&head.api_version);
        let kind = &head.kind;
        return format!(
            "{kind} in version \"{version}\" cannot be handled as a {expected_kind}: {error}"
        );
    }
    let summary = summary(body);
    format!(
        "the object provided is unrecognized (must be of type {expected_kind}): {error} ({summary})"
    )
}

fn headless(why: &str) -> String {
    format!("couldn't get version/kind; json parse error: {why}")
}

/// The first thirty bytes, for people.
fn summary(body: &[u8]) -> String {
    const SHOWN: usize = 30;
    let shown = body.get(..SHOWN).unwrap_or(body);
    let rest = if body.len() > SHOWN { " ..." } else { "" };
    match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => format!("{}{rest}", String::from_utf8_lossy(shown)),
        Some(_) => {
            let hex: Vec<String> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{}{rest}", hex.concat().to_string())
        }
    }
}
