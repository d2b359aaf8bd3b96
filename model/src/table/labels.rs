//! Labels and label selectors as text.

use super::read;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// A map of labels as `a=b,c=d`, or `<none>` (`labels.FormatLabels` of apimachinery).
pub(super) fn labels(map: Option<&Value>) -> String {
    none_if_empty(pairs(map).join(","))
}

/// A label selector as kubectl takes it; `<none>` when it selects by nothing, `<error>` when it is
/// not valid (`metav1.FormatLabelSelector`).
pub(super) fn selector(selector: Option<&Value>) -> String {
    match requirements(selector) {
        Some(text) => none_if_empty(text),
        None => "<error>".into(),
    }
}

/// A label selector as kubectl takes it, sorted by key; empty when it selects by nothing, `None`
/// when an operator is unknown or its values don't fit (`metav1.LabelSelectorAsSelector`).
pub(super) fn requirements(selector: Option<&Value>) -> Option<String> {
    let Some(selector) = selector else {
        return Some(String::new());
    };
    let mut texts: Vec<(String, String)> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        texts.push((key.clone(), pair(key, value)));
    }
    for requirement in read::list(selector, "/matchExpressions") {
        let key = read::string(requirement, "/key");
        texts.push((key.to_string(), expression(key, requirement)?));
    }
    texts.sort_by(|(one, _), (other, _)| one.cmp(other));
    let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).collect();
    Some(texts.join(","))
}

/// A label selector as Go's generated `String` method writes it, which the tables of admission
/// policy bindings show.
pub(super) fn generated(selector: &Value) -> String {
    let mut labels = String::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        labels += &format!("{key}: {},", value.as_str().unwrap_or_default());
    }
    let mut expressions = String::new();
    for requirement in read::list(selector, "/matchExpressions") {
        expressions += &format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
            read::string(requirement, "/key"),
            read::string(requirement, "/operator"),
            read::joined(requirement, "/values", " "),
        );
    }
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},\
         MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}

fn expression(key: &str, requirement: &Value) -> Option<String> {
    let mut values: Vec<&str> = read::list(requirement, "/values")
        .iter()
        .map(|value| value.as_str().unwrap_or_default())
        .collect();
    values.sort_unstable();
    match (read::string(requirement, "/operator"), values.as_slice()) {
        ("In", [_, ..]) => Some(format!("{key} in ({})", values.join(","))),
        ("NotIn", [_, ..]) => Some(format!("{key} notin ({})", values.join(","))),
        ("Exists", []) => Some(key.to_string()),
        ("DoesNotExist", []) => Some(format!("!{key}")),
        _ => None,
    }
}

fn pairs(map: Option<&Value>) -> Vec<String> {
    let members = map.and_then(Value::as_object);
    members
        .into_iter()
        .flatten()
        .map(|(key, value)| pair(key, value))
        .collect()
}

fn pair(key: &str, value: &Value) -> String {
    format!("{key}={}", value.as_str().unwrap_or_default())
}

fn none_if_empty(text: String) -> String {
    if text.is_empty() {
        "<none>".into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{generated, labels, selector};
    use serde_json::json;

    #[test]
    fn selectors_are_sorted_by_key() {
        for (value, expected) in [
            (json!({}), "<none>"),
            (json!({"matchLabels": {"b": "2", "a": "1"}}), "a=1,b=2"),
            (
                json!({"matchLabels": {"m": "1"}, "matchExpressions": [
                    {"key": "z", "operator": "In", "values": ["y", "x"]},
                    {"key": "c", "operator": "NotIn", "values": ["w"]},
                    {"key": "b", "operator": "Exists"},
                    {"key": "a", "operator": "DoesNotExist", "values": []}]}),
                "!a,b,c notin (w),m=1,z in (x,y)",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
                "<error>",
            ),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Near"}]}),
                "<error>",
            ),
        ] {
            assert_eq!(selector(Some(&value)), expected, "{value}");
        }
        assert_eq!(
            (selector(None).as_str(), labels(None).as_str()),
            ("<none>", "<none>")
        );
        assert_eq!(labels(Some(&json!({"x": "y", "a": ""}))), "a=,x=y");
    }

    #[test]
    fn the_generated_form_shows_go() {
        let value = json!({"matchLabels": {"a": "b"},
            "matchExpressions": [{"key": "k", "operator": "In", "values": ["v", "w"]}]});
        assert_eq!(
            generated(&value),
            "&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]\
             LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}"
        );
    }
}
