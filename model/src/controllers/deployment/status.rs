//! The status of a Deployment, its conditions and its progress.
//!
//! Origin: `calculateStatus` in `pkg/controller/deployment/sync.go`, `progress.go`.

use super::{
    super::{
        EventType,
        workload::{
            condition, generation, later, new_condition, put_condition, put_count,
            remove_condition, time_at,
        },
    },
    rollout::Rollout,
    set::Set,
};
use crate::{
    ambient::Time,
    kinds::document::{at, copy, number, object, put, text},
};
use alloc::format;
use serde_json::{Value, json};

pub(super) const PROGRESSING: &str = "Progressing";
const AVAILABLE: &str = "Available";
const REPLICA_FAILURE: &str = "ReplicaFailure";
pub(super) const FOUND_NEW_REPLICA_SET: &str = "FoundNewReplicaSet";
pub(super) const NEW_REPLICA_SET_CREATED: &str = "NewReplicaSetCreated";
const NEW_REPLICA_SET_AVAILABLE: &str = "NewReplicaSetAvailable";
const REPLICA_SET_UPDATED: &str = "ReplicaSetUpdated";
const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";
const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
const RESUMED: &str = "DeploymentResumed";

/// A number in a status.
fn counted(status: &Value, field: &str) -> i64 {
    number(status, &[field]).unwrap_or_default()
}

