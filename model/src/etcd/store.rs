//! The store: its state, and the one function that changes it.

use super::{
    Command, Error, EventKind, Key, KeyValue, Lease, LeaseId, Outcome, Revision, StoreEvent,
    history::History,
};
use crate::{frozen::Frozen, map::Map};
use alloc::{sync::Arc, vec::Vec};

/// The store's whole state. A clone is O(1) and is a snapshot.
///
/// **Invariant:** it is a function of what can be observed through it (keys, leases, and history
/// back to the compaction), so that two ways to the same observations are the same state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {
    pub(super) revision: Revision,
    pub(super) live: Map<Key, KeyValue>,
    pub(super) history: History,
    pub(super) leases: Map<LeaseId, Lease>,
}

impl Default for Store {
    fn default() -> Self {
        Store::new()
    }
}

impl Store {
    /// An empty store, at revision 1 as etcd's.
    #[must_use]
    pub fn new() -> Store {
        Store {
            revision: Revision(1),
            live: Map::new(),
            history: History::default(),
            leases: Map::new(),
        }
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The revision that was compacted last, which is the oldest that can be read; 0 before the
    /// first compaction.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.history.compacted().unwrap_or_default()
    }

    /// The newest version of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&KeyValue> {
        self.live.get(key)
    }

    /// Every key as of `revision`, as an O(1) snapshot of its own (undoing fewer than
    /// [`crate::limits::CHECKPOINT_REVISIONS`] revisions to make it).
    ///
    /// # Errors
    /// [`Error::FutureRevision`] above the store's revision, [`Error::Compacted`] below the
    /// compacted one.
    pub fn snapshot(&self, revision: Revision) -> Result<Map<Key, KeyValue>, Error> {
        if revision > self.revision {
            return Err(Error::FutureRevision(self.revision));
        }
        if revision < self.compacted() {
            return Err(Error::Compacted(self.compacted()));
        }
        Ok(self.history.rewind(&self.live, revision))
    }

    /// What happened after `after`, in order: every revision with all its events.
    ///
    /// At the compacted revision the events have lost their previous values, and of a key only the
    /// last is left: what a watcher that starts there sees.
    ///
    /// # Errors
    /// [`Error::Compacted`] when some of it has been forgotten.
    pub fn events(
        &self,
        after: Revision,
    ) -> Result<impl Iterator<Item = (Revision, &Arc<[StoreEvent]>)>, Error> {
        let first = after.next();
        if first < self.compacted() {
            return Err(Error::Compacted(self.compacted()));
        }
        Ok(self.history.from(first))
    }

    /// Does what the command says: the one function through which a log replays.
    ///
    /// # Errors
    /// Those of the command; the store is then as it was.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Error> {
        match command {
            Command::Txn(txn) => self.txn(txn).map(Outcome::Txn),
            Command::Compact(revision) => self.compact(*revision).map(|()| Outcome::Done),
            Command::GrantLease { lease, ttl, now } => {
                let ttl = self.grant(*lease, *ttl, *now)?;
                Ok(Outcome::Lease { ttl })
            }
            Command::KeepAlive { lease, now } => {
                let ttl = self.keep_alive(*lease, *now)?;
                Ok(Outcome::Lease { ttl })
            }
            Command::RevokeLease(lease) => self.revoke(*lease).map(|()| Outcome::Done),
            Command::ExpireLease { lease, now } => {
                self.expire(*lease, *now).map(|()| Outcome::Done)
            }
        }
    }

    /// Takes over what a draft has written, as one revision; nothing when it wrote nothing.
    pub(super) fn commit(&mut self, draft: Draft) {
        if draft.events.is_empty() {
            return;
        }
        self.revision = draft.revision;
        self.live = draft.live;
        self.leases = draft.leases;
        self.history
            .record(self.revision, draft.events.into(), &self.live);
    }
}

/// The writes of one transaction before they are committed: the store isn't touched until then.
pub(super) struct Draft {
    /// The revision that the writes will have.
    revision: Revision,
    /// The state before.
    before: Map<Key, KeyValue>,
    /// The state that later operations of the transaction see.
    pub(super) live: Map<Key, KeyValue>,
    pub(super) leases: Map<LeaseId, Lease>,
    events: Vec<StoreEvent>,
}

impl Draft {
    pub(super) fn new(store: &Store) -> Draft {
        Draft {
            revision: store.revision.next(),
            before: store.live.clone(),
            live: store.live.clone(),
            leases: store.leases.clone(),
            events: Vec::new(),
        }
    }

    /// The revision that a read within the transaction sees: the next one as soon as something is
    /// written.
    pub(super) fn revision(&self) -> Revision {
        if self.events.is_empty() {
            Revision(self.revision.0.saturating_sub(1))
        } else {
            self.revision
        }
    }

    /// Writes `value` at `key`; versions count from the key's creation.
    pub(super) fn put(&mut self, key: &Key, value: Frozen, lease: LeaseId) {
        let old = self.live.get(key);
        let kv = KeyValue {
            key: key.clone(),
            create_revision: old.map_or(self.revision, |old| old.create_revision),
            mod_revision: self.revision,
            version: old.map_or(0, |old| old.version).saturating_add(1),
            lease,
            value,
        };
        let former = old.map_or(LeaseId(0), |old| old.lease);
        if former != lease {
            self.detach(former, key);
            self.attach(lease, key);
        }
        self.live.insert(key.clone(), kv.clone());
        self.record(EventKind::Put, kv);
    }

