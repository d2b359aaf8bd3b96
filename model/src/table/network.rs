//! Services and what they lead to; ingresses; network policies; address ranges.

use super::{age, cells::Printer, labels, read, text};
use crate::ambient::Time;
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// How many addresses, ports or hosts a cell names before it says `+ 2 more...`.
const NAMED: usize = 3;

pub(super) fn printer(plural: &str) -> Option<Printer> {
    Some(match plural {
        "ingressclasses" => ingress_class,
        "ingresses" => ingress,
        "ipaddresses" => ip_address,
        "networkpolicies" => network_policy,
        "servicecidrs" => service_cidr,
        _ => return None,
    })
}

/// Name, type, addresses inside and outside, ports, age; wide: selector.
pub(super) fn service(object: &Value, now: Time) -> Vec<Value> {
    let ports: Vec<String> = read::list(object, "/spec/ports").iter().map(port).collect();
    [
        read::name(object),
        text(read::string(object, "/spec/type")),
        text(read::present_or(object, "/spec/clusterIPs/0", "<none>")),
        text(external_ip(object)),
        text(if ports.is_empty() {
            "<none>".into()
        } else {
            ports.join(",")
        }),
        age::age(object, now),
        text(labels::labels(read::present(object, "/spec/selector"))),
    ]
    .into()
}

fn port(port: &Value) -> String {
    let number = read::integer(port, "/port");
    let protocol = read::string(port, "/protocol");
    match read::integer(port, "/nodePort") {
        node_port if node_port > 0 => format!("{number}:{node_port}/{protocol}"),
        _ => format!("{number}/{protocol}"),
    }
}

fn external_ip(service: &Value) -> String {
    let external = read::joined(service, "/spec/externalIPs", ",");
    match read::string(service, "/spec/type") {
        "ClusterIP" | "NodePort" if external.is_empty() => "<none>".into(),
        "ClusterIP" | "NodePort" => external,
        "LoadBalancer" => match (load_balancer(service), external) {
            (balanced, external) if external.is_empty() && balanced.is_empty() => {
                "<pending>".into()
            }
            (balanced, external) if external.is_empty() => balanced,
            (balanced, external) if balanced.is_empty() => external,
            (balanced, external) => format!("{balanced},{external}"),
        },
        "ExternalName" => read::string(service, "/spec/externalName").into(),
        _ => "<unknown>".into(),
    }
}

/// The addresses of a load balancer, sorted, each once. Never clipped: rows are generated wide.
fn load_balancer(object: &Value) -> String {
    let addresses: BTreeSet<&str> = read::list(object, "/status/loadBalancer/ingress")
        .iter()
        .map(|ingress| read::string_or(ingress, "/ip", read::string(ingress, "/hostname")))
        .filter(|address| !address.is_empty())
        .collect();
    let addresses: Vec<&str> = addresses.into_iter().collect();
    addresses.join(",")
}

/// Name, addresses with ports, age.
pub(super) fn endpoints(object: &Value, now: Time) -> Vec<Value> {
    let subsets = read::list(object, "/subsets");
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = read::list(subset, "/addresses");
        let ports = read::list(subset, "/ports");
        // A headless service may have no ports at all.
        if ports.is_empty() {
            all.extend(addresses.iter().map(|one| read::string(one, "/ip").into()));
        }
        for port in ports {
            let port = read::integer(port, "/port");
            all.extend(
                addresses
                    .iter()
                    .map(|address| match read::string(address, "/ip") {
                        ip if ip.contains(':') => format!("[{ip}]:{port}"),
                        ip => format!("{ip}:{port}"),
                    }),
            );
        }
    }
    let shown = if subsets.is_empty() {
        "<none>".into()
    } else {
        read::at_most(&all, NAMED)
    };
    [read::name(object), text(shown), age::age(object, now)].into()
}

/// Name, type of address, ports, addresses, age.
pub(super) fn endpoint_slice(object: &Value, now: Time) -> Vec<Value> {
    let ports: Vec<String> = read::list(object, "/ports")
        .iter()
        .map(|port| match read::present(port, "/port") {
            Some(number) => number.to_string(),
            None => read::present_or(port, "/name", "*").into(),
        })
        .collect();
    let addresses: Vec<String> = read::list(object, "/endpoints")
        .iter()
        .flat_map(|endpoint| read::list(endpoint, "/addresses"))
        .map(|address| address.as_str().unwrap_or_default().into())
        .collect();
    [
        read::name(object),
        text(read::string(object, "/addressType")),
        text(unset_if_empty(read::at_most(&ports, NAMED))),
        text(unset_if_empty(read::at_most(&addresses, NAMED))),
        age::age(object, now),
    ]
    .into()
}

