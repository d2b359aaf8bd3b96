//! Volumes, claims, storage classes and CSI.

use super::{age, cells::Printer, cells::name_and_creation, read, text};
use crate::ambient::Time;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

pub(super) fn printer(plural: &str) -> Option<Printer> {
    Some(match plural {
        "csidrivers" => driver,
        "csinodes" => csi_node,
        "csistoragecapacities" => name_and_creation,
        "storageclasses" => storage_class,
        "volumeattachments" => attachment,
        "volumeattributesclasses" => attributes_class,
        _ => return None,
    })
}

/// Name, capacity, access modes, reclaim policy, status, claim, classes, reason, age; wide: mode.
pub(super) fn volume(object: &Value, now: Time) -> Vec<Value> {
    let claim = match read::present(object, "/spec/claimRef") {
        None => String::new(),
        Some(claim) => format!(
            "{}/{}",
            read::string(claim, "/namespace"),
            read::string(claim, "/name")
        ),
    };
    [
        read::name(object),
        text(quantity(read::present(object, "/spec/capacity/storage"))),
        text(access_modes(object, "/spec/accessModes")),
        text(read::string(object, "/spec/persistentVolumeReclaimPolicy")),
        text(phase(object)),
        text(claim),
        text(class(object)),
        text(read::present_or(
            object,
            "/spec/volumeAttributesClassName",
            "<unset>",
        )),
        text(read::string(object, "/status/reason")),
        age::age(object, now),
        text(read::present_or(object, "/spec/volumeMode", "<unset>")),
    ]
    .into()
}

/// Name, status, volume, its capacity and access modes once it is bound, classes, age; wide: mode.
pub(super) fn claim(object: &Value, now: Time) -> Vec<Value> {
    let volume = read::string(object, "/spec/volumeName");
    let (capacity, modes) = if volume.is_empty() {
        (String::new(), String::new())
    } else {
        (
            quantity(read::present(object, "/status/capacity/storage")),
            access_modes(object, "/status/accessModes"),
        )
    };
    [
        read::name(object),
        text(phase(object)),
        text(volume),
        text(capacity),
        text(modes),
        text(class(object)),
        text(read::present_or(
            object,
            "/spec/volumeAttributesClassName",
            "<unset>",
        )),
        age::age(object, now),
        text(read::present_or(object, "/spec/volumeMode", "<unset>")),
    ]
    .into()
}

fn phase(object: &Value) -> &str {
    if read::terminating(object) {
        "Terminating"
    } else {
        read::string(object, "/status/phase")
    }
}

/// The class; the annotation of the time before there was a field goes first.
fn class(object: &Value) -> &str {
    read::present_or(
        object,
        "/metadata/annotations/volume.beta.kubernetes.io~1storage-class",
        read::string(object, "/spec/storageClassName"),
    )
}

/// Each mode once, in a fixed order, in letters.
fn access_modes(object: &Value, pointer: &str) -> String {
    let modes = read::list(object, pointer);
    let letters: Vec<&str> = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ]
    .into_iter()
    .filter(|(mode, _)| modes.iter().any(|one| one == mode))
    .map(|(_, letters)| letters)
    .collect();
    letters.join(",")
}

/// A quantity as stored, which is its canonical form; Go's zero quantity when there is none.
fn quantity(value: Option<&Value>) -> String {
    match value {
        None => "0".into(),
        Some(Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
    }
}

fn storage_class(object: &Value, now: Time) -> Vec<Value> {
    let default = [
        "/metadata/annotations/storageclass.kubernetes.io~1is-default-class",
        "/metadata/annotations/storageclass.beta.kubernetes.io~1is-default-class",
    ];
    [
        name_if_default(object, &default),
        text(read::string(object, "/provisioner")),
        text(read::present_or(object, "/reclaimPolicy", "Delete")),
        text(read::present_or(object, "/volumeBindingMode", "Immediate")),
        read::boolean(object, "/allowVolumeExpansion", false).into(),
        age::age(object, now),
    ]
    .into()
}

fn attributes_class(object: &Value, now: Time) -> Vec<Value> {
    let default =
        ["/metadata/annotations/volumeattributesclass.alpha.kubernetes.io~1is-default-class"];
    [
        name_if_default(object, &default),
        text(read::string(object, "/driverName")),
        age::age(object, now),
    ]
    .into()
}

fn name_if_default(object: &Value, annotations: &[&str]) -> Value {
    let name = read::string(object, "/metadata/name");
    let mut values = annotations.iter().map(|one| read::string(object, one));
    if values.any(|value| value == "true") {
        text(format!("{name} (default)"))
    } else {
        text(name)
    }
}

fn driver(object: &Value, now: Time) -> Vec<Value> {
    let flag = |pointer, otherwise| Value::from(read::boolean(object, pointer, otherwise));
    let audiences = match read::present(object, "/spec/tokenRequests") {
        None => "<unset>".into(),
        Some(_) => {
            let audiences: Vec<&str> = read::list(object, "/spec/tokenRequests")
                .iter()
                .map(|request| read::string(request, "/audience"))
                .collect();
            audiences.join(",")
        }
    };
    let modes = match read::joined(object, "/spec/volumeLifecycleModes", ",") {
        none if none.is_empty() => "<none>".to_string(),
        modes => modes,
    };
    [
        read::name(object),
        flag("/spec/attachRequired", true),
        flag("/spec/podInfoOnMount", false),
        flag("/spec/storageCapacity", false),
        text(audiences),
        flag("/spec/requiresRepublish", false),
        text(modes),
        age::age(object, now),
    ]
    .into()
}

fn csi_node(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        read::list(object, "/spec/drivers").len().into(),
        age::age(object, now),
    ]
    .into()
}

