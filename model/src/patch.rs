//! Patches: how a PATCH request changes an object (`k8s.io/apiserver/pkg/endpoints/handlers/patch.go`).
//! Server-side apply is not here.

mod json;
mod merge;
mod problems;
mod strategic;

use crate::{
    golang, limits, resource,
    schema::{self, Decoded, FieldValidation, Types},
    status::{Details, FieldError, Reason, Refusal, Status},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// The form of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 6902, as `evanphx/json-patch` v4 has it.
    Json,
    /// RFC 7396, as `evanphx/json-patch` v4 has it.
    Merge,
    /// Kubernetes' own: lists are merged by key.
    Strategic,
}

impl Format {
    /// The form that a media type names; server-side apply is not among them.
    #[must_use]
    pub fn of(media_type: &str) -> Option<Format> {
        match media_type {
            "application/json-patch+json" => Some(Format::Json),
            "application/merge-patch+json" => Some(Format::Merge),
            "application/strategic-merge-patch+json" => Some(Format::Strategic),
            _ => None,
        }
    }
}

/// A patch that has been read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Patch {
    format: Format,
    /// A list of operations, or a document to merge.
    document: Value,
    problems: Vec<String>,
}

/// Why a patch does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// 400: it cannot be read.
    Malformed(String),
    /// 413: a JSON patch of more than [`limits::JSON_PATCH_OPERATIONS`].
    TooManyOperations(usize),
    /// 422: it does not fit the object. The answer does not say why; this does.
    Unprocessable(String),
    /// 500 without a reason: it does not fit the type, or has a directive that is not one.
    Unfit(String),
}

impl Patch {
    /// Reads a patch. What is wrong is answered only when the object has been
    /// found, as the real server has it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::TooManyOperations`].
    pub fn parse(
        format: Format,
        bytes: &[u8],
        validation: FieldValidation,
    ) -> Result<Patch, Error> {
        let strict = validation != FieldValidation::Ignore;
        let (document, problems) = match format {
            Format::Json => problems::operations(bytes, strict)?,
            Format::Merge => problems::merge(bytes, strict)?,
            Format::Strategic => problems::document(bytes, strict).map_err(Error::Malformed)?,
        };
        if let (Format::Json, Value::Array(operations)) = (format, &document)
            && operations.len() > limits::JSON_PATCH_OPERATIONS
        {
            return Err(Error::TooManyOperations(operations.len()));
        }
        Ok(Patch {
            format,
            document,
            problems,
        })
    }

    /// `duplicate field "data.x"`, `json patch unknown field "[0].x"`: what is wrong in the patch
    /// itself, unless that is to be ignored.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The patched document. `object` is what the patch was written against: the stored object in
    /// the version of the request.
    ///
    /// # Errors
    /// [`Error::Unprocessable`], [`Error::Unfit`], and for strategic merge patches
    /// [`Error::Malformed`].
    pub fn apply(&self, object: &Value, types: &Types, type_name: &str) -> Result<Value, Error> {
        let (object, patch) = (object.clone(), self.document.clone());
        match self.format {
            Format::Json => json::apply(object, &patch),
            Format::Merge => Ok(merge::apply(object, patch)),
            Format::Strategic if patch.is_null() => Ok(object),
            Format::Strategic => strategic::apply(object, patch, types, type_name),
        }
    }

    /// The patched object, decoded as its type: what the lifecycle stores after admission and
    /// validation. Its `problems` are warnings.
    ///
    /// # Errors
    /// The refusal of a patch that cannot be read or applied; 422 ` "" is invalid: patch: …` when
    /// its result is no object of that type or, under [`FieldValidation::Strict`], has a problem.
    pub fn patched(
        &self,
        object: &Value,
        types: &Types,
        type_name: &str,
        validation: FieldValidation,
    ) -> Result<Decoded, Refusal> {
        let is = [object["apiVersion"].clone(), object["kind"].clone()];
        let mut value = self
            .apply(object, types, type_name)
            .map_err(Error::refusal)?;
        if self.format == Format::Strategic {
            // It is applied to a Go value of the type, which a new name does not change.
            name_type(&mut value, &is);
        } else if let Some(why) = another_type(&value, &is, types) {
            return Err(self.refusal(&value, &why));
        } else {
            name_type(&mut value, &is);
        }
        let text = value.clone();
        let decoded = schema::decode_value(types, type_name, value, validation);
        let mut decoded = decoded.map_err(|why| self.refusal(&text, &why))?;
        let mut problems = self.problems.clone();
        problems.append(&mut decoded.problems);
        if validation == FieldValidation::Strict && !problems.is_empty() {
            return Err(self.refusal(&text, &schema::strict_error(&problems)));
        }
        decoded.problems = problems;
        Ok(decoded)
    }

    /// 422: the patch's result is no object.
    fn refusal(&self, patched: &Value, why: &str) -> Refusal {
        let shown = match self.format {
            Format::Strategic => golang::print(&self.document),
            Format::Json | Format::Merge => golang::json(patched),
        };
        let error = FieldError::invalid_text("patch", &shown, why);
        Status::invalid("", "", "", &[error])
    }
}

impl Error {
    /// The answer.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        match self {
            Error::Malformed(why) => Status::bad_request(why),
            Error::TooManyOperations(found) => {
                let most = limits::JSON_PATCH_OPERATIONS;
                let message = format!(
                    "Request entity too large: The allowed maximum operations in a JSON patch is {most}, got {found}"
                );
                Status::new(Reason::RequestEntityTooLarge, message)
            }
            Error::Unprocessable(_) => {
                let message = "the server rejected our request due to an error in our request";
                let mut status = Status::new(Reason::Invalid, message);
                status.details = Some(Details::default());
                status
            }
            Error::Unfit(why) => Status::new(Reason::Unknown, why),
        }
    }
}

/// Why a patched document is not of the type that it was.
fn another_type(value: &Value, is: &[Value; 2], types: &Types) -> Option<String> {
    // What is left out is taken from the type.
    let named = |name: &str, was: &Value| {
        let text = value.get(name).and_then(Value::as_str);
        let text = text.filter(|text| !text.is_empty()).or(was.as_str());
        text.unwrap_or_default().to_string()
    };
    let [api_version, kind] = [named("apiVersion", &is[0]), named("kind", &is[1])];
    if is[0] == *api_version && is[1] == *kind {
        return None;
    }
    let (group, version) = resource::split_api_version(&api_version);
    if types.of_kind(group, version, &kind).is_some() {
        let was = is[1].as_str().unwrap_or_default();
        return Some(format!(
            "converting ({version}.{kind}) to ({was}): unknown conversion"
        ));
    }
    let [kind, api_version] = [kind, api_version].map(|text| golang::quote(&text));
    Some(format!(
        "no kind {kind} is registered for version {api_version} in scheme \"pkg/api/legacyscheme/scheme.go:30\""
    ))
}

fn name_type(value: &mut Value, is: &[Value; 2]) {
    if let Value::Object(members) = value {
        for (name, was) in ["apiVersion", "kind"].into_iter().zip(is) {
            if was.is_null() {
                members.remove(name);
            } else {
                members.insert(name.into(), was.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