fn ingress(object: &Value, now: Time) -> Vec<Value> {
    let class = read::present_or(object, "/spec/ingressClassName", "<none>");
    let ports = if read::list(object, "/spec/tls").is_empty() {
        "80"
    } else {
        "80, 443"
    };
    [
        read::name(object),
        text(class),
        text(hosts(read::list(object, "/spec/rules"))),
        text(load_balancer(object)),
        text(ports),
        age::age(object, now),
    ]
    .into()
}

/// The hosts of the first rules that have one. Once the cell is full it counts the remaining rules
/// with those that have none, as upstream does.
fn hosts(rules: &[Value]) -> String {
    let mut hosts: Vec<&str> = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= hosts.len() == NAMED;
        let host = read::string(rule, "/host");
        if !more && !host.is_empty() {
            hosts.push(host);
        }
    }
    match (hosts.join(","), more) {
        (none, _) if none.is_empty() => "*".into(),
        (hosts, false) => hosts,
        (hosts, true) => format!("{hosts} + {} more...", rules.len() - NAMED),
    }
}

fn ingress_class(object: &Value, now: Time) -> Vec<Value> {
    let parameters = match read::present(object, "/spec/parameters") {
        None => "<none>".into(),
        Some(parameters) => {
            let group = read::present(parameters, "/apiGroup").and_then(Value::as_str);
            format!(
                "{}{}/{}",
                read::string(parameters, "/kind"),
                group.map(|group| format!(".{group}")).unwrap_or_default(),
                read::string(parameters, "/name"),
            )
        }
    };
    [
        read::name(object),
        text(read::string(object, "/spec/controller")),
        text(parameters),
        age::age(object, now),
    ]
    .into()
}

fn network_policy(object: &Value, now: Time) -> Vec<Value> {
    let selector = labels::selector(read::present(object, "/spec/podSelector"));
    [read::name(object), text(selector), age::age(object, now)].into()
}

fn service_cidr(object: &Value, now: Time) -> Vec<Value> {
    let ranges = read::joined(object, "/spec/cidrs", ",");
    [read::name(object), text(ranges), age::age(object, now)].into()
}

/// One cell more than there are columns: the real server sends the age too, and kubectl drops it.
fn ip_address(object: &Value, now: Time) -> Vec<Value> {
    let parent = match read::present(object, "/spec/parentRef") {
        None => "<none>".into(),
        Some(parent) => {
            let group = read::string(parent, "/group");
            let dot = if group.is_empty() { "" } else { "." };
            let resource = read::string(parent, "/resource");
            let mut path = format!("{resource}{dot}{group}").to_lowercase();
            for part in ["/namespace", "/name"] {
                let value = read::string(parent, part);
                if part == "/name" || !value.is_empty() {
                    path = format!("{path}/{value}");
                }
            }
            path
        }
    };
    [read::name(object), text(parent), age::age(object, now)].into()
}

