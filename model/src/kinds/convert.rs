//! Resources that share their storage: both Event APIs, both autoscaling versions.
//!
//! Origin: `pkg/apis/events/v1/conversion.go`, `pkg/apis/autoscaling/v1/conversion.go`.

use super::document::{at, existing, fill, list, member, object, put, remove, text};
use crate::resource::Resource;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Map, Value, json};

/// The annotations in which autoscaling/v1 keeps what it has no fields for.
pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Turns a document of `from_api_version` into the version that `to` serves. Nothing changes when
/// they are the same, or when the resource has one version only.
pub fn convert(from_api_version: &str, to: &Resource, document: &mut Value) {
    let to_api_version = to.api_version();
    if from_api_version == to_api_version {
        return;
    }
    match (to.plural.as_str(), to.group.as_str(), to.version.as_str()) {
        ("events", "events.k8s.io", _) => event_to_events(document),
        ("events", _, _) => event_to_core(document),
        ("horizontalpodautoscalers", _, "v1") => autoscaler_to_v1(document),
        ("horizontalpodautoscalers", _, _) => autoscaler_to_v2(document),
        _ => return,
    }
    put(document, "apiVersion", json!(to_api_version));
}

/// The fields of an Event that have other names in events.k8s.io: core's first.
const EVENT_FIELDS: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

fn rename(document: &mut Value, from: &str, to: &str) {
    let value = at(document, &[from]).clone();
    remove(document, from);
    put(document, to, value);
}

fn event_to_events(event: &mut Value) {
    for (core, events) in EVENT_FIELDS {
        rename(event, core, events);
    }
    for field in ["regarding", "deprecatedSource"] {
        object(event, field);
    }
    for field in [
        "eventTime",
        "deprecatedFirstTimestamp",
        "deprecatedLastTimestamp",
    ] {
        member(event, field);
    }
    for field in ["reportingController", "reportingInstance", "note"] {
        if text(event, &[field]).is_empty() {
            remove(event, field);
        }
    }
}

fn event_to_core(event: &mut Value) {
    for (core, events) in EVENT_FIELDS {
        rename(event, events, core);
    }
    for field in ["involvedObject", "source"] {
        object(event, field);
    }
    for field in ["eventTime", "firstTimestamp", "lastTimestamp"] {
        member(event, field);
    }
    for field in ["reportingComponent", "reportingInstance"] {
        fill(event, field, "");
    }
}

/// The metric that `targetCPUUtilizationPercentage` stands for.
pub(super) fn cpu_metric(percent: i64) -> Value {
    json!({"type": "Resource", "resource": {
        "name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent},
    }})
}

fn is_cpu_utilization(metric: &Value, target: &str) -> bool {
    text(metric, &["type"]) == "Resource"
        && text(metric, &["resource", "name"]) == "cpu"
        && at(metric, &["resource", target, "averageUtilization"]).is_i64()
}

fn annotate(document: &mut Value, annotation: &str, text: String) {
    let annotations = object(object(document, "metadata"), "annotations");
    *member(annotations, annotation) = Value::String(text);
}

/// Takes what an annotation holds; the annotations go with the last of them.
fn take_annotation(document: &mut Value, annotation: &str) -> Option<Value> {
    let metadata = existing(document, "metadata")?;
    let annotations = existing(metadata, "annotations")?;
    let text = annotations.as_object_mut()?.remove(annotation)?;
    if annotations.as_object().is_some_and(Map::is_empty) {
        remove(metadata, "annotations");
    }
    serde_json::from_str(text.as_str()?).ok()
}

fn autoscaler_to_v1(autoscaler: &mut Value) {
    let spec = object(autoscaler, "spec");
    let metrics = list(spec, &["metrics"]).to_vec();
    let behavior = at(spec, &["behavior"]).clone();
    remove(spec, "metrics");
    remove(spec, "behavior");
    let mut others = Vec::new();
    for metric in metrics {
        if is_cpu_utilization(&metric, "target") {
            let percent = at(&metric, &["resource", "target", "averageUtilization"]).clone();
            put(spec, "targetCPUUtilizationPercentage", percent);
        } else {
            others.push(flatten(&metric, "target"));
        }
    }
    if !others.is_empty() {
        annotate(autoscaler, METRICS, format!("[{}]", others.join(",")));
    }
    if !behavior.is_null() {
        // The internal type is written, whose fields have no JSON names.
        annotate(
            autoscaler,
            BEHAVIOR,
            rename_fields(&behavior, capitalized).to_string(),
        );
    }
    let status = object(autoscaler, "status");
    let conditions = at(status, &["conditions"]).clone();
    let current = list(status, &["currentMetrics"]).to_vec();
    remove(status, "conditions");
    remove(status, "currentMetrics");
    for field in ["currentReplicas", "desiredReplicas"] {
        fill(status, field, 0);
    }
    let cpu = current
        .iter()
        .find(|metric| is_cpu_utilization(metric, "current"));
    if let Some(cpu) = cpu {
        let percent = at(cpu, &["resource", "current", "averageUtilization"]).clone();
        put(status, "currentCPUUtilizationPercentage", percent);
    }
    if !current.is_empty() {
        let flat: Vec<String> = current.iter().map(|one| flatten(one, "current")).collect();
        annotate(autoscaler, CURRENT_METRICS, format!("[{}]", flat.join(",")));
    }
    if !list(&conditions, &[]).is_empty() {
        annotate(autoscaler, CONDITIONS, conditions.to_string());
    }
}

