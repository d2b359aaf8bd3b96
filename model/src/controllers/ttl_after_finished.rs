//! Finished Jobs go after their `ttlSecondsAfterFinished`.
//!
//! Origin: `pkg/controller/ttlafterfinished`.

use super::{
    Call, Change, Controller, DeleteOptions, Item, Outcome, View, Watch, apis, service_account,
    workload::{finished, later, time_at},
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, number},
};
use alloc::{vec, vec::Vec};

/// The controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TtlAfterFinishedController;

impl Controller for TtlAfterFinishedController {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn user(&self) -> User {
        service_account("ttl-after-finished-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::JOBS)]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        items.push(change.name.clone());
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::JOBS, item) else {
            return Outcome::done();
        };
        let meta = object.meta();
        let job = object.json();
        let seconds = number(&job, &["spec", "ttlSecondsAfterFinished"]);
        let end = finished(at(&job, &["status"]));
        let end = end.and_then(|condition| time_at(condition, &["lastTransitionTime"]));
        let (Some(seconds), Some(end), None) = (seconds, end, &meta.deletion_timestamp) else {
            return Outcome::done();
        };
        let due = later(end, seconds);
        if due > ambient.now {
            return Outcome::done().again_at(due);
        }
        // Whoever has given it more time since then has made another revision of it.
        let options = DeleteOptions {
            uid: &meta.uid,
            resource_version: Some(object.revision()),
            propagation: "Foreground",
            ..DeleteOptions::default()
        };
        Outcome::calls(vec![Call::delete(&apis::JOBS, item, &meta.uid, options)])
    }
}
