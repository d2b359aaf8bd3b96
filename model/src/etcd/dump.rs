//! The store's whole state as plain data: what a snapshot file holds.

use super::{
    EventKind, Key, KeyValue, LeaseId, Revision, Store, StoreEvent, history::History, lease::Lease,
};
use crate::{ambient::Time, map::Map};
use alloc::{sync::Arc, vec::Vec};
use serde::{Deserialize, Serialize};

/// The state of a [`Store`] without what follows from the rest: values before events, checkpoints
/// and the keys of leases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    revision: Revision,
    compacted: Option<Revision>,
    /// Every key as of the compaction; nothing before the first one.
    base: Vec<KeyValue>,
    /// The events that are left at the compacted revision.
    edge: Vec<(EventKind, KeyValue)>,
    /// What has happened since.
    events: Vec<(Revision, Vec<(EventKind, KeyValue)>)>,
    /// Time to live in seconds, and when it is over.
    leases: Vec<(LeaseId, u64, Time)>,
}

impl Store {
    /// The whole state as data.
    #[must_use]
    pub fn dump(&self) -> Dump {
        let plain = |events: &[StoreEvent]| {
            events
                .iter()
                .map(|event| (event.kind, event.kv.clone()))
                .collect::<Vec<_>>()
        };
        let compacted = self.history.compacted();
        let base = compacted.map(|revision| self.history.rewind(&self.live, revision));
        let mut edge = Vec::new();
        let mut events = Vec::new();
        for (revision, of_revision) in self.history.from(Revision(0)) {
            if Some(revision) == compacted {
                edge = plain(of_revision);
            } else {
                events.push((revision, plain(of_revision)));
            }
        }
        let leases = self.leases();
        Dump {
            revision: self.revision,
            compacted,
            base: base
                .iter()
                .flat_map(Map::iter)
                .map(|(_, kv)| kv.clone())
                .collect(),
            edge,
            events,
            leases: leases
                .map(|(id, lease)| (id, lease.ttl(), lease.expires()))
                .collect(),
        }
    }

    /// The state that [`Store::dump`] was made of; `None` when the data contradicts itself.
    #[must_use]
    pub fn restore(dump: Dump) -> Option<Store> {
        let mut live: Map<Key, KeyValue> = dump
            .base
            .into_iter()
            .map(|kv| (kv.key.clone(), kv))
            .collect();
        let edge: Arc<[StoreEvent]> = dump
            .edge
            .into_iter()
            .map(|(kind, kv)| StoreEvent {
                kind,
                kv,
                previous: None,
            })
            .collect();
        let mut history = History::since(dump.compacted, edge, &live);
        let mut reached = dump.compacted.unwrap_or_default().max(Revision(1));
        for (revision, events) in dump.events {
            if revision != reached.next() {
                return None;
            }
            reached = revision;
            let before = live.clone();
            let mut recorded = Vec::with_capacity(events.len());
            for (kind, kv) in events {
                match kind {
                    EventKind::Put => live.insert(kv.key.clone(), kv.clone()),
                    EventKind::Delete => {
                        live.remove(&kv.key);
                    }
                }
                let previous = before.get(&kv.key).cloned();
                recorded.push(StoreEvent { kind, kv, previous });
            }
            history.record(revision, recorded.into(), &live);
        }
        if reached != dump.revision {
            return None;
        }
        let mut leases: Map<LeaseId, Lease> = dump
            .leases
            .into_iter()
            .map(|(id, ttl, expires)| (id, Lease::without_keys(ttl, expires)))
            .collect();
        for (key, kv) in live.iter() {
            if let Some(lease) = leases.get(&kv.lease).map(|lease| lease.with(key)) {
                leases.insert(kv.lease, lease);
            }
        }
        Some(Store {
            revision: dump.revision,
            live,
            history,
            leases,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ambient::Time,
        etcd::{Command, DeleteRange, KeyRange, LeaseId, Put, Revision, Store, Txn},
        frozen::Frozen,
    };
    use alloc::{format, vec, vec::Vec};

    /// Puts and deletes over a few keys, some with a lease, and compactions.
    fn commands() -> Vec<Command> {
        let lease = LeaseId(7);
        let mut commands = vec![Command::GrantLease {
            lease,
            ttl: 60,
            now: Time(0),
        }];
        for step in 0_u64..200 {
            let key = format!("/registry/a/{}", step % 7);
            let mut put = Put::new(
                key.as_str().into(),
                Frozen::from(format!("{step}").as_str()),
            );
            put.lease = LeaseId(if step % 5 == 0 { 7 } else { 0 });
            let other = format!("/registry/a/{}", (step + 3) % 7);
            let delete = DeleteRange {
                keys: KeyRange::Single(other.as_str().into()),
                previous: false,
            };
            commands.push(Command::Txn(match step % 3 {
                0 => Txn::always(vec![put.into()]),
                1 => Txn::always(vec![put.into(), delete.into()]),
                _ => Txn::always(vec![delete.into()]),
            }));
            if step % 32 == 31 {
                commands.push(Command::Compact(Revision(step / 2)));
            }
            if step == 150 {
                commands.push(Command::RevokeLease(lease));
            }
        }
        commands
    }

    #[test]
    fn a_restored_store_is_the_same_at_every_step() {
        let mut store = Store::new();
        assert_eq!(Store::restore(store.dump()), Some(store.clone()));
        let mut compactions = 0;
        for command in commands() {
            let done = store.apply(&command).is_ok();
            compactions += u32::from(done && matches!(command, Command::Compact(_)));
            assert_eq!(
                Store::restore(store.dump()),
                Some(store.clone()),
                "{command:?}"
            );
        }
        assert!(compactions > 3 && store.revision() > Revision(128));
        // A checkpoint lies exactly at the compacted revision.
        store.apply(&Command::Compact(Revision(128))).unwrap();
        assert_eq!(Store::restore(store.dump()), Some(store));
    }

    #[test]
    fn data_with_a_gap_is_refused() {
        let mut store = Store::new();
        for command in commands() {
            let _ = store.apply(&command);
        }
        let mut dump = store.dump();
        let middle = dump.events.len() / 2;
        dump.events.remove(middle);
        assert_eq!(Store::restore(dump), None);
        let mut dump = store.dump();
        dump.events.pop();
        assert_eq!(Store::restore(dump), None);
    }
}
