//! A look at a DaemonSet (`syncDaemonSet`).

use super::{
    super::{
        Api, Call, DeleteOptions, EventType, Item, Name, Outcome, View, apis,
        workload::{
            History, Owner, Pod, Rounding, Steps, claim, collisions, generation, history, later,
            pod_from, put_count, scaled,
        },
    },
    DaemonSetController,
    node::{Fit, Node, Wish, node_of, put_node},
};
use crate::{
    ambient::{Ambient, Time},
    kinds::document::{at, copy, number, object, put, same, text},
    object::Object,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use serde_json::{Value, json};

static DAEMON_SETS: Api = apis::DAEMON_SETS;
pub(super) const REVISION_HASH: &str = "controller-revision-hash";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";
/// The longest time between two tries on a node, in seconds.
const LONGEST_DELAY: i64 = 900;

pub(super) struct Look<'a> {
    item: &'a Item,
    owner: Owner<'a>,
    pub(super) set: Value,
    nodes: &'a BTreeMap<String, Node>,
    failures: &'a mut BTreeMap<(Item, String), (u32, Time)>,
    /// node → its pods, the oldest first; those that run nowhere yet by the node that they are for.
    pub(super) pods: BTreeMap<String, Vec<Pod<'a>>>,
    /// node → what it is to the set.
    pub(super) fits: BTreeMap<&'a str, Fit>,
    history: History,
    /// The hash of the set's template.
    pub(super) hash: String,
    pub(super) steps: Steps<'a>,
    pub(super) min_ready: i64,
    pub(super) surge: i64,
    pub(super) unavailable: i64,
    made: u32,
}

