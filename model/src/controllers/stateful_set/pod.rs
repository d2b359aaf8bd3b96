//! The pod of an ordinal, and its claims.

use super::{
    super::{
        Call, EventType, Name, apis,
        workload::{Revision, pod_from},
    },
    look::Look,
};
use crate::kinds::document::{at, list, member, members, object, put, text};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

pub(super) const REVISION: &str = "controller-revision-hash";

/// The ordinal of the pod of that name, if it is one of the set's.
pub(super) fn ordinal(set: &str, pod: &str) -> Option<i64> {
    let (parent, ordinal) = pod.rsplit_once('-')?;
    let plain = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    (parent == set && plain)
        .then(|| ordinal.parse().ok())
        .flatten()
}

impl Look<'_> {
    /// Makes the pod of an ordinal, from the template that it is to have at this time, and the
    /// claims that it needs (`newVersionedStatefulSetPod`, `CreateStatefulPod`).
    pub(super) fn create(&mut self, ordinal: i64) {
        let revision = if self.rolling && ordinal < self.start + self.partition {
            self.current.clone()
        } else {
            self.update.clone()
        };
        let pod = self.pod(ordinal, &revision);
        let name = text(&pod, &["metadata", "name"]).to_string();
        self.create_claims(ordinal, &name);
        let namespace = &self.owner.object.meta().namespace;
        self.steps.send(Call::create(&apis::PODS, namespace, &pod));
        let message = format!(
            "create Pod {name} in StatefulSet {} successful",
            self.name()
        );
        self.steps
            .event(EventType::Normal, "SuccessfulCreate", &message);
    }

    fn pod(&self, ordinal: i64, revision: &Revision) -> Value {
        let ambient = (self.steps.ambient, 0);
        let mut pod = pod_from(&revision.template, (self.owner, ""), ambient);
        let name = format!("{}-{ordinal}", self.name());
        let metadata = object(&mut pod, "metadata");
        put(metadata, "generateName", Value::Null);
        put(metadata, "name", json!(name));
        let labels = object(metadata, "labels");
        for (label, value) in [
            ("statefulset.kubernetes.io/pod-name", name.clone()),
            ("apps.kubernetes.io/pod-index", ordinal.to_string()),
            (REVISION, revision.name.clone()),
        ] {
            put(labels, label, json!(value));
        }
        let service = at(&self.set, &["spec", "serviceName"]).clone();
        let spec = object(&mut pod, "spec");
        put(spec, "hostname", json!(name));
        put(spec, "subdomain", service);
        self.put_volumes(spec, ordinal);
        pod
    }

    /// The claims take the place of volumes of the same name.
    fn put_volumes(&self, spec: &mut Value, ordinal: i64) {
        let templates = list(&self.set, &["spec", "volumeClaimTemplates"]);
        if templates.is_empty() {
            return;
        }
        let name = |one: &Value| text(one, &["metadata", "name"]).to_string();
        let names: Vec<String> = templates.iter().map(name).collect();
        let mut volumes = list(spec, &["volumes"]).to_vec();
        volumes.retain(|volume| !names.iter().any(|name| text(volume, &["name"]) == name));
        volumes.extend(names.iter().map(|name| {
            let claim = self.claim_name(name, ordinal);
            json!({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        }));
        put(spec, "volumes", json!(volumes));
    }

    fn claim_name(&self, template: &str, ordinal: i64) -> String {
        format!("{template}-{}-{ordinal}", self.name())
    }

    fn create_claims(&mut self, ordinal: i64, pod: &str) {
        let namespace = self.owner.object.meta().namespace.clone();
        for template in list(&self.set, &["spec", "volumeClaimTemplates"]).to_vec() {
            let name = self.claim_name(text(&template, &["metadata", "name"]), ordinal);
            let full = Name::new(&namespace, &name);
            let api = apis::PERSISTENT_VOLUME_CLAIMS;
            if self.view.get(&api, &full).is_some() {
                continue;
            }
            let mut claim = template;
            put(&mut claim, "status", Value::Null);
            let metadata = object(&mut claim, "metadata");
            put(metadata, "name", json!(name));
            put(metadata, "namespace", json!(namespace));
            let labels = object(metadata, "labels");
            for (label, value) in members(&self.set, &["spec", "selector", "matchLabels"]) {
                *member(labels, label) = value.clone();
            }
            self.steps.send(Call::create(&api, &namespace, &claim));
            let set = self.name();
            let message = format!("create Claim {name} Pod {pod} in StatefulSet {set} success");
            self.steps
                .event(EventType::Normal, "SuccessfulCreate", &message);
        }
    }
}
