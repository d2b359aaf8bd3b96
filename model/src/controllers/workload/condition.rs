//! Conditions in the status of workloads.

use crate::{
    ambient::Time,
    kinds::document::{copy, list, put, text},
};
use serde_json::{Value, json};

/// The condition of that type; null when there is none.
pub(in crate::controllers) fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = list(status, &["conditions"]).iter();
    let found = conditions.find(|condition| text(condition, &["type"]) == kind);
    found.unwrap_or(&Value::Null)
}

/// A condition that has just come to be so.
pub(in crate::controllers) fn new_condition(
    kind: &str,
    (truth, reason, message): (&str, &str, &str),
    now: Time,
) -> Value {
    json!({
        "type": kind, "status": truth, "reason": reason, "message": message,
        "lastTransitionTime": now.rfc3339(),
    })
}

/// Puts a condition in the place of the one of its type: not when status and reason are the same,
/// and with the old `lastTransitionTime` when the status is (`SetDeploymentCondition`).
pub(in crate::controllers) fn put_condition(status: &mut Value, mut new: Value) {
    let kind = text(&new, &["type"]);
    let old = condition(status, kind);
    let unchanged = |field: &str| text(old, &[field]) == text(&new, &[field]);
    if !old.is_null() && unchanged("status") {
        if unchanged("reason") {
            return;
        }
        copy(old, &mut new, "lastTransitionTime");
    }
    let kind: alloc::string::String = text(&new, &["type"]).into();
    remove_condition(status, &kind);
    match status.get_mut("conditions") {
        Some(Value::Array(conditions)) => conditions.push(new),
        _ => put(status, "conditions", json!([new])),
    }
}

/// Takes the condition of that type away.
pub(in crate::controllers) fn remove_condition(status: &mut Value, kind: &str) {
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.retain(|condition| text(condition, &["type"]) != kind);
        if conditions.is_empty() {
            put(status, "conditions", Value::Null);
        }
    }
}

/// The condition that says that a Job is finished, if it is (`IsJobFinished`).
pub(in crate::controllers) fn finished(status: &Value) -> Option<&Value> {
    let ends = ["Complete", "Failed"];
    let mut ends = ends.iter().map(|kind| condition(status, kind));
    ends.find(|condition| text(condition, &["status"]) == "True")
}
