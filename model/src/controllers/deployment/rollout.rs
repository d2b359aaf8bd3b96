//! A look at a Deployment, from what is seen to what is sent.

use super::{
    super::{
        Api, Call, DeleteOptions, EventType, Outcome, Recorder, View, apis,
        workload::{Orphans, Owner, Pod, Rounding, Steps, claim, count, pods_of, scaled},
    },
    set::Set,
};
use crate::{
    ambient::Ambient,
    kinds::document::{at, flag, number, same, text},
    object::Object,
};
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

static DEPLOYMENTS: Api = apis::DEPLOYMENTS;
/// `progressDeadlineSeconds` of who has none.
const NO_DEADLINE: i64 = 2_147_483_647;

/// The Deployment and its ReplicaSets as they are to be.
pub(super) struct Rollout<'a> {
    pub(super) view: &'a View,
    pub(super) owner: Owner<'a>,
    /// With what is to be in its status.
    pub(super) deployment: Value,
    /// In the order of their creation.
    pub(super) sets: Vec<Set>,
    /// The one that has the Deployment's template.
    pub(super) new: Option<usize>,
    pub(super) steps: Steps<'a>,
    scaled: Vec<String>,
    pub(super) limits: Limits,
}

/// What a Deployment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) replicas: i64,
    pub(super) rolling: bool,
    /// How many pods more there may be during a rolling update.
    pub(super) surge: i64,
    /// How many may be unavailable.
    pub(super) unavailable: i64,
    /// Seconds.
    pub(super) deadline: Option<i64>,
}

impl Limits {
    /// `ResolveFenceposts`
    fn of(deployment: &Value) -> Limits {
        let replicas = number(deployment, &["spec", "replicas"]).unwrap_or(1);
        let strategy = at(deployment, &["spec", "strategy"]);
        let rolling = text(strategy, &["type"]) == "RollingUpdate";
        let amount = |field: &str, rounding| {
            scaled(at(strategy, &["rollingUpdate", field]), replicas, rounding)
        };
        let (mut surge, mut unavailable) = (0, 0);
        if rolling {
            surge = amount("maxSurge", Rounding::Up);
            unavailable = amount("maxUnavailable", Rounding::Down);
            if surge == 0 && unavailable == 0 {
                unavailable = 1;
            }
        }
        Limits {
            replicas,
            rolling,
            surge,
            unavailable: unavailable.min(replicas),
            deadline: number(deployment, &["spec", "progressDeadlineSeconds"])
                .filter(|seconds| *seconds != NO_DEADLINE),
        }
    }

    /// How many pods there may be.
    pub(super) fn most(&self) -> i64 {
        self.replicas + self.surge
    }

    /// How many must be available.
    pub(super) fn least(&self) -> i64 {
        self.replicas - self.unavailable
    }
}