    /// Deletes `key`, which is there.
    pub(super) fn delete(&mut self, old: &KeyValue) {
        self.live.remove(&old.key);
        self.detach(old.lease, &old.key);
        let kv = KeyValue {
            key: old.key.clone(),
            create_revision: Revision(0),
            mod_revision: self.revision,
            version: 0,
            lease: LeaseId(0),
            value: Frozen::default(),
        };
        self.record(EventKind::Delete, kv);
    }

    fn record(&mut self, kind: EventKind, kv: KeyValue) {
        let previous = self.before.get(&kv.key).cloned();
        self.events.push(StoreEvent { kind, kv, previous });
    }

    fn attach(&mut self, lease: LeaseId, key: &Key) {
        if let Some(holder) = self.leases.get(&lease) {
            let holder = holder.with(key);
            self.leases.insert(lease, holder);
        }
    }

    fn detach(&mut self, lease: LeaseId, key: &Key) {
        if let Some(holder) = self.leases.get(&lease) {
            let holder = holder.without(key);
            self.leases.insert(lease, holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put, told};
    use super::{Error, Revision, Store};
    use crate::etcd::{Command, KeyRange};
    use alloc::{string::ToString, vec, vec::Vec};

    #[test]
    fn a_new_store_is_at_revision_1() {
        assert_eq!(Store::new().revision(), Revision(1));
        assert_eq!(Store::new().listing(1).unwrap(), "");
    }

    #[test]
    fn revisions_and_versions_are_kept_across_delete_and_create() {
        let store = Store::new().with(&[
            put("a", "1"),
            put("a", "2"),
            put("b", "1"),
            delete(key("a")),
            put("a", "3"),
        ]);
        assert_eq!(store.listing(2).unwrap(), "a=1 2/2 v1");
        assert_eq!(store.listing(4).unwrap(), "a=2 2/3 v2, b=1 4/4 v1");
        assert_eq!(store.listing(5).unwrap(), "b=1 4/4 v1");
        assert_eq!(store.listing(6).unwrap(), "a=3 6/6 v1, b=1 4/4 v1");
        assert_eq!(store.listing(7), Err(Error::FutureRevision(Revision(6))));
    }

    #[test]
    fn every_old_revision_can_be_read_across_many_checkpoints() {
        let mut store = Store::new();
        let mut states = vec![store.listing(1).unwrap()];
        for step in 0..300_u32 {
            let name = (step % 7).to_string();
            store = if step % 5 == 4 {
                store.with(&[put(&name, "x"), delete(key(&name))])
            } else {
                store.with(&[put(&name, &step.to_string())])
            };
            while (states.len() as u64) < store.revision().0 {
                let at = states.len() as u64 + 1;
                states.push(store.listing(at).unwrap());
            }
        }
        let last = store.revision().0;
        for at in 1..=last {
            assert_eq!(
                store.listing(at).unwrap(),
                states[at as usize - 1],
                "revision {at}"
            );
        }
        let compacted = store.compacted_at(130);
        for at in 130..=last {
            assert_eq!(
                compacted.listing(at).unwrap(),
                states[at as usize - 1],
                "revision {at}"
            );
        }
        assert_eq!(compacted.listing(129), Err(Error::Compacted(Revision(130))));
    }

    #[test]
    fn a_clone_is_a_snapshot() {
        let store = Store::new().with(&[put("a", "1")]);
        let snapshot = store.clone();
        let later = store.with(&[put("a", "2"), delete(KeyRange::all())]);
        assert_eq!(snapshot.listing(2).unwrap(), "a=1 2/2 v1");
        assert_eq!(later.listing(4).unwrap(), "");
    }

    #[test]
    fn history_tells_every_revision_once_and_in_order() {
        let mut store = Store::new().with(&[put("a", "1")]);
        store
            .together(vec![put("b", "1"), delete(key("a"))])
            .unwrap();
        let all: Vec<_> = store.events(Revision(0)).unwrap().collect();
        assert_eq!(all.len(), 2);
        assert_eq!(told(all[0].1), "2 a=1");
        assert_eq!(told(all[1].1), "3 b=1, 3 -a [1]");
        assert_eq!(store.events(Revision(2)).unwrap().count(), 1);
        assert_eq!(store.events(Revision(9)).unwrap().count(), 0);
    }

    #[test]
    fn what_is_refused_leaves_no_trace() {
        let mut store = Store::new().with(&[put("a", "1")]);
        let before = store.clone();
        let refused = [
            Command::Compact(Revision(9)),
            Command::RevokeLease(crate::etcd::LeaseId(1)),
            Command::Txn(crate::etcd::Txn::always(vec![put("a", "2"), put("a", "3")])),
        ];
        for command in refused {
            assert!(store.apply(&command).is_err(), "{command:?}");
            assert_eq!(store, before);
        }
    }
}
