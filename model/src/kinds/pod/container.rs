//! Containers (`validateContainers`, `validateContainerCommon` and what they call).

use super::{
    probe, resources,
    validate::{Holder, container_names},
};
use crate::{
    kinds::{
        document::{at, list, number, text},
        findings::Findings,
        formats::{environment_name, port_name, port_number},
    },
    validation::name::dns_label,
};
use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use serde_json::Value;

/// The lists of containers in a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `containers`
    Main,
    /// `initContainers`
    Init,
    /// `ephemeralContainers`
    Ephemeral,
}

impl Place {
    pub(super) fn field(self) -> &'static str {
        match self {
            Place::Main => "containers",
            Place::Init => "initContainers",
            Place::Ephemeral => "ephemeralContainers",
        }
    }
}

/// All containers of a spec; `volumes` are the names of its volumes.
pub(super) fn all(
    spec: &Value,
    path: &str,
    holder: Holder,
    volumes: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    if list(spec, &["containers"]).is_empty() {
        findings.required(format!("{path}.containers"));
    }
    let mut taken: BTreeSet<Vec<u8>> = BTreeSet::new();
    for place in [Place::Main, Place::Init, Place::Ephemeral] {
        if place == Place::Init {
            // Init containers share their names with containers, whose own repetitions are
            // reported already.
            taken = container_names(spec, &[Place::Main]);
        }
        let mut host_ports = BTreeSet::new();
        for (index, container) in list(spec, &[place.field()]).iter().enumerate() {
            let path = format!("{path}.{}[{index}]", place.field());
            one(container, &path, holder, volumes, findings);
            let name = text(container, &["name"]);
            if !taken.insert(name.as_bytes().to_vec()) {
                findings.duplicate(format!("{path}.name"), name);
            }
            match place {
                Place::Ephemeral => ephemeral(container, &path, spec, findings),
                _ => probe::all(container, &path, findings),
            }
            if place == Place::Main {
                host_port_conflicts(container, &path, &mut host_ports, findings);
            }
        }
    }
}

fn one(
    container: &Value,
    path: &str,
    holder: Holder,
    volumes: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    let name = text(container, &["name"]);
    if name.is_empty() {
        findings.required(format!("{path}.name"));
    } else {
        findings.invalid_text(format!("{path}.name"), name, dns_label(name));
    }
    image(container, path, matches!(holder, Holder::Pod), findings);
    let policies = ["FallbackToLogsOnError", "File"];
    let policy = text(container, &["terminationMessagePolicy"]);
    findings.one_of(
        format!("{path}.terminationMessagePolicy"),
        policy,
        &policies,
    );
    ports(container, path, findings);
    environment(container, path, findings);
    mounts(container, path, volumes, findings);
    let policies = ["Always", "IfNotPresent", "Never"];
    let policy = text(container, &["imagePullPolicy"]);
    findings.one_of(format!("{path}.imagePullPolicy"), policy, &policies);
    resources::validate(container, path, findings);
}

/// An image is named, in pods without white space around it.
pub(super) fn image(container: &Value, path: &str, trimmed: bool, findings: &mut Findings) {
    let image = text(container, &["image"]);
    if image.is_empty() {
        findings.required(format!("{path}.image"));
    } else if trimmed && image.trim() != image {
        let why = "must not have leading or trailing whitespace";
        findings.invalid(format!("{path}.image"), image, why);
    }
}

fn ports(container: &Value, path: &str, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for (index, port) in list(container, &["ports"]).iter().enumerate() {
        let path = format!("{path}.ports[{index}]");
        let name = text(port, &["name"]);
        if !name.is_empty() {
            let wrong = port_name(name);
            if wrong.is_empty() && !names.insert(name) {
                findings.duplicate(format!("{path}.name"), name);
            }
            findings.invalid_text(format!("{path}.name"), name, wrong);
        }
        match number(port, &["containerPort"]).unwrap_or_default() {
            0 => findings.required(format!("{path}.containerPort")),
            number => port_in_range(number, format!("{path}.containerPort"), findings),
        }
        if let Some(number) = number(port, &["hostPort"]).filter(|number| *number != 0) {
            port_in_range(number, format!("{path}.hostPort"), findings);
        }
        let protocol = text(port, &["protocol"]);
        findings.one_of(
            format!("{path}.protocol"),
            protocol,
            &["SCTP", "TCP", "UDP"],
        );
    }
}

pub(super) fn port_in_range(number: i64, field: String, findings: &mut Findings) {
    for why in port_number(number) {
        findings.invalid(field.clone(), number, why);
    }
}

fn host_port_conflicts(
    container: &Value,
    path: &str,
    taken: &mut BTreeSet<String>,
    findings: &mut Findings,
) {
    for (index, port) in list(container, &["ports"]).iter().enumerate() {
        let number = number(port, &["hostPort"]).unwrap_or_default();
        let (protocol, address) = (text(port, &["protocol"]), text(port, &["hostIP"]));
        let key = format!("{protocol}/{address}/{number}");
        if number != 0 && !taken.insert(key.clone()) {
            findings.duplicate(format!("{path}.ports[{index}].hostPort"), key);
        }
    }
}

