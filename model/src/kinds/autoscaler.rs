//! HorizontalPodAutoscalers, in both versions.
//!
//! Origin: `pkg/apis/autoscaling/{v1,v2}/defaults.go`, `validation/validation.go`. The validation is
//! that of v2, which is stored; v1 is converted first ([`super::convert`]).

use super::{
    convert,
    document::{at, existing, fill, list, number, object, put, text},
    findings::Findings,
};
use crate::{resource::Resource, status::FieldError};
use alloc::{format, vec::Vec};
use serde_json::{Value, json};

/// What an autoscaler without metrics aims at, in percent.
const CPU_UTILIZATION: i64 = 80;

pub(super) fn default(resource: &Resource, autoscaler: &mut Value) {
    if at(autoscaler, &["spec", "minReplicas"]).is_null() {
        put(object(autoscaler, "spec"), "minReplicas", json!(1));
    }
    if resource.version == "v1" {
        let others = ["metadata", "annotations", convert::METRICS];
        let target = ["spec", "targetCPUUtilizationPercentage"];
        if at(autoscaler, &target).is_null() && at(autoscaler, &others).is_null() {
            put(
                object(autoscaler, "spec"),
                target[1],
                json!(CPU_UTILIZATION),
            );
        }
        return;
    }
    let spec = object(autoscaler, "spec");
    if list(spec, &["metrics"]).is_empty() {
        put(
            spec,
            "metrics",
            json!([convert::cpu_metric(CPU_UTILIZATION)]),
        );
    }
    if let Some(behavior) = existing(spec, "behavior") {
        let up = json!([
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ]);
        rules(object(behavior, "scaleUp"), Some(0), up);
        let down = json!([{"type": "Percent", "value": 100, "periodSeconds": 15}]);
        rules(object(behavior, "scaleDown"), None, down);
    }
}

fn rules(rules: &mut Value, window: Option<i64>, policies: Value) {
    fill(rules, "selectPolicy", "Max");
    if let Some(window) = window {
        fill(rules, "stabilizationWindowSeconds", window);
    }
    if list(rules, &["policies"]).is_empty() {
        put(rules, "policies", policies);
    }
}

pub(super) fn validate(resource: &Resource, autoscaler: &Value) -> Vec<FieldError> {
    let mut findings = Findings::default();
    let mut converted = autoscaler.clone();
    if resource.version == "v1" {
        convert::autoscaler_to_v2(&mut converted);
    }
    let spec = at(&converted, &["spec"]);
    let least = number(spec, &["minReplicas"]);
    if let Some(least) = least.filter(|least| *least < 1) {
        findings.invalid(
            "spec.minReplicas",
            least,
            "must be greater than or equal to 1",
        );
    }
    let most = number(spec, &["maxReplicas"]).unwrap_or_default();
    if most == 0 {
        findings.required_because("spec.maxReplicas", "must be set and greater than 0");
    } else if most < 0 {
        findings.invalid("spec.maxReplicas", most, "must be greater than 0");
    }
    if least.is_some_and(|least| most < least) {
        let why = "must be greater than or equal to `minReplicas`";
        findings.invalid("spec.maxReplicas", most, why);
    }
    for field in ["kind", "name"] {
        if text(spec, &["scaleTargetRef", field]).is_empty() {
            findings.required(format!("spec.scaleTargetRef.{field}"));
        }
    }
    for (index, one) in list(spec, &["metrics"]).iter().enumerate() {
        metric(one, &format!("spec.metrics[{index}]"), &mut findings);
    }
    findings.finish()
}

/// The types of metrics and the field that goes with each.
const METRICS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn metric(metric: &Value, path: &str, findings: &mut Findings) {
    let kind = text(metric, &["type"]);
    let field = format!("{path}.type");
    if kind.is_empty() {
        findings.required_because(field, "must specify a metric source type");
        return;
    }
    let Some((_, expected)) = METRICS.iter().find(|(name, _)| *name == kind) else {
        let known: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
        findings.not_supported(field, kind, &known);
        return;
    };
    for (_, source) in METRICS {
        let given = at(metric, &[source]).is_object();
        if source == *expected && !given {
            let why = "must populate information for the given metric source";
            findings.required_because(format!("{path}.{source}"), why);
        } else if source != *expected && given {
            let why = "must populate the given metric source only";
            findings.forbidden(format!("{path}.{source}"), why);
        }
    }
    let source = at(metric, &[expected]);
    if source.is_object() && matches!(*expected, "resource" | "containerResource") {
        resource_source(source, &format!("{path}.{expected}"), findings);
    }
}

fn resource_source(source: &Value, path: &str, findings: &mut Findings) {
    if text(source, &["name"]).is_empty() {
        findings.required_because(format!("{path}.name"), "must specify a resource name");
    }
    let target = at(source, &["target"]);
    if text(target, &["type"]).is_empty() {
        let why = "must specify a metric target type";
        findings.required_because(format!("{path}.target.type"), why);
    }
    let utilization = number(target, &["averageUtilization"]);
    if let Some(percent) = utilization.filter(|percent| *percent < 1) {
        findings.invalid(
            format!("{path}.target.averageUtilization"),
            percent,
            "must be greater than 0",
        );
    }
    let raw = !at(target, &["averageValue"]).is_null();
    match (utilization.is_some(), raw) {
        (false, false) => {
            let why = "must set either a target raw value or a target utilization";
            findings.required_because(format!("{path}.target.averageUtilization"), why);
        }
        (true, true) => {
            let why = "may not set both a target raw value and a target utilization";
            findings.forbidden(format!("{path}.target.averageValue"), why);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{default, validate};
    use crate::{kinds::document::merge, resource::Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn autoscaler(change: &Value) -> Value {
        let resources = Resources::built_in();
        let resource = resources
            .find("autoscaling", "v2", "horizontalpodautoscalers")
            .unwrap();
        let mut autoscaler = json!({"spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "maxReplicas": 3,
        }});
        merge(&mut autoscaler["spec"], change);
        default(resource, &mut autoscaler);
        autoscaler
    }

    fn check(change: &Value, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources
            .find("autoscaling", "v2", "horizontalpodautoscalers")
            .unwrap();
        let errors = validate(resource, &autoscaler(change));
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn metrics_and_behavior_are_filled_in() {
        assert_eq!(
            autoscaler(&json!({}))["spec"]["metrics"],
            json!([{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }])
        );
        let behaving =
            autoscaler(&json!({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}));
        assert_eq!(
            behaving["spec"]["behavior"],
            json!({
                "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [
                    {"type": "Pods", "value": 4, "periodSeconds": 15},
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                ]},
                "scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 15},
                ]},
            })
        );
    }

    #[test]
    fn bounds_and_sources_are_checked() {
        check(
            &json!({"maxReplicas": 1, "minReplicas": 3}),
            &["spec.maxReplicas: Invalid value: 1: must be greater than or equal to `minReplicas`"],
        );
        check(
            &json!({"maxReplicas": 0}),
            &[
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
            ],
        );
        check(
            &json!({"metrics": [{"type": "Resource"}]}),
            &[
                "spec.metrics[0].resource: Required value: must populate information for the given \
             metric source",
            ],
        );
    }
}
