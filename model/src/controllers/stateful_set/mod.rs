//! StatefulSets: pods with names that stay, one after another.
//!
//! Origin: `pkg/controller/statefulset`. Claims are kept whatever
//! `persistentVolumeClaimRetentionPolicy` says.

mod look;
mod pod;
mod status;

use super::{
    Change, Controller, Item, Outcome, Recorder, View, Watch, apis, service_account,
    workload::{Orphans, items_of},
};
use crate::{ambient::Ambient, config::User};
use alloc::vec::Vec;
use look::Look;

/// The controller of StatefulSets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatefulSetController {
    recorder: Recorder,
    orphans: Orphans,
    orphaned_revisions: Orphans,
}

impl Default for StatefulSetController {
    fn default() -> StatefulSetController {
        StatefulSetController::new()
    }
}

impl StatefulSetController {
    /// The controller.
    #[must_use]
    pub fn new() -> StatefulSetController {
        StatefulSetController {
            recorder: Recorder::new("statefulset-controller"),
            orphans: Orphans::default(),
            orphaned_revisions: Orphans::default(),
        }
    }
}

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        "statefulset-controller"
    }

    fn user(&self) -> User {
        service_account("statefulset-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        let apis = [
            apis::STATEFUL_SETS,
            apis::CONTROLLER_REVISIONS,
            apis::PODS,
            apis::PERSISTENT_VOLUME_CLAIMS,
        ];
        apis.into_iter().map(Watch::all).collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::STATEFUL_SETS {
            items.push(change.name.clone());
        } else if change.api != apis::PERSISTENT_VOLUME_CLAIMS {
            let orphans = if change.api == apis::PODS {
                &mut self.orphans
            } else {
                &mut self.orphaned_revisions
            };
            orphans.observe(change);
            items_of(view, &apis::STATEFUL_SETS, change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        match view.get(&apis::STATEFUL_SETS, item) {
            None => Outcome::done(),
            Some(object) => Look::new(self, (view, object), ambient).run(),
        }
    }
}
