//! Reading patches: what makes one unreadable, and what a strict decoder complains about
//! (`sigs.k8s.io/json`, as `applyJSPatch` and `strategicPatchObject` use it).

use super::Error;
use crate::schema::json::Json;
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::Value;

/// A JSON patch: a list of operations.
pub(super) fn operations(bytes: &[u8], strict: bool) -> Result<(Value, Vec<String>), Error> {
    // A strict reading has a Go type in mind, the other one another.
    let (prefix, list, item) = if strict {
        (
            "error decoding patch: ",
            "[]handlers.jsonPatchOp",
            "handlers.jsonPatchOp",
        )
    } else {
        ("", "jsonpatch.Patch", "jsonpatch.Operation")
    };
    let malformed = |why: &str| Error::Malformed(format!("{prefix}{why}"));
    let mismatch = |value: &Json, whole: &str| {
        let noun = value.noun();
        malformed(&format!(
            "json: cannot unmarshal {noun} into Go value of type {whole}"
        ))
    };
    let document = Json::parse(bytes).map_err(|why| malformed(&why))?;
    let operations = match &document {
        Json::List(operations) => operations.as_slice(),
        Json::Null => &[],
        other => return Err(mismatch(other, list)),
    };
    let mut problems = Problems::default();
    for (index, operation) in operations.iter().enumerate() {
        let members = match operation {
            Json::Object(members) => members,
            Json::Null => continue,
            other => return Err(mismatch(other, item)),
        };
        for (name, value) in members {
            let text = matches!(name.as_str(), "op" | "path" | "from");
            if strict && text && !matches!(value, Json::String(_) | Json::Null) {
                let noun = value.noun();
                return Err(malformed(&format!(
                    "json: cannot unmarshal {noun} into Go struct field jsonPatchOp.{name} of type string"
                )));
            }
            if !text && name != "value" {
                problems.add("unknown", &format!("[{index}].{name}"));
            }
        }
        problems.duplicates(operation, &format!("[{index}]"));
    }
    let problems = problems.found(strict);
    let problems = problems.iter().map(|one| format!("json patch {one}"));
    Ok((document_of(document), problems.collect()))
}

/// A merge patch: an object; a lenient reading leaves a list to the decoder of the result.
pub(super) fn merge(bytes: &[u8], strict: bool) -> Result<(Value, Vec<String>), Error> {
    let invalid = || Error::Malformed("Invalid JSON Patch".into());
    let (value, problems) = if strict {
        let read = document(bytes, true);
        read.map_err(|why| Error::Malformed(format!("error decoding patch: {why}")))?
    } else {
        let parsed = Json::parse(bytes).map_err(|_| invalid())?;
        (parsed.into_value(), Vec::new())
    };
    match value {
        Value::Object(_) | Value::Array(_) => Ok((value, problems)),
        _ => Err(invalid()),
    }
}

/// An object, or null for an empty one.
pub(super) fn document(bytes: &[u8], strict: bool) -> Result<(Value, Vec<String>), String> {
    let parsed = Json::parse(bytes)?;
    if !matches!(parsed, Json::Object(_) | Json::Null) {
        let noun = parsed.noun();
        return Err(format!(
            "json: cannot unmarshal {noun} into Go value of type map[string]interface {{}}"
        ));
    }
    let mut problems = Problems::default();
    problems.duplicates(&parsed, "");
    let problems = problems.found(strict);
    Ok((parsed.into_value(), problems))
}

fn document_of(parsed: Json) -> Value {
    match parsed {
        Json::Null => Value::Array(Vec::new()),
        other => other.into_value(),
    }
}

/// The strict decoder names each problem once, and at most so many of them.
#[derive(Default)]
struct Problems {
    texts: Vec<String>,
    seen: BTreeSet<String>,
}

impl Problems {
    fn add(&mut self, what: &str, path: &str) {
        let text = format!("{what} field {}", crate::golang::quote(path));
        if self.texts.len() < crate::limits::FIELD_PROBLEMS && self.seen.insert(text.clone()) {
            self.texts.push(text);
        }
    }

    /// Members that come twice, in the order of the text.
    fn duplicates(&mut self, value: &Json, path: &str) {
        match value {
            Json::Object(members) => {
                let mut names = BTreeSet::new();
                for (name, member) in members {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{name}");
                    if !names.insert(name.as_str()) {
                        self.add("duplicate", &path);
                    }
                    self.duplicates(member, &path);
                }
            }
            Json::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.duplicates(item, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn found(self, strict: bool) -> Vec<String> {
        if strict { self.texts } else { Vec::new() }
    }
}
