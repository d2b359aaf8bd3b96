//! ReplicaSets and ReplicationControllers: as many pods as they ask for.
//!
//! Origin: `pkg/controller/replicaset/replica_set.go`, `pkg/controller/replication`.

use super::{
    Answer, Api, Call, Change, Controller, DeleteOptions, EventType, Item, Name, Outcome, Recorder,
    View, Watch, apis, service_account,
    workload::{
        Orphans, Owner, Pod, Steps, claim, condition, count, count_if, generation, items_of,
        new_condition, pod_from, pods_of, put_condition, put_count, refusal, remove_condition,
    },
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::document::{at, number, put, same, strings},
    object::Object,
};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};
use serde_json::{Value, json};

/// How many pods one look makes or deletes at most (`BurstReplicas`).
const BURST: usize = 500;
const REPLICA_FAILURE: &str = "ReplicaFailure";

/// The controller of ReplicaSets, or of ReplicationControllers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplicaSetController {
    api: Api,
    name: &'static str,
    recorder: Recorder,
    orphans: Orphans,
    /// Why the last attempt to make or delete pods failed, until the next look tells it.
    refused: BTreeMap<Item, Refused>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Refused {
    reason: &'static str,
    why: String,
}

impl Default for ReplicaSetController {
    fn default() -> ReplicaSetController {
        ReplicaSetController::new()
    }
}

impl ReplicaSetController {
    /// The controller of ReplicaSets.
    #[must_use]
    pub fn new() -> ReplicaSetController {
        ReplicaSetController::of(apis::REPLICA_SETS, "replicaset-controller")
    }

    /// The controller of ReplicationControllers.
    #[must_use]
    pub fn replication() -> ReplicaSetController {
        ReplicaSetController::of(apis::REPLICATION_CONTROLLERS, "replication-controller")
    }

    fn of(api: Api, name: &'static str) -> ReplicaSetController {
        ReplicaSetController {
            api,
            name,
            recorder: Recorder::new(name),
            orphans: Orphans::default(),
            refused: BTreeMap::new(),
        }
    }
}

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        self.name
    }

    fn user(&self) -> User {
        service_account(self.name)
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(self.api.clone()), Watch::all(apis::PODS)]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == self.api {
            items.push(change.name.clone());
        } else {
            self.orphans.observe(change);
            items_of(view, &self.api, change, items);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let refused = self.refused.remove(item);
        let Some(object) = view.get(&self.api, item) else {
            return Outcome::done();
        };
        let owner = Owner {
            api: &self.api,
            object,
        };
        let active = |pod: &Object| Pod::read(pod).active();
        let claimed = claim(view, owner, &apis::PODS, &self.orphans, active);
        let pods: Vec<Pod<'_>> = claimed.objects.into_iter().map(Pod::read).collect();
        let mut steps = Steps::new(ambient, (&self.api, object), &self.recorder);
        for call in claimed.calls {
            steps.send(call);
        }
        let mut look = Look {
            view,
            owner,
            set: object.json(),
            pods,
            steps,
        };
        // The status first: what follows may fail.
        look.status(refused.as_ref());
        look.manage();
        look.steps.finish()
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        let reason = match call.method {
            "POST" => "FailedCreate",
            "DELETE" => "FailedDelete",
            _ => return,
        };
        // What is there already is a matter of the name's chance.
        if call.optional || answer.succeeded() || matches!(answer.code, 0 | 404 | 409) {
            return;
        }
        let why = refusal(&answer.why).into();
        self.refused.insert(item.clone(), Refused { reason, why });
    }
}

/// A look at a set.
struct Look<'a> {
    view: &'a View,
    owner: Owner<'a>,
    set: Value,
    pods: Vec<Pod<'a>>,
    steps: Steps<'a>,
}