fn unset_if_empty(text: String) -> String {
    if text.is_empty() {
        "<unset>".into()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    fn object(mut rest: serde_json::Value) -> serde_json::Value {
        rest["metadata"] = json!({"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"});
        rest
    }

    #[test]
    fn services_have_addresses_inside_and_outside() {
        for (spec, balanced, kind, internal, external, ports) in [
            (
                json!({"type": "ClusterIP", "clusterIPs": ["10.0.0.1", "fd::1"],
                "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}),
                json!([]),
                "ClusterIP",
                "10.0.0.1",
                "<none>",
                "80/TCP,53/UDP",
            ),
            (
                json!({"type": "NodePort", "externalIPs": ["1.1.1.1", "2.2.2.2"],
                "ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}]}),
                json!([]),
                "NodePort",
                "<none>",
                "1.1.1.1,2.2.2.2",
                "80:30000/TCP",
            ),
            (
                json!({"type": "LoadBalancer"}),
                json!([]),
                "LoadBalancer",
                "<none>",
                "<pending>",
                "<none>",
            ),
            (
                json!({"type": "LoadBalancer", "externalIPs": ["9.9.9.9"]}),
                json!([{"hostname": "b.example"}, {"ip": "1.2.3.4"}, {"ip": "1.2.3.4"}]),
                "LoadBalancer",
                "<none>",
                "1.2.3.4,b.example,9.9.9.9",
                "<none>",
            ),
            (
                json!({"type": "ExternalName", "externalName": "e.example"}),
                json!([]),
                "ExternalName",
                "<none>",
                "e.example",
                "<none>",
            ),
            (json!({}), json!([]), "", "<none>", "<unknown>", "<none>"),
        ] {
            check(
                "",
                "services",
                object(json!({"spec": spec, "status": {"loadBalancer": {"ingress": balanced}}})),
                json!(["n", kind, internal, external, ports, "10m", "<none>"]),
            );
        }
        check(
            "",
            "services",
            object(json!({"spec": {"type": "ClusterIP", "clusterIPs": ["None"],
                "selector": {"b": "2", "a": "1"}}})),
            json!([
                "n",
                "ClusterIP",
                "None",
                "<none>",
                "<none>",
                "10m",
                "a=1,b=2"
            ]),
        );
    }

    #[test]
    fn endpoints_are_cut_after_three() {
        for (subsets, expected) in [
            (json!([]), "<none>"),
            (json!([{"addresses": [{"ip": "1.1.1.1"}]}]), "1.1.1.1"),
            (
                json!([{"addresses": [{"ip": "1.1.1.1"}, {"ip": "fd::1"}],
                "ports": [{"port": 1}, {"port": 2}]}]),
                "1.1.1.1:1,[fd::1]:1,1.1.1.1:2 + 1 more...",
            ),
            (
                json!([{"notReadyAddresses": [{"ip": "1.1.1.1"}], "ports": [{"port": 1}]}]),
                "",
            ),
        ] {
            check(
                "",
                "endpoints",
                object(json!({"subsets": subsets})),
                json!(["n", expected, "10m"]),
            );
        }
        check(
            "discovery.k8s.io",
            "endpointslices",
            object(json!({"addressType": "IPv4"})),
            json!(["n", "IPv4", "<unset>", "<unset>", "10m"]),
        );
        check(
            "discovery.k8s.io",
            "endpointslices",
            object(
                json!({"addressType": "IPv4", "ports": [{"port": 80}, {"name": "x"}, {}],
                "endpoints": [{"addresses": ["a", "b"]}, {"addresses": ["c", "d", "e"]}]}),
            ),
            json!(["n", "IPv4", "80,x,*", "a,b,c + 2 more...", "10m"]),
        );
    }

    #[test]
    fn ingresses_have_hosts_and_ports() {
        check(
            "networking.k8s.io",
            "ingresses",
            object(json!({"spec": {}})),
            json!(["n", "<none>", "*", "", "80", "10m"]),
        );
        check(
            "networking.k8s.io",
            "ingresses",
            object(json!({"spec": {"ingressClassName": "c", "tls": [{}],
                "rules": [{"host": "a"}, {}, {"host": "b"}, {"host": "c"}, {"host": "d"}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}})),
            json!(["n", "c", "a,b,c + 2 more...", "1.2.3.4", "80, 443", "10m"]),
        );
        check(
            "networking.k8s.io",
            "ingressclasses",
            object(json!({"spec": {"controller": "c",
                "parameters": {"apiGroup": "g", "kind": "K", "name": "p"}}})),
            json!(["n", "c", "K.g/p", "10m"]),
        );
        check(
            "networking.k8s.io",
            "ingressclasses",
            object(json!({"spec": {"controller": "c"}})),
            json!(["n", "c", "<none>", "10m"]),
        );
    }

    #[test]
    fn policies_and_ranges() {
        check(
            "networking.k8s.io",
            "networkpolicies",
            object(json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}})),
            json!(["n", "a=b", "10m"]),
        );
        check(
            "networking.k8s.io",
            "servicecidrs",
            object(json!({"spec": {"cidrs": ["10.0.0.0/16", "fd::/64"]}})),
            json!(["n", "10.0.0.0/16,fd::/64", "10m"]),
        );
        check(
            "networking.k8s.io",
            "ipaddresses",
            object(json!({"spec": {"parentRef":
                {"resource": "services", "namespace": "d", "name": "s"}}})),
            json!(["n", "services/d/s", "10m"]),
        );
        check(
            "networking.k8s.io",
            "ipaddresses",
            object(json!({"spec": {"parentRef": {"group": "G", "resource": "r", "name": "s"}}})),
            json!(["n", "r.g/s", "10m"]),
        );
    }
}
