//! `ValidateService`, `ValidateServiceUpdate` (`pkg/apis/core/validation/validation.go`).

use super::{is_headless, kind};
use crate::{
    kinds::{
        document::{at, list, members, number, same, text, texts},
        formats::{NOT_AN_IP, ip, port_name, port_number},
    },
    status::FieldError,
    validation::name::{dns_label, dns_subdomain, label_key, label_value},
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::{Value, json};

pub(in crate::kinds) fn validate(service: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let ports = list(service, &["spec", "ports"]);
    if ports.is_empty() && !is_headless(service) && kind(service) != "ExternalName" {
        errors.push(FieldError::required("spec.ports", ""));
    }
    by_type(service, &mut errors);
    let mut names = BTreeSet::new();
    for (index, one) in ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        port(one, ports.len() > 1, &mut names, &field, &mut errors);
    }
    selector(service, &mut errors);
    affinity(service, &mut errors);
    errors.extend(address_errors(service));
    let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of(service, "type", &types, true, &mut errors);
    if kind(service) == "ClusterIP" {
        for (index, port) in ports.iter().enumerate() {
            if number(port, &["nodePort"]).unwrap_or_default() != 0 {
                let field = format!("spec.ports[{index}].nodePort");
                let why = "may not be used when `type` is 'ClusterIP'";
                errors.push(FieldError::forbidden(field, why));
            }
        }
    }
    duplicates(ports, &mut errors);
    policies(service, &mut errors);
    errors
}

fn by_type(service: &Value, errors: &mut Vec<FieldError>) {
    let spec = at(service, &["spec"]);
    match kind(service) {
        "ExternalName" => {
            for field in ["clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                let value = at(spec, &[field]);
                if !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()) {
                    let field = format!("spec.{field}");
                    let why = "may not be set for ExternalName services";
                    errors.push(FieldError::forbidden(field, why));
                }
            }
            let name = at(spec, &["externalName"]);
            let text = name.as_str().unwrap_or_default();
            let domain = text.strip_suffix('.').unwrap_or(text);
            if domain.is_empty() {
                errors.push(FieldError::required("spec.externalName", ""));
            } else {
                invalid(
                    "spec.externalName",
                    &json!(domain),
                    dns_subdomain(domain),
                    errors,
                );
            }
        }
        kind @ ("NodePort" | "LoadBalancer") => {
            if kind == "LoadBalancer" {
                for (index, port) in list(spec, &["ports"]).iter().enumerate() {
                    if number(port, &["port"]) == Some(10_250) {
                        let field = format!("spec.ports[{index}]");
                        let why =
                            "may not expose port 10250 externally since it is used by kubelet";
                        errors.push(FieldError::invalid(field, &json!(10_250), why));
                    }
                }
            }
            if is_headless(service) {
                let why = format!("may not be set to 'None' for {kind} services");
                errors.push(FieldError::invalid(
                    "spec.clusterIPs[0]",
                    &json!("None"),
                    why,
                ));
            }
        }
        _ => {}
    }
}

fn port<'a>(
    port: &'a Value,
    name_required: bool,
    names: &mut BTreeSet<&'a str>,
    field: &str,
    errors: &mut Vec<FieldError>,
) {
    let name = text(port, &["name"]);
    if name.is_empty() {
        if name_required {
            errors.push(FieldError::required(format!("{field}.name"), ""));
        }
    } else {
        invalid(
            &format!("{field}.name"),
            &json!(name),
            dns_label(name),
            errors,
        );
        if !names.insert(name) {
            errors.push(FieldError::duplicate(format!("{field}.name"), &json!(name)));
        }
    }
    let exposed = number(port, &["port"]).unwrap_or_default();
    invalid(
        &format!("{field}.port"),
        &json!(exposed),
        port_number(exposed),
        errors,
    );
    let protocol = text(port, &["protocol"]);
    let supported = ["SCTP", "TCP", "UDP"];
    if protocol.is_empty() {
        errors.push(FieldError::required(format!("{field}.protocol"), ""));
    } else if !supported.contains(&protocol) {
        let field = format!("{field}.protocol");
        errors.push(FieldError::not_supported(
            field,
            &json!(protocol),
            &supported,
        ));
    }
    let target = at(port, &["targetPort"]);
    let wrong = match target.as_str() {
        Some(name) => port_name(name),
        None => port_number(target.as_i64().unwrap_or_default()),
    };
    let target = if target.is_null() {
        json!(0)
    } else {
        target.clone()
    };
    invalid(&format!("{field}.targetPort"), &target, wrong, errors);
    let application = at(port, &["appProtocol"]);
    if let Some(name) = application.as_str() {
        invalid(
            &format!("{field}.appProtocol"),
            application,
            label_key(name),
            errors,
        );
    }
}