impl Rollout<'_> {
    /// A pause and its end are conditions, so that the deadline does not run meanwhile
    /// (`checkPausedConditions`).
    pub(super) fn mark_pause(&mut self) {
        if self.limits.deadline.is_none() {
            return;
        }
        let progress = condition(at(&self.deployment, &["status"]), PROGRESSING);
        let reason = text(progress, &["reason"]);
        match (self.paused(), reason) {
            (_, PROGRESS_DEADLINE_EXCEEDED) | (true, PAUSED) => {}
            (true, _) => self.put_progress(("Unknown", PAUSED, "Deployment is paused")),
            (false, PAUSED) => self.put_progress(("Unknown", RESUMED, "Deployment is resumed")),
            (false, _) => {}
        }
    }

    /// The last attempt to make a ReplicaSet failed.
    pub(super) fn mark_refused(&mut self, why: &str) {
        let seen = self.owner.object.json();
        let known = condition(at(&seen, &["status"]), PROGRESSING);
        let name = self.new_name().unwrap_or_default();
        let message = format!("Failed to create new replica set \"{name}\": {why}");
        let reason = REPLICA_SET_CREATE_ERROR;
        if text(known, &["reason"]) == reason && text(known, &["message"]) == message {
            // It is so since then, not since the attempt that this look makes.
            let status = object(&mut self.deployment, "status");
            remove_condition(status, PROGRESSING);
            put_condition(status, known.clone());
            return;
        }
        if self.limits.deadline.is_some() {
            self.put_progress(("False", reason, &message));
        }
        self.steps.event(EventType::Warning, reason, &message);
    }

    pub(super) fn put_progress(&mut self, what: (&str, &str, &str)) {
        let now = self.steps.now();
        let status = object(&mut self.deployment, "status");
        put_condition(status, progress(what, now));
    }

    /// Everything that was asked for is there, and nothing else (`DeploymentComplete`).
    pub(super) fn complete(&self, status: &Value) -> bool {
        let wanted = self.limits.replicas;
        ["updatedReplicas", "replicas", "availableReplicas"]
            .iter()
            .all(|field| counted(status, field) == wanted)
            && counted(status, "observedGeneration") >= generation(&self.deployment)
    }

    /// Puts the status together from the sets as they have been seen; in a rollout also its
    /// progress (`syncRolloutStatus`).
    pub(super) fn put_status(&mut self, in_rollout: bool) {
        let before = at(&self.deployment, &["status"]).clone();
        let mut status = self.counts(&before);
        let now = self.steps.now();
        let (truth, reason, message) = if self.available() >= self.limits.least() {
            let message = "Deployment has minimum availability.";
            ("True", "MinimumReplicasAvailable", message)
        } else {
            let message = "Deployment does not have minimum availability.";
            ("False", "MinimumReplicasUnavailable", message)
        };
        let mut available = new_condition(AVAILABLE, (truth, reason, message), now);
        put(&mut available, "lastUpdateTime", json!(now.rfc3339()));
        put_condition(&mut status, available);
        if in_rollout {
            self.progress_of(&before, &mut status);
            match self.replica_failure() {
                Some(failure) => put_condition(&mut status, failure),
                None => remove_condition(&mut status, REPLICA_FAILURE),
            }
            self.look_again(&status);
        }
        put(&mut self.deployment, "status", status);
    }

    fn counts(&self, before: &Value) -> Value {
        let sum = |field: &str| self.sets.iter().map(|set| set.status(field)).sum::<i64>();
        let updated = self.new.map_or(0, |new| self.sets[new].status("replicas"));
        let mut status = json!({});
        put_count(
            &mut status,
            "observedGeneration",
            generation(&self.deployment),
        );
        put_count(&mut status, "replicas", sum("replicas"));
        put_count(&mut status, "updatedReplicas", updated);
        put_count(&mut status, "readyReplicas", sum("readyReplicas"));
        put_count(&mut status, "availableReplicas", self.available());
        let unavailable = self.total() - self.available();
        put_count(&mut status, "unavailableReplicas", unavailable.max(0));
        let going = sum("terminatingReplicas");
        put(&mut status, "terminatingReplicas", json!(going));
        copy(before, &mut status, "collisionCount");
        copy(before, &mut status, "conditions");
        status
    }

    fn progress_of(&self, before: &Value, status: &mut Value) {
        let Some(deadline) = self.limits.deadline else {
            remove_condition(status, PROGRESSING);
            return;
        };
        let current = condition(before, PROGRESSING).clone();
        let all_updated = counted(status, "replicas") == counted(status, "updatedReplicas");
        if all_updated && text(&current, &["reason"]) == NEW_REPLICA_SET_AVAILABLE {
            return;
        }
        let subject = match self.new_name() {
            Some(name) => format!("ReplicaSet \"{name}\""),
            None => format!("Deployment \"{}\"", self.name()),
        };
        let now = self.steps.now();
        if self.complete(status) {
            let message = format!("{subject} has successfully progressed.");
            let what = ("True", NEW_REPLICA_SET_AVAILABLE, &*message);
            put_condition(status, progress(what, now));
        } else if self.progressed(status) {
            let message = format!("{subject} is progressing.");
            let mut new = progress(("True", REPLICA_SET_UPDATED, &message), now);
            if text(&current, &["status"]) == "True" {
                copy(&current, &mut new, "lastTransitionTime");
            }
            // Even when nothing else is new, its time is.
            remove_condition(status, PROGRESSING);
            put_condition(status, new);
        } else if timed_out(condition(status, PROGRESSING), deadline, now) {
            let message = format!("{subject} has timed out progressing.");
            let what = ("False", PROGRESS_DEADLINE_EXCEEDED, &*message);
            put_condition(status, progress(what, now));
        }
    }

    /// There are more new pods, or fewer old ones, than the status in the store says
    /// (`DeploymentProgressing`).
    fn progressed(&self, status: &Value) -> bool {
        let seen = self.owner.object.json();
        let seen = at(&seen, &["status"]);
        let old = |status: &Value| counted(status, "replicas") - counted(status, "updatedReplicas");
        let more = |field: &str| counted(status, field) > counted(seen, field);
        more("updatedReplicas")
            || old(status) < old(seen)
            || more("readyReplicas")
            || more("availableReplicas")
    }

    /// The new set's failure, or else that of an old one.
    fn replica_failure(&self) -> Option<Value> {
        let failure = |set: &Set| {
            let status = at(&set.document, &["status"]);
            let found = condition(status, REPLICA_FAILURE);
            (!found.is_null()).then(|| found.clone())
        };
        let new = self.new.and_then(|new| failure(&self.sets[new]));
        let mut found = new.or_else(|| self.sets.iter().find_map(failure))?;
        let time = at(&found, &["lastTransitionTime"]).clone();
        put(&mut found, "lastUpdateTime", time);
        Some(found)
    }

    /// When the deadline will have passed (`requeueStuckDeployment`).
    fn look_again(&mut self, status: &Value) {
        let progress = condition(status, PROGRESSING);
        let over = matches!(
            text(progress, &["reason"]),
            PROGRESS_DEADLINE_EXCEEDED | NEW_REPLICA_SET_AVAILABLE
        );
        let Some(deadline) = self.limits.deadline.filter(|_| !over) else {
            return;
        };
        if let Some(updated) = time_at(progress, &["lastUpdateTime"]) {
            self.steps.again_at(later(updated, deadline + 1));
        }
    }
}

fn progress((truth, reason, message): (&str, &str, &str), now: Time) -> Value {
    let mut condition = new_condition(PROGRESSING, (truth, reason, message), now);
    put(&mut condition, "lastUpdateTime", json!(now.rfc3339()));
    condition
}

/// `DeploymentTimedOut`
fn timed_out(progress: &Value, deadline: i64, now: Time) -> bool {
    match text(progress, &["reason"]) {
        NEW_REPLICA_SET_AVAILABLE => return false,
        PROGRESS_DEADLINE_EXCEEDED => return true,
        _ => {}
    }
    let updated = time_at(progress, &["lastUpdateTime"]);
    updated.is_some_and(|updated| later(updated, deadline) < now)
}
