//! A ReplicaSet of a Deployment, as a look at it changes it.

use super::super::{
    Name,
    workload::{annotation, same_template, time_at},
};
use crate::{
    ambient::Time,
    kinds::document::{at, member, number, object, put, text},
    object::Object,
};
use alloc::string::{String, ToString};
use serde_json::{Value, json};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// A ReplicaSet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Set {
    pub(super) document: Value,
    /// It is not there yet.
    pub(super) fresh: bool,
    /// It is not as it was seen.
    pub(super) changed: bool,
}

impl Set {
    pub(super) fn seen(object: &Object) -> Set {
        Set {
            document: object.json(),
            fresh: false,
            changed: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        text(&self.document, &["metadata", "name"])
    }

    pub(super) fn full_name(&self) -> Name {
        let namespace = text(&self.document, &["metadata", "namespace"]);
        Name::new(namespace, self.name())
    }

    pub(super) fn uid(&self) -> &str {
        text(&self.document, &["metadata", "uid"])
    }

    pub(super) fn created(&self) -> Option<Time> {
        time_at(&self.document, &["metadata", "creationTimestamp"])
    }

    pub(super) fn going(&self) -> bool {
        !at(&self.document, &["metadata", "deletionTimestamp"]).is_null()
    }

    pub(super) fn made_from(&self, template: &Value) -> bool {
        same_template(at(&self.document, &["spec", "template"]), template)
    }

    /// `spec.replicas`
    pub(super) fn replicas(&self) -> i64 {
        number(&self.document, &["spec", "replicas"]).unwrap_or_default()
    }

    /// It is to have pods.
    pub(super) fn active(&self) -> bool {
        self.replicas() > 0
    }

    /// A number in its status.
    pub(super) fn status(&self, field: &str) -> i64 {
        number(&self.document, &["status", field]).unwrap_or_default()
    }

    pub(super) fn available(&self) -> i64 {
        self.status("availableReplicas")
    }

    /// How many of its pods will be available whatever its controller has not told yet: it deletes
    /// those that are not available first.
    pub(super) fn surely_available(&self) -> i64 {
        self.available().min(self.replicas())
    }

    /// Its controller has seen what was asked for, and deletes no more pods. Before that its status
    /// may tell of available pods that are about to go: a set that grows again at such a moment
    /// would count them.
    pub(super) fn settled(&self) -> bool {
        self.observed() && self.status("replicas") <= self.replicas()
    }

    fn observed(&self) -> bool {
        let generation = number(&self.document, &["metadata", "generation"]).unwrap_or_default();
        generation <= self.status("observedGeneration")
    }

    pub(super) fn annotation(&self, name: &str) -> &str {
        annotation(&self.document, name)
    }

    /// A number in an annotation.
    pub(super) fn annotated(&self, name: &str) -> Option<i64> {
        self.annotation(name).parse().ok()
    }

    /// 0 when it has none.
    pub(super) fn revision(&self) -> i64 {
        self.annotated(REVISION).unwrap_or_default()
    }

    /// Sets an annotation.
    pub(super) fn annotate(&mut self, name: &str, value: &str) {
        if at(&self.document, &["metadata", "annotations", name]).as_str() == Some(value) {
            return;
        }
        let annotations = object(object(&mut self.document, "metadata"), "annotations");
        *member(annotations, name) = json!(value);
        self.changed = true;
    }

    /// Sets a number in its spec.
    pub(super) fn set_spec(&mut self, field: &str, value: i64) {
        if number(&self.document, &["spec", field]).unwrap_or_default() != value {
            put(object(&mut self.document, "spec"), field, json!(value));
            self.changed = true;
        }
    }

    /// What the Deployment asked for when the set was last scaled, and how many pods there might
    /// have been.
    pub(super) fn annotate_replicas(&mut self, desired: i64, most: i64) {
        self.annotate(DESIRED_REPLICAS, &desired.to_string());
        self.annotate(MAX_REPLICAS, &most.to_string());
    }

    /// Takes a revision that is newer than its own; an older one becomes history
    /// (`SetNewReplicaSetAnnotations`).
    pub(super) fn renew_revision(&mut self, revision: i64) {
        /// How long the history may be, in bytes (`maxRevHistoryLengthInChars`).
        const LONGEST_HISTORY: usize = 2000;
        let old = String::from(self.annotation(REVISION));
        if self.revision() >= revision {
            return;
        }
        self.annotate(REVISION, &revision.to_string());
        if old.is_empty() {
            return;
        }
        let mut history = String::from(self.annotation(REVISION_HISTORY));
        while !history.is_empty() && history.len() + 1 + old.len() > LONGEST_HISTORY {
            let (_, rest) = history.split_once(',').unwrap_or_default();
            history = rest.into();
        }
        if !history.is_empty() {
            history.push(',');
        }
        history.push_str(&old);
        self.annotate(REVISION_HISTORY, &history);
    }

    /// Its pods have what its Deployment asks for, all of them (`IsSaturated`).
    pub(super) fn saturated(&self, replicas: i64) -> bool {
        self.replicas() == replicas
            && self.annotated(DESIRED_REPLICAS) == Some(replicas)
            && self.available() == replicas
    }

    /// Nothing is left of it, and its controller knows.
    pub(super) fn spent(&self) -> bool {
        !self.active() && self.status("replicas") == 0 && self.observed() && !self.going()
    }
}
