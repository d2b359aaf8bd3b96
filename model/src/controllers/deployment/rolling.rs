//! The rolling update: never more pods than `maxSurge` allows, never fewer available than
//! `maxUnavailable` does.
//!
//! Origin: `pkg/controller/deployment/rolling.go`. Stricter than that where statuses are late: what
//! a set's controller is about to delete is not counted as available.

use super::{rollout::Rollout, set::Set};
use crate::kinds::document::at;
use alloc::vec::Vec;

impl Rollout<'_> {
    /// One step: the new set grows, or else old ones shrink (`rolloutRolling`).
    pub(super) fn roll(&mut self) {
        self.sync_revision();
        let there = self.new.is_some();
        let Some(new) = self.new_or_create() else {
            return;
        };
        let size = self.sets[new].replicas();
        let mut wanted = self.replicas_of_new(size);
        if wanted > size && there && !self.sets[new].settled() {
            wanted = size;
        }
        self.resize(new, wanted);
        if !there || wanted != size {
            return;
        }
        if self.shrink_old(new) {
            return;
        }
        if self.complete(at(&self.deployment, &["status"])) {
            self.clean_up();
        }
    }

    /// How many pods the new set is to have when it has that many now (`NewRSNewReplicas`).
    pub(super) fn replicas_of_new(&self, size: i64) -> i64 {
        let limits = self.limits;
        if !limits.rolling || size > limits.replicas {
            return limits.replicas;
        }
        let room = limits.most() - self.total();
        if room <= 0 {
            return size;
        }
        size + room.min(limits.replicas - size)
    }

    /// True when an old set has been made smaller (`reconcileOldReplicaSets`).
    fn shrink_old(&mut self, new: usize) -> bool {
        let mut old = self.old();
        old.retain(|index| self.sets[*index].active());
        let set = &self.sets[new];
        let unavailable = set.replicas() - set.surely_available();
        // Whatever the statuses say, so many pods will be there when all that has been asked for
        // is done.
        let most = self.total() - self.limits.least() - unavailable;
        if old.is_empty() || most <= 0 {
            return false;
        }
        let before = self.total();
        self.drop_unavailable(&old, most);
        self.drop_available(&old);
        self.total() < before
    }

    /// The unavailable pods of old sets go first (`cleanupUnhealthyReplicas`).
    fn drop_unavailable(&mut self, old: &[usize], most: i64) {
        let mut rest = most;
        for index in old {
            let set = &self.sets[*index];
            let unavailable = (set.replicas() - set.surely_available()).min(rest);
            rest -= unavailable;
            self.resize(*index, set.replicas() - unavailable);
        }
    }

    fn surely_available(&self) -> i64 {
        self.sets.iter().map(Set::surely_available).sum()
    }

    /// `scaleDownOldReplicaSetsForRollingUpdate`
    fn drop_available(&mut self, old: &[usize]) {
        let mut rest = self.surely_available() - self.limits.least();
        let old: Vec<usize> = old.to_vec();
        for index in old {
            if rest <= 0 {
                return;
            }
            let size = self.sets[index].replicas();
            let fewer = size.min(rest);
            rest -= fewer;
            self.resize(index, size - fewer);
        }
    }
}
