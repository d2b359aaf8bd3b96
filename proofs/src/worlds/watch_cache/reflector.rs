//! The client: lists and watches as client-go's reflector does, and remembers what it was told.

use crate::ghost::Told;
use model::{
    cache::{WatchEvent, Watcher},
    etcd::Revision,
};

/// A client and everything it has been told since its last list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reflector {
    /// What it is doing.
    pub phase: Phase,
    /// The list that it began with.
    pub base: Option<Listing>,
    /// The changes since, in the order in which they were told.
    pub told: Vec<Told>,
    /// From where it would go on.
    pub seen: Seen,
}

/// What a client is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has nothing: before its first list, or because its watch was refused as expired.
    Empty {
        /// The latter.
        expired: bool,
    },
    /// It waits for a list.
    Asking {
        /// The revision that the list must have reached.
        at_least: Revision,
    },
    /// It is told the initial events of a watch.
    Initial {
        /// The watch.
        watcher: Watcher,
        /// What it was told so far.
        items: Vec<Told>,
    },
    /// It has a list, and watches.
    Watching {
        /// The watch.
        watcher: Watcher,
        /// It is not the first since the list.
        resumed: bool,
    },
    /// It has a list, and no watch.
    Stopped(Stopped),
}

/// Why there is no watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stopped {
    /// The list has just come.
    Listed,
    /// The connection was cut.
    Cut,
    /// The server has closed it: too slow.
    TooSlow,
    /// The server has closed it: the cache was filled anew.
    Relisted,
}

/// A list, or the initial events of a watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// The revision that it must have reached.
    pub asked: Revision,
    /// Its resourceVersion.
    pub revision: Revision,
    /// The objects, as if they were added.
    pub items: Vec<Told>,
}

/// The last resourceVersion that a client was told, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// None.
    Nothing,
    /// By a list, or by the bookmark after the initial events.
    Listed(Revision),
    /// By a change.
    Changed(Revision),
    /// By a bookmark.
    Bookmarked(Revision),
}

impl Seen {
    /// Which.
    #[must_use]
    pub fn revision(self) -> Revision {
        match self {
            Seen::Nothing => Revision(0),
            Seen::Listed(revision) | Seen::Changed(revision) | Seen::Bookmarked(revision) => {
                revision
            }
        }
    }
}

impl Reflector {
    /// A client without anything.
    #[must_use]
    pub fn empty(expired: bool) -> Reflector {
        Reflector {
            phase: Phase::Empty { expired },
            base: None,
            told: Vec::new(),
            seen: Seen::Nothing,
        }
    }

    /// Takes a list: everything before is forgotten.
    pub fn list(&mut self, listing: Listing) {
        self.seen = Seen::Listed(listing.revision);
        self.base = Some(listing);
        self.told = Vec::new();
        self.phase = Phase::Stopped(Stopped::Listed);
    }

    /// Begins to watch. What the list was asked for has been looked at by then; it is forgotten, or
    /// there would be twice as many states.
    pub fn watch(&mut self, watcher: Watcher, resumed: bool) {
        if let Some(base) = &mut self.base {
            base.asked = Revision(0);
        }
        self.phase = Phase::Watching { watcher, resumed };
    }

    /// Takes an event of a watch, which is the client's phase.
    pub fn hear(&mut self, event: &WatchEvent) {
        let told = Told::of(event);
        match (&mut self.phase, told, event) {
            (Phase::Initial { items, .. }, Some(told), _) => items.push(told),
            (
                Phase::Initial { watcher, items },
                None,
                WatchEvent::Bookmark {
                    revision,
                    initial_events_end: true,
                },
            ) => {
                let (watcher, items) = (watcher.clone(), std::mem::take(items));
                self.list(Listing {
                    asked: Revision(0),
                    revision: *revision,
                    items,
                });
                self.phase = Phase::Watching {
                    watcher,
                    resumed: false,
                };
            }
            (_, Some(told), _) => {
                self.seen = Seen::Changed(told.revision);
                self.told.push(told);
            }
            (_, None, WatchEvent::Bookmark { revision, .. }) => {
                self.seen = Seen::Bookmarked(*revision);
            }
            (_, None, _) => {}
        }
    }

    /// The watch is over. In the middle of initial events there is nothing to go on from.
    pub fn stop(&mut self, why: Stopped) {
        match self.phase {
            Phase::Watching { .. } => self.phase = Phase::Stopped(why),
            _ => *self = Reflector::empty(false),
        }
    }
}