pub(super) fn autoscaler_to_v2(autoscaler: &mut Value) {
    let mut metrics = match take_annotation(autoscaler, METRICS) {
        Some(Value::Array(others)) => others,
        _ => Vec::new(),
    };
    for metric in &mut metrics {
        *metric = nest(metric, "target");
    }
    let behavior = take_annotation(autoscaler, BEHAVIOR);
    let current = take_annotation(autoscaler, CURRENT_METRICS);
    let conditions = take_annotation(autoscaler, CONDITIONS);
    let spec = object(autoscaler, "spec");
    if let Some(percent) = at(spec, &["targetCPUUtilizationPercentage"]).as_i64() {
        metrics.push(cpu_metric(percent));
    }
    remove(spec, "targetCPUUtilizationPercentage");
    if !metrics.is_empty() {
        put(spec, "metrics", Value::Array(metrics));
    }
    if let Some(behavior) = behavior {
        put(spec, "behavior", rename_fields(&behavior, uncapitalized));
    }
    let status = object(autoscaler, "status");
    remove(status, "currentCPUUtilizationPercentage");
    if at(status, &["currentReplicas"]).as_i64() == Some(0) {
        remove(status, "currentReplicas");
    }
    fill(status, "desiredReplicas", 0);
    let current = match current {
        Some(Value::Array(metrics)) => metrics
            .iter()
            .map(|metric| nest(metric, "current"))
            .collect(),
        _ => Value::Null,
    };
    *member(status, "currentMetrics") = current;
    if let Some(conditions) = conditions {
        put(status, "conditions", conditions);
    }
}

/// The names that v1's metrics have for what v2 nests: source, v1's name, path in v2 below the
/// source; in the order in which v1 writes them. `target` stands for `target` in a spec and `current` in a status.
const FLAT: [(&str, &str, &[&str]); 19] = [
    ("pods", "metricName", &["metric", "name"]),
    ("pods", "targetAverageValue", &["target", "averageValue"]),
    ("pods", "selector", &["metric", "selector"]),
    ("object", "target", &["describedObject"]),
    ("object", "metricName", &["metric", "name"]),
    ("object", "targetValue", &["target", "value"]),
    ("object", "selector", &["metric", "selector"]),
    ("object", "averageValue", &["target", "averageValue"]),
    ("external", "metricName", &["metric", "name"]),
    ("external", "metricSelector", &["metric", "selector"]),
    ("external", "targetValue", &["target", "value"]),
    (
        "external",
        "targetAverageValue",
        &["target", "averageValue"],
    ),
    ("resource", "name", &["name"]),
    (
        "resource",
        "targetAverageUtilization",
        &["target", "averageUtilization"],
    ),
    (
        "resource",
        "targetAverageValue",
        &["target", "averageValue"],
    ),
    ("containerResource", "name", &["name"]),
    (
        "containerResource",
        "targetAverageUtilization",
        &["target", "averageUtilization"],
    ),
    (
        "containerResource",
        "targetAverageValue",
        &["target", "averageValue"],
    ),
    ("containerResource", "container", &["container"]),
];

fn flat_name(name: &str, target: &str) -> String {
    match name.strip_prefix("target") {
        Some(rest) if !rest.is_empty() => format!("{target}{rest}"),
        _ => name.into(),
    }
}

fn nested_path<'a>(path: &[&'a str], target: &'a str) -> Vec<&'a str> {
    path.iter()
        .map(|part| if *part == "target" { target } else { part })
        .collect()
}

/// A metric of v2 as v1's annotations write it; `target` is `target` or `current`.
fn flatten(metric: &Value, target: &str) -> String {
    let mut fields: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, name, path) in FLAT {
        let source = at(metric, &[kind]);
        let value = at(source, &nested_path(path, target));
        if source.is_object() && !value.is_null() {
            let field = format!("\"{}\":{value}", flat_name(name, target));
            fields.entry(kind).or_default().push(field);
        }
    }
    let mut text = format!("{{\"type\":{}", at(metric, &["type"]));
    for (kind, fields) in fields {
        text.push_str(&format!(",\"{kind}\":{{{}}}", fields.join(",")));
    }
    text.push('}');
    text
}

