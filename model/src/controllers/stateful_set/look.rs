//! A look at a StatefulSet (`updateStatefulSet`).

use super::{
    super::{
        Api, Call, DeleteOptions, EventType, Name, Outcome, View, apis,
        workload::{
            History, Owner, Pod, Revision, Rounding, Steps, claim, collisions, count_if, history,
            put_count, scaled,
        },
    },
    StatefulSetController,
    pod::{REVISION, ordinal},
};
use crate::{
    ambient::Ambient,
    kinds::document::{at, number, object, text},
    object::Object,
};
use alloc::{collections::BTreeMap, format, vec::Vec};
use serde_json::Value;

static STATEFUL_SETS: Api = apis::STATEFUL_SETS;
/// How many pods one look makes at most; the next comes when they are seen.
const BURST: usize = 500;

pub(super) struct Look<'a> {
    pub(super) view: &'a View,
    pub(super) owner: Owner<'a>,
    pub(super) set: Value,
    /// By their ordinals.
    pub(super) pods: BTreeMap<i64, Pod<'a>>,
    history: History,
    /// What pods below the partition have.
    pub(super) current: Revision,
    /// What has the set's template.
    pub(super) update: Revision,
    pub(super) steps: Steps<'a>,
    pub(super) start: i64,
    pub(super) replicas: i64,
    pub(super) rolling: bool,
    pub(super) partition: i64,
    pub(super) min_ready: i64,
    /// One pod after another.
    ordered: bool,
    collided: bool,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        controller: &'a StatefulSetController,
        (view, object): (&'a View, &'a Object),
        ambient: &'a Ambient,
    ) -> Look<'a> {
        let api = &STATEFUL_SETS;
        let owner = Owner { api, object };
        let set = object.json();
        let name = &object.meta().name;
        let member = |pod: &Object| ordinal(name, &pod.meta().name).is_some();
        let claimed = claim(view, owner, &apis::PODS, &controller.orphans, member);
        let mut steps = Steps::new(ambient, (api, object), &controller.recorder);
        for call in claimed.calls {
            steps.send(call);
        }
        let pods = claimed.objects.into_iter().filter_map(|object| {
            let ordinal = ordinal(name, &object.meta().name)?;
            Some((ordinal, Pod::read(object)))
        });
        let revisions = &controller.orphaned_revisions;
        let label = "controller.kubernetes.io/hash";
        let mut history = history(view, (owner, &set), revisions, label);
        let found = history.current.take();
        let collided = found.is_none();
        let update = found.unwrap_or_default();
        let known = text(&set, &["status", "currentRevision"]);
        let current = history.old.iter().find(|one| one.name == known);
        let count = |path: &[&str]| number(&set, path).unwrap_or_default();
        let strategy = at(&set, &["spec", "updateStrategy"]);
        Look {
            view,
            owner,
            pods: pods.collect(),
            current: current.unwrap_or(&update).clone(),
            update,
            history,
            steps,
            start: count(&["spec", "ordinals", "start"]),
            replicas: number(&set, &["spec", "replicas"]).unwrap_or(1),
            rolling: text(strategy, &["type"]) == "RollingUpdate",
            partition: count(&["spec", "updateStrategy", "rollingUpdate", "partition"]),
            min_ready: count(&["spec", "minReadySeconds"]),
            ordered: text(&set, &["spec", "podManagementPolicy"]) != "Parallel",
            collided,
            set,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        let going = self.owner.object.meta().deletion_timestamp.is_some();
        if self.collided && !going {
            let count = collisions(&self.set) + 1;
            put_count(object(&mut self.set, "status"), "collisionCount", count);
            self.steps
                .send(Call::update_status(&STATEFUL_SETS, &self.set));
            return self.steps.finish();
        }
        if going {
            return self.steps.finish();
        }
        for call in core::mem::take(&mut self.history.calls) {
            self.steps.send(call);
        }
        if let Some(set) = self.status() {
            self.steps.send(Call::update_status(&STATEFUL_SETS, &set));
        }
        if self.fill() && self.shrink() {
            self.roll();
        }
        self.clean_up();
        self.steps.finish()
    }

    pub(super) fn name(&self) -> &'a str {
        &self.owner.object.meta().name
    }

    /// Ordinals that are to have a pod.
    fn ordinals(&self) -> core::ops::Range<i64> {
        self.start..self.start + self.replicas
    }

    /// It runs, is ready, and was so for long enough.
    pub(super) fn available(&self, pod: &Pod<'_>) -> bool {
        let from = pod.available_from(self.min_ready);
        running_and_ready(pod) && from.is_some_and(|from| from <= self.steps.now())
    }

    /// Every ordinal gets its pod; in order, each after the one before it is available. False when
    /// it is not yet time for what follows.
    fn fill(&mut self) -> bool {
        let mut made = 0;
        for ordinal in self.ordinals() {
            let Some(pod) = self.pods.get(&ordinal).cloned() else {
                self.create(ordinal);
                made += 1;
                if self.ordered || made == BURST {
                    return false;
                }
                continue;
            };
            if pod.finished() && !pod.going() {
                self.tell_recreation(&pod);
                self.delete(&pod);
            }
            let stands = !pod.going() && !pod.finished() && self.available(&pod);
            if self.ordered && !stands {
                return false;
            }
        }
        true
    }

    fn tell_recreation(&mut self, pod: &Pod<'_>) {
        let meta = self.owner.object.meta();
        let (kind, reason, how) = if pod.phase() == "Failed" {
            (EventType::Warning, "RecreatingFailedPod", "failed")
        } else {
            (EventType::Normal, "RecreatingTerminatedPod", "terminated")
        };
        let message = format!(
            "StatefulSet {}/{} is recreating {how} Pod {}",
            meta.namespace,
            meta.name,
            pod.object.meta().name
        );
        self.steps.event(kind, reason, &message);
    }

    /// Pods beyond the last ordinal go, the highest first; in order, each after the one above it
    /// is gone, and when no other is unhealthy.
    fn shrink(&mut self) -> bool {
        let wanted = self.ordinals();
        let unhealthy = |(_, pod): &(&i64, &Pod<'_>)| !healthy(pod);
        let first_unhealthy = self
            .pods
            .iter()
            .find(unhealthy)
            .map(|(ordinal, _)| *ordinal);
        let condemned = self
            .pods
            .iter()
            .rev()
            .filter(|(it, _)| !wanted.contains(it));
        let condemned: Vec<(i64, Pod<'a>)> = condemned
            .map(|(ordinal, pod)| (*ordinal, pod.clone()))
            .collect();
        for (ordinal, pod) in condemned {
            if pod.going() {
                if self.ordered {
                    return false;
                }
                continue;
            }
            let stands = self.available(&pod);
            if self.ordered && !stands && first_unhealthy != Some(ordinal) {
                return false;
            }
            self.delete(&pod);
            if self.ordered {
                return false;
            }
        }
        true
    }

    /// Old pods at and above the partition go, the highest first, one at a time or as many as
    /// `maxUnavailable` lets be away.
    fn roll(&mut self) {
        if !self.rolling {
            return;
        }
        let path = ["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"];
        let most = at(&self.set, &path);
        let most = match most {
            Value::Null => 1,
            some => scaled(some, self.replicas, Rounding::Up).max(1),
        };
        let pods: Vec<Option<Pod<'a>>> = self
            .ordinals()
            .map(|ordinal| self.pods.get(&ordinal).cloned())
            .collect();
        let whole = |pod: &Option<Pod<'_>>| {
            let stands = |pod: &Pod<'_>| healthy(pod) && self.available(pod);
            pod.as_ref().is_some_and(stands)
        };
        let mut room = most - count_if(&pods, |pod| !whole(pod));
        let (start, partition) = (self.start, self.partition);
        let above = (start..)
            .zip(pods)
            .filter(|(ordinal, _)| *ordinal >= start + partition);
        let above: Vec<Option<Pod<'a>>> = above.map(|(_, pod)| pod).collect();
        for pod in above.into_iter().rev() {
            let Some(pod) = pod else { continue };
            if self.revision_of(&pod) == self.update.name || pod.going() {
                continue;
            }
            // What is not healthy is away already: that it goes costs nothing.
            if healthy(&pod) && self.available(&pod) {
                if room <= 0 {
                    return;
                }
                room -= 1;
            }
            self.delete(&pod);
        }
    }

    pub(super) fn revision_of<'p>(&self, pod: &'p Pod<'_>) -> &'p str {
        let label = pod.object.meta().labels.get(REVISION);
        label.map_or("", |label| label.as_str())
    }

    fn delete(&mut self, pod: &Pod<'_>) {
        let meta = pod.object.meta();
        let options = DeleteOptions {
            uid: &meta.uid,
            ..DeleteOptions::default()
        };
        let name = Name::new(&meta.namespace, &meta.name);
        self.steps
            .send(Call::delete(&apis::PODS, &name, &meta.uid, options));
        let message = format!(
            "delete Pod {} in StatefulSet {} successful",
            meta.name,
            self.name()
        );
        self.steps
            .event(EventType::Normal, "SuccessfulDelete", &message);
    }

    /// Revisions that no pod has go when there are too many (`truncateHistory`).
    fn clean_up(&mut self) {
        let limit = number(&self.set, &["spec", "revisionHistoryLimit"]).unwrap_or(10);
        let namespace = &self.owner.object.meta().namespace;
        let surplus = self.history.surplus(namespace, limit, |revision| {
            revision.name == self.current.name
                || self
                    .pods
                    .values()
                    .any(|pod| self.revision_of(pod) == revision.name)
        });
        for call in surplus {
            self.steps.send(call);
        }
    }
}

/// `isRunningAndReady`
pub(super) fn running_and_ready(pod: &Pod<'_>) -> bool {
    pod.phase() == "Running" && pod.ready()
}

/// `isHealthy`
fn healthy(pod: &Pod<'_>) -> bool {
    running_and_ready(pod) && !pod.going()
}
