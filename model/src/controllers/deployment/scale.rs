//! A Deployment that has been given another size, perhaps in the middle of a rolling update.
//!
//! Origin: `scale` in `pkg/controller/deployment/sync.go`, `util/deployment_util.go`.

use super::{
    rollout::Rollout,
    set::{DESIRED_REPLICAS, MAX_REPLICAS, Set},
};
use crate::kinds::document::number;
use alloc::vec::Vec;
use core::cmp::Reverse;

impl Rollout<'_> {
    /// A ReplicaSet was scaled for another size of the Deployment (`isScalingEvent`).
    pub(super) fn scaling(&self) -> bool {
        self.sets.iter().filter(|set| set.active()).any(|set| {
            let desired = set.annotated(DESIRED_REPLICAS);
            desired.is_some_and(|desired| desired != self.limits.replicas)
        })
    }

    /// Gives the only set with pods the Deployment's size; shares the change among several, so that
    /// a rolling update keeps its proportion.
    pub(super) fn scale(&mut self) {
        if let Some(only) = self.active_or_latest() {
            let (desired, most) = (self.limits.replicas, self.limits.most());
            self.resize(only, desired);
            if self.sets[only].active() {
                self.sets[only].annotate_replicas(desired, most);
            }
            return;
        }
        if let Some(new) = self.new
            && self.sets[new].saturated(self.limits.replicas)
        {
            for index in self.old() {
                self.resize(index, 0);
            }
            return;
        }
        if self.limits.rolling {
            self.share();
        }
    }

    /// `FindActiveOrLatest`
    fn active_or_latest(&self) -> Option<usize> {
        let mut active = (0..self.sets.len()).filter(|index| self.sets[*index].active());
        match (active.next(), active.next()) {
            (None, _) => self.new.or(self.sets.len().checked_sub(1)),
            (only, None) => only,
            _ => None,
        }
    }

    fn share(&mut self) {
        let mut active: Vec<usize> = (0..self.sets.len()).collect();
        active.retain(|index| self.sets[*index].active());
        let allowed = if self.limits.replicas > 0 {
            self.limits.most()
        } else {
            0
        };
        let total: i64 = active
            .iter()
            .map(|index| self.sets[*index].replicas())
            .sum();
        let change = allowed - total;
        // The largest gets what is left over; among equals the newest when more are wanted, the
        // oldest when fewer are.
        active.sort_by_key(|index| {
            let age = if change > 0 {
                self.sets.len() - index
            } else {
                *index
            };
            (Reverse(self.sets[*index].replicas()), age)
        });
        let mut shared = 0;
        let mut sizes = Vec::new();
        for index in &active {
            let share = self.proportion(&self.sets[*index], change, shared);
            shared += share;
            sizes.push(self.sets[*index].replicas() + share);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + change - shared).max(0);
        }
        let (desired, most) = (self.limits.replicas, self.limits.most());
        for (index, size) in active.into_iter().zip(sizes) {
            self.resize(index, size);
            self.sets[index].annotate_replicas(desired, most);
        }
    }

    /// `GetReplicaSetProportion`
    fn proportion(&self, set: &Set, change: i64, shared: i64) -> i64 {
        if change == shared {
            return 0;
        }
        let (fraction, rest) = (self.fraction(set), change - shared);
        if change > 0 {
            fraction.min(rest)
        } else {
            fraction.max(rest)
        }
    }

    /// By how much the set changes if it keeps its part of the whole, rounded to the nearest.
    fn fraction(&self, set: &Set) -> i64 {
        if self.limits.replicas == 0 {
            return -set.replicas();
        }
        let status = || number(&self.deployment, &["status", "replicas"]);
        let before = set.annotated(MAX_REPLICAS).filter(|most| *most > 0);
        let Some(before) = before.or_else(status).filter(|before| *before > 0) else {
            return 0;
        };
        // Annotations can say anything, and percentages can be large.
        let wide = i128::from;
        let doubled = 2 * wide(set.replicas()) * wide(self.limits.most());
        let size = (doubled + wide(before)).div_euclid(2 * wide(before));
        i64::try_from(size).unwrap_or(i64::MAX) - set.replicas()
    }
}
