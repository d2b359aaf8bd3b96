//! JSON Merge Patch (RFC 7396), as `evanphx/json-patch` v4 does it (`merge.go`).

use alloc::string::String;
use serde_json::{Map, Value};

/// The patched document. Both nest no deeper than [`crate::limits::JSON_DEPTH`].
pub(super) fn apply(document: Value, patch: Value) -> Value {
    match (document, patch) {
        (Value::Object(mut members), Value::Object(patch)) => {
            merge(&mut members, patch);
            Value::Object(members)
        }
        (_, mut patch) => {
            prune(&mut patch);
            patch
        }
    }
}

fn merge(members: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, mut change) in patch {
        if change.is_null() {
            members.remove(&name);
            continue;
        }
        let member = members.entry(name).or_insert(Value::Null);
        match (&mut *member, change) {
            (Value::Object(inner), Value::Object(change)) => merge(inner, change),
            // What takes an object's place stays as it is; all else that is new loses its nulls,
            // in lists as well, where RFC 7396 would keep them.
            (Value::Object(_), other) => *member = other,
            (_, other) => {
                change = other;
                prune(&mut change);
                *member = change;
            }
        }
    }
}

/// Takes the null members out of objects; the nulls in lists stay.
fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
