//! The scheduler: finds a node for each pod that has none, and binds it there.
//!
//! One look plans many pods, the most important and then the oldest first, and counts with what it
//! has planned before. Two schedulers at once are safe: the API server refuses to bind a pod twice.
//!
//! Not modelled: preemption (a pod waits for room, whatever its priority), volumes, claims for
//! devices, profiles and extenders; of pod affinity, preferences and `namespaceSelector`s that name
//! labels (they select nothing); of the scores, the balance of resources, soft constraints on the
//! spread, and where images are.

mod ask;
mod filter;
mod neighbours;
mod node;
mod score;
mod selector;
mod verdict;

pub(super) use selector::Terms;

use super::{
    Answer, Call, Change, Controller, EventType, Item, Name, Outcome, Recorder, View, Watch, apis,
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::document::{at, list, number, text},
    object::Object,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    sync::Arc,
    vec,
    vec::Vec,
};
use ask::{Ask, Claim};
use core::cmp::Reverse;
use neighbours::{Neighbour, Neighbours, PodTerm};
use node::NodeInfo;
use serde_json::{Value, json};
use verdict::Verdicts;

/// How many pods one look plans at most.
const BATCH: usize = 256;
/// When a pod whose binding was refused is tried again (`podInitialBackoffDuration`).
const RETRY_MICROSECONDS: i64 = 1_000_000;
/// So many nodes that would do are compared, when there are more (`minFeasibleNodesToFind`).
const ENOUGH_NODES: usize = 100;

/// The scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scheduler {
    name: String,
    recorder: Recorder,
    /// What the nodes have, and what of it is taken.
    nodes: BTreeMap<Arc<str>, NodeInfo>,
    /// The pods that take something of a node.
    placed: BTreeMap<Name, Placed>,
    /// Those of them whose binding has been asked for, and that the view does not show yet.
    assumed: BTreeSet<Name>,
    /// Those that wait for a node.
    pending: BTreeMap<Name, Turn>,
    /// The same, in the order in which they are planned.
    order: BTreeSet<(Turn, Name)>,
    /// Those that found none. They wait for a change that may help.
    hopeless: BTreeSet<Name>,
    /// Those of them that another pod's place may help.
    sociable: BTreeSet<Name>,
    /// Pods that have a node, and don't want certain pods near.
    repelling: BTreeSet<Name>,
    /// Those that it has bound, and that people have not been told of.
    bound: Vec<Name>,
}

/// When a pod's turn is: priority, creation time.
type Turn = (Reverse<i64>, String);

/// A pod that takes something of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Placed {
    uid: String,
    node: Arc<str>,
    claim: Claim,
    /// The pods that it does not want near.
    repels: Vec<PodTerm>,
}

impl Default for Scheduler {
    fn default() -> Scheduler {
        Scheduler::new("default-scheduler")
    }
}

impl Scheduler {
    /// The scheduler of the pods whose `spec.schedulerName` is `name`.
    #[must_use]
    pub fn new(name: &str) -> Scheduler {
        Scheduler {
            name: name.to_string(),
            recorder: Recorder::new("default-scheduler"),
            nodes: BTreeMap::new(),
            placed: BTreeMap::new(),
            assumed: BTreeSet::new(),
            pending: BTreeMap::new(),
            order: BTreeSet::new(),
            hopeless: BTreeSet::new(),
            sociable: BTreeSet::new(),
            repelling: BTreeSet::new(),
            bound: Vec::new(),
        }
    }

    /// The one item: all pods that wait.
    fn item() -> Item {
        Name::new("", "")
    }