impl<'a> Rollout<'a> {
    pub(super) fn new(
        (view, object): (&'a View, &'a Object),
        orphans: &Orphans,
        recorder: &'a Recorder,
        ambient: &'a Ambient,
    ) -> Rollout<'a> {
        let owner = Owner {
            api: &DEPLOYMENTS,
            object,
        };
        let claimed = claim(view, owner, &apis::REPLICA_SETS, orphans, |_| true);
        let mut sets: Vec<Set> = claimed.objects.into_iter().map(Set::seen).collect();
        sets.sort_by(|one, other| {
            (one.created(), one.name()).cmp(&(other.created(), other.name()))
        });
        let deployment = object.json();
        let template = at(&deployment, &["spec", "template"]);
        let mut steps = Steps::new(ambient, (owner.api, object), recorder);
        for call in claimed.calls {
            steps.send(call);
        }
        Rollout {
            view,
            owner,
            new: sets.iter().position(|set| set.made_from(template)),
            limits: Limits::of(&deployment),
            deployment,
            sets,
            steps,
            scaled: Vec::new(),
        }
    }

    /// `syncDeployment`
    pub(super) fn run(mut self, refused: Option<&str>) -> Outcome {
        if self.owner.object.meta().deletion_timestamp.is_some() {
            self.put_status(false);
            return self.finish(refused);
        }
        self.mark_pause();
        if self.paused() || self.scaling() {
            self.sync_revision();
            self.scale();
            if self.paused() {
                self.clean_up();
            }
            self.put_status(false);
        } else if self.limits.rolling {
            self.roll();
            self.put_status(true);
        } else {
            self.recreate();
            self.put_status(true);
        }
        self.finish(refused)
    }

    pub(super) fn paused(&self) -> bool {
        flag(&self.deployment, &["spec", "paused"])
    }

    /// All pods are to go before new ones come (`rolloutRecreate`).
    fn recreate(&mut self) {
        self.sync_revision();
        let mut down = false;
        for index in self.old() {
            down |= self.sets[index].active();
            self.resize(index, 0);
        }
        if down || self.old_pods_run() {
            return;
        }
        let new = self.new_or_create();
        if let Some(new) = new {
            self.resize(new, self.limits.replicas);
        }
        if self.complete(at(&self.deployment, &["status"])) {
            self.clean_up();
        }
    }

    fn old_pods_run(&self) -> bool {
        self.old().into_iter().any(|index| {
            let set = &self.sets[index];
            let runs = |pod: &Pod<'_>| !pod.finished();
            set.status("replicas") > 0 || pods_of(self.view, set.uid()).iter().any(runs)
        })
    }

    /// The sets that have another template.
    pub(super) fn old(&self) -> Vec<usize> {
        let all = 0..self.sets.len();
        all.filter(|index| Some(*index) != self.new).collect()
    }

    /// `spec.replicas` of all sets.
    pub(super) fn total(&self) -> i64 {
        self.sets.iter().map(Set::replicas).sum()
    }

    pub(super) fn available(&self) -> i64 {
        self.sets.iter().map(Set::available).sum()
    }

    /// Gives a set another size, if it has not got that one, and tells people.
    pub(super) fn resize(&mut self, index: usize, replicas: i64) {
        if self.sets[index].replicas() == replicas {
            return;
        }
        let (desired, most) = (self.limits.replicas, self.limits.most());
        let set = &mut self.sets[index];
        self.scaled.push(scaled_text(set, set.replicas(), replicas));
        set.set_spec("replicas", replicas);
        set.annotate_replicas(desired, most);
    }

    /// A set that is made with pods.
    pub(super) fn tell_made(&mut self, set: &Set) {
        if set.active() {
            self.scaled.push(scaled_text(set, 0, set.replicas()));
        }
    }

    /// Old sets beyond `revisionHistoryLimit` go, the oldest first (`cleanupDeployment`).
    pub(super) fn clean_up(&mut self) {
        let Some(limit) = number(&self.deployment, &["spec", "revisionHistoryLimit"]) else {
            return;
        };
        let mut old = self.old();
        old.retain(|index| !self.sets[*index].going());
        let surplus = count(&old) - limit;
        old.sort_by_key(|index| self.sets[*index].revision());
        for index in old
            .into_iter()
            .take(usize::try_from(surplus).unwrap_or_default())
        {
            let set = &self.sets[index];
            if set.spent() && !set.changed {
                let options = DeleteOptions {
                    uid: set.uid(),
                    ..DeleteOptions::default()
                };
                let name = set.full_name();
                let call = Call::delete(&apis::REPLICA_SETS, &name, set.uid(), options);
                self.steps.send(call);
            }
        }
    }

    /// `getReplicaFailures`, the conditions of the sets and the progress go into the status; what
    /// has changed is sent.
    fn finish(mut self, refused: Option<&str>) -> Outcome {
        if let Some(why) = refused {
            self.mark_refused(why);
        }
        for set in self.sets.iter().filter(|set| set.changed || set.fresh) {
            let call = if set.fresh {
                let namespace = &self.owner.object.meta().namespace;
                Call::create(&apis::REPLICA_SETS, namespace, &set.document)
            } else {
                Call::update(&apis::REPLICA_SETS, &set.document)
            };
            self.steps.send(call);
        }
        for message in &self.scaled {
            self.steps
                .event(EventType::Normal, "ScalingReplicaSet", message);
        }
        let seen = self.owner.object.json();
        if !same(&seen, &self.deployment) {
            let call = Call::update_status(&apis::DEPLOYMENTS, &self.deployment);
            if refused.is_some() {
                // What has failed will fail again, and people want to know.
                self.steps.send_first(call);
            } else {
                self.steps.send(call);
            }
        }
        self.steps.finish()
    }
}

fn scaled_text(set: &Set, from: i64, to: i64) -> String {
    let direction = if to > from { "up" } else { "down" };
    format!(
        "Scaled {direction} replica set {} from {from} to {to}",
        set.name()
    )
}
