//! Nodes, namespaces, configuration, quotas, leases, devices and the aggregated APIs.

use super::{age, cells::Printer, cells::name_and_age, read, text};
use crate::ambient::Time;
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::Value;

/// Name, status, roles, age, version; wide: addresses and what it runs on.
pub(super) fn node(object: &Value, now: Time) -> Vec<Value> {
    let mut status = match read::list(object, "/status/conditions")
        .iter()
        .rfind(|condition| condition["type"] == "Ready")
    {
        Some(ready) if ready["status"] == "True" => String::from("Ready"),
        Some(_) => "NotReady".into(),
        None => "Unknown".into(),
    };
    if read::boolean(object, "/spec/unschedulable", false) {
        status += ",SchedulingDisabled";
    }
    let about = |name, otherwise| {
        text(read::string_or(
            &object["status"]["nodeInfo"],
            name,
            otherwise,
        ))
    };
    [
        read::name(object),
        text(status),
        text(roles(object)),
        age::age(object, now),
        about("/kubeletVersion", ""),
        text(address(object, "InternalIP")),
        text(address(object, "ExternalIP")),
        about("/osImage", "<unknown>"),
        about("/kernelVersion", "<unknown>"),
        about("/containerRuntimeVersion", "<unknown>"),
    ]
    .into()
}

/// The roles that its labels state: `node-role.kubernetes.io/<role>` and `kubernetes.io/role`.
fn roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object();
    let roles: BTreeSet<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| match key.as_str() {
            "kubernetes.io/role" => value.as_str(),
            key => key.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    if roles.is_empty() {
        return "<none>".into();
    }
    let roles: Vec<&str> = roles.into_iter().collect();
    roles.join(",")
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    read::list(node, "/status/addresses")
        .iter()
        .find(|address| address["type"] == kind)
        .map_or("<none>", |address| read::string(address, "/address"))
}

pub(super) fn namespace(object: &Value, now: Time) -> Vec<Value> {
    with_text(object, "/status/phase", now)
}

pub(super) fn config_map(object: &Value, now: Time) -> Vec<Value> {
    let entries = read::members(object, "/data") + read::members(object, "/binaryData");
    [read::name(object), entries.into(), age::age(object, now)].into()
}

pub(super) fn secret(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        text(read::string(object, "/type")),
        read::members(object, "/data").into(),
        age::age(object, now),
    ]
    .into()
}

/// Name, requests and limits as `resource: used/hard`, age.
pub(super) fn resource_quota(object: &Value, now: Time) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in object["status"]["hard"].as_object().into_iter().flatten() {
        let used = object["status"]["used"][resource].as_str().unwrap_or("0");
        let entry = format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default());
        if resource.starts_with("limits.") {
            limits.push(entry);
        } else {
            requests.push(entry);
        }
    }
    [
        read::name(object),
        text(requests.join(", ")),
        text(limits.join(", ")),
        age::age(object, now),
    ]
    .into()
}

pub(super) fn component_status(object: &Value, _now: Time) -> Vec<Value> {
    let healthy = read::list(object, "/conditions")
        .iter()
        .find(|condition| condition["type"] == "Healthy");
    let status = match healthy {
        None => "Unknown",
        Some(condition) if condition["status"] == "True" => "Healthy",
        Some(_) => "Unhealthy",
    };
    let of = |pointer| text(healthy.map_or("", |condition| read::string(condition, pointer)));
    [
        read::name(object),
        text(status),
        of("/message"),
        of("/error"),
    ]
    .into()
}

pub(super) fn lease(object: &Value, now: Time) -> Vec<Value> {
    with_text(object, "/spec/holderIdentity", now)
}

pub(super) fn runtime_class(object: &Value, now: Time) -> Vec<Value> {
    with_text(object, "/handler", now)
}

pub(super) fn priority_class(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        read::integer(object, "/value").into(),
        read::boolean(object, "/globalDefault", false).into(),
        age::age(object, now),
        text(read::string(object, "/preemptionPolicy")),
    ]
    .into()
}

