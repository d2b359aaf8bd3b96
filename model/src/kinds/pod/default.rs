//! The defaults of pods and pod templates (`pkg/apis/core/v1/defaults.go`, `conversion.go`).

use crate::kinds::document::{
    at, existing, fill, fill_number, flag, items, member, members, object, put, text,
};
use alloc::{string::String, vec::Vec};
use serde_json::{Value, json};

/// A pod: the defaults of its spec, and those that templates don't get.
pub(in crate::kinds) fn pod(pod: &mut Value) {
    let spec = object(pod, "spec");
    pod_spec(spec);
    for field in ["containers", "initContainers"] {
        for container in items(spec, field) {
            request_the_limits(container);
        }
    }
    let links = member(spec, "enableServiceLinks");
    if links.is_null() {
        *links = json!(true);
    }
    if flag(spec, &["hostNetwork"]) {
        for field in ["containers", "initContainers"] {
            for port in items(spec, field)
                .iter_mut()
                .flat_map(|one| items(one, "ports"))
            {
                let number = at(port, &["containerPort"]).as_i64().unwrap_or_default();
                fill_number(port, "hostPort", number);
            }
        }
    }
}

/// What is limited and not requested is requested as the limit says.
fn request_the_limits(container: &mut Value) {
    let limits: Vec<_> = members(container, &["resources", "limits"])
        .map(|(name, amount)| (String::from(name), amount.clone()))
        .collect();
    if limits.is_empty() {
        return;
    }
    let requests = object(object(container, "resources"), "requests");
    for (name, amount) in limits {
        let request = member(requests, &name);
        if request.is_null() {
            *request = amount;
        }
    }
}

/// A pod's spec, in a pod or in a template.
pub(in crate::kinds) fn pod_spec(spec: &mut Value) {
    fill(spec, "dnsPolicy", "ClusterFirst");
    fill(spec, "restartPolicy", "Always");
    fill(spec, "schedulerName", "default-scheduler");
    object(spec, "securityContext");
    let grace = member(spec, "terminationGracePeriodSeconds");
    if grace.is_null() {
        *grace = json!(30);
    }
    same_service_account(spec);
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        for one in items(spec, field) {
            container(one);
        }
    }
    for one in items(spec, "volumes") {
        volume(one);
    }
}

/// `serviceAccount` is the older name of `serviceAccountName`.
fn same_service_account(spec: &mut Value) {
    let name = match text(spec, &["serviceAccountName"]) {
        "" => text(spec, &["serviceAccount"]),
        name => name,
    };
    let name = if name.is_empty() {
        Value::Null
    } else {
        json!(name)
    };
    put(spec, "serviceAccount", name.clone());
    put(spec, "serviceAccountName", name);
}

fn container(container: &mut Value) {
    let policy = pull_policy(text(container, &["image"]));
    fill(container, "imagePullPolicy", policy);
    fill(container, "terminationMessagePath", "/dev/termination-log");
    fill(container, "terminationMessagePolicy", "File");
    object(container, "resources");
    for port in items(container, "ports") {
        fill(port, "protocol", "TCP");
    }
    for variable in items(container, "env") {
        if let Some(from) = existing(variable, "valueFrom") {
            field_reference(from);
        }
    }
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(check) = existing(container, field) {
            probe(check);
        }
    }
    if let Some(lifecycle) = existing(container, "lifecycle") {
        for field in ["postStart", "preStop"] {
            if let Some(handler) = existing(lifecycle, field) {
                http_get(handler);
            }
        }
    }
}

fn field_reference(holder: &mut Value) {
    if let Some(reference) = existing(holder, "fieldRef") {
        fill(reference, "apiVersion", "v1");
    }
}

fn probe(probe: &mut Value) {
    fill_number(probe, "timeoutSeconds", 1);
    fill_number(probe, "periodSeconds", 10);
    fill_number(probe, "successThreshold", 1);
    fill_number(probe, "failureThreshold", 3);
    http_get(probe);
    if let Some(grpc) = existing(probe, "grpc") {
        fill(grpc, "service", "");
    }
}

fn http_get(handler: &mut Value) {
    if let Some(action) = existing(handler, "httpGet") {
        fill(action, "path", "/");
        fill(action, "scheme", "HTTP");
    }
}

/// `Always` for what is tagged `latest` or not at all, unless a digest pins it.
fn pull_policy(image: &str) -> &'static str {
    let (name, pinned) = match image.split_once('@') {
        Some((name, _)) => (name, true),
        None => (image, false),
    };
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, "latest")) => "Always",
        None if !pinned && !image.is_empty() => "Always",
        _ => "IfNotPresent",
    }
}