impl<'a> Look<'a> {
    fn active(&self) -> Vec<Pod<'a>> {
        let active = self.pods.iter().filter(|pod| pod.active());
        active.cloned().collect()
    }

    fn replicas(&self) -> usize {
        let replicas = number(&self.set, &["spec", "replicas"]).unwrap_or(1);
        usize::try_from(replicas).unwrap_or_default()
    }

    /// `manageReplicas`
    fn manage(&mut self) {
        if self.owner.object.meta().deletion_timestamp.is_some() {
            return;
        }
        let active = self.active();
        let wanted = self.replicas();
        if active.len() < wanted {
            let missing = (wanted - active.len()).min(BURST);
            for attempt in 0..u32::try_from(missing).unwrap_or_default() {
                self.create(attempt);
            }
        } else {
            let surplus = (active.len() - wanted).min(BURST);
            for pod in self.ranked(active).iter().take(surplus) {
                self.delete(pod);
            }
        }
    }

    fn create(&mut self, attempt: u32) {
        let template = at(&self.set, &["spec", "template"]);
        let meta = self.owner.object.meta();
        let base = format!("{}-", meta.name);
        let pod = pod_from(template, (self.owner, &base), (self.steps.ambient, attempt));
        let namespace = &meta.namespace;
        self.steps.send(Call::create(&apis::PODS, namespace, &pod));
        let name = crate::kinds::document::text(&pod, &["metadata", "name"]);
        let message = format!("Created pod: {name}");
        self.steps
            .event(EventType::Normal, "SuccessfulCreate", &message);
    }

    fn delete(&mut self, pod: &Pod<'_>) {
        let meta = pod.object.meta();
        let name = Name::new(&meta.namespace, &meta.name);
        let options = DeleteOptions {
            uid: &meta.uid,
            ..DeleteOptions::default()
        };
        let call = Call::delete(&apis::PODS, &name, &meta.uid, options);
        self.steps.send(call);
        let message = format!("Deleted pod: {}", meta.name);
        self.steps
            .event(EventType::Normal, "SuccessfulDelete", &message);
    }

    /// The pods in the order in which they go.
    fn ranked(&self, mut pods: Vec<Pod<'a>>) -> Vec<Pod<'a>> {
        if pods.len() <= self.replicas() {
            return pods;
        }
        let related = self.related();
        let rank = |pod: &Pod<'_>| related.get(pod.node()).copied().unwrap_or_default();
        let now = self.steps.now();
        pods.sort_by(|one, other| one.goes_before(other, (rank(one), rank(other)), now));
        pods
    }

    /// node → how many active pods of all sets of the same owner are there.
    fn related(&self) -> BTreeMap<&'a str, i64> {
        let mut counts = BTreeMap::new();
        let Some(controller) = self.owner.object.meta().controller() else {
            return counts;
        };
        for (_, set) in self.view.controlled_by(self.owner.api, &controller.uid) {
            for pod in pods_of(self.view, &set.meta().uid) {
                if pod.active() {
                    *counts.entry(pod.node()).or_default() += 1;
                }
            }
        }
        counts
    }

    /// `calculateStatus`, `updateReplicaSetStatus`
    fn status(&mut self, refused: Option<&Refused>) {
        let active = self.active();
        let seconds = number(&self.set, &["spec", "minReadySeconds"]).unwrap_or_default();
        let now = self.steps.now();
        let available = count_if(&active, |pod| {
            pod.available_from(seconds).is_some_and(|at| at <= now)
        });
        let next = active.iter().filter_map(|pod| pod.available_from(seconds));
        if let Some(next) = next.filter(|time| *time > now).min() {
            self.steps.again_at(next);
        }
        let labels = strings(&self.set, &["spec", "template", "metadata", "labels"]);
        let labeled = |pod: &Pod<'_>| {
            let own = &pod.object.meta().labels;
            let has = |(key, value): &(&str, &str)| own.get(*key).is_some_and(|it| it == value);
            labels.iter().all(has)
        };
        let before = at(&self.set, &["status"]);
        let mut status = json!({"replicas": count(&active)});
        put_count(
            &mut status,
            "fullyLabeledReplicas",
            count_if(&active, labeled),
        );
        put_count(&mut status, "readyReplicas", count_if(&active, Pod::ready));
        put_count(&mut status, "availableReplicas", available);
        put_count(&mut status, "observedGeneration", generation(&self.set));
        if self.owner.api.kind == "ReplicaSet" {
            let going = count_if(&self.pods, |pod| pod.going() && !pod.finished());
            put(&mut status, "terminatingReplicas", json!(going));
        }
        put(
            &mut status,
            "conditions",
            at(before, &["conditions"]).clone(),
        );
        let failed = !condition(before, REPLICA_FAILURE).is_null();
        match refused {
            Some(refused) if !failed => {
                put_condition(&mut status, failure(refused, now));
                let what = if refused.reason == "FailedCreate" {
                    "creating"
                } else {
                    "deleting"
                };
                let message = format!("Error {what}: {}", refused.why);
                self.steps
                    .event(EventType::Warning, refused.reason, &message);
            }
            Some(_) => {}
            None => remove_condition(&mut status, REPLICA_FAILURE),
        }
        if !same(at(&self.set, &["status"]), &status) {
            let mut set = self.set.clone();
            put(&mut set, "status", status);
            self.steps.send(Call::update_status(self.owner.api, &set));
        }
    }
}

fn failure(refused: &Refused, now: Time) -> Value {
    new_condition(REPLICA_FAILURE, ("True", refused.reason, &refused.why), now)
}
