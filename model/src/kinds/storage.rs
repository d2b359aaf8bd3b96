//! Volumes and their claims, storage classes, CSI drivers.
//!
//! Origin: `pkg/apis/{core,storage}/{v1/defaults.go,validation/validation.go}`.

use super::{
    document::{at, copy, fill, list, member, members, object, put, same, text, texts},
    findings::Findings,
    pod::{default::plugin, difference::unified},
    quantity::{Quantity, quantity},
};
use crate::{resource::Resource, status::FieldError, validation::name::dns_subdomain};
use alloc::{format, vec::Vec};
use core::cmp::Ordering;
use serde_json::{Value, json};

pub(super) fn default(resource: &Resource, document: &mut Value) {
    match resource.plural.as_str() {
        "persistentvolumes" => {
            fill(object(document, "status"), "phase", "Pending");
            let spec = object(document, "spec");
            fill(spec, "persistentVolumeReclaimPolicy", "Retain");
            fill(spec, "volumeMode", "Filesystem");
            if let Some(path) = super::document::existing(spec, "hostPath")
                && at(path, &["type"]).is_null()
            {
                put(path, "type", json!(""));
            }
            plugin(spec);
        }
        "persistentvolumeclaims" => {
            fill(object(document, "status"), "phase", "Pending");
            fill(object(document, "spec"), "volumeMode", "Filesystem");
        }
        "storageclasses" => {
            fill(document, "reclaimPolicy", "Delete");
            fill(document, "volumeBindingMode", "Immediate");
        }
        "csidrivers" => csi_driver(object(document, "spec")),
        _ => {}
    }
}

