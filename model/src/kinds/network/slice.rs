//! EndpointSlices (`pkg/apis/discovery/validation/validation.go`).

use super::endpoints::special_address;
use crate::{
    kinds::{
        document::{at, list, number, same, text, texts},
        findings::Findings,
        formats::{ip, port_number},
    },
    status::FieldError,
    validation::name::{dns_label, dns_subdomain, label_key},
};
use alloc::{collections::BTreeSet, format};
use serde_json::Value;

/// The most endpoints of a slice, addresses of an endpoint, ports of a slice.
const MOST_ENDPOINTS: usize = 1_000;
const MOST_ADDRESSES: usize = 100;
const MOST_PORTS: usize = 20_000;

pub(super) fn validate(slice: &Value, old: Option<&Value>, findings: &mut Findings) {
    let kind = text(slice, &["addressType"]);
    findings.one_of("addressType", kind, &["FQDN", "IPv4", "IPv6"]);
    let endpoints = list(slice, &["endpoints"]);
    let changed = old.is_none_or(|old| !same(at(old, &["endpoints"]), at(slice, &["endpoints"])));
    if changed {
        if endpoints.len() > MOST_ENDPOINTS {
            findings.push(FieldError::too_many(
                "endpoints",
                endpoints.len(),
                MOST_ENDPOINTS,
            ));
        }
        for (index, endpoint) in endpoints.iter().enumerate() {
            self::endpoint(endpoint, kind, &format!("endpoints[{index}]"), findings);
        }
    }
    ports(list(slice, &["ports"]), findings);
    if let Some(old) = old {
        let (new, old) = (at(slice, &["addressType"]), at(old, &["addressType"]));
        findings.immutable("addressType", new, old);
    }
}

fn endpoint(endpoint: &Value, kind: &str, path: &str, findings: &mut Findings) {
    let addresses = texts(endpoint, &["addresses"]);
    let field = format!("{path}.addresses");
    if addresses.is_empty() {
        findings.required_because(field.clone(), "must contain at least 1 address");
    } else if addresses.len() > MOST_ADDRESSES {
        findings.push(FieldError::too_many(
            field.clone(),
            addresses.len(),
            MOST_ADDRESSES,
        ));
    }
    for (index, address) in addresses.iter().enumerate() {
        match (kind, ip(address)) {
            ("IPv4", Some(parsed)) if parsed.is_ipv4() => {
                special_address(address, &format!("{field}[{index}]"), findings);
            }
            ("IPv6", Some(parsed)) if parsed.is_ipv6() => {
                special_address(address, &format!("{field}[{index}]"), findings);
            }
            ("IPv4", _) => findings.invalid(field.clone(), *address, "must be an IPv4 address"),
            ("IPv6", _) => findings.invalid(field.clone(), *address, "must be an IPv6 address"),
            ("FQDN", _) => findings.invalid_text(field.clone(), address, dns_subdomain(address)),
            _ => {}
        }
    }
    let node = text(endpoint, &["nodeName"]);
    if !node.is_empty() {
        findings.invalid_text(format!("{path}.nodeName"), node, dns_subdomain(node));
    }
    let host = text(endpoint, &["hostname"]);
    if !host.is_empty() {
        findings.invalid_text(format!("{path}.hostname"), host, dns_label(host));
    }
}

fn ports(ports: &[Value], findings: &mut Findings) {
    if ports.len() > MOST_PORTS {
        findings.push(FieldError::too_many("ports", ports.len(), MOST_PORTS));
    }
    let mut names = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let path = format!("ports[{index}]");
        let name = text(port, &["name"]);
        if !name.is_empty() {
            findings.invalid_text(format!("{path}.name"), name, dns_label(name));
        }
        if !names.insert(name) {
            findings.duplicate(format!("{path}.name"), name);
        }
        let protocol = text(port, &["protocol"]);
        findings.one_of(
            format!("{path}.protocol"),
            protocol,
            &["SCTP", "TCP", "UDP"],
        );
        if let Some(number) = number(port, &["port"]) {
            for why in port_number(number) {
                findings.invalid(format!("{path}.port"), number, why);
            }
        }
        if let Some(protocol) = at(port, &["appProtocol"]).as_str() {
            findings.invalid_text(format!("{path}.appProtocol"), protocol, label_key(protocol));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn slice(kind: &str, addresses: Value, ports: Value) -> Value {
        json!({"addressType": kind, "endpoints": [{"addresses": addresses}], "ports": ports})
    }

    #[test]
    fn addresses_are_of_the_slices_type() {
        let slices = ("discovery.k8s.io", "endpointslices");
        let good = || slice("IPv4", json!(["192.0.2.1"]), json!([{"port": 80}]));
        check(slices, good(), None, &[]);
        check(
            slices,
            slice("IPv5", json!(["192.0.2.1"]), json!([])),
            None,
            &[
                "addressType: Unsupported value: \"IPv5\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
            ],
        );
        check(
            slices,
            slice("IPv4", json!(["2001:db8::1"]), json!([])),
            None,
            &["endpoints[0].addresses: Invalid value: \"2001:db8::1\": must be an IPv4 address"],
        );
        check(
            slices,
            slice("IPv4", json!([]), json!([])),
            None,
            &["endpoints[0].addresses: Required value: must contain at least 1 address"],
        );
        check(
            slices,
            slice(
                "IPv4",
                json!(["192.0.2.1"]),
                json!([{"port": 80}, {"port": 81}]),
            ),
            None,
            &["ports[1].name: Duplicate value: \"\""],
        );
        let mut other = good();
        other["addressType"] = json!("IPv6");
        check(
            slices,
            other,
            Some(good()),
            &["addressType: Invalid value: \"IPv6\": field is immutable"],
        );
    }
}