/// A metric from v1's annotations as v2 has it.
fn nest(metric: &Value, target: &str) -> Value {
    let mut nested = json!({"type": at(metric, &["type"])});
    for (kind, name, path) in FLAT {
        let source = at(metric, &[kind]);
        let value = at(source, &[&flat_name(name, target)]);
        if !source.is_object() || value.is_null() {
            continue;
        }
        let mut place = object(&mut nested, kind);
        for part in nested_path(path, target) {
            place = object(place, part);
        }
        *place = value.clone();
    }
    if target == "target" {
        for (kind, _, _) in FLAT {
            if let Some(target) =
                existing(&mut nested, kind).and_then(|one| existing(one, "target"))
            {
                let goal = target_type(target);
                fill(target, "type", goal);
            }
        }
    }
    nested
}

fn target_type(target: &Value) -> &'static str {
    if !at(target, &["averageUtilization"]).is_null() {
        "Utilization"
    } else if !at(target, &["averageValue"]).is_null() {
        "AverageValue"
    } else {
        "Value"
    }
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn uncapitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// The document with all its fields renamed; null fields go.
fn rename_fields(value: &Value, name: fn(&str) -> String) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(field, value)| (name(field), rename_fields(value, name)))
            .collect::<Map<String, Value>>()
            .into(),
        Value::Array(list) => list
            .iter()
            .map(|value| rename_fields(value, name))
            .collect(),
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::convert;
    use crate::resource::{Resource, Resources};
    use serde_json::json;

    fn resource(group: &str, version: &str, plural: &str) -> Resource {
        Resource::clone(Resources::built_in().find(group, version, plural).unwrap())
    }

    #[test]
    fn an_event_is_the_same_in_both_groups() {
        let core = json!({
            "kind": "Event", "apiVersion": "v1", "metadata": {"name": "p.1"},
            "involvedObject": {"kind": "Pod", "name": "p"}, "reason": "R", "message": "m",
            "source": {"component": "s"}, "firstTimestamp": "2030-01-01T00:00:00Z",
            "lastTimestamp": "2030-01-01T00:01:00Z", "count": 2, "type": "Warning",
            "eventTime": null, "reportingComponent": "", "reportingInstance": "",
        });
        let (events, home) = (
            resource("events.k8s.io", "v1", "events"),
            resource("", "v1", "events"),
        );
        let mut event = core.clone();
        convert("v1", &events, &mut event);
        assert_eq!(
            event,
            json!({
                "kind": "Event", "apiVersion": "events.k8s.io/v1", "metadata": {"name": "p.1"},
                "eventTime": null, "reason": "R", "regarding": {"kind": "Pod", "name": "p"},
                "note": "m", "type": "Warning", "deprecatedSource": {"component": "s"},
                "deprecatedFirstTimestamp": "2030-01-01T00:00:00Z",
                "deprecatedLastTimestamp": "2030-01-01T00:01:00Z", "deprecatedCount": 2,
            })
        );
        convert("events.k8s.io/v1", &home, &mut event);
        assert_eq!(event, core);
    }

    #[test]
    fn an_autoscaler_keeps_in_annotations_what_v1_has_no_fields_for() {
        let cpu = |percent: i64| super::cpu_metric(percent);
        let pods = json!({"type": "Pods", "pods": {
            "metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "100"},
        }});
        let v2 = json!({
            "apiVersion": "autoscaling/v2", "metadata": {"name": "b"},
            "spec": {
                "minReplicas": 2, "maxReplicas": 5, "metrics": [cpu(60), pods],
                "behavior": {"scaleUp": {"selectPolicy": "Max", "policies": [{"type": "Pods", "value": 4}]}},
            },
            "status": {"desiredReplicas": 0, "currentMetrics": null},
        });
        let plural = "horizontalpodautoscalers";
        let mut document = v2.clone();
        convert(
            "autoscaling/v2",
            &resource("autoscaling", "v1", plural),
            &mut document,
        );
        assert_eq!(
            document,
            json!({
                "apiVersion": "autoscaling/v1",
                "metadata": {"name": "b", "annotations": {
                    "autoscaling.alpha.kubernetes.io/metrics":
                        "[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"rps\",\"targetAverageValue\":\"100\"}}]",
                    "autoscaling.alpha.kubernetes.io/behavior":
                        "{\"ScaleUp\":{\"Policies\":[{\"Type\":\"Pods\",\"Value\":4}],\"SelectPolicy\":\"Max\"}}",
                }},
                "spec": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 60},
                "status": {"currentReplicas": 0, "desiredReplicas": 0},
            })
        );
        document["spec"]["targetCPUUtilizationPercentage"] = json!(90);
        convert(
            "autoscaling/v1",
            &resource("autoscaling", "v2", plural),
            &mut document,
        );
        let mut expected = v2;
        expected["spec"]["metrics"] = json!([pods, cpu(90)]);
        assert_eq!(document, expected);
    }
}
