//! Deployments: ReplicaSets that follow a template as it changes.
//!
//! Origin: `pkg/controller/deployment`.

mod revision;
mod rolling;
mod rollout;
mod scale;
mod set;
mod status;

use super::{
    Answer, Call, Change, Controller, Item, Name, Outcome, Recorder, View, Watch, apis,
    service_account,
    workload::{Orphans, items_of, refusal},
};
use crate::{ambient::Ambient, config::User, kinds::document::text};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use rollout::Rollout;

/// The controller of Deployments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeploymentController {
    recorder: Recorder,
    orphans: Orphans,
    /// Why the last attempt to make a ReplicaSet failed, until the next look tells it.
    refused: BTreeMap<Item, String>,
}

impl Default for DeploymentController {
    fn default() -> DeploymentController {
        DeploymentController::new()
    }
}

impl DeploymentController {
    /// The controller.
    #[must_use]
    pub fn new() -> DeploymentController {
        DeploymentController {
            recorder: Recorder::new("deployment-controller"),
            orphans: Orphans::default(),
            refused: BTreeMap::new(),
        }
    }
}

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn user(&self) -> User {
        service_account("deployment-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        let apis = [apis::DEPLOYMENTS, apis::REPLICA_SETS, apis::PODS];
        apis.into_iter().map(Watch::all).collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::DEPLOYMENTS {
            items.push(change.name.clone());
        } else if change.api == apis::REPLICA_SETS {
            self.orphans.observe(change);
            items_of(view, &apis::DEPLOYMENTS, change, items);
        } else {
            items.extend(waits_for(view, change));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let refused = self.refused.remove(item);
        match view.get(&apis::DEPLOYMENTS, item) {
            None => Outcome::done(),
            Some(object) => {
                let seen = (view, object);
                let rollout = Rollout::new(seen, &self.orphans, &self.recorder, ambient);
                rollout.run(refused.as_deref())
            }
        }
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        let tried = call.method == "POST" && !call.optional;
        // What is there already is seen soon, and then found to be ours or a collision.
        if tried && !answer.succeeded() && !matches!(answer.code, 0 | 404 | 409) {
            let why = refusal(&answer.why).into();
            self.refused.insert(item.clone(), why);
        }
    }
}

/// The Deployment that waits for this pod to go: one that recreates.
fn waits_for(view: &View, change: &Change) -> Option<Item> {
    let pod = change.old.as_ref().filter(|_| change.new.is_none())?;
    let namespace = &pod.meta().namespace;
    let set = Name::new(namespace, &pod.meta().controller()?.name);
    let set = view.get(&apis::REPLICA_SETS, &set)?;
    let item = Name::new(namespace, &set.meta().controller()?.name);
    let deployment = view.json(&apis::DEPLOYMENTS, &item)?;
    let recreates = text(&deployment, &["spec", "strategy", "type"]) == "Recreate";
    recreates.then_some(item)
}