fn attachment(object: &Value, now: Time) -> Vec<Value> {
    [
        read::name(object),
        text(read::string(object, "/spec/attacher")),
        text(read::string(object, "/spec/source/persistentVolumeName")),
        text(read::string(object, "/spec/nodeName")),
        read::boolean(object, "/status/attached", false).into(),
        age::age(object, now),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    fn object(mut rest: serde_json::Value) -> serde_json::Value {
        rest["metadata"]["name"] = json!("n");
        rest["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        rest
    }

    #[test]
    fn volumes_and_claims() {
        check(
            "",
            "persistentvolumes",
            object(
                json!({"spec": {"capacity": {"storage": "1Gi"}, "volumeMode": "Block",
                "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteMany"],
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "s",
                "claimRef": {"namespace": "d", "name": "c"}}, "status": {"phase": "Bound"}}),
            ),
            json!([
                "n", "1Gi", "RWO,RWX", "Retain", "Bound", "d/c", "s", "<unset>", "", "10m", "Block"
            ]),
        );
        check(
            "",
            "persistentvolumes",
            object(
                json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {"volume.beta.kubernetes.io/storage-class": "old"}},
                "spec": {"storageClassName": "s", "volumeAttributesClassName": "v"}}),
            ),
            json!([
                "n",
                "0",
                "",
                "",
                "Terminating",
                "",
                "old",
                "v",
                "",
                "10m",
                "<unset>"
            ]),
        );
        check(
            "",
            "persistentvolumeclaims",
            object(
                json!({"spec": {"resources": {"requests": {"storage": "1Gi"}},
                "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}}),
            ),
            json!(["n", "Pending", "", "", "", "", "<unset>", "10m", "<unset>"]),
        );
        check(
            "",
            "persistentvolumeclaims",
            object(json!({"spec": {"volumeName": "v", "storageClassName": "s",
                "volumeMode": "Filesystem"}, "status": {"phase": "Bound",
                "capacity": {"storage": "2Gi"},
                "accessModes": ["ReadWriteOncePod", "ReadOnlyMany"]}})),
            json!([
                "n",
                "Bound",
                "v",
                "2Gi",
                "ROX,RWOP",
                "s",
                "<unset>",
                "10m",
                "Filesystem"
            ]),
        );
    }

    #[test]
    fn classes_say_which_is_the_default() {
        check(
            "storage.k8s.io",
            "storageclasses",
            object(json!({"provisioner": "p", "metadata": {"annotations":
                {"storageclass.kubernetes.io/is-default-class": "true"}}})),
            json!(["n (default)", "p", "Delete", "Immediate", false, "10m"]),
        );
        check(
            "storage.k8s.io",
            "storageclasses",
            object(json!({"provisioner": "p", "reclaimPolicy": "Retain",
                "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": true})),
            json!(["n", "p", "Retain", "WaitForFirstConsumer", true, "10m"]),
        );
        check(
            "storage.k8s.io",
            "volumeattributesclasses",
            object(json!({"driverName": "d"})),
            json!(["n", "d", "10m"]),
        );
    }

    #[test]
    fn csi() {
        check(
            "storage.k8s.io",
            "csidrivers",
            object(json!({"spec": {}})),
            json!(["n", true, false, false, "<unset>", false, "<none>", "10m"]),
        );
        check(
            "storage.k8s.io",
            "csidrivers",
            object(
                json!({"spec": {"attachRequired": false, "podInfoOnMount": true,
                "storageCapacity": true, "requiresRepublish": true,
                "tokenRequests": [{"audience": "a"}, {"audience": "b"}],
                "volumeLifecycleModes": ["Persistent", "Ephemeral"]}}),
            ),
            json!([
                "n",
                false,
                true,
                true,
                "a,b",
                true,
                "Persistent,Ephemeral",
                "10m"
            ]),
        );
        check(
            "storage.k8s.io",
            "csinodes",
            object(json!({"spec": {"drivers": [{}, {}]}})),
            json!(["n", 2, "10m"]),
        );
        check(
            "storage.k8s.io",
            "csistoragecapacities",
            object(json!({})),
            json!(["n", "2026-01-01T00:00:00Z"]),
        );
        check(
            "storage.k8s.io",
            "volumeattachments",
            object(json!({"spec": {"attacher": "a", "nodeName": "m",
                "source": {"persistentVolumeName": "v"}}, "status": {"attached": true}})),
            json!(["n", "a", "v", "m", true, "10m"]),
        );
    }
}
