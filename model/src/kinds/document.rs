//! Reading and filling JSON documents without panicking on any of them.
//!
//! `null` is read as absent everywhere, as Go's decoder has it.

use alloc::vec::Vec;
use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// The value at a path of member names; null when there is none.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter()
        .fold(value, |value, field| value.get(*field).unwrap_or(&NULL))
}

/// The string at a path; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The integer at a path.
pub(crate) fn number(value: &Value, path: &[&str]) -> Option<i64> {
    at(value, path).as_i64()
}

/// True when there is `true` at the path.
pub(crate) fn flag(value: &Value, path: &[&str]) -> bool {
    at(value, path).as_bool().unwrap_or_default()
}

/// The elements of the list at a path; none when there is no list.
pub(crate) fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// The members of the object at a path, in the order of their names.
pub(crate) fn members<'a>(
    value: &'a Value,
    path: &[&str],
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let object = at(value, path).as_object();
    object
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, value)| (name.as_str(), value))
}

/// Something is there: not null, and not the empty value of its JSON type.
pub(crate) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// The member of that name, made (as null) when there is none; `value` becomes an object when it
/// is none.
pub(crate) fn member<'a>(value: &'a mut Value, field: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(members) => members.entry(field).or_insert(Value::Null),
        other => other,
    }
}

/// The member of that name as an object, made when there is none.
pub(crate) fn object<'a>(value: &'a mut Value, field: &str) -> &'a mut Value {
    let member = member(value, field);
    if member.is_null() {
        *member = Value::Object(Map::new());
    }
    member
}

/// The member of that name, when there is one.
pub(crate) fn existing<'a>(value: &'a mut Value, field: &str) -> Option<&'a mut Value> {
    value.get_mut(field).filter(|member| !member.is_null())
}

/// The elements of the list of that name; none when there is no list.
pub(crate) fn items<'a>(value: &'a mut Value, field: &str) -> &'a mut [Value] {
    match value.get_mut(field) {
        Some(Value::Array(items)) => items,
        _ => &mut [],
    }
}

/// Sets the member when there is none (null and the empty string count as none).
pub(crate) fn fill(value: &mut Value, field: &str, default: impl Into<Value>) {
    let member = member(value, field);
    if member.is_null() || member.as_str() == Some("") {
        *member = default.into();
    }
}

/// Sets the member when there is none or it is 0: for fields that Go can't tell from unset.
pub(crate) fn fill_number(value: &mut Value, field: &str, default: i64) {
    let member = member(value, field);
    if member.is_null() || member.as_i64() == Some(0) {
        *member = default.into();
    }
}

/// Sets or, with null, removes the member.
pub(crate) fn put(value: &mut Value, field: &str, new: Value) {
    match value {
        Value::Object(members) if new.is_null() => {
            members.remove(field);
        }
        other => *member(other, field) = new,
    }
}

/// Removes the member.
pub(crate) fn remove(value: &mut Value, field: &str) {
    if let Value::Object(members) = value {
        members.remove(field);
    }
}

/// Makes the member what it is in another document.
pub(crate) fn copy(from: &Value, to: &mut Value, field: &str) {
    put(to, field, at(from, &[field]).clone());
}

/// Equal as `equality.Semantic.DeepEqual` has it: absent, null and empty lists are the same.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    let nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    match (one, other) {
        (Value::Object(ours), Value::Object(theirs)) => {
            ours.iter()
                .all(|(name, value)| same(value, theirs.get(name).unwrap_or(&NULL)))
                && theirs
                    .iter()
                    .all(|(name, value)| ours.contains_key(name) || nothing(value))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(one, other)| same(one, other))
        }
        _ if nothing(one) => nothing(other),
        _ => one == other,
    }
}

/// A map of strings as pairs; what is no string is left out.
pub(crate) fn strings<'a>(value: &'a Value, path: &[&str]) -> Vec<(&'a str, &'a str)> {
    members(value, path)
        .filter_map(|(name, value)| Some((name, value.as_str()?)))
        .collect()
}

/// The texts of a list of strings.
pub(crate) fn texts<'a>(value: &'a Value, path: &[&str]) -> Vec<&'a str> {
    list(value, path).iter().filter_map(Value::as_str).collect()
}

/// Applies a JSON merge patch (RFC 7386): how tests vary a document.
#[cfg(test)]
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    for (field, change) in changes {
        if change.is_null() {
            remove(target, field);
        } else {
            merge(member(target, field), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{fill, put, same};
    use serde_json::json;

    #[test]
    fn absent_null_and_empty_lists_are_the_same() {
        assert!(same(&json!({"a": 1, "b": null}), &json!({"a": 1, "c": []})));
        assert!(!same(&json!({"a": 1, "b": {}}), &json!({"a": 1})));
        assert!(!same(&json!([1, 2]), &json!([2, 1])));
    }

    #[test]
    fn nothing_panics_on_what_is_no_object() {
        let mut value = json!([1]);
        fill(&mut value, "a", "b");
        assert_eq!(value, json!({"a": "b"}));
        put(&mut value, "a", json!(null));
        assert_eq!(value, json!({}));
    }
}
