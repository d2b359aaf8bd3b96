//! What happened at each revision, back to the compaction; and how to read in the past.

use super::{Key, KeyValue, Revision, StoreEvent};
use crate::{limits::CHECKPOINT_REVISIONS, map::Map};
use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};
use core::ops::Bound;

/// The events of every revision since the compaction, and a snapshot at every
/// [`CHECKPOINT_REVISIONS`]th.
///
/// Between two checkpoints a state is had by undoing events: a root for every revision would keep
/// some 20 map nodes a write alive. Checkpoints lie at fixed revisions, so they add nothing to the
/// state that the events don't determine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct History {
    /// `None` before the first compaction, which may be one at revision 0.
    compacted: Option<Revision>,
    events: Map<Revision, Arc<[StoreEvent]>>,
    checkpoints: Map<Revision, Map<Key, KeyValue>>,
}

impl History {
    /// The history of a store that was `live` when it was compacted, with the events that were left
    /// at that revision.
    pub(super) fn since(
        compacted: Option<Revision>,
        edge: Arc<[StoreEvent]>,
        live: &Map<Key, KeyValue>,
    ) -> History {
        let mut history = History {
            compacted,
            ..History::default()
        };
        if let Some(revision) = compacted
            && !edge.is_empty()
        {
            history.record(revision, edge, live);
        }
        history
    }

    pub(super) fn compacted(&self) -> Option<Revision> {
        self.compacted
    }

    /// The revisions from `first` on, with their events.
    pub(super) fn from(
        &self,
        first: Revision,
    ) -> impl Iterator<Item = (Revision, &Arc<[StoreEvent]>)> {
        self.events
            .range(first..)
            .map(|(revision, events)| (*revision, events))
    }

    /// Adds the newest revision, after which the store is `live`.
    pub(super) fn record(
        &mut self,
        revision: Revision,
        events: Arc<[StoreEvent]>,
        live: &Map<Key, KeyValue>,
    ) {
        self.events.insert(revision, events);
        if revision.0.is_multiple_of(CHECKPOINT_REVISIONS) {
            self.checkpoints.insert(revision, live.clone());
        }
    }

    /// The state as of `revision`, which is not below the compacted one, when `live` is the newest.
    pub(super) fn rewind(
        &self,
        live: &Map<Key, KeyValue>,
        revision: Revision,
    ) -> Map<Key, KeyValue> {
        let checkpoint = self.checkpoints.range(revision..).next();
        let (last, mut state) = match checkpoint {
            Some((last, state)) => (*last, state.clone()),
            None => (Revision(u64::MAX), live.clone()),
        };
        let undone = (Bound::Excluded(revision), Bound::Included(last));
        for (_, events) in self.events.range(undone).rev() {
            for event in events.iter() {
                match &event.previous {
                    Some(previous) => state.insert(event.kv.key.clone(), previous.clone()),
                    None => {
                        state.remove(&event.kv.key);
                    }
                }
            }
        }
        state
    }

    /// Forgets what is below `revision`. Its own events stay (a watcher may start there, and must
    /// see a delete: etcd issue 19179), but without what was before them.
    pub(super) fn forget(&mut self, revision: Revision) {
        self.compacted = Some(revision);
        let old: Vec<Revision> = keys_below(&self.events, revision);
        for old in old {
            self.events.remove(&old);
        }
        let old: Vec<Revision> = keys_below(&self.checkpoints, revision);
        for old in old {
            self.checkpoints.remove(&old);
        }
        if let Some(events) = self.events.get(&revision) {
            let kept = last_of_each_key(events);
            self.events.insert(revision, kept);
        }
    }
}

fn keys_below<V>(map: &Map<Revision, V>, end: Revision) -> Vec<Revision> {
    map.range(..end).map(|(revision, _)| *revision).collect()
}

/// One version a key is left at the compacted revision: a put that the same transaction has
/// deleted is gone.
fn last_of_each_key(events: &[StoreEvent]) -> Arc<[StoreEvent]> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<StoreEvent> = events
        .iter()
        .rev()
        .filter(|event| seen.insert(&event.kv.key))
        .map(|event| StoreEvent {
            previous: None,
            ..event.clone()
        })
        .collect();
    kept.reverse();
    kept.into()
}
