//! Documents on their way in and out: decoding bodies, and stored objects in the served version.

use super::{context::Scene, negotiate, options::FieldValidation};
use crate::{
    kinds,
    object::Object,
    resource::{Resource, split_api_version},
    schema,
    status::{Refusal, Status},
    validation,
};
use alloc::{format, string::String, vec::Vec};
use serde_json::{Map, Value};

/// The kind that an endpoint's bodies have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyKind {
    /// Its group.
    pub group: String,
    /// Its version.
    pub version: String,
    /// Its name.
    pub kind: String,
}

impl BodyKind {
    /// The kind of the scene's endpoint: the subresource's own, or the resource's.
    #[must_use]
    pub fn of(scene: &Scene<'_>) -> BodyKind {
        let resource = &scene.endpoint.resource;
        match scene
            .subresource()
            .and_then(|name| resource.subresources.get(name))
        {
            Some(body) => BodyKind {
                group: body.group.clone(),
                version: body.version.clone(),
                kind: body.kind.clone(),
            },
            None => BodyKind {
                group: resource.group.clone(),
                version: resource.version.clone(),
                kind: resource.kind.clone(),
            },
        }
    }

    fn api_version(&self) -> String {
        crate::resource::api_version(&self.group, &self.version)
    }
}

/// A decoded body and what the client is warned of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decoded {
    /// The document, typed, with `kind` and `apiVersion`.
    pub document: Value,
    /// Unknown and duplicate fields.
    pub warnings: Vec<String>,
}

/// Decodes the body of a create or update.
///
/// # Errors
/// 400 with the decoder's words when it is not a document of that kind, or when it has unknown or
/// duplicate fields and `validation` is strict.
pub fn decode(
    scene: &Scene<'_>,
    bytes: &[u8],
    kind: &BodyKind,
    validation: FieldValidation,
) -> Result<Decoded, Refusal> {
    let types = &scene.config.types;
    let refuse = |head: Option<&schema::Head>, why: &str| {
        Status::bad_request(schema::refusal(&kind.kind, head, bytes, why))
    };
    let parsed = parse(scene, bytes, kind)
        .map_err(|malformed| refuse(malformed.head.as_ref(), &malformed.why))?;
    let mut head = parsed.head().map_err(|why| refuse(None, &why))?;
    if head.kind.is_empty() {
        head.kind = kind.kind.clone();
    }
    if head.api_version.is_empty() {
        head.api_version = kind.api_version();
    }
    let refuse = |why: &str| refuse(Some(&head), why);
    let (group, version) = split_api_version(&head.api_version);
    let Some(type_name) = types.of_kind(group, version, &head.kind) else {
        return Err(refuse(&format!(
            "no kind {:?} is registered for version {:?} in scheme",
            head.kind, head.api_version
        )));
    };
    if head.kind != kind.kind {
        return Err(refuse(&format!(
            "converting ({group}.{}) to ({}.{}): unknown conversion",
            head.kind, kind.group, kind.kind
        )));
    }
    if head.api_version != kind.api_version() {
        return Err(Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            head.api_version,
            kind.api_version()
        )));
    }
    let decoded = parsed
        .decode(types, type_name, validation)
        .map_err(|why| refuse(&why))?;
    let warnings = strict(decoded.problems, validation).map_err(|why| refuse(&why))?;
    Ok(Decoded {
        document: with_type(decoded.value, kind),
        warnings,
    })
}

/// Reads a body as the request's `Content-Type` says: JSON, or Kubernetes' protobuf.
///
/// # Errors
/// It is neither.
pub fn parse(
    scene: &Scene<'_>,
    bytes: &[u8],
    expected: &BodyKind,
) -> Result<schema::Document, schema::Malformed> {
    if negotiate::media_type(&scene.context.content_type) != negotiate::PROTOBUF {
        let parsed = schema::Document::parse(bytes);
        return parsed.map_err(|why| schema::Malformed { head: None, why });
    }
    let expected = schema::Head {
        api_version: expected.api_version(),
        kind: expected.kind.clone(),
    };
    schema::Document::from_protobuf(&scene.config.types, &expected, bytes)
}

/// What the problems of a decoded document come to: warnings, or the text of a strict error.
///
/// # Errors
/// `strict decoding error: …` when `validation` is strict and there are problems.
pub fn strict(problems: Vec<String>, validation: FieldValidation) -> Result<Vec<String>, String> {
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(problems),
        FieldValidation::Strict if problems.is_empty() => Ok(problems),
        FieldValidation::Strict => Err(schema::strict_error(&problems)),
    }
}

/// The document with `kind` and `apiVersion` as the endpoint has them.
#[must_use]
pub fn with_type(mut document: Value, kind: &BodyKind) -> Value {
    if !document.is_object() {
        document = Value::Object(Map::new());
    }
    document["kind"] = kind.kind.clone().into();
    document["apiVersion"] = kind.api_version().into();
    metadata(&mut document);
    document
}

/// The document's metadata, made when it is not there.
pub fn metadata(document: &mut Value) -> &mut Map<String, Value> {
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let metadata = &mut document["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    match metadata {
        Value::Object(members) => members,
        _ => unreachable!("made an object two lines above"),
    }
}

/// Drops owner references that stand twice, and says so (`dedupOwnerReferencesAndAddWarning`).
/// `found` is when: empty, or after admission.
pub fn dedup_owners(document: &mut Value, found: &str) -> Option<String> {
    let owners = metadata(document)
        .get_mut("ownerReferences")?
        .as_array_mut()?;
    let mut duplicates: Vec<String> = Vec::new();
    let mut kept: Vec<Value> = Vec::new();
    for owner in core::mem::take(owners) {
        if kept.contains(&owner) {
            duplicates.push(owner["uid"].as_str().unwrap_or_default().into());
        } else {
            kept.push(owner);
        }
    }
    *owners = kept;
    if duplicates.is_empty() {
        return None;
    }
    let space = if found.is_empty() { "" } else { " " };
    Some(format!(
        ".metadata.ownerReferences contains duplicate entries{space}{found}; API server dedups \
         owner references in 1.20+, and may reject such requests as early as 1.24; please fix \
         your requests; duplicate UID(s) observed: {}",
        duplicates.join(", ")
    ))
}

/// The text at a member of the metadata; empty when it is not there.
#[must_use]
pub fn meta_text<'a>(document: &'a Value, member: &str) -> &'a str {
    document["metadata"][member].as_str().unwrap_or_default()
}

/// A stored object in the version that the endpoint serves, with its resourceVersion.
#[must_use]
pub fn served(scene: &Scene<'_>, object: &Object) -> Value {
    let mut document = object.json();
    convert(&scene.endpoint.resource, &mut document);
    document
}

/// Turns a stored document into the version of `resource`.
pub fn convert(resource: &Resource, document: &mut Value) {
    let stored = &resource.storage_version;
    if *stored != resource.api_version() {
        kinds::convert(stored, resource, document);
    }
}

/// Makes sure that the document lies where the request says.
///
/// # Errors
/// 400 when it names another namespace.
pub fn ensure_namespace(scene: &Scene<'_>, document: &mut Value) -> Result<(), Refusal> {
    validation::meta::ensure_namespace(metadata(document), scene.namespace())
}

/// Makes sure that the document has the name in the path.
///
/// # Errors
/// 400 when it has another one.
pub fn check_name(scene: &Scene<'_>, document: &Value) -> Result<(), Refusal> {
    validation::meta::ensure_name(&document["metadata"], scene.name())
}
