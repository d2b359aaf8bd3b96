//! Labels and label selectors inside a spec.
//!
//! Origin: `k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go`.

use super::{
    document::{at, list, members, strings, text},
    findings::Findings,
};
use crate::{
    selector::LabelSelector,
    validation::name::{label_key, label_value},
};
use alloc::{collections::BTreeMap, format, string::String};
use serde_json::Value;

/// `ValidateLabels`.
pub(super) fn validate(labels: &Value, path: &str, findings: &mut Findings) {
    for (key, value) in members(labels, &[]) {
        findings.invalid_text(path, key, label_key(key));
        let value = value.as_str().unwrap_or_default();
        findings.invalid_text(path, value, label_value(value));
    }
}

/// `ValidateLabelSelector`.
pub(super) fn validate_selector(selector: &Value, path: &str, findings: &mut Findings) {
    let labels = at(selector, &["matchLabels"]);
    validate(labels, &format!("{path}.matchLabels"), findings);
    let expressions = list(selector, &["matchExpressions"]).iter().enumerate();
    for (index, expression) in expressions {
        let path = format!("{path}.matchExpressions[{index}]");
        let values = list(expression, &["values"]);
        match text(expression, &["operator"]) {
            "In" | "NotIn" if values.is_empty() => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                findings.required_because(format!("{path}.values"), why);
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                findings.forbidden(format!("{path}.values"), why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                let why = "not a valid selector operator";
                findings.invalid(format!("{path}.operator"), other, why);
            }
        }
        let key = text(expression, &["key"]);
        findings.invalid_text(format!("{path}.key"), key, label_key(key));
        for (index, value) in values.iter().enumerate() {
            let value = value.as_str().unwrap_or_default();
            findings.invalid_text(format!("{path}.values[{index}]"), value, label_value(value));
        }
    }
}

/// The selector asks for nothing, and so matches everything.
pub(super) fn is_empty(selector: &Value) -> bool {
    members(selector, &["matchLabels"]).next().is_none()
        && list(selector, &["matchExpressions"]).is_empty()
}

/// Whether a selector matches the labels; no selector matches nothing, and `None` means that it is
/// not a selector at all.
pub(super) fn matches(selector: &Value, labels: &Value) -> Option<bool> {
    if selector.is_null() {
        return Some(false);
    }
    let labels: BTreeMap<String, String> = strings(labels, &[])
        .into_iter()
        .map(|(key, value)| (key.into(), value.into()))
        .collect();
    let selector = LabelSelector::from_json(selector).ok()?;
    Some(selector.matches(&labels))
}