    /// Takes note of a pod; true when others may find a node because of it, or it waits for one.
    fn observe_pod(&mut self, change: &Change) -> bool {
        let Some(pod) = &change.new else {
            self.forget(&change.name);
            return self.release(&change.name);
        };
        let field = |name: &str| pod.meta().fields.get(name).map_or("", String::as_str);
        let node = field("spec.nodeName");
        if !node.is_empty() {
            self.forget(&change.name);
            self.place(&change.name, pod, node);
            let helped = core::mem::take(&mut self.sociable);
            self.hopeless.retain(|name| !helped.contains(name));
            return !self.bound.is_empty() || !helped.is_empty();
        }
        let freed = self.release(&change.name);
        let ours = field("spec.schedulerName") == self.name;
        if !ours || pod.meta().deletion_timestamp.is_some() {
            self.forget(&change.name);
            return freed;
        }
        let document = pod.json();
        if !list(&document, &["spec", "schedulingGates"]).is_empty() {
            self.forget(&change.name);
            return freed;
        }
        let turn = (
            Reverse(number(&document, &["spec", "priority"]).unwrap_or_default()),
            text(&document, &["metadata", "creationTimestamp"]).to_string(),
        );
        self.forget_turn(&change.name);
        self.pending.insert(change.name.clone(), turn.clone());
        self.order.insert((turn, change.name.clone()));
        let news = is_news(change);
        if news {
            self.hopeless.remove(&change.name);
            self.sociable.remove(&change.name);
        }
        news || freed
    }

    fn forget(&mut self, name: &Name) {
        self.forget_turn(name);
        self.hopeless.remove(name);
        self.sociable.remove(name);
    }

    fn forget_turn(&mut self, name: &Name) {
        if let Some(turn) = self.pending.remove(name) {
            self.order.remove(&(turn, name.clone()));
        }
    }

    /// The pod takes what it asks for from the node.
    fn place(&mut self, name: &Name, pod: &Object, node: &str) {
        let uid = &pod.meta().uid;
        self.assumed.remove(name);
        let placed = self.placed.get(name);
        if placed.is_some_and(|placed| placed.uid == *uid && &*placed.node == node) {
            return;
        }
        self.release(name);
        let ask = Ask::of(&pod.json());
        self.take(name, &ask, node.into());
    }

    fn take(&mut self, name: &Name, ask: &Ask, node: Arc<str>) {
        let claim = ask.claim.clone();
        self.nodes.entry(node.clone()).or_default().take(&claim);
        let placed = Placed {
            uid: ask.uid.clone(),
            node,
            claim,
            repels: ask.apart.clone(),
        };
        if !placed.repels.is_empty() {
            self.repelling.insert(name.clone());
        }
        self.placed.insert(name.clone(), placed);
    }

    /// The pod takes nothing any more; true when it did.
    fn release(&mut self, name: &Name) -> bool {
        self.assumed.remove(name);
        self.repelling.remove(name);
        let Some(placed) = self.placed.remove(name) else {
            return false;
        };
        if let Some(node) = self.nodes.get_mut(&placed.node) {
            node.release(&placed.claim);
            if node.is_nothing() {
                self.nodes.remove(&placed.node);
            }
        }
        true
    }

    /// Takes note of a node; true when that may help a pod.
    fn observe_node(&mut self, change: &Change) -> bool {
        let name = &change.name.name;
        let Some(node) = &change.new else {
            if let Some(info) = self.nodes.get_mut(name) {
                info.gone();
                if info.is_nothing() {
                    self.nodes.remove(name);
                }
            }
            return !self.pending.is_empty();
        };
        let info = self.nodes.entry(name.clone()).or_default();
        info.seen(&node.json()) && !self.pending.is_empty()
    }

    /// What was assumed and has not come true is given back: the item is not looked at before the
    /// view shows what was bound.
    fn give_back(&mut self) {
        for name in core::mem::take(&mut self.assumed) {
            self.release(&name);
        }
    }