/// Name, the service that answers for it, whether it does, age (kube-aggregator's own table).
pub(super) fn api_service(object: &Value, now: Time) -> Vec<Value> {
    let service = match read::present(object, "/spec/service") {
        None => "Local".into(),
        Some(service) => format!(
            "{}/{}",
            read::string(service, "/namespace"),
            read::string(service, "/name")
        ),
    };
    let available = match read::condition(object, "Available") {
        None => "Unknown".into(),
        Some(condition) => {
            match (
                read::string(condition, "/status"),
                read::string(condition, "/reason"),
            ) {
                ("True", _) => "True".into(),
                (status, "") => String::from(status),
                (status, reason) => format!("{status} ({reason})"),
            }
        }
    };
    [
        read::name(object),
        text(service),
        text(available),
        age::age(object, now),
    ]
    .into()
}

pub(super) fn device(plural: &str) -> Option<Printer> {
    Some(match plural {
        "deviceclasses" | "resourceclaimtemplates" => name_and_age,
        "resourceclaims" => resource_claim,
        "resourceslices" => resource_slice,
        _ => return None,
    })
}

fn resource_claim(object: &Value, now: Time) -> Vec<Value> {
    let deleted = read::terminating(object);
    let state = match read::present(object, "/status/allocation") {
        None if deleted => "deleted",
        None => "pending",
        Some(_) => match (
            deleted,
            read::list(object, "/status/reservedFor").is_empty(),
        ) {
            (false, true) => "allocated",
            (false, false) => "allocated,reserved",
            (true, true) => "deleted,allocated",
            (true, false) => "deleted,allocated,reserved",
        },
    };
    [read::name(object), text(state), age::age(object, now)].into()
}

fn resource_slice(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        text(read::string(object, "/spec/nodeName")),
        text(read::string(object, "/spec/driver")),
        text(read::string(object, "/spec/pool/name")),
        age::age(object, now),
    ]
    .into()
}

