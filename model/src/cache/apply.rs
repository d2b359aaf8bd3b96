//! The store's events, one revision at a time.

use super::{Cache, Change, Entry, Shelf};
use crate::{
    etcd::{EventKind, Key, Revision, StoreEvent},
    registry,
};
use core::fmt;

/// Why events cannot follow what the cache has: some are missing, and only a new list helps
/// ([`Cache::relist`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// The revision is not above the cache's.
    Old {
        /// The cache's revision.
        have: Revision,
        /// That of the events.
        got: Revision,
    },
    /// An event is of another revision than it was said to be.
    Split(Revision),
    /// The event is not a create and lacks the value before it (`etcd3/event.go`).
    NoPrevious(Key),
    /// The value before it is not the one that the cache has.
    OtherPrevious(Key),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::Old { have, got } => write!(f, "events of revision {got} after revision {have}"),
            Gap::Split(other) => write!(f, "an event of revision {other} among those of another"),
            Gap::NoPrevious(key) => write!(f, "an event of {key:?} lacks the value before it"),
            Gap::OtherPrevious(key) => write!(f, "an event of {key:?} skips one before it"),
        }
    }
}

impl Cache {
    /// Takes all events of one revision, in the store's order: all or, on an error, none.
    ///
    /// # Errors
    /// When they cannot be the next ones: see [`Gap`]. Revisions may be skipped, because the
    /// store's other keys take some; a skipped event of a key shows when that key changes again.
    pub fn apply(&mut self, revision: Revision, events: &[StoreEvent]) -> Result<(), Gap> {
        if revision <= self.revision {
            return Err(Gap::Old {
                have: self.revision,
                got: revision,
            });
        }
        for event in events {
            if event.kv.mod_revision != revision {
                return Err(Gap::Split(event.kv.mod_revision));
            }
            self.check_previous(event)?;
        }
        for (number, event) in (0_u32..).zip(events) {
            let window = self.window;
            if let Some(prefix) = registry::prefix_of(&event.kv.key) {
                self.shelf_mut(prefix).take(number, event, window);
            }
        }
        self.revision = revision;
        Ok(())
    }

    fn check_previous(&self, event: &StoreEvent) -> Result<(), Gap> {
        let key = &event.kv.key;
        let created =
            event.kind == EventKind::Put && event.kv.create_revision == event.kv.mod_revision;
        let had = event.previous.as_ref().map(|kv| kv.mod_revision);
        if !created && had.is_none() {
            return Err(Gap::NoPrevious(key.clone()));
        }
        if registry::prefix_of(key).is_some() && had != self.get(key).map(Entry::revision) {
            return Err(Gap::OtherPrevious(key.clone()));
        }
        Ok(())
    }
}

impl Shelf {
    fn take(&mut self, number: u32, event: &StoreEvent, window: usize) {
        let key = event.kv.key.clone();
        let previous = self.objects.get(&key).cloned();
        let current = match event.kind {
            EventKind::Put => Some(Entry::decode(&event.kv)),
            EventKind::Delete => None,
        };
        match &current {
            Some(entry) => self.objects.insert(key.clone(), entry.clone()),
            None => {
                self.objects.remove(&key);
            }
        }
        let change = Change {
            key,
            previous,
            current,
        };
        self.history.insert((event.kv.mod_revision, number), change);
        self.evict(window);
    }

    /// Drops the oldest events beyond the window. A revision leaves as a whole: a watcher never
    /// sees half of one.
    fn evict(&mut self, window: usize) {
        while let Some((&oldest, _)) = self.history.first() {
            if self.history.len() <= window && self.evicted != Some(oldest.0) {
                return;
            }
            self.history.remove(&oldest);
            self.evicted = Some(oldest.0);
        }
    }
}
