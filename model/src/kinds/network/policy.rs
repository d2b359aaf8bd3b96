//! NetworkPolicies (`pkg/apis/networking/v1/defaults.go`, `validation/validation.go`).

use crate::kinds::{
    document::{at, fill, items, list, number, put, text},
    findings::Findings,
    formats::{cidr, port_name, port_number},
    labels::validate_selector,
};
use alloc::format;
use serde_json::{Value, json};

/// What `IsValidCIDR` says of what is none.
const NOT_A_CIDR: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

pub(super) fn default(spec: &mut Value) {
    for direction in ["ingress", "egress"] {
        for rule in items(spec, direction) {
            for port in items(rule, "ports") {
                fill(port, "protocol", "TCP");
            }
        }
    }
    if list(spec, &["policyTypes"]).is_empty() {
        let types = if list(spec, &["egress"]).is_empty() {
            json!(["Ingress"])
        } else {
            json!(["Ingress", "Egress"])
        };
        put(spec, "policyTypes", types);
    }
}

pub(super) fn validate(spec: &Value, findings: &mut Findings) {
    validate_selector(at(spec, &["podSelector"]), "spec.podSelector", findings);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (index, rule) in list(spec, &[direction]).iter().enumerate() {
            let path = format!("spec.{direction}[{index}]");
            for (index, one) in list(rule, &["ports"]).iter().enumerate() {
                port(one, &format!("{path}.ports[{index}]"), findings);
            }
            for (index, one) in list(rule, &[peers]).iter().enumerate() {
                peer(one, &format!("{path}.{peers}[{index}]"), findings);
            }
        }
    }
    let types = list(spec, &["policyTypes"]);
    if types.len() > 2 {
        let why = "may not specify more than two policyTypes";
        findings.invalid("spec.policyTypes", json!(types), why);
        return;
    }
    for (index, kind) in types.iter().enumerate() {
        let kind = kind.as_str().unwrap_or_default();
        let known = ["Ingress", "Egress"];
        if !known.contains(&kind) {
            findings.not_supported(format!("spec.policyTypes[{index}]"), kind, &known);
        }
    }
}

fn port(port: &Value, path: &str, findings: &mut Findings) {
    let protocol = text(port, &["protocol"]);
    let known = ["TCP", "UDP", "SCTP"];
    if !protocol.is_empty() && !known.contains(&protocol) {
        findings.not_supported(format!("{path}.protocol"), protocol, &known);
    }
    let (first, last) = (at(port, &["port"]), number(port, &["endPort"]));
    let end_field = format!("{path}.endPort");
    match (first.as_i64(), first.as_str()) {
        (Some(first), _) => {
            for why in port_number(first) {
                findings.invalid(format!("{path}.port"), first, why);
            }
            if let Some(last) = last {
                if last < first {
                    let why = "must be greater than or equal to `port`";
                    // Upstream shows the port and not the end port.
                    findings.invalid(end_field.clone(), first, why);
                }
                for why in port_number(last) {
                    findings.invalid(end_field.clone(), last, why);
                }
            }
        }
        (None, Some(name)) => {
            if let Some(last) = last {
                let why = "may not be specified when `port` is non-numeric";
                findings.invalid(end_field, last, why);
            }
            findings.invalid_text(format!("{path}.port"), name, port_name(name));
        }
        (None, None) => {
            if let Some(last) = last {
                let why = "may not be specified when `port` is not specified";
                findings.invalid(end_field, last, why);
            }
        }
    }
}

fn peer(peer: &Value, path: &str, findings: &mut Findings) {
    let mut count = 0;
    for field in ["podSelector", "namespaceSelector"] {
        let selector = at(peer, &[field]);
        if selector.is_object() {
            count += 1;
            validate_selector(selector, &format!("{path}.{field}"), findings);
        }
    }
    let block = at(peer, &["ipBlock"]);
    if block.is_object() {
        count += 1;
        ip_block(block, &format!("{path}.ipBlock"), findings);
    }
    if count == 0 {
        findings.required_because(path, "must specify a peer");
    } else if count > 1 && block.is_object() {
        findings.forbidden(path, "may not specify both ipBlock and another peer");
    }
}

fn ip_block(block: &Value, path: &str, findings: &mut Findings) {
    let whole = text(block, &["cidr"]);
    if whole.is_empty() {
        findings.required(format!("{path}.cidr"));
        return;
    }
    let Some(outer) = cidr(whole) else {
        findings.invalid(format!("{path}.cidr"), whole, NOT_A_CIDR);
        return;
    };
    for (index, except) in list(block, &["except"]).iter().enumerate() {
        let except = except.as_str().unwrap_or_default();
        let field = format!("{path}.except[{index}]");
        match cidr(except) {
            None => findings.invalid(field, except, NOT_A_CIDR),
            Some(inner) if !(outer.contains(&inner) && outer.prefix < inner.prefix) => {
                findings.invalid(field, except, "must be a strict subset of `cidr`");
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::default;
    use serde_json::{Value, json};

    #[test]
    fn policy_types_are_defaulted() {
        let mut policy =
            json!({"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}], "egress": [{}]});
        default(&mut policy);
        assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(policy["ingress"][0]["ports"][0]["protocol"], "TCP");
    }

    #[test]
    fn policies_are_validated() {
        let check = |change: Value, expected: &[&str]| {
            let mut policy = json!({"spec": {"podSelector": {}}});
            crate::kinds::document::merge(&mut policy["spec"], &change);
            check(
                ("networking.k8s.io", "networkpolicies"),
                policy,
                None,
                expected,
            );
        };
        let from = |peer: Value| json!({"ingress": [{"from": [peer]}]});
        check(
            from(json!({})),
            &["spec.ingress[0].from[0]: Required value: must specify a peer"],
        );
        check(
            from(json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}})),
            &["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"],
        );
        check(
            from(json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.168.0.0/16"]}})),
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"192.168.0.0/16\": must be \
             a strict subset of `cidr`",
            ],
        );
        check(
            json!({"ingress": [{"ports": [{"port": 80, "endPort": 70}]}]}),
            &[
                "spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to \
             `port`",
            ],
        );
        check(
            json!({"policyTypes": ["Sideways"]}),
            &[
                "spec.policyTypes[0]: Unsupported value: \"Sideways\": supported values: \"Ingress\", \
             \"Egress\"",
            ],
        );
        check(
            json!({"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            &[
                "spec.podSelector.matchExpressions[0].values: Required value: must be specified when \
             `operator` is 'In' or 'NotIn'",
            ],
        );
    }
}
