//! The work queue: which item is to be looked at next, and when.
//!
//! As client-go's rate-limiting queue: an item is there once however often it is added, the order
//! is that of arrival, and what has failed comes back after a delay that doubles with each failure.

use super::Name;
use crate::ambient::Time;
use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

/// What a controller looks at as one: mostly an object of its main resource. What the parts mean is
/// the controller's affair.
pub type Item = Name;

/// The first delay after a failure, in microseconds
/// (`workqueue.DefaultTypedControllerRateLimiter`).
const FIRST_DELAY_MICROSECONDS: i64 = 5_000;
/// How often the delay doubles at most: upstream's longest is 1,000 s; this is 5 minutes, so that
/// what waited for an outage does not wait for long after it.
const DOUBLINGS: u32 = 16;

/// The items that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    ready: VecDeque<Item>,
    /// The same, to find them.
    waiting: BTreeSet<Item>,
    later: BTreeSet<(Time, Item)>,
    /// The same, to find them: an item waits for one time, the earliest.
    times: BTreeMap<Item, Time>,
    failures: BTreeMap<Item, u32>,
}

impl Queue {
    /// It is to be looked at now.
    pub(super) fn add(&mut self, item: Item) {
        if self.waiting.insert(item.clone()) {
            self.ready.push_back(item);
        }
    }

    /// It is to be looked at again at that time, or before.
    pub(super) fn add_at(&mut self, item: Item, time: Time) {
        if self.times.get(&item).is_some_and(|other| *other <= time) {
            return;
        }
        self.forget_time(&item);
        self.times.insert(item.clone(), time);
        self.later.insert((time, item));
    }

    /// It is looked at before its time, and that look says anew when the next one is due.
    fn forget_time(&mut self, item: &Item) {
        if let Some(time) = self.times.remove(item) {
            self.later.remove(&(time, item.clone()));
        }
    }

    /// It has failed.
    pub(super) fn failed(&mut self, item: Item, now: Time) {
        let failures = self.failures.entry(item.clone()).or_default();
        let delay = FIRST_DELAY_MICROSECONDS << *failures;
        *failures = (*failures + 1).min(DOUBLINGS);
        if self.times.get(&item).is_some_and(|time| *time <= now) {
            self.forget_time(&item);
        }
        self.add_at(item, Time(now.0.saturating_add(delay)));
    }

    /// It went well.
    pub(super) fn succeeded(&mut self, item: &Item) {
        self.failures.remove(item);
    }

    /// The next item for which `free` is true, among those whose time has come.
    pub(super) fn next(&mut self, now: Time, free: impl Fn(&Item) -> bool) -> Option<Item> {
        let due: Vec<(Time, Item)> = self
            .later
            .iter()
            .take_while(|(time, _)| *time <= now)
            .cloned()
            .collect();
        for entry in due {
            self.times.remove(&entry.1);
            self.later.remove(&entry);
            self.add(entry.1);
        }
        let index = self.ready.iter().position(free)?;
        let item = self.ready.remove(index)?;
        self.waiting.remove(&item);
        self.forget_time(&item);
        Some(item)
    }

    /// When the first of those that wait for their time is due.
    pub(super) fn due(&self) -> Option<Time> {
        self.later.first().map(|(time, _)| *time)
    }
}
