//! Shorthands of this directory's tests.

use super::{
    Command, DeleteRange, Error, EventKind, Key, KeyRange, LeaseId, Operation, Outcome, Put,
    Revision, Store, StoreEvent, Txn, TxnResponse,
};
use crate::ambient::Time;
use alloc::{format, string::String, vec, vec::Vec};

pub(super) fn key(key: &str) -> KeyRange {
    KeyRange::Single(Key::from(key))
}

pub(super) fn put(key: &str, value: &str) -> Operation {
    Put::new(key.into(), value.into()).into()
}

pub(super) fn delete(keys: KeyRange) -> Operation {
    DeleteRange::new(keys).into()
}

pub(super) fn seconds(seconds: i64) -> Time {
    Time(seconds * 1_000_000)
}

impl Store {
    pub(super) fn with(mut self, operations: &[Operation]) -> Store {
        for operation in operations {
            self.txn(&Txn::always(vec![operation.clone()])).unwrap();
        }
        self
    }

    pub(super) fn together(&mut self, operations: Vec<Operation>) -> Result<TxnResponse, Error> {
        self.txn(&Txn::always(operations))
    }

    pub(super) fn granted(mut self, lease: i64, ttl: u64) -> Store {
        let now = seconds(0);
        let lease = LeaseId(lease);
        self.apply(&Command::GrantLease { lease, ttl, now })
            .unwrap();
        self
    }

    pub(super) fn compacted_at(mut self, revision: u64) -> Store {
        let command = Command::Compact(Revision(revision));
        assert_eq!(self.apply(&command), Ok(Outcome::Done));
        self
    }

    /// Every key with value, revisions and version, as of a revision.
    pub(super) fn listing(&self, revision: u64) -> Result<String, Error> {
        let state = self.snapshot(Revision(revision))?;
        let lines = state.iter().map(|(key, kv)| {
            let (create, modified) = (kv.create_revision, kv.mod_revision);
            format!("{key:?}={:?} {create}/{modified} v{}", kv.value, kv.version)
        });
        Ok(lines.collect::<Vec<_>>().join(", "))
    }
}

/// Events with their revision, and what was before in brackets.
pub(super) fn told(events: &[StoreEvent]) -> String {
    let lines = events.iter().map(|event| {
        let (key, revision) = (&event.kv.key, event.kv.mod_revision);
        let what = match event.kind {
            EventKind::Put => format!("{revision} {key:?}={:?}", event.kv.value),
            EventKind::Delete => format!("{revision} -{key:?}"),
        };
        match &event.previous {
            Some(previous) => format!("{what} [{:?}]", previous.value),
            None => what,
        }
    });
    lines.collect::<Vec<_>>().join(", ")
}
