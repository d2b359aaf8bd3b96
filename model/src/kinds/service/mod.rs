//! Services: defaults, the fields that go with a type, validation; addresses and ports are
//! chosen in [`allocate`].
//!
//! Origin: `pkg/registry/core/service/{strategy.go,storage/}` and `ValidateService`.

mod allocate;
mod pool;
mod validate;

pub use allocate::allocate;
pub use pool::{Holdings, Pool, holdings};
pub(super) use validate::{validate, validate_update};

use super::document::{at, copy, fill, items, list, member, put, remove, same, text};
use serde_json::{Value, json};

/// The type of a Service.
fn kind(service: &Value) -> &str {
    text(service, &["spec", "type"])
}

fn needs_cluster_ip(service: &Value) -> bool {
    matches!(kind(service), "ClusterIP" | "NodePort" | "LoadBalancer")
}

fn needs_node_port(service: &Value) -> bool {
    match kind(service) {
        "NodePort" => true,
        "LoadBalancer" => {
            at(service, &["spec", "allocateLoadBalancerNodePorts"]).as_bool() != Some(false)
        }
        _ => false,
    }
}

fn needs_health_check_port(service: &Value) -> bool {
    kind(service) == "LoadBalancer" && text(service, &["spec", "externalTrafficPolicy"]) == "Local"
}

/// Reachable from outside the cluster: it has an external traffic policy.
fn is_external(service: &Value) -> bool {
    matches!(kind(service), "NodePort" | "LoadBalancer")
        || (kind(service) == "ClusterIP" && !list(service, &["spec", "externalIPs"]).is_empty())
}

/// `clusterIP` is `None`: DNS answers with the pods.
fn is_headless(service: &Value) -> bool {
    list(service, &["spec", "clusterIPs"]) == [json!("None")]
        || text(service, &["spec", "clusterIP"]) == "None"
}

/// `SetDefaults_Service`.
pub(super) fn default(service: &mut Value) {
    let spec = super::document::object(service, "spec");
    fill(spec, "sessionAffinity", "None");
    match text(spec, &["sessionAffinity"]) {
        "None" => remove(spec, "sessionAffinityConfig"),
        "ClientIP"
            if at(
                spec,
                &["sessionAffinityConfig", "clientIP", "timeoutSeconds"],
            )
            .is_null() =>
        {
            let config = json!({"clientIP": {"timeoutSeconds": 10_800}});
            put(spec, "sessionAffinityConfig", config);
        }
        _ => {}
    }
    fill(spec, "type", "ClusterIP");
    for port in items(spec, "ports") {
        fill(port, "protocol", "TCP");
        let number = at(port, &["port"]).clone();
        let target = member(port, "targetPort");
        if target.is_null() || *target == json!(0) || *target == json!("") {
            *target = if number.is_null() { json!(0) } else { number };
        }
    }
    if is_external(service) {
        fill(
            super::document::object(service, "spec"),
            "externalTrafficPolicy",
            "Cluster",
        );
    }
    let (inside, balanced) = (needs_cluster_ip(service), kind(service) == "LoadBalancer");
    let spec = super::document::object(service, "spec");
    if inside {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if balanced {
        if at(spec, &["allocateLoadBalancerNodePorts"]).is_null() {
            put(spec, "allocateLoadBalancerNodePorts", json!(true));
        }
        let balancer =
            super::document::object(super::document::object(service, "status"), "loadBalancer");
        for ingress in items(balancer, "ingress") {
            if !text(ingress, &["ip"]).is_empty() {
                fill(ingress, "ipMode", "VIP");
            }
        }
    }
}

pub(super) fn prepare_create(service: &mut Value) {
    put(service, "status", json!({"loadBalancer": {}}));
}

/// A change of type drops what the new type has no use for, when the client left it as it was
/// (`dropTypeDependentFields`).
pub(super) fn prepare_update(new: &mut Value, old: &Value) {
    if needs_cluster_ip(old) && !needs_cluster_ip(new) {
        if same(
            at(new, &["spec", "clusterIPs"]),
            at(old, &["spec", "clusterIPs"]),
        ) {
            remove_unchanged(new, old, "clusterIP");
        }
        let fields = [
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
        ];
        for field in fields {
            remove_unchanged(new, old, field);
        }
    }
    if needs_node_port(old) && !needs_node_port(new) && same_node_ports(new, old) {
        for port in items(super::document::object(new, "spec"), "ports") {
            remove(port, "nodePort");
        }
    }
    if needs_health_check_port(old) && !needs_health_check_port(new) {
        remove_unchanged(new, old, "healthCheckNodePort");
    }
    if kind(old) == "LoadBalancer" && kind(new) != "LoadBalancer" {
        remove_unchanged(new, old, "allocateLoadBalancerNodePorts");
        remove_unchanged(new, old, "loadBalancerClass");
    }
    if is_external(old) && !is_external(new) {
        remove_unchanged(new, old, "externalTrafficPolicy");
    }
    if kind(new) != "LoadBalancer" && kind(old) == "LoadBalancer" {
        put(new, "status", json!({"loadBalancer": {}}));
    } else {
        copy(old, new, "status");
    }
}

fn remove_unchanged(new: &mut Value, old: &Value, field: &str) {
    if same(at(new, &["spec", field]), at(old, &["spec", field])) {
        remove(super::document::object(new, "spec"), field);
    }
}

fn same_node_ports(new: &Value, old: &Value) -> bool {
    let ports = |service: &Value| {
        let ports = list(service, &["spec", "ports"]).iter();
        let numbers = ports.map(|port| at(port, &["nodePort"]).as_i64().unwrap_or_default());
        let mut numbers: alloc::vec::Vec<i64> = numbers.collect();
        numbers.sort_unstable();
        numbers
    };
    ports(new) == ports(old)
}

#[cfg(test)]
mod tests {
    use super::{default, prepare_update};
    use serde_json::json;

    #[test]
    fn a_service_gets_its_defaults() {
        let mut service = json!({"spec": {"ports": [{"port": 80}]}});
        default(&mut service);
        assert_eq!(
            service,
            json!({"spec": {
                "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}], "type": "ClusterIP",
                "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            }})
        );
        let mut external = json!({"spec": {"type": "ExternalName", "externalName": "a.b"}});
        default(&mut external);
        assert_eq!(
            external,
            json!({"spec": {
                "type": "ExternalName", "externalName": "a.b", "sessionAffinity": "None",
            }})
        );
    }

    #[test]
    fn a_service_that_becomes_external_drops_its_addresses() {
        let old = json!({"spec": {
            "type": "ClusterIP", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        }, "status": {"loadBalancer": {}}});
        let mut new = old.clone();
        new["spec"]["type"] = json!("ExternalName");
        prepare_update(&mut new, &old);
        assert_eq!(new["spec"], json!({"type": "ExternalName"}));
    }
}