fn selector(service: &Value, errors: &mut Vec<FieldError>) {
    for (key, value) in members(service, &["spec", "selector"]) {
        let value = value.as_str().unwrap_or_default();
        invalid("spec.selector", &json!(key), label_key(key), errors);
        invalid("spec.selector", &json!(value), label_value(value), errors);
    }
}

fn affinity(service: &Value, errors: &mut Vec<FieldError>) {
    one_of(
        service,
        "sessionAffinity",
        &["ClientIP", "None"],
        true,
        errors,
    );
    let path = [
        "spec",
        "sessionAffinityConfig",
        "clientIP",
        "timeoutSeconds",
    ];
    if text(service, &["spec", "sessionAffinity"]) == "ClientIP" {
        let seconds = number(service, &path).unwrap_or_default();
        if !(1..=86_400).contains(&seconds) {
            let why = "must be greater than 0 and less than 86400";
            errors.push(FieldError::invalid(path.join("."), &json!(seconds), why));
        }
    }
}

/// A field of the spec that has only some values.
fn one_of(
    service: &Value,
    field: &str,
    supported: &[&str],
    required: bool,
    errors: &mut Vec<FieldError>,
) {
    let value = text(service, &["spec", field]);
    let field = format!("spec.{field}");
    if value.is_empty() {
        if required {
            errors.push(FieldError::required(field, ""));
        }
    } else if !supported.contains(&value) {
        errors.push(FieldError::not_supported(field, &json!(value), supported));
    }
}

fn duplicates(ports: &[Value], errors: &mut Vec<FieldError>) {
    let mut node_ports = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let node_port = number(port, &["nodePort"]).unwrap_or_default();
        if node_port != 0 && !node_ports.insert((text(port, &["protocol"]), node_port)) {
            let field = format!("spec.ports[{index}].nodePort");
            errors.push(FieldError::duplicate(field, &json!(node_port)));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, port) in ports.iter().enumerate() {
        let (protocol, number) = (text(port, &["protocol"]), number(port, &["port"]));
        if !seen.insert((protocol, number)) {
            // The internal type as Go writes it: no field has a JSON name.
            let mut error = FieldError::duplicate(format!("spec.ports[{index}]"), &json!(null));
            error.value = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\
                 \"TargetPort\":0,\"NodePort\":0}}",
                json!(protocol),
                number.unwrap_or_default()
            );
            errors.push(error);
        }
    }
}

fn policies(service: &Value, errors: &mut Vec<FieldError>) {
    let supported = ["Cluster", "Local"];
    one_of(
        service,
        "internalTrafficPolicy",
        &supported,
        kind(service) != "ExternalName",
        errors,
    );
    if super::is_external(service) {
        one_of(service, "externalTrafficPolicy", &supported, true, errors);
    } else if !text(service, &["spec", "externalTrafficPolicy"]).is_empty() {
        let value = at(service, &["spec", "externalTrafficPolicy"]);
        let why = "may only be set for externally-accessible services";
        errors.push(FieldError::invalid(
            "spec.externalTrafficPolicy",
            value,
            why,
        ));
    }
    let health = number(service, &["spec", "healthCheckNodePort"]).unwrap_or_default();
    if health != 0 && !super::needs_health_check_port(service) {
        let why =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errors.push(FieldError::invalid(
            "spec.healthCheckNodePort",
            &json!(health),
            why,
        ));
    }
}

/// `ValidateServiceClusterIPsRelatedFields`.
pub(super) fn address_errors(service: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if kind(service) == "ExternalName" {
        return errors;
    }
    let spec = at(service, &["spec"]);
    let single = text(spec, &["clusterIP"]);
    let addresses = at(spec, &["clusterIPs"]);
    match (single, texts(addresses, &[]).first()) {
        ("", None) => {}
        ("", Some(_)) => {
            let why = "must be empty when `clusterIP` is not specified";
            errors.push(FieldError::invalid("spec.clusterIPs", addresses, why));
        }
        (_, None) => errors.push(FieldError::required("spec.clusterIPs", "")),
        (single, Some(first)) if single != *first => {
            let why = "first value must match `clusterIP`";
            errors.push(FieldError::invalid("spec.clusterIPs", addresses, why));
        }
        _ => {}
    }
    families(spec, &mut errors);
    let mut wrong = false;
    let all = texts(addresses, &[]);
    for (index, address) in all.iter().enumerate() {
        if index == 0 && *address == "None" {
            if all.len() > 1 {
                wrong = true;
                let why = "'None' must be the first and only value";
                errors.push(FieldError::invalid("spec.clusterIPs", addresses, why));
            }
        } else if ip(address).is_none() {
            wrong = true;
            let field = format!("spec.clusterIPs[{index}]");
            errors.push(FieldError::invalid(field, &json!(address), NOT_AN_IP));
        }
    }
    if all.len() > 2 {
        let why = "may only hold up to 2 values";
        errors.push(FieldError::invalid("spec.clusterIPs", addresses, why));
    }
    if wrong {
        return errors;
    }
    let parsed: Vec<_> = all.iter().filter_map(|address| ip(address)).collect();
    if parsed.len() > 1 && parsed.iter().all(core::net::IpAddr::is_ipv4) {
        let why = "may specify no more than one IP for each IP family";
        errors.push(FieldError::invalid("spec.clusterIPs", addresses, why));
    }
    for (index, (address, family)) in parsed.iter().zip(texts(spec, &["ipFamilies"])).enumerate() {
        if (family == "IPv4") != address.is_ipv4() {
            let field = format!("spec.clusterIPs[{index}]");
            let why = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.push(FieldError::invalid(field, &json!(all[index]), why));
        }
    }
    errors
}

