//! Reading members that may be missing: what an absent one counts as, as Go's zero values do.

use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// The text at a JSON pointer; empty when there is none.
pub(super) fn string<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The text at a JSON pointer, or `otherwise` when it is absent or empty.
pub(super) fn string_or<'a>(value: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    match string(value, pointer) {
        "" => otherwise,
        text => text,
    }
}

/// The text at a JSON pointer, or `otherwise` when it is absent (but not when it is empty).
pub(super) fn present_or<'a>(value: &'a Value, pointer: &str, otherwise: &'a str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or(otherwise)
}

/// The integer at a JSON pointer; 0 when there is none.
pub(super) fn integer(value: &Value, pointer: &str) -> i64 {
    value
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The boolean at a JSON pointer; `otherwise` when there is none.
pub(super) fn boolean(value: &Value, pointer: &str, otherwise: bool) -> bool {
    value
        .pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(otherwise)
}

/// The list at a JSON pointer; empty when there is none.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// How many members the map at a JSON pointer has.
pub(super) fn members(value: &Value, pointer: &str) -> usize {
    value
        .pointer(pointer)
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
}

/// The member at a JSON pointer, unless it is absent or null.
pub(super) fn present<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    value.pointer(pointer).filter(|member| !member.is_null())
}

/// The texts of a list, joined; items that are no text count as empty.
pub(super) fn joined(value: &Value, pointer: &str, separator: &str) -> String {
    let texts: Vec<&str> = list(value, pointer)
        .iter()
        .map(|item| item.as_str().unwrap_or_default())
        .collect();
    texts.join(separator)
}

/// The object's name.
pub(super) fn name(object: &Value) -> Value {
    Value::String(string(object, "/metadata/name").into())
}

/// The first condition of that type in `status.conditions`.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// The first condition of that type says `True`.
pub(super) fn condition_holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// The object has been marked for deletion.
pub(super) fn terminating(object: &Value) -> bool {
    present(object, "/metadata/deletionTimestamp").is_some()
}

/// The first `most` of the texts, and how many more there are.
pub(super) fn at_most(texts: &[String], most: usize) -> String {
    match texts.get(..most) {
        Some(first) if texts.len() > most => {
            alloc::format!("{} + {} more...", first.join(","), texts.len() - most)
        }
        _ => texts.join(","),
    }
}
