//! Autoscalers and scales.

use super::{age, read, text};
use crate::ambient::Time;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// How many metrics a cell names before it says `+ 2 more...`.
const NAMED: usize = 2;

/// Name, desired and available replicas, age.
pub(super) fn scale(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        read::integer(object, "/spec/replicas").into(),
        read::integer(object, "/status/replicas").into(),
        age::age(object, now),
    ]
    .into()
}

/// Name, what it scales, metrics as `current/target`, bounds, replicas, age.
pub(super) fn autoscaler(object: &Value, now: Time) -> Vec<Value> {
    let target = format!(
        "{}/{}",
        read::string(object, "/spec/scaleTargetRef/kind"),
        read::string(object, "/spec/scaleTargetRef/name")
    );
    let least = match read::present(object, "/spec/minReplicas") {
        None => text("<unset>"),
        Some(number) => text(number),
    };
    [
        read::name(object),
        text(target),
        text(metrics(object)),
        least,
        read::integer(object, "/spec/maxReplicas").into(),
        read::integer(object, "/status/currentReplicas").into(),
        age::age(object, now),
    ]
    .into()
}

fn metrics(autoscaler: &Value) -> String {
    let statuses = read::list(autoscaler, "/status/currentMetrics");
    let mut metrics: Vec<String> = read::list(autoscaler, "/spec/metrics")
        .iter()
        .enumerate()
        .map(|(index, spec)| metric(spec, statuses.get(index)))
        .collect();
    // autoscaling/v1 has one metric, in fields of its own.
    if let Some(target) = read::present(autoscaler, "/spec/targetCPUUtilizationPercentage") {
        let current = read::present(autoscaler, "/status/currentCPUUtilizationPercentage");
        metrics.push(format!(
            "cpu: {}/{target}%",
            percentage(current, "<unknown>")
        ));
    }
    match metrics.get(..NAMED) {
        Some(first) if metrics.len() > NAMED => {
            let more = metrics.len() - NAMED;
            format!("{} + {more} more...", first.join(", "))
        }
        _ if metrics.is_empty() => "<none>".into(),
        _ => metrics.join(", "),
    }
}

fn metric(spec: &Value, status: Option<&Value>) -> String {
    let (member, resource) = match read::string(spec, "/type") {
        "External" => ("external", false),
        "Object" => ("object", false),
        "Pods" => ("pods", false),
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        _ => return "<unknown type>".into(),
    };
    let source = &spec[member];
    // Which of the sources a status has tells its type.
    let current = status.and_then(|status| status.get(member));
    let current = current.map(|status| &status["current"]);
    let average = read::present(source, "/target/averageValue");
    if resource {
        let name = read::string(source, "/name");
        return match average {
            Some(_) => format!(
                "{name}: {}/{}",
                current.map_or_else(|| "<unknown>".into(), |one| quantity(one, "/averageValue")),
                quantity(source, "/target/averageValue"),
            ),
            None => format!(
                "{name}: {}/{}",
                percentage(
                    current.and_then(|one| read::present(one, "/averageUtilization")),
                    "<unknown>"
                ),
                percentage(
                    read::present(source, "/target/averageUtilization"),
                    "<auto>"
                ),
            ),
        };
    }
    let is_average = average.is_some() || member == "pods";
    let field = if is_average {
        "/averageValue"
    } else {
        "/value"
    };
    let unknown = average.is_some()
        && member != "pods"
        && current.is_some_and(|one| read::present(one, field).is_none());
    let shown = match current {
        Some(current) if !unknown => quantity(current, field),
        _ => "<unknown>".into(),
    };
    let target = quantity(&source["target"], field);
    let suffix = if is_average && member != "pods" {
        " (avg)"
    } else {
        ""
    };
    format!("{shown}/{target}{suffix}")
}

/// A quantity as stored, which is its canonical form; as Go writes a nil one when there is none.
fn quantity(value: &Value, pointer: &str) -> String {
    match read::present(value, pointer) {
        None => "<nil>".into(),
        Some(Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
    }
}

fn percentage(value: Option<&Value>, otherwise: &str) -> String {
    value.map_or_else(|| otherwise.to_string(), |number| format!("{number}%"))
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    fn check_metrics(spec: serde_json::Value, status: serde_json::Value, expected: &str) {
        let object = json!({"metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 5,
                "metrics": spec},
            "status": {"currentReplicas": 2, "currentMetrics": status}});
        let cells = json!(["n", "Deployment/d", expected, "<unset>", 5, 2, "10m"]);
        check("autoscaling", "horizontalpodautoscalers", object, cells);
    }

    #[test]
    fn metrics_are_shown_as_current_and_target() {
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 80}}});
        let memory = json!({"type": "ContainerResource", "containerResource": {"name": "memory",
            "target": {"averageValue": "1Gi"}}});
        let external = json!({"type": "External", "external": {"target": {"averageValue": "10"}}});
        let pods = json!({"type": "Pods", "pods": {"target": {"averageValue": "5"}}});
        let object = json!({"type": "Object", "object": {"target": {"value": "7"}}});
        check_metrics(json!([]), json!([]), "<none>");
        check_metrics(json!([cpu]), json!([]), "cpu: <unknown>/80%");
        check_metrics(
            json!([cpu]),
            json!([{"resource": {"current": {"averageUtilization": 40}}}]),
            "cpu: 40%/80%",
        );
        check_metrics(
            json!([memory, external]),
            json!([{"containerResource": {"current": {"averageValue": "2Gi"}}},
                {"external": {"current": {"value": "3"}}}]),
            "memory: 2Gi/1Gi, <unknown>/10 (avg)",
        );
        check_metrics(
            json!([pods, object]),
            json!([{"pods": {"current": {"averageValue": "1"}}}, {"object": {"current": {}}}]),
            "1/5, <nil>/7",
        );
        check_metrics(
            json!([external, {"type": "New"}, cpu]),
            json!([{"external": {"current": {"averageValue": "4"}}}]),
            "4/10 (avg), <unknown type> + 1 more...",
        );
    }

    #[test]
    fn the_first_version_knows_the_cpu_only() {
        let mut object = json!({"metadata": {"name": "n"}, "spec": {"minReplicas": 1,
            "maxReplicas": 3, "targetCPUUtilizationPercentage": 50,
            "scaleTargetRef": {"kind": "K", "name": "x"}}});
        check(
            "autoscaling",
            "horizontalpodautoscalers",
            object.clone(),
            json!(["n", "K/x", "cpu: <unknown>/50%", "1", 3, 0, "<unknown>"]),
        );
        object["status"] = json!({"currentCPUUtilizationPercentage": 10});
        check(
            "autoscaling",
            "horizontalpodautoscalers",
            object,
            json!(["n", "K/x", "cpu: 10%/50%", "1", 3, 0, "<unknown>"]),
        );
    }
}
