//! Jobs: pods that run to their end, so many of them, and counted once each.
//!
//! Origin: `pkg/controller/job/job_controller.go`, `tracking_utils.go`, `indexed_job_utils.go`,
//! `pod_failure_policy.go`. `backoffLimitPerIndex` and `successPolicy` are not looked at.

mod failure;
mod indexes;
mod look;
mod track;

use super::{
    Call, Change, Controller, Item, Name, Outcome, Recorder, View, Watch, apis, service_account,
    workload::{JOB_TRACKING, Orphans, items_of},
};
use crate::{ambient::Ambient, config::User, object::Object};
use alloc::{format, vec, vec::Vec};
use look::Look;
use serde_json::json;

/// What an item for a pod that has lost its Job begins with: no Job has such a name.
const POD: &str = "pod:";

/// The controller of Jobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobController {
    recorder: Recorder,
    orphans: Orphans,
}

impl Default for JobController {
    fn default() -> JobController {
        JobController::new()
    }
}

impl JobController {
    /// The controller.
    #[must_use]
    pub fn new() -> JobController {
        JobController {
            recorder: Recorder::new("job-controller"),
            orphans: Orphans::default(),
        }
    }
}

impl Controller for JobController {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn user(&self) -> User {
        service_account("job-controller")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::JOBS), Watch::all(apis::PODS)]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::PODS {
            self.orphans.observe(change);
            items_of(view, &apis::JOBS, change, items);
            let tracked = change.new.as_ref().filter(|pod| tracked(pod));
            if tracked.is_some_and(|pod| lost(view, pod)) {
                items.push(item_of(&change.name));
            }
            return;
        }
        items.push(change.name.clone());
        let gone = change.old.as_ref().filter(|_| change.new.is_none());
        if let Some(gone) = gone {
            let api = apis::PODS;
            let pods = view.controlled_by(&api, &gone.meta().uid);
            items.extend(pods.map(|(name, _)| item_of(name)));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        if let Some(pod) = item.name.strip_prefix(POD) {
            return let_go(view, &Name::new(&item.namespace, pod));
        }
        match view.get(&apis::JOBS, item) {
            None => Outcome::done(),
            Some(object) => Look::new(view, object, (&self.orphans, &self.recorder, ambient)).run(),
        }
    }
}

fn item_of(pod: &Name) -> Item {
    Name::new(&pod.namespace, &format!("{POD}{}", pod.name))
}

fn tracked(pod: &Object) -> bool {
    pod.meta().finalizers.iter().any(|one| one == JOB_TRACKING)
}

/// Its Job is not there, or it has none.
fn lost(view: &View, pod: &Object) -> bool {
    let meta = pod.meta();
    let Some(owner) = meta.controller() else {
        return true;
    };
    let job = view.get(&apis::JOBS, &Name::new(&meta.namespace, &owner.name));
    owner.kind == "Job" && job.is_none_or(|job| job.meta().uid != owner.uid)
}

/// Nobody will count this pod (`syncOrphanPod`).
fn let_go(view: &View, name: &Name) -> Outcome {
    let pod = view.get(&apis::PODS, name);
    match pod.filter(|pod| tracked(pod) && lost(view, pod)) {
        None => Outcome::done(),
        Some(pod) => Outcome::calls(vec![untrack(pod)]),
    }
}

/// Takes the finalizer off a pod.
fn untrack(pod: &Object) -> Call {
    let meta = pod.meta();
    let name = Name::new(&meta.namespace, &meta.name);
    let patch = json!({"metadata": {
        "uid": meta.uid, "$deleteFromPrimitiveList/finalizers": [JOB_TRACKING],
    }});
    Call::strategic_patch(&apis::PODS, &name, "", &patch)
}
