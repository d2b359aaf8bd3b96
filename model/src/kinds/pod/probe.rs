//! Probes and lifecycle hooks of containers (`validateProbe`, `validateHandler`).

use super::container::port_in_range;
use crate::kinds::{
    document::{at, number, text, texts},
    findings::Findings,
    formats::port_name,
};
use alloc::format;
use serde_json::Value;

pub(super) fn all(container: &Value, path: &str, findings: &mut Findings) {
    for kind in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = at(container, &[kind]);
        if !probe.is_object() {
            continue;
        }
        let path = format!("{path}.{kind}");
        handler(
            probe,
            &path,
            &["exec", "httpGet", "tcpSocket", "grpc"],
            findings,
        );
        let numbers = [
            "initialDelaySeconds",
            "timeoutSeconds",
            "periodSeconds",
            "successThreshold",
            "failureThreshold",
        ];
        for field in numbers {
            findings.not_negative(format!("{path}.{field}"), number(probe, &[field]));
        }
        let successes = number(probe, &["successThreshold"]).unwrap_or_default();
        if kind != "readinessProbe" && successes != 1 {
            findings.invalid(format!("{path}.successThreshold"), successes, "must be 1");
        }
    }
    for kind in ["postStart", "preStop"] {
        let hook = at(container, &["lifecycle", kind]);
        if hook.is_object() {
            let path = format!("{path}.lifecycle.{kind}");
            handler(
                hook,
                &path,
                &["exec", "httpGet", "tcpSocket", "sleep"],
                findings,
            );
        }
    }
}

/// Exactly one way to ask, and that in order (`validateHandler`).
fn handler(holder: &Value, path: &str, kinds: &[&str], findings: &mut Findings) {
    let mut given = 0;
    for kind in kinds {
        let action = at(holder, &[kind]);
        if action.is_null() {
            continue;
        }
        if given > 0 {
            let why = "may not specify more than 1 handler type";
            findings.forbidden(format!("{path}.{kind}"), why);
            continue;
        }
        given += 1;
        let path = format!("{path}.{kind}");
        match *kind {
            "exec" if texts(action, &["command"]).is_empty() => {
                findings.required(format!("{path}.command"));
            }
            "httpGet" | "tcpSocket" | "grpc" => action_port(action, kind, &path, findings),
            _ => {}
        }
    }
    if given == 0 {
        findings.required_because(path, "must specify a handler type");
    }
}

fn action_port(action: &Value, kind: &str, path: &str, findings: &mut Findings) {
    if kind == "httpGet" && text(action, &["path"]).is_empty() {
        findings.required(format!("{path}.path"));
    }
    let port = at(action, &["port"]);
    match port.as_str() {
        Some(name) if kind != "grpc" => {
            findings.invalid_text(format!("{path}.port"), name, port_name(name));
        }
        _ => port_in_range(
            port.as_i64().unwrap_or_default(),
            format!("{path}.port"),
            findings,
        ),
    }
    if kind == "httpGet" {
        let scheme = text(action, &["scheme"]);
        let schemes = ["HTTP", "HTTPS"];
        if !schemes.contains(&scheme) {
            findings.not_supported(format!("{path}.scheme"), scheme, &schemes);
        }
    }
}
