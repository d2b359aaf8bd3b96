//! The collector of pods that nobody else removes: those of nodes that are gone, and the oldest
//! of very many that are over (`pkg/controller/podgc`).

use super::{
    Answer, Call, Change, Controller, DeleteOptions, Item, Name, Outcome, View, Watch, apis,
    service_account,
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::document::text,
    object::Object,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    sync::Arc,
    vec,
    vec::Vec,
};
use serde_json::json;

/// For so long a node must have been missing (`quarantineTime`).
const QUARANTINE_MICROSECONDS: i64 = 40_000_000;
/// `--terminated-pod-gc-threshold`
const MOST_TERMINATED: usize = 12_500;

/// The pod garbage collector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodGarbageCollector {
    /// The pods of each node.
    pods: BTreeMap<Arc<str>, BTreeSet<Name>>,
    /// Nodes that are missing, and since when.
    missing: BTreeMap<Name, Missing>,
    /// Pods that are over, by the time of their creation.
    over: BTreeSet<(String, Name)>,
}

/// A node that pods are on, and that is not there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Missing {
    since: Time,
    /// The store itself says so: a view may be old.
    confirmed: bool,
}

impl PodGarbageCollector {
    /// The item of all pods that are over.
    fn terminated() -> Item {
        Name::new("", "")
    }

    fn observe_pod(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        for (object, here) in [(&change.old, false), (&change.new, true)] {
            let Some(object) = object else { continue };
            self.count(object, &change.name, here);
            let Some(node) = node_of(object) else {
                continue;
            };
            let item = Name::new("", node);
            if here {
                self.pods
                    .entry(node.into())
                    .or_default()
                    .insert(change.name.clone());
                if view.get(&apis::NODES, &item).is_none() {
                    items.push(item);
                }
            } else if let Some(pods) = self.pods.get_mut(node) {
                pods.remove(&change.name);
                if pods.is_empty() {
                    self.pods.remove(node);
                    self.missing.remove(&item);
                }
            }
        }
        if self.over.len() > MOST_TERMINATED {
            items.push(PodGarbageCollector::terminated());
        }
    }

    /// Keeps count of pods that are over.
    fn count(&mut self, object: &Object, name: &Name, here: bool) {
        if !is_over(object) {
            return;
        }
        let created = text(&object.json(), &["metadata", "creationTimestamp"]).to_string();
        let entry = (created, name.clone());
        if here {
            self.over.insert(entry);
        } else {
            self.over.remove(&entry);
        }
    }

    /// Removes the pods of a node that has been missing for long.
    fn collect(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let there = view.get(&apis::NODES, item).is_some();
        let Some(pods) = self.pods.get(&item.name).filter(|_| !there) else {
            self.missing.remove(item);
            return Outcome::done();
        };
        let missing = self.missing.entry(item.clone()).or_insert(Missing {
            since: ambient.now,
            confirmed: false,
        });
        let due = Time(missing.since.0.saturating_add(QUARANTINE_MICROSECONDS));
        if due > ambient.now {
            return Outcome::done().again_at(due);
        }
        if !missing.confirmed {
            let asked = Call::get(&apis::NODES, item);
            return Outcome::calls(vec![asked]).again_at(ambient.now);
        }
        // The next look asks again: a node that comes back may be seen later than its pods.
        missing.confirmed = false;
        let pods = pods.iter().filter_map(|name| view.get(&apis::PODS, name));
        Outcome::calls(pods.flat_map(|pod| orphan(pod, ambient)).collect())
    }

    /// Removes the oldest of too many pods that are over.
    fn thin_out(&self, view: &View) -> Outcome {
        let surplus = self.over.len().saturating_sub(MOST_TERMINATED);
        let oldest = self.over.iter().take(surplus);
        let pods = oldest.filter_map(|(_, name)| view.get(&apis::PODS, name));
        Outcome::calls(pods.map(removal).collect())
    }
}

impl Controller for PodGarbageCollector {
    fn name(&self) -> &'static str {
        "pod-garbage-collector-controller"
    }

    fn user(&self) -> User {
        service_account("pod-garbage-collector")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::PODS), Watch::all(apis::NODES)]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NODES {
            items.push(change.name.clone());
        } else {
            self.observe_pod(view, change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        if *item == PodGarbageCollector::terminated() {
            self.thin_out(view)
        } else {
            self.collect(view, item, ambient)
        }
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        if call.method == "GET"
            && let Some(missing) = self.missing.get_mut(item)
        {
            missing.confirmed = answer.code == 404;
        }
    }
}

fn node_of(object: &Object) -> Option<&str> {
    let node = object.meta().fields.get("spec.nodeName");
    node.map(String::as_str).filter(|node| !node.is_empty())
}

fn is_over(object: &Object) -> bool {
    let phase = object.meta().fields.get("status.phase");
    phase.is_some_and(|phase| matches!(phase.as_str(), "Succeeded" | "Failed"))
}

/// The pod is over, as nobody is left who could say so; then it goes at once.
fn orphan(pod: &Object, ambient: &Ambient) -> Vec<Call> {
    let mut calls = Vec::new();
    if !is_over(pod) {
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC",
            "message": "PodGC: node no longer exists",
            "lastTransitionTime": ambient.now.rfc3339(),
        });
        let patch = json!({
            "metadata": {"uid": pod.meta().uid},
            "status": {"phase": "Failed", "conditions": [condition]},
        });
        let name = Name::new(&pod.meta().namespace, &pod.meta().name);
        calls.push(Call::strategic_patch(&apis::PODS, &name, "status", &patch).optional());
    }
    calls.push(removal(pod));
    calls
}

fn removal(pod: &Object) -> Call {
    let meta = pod.meta();
    let options = DeleteOptions {
        uid: &meta.uid,
        grace_seconds: Some(0),
        ..DeleteOptions::default()
    };
    let name = Name::new(&meta.namespace, &meta.name);
    Call::delete(&apis::PODS, &name, &meta.uid, options)
}