/// The sources of a volume: every member but its name.
fn volume(volume: &mut Value) {
    let sourced = members(volume, &[]).any(|(field, value)| field != "name" && !value.is_null());
    if !sourced {
        put(volume, "emptyDir", json!({}));
        return;
    }
    for field in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = existing(volume, field) {
            if at(source, &["defaultMode"]).is_null() {
                put(source, "defaultMode", json!(0o644));
            }
            for item in items(source, "items") {
                field_reference(item);
            }
            for projection in items(source, "sources") {
                projected(projection);
            }
        }
    }
    if let Some(source) = existing(volume, "hostPath")
        && at(source, &["type"]).is_null()
    {
        put(source, "type", json!(""));
    }
    if let Some(image) = existing(volume, "image") {
        let policy = pull_policy(text(image, &["reference"]));
        fill(image, "pullPolicy", policy);
    }
    if let Some(claim) = existing(volume, "ephemeral")
        && let Some(template) = existing(claim, "volumeClaimTemplate")
    {
        fill(object(template, "spec"), "volumeMode", "Filesystem");
    }
    plugin(volume);
}

fn projected(projection: &mut Value) {
    if let Some(token) = existing(projection, "serviceAccountToken")
        && at(token, &["expirationSeconds"]).is_null()
    {
        put(token, "expirationSeconds", json!(3600));
    }
    if let Some(downward) = existing(projection, "downwardAPI") {
        for item in items(downward, "items") {
            field_reference(item);
        }
    }
}

/// The in-tree volume plugins with defaults; they are the same in PersistentVolumes.
pub(in crate::kinds) fn plugin(source: &mut Value) {
    const DEFAULTS: [(&str, &[(&str, &str)]); 4] = [
        ("iscsi", &[("iscsiInterface", "default")]),
        (
            "rbd",
            &[
                ("pool", "rbd"),
                ("user", "admin"),
                ("keyring", "/etc/ceph/keyring"),
            ],
        ),
        (
            "azureDisk",
            &[
                ("cachingMode", "ReadWrite"),
                ("fsType", "ext4"),
                ("kind", "Shared"),
            ],
        ),
        (
            "scaleIO",
            &[("storageMode", "ThinProvisioned"), ("fsType", "xfs")],
        ),
    ];
    for (plugin, fields) in DEFAULTS {
        if let Some(settings) = existing(source, plugin) {
            for (field, default) in fields {
                fill(settings, field, *default);
            }
            if plugin == "azureDisk" && at(settings, &["readOnly"]).is_null() {
                put(settings, "readOnly", json!(false));
            }
        }
    }
}

/// A template: its spec. The labels and the rest of metadata have no defaults.
pub(in crate::kinds) fn template(template: &mut Value) {
    object(template, "metadata");
    pod_spec(object(template, "spec"));
}

#[cfg(test)]
mod tests {
    use super::{pod, pull_policy};
    use serde_json::json;

    #[test]
    fn a_minimal_pod_gets_its_defaults() {
        let mut minimal = json!({"spec": {"containers": [{"name": "c", "image": "img:1"}]}});
        pod(&mut minimal);
        assert_eq!(
            minimal["spec"],
            json!({
                "containers": [{
                    "name": "c", "image": "img:1", "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent",
                }],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                "dnsPolicy": "ClusterFirst", "securityContext": {},
                "schedulerName": "default-scheduler", "enableServiceLinks": true,
            })
        );
        let before = minimal.clone();
        pod(&mut minimal);
        assert_eq!(minimal, before, "defaulting is idempotent");
    }

    #[test]
    fn what_is_nested_gets_its_defaults() {
        let mut nested = json!({"spec": {
            "hostNetwork": true, "enableServiceLinks": false, "serviceAccount": "a",
            "containers": [{
                "name": "c", "image": "img:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "livenessProbe": {"httpGet": {"port": 80}}, "startupProbe": {"grpc": {"port": 9}},
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1m"}},
            }],
            "volumes": [
                {"name": "e"}, {"name": "h", "hostPath": {"path": "/x"}},
                {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            ],
        }});
        pod(&mut nested);
        let container = &nested["spec"]["containers"][0];
        assert_eq!(
            container["ports"],
            json!([
                {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}
            ])
        );
        assert_eq!(
            container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"],
            "v1"
        );
        assert_eq!(
            container["livenessProbe"],
            json!({
                "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1,
                "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
            })
        );
        assert_eq!(
            container["startupProbe"]["grpc"],
            json!({"port": 9, "service": ""})
        );
        assert_eq!(
            container["resources"]["requests"],
            json!({"cpu": "1m", "memory": "1Gi"})
        );
        assert_eq!(nested["spec"]["serviceAccountName"], "a");
        assert_eq!(
            nested["spec"]["volumes"],
            json!([
                {"name": "e", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/x", "type": ""}},
                {"name": "p", "projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}
                ]}},
            ])
        );
    }

    #[test]
    fn only_what_can_change_is_always_pulled() {
        for (image, policy) in [
            ("a", "Always"),
            ("a:latest", "Always"),
            ("r:5000/a", "Always"),
            ("r:5000/a:1", "IfNotPresent"),
            ("a@sha256:0", "IfNotPresent"),
            ("a:latest@sha256:0", "Always"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