    /// Binds what finds a node, tells of what does not.
    fn plan(&mut self, view: &View, ambient: &Ambient) -> Outcome {
        self.give_back();
        let order = self.order.iter().map(|(_, name)| name);
        let waiting = order.filter(|name| !self.hopeless.contains(*name));
        let mut batch: Vec<Name> = waiting.take(BATCH + 1).cloned().collect();
        let more = batch.len() > BATCH;
        batch.truncate(BATCH);
        let names: Vec<Arc<str>> = self.nodes.keys().cloned().collect();
        let (mut binds, mut others, mut number) = (Vec::new(), Vec::new(), 0);
        for name in batch {
            let Some(pod) = view.get(&apis::PODS, &name) else {
                continue;
            };
            let document = pod.json();
            let ask = Ask::of(&document);
            match self.choose(view, &ask, &names) {
                Ok(node) => {
                    binds.push(bind(pod, &name, &node));
                    self.take(&name, &ask, node);
                    self.assumed.insert(name);
                }
                Err(verdicts) => {
                    self.hopeless.insert(name.clone());
                    if ask.is_sociable() {
                        self.sociable.insert(name.clone());
                    }
                    let message = verdicts.message(&ask);
                    others.extend(self.tell(pod, &document, &message, (ambient, number)));
                    number += 1;
                }
            }
        }
        let again = match (more, binds.is_empty()) {
            (true, _) => Some(ambient.now),
            (false, false) => Some(Time(ambient.now.0.saturating_add(RETRY_MICROSECONDS))),
            _ => None,
        };
        for name in core::mem::take(&mut self.bound) {
            others.extend(self.announce(view, &name, (ambient, number)));
            number += 1;
        }
        binds.append(&mut others);
        let outcome = Outcome::calls(binds);
        match again {
            Some(time) => outcome.again_at(time),
            None => outcome,
        }
    }

    /// The best node for a pod, or why there is none.
    fn choose(&self, view: &View, ask: &Ask, names: &[Arc<str>]) -> Result<Arc<str>, Verdicts> {
        let neighbours = self.neighbours(view, ask);
        let mut verdicts = Verdicts::default();
        let mut feasible: Vec<(&Arc<str>, &NodeInfo)> = Vec::new();
        // Pods begin their search at different nodes, so that a part of the nodes is not always
        // the same.
        let start = match names.len() {
            0 => 0,
            count => ask.digest("") as usize % count,
        };
        for name in names[start..].iter().chain(&names[..start]) {
            let Some(node) = self.nodes.get(name).filter(|node| node.exists()) else {
                continue;
            };
            match filter::check(ask, name, node, &neighbours) {
                Ok(()) => feasible.push((name, node)),
                Err(verdict) => verdicts.add(verdict),
            }
            if feasible.len() >= ENOUGH_NODES {
                break;
            }
        }
        score::best(ask, &feasible).ok_or(verdicts)
    }

    /// Where the pods are that matter to this one; nothing when none do.
    fn neighbours(&self, view: &View, ask: &Ask) -> Neighbours {
        if !ask.is_sociable() && self.repelling.is_empty() {
            return Neighbours::default();
        }
        let neighbour = |name: &'_ Name| {
            let placed = self.placed.get(name)?;
            Some((placed, self.nodes.get(&placed.node)?.offer()?))
        };
        let names: Vec<&Name> = match ask.is_sociable() {
            true => self.placed.keys().collect(),
            false => self.repelling.iter().collect(),
        };
        let pods = names.into_iter().filter_map(|name| {
            let (placed, node) = neighbour(name)?;
            let meta = view.get(&apis::PODS, name)?.meta();
            Some(Neighbour {
                namespace: &meta.namespace,
                labels: &meta.labels,
                node,
                leaving: meta.deletion_timestamp.is_some(),
                repels: &placed.repels,
            })
        });
        let nodes = self.nodes.iter();
        let offers = nodes.filter_map(|(name, node)| Some((&**name, node.offer()?)));
        Neighbours::of(ask, pods, offers)
    }

    /// Something has changed that may help any pod.
    fn hope(&mut self) {
        self.hopeless.clear();
        self.sociable.clear();
    }

    /// Says in the pod's status and by an event why it waits, unless that is said already.
    fn tell(
        &self,
        pod: &Object,
        document: &Value,
        message: &str,
        event: (&Ambient, u32),
    ) -> Vec<Call> {
        let conditions = list(document, &["status", "conditions"]).iter();
        let mut old = conditions.filter(|it| text(it, &["type"]) == "PodScheduled");
        let old = old.next().unwrap_or(&Value::Null);
        let since = match text(old, &["status"]) {
            "False" => at(old, &["lastTransitionTime"]).clone(),
            _ => event.0.now.rfc3339().into(),
        };
        if text(old, &["reason"]) == "Unschedulable" && text(old, &["message"]) == message {
            return Vec::new();
        }
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": message, "lastTransitionTime": since,
            "observedGeneration": at(document, &["metadata", "generation"]),
        });
        let patch = json!({
            "metadata": {"uid": pod.meta().uid}, "status": {"conditions": [condition]},
        });
        let name = Name::new(&pod.meta().namespace, &pod.meta().name);
        let about = (&apis::PODS, pod);
        let reason = "FailedScheduling";
        vec![
            Call::strategic_patch(&apis::PODS, &name, "status", &patch),
            self.recorder
                .event(about, EventType::Warning, reason, message, event),
        ]
    }

    fn announce(&self, view: &View, name: &Name, event: (&Ambient, u32)) -> Option<Call> {
        let pod = view.get(&apis::PODS, name)?;
        let node = pod.meta().fields.get("spec.nodeName")?;
        let message = format!("Successfully assigned {name} to {node}");
        let about = (&apis::PODS, pod);
        Some(
            self.recorder
                .event(about, EventType::Normal, "Scheduled", &message, event),
        )
    }
}