fn environment(container: &Value, path: &str, findings: &mut Findings) {
    for (index, variable) in list(container, &["env"]).iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        let name = text(variable, &["name"]);
        if name.is_empty() {
            findings.required(format!("{path}.name"));
        } else {
            findings.invalid_text(format!("{path}.name"), name, environment_name(name));
        }
        if at(variable, &["valueFrom"]).is_object() {
            source(variable, &format!("{path}.valueFrom"), findings);
        }
    }
    for (index, from) in list(container, &["envFrom"]).iter().enumerate() {
        let path = format!("{path}.envFrom[{index}]");
        let sources = ["configMapRef", "secretRef"];
        let given = sources
            .iter()
            .filter(|field| at(from, &[field]).is_object());
        match given.collect::<Vec<_>>().as_slice() {
            [] => {
                let why = "must specify one of: `configMapRef` or `secretRef`";
                findings.invalid(path, "", why);
            }
            [one] => {
                if text(from, &[one, "name"]).is_empty() {
                    findings.required(format!("{path}.{one}.name"));
                }
            }
            _ => {
                let why = "may not have more than one field specified at a time";
                findings.invalid(path, "", why);
            }
        }
    }
}

/// The fields of a pod that a variable can be taken from.
const DOWNWARD_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

fn source(variable: &Value, path: &str, findings: &mut Findings) {
    let from = at(variable, &["valueFrom"]);
    let mut sources = 0;
    if at(from, &["fieldRef"]).is_object() {
        sources += 1;
        field_reference(
            at(from, &["fieldRef"]),
            &format!("{path}.fieldRef"),
            findings,
        );
    }
    if at(from, &["resourceFieldRef"]).is_object() {
        sources += 1;
        if text(from, &["resourceFieldRef", "resource"]).is_empty() {
            findings.required(format!("{path}.resourceFieldRef.resource"));
        }
    }
    for field in ["configMapKeyRef", "secretKeyRef"] {
        if at(from, &[field]).is_object() {
            sources += 1;
            for part in ["name", "key"] {
                if text(from, &[field, part]).is_empty() {
                    findings.required(format!("{path}.{field}.{part}"));
                }
            }
        }
    }
    if at(from, &["fileKeyRef"]).is_object() {
        sources += 1;
    }
    if sources == 0 {
        let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or \
                   `secretKeyRef`";
        findings.invalid(path, "", why);
    } else if !text(variable, &["value"]).is_empty() {
        findings.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        findings.invalid(
            path,
            "",
            "may not have more than one field specified at a time",
        );
    }
}

fn field_reference(reference: &Value, path: &str, findings: &mut Findings) {
    let field = text(reference, &["fieldPath"]);
    if text(reference, &["apiVersion"]).is_empty() {
        findings.required(format!("{path}.apiVersion"));
        return;
    }
    if field.is_empty() {
        findings.required(format!("{path}.fieldPath"));
        return;
    }
    let subscripted = ["metadata.labels['", "metadata.annotations['"];
    let known = subscripted
        .iter()
        .any(|prefix| field.starts_with(prefix) && field.ends_with("']"))
        || DOWNWARD_FIELDS.contains(&field);
    if known {
        return;
    }
    let supported_elsewhere = [
        "metadata.labels",
        "metadata.annotations",
        "spec.restartPolicy",
    ];
    if supported_elsewhere.contains(&field) {
        findings.not_supported(format!("{path}.fieldPath"), field, &DOWNWARD_FIELDS);
    } else {
        let why = format!("error converting fieldPath: field label not supported: {field}");
        findings.invalid(format!("{path}.fieldPath"), field, why);
    }
}

fn mounts(container: &Value, path: &str, volumes: &BTreeSet<&str>, findings: &mut Findings) {
    let mut places = BTreeSet::new();
    for (index, mount) in list(container, &["volumeMounts"]).iter().enumerate() {
        let path = format!("{path}.volumeMounts[{index}]");
        let name = text(mount, &["name"]);
        if name.is_empty() {
            findings.required(format!("{path}.name"));
        }
        if !volumes.contains(name) {
            findings.not_found(format!("{path}.name"), name);
        }
        let place = text(mount, &["mountPath"]);
        if place.is_empty() {
            findings.required(format!("{path}.mountPath"));
        }
        if !places.insert(place) {
            findings.invalid(format!("{path}.mountPath"), place, "must be unique");
        }
        let (sub, expression) = (text(mount, &["subPath"]), text(mount, &["subPathExpr"]));
        descending(sub, format!("{path}.subPath"), findings);
        if !expression.is_empty() {
            if !sub.is_empty() {
                let why = "subPathExpr and subPath are mutually exclusive";
                findings.invalid(format!("{path}.subPathExpr"), expression, why);
            }
            descending(expression, format!("{path}.subPathExpr"), findings);
        }
    }
}

/// A path below another (`validateLocalDescendingPath`).
pub(super) fn descending(place: &str, field: String, findings: &mut Findings) {
    if place.starts_with('/') {
        findings.invalid(field.clone(), place, "must be a relative path");
    }
    if place.split('/').any(|part| part == "..") {
        findings.invalid(field, place, "must not contain '..'");
    }
}

/// What an ephemeral container may not have (`allowedEphemeralContainerFields`).
fn ephemeral(container: &Value, path: &str, spec: &Value, findings: &mut Findings) {
    let target = text(container, &["targetContainerName"]);
    let names = container_names(spec, &[Place::Main, Place::Init]);
    if !target.is_empty() && !names.contains(target.as_bytes()) {
        findings.not_found(format!("{path}.targetContainerName"), target);
    }
    let refused = [
        "ports",
        "resources",
        "resizePolicy",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
        "restartPolicy",
    ];
    for field in refused {
        if crate::kinds::document::is_set(at(container, &[field])) {
            let why = "cannot be set for an Ephemeral Container";
            findings.forbidden(format!("{path}.{field}"), why);
        }
    }
}
