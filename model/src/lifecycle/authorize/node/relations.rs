//! What a pod, and the volumes behind its claims, refer to (`graph_populator.go`).

use crate::{
    kinds::document::{at, list, text},
    object::Object,
};
use alloc::{collections::BTreeSet, format, string::String};
use serde_json::Value;

/// The names, in the pod's own namespace, of what a pod refers to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct References {
    pub(super) secrets: BTreeSet<String>,
    pub(super) config_maps: BTreeSet<String>,
    pub(super) claims: BTreeSet<String>,
    pub(super) resource_claims: BTreeSet<String>,
    pub(super) service_account: String,
}

/// What the pod refers to. A mirror pod stands for what the node has read from a file: it gives
/// the node no access to anything.
pub(super) fn references(pod: &Object) -> References {
    let pod = pod.json();
    let mirrored = at(
        &pod,
        &["metadata", "annotations", "kubernetes.io/config.mirror"],
    );
    if mirrored.is_string() {
        return References::default();
    }
    let mut found = References {
        service_account: text(&pod, &["spec", "serviceAccountName"]).into(),
        ..References::default()
    };
    let spec = &pod["spec"];
    for secret in list(spec, &["imagePullSecrets"]) {
        put(&mut found.secrets, text(secret, &["name"]));
    }
    for member in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(spec, &[member]) {
            found.container(container);
        }
    }
    for volume in list(spec, &["volumes"]) {
        found.volume(volume, text(&pod, &["metadata", "name"]));
    }
    for claim in list(spec, &["resourceClaims"]) {
        put(
            &mut found.resource_claims,
            text(claim, &["resourceClaimName"]),
        );
    }
    for claim in list(&pod, &["status", "resourceClaimStatuses"]) {
        put(
            &mut found.resource_claims,
            text(claim, &["resourceClaimName"]),
        );
    }
    found
}

/// The namespace and name of the claim that a volume is bound to.
pub(super) fn claim_of(volume: &Object) -> Option<(String, String)> {
    let volume = volume.json();
    let claim = volume["spec"].get("claimRef")?;
    let word = |member: &str| String::from(text(claim, &[member]));
    Some((word("namespace"), word("name")))
}

/// Whether a volume names the secret (`VisitPVSecretNames`): in every kind of volume that needs
/// one, the reference's member is named so.
pub(super) fn volume_names_secret(volume: &Object, namespace: &str, name: &str) -> bool {
    let volume = volume.json();
    let sources = volume["spec"].as_object().into_iter().flatten();
    let home = text(&volume, &["spec", "claimRef", "namespace"]);
    sources
        .filter_map(|(_, source)| source.as_object())
        .any(|source| {
            let by_reference = source.iter().any(|(member, reference)| {
                let of = text(reference, &["namespace"]);
                member.to_ascii_lowercase().ends_with("secretref")
                    && text(reference, &["name"]) == name
                    && (of == namespace || of.is_empty() && home == namespace)
            });
            let word = |member: &str| source.get(member).and_then(Value::as_str);
            by_reference
                || word("secretName") == Some(name)
                    && word("secretNamespace").unwrap_or(home) == namespace
        })
}

impl References {
    fn container(&mut self, container: &Value) {
        for variable in list(container, &["env"]) {
            let from = &variable["valueFrom"];
            put(&mut self.secrets, text(from, &["secretKeyRef", "name"]));
            put(
                &mut self.config_maps,
                text(from, &["configMapKeyRef", "name"]),
            );
        }
        for source in list(container, &["envFrom"]) {
            put(&mut self.secrets, text(source, &["secretRef", "name"]));
            put(
                &mut self.config_maps,
                text(source, &["configMapRef", "name"]),
            );
        }
    }

    fn volume(&mut self, volume: &Value, pod: &str) {
        put(&mut self.secrets, text(volume, &["secret", "secretName"]));
        put(&mut self.config_maps, text(volume, &["configMap", "name"]));
        let claim = text(volume, &["persistentVolumeClaim", "claimName"]);
        put(&mut self.claims, claim);
        if volume.get("ephemeral").is_some() {
            let claim = format!("{pod}-{}", text(volume, &["name"]));
            put(&mut self.claims, &claim);
        }
        for source in list(volume, &["projected", "sources"]) {
            put(&mut self.secrets, text(source, &["secret", "name"]));
            put(&mut self.config_maps, text(source, &["configMap", "name"]));
        }
        put(
            &mut self.secrets,
            text(volume, &["azureFile", "secretName"]),
        );
        for kind in [
            "cephfs",
            "cinder",
            "flexVolume",
            "iscsi",
            "rbd",
            "scaleIO",
            "storageos",
        ] {
            put(
                &mut self.secrets,
                text(volume, &[kind, "secretRef", "name"]),
            );
        }
        let driver = text(volume, &["csi", "nodePublishSecretRef", "name"]);
        put(&mut self.secrets, driver);
    }
}

fn put(names: &mut BTreeSet<String>, name: &str) {
    if !name.is_empty() {
        names.insert(name.into());
    }
}
