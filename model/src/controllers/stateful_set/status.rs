//! The status of a StatefulSet (`updateStatus`, `completeRollingUpdate`).

use super::{
    super::workload::{Pod, collisions, count_if, generation, put_count},
    look::{Look, running_and_ready},
};
use crate::kinds::document::{at, copy, put, same};
use alloc::vec::Vec;
use serde_json::{Value, json};

impl Look<'_> {
    /// The set with its new status; none when that is the old one. An update that is complete
    /// makes its revision the current one.
    pub(super) fn status(&mut self) -> Option<Value> {
        let now = self.steps.now();
        let next = self
            .pods
            .values()
            .filter_map(|pod| pod.available_from(self.min_ready));
        if let Some(next) = next.filter(|from| *from > now).min() {
            self.steps.again_at(next);
        }
        let pods: Vec<Pod<'_>> = self.pods.values().cloned().collect();
        let of = |revision: &str| {
            count_if(&pods, |pod| {
                !pod.going() && self.revision_of(pod) == revision
            })
        };
        let ready = count_if(&pods, running_and_ready);
        let replicas = count_if(&pods, |_| true);
        let (mut current, updated) = (of(&self.current.name), of(&self.update.name));
        let mut revision = &self.current.name;
        let all = [updated, ready, replicas];
        if self.rolling && all.iter().all(|count| *count == self.replicas) {
            revision = &self.update.name;
            current = updated;
        }
        let before = at(&self.set, &["status"]);
        let mut status = json!({
            "replicas": replicas,
            "availableReplicas": count_if(&pods, |pod| self.available(pod)),
            "collisionCount": collisions(&self.set),
            "currentRevision": revision, "updateRevision": self.update.name,
        });
        put_count(&mut status, "observedGeneration", generation(&self.set));
        put_count(&mut status, "readyReplicas", ready);
        put_count(&mut status, "currentReplicas", current);
        put_count(&mut status, "updatedReplicas", updated);
        copy(before, &mut status, "conditions");
        let new = !same(before, &status);
        new.then(|| {
            let mut set = self.set.clone();
            put(&mut set, "status", status);
            set
        })
    }
}
