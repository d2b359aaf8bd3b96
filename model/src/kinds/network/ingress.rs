//! Ingresses and IngressClasses (`pkg/apis/networking/validation/validation.go`).

use crate::{
    kinds::{
        document::{at, list, number, text, texts},
        findings::Findings,
        formats::{ip, port_name, port_number, wildcard_subdomain},
    },
    validation::name::{dns_label, dns_subdomain},
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::Value;

pub(super) fn validate(ingress: &Value, findings: &mut Findings) {
    let spec = at(ingress, &["spec"]);
    let rules = list(spec, &["rules"]);
    let backend = at(spec, &["defaultBackend"]);
    if rules.is_empty() && backend.is_null() {
        let why = "either `defaultBackend` or `rules` must be specified";
        findings.invalid("spec", Value::Null, why);
    }
    if !backend.is_null() {
        self::backend(backend, "spec.defaultBackend", findings);
    }
    for (index, one) in rules.iter().enumerate() {
        rule(one, &format!("spec.rules[{index}]"), findings);
    }
    for (index, one) in list(spec, &["tls"]).iter().enumerate() {
        for (host_index, host) in texts(one, &["hosts"]).into_iter().enumerate() {
            let field = format!("spec.tls[{index}].hosts[{host_index}]");
            findings.invalid_text(field, host, host_name(host));
        }
    }
    if let Some(class) = at(spec, &["ingressClassName"]).as_str() {
        findings.invalid_text("spec.ingressClassName", class, dns_subdomain(class));
    }
}

fn host_name(host: &str) -> Vec<String> {
    if host.contains('*') {
        wildcard_subdomain(host)
    } else {
        dns_subdomain(host)
    }
}

fn rule(rule: &Value, path: &str, findings: &mut Findings) {
    let host = text(rule, &["host"]);
    if !host.is_empty() {
        let field = format!("{path}.host");
        if ip(host).is_some() {
            findings.invalid(field, host, "must be a DNS name, not an IP address");
        } else {
            findings.invalid_text(field, host, host_name(host));
        }
    }
    if !at(rule, &["http"]).is_object() {
        return;
    }
    let paths = list(rule, &["http", "paths"]);
    if paths.is_empty() {
        findings.required(format!("{path}.http.paths"));
    }
    for (index, one) in paths.iter().enumerate() {
        http_path(one, &format!("{path}.http.paths[{index}]"), findings);
    }
}

fn http_path(http: &Value, path: &str, findings: &mut Findings) {
    let place = text(http, &["path"]);
    let field = format!("{path}.path");
    match text(http, &["pathType"]) {
        "" => {
            let why = "pathType must be specified";
            findings.required_because(format!("{path}.pathType"), why);
            return;
        }
        "Exact" | "Prefix" => {
            if !place.starts_with('/') {
                findings.invalid(field.clone(), place, "must be an absolute path");
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"] {
                if place.contains(part) {
                    findings.invalid(field.clone(), place, format!("must not contain '{part}'"));
                }
            }
            for end in ["/..", "/."] {
                if place.ends_with(end) {
                    findings.invalid(field.clone(), place, format!("cannot end with '{end}'"));
                }
            }
        }
        "ImplementationSpecific" => {
            if !place.is_empty() && !place.starts_with('/') {
                findings.invalid(field, place, "must be an absolute path");
            }
        }
        other => {
            let known = ["Exact", "ImplementationSpecific", "Prefix"];
            findings.not_supported(format!("{path}.pathType"), other, &known);
        }
    }
    backend(at(http, &["backend"]), &format!("{path}.backend"), findings);
}

fn backend(backend: &Value, path: &str, findings: &mut Findings) {
    let (service, resource) = (at(backend, &["service"]), at(backend, &["resource"]));
    match (service.is_object(), resource.is_object()) {
        (true, true) => findings.invalid(path, "", "cannot set both resource and service backends"),
        (false, false) => {
            findings.required_because(path, "resource or service backend is required")
        }
        (false, true) => {
            for field in ["kind", "name"] {
                if text(resource, &[field]).is_empty() {
                    findings.required(format!("{path}.resource.{field}"));
                }
            }
        }
        (true, false) => service_backend(service, path, findings),
    }
}

fn service_backend(service: &Value, path: &str, findings: &mut Findings) {
    let name = text(service, &["name"]);
    if name.is_empty() {
        findings.required(format!("{path}.service.name"));
    } else {
        findings.invalid_text(format!("{path}.service.name"), name, dns_label(name));
    }
    let port = text(service, &["port", "name"]);
    let number = number(service, &["port", "number"]).unwrap_or_default();
    match (port.is_empty(), number) {
        (false, 0) => {
            findings.invalid_text(format!("{path}.service.port.name"), port, port_name(port));
        }
        (false, _) => findings.invalid(path, "", "cannot set both port name & port number"),
        (true, 0) => findings.required_because(path, "port name or number is required"),
        (true, number) => {
            for why in port_number(number) {
                findings.invalid(format!("{path}.service.port.number"), number, why);
            }
        }
    }
}

/// The longest name of a controller, in bytes.
const CONTROLLER_BYTES: usize = 250;

pub(super) fn validate_class(class: &Value, old: Option<&Value>, findings: &mut Findings) {
    const FIELD: &str = "spec.controller";
    let controller = text(class, &["spec", "controller"]);
    if controller.len() > CONTROLLER_BYTES {
        findings.push(crate::status::FieldError::too_long(FIELD, CONTROLLER_BYTES));
    }
    match controller.split_once('/') {
        _ if controller.is_empty() => findings.required(FIELD),
        Some((domain, path)) if !domain.is_empty() && !path.is_empty() => {
            findings.invalid_text(FIELD, domain, dns_subdomain(domain));
        }
        _ => {
            let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
            findings.invalid(FIELD, controller, why);
        }
    }
    let parameters = at(class, &["spec", "parameters"]);
    if parameters.is_object() {
        parameters_of(parameters, findings);
    }
    if let Some(old) = old {
        let path = ["spec", "controller"];
        findings.immutable(FIELD, at(class, &path), at(old, &path));
    }
}

fn parameters_of(parameters: &Value, findings: &mut Findings) {
    let path = "spec.parameters";
    let mut missing: BTreeSet<&str> = BTreeSet::new();
    for field in ["kind", "name"] {
        if text(parameters, &[field]).is_empty() {
            missing.insert(field);
        }
    }
    for field in missing {
        findings.required(format!("{path}.{field}"));
    }
    let namespace = text(parameters, &["namespace"]);
    match text(parameters, &["scope"]) {
        "Cluster" if !namespace.is_empty() => {
            let why = "`parameters.scope` is set to 'Cluster'";
            findings.forbidden(format!("{path}.namespace"), why);
        }
        "Namespace" if namespace.is_empty() => {
            let why = "`parameters.scope` is set to 'Namespace'";
            findings.required_because(format!("{path}.namespace"), why);
        }
        "Cluster" | "Namespace" => {}
        other => {
            let known = ["Cluster", "Namespace"];
            findings.not_supported(format!("{path}.scope"), other, &known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use serde_json::{Value, json};

    fn with_path(host: &str, path: Value) -> Value {
        json!({"spec": {"rules": [{"host": host, "http": {"paths": [path]}}]}})
    }

    #[test]
    fn ingresses_are_validated() {
        let check = |ingress: Value, expected: &[&str]| {
            check(("networking.k8s.io", "ingresses"), ingress, None, expected);
        };
        let backend = json!({"service": {"name": "s", "port": {"number": 80}}});
        let path = |path: &str| json!({"path": path, "pathType": "Prefix", "backend": backend});
        check(with_path("example.com", path("/")), &[]);
        check(
            json!({"spec": {}}),
            &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
        );
        check(
            with_path("", json!({"path": "/", "backend": backend})),
            &["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"],
        );
        check(
            with_path("", path("x")),
            &["spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path"],
        );
        check(
            with_path("10.0.0.1", path("/")),
            &[
                "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address",
            ],
        );
        check(
            with_path("*.*.com", path("/")),
            &[
                "spec.rules[0].host: Invalid value: \"*.*.com\": a wildcard DNS-1123 subdomain must \
             start with '*.', followed by a valid DNS subdomain, which must consist of lower case \
             alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. \
             '*.example.com', regex used for validation is \
             '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        );
        check(
            json!({"spec": {"defaultBackend": {"service": {"name": "s"}}}}),
            &["spec.defaultBackend: Required value: port name or number is required"],
        );
    }

    #[test]
    fn a_class_keeps_its_controller() {
        let class = |controller: &str| json!({"spec": {"controller": controller}});
        let name = ("networking.k8s.io", "ingressclasses");
        check(
            name,
            class("nodomain"),
            None,
            &[
                "spec.controller: Invalid value: \"nodomain\": must be a domain-prefixed path (such as \
             \"acme.io/foo\")",
            ],
        );
        check(
            name,
            class("example.com/d"),
            Some(class("example.com/c")),
            &["spec.controller: Invalid value: \"example.com/d\": field is immutable"],
        );
    }
}
