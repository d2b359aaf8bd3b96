//! Node lifecycle: a node whose kubelet is not heard of any more becomes unknown, its state becomes
//! taints, and pods that don't put up with those are evicted (`pkg/controller/nodelifecycle`,
//! `pkg/controller/tainteviction`).
//!
//! When no node is heard of, nothing is evicted: it is more likely this side that is cut off
//! (upstream's full disruption, with the whole cluster as one zone). Not modelled: zones, limits of
//! the rate of evictions.

mod eviction;
mod health;

use super::{
    Change, Controller, Item, Name, Outcome, Recorder, View, Watch, apis, controller_manager,
    service_account, taint::Taint,
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    etcd::Revision,
    kinds::document::{list, text},
    object::Object,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use serde_json::Value;

/// The node lifecycle controller, taint eviction included.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NodeLifecycle {
    recorder: Recorder,
    nodes: BTreeMap<Arc<str>, Node>,
    /// The pods of each node.
    pods: BTreeMap<Arc<str>, BTreeSet<Name>>,
    /// Pods whose node has become unready, until they are seen to be told unready.
    unready: BTreeSet<Name>,
    /// Since when pods have been on tainted nodes.
    since: BTreeMap<Name, Time>,
}

/// What it knows of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Node {
    /// The condition Ready is True.
    ready: bool,
    /// The taints that evict.
    evicting: Vec<Taint>,
    /// What was last heard of its kubelet: the Lease's revision and the heartbeat in its status.
    sign: (Option<Revision>, String),
    /// When that was heard, by this controller's clock: those of the nodes may differ.
    heard: Option<Time>,
}

impl Default for NodeLifecycle {
    fn default() -> NodeLifecycle {
        NodeLifecycle {
            recorder: Recorder::new("node-controller"),
            nodes: BTreeMap::new(),
            pods: BTreeMap::new(),
            unready: BTreeSet::new(),
            since: BTreeMap::new(),
        }
    }
}

/// Where kubelets keep their Leases.
const LEASES: &str = "kube-node-lease";
const NO_EXECUTE: &str = "NoExecute";

impl NodeLifecycle {
    fn observe_node(&mut self, change: &Change, items: &mut Vec<Item>) {
        let name = &change.name.name;
        let any_before = self.any_ready();
        let Some(object) = &change.new else {
            self.nodes.remove(name);
            self.all_nodes_when(any_before, items);
            return;
        };
        let document = object.json();
        let node = self.nodes.entry(name.clone()).or_default();
        let (was_ready, first) = (node.ready, change.old.is_none());
        node.ready = text(condition(&document, "Ready"), &["status"]) == "True";
        let mut evicting = Taint::all(&document);
        evicting.retain(|taint| taint.effect == NO_EXECUTE);
        let tainted = node.evicting != evicting;
        node.evicting = evicting;
        let lost = !node.ready && (was_ready || first);
        items.push(change.name.clone());
        let pods = self.pods.get(name).cloned().unwrap_or_default();
        if lost {
            self.unready.extend(pods.iter().cloned());
        }
        if lost || tainted {
            items.extend(pods);
        }
        self.all_nodes_when(any_before, items);
    }

    fn any_ready(&self) -> bool {
        self.nodes.values().any(|node| node.ready)
    }

    /// Whether nodes are to be evicted depends on whether any is ready.
    fn all_nodes_when(&self, any_before: bool, items: &mut Vec<Item>) {
        if any_before != self.any_ready() {
            items.extend(self.nodes.keys().map(|name| Name::new("", name)));
        }
    }

    fn observe_pod(&mut self, change: &Change, items: &mut Vec<Item>) {
        for (object, here) in [(&change.old, false), (&change.new, true)] {
            let node = object
                .as_ref()
                .and_then(|it| it.meta().fields.get("spec.nodeName"));
            let Some(node) = node.filter(|node| !node.is_empty()) else {
                continue;
            };
            let node: Arc<str> = node.as_str().into();
            if here {
                self.pods
                    .entry(node.clone())
                    .or_default()
                    .insert(change.name.clone());
                let tainted = self
                    .nodes
                    .get(&node)
                    .is_some_and(|it| !it.evicting.is_empty());
                if tainted || self.unready.contains(&change.name) {
                    items.push(change.name.clone());
                }
            } else if let Some(pods) = self.pods.get_mut(&node) {
                pods.remove(&change.name);
                if pods.is_empty() {
                    self.pods.remove(&node);
                }
            }
        }
        let uid = |object: &Option<Object>| object.as_ref().map(|it| it.meta().uid.clone());
        if change.old.is_some() && uid(&change.old) != uid(&change.new) {
            self.unready.remove(&change.name);
            self.since.remove(&change.name);
        }
    }
}

impl Controller for NodeLifecycle {
    fn name(&self) -> &'static str {
        "node-lifecycle-controller"
    }

    fn user(&self) -> User {
        service_account("node-controller")
    }

    fn watches_as(&self) -> User {
        controller_manager()
    }

    fn watches(&self) -> Vec<Watch> {
        let leases = alloc::format!("metadata.namespace={LEASES}");
        vec![
            Watch::all(apis::NODES),
            Watch::selected(apis::LEASES, leases),
            Watch::selected(apis::PODS, "spec.nodeName!=".into()),
        ]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NODES {
            self.observe_node(change, items);
        } else if change.api == apis::PODS {
            self.observe_pod(change, items);
        } else {
            items.push(Name::new("", &change.name.name));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        match item.namespace.is_empty() {
            true => self.watch_over(view, item, ambient),
            false => self.evict(view, item, ambient),
        }
    }
}

/// A condition of a node or pod; null when there is none.
fn condition<'a>(document: &'a Value, kind: &str) -> &'a Value {
    let mut conditions = list(document, &["status", "conditions"]).iter();
    let found = conditions.find(|it| text(it, &["type"]) == kind);
    found.unwrap_or(&Value::Null)
}
