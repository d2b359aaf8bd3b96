//! Volumes of pods (`ValidateVolumes`, `validateVolumeSource`).

use crate::{
    kinds::{
        document::{at, list, members, number, text},
        findings::Findings,
    },
    validation::name::dns_label,
};
use alloc::{collections::BTreeSet, format};
use serde_json::Value;

/// Checks the volumes of a spec; their names, for the mounts.
pub(super) fn all<'a>(spec: &'a Value, path: &str, findings: &mut Findings) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (index, volume) in list(spec, &["volumes"]).iter().enumerate() {
        let path = format!("{path}.volumes[{index}]");
        source(volume, &path, findings);
        let name = text(volume, &["name"]);
        if name.is_empty() {
            findings.required(format!("{path}.name"));
        } else {
            let wrong = dns_label(name);
            if wrong.is_empty() && names.contains(name) {
                findings.duplicate(format!("{path}.name"), name);
            }
            findings.invalid_text(format!("{path}.name"), name, wrong);
            names.insert(name);
        }
    }
    names
}

fn source(volume: &Value, path: &str, findings: &mut Findings) {
    let mut given = 0;
    for (kind, source) in members(volume, &[]) {
        if kind == "name" || source.is_null() {
            continue;
        }
        given += 1;
        if given > 1 {
            let why = "may not specify more than 1 volume type";
            findings.forbidden(format!("{path}.{kind}"), why);
            continue;
        }
        one(kind, source, &format!("{path}.{kind}"), findings);
    }
    if given == 0 {
        findings.required_because(path, "must specify a volume type");
    }
}

/// What each kind of source must have; the rest is free.
fn one(kind: &str, source: &Value, path: &str, findings: &mut Findings) {
    let required: &[&str] = match kind {
        "hostPath" => &["path"],
        "secret" => &["secretName"],
        "configMap" => &["name"],
        "persistentVolumeClaim" => &["claimName"],
        "nfs" => &["server", "path"],
        "csi" => &["driver"],
        "iscsi" => &["targetPortal", "iqn"],
        "image" => &["reference"],
        "ephemeral" => {
            if !at(source, &["volumeClaimTemplate"]).is_object() {
                findings.required(format!("{path}.volumeClaimTemplate"));
            }
            &[]
        }
        _ => &[],
    };
    for field in required {
        if text(source, &[field]).is_empty() {
            findings.required(format!("{path}.{field}"));
        }
    }
    if let Some(mode) = number(source, &["defaultMode"]) {
        file_mode(mode, &format!("{path}.defaultMode"), findings);
    }
    if matches!(kind, "secret" | "configMap") {
        for (index, item) in list(source, &["items"]).iter().enumerate() {
            key_to_path(item, &format!("{path}.items[{index}]"), findings);
        }
    }
}

fn key_to_path(item: &Value, path: &str, findings: &mut Findings) {
    if text(item, &["key"]).is_empty() {
        findings.required(format!("{path}.key"));
    }
    let place = text(item, &["path"]);
    if place.is_empty() {
        findings.required(format!("{path}.path"));
    }
    super::container::descending(place, format!("{path}.path"), findings);
    if let Some(mode) = number(item, &["mode"]) {
        file_mode(mode, &format!("{path}.mode"), findings);
    }
}

fn file_mode(mode: i64, field: &str, findings: &mut Findings) {
    if !(0..=0o777).contains(&mode) {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        findings.invalid(field, mode, why);
    }
}
