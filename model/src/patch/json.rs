//! JSON Patch (RFC 6902) with the liberties that `evanphx/json-patch` v4 takes (`patch.go`):
//! `replace` adds a missing member, `copy` of a missing member copies null, indices may be
//! negative, what stands before a pointer's first slash is not looked at.

use super::Error;
use crate::{golang, limits};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

type Operation = serde_json::Map<String, Value>;

/// The patched document, whose nesting stays within [`limits::JSON_DEPTH`].
pub(super) fn apply(mut document: Value, operations: &Value) -> Result<Value, Error> {
    let mut copied = 0;
    let empty = Operation::new();
    for operation in operations.as_array().into_iter().flatten() {
        let operation = operation.as_object().unwrap_or(&empty);
        run(&mut document, operation, &mut copied).map_err(Error::Unprocessable)?;
    }
    Ok(document)
}

fn run(document: &mut Value, operation: &Operation, copied: &mut usize) -> Result<(), String> {
    let kind = operation.get("op").and_then(Value::as_str);
    match kind.unwrap_or("unknown") {
        "add" => {
            let path = path(operation, "path")?;
            let value = operation.get("value").cloned().unwrap_or_default();
            add(document, path, value)
        }
        "remove" => remove(document, path(operation, "path")?).map(|_| ()),
        "replace" => replace(document, operation),
        "move" => {
            let value = remove(document, path(operation, "from")?)?;
            add(document, path(operation, "path")?, value)
        }
        "copy" => {
            let from = path(operation, "from")?;
            let value = get(document, from)?.cloned().unwrap_or_default();
            *copied += golang::json(&value).len();
            if *copied > limits::JSON_PATCH_COPY_BYTES {
                return Err(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {}",
                    limits::JSON_PATCH_COPY_BYTES
                ));
            }
            add(document, path(operation, "path")?, value)
        }
        "test" => test(document, operation),
        other => Err(format!("Unexpected kind: {other}")),
    }
}

fn test(document: &mut Value, operation: &Operation) -> Result<(), String> {
    let path = path(operation, "path")?;
    let expected = operation.get("value").unwrap_or(&Value::Null);
    let found = match path {
        "" => &*document,
        _ => get(document, path)?.unwrap_or(&Value::Null),
    };
    if found == expected {
        Ok(())
    } else {
        Err(format!("testing value {path} failed: test failed"))
    }
}

fn replace(document: &mut Value, operation: &Operation) -> Result<(), String> {
    let path = path(operation, "path")?;
    let value = operation.get("value").cloned().unwrap_or_default();
    if path.is_empty() {
        if !value.is_object() && !value.is_array() {
            return Err("replace operation value must be object or array".into());
        }
        *document = value;
        return Ok(());
    }
    // A missing member is found empty and then set; a missing item is not found.
    get(document, path)?;
    bounded(path, &value)?;
    match locate(document, path)? {
        (Container::Object(members), name) => {
            members.insert(name, value);
        }
        (Container::List(items), index) => {
            let at = existing(items, &index)?;
            items[at] = value;
        }
    }
    Ok(())
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    bounded(path, &value)?;
    match locate(document, path)? {
        (Container::Object(members), name) => {
            members.insert(name, value);
        }
        (Container::List(items), index) if index == "-" => items.push(value),
        (Container::List(items), index) => {
            // Counted from the end, the place behind the last item is -1.
            let at = position(&index, items.len() + 1)?;
            items.insert(at, value);
        }
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, String> {
    match locate(document, path)? {
        (Container::Object(members), name) => members
            .remove(&name)
            .ok_or_else(|| format!("Unable to remove nonexistent key: {name}: missing value")),
        (Container::List(items), index) => {
            let at = existing(items, &index)?;
            Ok(items.remove(at))
        }
    }
}

/// What stands at a path; `None` for a missing member of an object.
fn get<'a>(document: &'a mut Value, path: &str) -> Result<Option<&'a Value>, String> {
    match locate(document, path)? {
        (Container::Object(members), name) => Ok(members.get(&name)),
        (Container::List(items), index) => {
            let at = existing(items, &index)?;
            Ok(items.get(at))
        }
    }
}

/// What holds members or items.
enum Container<'a> {
    Object(&'a mut Operation),
    List(&'a mut Vec<Value>),
}

/// The container of what a path names, and the last part of the path, decoded.
fn locate<'a>(document: &'a mut Value, path: &str) -> Result<(Container<'a>, String), String> {
    let missing = || format!("doc is missing path: \"{path}\": missing value");
    let (_, pointer) = path.split_once('/').ok_or_else(missing)?;
    let (parents, last) = match pointer.rsplit_once('/') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, pointer),
    };
    let mut at = document;
    for part in parents.into_iter().flat_map(|parents| parents.split('/')) {
        let part = decode(part);
        let next = match at {
            Value::Object(members) => members.get_mut(&part),
            Value::Array(items) => {
                let index = existing(items, &part).map_err(|_| missing())?;
                items.get_mut(index)
            }
            _ => None,
        };
        at = next.ok_or_else(missing)?;
    }
    match at {
        Value::Object(members) => Ok((Container::Object(members), decode(last))),
        Value::Array(items) => Ok((Container::List(items), decode(last))),
        _ => Err(missing()),
    }
}

fn existing(items: &[Value], index: &str) -> Result<usize, String> {
    position(index, items.len())
}

/// The index among `length` places; negative ones count from the end.
fn position(index: &str, length: usize) -> Result<usize, String> {
    let number: i64 = index
        .parse()
        .map_err(|_| format!("value was not a proper array index: '{index}'"))?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = if number < 0 { number + length } else { number };
    usize::try_from(from_start)
        .ok()
        .filter(|_| from_start < length)
        .ok_or_else(|| {
            format!("Unable to access invalid index: {number}: invalid index referenced")
        })
}

fn path<'a>(operation: &'a Operation, name: &str) -> Result<&'a str, String> {
    let text = operation.get(name).and_then(Value::as_str);
    text.ok_or_else(|| format!("operation missing {name} field: missing value"))
}

/// A part of a JSON pointer: `~1` is a slash, `~0` a tilde (RFC 6901, section 4).
fn decode(part: &str) -> String {
    if part.contains('~') {
        part.replace("~1", "/").replace("~0", "~")
    } else {
        part.to_string()
    }
}

/// Upstream builds documents of any depth; here nothing may become deeper than what can be read.
fn bounded(path: &str, value: &Value) -> Result<(), String> {
    let above = path.bytes().filter(|byte| *byte == b'/').count();
    if above + depth(value) > limits::JSON_DEPTH {
        return Err(format!("doc would nest deeper than {}", limits::JSON_DEPTH));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
