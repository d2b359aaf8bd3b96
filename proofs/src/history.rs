//! Ghost history of an etcd store: every state that it was in, what was asked of it last, and what
//! watchers were told. A compaction takes nothing from it.

use model::{
    etcd::{
        EventKind, Key, KeyRange, KeyValue, Revision, StoreEvent, Txn, TxnResponse, WatchResponse,
    },
    map::Map,
};

/// Every key of a store at some revision.
pub type Keys = Map<Key, KeyValue>;

/// The state after each revision, as it was read when the revision was new.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// The first is that of revision 1, which is empty.
    states: Vec<Keys>,
}

/// A transaction and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// What was asked.
    pub txn: Txn,
    /// What was answered; `None` when it was refused.
    pub response: Option<TxnResponse>,
    /// The store's revision before.
    pub before: Revision,
    /// The store's revision after.
    pub after: Revision,
}

/// A key that a revision wrote or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The revision.
    pub revision: Revision,
    /// The key.
    pub key: Key,
    /// What it was before.
    pub before: Option<KeyValue>,
    /// What it is after.
    pub after: Option<KeyValue>,
}

impl Default for History {
    fn default() -> Self {
        History::new()
    }
}

impl History {
    /// That of a new store.
    #[must_use]
    pub fn new() -> History {
        History {
            states: vec![Keys::new()],
        }
    }

    /// The newest revision that is known.
    #[must_use]
    pub fn newest(&self) -> Revision {
        Revision(self.states.len() as u64)
    }

    /// Adds the states of the revisions up to `newest`, as `read` shows them.
    pub fn record(&mut self, newest: Revision, read: impl Fn(Revision) -> Keys) {
        while self.newest() < newest {
            self.states.push(read(self.newest().next()));
        }
    }

    /// The state at a revision; `None` before revision 1 and in the future.
    #[must_use]
    pub fn state(&self, revision: Revision) -> Option<&Keys> {
        self.states
            .get(usize::try_from(revision.0).ok()?.checked_sub(1)?)
    }

    /// Every change of `keys` at the revisions from `first` to `last`, by revision and key: the
    /// difference of each two states that follow each other.
    #[must_use]
    pub fn changes(&self, keys: &KeyRange, first: Revision, last: Revision) -> Vec<Change> {
        let mut changes = Vec::new();
        for (revision, pair) in (2..).map(Revision).zip(self.states.windows(2)) {
            if revision < first || revision > last {
                continue;
            }
            let [before, after] = pair else { continue };
            let kept = before.iter().map(|(key, _)| key);
            let new = after.iter().map(|(key, _)| key);
            let new = new.filter(|key| !before.contains(*key));
            let mut touched: Vec<&Key> = kept.chain(new).filter(|key| keys.contains(key)).collect();
            touched.sort();
            for key in touched {
                let (before, after) = (before.get(key).cloned(), after.get(key).cloned());
                let key = key.clone();
                if before != after {
                    changes.push(Change {
                        revision,
                        key,
                        before,
                        after,
                    });
                }
            }
        }
        changes
    }
}

impl Change {
    /// True when the event tells this change (whatever it says about what was before).
    #[must_use]
    pub fn is_told_by(&self, event: &StoreEvent) -> bool {
        let place = event.kv.key == self.key && event.kv.mod_revision == self.revision;
        place
            && match event.kind {
                EventKind::Put => self.after.as_ref() == Some(&event.kv),
                EventKind::Delete => self.after.is_none(),
            }
    }
}

/// What a client of watches has been told, however often its watch began anew.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// Which keys it watches.
    pub keys: KeyRange,
    /// From which revision on it knows everything.
    pub base: Revision,
    /// All events since then.
    pub events: Vec<StoreEvent>,
    /// The last progress; 0 before any.
    pub progress: Revision,
}

impl Told {
    /// Nothing, from `base` on.
    #[must_use]
    pub fn nothing(keys: KeyRange, base: Revision) -> Told {
        Told {
            keys,
            base,
            events: Vec::new(),
            progress: Revision(0),
        }
    }

    /// Takes an answer of the watch.
    pub fn hear(&mut self, response: &WatchResponse) {
        self.events.extend(response.events.iter().cloned());
        if response.is_progress() {
            self.progress = response.revision;
        }
        if let Some(compacted) = response.compacted {
            *self = Told::nothing(self.keys.clone(), compacted);
        }
    }

    /// From where the client resumes: above all that it knows.
    #[must_use]
    pub fn resume(&self) -> Revision {
        let told = self
            .events
            .last()
            .map_or(Revision(0), |event| event.kv.mod_revision);
        self.base.max(told.next()).max(self.progress.next())
    }

    /// The revision that was told last; `None` when nothing was.
    #[must_use]
    pub fn last(&self) -> Option<Revision> {
        self.events.last().map(|event| event.kv.mod_revision)
    }
}