fn with_text(object: &Value, pointer: &str, now: Time) -> Vec<Value> {
    [
        read::name(object),
        text(read::string(object, pointer)),
        age::age(object, now),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    fn object(mut rest: serde_json::Value) -> serde_json::Value {
        rest["metadata"]["name"] = json!("n");
        rest["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        rest
    }

    #[test]
    fn nodes_have_roles_and_a_status() {
        check(
            "",
            "nodes",
            object(json!({})),
            json!([
                "n",
                "Unknown",
                "<none>",
                "10m",
                "",
                "<none>",
                "<none>",
                "<unknown>",
                "<unknown>",
                "<unknown>"
            ]),
        );
        check(
            "",
            "nodes",
            object(
                json!({"metadata": {"labels": {"node-role.kubernetes.io/worker": "",
                "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "edge",
                "node-role.kubernetes.io/": ""}},
                "spec": {"unschedulable": true},
                "status": {"conditions": [{"type": "DiskPressure", "status": "False"},
                    {"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "Hostname", "address": "h"},
                        {"type": "InternalIP", "address": "10.0.0.1"},
                        {"type": "InternalIP", "address": "10.0.0.2"},
                        {"type": "ExternalIP", "address": "1.2.3.4"}],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "os",
                        "kernelVersion": "6", "containerRuntimeVersion": "containerd://2"}}}),
            ),
            json!([
                "n",
                "Ready,SchedulingDisabled",
                "control-plane,edge,worker",
                "10m",
                "v1.36.0",
                "10.0.0.1",
                "1.2.3.4",
                "os",
                "6",
                "containerd://2"
            ]),
        );
        check(
            "",
            "nodes",
            object(json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}})),
            json!([
                "n",
                "NotReady",
                "<none>",
                "10m",
                "",
                "<none>",
                "<none>",
                "<unknown>",
                "<unknown>",
                "<unknown>"
            ]),
        );
    }

    #[test]
    fn configuration_is_counted() {
        check(
            "",
            "namespaces",
            object(json!({"status": {"phase": "Active"}})),
            json!(["n", "Active", "10m"]),
        );
        check(
            "",
            "configmaps",
            object(json!({"data": {"a": "1", "b": "2"}, "binaryData": {"c": "Mw=="}})),
            json!(["n", 3, "10m"]),
        );
        check(
            "",
            "secrets",
            object(json!({"type": "Opaque", "data": {"a": "Mw=="}})),
            json!(["n", "Opaque", 1, "10m"]),
        );
        check(
            "",
            "serviceaccounts",
            object(json!({"secrets": [{}]})),
            json!(["n", "10m"]),
        );
        check(
            "",
            "limitranges",
            object(json!({})),
            json!(["n", "2026-01-01T00:00:00Z"]),
        );
        check(
            "",
            "resourcequotas",
            object(
                json!({"status": {"hard": {"requests.cpu": "2", "limits.cpu": "4", "pods": "9"},
                "used": {"pods": "1", "limits.cpu": "500m"}}}),
            ),
            json!([
                "n",
                "pods: 1/9, requests.cpu: 0/2",
                "limits.cpu: 500m/4",
                "10m"
            ]),
        );
        check(
            "",
            "componentstatuses",
            object(json!({"conditions": [{"type": "Healthy", "status": "False", "error": "e"}]})),
            json!(["n", "Unhealthy", "", "e"]),
        );
    }

    #[test]
    fn the_rest_of_the_cluster() {
        check(
            "coordination.k8s.io",
            "leases",
            object(json!({"spec": {"holderIdentity": "me"}})),
            json!(["n", "me", "10m"]),
        );
        check(
            "node.k8s.io",
            "runtimeclasses",
            object(json!({"handler": "runc"})),
            json!(["n", "runc", "10m"]),
        );
        check(
            "scheduling.k8s.io",
            "priorityclasses",
            object(json!({"value": -7, "globalDefault": true, "preemptionPolicy": "Never"})),
            json!(["n", -7, true, "10m", "Never"]),
        );
        check(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            object(json!({})),
            json!(["n", "2026-01-01T00:00:00Z"]),
        );
        check(
            "apiregistration.k8s.io",
            "apiservices",
            object(
                json!({"status": {"conditions": [{"type": "Available", "status": "True",
                "reason": "Local"}]}}),
            ),
            json!(["n", "Local", "True", "10m"]),
        );
        check(
            "apiregistration.k8s.io",
            "apiservices",
            object(
                json!({"spec": {"service": {"namespace": "d", "name": "s"}}, "status":
                {"conditions": [{"type": "Available", "status": "False", "reason": "Missing"}]}}),
            ),
            json!(["n", "d/s", "False (Missing)", "10m"]),
        );
    }

    #[test]
    fn devices() {
        for (status, deleted, expected) in [
            (json!({}), false, "pending"),
            (json!({}), true, "deleted"),
            (json!({"allocation": {}}), false, "allocated"),
            (
                json!({"allocation": {}, "reservedFor": [{}]}),
                true,
                "deleted,allocated,reserved",
            ),
        ] {
            let mut claim = object(json!({"status": status}));
            if deleted {
                claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }
            check(
                "resource.k8s.io",
                "resourceclaims",
                claim,
                json!(["n", expected, "10m"]),
            );
        }
        check(
            "resource.k8s.io",
            "resourceslices",
            object(json!({"spec": {"nodeName": "m", "driver": "d", "pool": {"name": "p"}}})),
            json!(["n", "m", "d", "p", "10m"]),
        );
        check(
            "resource.k8s.io",
            "deviceclasses",
            object(json!({})),
            json!(["n", "10m"]),
        );
        check(
            "resource.k8s.io",
            "resourceclaimtemplates",
            object(json!({})),
            json!(["n", "10m"]),
        );
    }
}