fn csi_driver(spec: &mut Value) {
    for (field, default) in [
        ("attachRequired", json!(true)),
        ("podInfoOnMount", json!(false)),
        ("storageCapacity", json!(false)),
        ("fsGroupPolicy", json!("ReadWriteOnceWithFSType")),
        ("requiresRepublish", json!(false)),
        ("seLinuxMount", json!(false)),
    ] {
        fill(spec, field, default);
    }
    if list(spec, &["volumeLifecycleModes"]).is_empty() {
        put(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }
}

pub(super) fn validate(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut findings = Findings::default();
    match resource.plural.as_str() {
        "persistentvolumes" => {
            volume(at(new, &["spec"]), &mut findings);
            if let Some(old) = old {
                volume_update(new, old, &mut findings);
            }
        }
        "persistentvolumeclaims" => {
            claim(at(new, &["spec"]), &mut findings);
            if let Some(old) = old {
                claim_update(new, old, &mut findings);
            }
        }
        "storageclasses" => class(new, old, &mut findings),
        _ => {}
    }
    findings.finish()
}

const ACCESS_MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// The sources of a PersistentVolume in the order of the Go type: the first counts, the others
/// are too many.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "flocker",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// `ValidatePersistentVolumeSpec`.
fn volume(spec: &Value, findings: &mut Findings) {
    if list(spec, &["accessModes"]).is_empty() {
        findings.required("spec.accessModes");
    }
    modes(spec, findings);
    let capacity = at(spec, &["capacity"]);
    let names: Vec<&str> = members(capacity, &[]).map(|(name, _)| name).collect();
    if names.is_empty() {
        findings.required("spec.capacity");
    }
    if names != ["storage"] {
        let shown = if capacity.is_null() {
            json!({})
        } else {
            capacity.clone()
        };
        findings.not_supported("spec.capacity", shown, &["storage"]);
    }
    for (name, amount) in members(capacity, &[]) {
        positive(amount, &format!("spec.capacity[{name}]"), findings);
    }
    let policies = ["Delete", "Recycle", "Retain"];
    let policy = text(spec, &["persistentVolumeReclaimPolicy"]);
    if !policy.is_empty() && !policies.contains(&policy) {
        findings.not_supported("spec.persistentVolumeReclaimPolicy", policy, &policies);
    }
    let mut given = 0;
    for source in SOURCES
        .iter()
        .filter(|source| !at(spec, &[source]).is_null())
    {
        if given > 0 {
            let why = "may not specify more than 1 volume type";
            findings.forbidden(format!("spec.{source}"), why);
        } else if *source == "hostPath" && text(spec, &["hostPath", "path"]).is_empty() {
            findings.required("spec.hostPath.path");
        }
        given += 1;
    }
    if given == 0 {
        findings.required_because("spec", "must specify a volume type");
    }
    if policy == "Recycle" && text(spec, &["hostPath", "path"]) == "/" {
        let why = "may not be 'recycle' for a hostPath mount of '/'";
        findings.forbidden("spec.persistentVolumeReclaimPolicy", why);
    }
    class_name_and_mode(spec, findings);
}

fn modes(spec: &Value, findings: &mut Findings) {
    for mode in texts(spec, &["accessModes"]) {
        if !ACCESS_MODES.contains(&mode) {
            findings.not_supported("spec.accessModes", mode, &ACCESS_MODES);
        }
    }
    let modes = texts(spec, &["accessModes"]);
    if modes.len() > 1 && modes.contains(&"ReadWriteOncePod") {
        let why = "may not use ReadWriteOncePod with other access modes";
        findings.forbidden("spec.accessModes", why);
    }
}

fn positive(amount: &Value, field: &str, findings: &mut Findings) {
    let sign = Quantity::parse(amount).map(Quantity::sign);
    if sign.is_some_and(|sign| sign != Ordering::Greater) {
        findings.invalid(field, amount.clone(), "must be greater than zero");
    }
}

fn class_name_and_mode(spec: &Value, findings: &mut Findings) {
    let class = text(spec, &["storageClassName"]);
    if !class.is_empty() {
        findings.invalid_text("spec.storageClassName", class, dns_subdomain(class));
    }
    let modes = ["Block", "Filesystem"];
    let mode = text(spec, &["volumeMode"]);
    if !mode.is_empty() && !modes.contains(&mode) {
        findings.not_supported("spec.volumeMode", mode, &modes);
    }
}

fn volume_update(new: &Value, old: &Value, findings: &mut Findings) {
    let source = |volume: &Value| {
        let mut sources = json!({});
        for source in SOURCES {
            copy(at(volume, &["spec"]), &mut sources, source);
        }
        sources
    };
    let (now, before) = (source(new), source(old));
    if !same(&now, &before) {
        let difference = unified(&now, &before);
        let why = format!("spec.persistentvolumesource is immutable after creation\n{difference}");
        findings.forbidden("spec.persistentvolumesource", why);
    }
    let mode = ["spec", "volumeMode"];
    findings.immutable("spec.volumeMode", at(new, &mode), at(old, &mode));
}

/// `ValidatePersistentVolumeClaimSpec`.
fn claim(spec: &Value, findings: &mut Findings) {
    if list(spec, &["accessModes"]).is_empty() {
        findings.required_because("spec.accessModes", "at least 1 access mode is required");
    }
    let selector = at(spec, &["selector"]);
    if !selector.is_null() {
        super::labels::validate_selector(selector, "spec.selector", findings);
    }
    modes(spec, findings);
    let amount = at(spec, &["resources", "requests", "storage"]);
    if amount.is_null() {
        findings.required("spec.resources[storage]");
    } else {
        positive(amount, "spec.resources[storage]", findings);
    }
    class_name_and_mode(spec, findings);
}

/// A claim stays what it is, but a bound one may ask for more
/// (`ValidatePersistentVolumeClaimUpdate`).
fn claim_update(new: &Value, old: &Value, findings: &mut Findings) {
    let mut now = at(new, &["spec"]).clone();
    let mut before = at(old, &["spec"]).clone();
    if text(&before, &["volumeName"]).is_empty() {
        copy(&now.clone(), &mut before, "volumeName");
    }
    copy(&before, &mut now, "volumeAttributesClassName");
    let storage = ["resources", "requests", "storage"];
    let (wanted, had) = (quantity(&now, &storage), quantity(&before, &storage));
    if text(new, &["status", "phase"]) == "Bound" && at(&now, &storage[..2]).is_object() {
        let size = at(&before, &storage).clone();
        let requests = object(object(&mut now, "resources"), "requests");
        *member(requests, "storage") = size;
    }
    if !same(&now, &before) {
        let difference = unified(&now, &before);
        let why = format!(
            "spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims\n{difference}"
        );
        findings.forbidden("spec", why);
    }
    let has = quantity(old, &["status", "capacity", "storage"]);
    if wanted < had && wanted <= has {
        let why = "field can not be less than status.capacity";
        findings.forbidden("spec.resources.requests.storage", why);
    }
    let mode = ["spec", "volumeMode"];
    findings.immutable("spec.volumeMode", at(new, &mode), at(old, &mode));
}

/// `ValidateStorageClass`, `ValidateStorageClassUpdate`.
fn class(new: &Value, old: Option<&Value>, findings: &mut Findings) {
    let provisioner = text(new, &["provisioner"]);
    if provisioner.is_empty() {
        findings.required("provisioner");
    }
    let policies = ["Delete", "Retain"];
    let policy = text(new, &["reclaimPolicy"]);
    if !policy.is_empty() && !policies.contains(&policy) {
        findings.not_supported("reclaimPolicy", policy, &policies);
    }
    let modes = ["Immediate", "WaitForFirstConsumer"];
    findings.one_of(
        "volumeBindingMode",
        text(new, &["volumeBindingMode"]),
        &modes,
    );
    let Some(old) = old else { return };
    for field in ["parameters", "provisioner", "reclaimPolicy"] {
        if !same(at(new, &[field]), at(old, &[field])) {
            findings.forbidden(field, format!("updates to {field} are forbidden."));
        }
    }
    let mode = ["volumeBindingMode"];
    findings.immutable("volumeBindingMode", at(new, &mode), at(old, &mode));
}

#[cfg(test)]
mod tests {
    use super::{default, validate};
    use crate::{kinds::document::merge, resource::Resources};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    /// Only the first line of each text counts: a difference may follow.
    fn check(name: (&str, &str), base: &Value, change: &Value, update: bool, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources.find(name.0, "v1", name.1).unwrap();
        let (mut old, mut new) = (base.clone(), base.clone());
        merge(&mut new, change);
        default(resource, &mut old);
        default(resource, &mut new);
        let errors = validate(resource, &new, update.then_some(&old));
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let lines: Vec<_> = texts
            .iter()
            .filter_map(|text| text.lines().next())
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn volumes_have_one_source_that_stays() {
        let volume = json!({"spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": "/x"},
        }});
        let check = |change: Value, update: bool, expected: &[&str]| {
            check(
                ("", "persistentvolumes"),
                &volume,
                &change,
                update,
                expected,
            );
        };
        check(json!({}), false, &[]);
        check(
            json!({"spec": {"hostPath": null}}),
            false,
            &["spec: Required value: must specify a volume type"],
        );
        check(
            json!({"spec": {"nfs": {"server": "s", "path": "/p"}}}),
            false,
            &["spec.nfs: Forbidden: may not specify more than 1 volume type"],
        );
        check(
            json!({"spec": {"accessModes": []}}),
            false,
            &["spec.accessModes: Required value"],
        );
        check(
            json!({"spec": {"capacity": {"storage": null}}}),
            false,
            &[
                "spec.capacity: Required value",
                "spec.capacity: Unsupported value: {}: supported values: \"storage\"",
            ],
        );
        check(
            json!({"spec": {"persistentVolumeReclaimPolicy": "Burn"}}),
            false,
            &[
                "spec.persistentVolumeReclaimPolicy: Unsupported value: \"Burn\": supported values: \
             \"Delete\", \"Recycle\", \"Retain\"",
            ],
        );
        check(
            json!({"spec": {"hostPath": {"path": "/y"}}}),
            true,
            &[
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after \
             creation",
            ],
        );
        check(
            json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"}}),
            true,
            &[],
        );
    }

    #[test]
    fn bound_claims_can_grow() {
        let bound = json!({
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
        });
        let claims = ("", "persistentvolumeclaims");
        let size = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
        check(claims, &bound, &size("3Gi"), true, &[]);
        check(
            claims,
            &bound,
            &size("500Mi"),
            true,
            &[
                "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
            ],
        );
        let mut pending = bound.clone();
        pending["status"] = json!({"phase": "Pending"});
        check(
            claims,
            &pending,
            &size("3Gi"),
            true,
            &[
                "spec: Forbidden: spec is immutable after creation except resources.requests and \
             volumeAttributesClassName for bound claims",
            ],
        );
    }

    #[test]
    fn classes_stay_what_they_are() {
        let class = json!({"provisioner": "example.com/p"});
        check(
            ("storage.k8s.io", "storageclasses"),
            &class,
            &json!({"reclaimPolicy": "Retain"}),
            true,
            &["reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden."],
        );
    }
}