fn families(spec: &Value, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, family) in texts(spec, &["ipFamilies"]).into_iter().enumerate() {
        let field = format!("spec.ipFamilies[{index}]");
        if !matches!(family, "IPv4" | "IPv6") {
            let supported = ["IPv4", "IPv6"];
            errors.push(FieldError::not_supported(
                field.clone(),
                &json!(family),
                &supported,
            ));
        }
        if !seen.insert(family) {
            errors.push(FieldError::duplicate(field, &json!(family)));
        }
    }
    let policy = at(spec, &["ipFamilyPolicy"]);
    let supported = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    if policy
        .as_str()
        .is_some_and(|policy| !supported.contains(&policy))
    {
        errors.push(FieldError::not_supported(
            "spec.ipFamilyPolicy",
            policy,
            &supported,
        ));
    }
}

/// The primary address and family stay while the Service has addresses
/// (`ValidateServiceUpdate`, `validateUpgradeDowngradeClusterIPs`).
pub(in crate::kinds) fn validate_update(
    subresource: Option<&str>,
    new: &Value,
    old: &Value,
) -> Vec<FieldError> {
    if subresource == Some("status") {
        return Vec::new();
    }
    let mut errors = Vec::new();
    if kind(new) != "ExternalName" && kind(old) != "ExternalName" {
        for field in ["clusterIPs", "ipFamilies"] {
            let (now, before) = (at(new, &["spec", field]), at(old, &["spec", field]));
            let pairs = list(now, &[]).iter().zip(list(before, &[]));
            for (index, (now_one, before_one)) in pairs.enumerate() {
                if !same(now_one, before_one) {
                    let field = format!("spec.{field}[{index}]");
                    let why = "may not change once set";
                    errors.push(FieldError::invalid(field, now, why));
                }
            }
        }
    }
    errors.extend(validate(new));
    errors
}

fn invalid(field: &str, value: &Value, wrong: Vec<String>, errors: &mut Vec<FieldError>) {
    errors.extend(
        wrong
            .into_iter()
            .map(|why| FieldError::invalid(field, value, why)),
    );
}

#[cfg(test)]
mod tests {
    use super::{validate, validate_update};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(mut service: Value, expected: &[&str]) {
        super::super::default(&mut service);
        let texts: Vec<_> = validate(&service).iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn ports_are_in_range_and_named() {
        check(
            json!({"spec": {"ports": [{"port": 0}]}}),
            &[
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        );
        check(json!({"spec": {}}), &["spec.ports: Required value"]);
        check(
            json!({"spec": {"ports": [{"port": 1}, {"port": 2, "name": "a"}]}}),
            &["spec.ports[0].name: Required value"],
        );
        check(
            json!({"spec": {"ports": [{"port": 1, "nodePort": 30_000}]}}),
            &["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        );
    }

    #[test]
    fn external_names_are_names_and_have_no_address() {
        check(
            json!({"spec": {"type": "ExternalName"}}),
            &["spec.externalName: Required value"],
        );
        check(
            json!({"spec": {"type": "ExternalName", "externalName": "a.b", "clusterIPs": ["x"]}}),
            &["spec.clusterIPs: Forbidden: may not be set for ExternalName services"],
        );
    }

    #[test]
    fn an_address_stays() {
        let service = |address: &str| {
            let mut service = json!({"spec": {"ports": [{"port": 1}], "clusterIP": address, "clusterIPs": [address]}});
            super::super::default(&mut service);
            service
        };
        let errors = validate_update(None, &service("None"), &service("10.0.0.1"));
        assert_eq!(
            errors[0].to_string(),
            "spec.clusterIPs[0]: Invalid value: [\"None\"]: may not change once set"
        );
        assert_eq!(errors.len(), 1);
    }
}
