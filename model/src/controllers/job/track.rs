//! Counting: every pod that has ended is counted once, whatever crashes in between.
//!
//! A pod's uid is first written into `uncountedTerminatedPods`, then its finalizer is taken off,
//! then the uid is exchanged for one more in the counter (KEP-2307).

use super::{
    failure::{Verdict, uids, verdict},
    indexes::{self, index_of},
    look::Look,
    tracked, untrack,
};
use crate::kinds::document::{at, number, put, text};
use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// The counters of a Job's status as they become.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) uncounted_succeeded: Vec<String>,
    pub(super) uncounted_failed: Vec<String>,
    /// Of an indexed Job.
    pub(super) completed: BTreeSet<i64>,
    /// Why the policy lets the Job fail.
    pub(super) failed_by_policy: Option<String>,
    /// Those whose finalizer may go once the status is written; positions in the look's pods.
    pub(super) countable: Vec<usize>,
}

impl Tally {
    /// All that have succeeded, counted or not yet.
    pub(super) fn all_succeeded(&self, indexed: bool) -> i64 {
        if indexed {
            i64::try_from(self.completed.len()).unwrap_or(i64::MAX)
        } else {
            self.succeeded + super::super::workload::count(&self.uncounted_succeeded)
        }
    }

    /// All that have failed.
    pub(super) fn all_failed(&self) -> i64 {
        self.failed + super::super::workload::count(&self.uncounted_failed)
    }

    /// Nothing is left to be exchanged.
    pub(super) fn settled(&self) -> bool {
        self.uncounted_succeeded.is_empty()
            && self.uncounted_failed.is_empty()
            && self.countable.is_empty()
    }

    /// Writes it into a status.
    pub(super) fn write(&self, status: &mut Value, indexed: bool) {
        super::super::workload::put_count(status, "succeeded", self.succeeded);
        super::super::workload::put_count(status, "failed", self.failed);
        let mut uncounted = json!({});
        for (field, uids) in [
            ("succeeded", &self.uncounted_succeeded),
            ("failed", &self.uncounted_failed),
        ] {
            if !uids.is_empty() {
                put(&mut uncounted, field, json!(uids));
            }
        }
        put(status, "uncountedTerminatedPods", uncounted);
        if indexed && !self.completed.is_empty() {
            put(
                status,
                "completedIndexes",
                json!(indexes::write(&self.completed)),
            );
        }
    }
}

impl Look<'_> {
    /// What has been counted, and what has ended since (`trackJobStatusAndRemoveFinalizers`).
    pub(super) fn tally(&self) -> Tally {
        let status = at(&self.job, &["status"]);
        let counter = |field: &str| number(status, &[field]).unwrap_or_default();
        let completed = text(status, &["completedIndexes"]);
        let mut tally = Tally {
            succeeded: counter("succeeded"),
            failed: counter("failed"),
            completed: indexes::parse(completed, self.completions.unwrap_or_default()),
            ..Tally::default()
        };
        let held: BTreeSet<&str> = self
            .pods
            .iter()
            .filter(|pod| tracked(pod.object))
            .map(|pod| pod.object.meta().uid.as_str())
            .collect();
        for uid in uids(status, "succeeded") {
            if held.contains(uid) {
                tally.uncounted_succeeded.push(uid.into());
            } else {
                tally.succeeded += 1;
            }
        }
        for uid in uids(status, "failed") {
            if held.contains(uid) {
                tally.uncounted_failed.push(uid.into());
            } else {
                tally.failed += 1;
            }
        }
        for position in 0..self.pods.len() {
            self.take(position, &mut tally);
        }
        if self.indexed {
            tally.succeeded = tally.all_succeeded(true);
        }
        tally
    }

    /// One pod.
    fn take(&self, position: usize, tally: &mut Tally) {
        let pod = &self.pods[position];
        let uid = &pod.object.meta().uid;
        if !tracked(pod.object) || !(pod.finished() || self.lost_early(pod)) {
            return;
        }
        tally.countable.push(position);
        if tally.uncounted_succeeded.contains(uid) || tally.uncounted_failed.contains(uid) {
            return;
        }
        if pod.phase() == "Succeeded" {
            if !self.indexed {
                tally.uncounted_succeeded.push(uid.to_string());
            } else if let Some(index) = index_of(pod).filter(|it| self.in_range(*it)) {
                tally.completed.insert(index);
            }
            return;
        }
        match verdict(at(&self.job, &["spec", "podFailurePolicy"]), pod) {
            Verdict::Ignore => {}
            Verdict::Count => tally.uncounted_failed.push(uid.to_string()),
            Verdict::FailJob(why) => {
                tally.uncounted_failed.push(uid.to_string());
                tally.failed_by_policy.get_or_insert(why);
            }
        }
    }

    fn in_range(&self, index: i64) -> bool {
        self.completions
            .is_some_and(|completions| index < completions)
    }

    /// The finalizers go.
    pub(super) fn untrack_all(&mut self, tally: &Tally) {
        for position in &tally.countable {
            self.steps.send(untrack(self.pods[*position].object));
        }
    }
}