/// The call is optional: that one pod is not bound keeps no other from it. It still waits then.
fn bind(pod: &Object, name: &Name, node: &str) -> Call {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {
            "namespace": &*name.namespace, "name": &*name.name, "uid": pod.meta().uid,
        },
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    Call::post(&apis::PODS, name, pod.revision(), "binding", &binding).optional()
}

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn user(&self) -> User {
        User {
            name: "system:kube-scheduler".into(),
            ..User::default()
        }
    }

    fn watches(&self) -> Vec<Watch> {
        // What is over takes no room.
        let alive = "status.phase!=Succeeded,status.phase!=Failed";
        vec![
            Watch::selected(apis::PODS, alive.into()),
            Watch::all(apis::NODES),
        ]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        let pods = change.api == apis::PODS;
        let helps = match pods {
            true => self.observe_pod(change),
            false => self.observe_node(change),
        };
        if !helps {
            return;
        }
        // More room, another node: those that found none may find one now.
        if !pods || change.new.is_none() || frees(change) {
            self.hope();
        }
        items.push(Scheduler::item());
    }

    fn reconcile(&mut self, view: &View, _item: &Item, ambient: &Ambient) -> Outcome {
        self.plan(view, ambient)
    }

    fn answered(&mut self, _item: &Item, call: &Call, answer: &Answer) {
        if let Some(name) = bound_by(call).filter(|_| answer.succeeded()) {
            self.bound.push(name);
        } else if !answer.succeeded() && call.method == "PATCH" {
            // It has not been told: it is planned again.
            self.hope();
        }
    }
}

/// The change of a pod that waits is more than what a scheduler writes about it.
fn is_news(change: &Change) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return true;
    };
    let without_status = |object: &Object| {
        let mut document = object.json();
        if let Value::Object(members) = &mut document {
            members.remove("status");
            members.remove("metadata");
        }
        document
    };
    old.meta().uid != new.meta().uid
        || old.meta().labels != new.meta().labels
        || without_status(old) != without_status(new)
}

/// A pod that had a node is replaced by one of the same name that has none.
fn frees(change: &Change) -> bool {
    let has_node = |object: &Object| {
        let node = object.meta().fields.get("spec.nodeName");
        node.is_some_and(|node| !node.is_empty())
    };
    change.old.as_ref().is_some_and(has_node) && !change.new.as_ref().is_some_and(has_node)
}

/// The pod that a call binds.
fn bound_by(call: &Call) -> Option<Name> {
    let path = call.path.strip_suffix("/binding")?;
    let path = path.strip_prefix("/api/v1/namespaces/")?;
    let (namespace, name) = path.split_once("/pods/")?;
    Some(Name::new(namespace, name))
}