impl<'a> Look<'a> {
    pub(super) fn new(
        controller: &'a mut DaemonSetController,
        (view, item, object): (&'a View, &'a Item, &'a Object),
        ambient: &'a Ambient,
    ) -> Look<'a> {
        let api = &DAEMON_SETS;
        let owner = Owner { api, object };
        let set = object.json();
        let claimed = claim(view, owner, &apis::PODS, &controller.orphans, |_| true);
        let mut steps = Steps::new(ambient, (api, object), &controller.recorder);
        for call in claimed.calls {
            steps.send(call);
        }
        let mut pods: BTreeMap<String, Vec<Pod<'a>>> = BTreeMap::new();
        for object in claimed.objects {
            pods.entry(node_of(object))
                .or_default()
                .push(Pod::read(object));
        }
        for pods in pods.values_mut() {
            pods.sort_by_key(|pod| (pod.node().is_empty(), pod.created()));
        }
        let wish = Wish::read(at(&set, &["spec", "template"]));
        let nodes = controller.nodes.iter();
        let fits: BTreeMap<&str, Fit> = nodes
            .map(|(name, node)| (name.as_str(), wish.fit(name, node)))
            .collect();
        let desired = fits.values().filter(|fit| fit.start).count();
        let desired = i64::try_from(desired).unwrap_or(i64::MAX);
        let rolling = at(&set, &["spec", "updateStrategy", "rollingUpdate"]);
        let amount = |field: &str| scaled(at(rolling, &[field]), desired, Rounding::Up);
        Look {
            item,
            owner,
            nodes: &controller.nodes,
            failures: &mut controller.failures,
            pods,
            fits,
            history: history(
                view,
                (owner, &set),
                &controller.orphaned_revisions,
                REVISION_HASH,
            ),
            hash: String::new(),
            steps,
            min_ready: number(&set, &["spec", "minReadySeconds"]).unwrap_or_default(),
            surge: amount("maxSurge"),
            unavailable: amount("maxUnavailable"),
            set,
            made: 0,
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        if self.owner.object.meta().deletion_timestamp.is_some() {
            return self.steps.finish();
        }
        let Some(current) = self.history.current.take() else {
            return self.count_collision();
        };
        for call in core::mem::take(&mut self.history.calls) {
            self.steps.send(call);
        }
        self.hash = current.hash;
        self.put_status();
        self.manage();
        if text(&self.set, &["spec", "updateStrategy", "type"]) == "RollingUpdate" {
            self.roll();
        }
        self.clean_up();
        self.steps.finish()
    }

    fn count_collision(mut self) -> Outcome {
        let count = collisions(&self.set) + 1;
        put_count(object(&mut self.set, "status"), "collisionCount", count);
        self.steps
            .send(Call::update_status(&DAEMON_SETS, &self.set));
        self.steps.finish()
    }

    /// Pods where they should be, and nowhere else (`manage`, `podsShouldBeOnNode`).
    fn manage(&mut self) {
        let names: Vec<&str> = self.fits.keys().copied().collect();
        for name in names {
            let fit = self.fits[name];
            let pods = self.pods.get(name).cloned().unwrap_or_default();
            if fit.start && pods.is_empty() {
                self.create(name);
            } else if fit.stay {
                self.tidy(name, &pods);
            } else {
                self.delete_all(&pods);
            }
        }
        // Those for nodes that are not there would wait for ever; those on them are the affair of
        // who collects pods.
        let nodes = self.nodes;
        let unbound: Vec<Pod<'a>> = self
            .pods
            .iter()
            .filter(|(node, _)| !nodes.contains_key(*node))
            .flat_map(|(_, pods)| pods.iter().filter(|pod| pod.node().is_empty()).cloned())
            .collect();
        self.delete_all(&unbound);
    }

    /// Of a node's pods those go that have ended, and all but the oldest of the others.
    fn tidy(&mut self, node: &str, pods: &[Pod<'a>]) {
        let mut kept: Vec<bool> = Vec::new();
        for pod in pods.iter().filter(|pod| !pod.going()) {
            let meta = pod.object.meta();
            let who = format!("{}/{} on node {node}", meta.namespace, meta.name);
            match pod.phase() {
                "Failed" => {
                    if self.backs_off(node) {
                        continue;
                    }
                    let message = format!("Found failed daemon pod {who}, will try to kill it");
                    self.steps
                        .event(EventType::Warning, "FailedDaemonPod", &message);
                    self.delete(pod);
                }
                "Succeeded" => {
                    let message =
                        format!("Found succeeded daemon pod {who}, will try to delete it");
                    self.steps
                        .event(EventType::Normal, "SucceededDaemonPod", &message);
                    self.delete(pod);
                }
                _ => {
                    // During a surge there may be one of each template.
                    let sort = self.surge > 0 && self.updated(pod);
                    if kept.contains(&sort) {
                        self.delete(pod);
                    } else {
                        kept.push(sort);
                    }
                }
            }
        }
    }

    /// Whether the next try on this node has to wait: a second after the first failure, twice as
    /// long after each other.
    fn backs_off(&mut self, node: &str) -> bool {
        let now = self.steps.now();
        let key = (self.item.clone(), String::from(node));
        // Where the clock was set back nothing waits until it is there again.
        let known = self.failures.get(&key).filter(|(_, last)| *last <= now);
        let (failures, last) = known.copied().unwrap_or_default();
        let delay = if failures == 0 {
            0
        } else {
            (1_i64 << failures.min(10)).min(LONGEST_DELAY)
        };
        let due = later(last, delay);
        if due > now {
            self.steps.again_at(due);
            return true;
        }
        // After a long time without failures they are forgotten.
        let failures = if later(last, 2 * LONGEST_DELAY) < now {
            0
        } else {
            failures
        };
        self.failures.insert(key, (failures + 1, now));
        false
    }

    pub(super) fn updated(&self, pod: &Pod<'_>) -> bool {
        pod.object.meta().labels.get(REVISION_HASH) == Some(&self.hash)
    }

    pub(super) fn available(&self, pod: &Pod<'_>) -> bool {
        let from = pod.available_from(self.min_ready);
        from.is_some_and(|from| from <= self.steps.now())
    }

    pub(super) fn create(&mut self, node: &str) {
        let mut template = at(&self.set, &["spec", "template"]).clone();
        put_node(&mut template, node);
        let annotation = ["metadata", "annotations", TEMPLATE_GENERATION];
        let generation = at(&self.set, &annotation).clone();
        let labels = object(object(&mut template, "metadata"), "labels");
        put(labels, REVISION_HASH, json!(self.hash));
        put(labels, "pod-template-generation", generation);
        let meta = self.owner.object.meta();
        let base = format!("{}-", meta.name);
        let pod = pod_from(
            &template,
            (self.owner, &base),
            (self.steps.ambient, self.made),
        );
        self.made += 1;
        self.steps
            .send(Call::create(&apis::PODS, &meta.namespace, &pod));
        let message = format!("Created pod: {}", text(&pod, &["metadata", "name"]));
        self.steps
            .event(EventType::Normal, "SuccessfulCreate", &message);
    }

    fn delete_all(&mut self, pods: &[Pod<'_>]) {
        for pod in pods.iter().filter(|pod| !pod.going()) {
            self.delete(pod);
        }
    }

    pub(super) fn delete(&mut self, pod: &Pod<'_>) {
        let meta = pod.object.meta();
        let options = DeleteOptions {
            uid: &meta.uid,
            ..DeleteOptions::default()
        };
        let name = Name::new(&meta.namespace, &meta.name);
        self.steps
            .send(Call::delete(&apis::PODS, &name, &meta.uid, options));
        let message = format!("Deleted pod: {}", meta.name);
        self.steps
            .event(EventType::Normal, "SuccessfulDelete", &message);
    }

    /// Revisions that no pod has go when there are too many (`cleanupHistory`).
    fn clean_up(&mut self) {
        let limit = number(&self.set, &["spec", "revisionHistoryLimit"]).unwrap_or(10);
        let pods = self.pods.values().flatten();
        let hashes: Vec<&String> = pods
            .filter_map(|pod| pod.object.meta().labels.get(REVISION_HASH))
            .collect();
        let namespace = &self.owner.object.meta().namespace;
        let surplus = self
            .history
            .surplus(namespace, limit, |one| hashes.contains(&&one.hash));
        for call in surplus {
            self.steps.send(call);
        }
    }

    /// `updateDaemonSetStatus`
    fn put_status(&mut self) {
        let mut counts = [0_i64; 6];
        let [desired, current, misscheduled, ready, available, updated] = &mut counts;
        let mut next: Option<Time> = None;
        for (node, fit) in &self.fits {
            let pods = self.pods.get(*node).map(Vec::as_slice).unwrap_or_default();
            let Some(first) = pods.first() else {
                *desired += i64::from(fit.start);
                continue;
            };
            if !fit.start {
                *misscheduled += 1;
                continue;
            }
            *desired += 1;
            *current += 1;
            *ready += i64::from(first.ready());
            *available += i64::from(first.ready() && self.available(first));
            *updated += i64::from(self.updated(first));
            let from = first.available_from(self.min_ready);
            next = next
                .into_iter()
                .chain(from.filter(|from| *from > self.steps.now()))
                .min();
        }
        if let Some(next) = next {
            self.steps.again_at(next);
        }
        let [desired, current, misscheduled, ready, available, updated] = counts;
        let mut status = json!({
            "currentNumberScheduled": current, "numberMisscheduled": misscheduled,
            "desiredNumberScheduled": desired, "numberReady": ready,
        });
        put_count(&mut status, "observedGeneration", generation(&self.set));
        put_count(&mut status, "updatedNumberScheduled", updated);
        put_count(&mut status, "numberAvailable", available);
        put_count(&mut status, "numberUnavailable", desired - available);
        copy(at(&self.set, &["status"]), &mut status, "collisionCount");
        copy(at(&self.set, &["status"]), &mut status, "conditions");
        if !same(at(&self.set, &["status"]), &status) {
            let mut set = self.set.clone();
            put(&mut set, "status", status);
            self.steps.send(Call::update_status(&DAEMON_SETS, &set));
        }
    }
}
