//! The ReplicaSet that has the Deployment's template: found or made, and its revision.
//!
//! Origin: `getNewReplicaSet` in `pkg/controller/deployment/sync.go`.

use super::{
    super::{
        Name, apis,
        workload::{annotation, condition, cut, hash, put_count},
    },
    rollout::Rollout,
    set::{DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY, Set},
    status::{FOUND_NEW_REPLICA_SET, NEW_REPLICA_SET_CREATED, PROGRESSING},
};
use crate::kinds::document::{at, member, number, object, put, strings, text};
use alloc::{format, string::String, string::ToString, vec::Vec};
use serde_json::{Value, json};

/// The longest name of an object (`DNS1123SubdomainMaxLength`).
const LONGEST_NAME: usize = 253;
/// Annotations of a Deployment that its ReplicaSets don't get.
const OWN_ANNOTATIONS: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.revision",
];

impl Rollout<'_> {
    /// Brings the new ReplicaSet's annotations and the Deployment's revision up to date, if there
    /// is one.
    pub(super) fn sync_revision(&mut self) {
        let Some(new) = self.new else { return };
        let revision = self.next_revision();
        let annotations = self.shared_annotations();
        let seconds = number(&self.deployment, &["spec", "minReadySeconds"]).unwrap_or_default();
        let set = &mut self.sets[new];
        for (name, value) in annotations {
            set.annotate(&name, &value);
        }
        set.renew_revision(revision);
        set.set_spec("minReadySeconds", seconds);
        let (name, revision) = (String::from(set.name()), set.revision());
        self.put_revision(revision);
        let status = at(&self.deployment, &["status"]);
        if self.limits.deadline.is_some() && condition(status, PROGRESSING).is_null() {
            let message = format!("Found new replica set \"{name}\"");
            self.put_progress(("True", FOUND_NEW_REPLICA_SET, &message));
        }
    }

    /// The new ReplicaSet, made if there is none; none when its name is taken: then the Deployment
    /// counts a collision, and the next look tries another name.
    pub(super) fn new_or_create(&mut self) -> Option<usize> {
        if self.new.is_some() {
            return self.new;
        }
        let template = at(&self.deployment, &["spec", "template"]);
        let collisions =
            number(&self.deployment, &["status", "collisionCount"]).unwrap_or_default();
        let hash = hash(template, collisions);
        let owner = &self.owner.object.meta().name;
        let name = format!("{}-{hash}", cut(owner, LONGEST_NAME - 1 - hash.len()));
        let full = Name::new(&self.owner.object.meta().namespace, &name);
        if self.view.get(&apis::REPLICA_SETS, &full).is_some() {
            let status = object(&mut self.deployment, "status");
            put_count(status, "collisionCount", collisions + 1);
            return None;
        }
        let mut set = Set {
            document: self.fresh_set(&name, &hash),
            fresh: true,
            changed: false,
        };
        set.set_spec("replicas", self.replicas_of_new(0));
        let revision = self.next_revision();
        for (name, value) in self.shared_annotations() {
            set.annotate(&name, &value);
        }
        set.annotate(REVISION, &revision.to_string());
        set.annotate_replicas(self.limits.replicas, self.limits.most());
        self.tell_made(&set);
        self.sets.push(set);
        self.new = Some(self.sets.len() - 1);
        self.put_revision(revision);
        if self.limits.deadline.is_some() {
            let message = format!("Created new replica set \"{name}\"");
            self.put_progress(("True", NEW_REPLICA_SET_CREATED, &message));
        }
        self.new
    }

    fn fresh_set(&self, name: &str, hash: &str) -> Value {
        let spec = at(&self.deployment, &["spec"]);
        let mut template = at(spec, &["template"]).clone();
        let labels = object(object(&mut template, "metadata"), "labels");
        put(labels, "pod-template-hash", json!(hash));
        let labels = labels.clone();
        let mut selector = at(spec, &["selector"]).clone();
        *member(object(&mut selector, "matchLabels"), "pod-template-hash") = json!(hash);
        json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name, "namespace": self.owner.object.meta().namespace, "labels": labels,
                "ownerReferences": [self.owner.reference()],
            },
            "spec": {
                "replicas": 0, "selector": selector, "template": template,
                "minReadySeconds": number(spec, &["minReadySeconds"]).unwrap_or_default(),
            },
        })
    }

    /// One more than the highest revision of the old sets.
    fn next_revision(&self) -> i64 {
        let old = self
            .old()
            .into_iter()
            .map(|index| self.sets[index].revision());
        old.max().unwrap_or_default().saturating_add(1)
    }

    fn shared_annotations(&self) -> Vec<(String, String)> {
        let annotations = strings(&self.deployment, &["metadata", "annotations"]);
        let shared = annotations.into_iter();
        let shared = shared.filter(|(name, _)| !OWN_ANNOTATIONS.contains(name));
        shared
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    fn put_revision(&mut self, revision: i64) {
        let revision = revision.to_string();
        if annotation(&self.deployment, REVISION) != revision {
            let annotations = object(object(&mut self.deployment, "metadata"), "annotations");
            put(annotations, REVISION, json!(revision));
        }
    }

    /// The name of the new ReplicaSet.
    pub(super) fn new_name(&self) -> Option<&str> {
        self.new.map(|new| self.sets[new].name())
    }

    /// The Deployment's name.
    pub(super) fn name(&self) -> &str {
        text(&self.deployment, &["metadata", "name"])
    }
}
