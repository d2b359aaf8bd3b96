//! DaemonSets: one pod on each node that it suits.
//!
//! Origin: `pkg/controller/daemon`.

mod look;
mod node;
mod update;

use super::{
    Change, Controller, Item, Outcome, Recorder, View, Watch, apis, service_account,
    workload::{Orphans, items_of},
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use look::Look;
use node::Node;

/// The controller of DaemonSets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DaemonSetController {
    recorder: Recorder,
    orphans: Orphans,
    orphaned_revisions: Orphans,
    /// What has been seen of the nodes that matters here.
    nodes: BTreeMap<String, Node>,
    /// How often the pod of a set on a node has failed of late, and when the last was replaced.
    failures: BTreeMap<(Item, String), (u32, Time)>,
}

impl Default for DaemonSetController {
    fn default() -> DaemonSetController {
        DaemonSetController::new()
    }
}

impl DaemonSetController {
    /// The controller.
    #[must_use]
    pub fn new() -> DaemonSetController {
        DaemonSetController {
            recorder: Recorder::new("daemonset-controller"),
            orphans: Orphans::default(),
            orphaned_revisions: Orphans::default(),
            nodes: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }

    /// True when something about the node has changed that matters.
    fn observe_node(&mut self, change: &Change) -> bool {
        let name = String::from(&*change.name.name);
        match &change.new {
            None => {
                self.failures.retain(|(_, node), _| *node != name);
                self.nodes.remove(&name).is_some()
            }
            Some(object) => {
                let node = Node::read(object);
                self.nodes.insert(name, node.clone()) != Some(node)
            }
        }
    }
}

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemon-set-controller"
    }

    fn user(&self) -> User {
        service_account("daemon-set-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        let apis = [
            apis::DAEMON_SETS,
            apis::CONTROLLER_REVISIONS,
            apis::PODS,
            apis::NODES,
        ];
        apis.into_iter().map(Watch::all).collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::DAEMON_SETS {
            if change.new.is_none() {
                self.failures.retain(|(item, _), _| *item != change.name);
            }
            items.push(change.name.clone());
        } else if change.api == apis::NODES {
            if self.observe_node(change) {
                items.extend(view.list(&apis::DAEMON_SETS).map(|(name, _)| name.clone()));
            }
        } else {
            let orphans = if change.api == apis::PODS {
                &mut self.orphans
            } else {
                &mut self.orphaned_revisions
            };
            orphans.observe(change);
            items_of(view, &apis::DAEMON_SETS, change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        match view.get(&apis::DAEMON_SETS, item) {
            None => Outcome::done(),
            Some(object) => Look::new(self, (view, item, object), ambient).run(),
        }
    }
}
