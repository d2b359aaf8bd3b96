//! Endpoints (`validateEndpointSubsets` in `pkg/apis/core/validation/validation.go`).

use crate::{
    kinds::{
        document::{at, list, number, text},
        findings::Findings,
        formats::{NOT_AN_IP, ip, port_number},
    },
    validation::name::{dns_label, label_key},
};
use alloc::format;
use core::net::IpAddr;
use serde_json::Value;

pub(super) fn validate(endpoints: &Value, findings: &mut Findings) {
    for (index, subset) in list(endpoints, &["subsets"]).iter().enumerate() {
        let path = format!("subsets[{index}]");
        let ready = list(subset, &["addresses"]);
        let waiting = list(subset, &["notReadyAddresses"]);
        if ready.is_empty() && waiting.is_empty() {
            let why = "must specify `addresses` or `notReadyAddresses`";
            findings.required_because(path.clone(), why);
        }
        for (field, addresses) in [("addresses", ready), ("notReadyAddresses", waiting)] {
            for (index, one) in addresses.iter().enumerate() {
                address(one, &format!("{path}.{field}[{index}]"), findings);
            }
        }
        let ports = list(subset, &["ports"]);
        for (index, one) in ports.iter().enumerate() {
            port(
                one,
                ports.len() > 1,
                &format!("{path}.ports[{index}]"),
                findings,
            );
        }
    }
}

fn address(address: &Value, path: &str, findings: &mut Findings) {
    let text_of = text(address, &["ip"]);
    let field = format!("{path}.ip");
    if ip(text_of).is_none() {
        findings.invalid(field.clone(), text_of, NOT_AN_IP);
    }
    let host = text(address, &["hostname"]);
    if !host.is_empty() {
        findings.invalid_text(format!("{path}.hostname"), host, dns_label(host));
    }
    special_address(text_of, &field, findings);
}

/// Addresses that lead nowhere, or to the node itself (`ValidateEndpointIP`).
pub(super) fn special_address(address: &str, field: &str, findings: &mut Findings) {
    let Some(parsed) = ip(address) else {
        findings.invalid(field, address, "must be a valid IP address");
        return;
    };
    let (link_local, multicast) = match parsed {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (
            v6.is_unicast_link_local(),
            v6.segments()[0] & 0xff0f == 0xff02,
        ),
    };
    if parsed.is_unspecified() {
        findings.invalid(field, address, "may not be unspecified (0.0.0.0 or ::)");
    }
    if parsed.is_loopback() {
        let why = "may not be in the loopback range (127.0.0.0/8, ::1/128)";
        findings.invalid(field, address, why);
    }
    if link_local {
        let why = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        findings.invalid(field, address, why);
    }
    if multicast {
        let why = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        findings.invalid(field, address, why);
    }
}

fn port(port: &Value, name_required: bool, path: &str, findings: &mut Findings) {
    let name = text(port, &["name"]);
    if !name.is_empty() {
        findings.invalid_text(format!("{path}.name"), name, dns_label(name));
    } else if name_required {
        findings.required(format!("{path}.name"));
    }
    let number = number(port, &["port"]).unwrap_or_default();
    for why in port_number(number) {
        findings.invalid(format!("{path}.port"), number, why);
    }
    let protocol = text(port, &["protocol"]);
    findings.one_of(
        format!("{path}.protocol"),
        protocol,
        &["SCTP", "TCP", "UDP"],
    );
    if let Some(protocol) = at(port, &["appProtocol"]).as_str() {
        findings.invalid_text(format!("{path}.appProtocol"), protocol, label_key(protocol));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn with_address(address: &str) -> Value {
        json!({"subsets": [{"addresses": [{"ip": address}], "ports": [{"port": 80}]}]})
    }

    #[test]
    fn addresses_lead_somewhere() {
        let endpoints = ("", "endpoints");
        check(endpoints, with_address("192.0.2.1"), None, &[]);
        check(
            endpoints,
            with_address("bogus"),
            None,
            &[
                "subsets[0].addresses[0].ip: Invalid value: \"bogus\": must be a valid IP address, \
             (e.g. 10.9.8.7 or 2001:db8::ffff)",
                "subsets[0].addresses[0].ip: Invalid value: \"bogus\": must be a valid IP address",
            ],
        );
        check(
            endpoints,
            with_address("127.0.0.1"),
            None,
            &[
                "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback \
             range (127.0.0.0/8, ::1/128)",
            ],
        );
        check(
            endpoints,
            json!({"subsets": [{"ports": [{"port": 80}]}]}),
            None,
            &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
        );
        let mut two = with_address("192.0.2.1");
        two["subsets"][0]["ports"] = json!([{"port": 80}, {"port": 81}]);
        check(
            endpoints,
            two,
            None,
            &[
                "subsets[0].ports[0].name: Required value",
                "subsets[0].ports[1].name: Required value",
            ],
        );
    }
}
