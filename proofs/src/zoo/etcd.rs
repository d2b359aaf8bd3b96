//! Faults around the store: published bugs of etcd, and some of our own.
//!
//! [`Etcd`] is how the worlds call the core. Without a fault each of its functions is the core's and
//! nothing else.

use model::{
    ambient::Time,
    etcd::{
        Command, Error, EventKind, Key, KeyValue, Operation, Outcome, Put, Range, RangeResponse,
        Revision, Store, Txn, WatchRequest, WatchResponse, Watcher,
    },
};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Each operation of a transaction is one of its own.
    SplitsTransactions,
    /// A transaction's later operations are dropped.
    StopsHalfway,
    /// A transaction's compares are not looked at.
    IgnoresCompares,
    /// A deleted key is one with an empty value, which reads hide.
    BuriesNoKey,
    /// A read at a revision shows the next one.
    ReadsOneTooFar,
    /// An answer's events come newest first.
    TellsTheNewestFirst,
    /// A watch that is resumed begins with the last revision that was told.
    ResumesWithTheLast,
    /// A watch that is resumed leaves a revision out.
    ResumesTooLate,
    /// The deletion at the compacted revision is not told (etcd#19179; of compaction, etcd#18089).
    DropsTheCompactedDeletion,
    /// A watch from the future begins now (etcd#20221).
    DoesNotWaitForTheStart,
    /// What was there before is what is there now.
    TellsTheNewestAsPrevious,
    /// An answer has one event, whatever happened with it.
    SplitsRevisions,
    /// A watch from the past begins now.
    ForgetsThePast,
    /// A watch from below the compacted revision begins there without a word.
    HidesTheCompaction,
    /// Progress is told though events are still to come (etcd#15220).
    ProgressRunsAhead,
    /// A compaction takes the keys that were written last before it.
    CompactsLiveKeys,
    /// A read below the compacted revision shows that one.
    ReadsBelowTheCompaction,
    /// A lease is revoked without its keys.
    LeavesKeysBehind,
    /// A lease that the driver has found expired is revoked, though it was kept alive since.
    ExpiresWithoutLooking,
    /// A lease that the driver has found expired is judged by a clock that is a second behind.
    ExpiresByAnotherClock,
}

/// The core as the worlds call it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Etcd {
    /// What is broken, if anything.
    pub fault: Option<Fault>,
}

impl Etcd {
    fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// [`Store::apply`].
    ///
    /// # Errors
    /// As there.
    pub fn apply(self, store: &mut Store, command: &Command) -> Result<Outcome, Error> {
        match command {
            Command::Txn(txn) => self.txn(store, txn),
            Command::ExpireLease { lease, .. } if self.has(Fault::ExpiresWithoutLooking) => {
                store.apply(&Command::RevokeLease(*lease))
            }
            Command::ExpireLease { lease, .. } if self.has(Fault::LeavesKeysBehind) => {
                leave_keys_behind(store, command, *lease)
            }
            Command::ExpireLease { lease, now } if self.has(Fault::ExpiresByAnotherClock) => {
                let now = Time(now.0 - 1_000_000);
                store.apply(&Command::ExpireLease { lease: *lease, now })
            }
            _ => store.apply(command),
        }
    }

    fn txn(self, store: &mut Store, txn: &Txn) -> Result<Outcome, Error> {
        let mut txn = txn.clone();
        if self.has(Fault::IgnoresCompares) {
            txn.compare.clear();
        }
        if self.has(Fault::StopsHalfway) {
            txn.success.truncate(1);
        }
        if self.has(Fault::BuriesNoKey) {
            txn.success = txn.success.iter().flat_map(|it| bury(store, it)).collect();
        }
        if self.has(Fault::SplitsTransactions) && txn.compare.is_empty() {
            let (last, first) = match txn.success.split_last() {
                Some((last, first)) => (vec![last.clone()], first.to_vec()),
                None => (Vec::new(), Vec::new()),
            };
            for operation in first {
                store.apply(&Command::Txn(Txn::always(vec![operation])))?;
            }
            txn.success = last;
        }
        store.apply(&Command::Txn(txn))
    }

    /// [`Store::range`].
    ///
    /// # Errors
    /// As there.
    pub fn range(self, store: &Store, range: &Range) -> Result<RangeResponse, Error> {
        let mut range = range.clone();
        let (newest, compacted) = (store.revision(), store.compacted());
        if let Some(asked) = &mut range.revision {
            if self.has(Fault::ReadsOneTooFar) && *asked < newest {
                *asked = asked.next();
            }
            if self.has(Fault::ReadsBelowTheCompaction) {
                *asked = compacted.max(*asked);
            }
        }
        let mut response = store.range(&range)?;
        if self.has(Fault::BuriesNoKey) {
            response.kvs.retain(|kv| !kv.value.bytes().is_empty());
        }
        if self.has(Fault::CompactsLiveKeys) {
            response.kvs.retain(|kv| kv.mod_revision >= compacted);
        }
        response.count = response.kvs.len();
        Ok(response)
    }

    /// [`Watcher::create`]; `resumed` when the client had a watch before.
    #[must_use]
    pub fn watch(self, store: &Store, request: WatchRequest, resumed: bool) -> Watcher {
        let mut request = request;
        let (start, newest) = (request.start, store.revision());
        if resumed && self.has(Fault::ResumesWithTheLast) {
            request.start = Revision(start.0 - 1);
        }
        if resumed && self.has(Fault::ResumesTooLate) {
            request.start = start.next();
        }
        let from_now = (self.has(Fault::ForgetsThePast) && start <= newest)
            || (self.has(Fault::DoesNotWaitForTheStart) && start > newest);
        if from_now {
            request.start = Revision(0);
        }
        if self.has(Fault::HidesTheCompaction) {
            request.start = start.max(store.compacted());
        }
        Watcher::create(request, store).0
    }

    /// [`Watcher::poll`].
    pub fn poll(
        self,
        watcher: &mut Watcher,
        store: &Store,
        max_events: usize,
    ) -> Option<WatchResponse> {
        let mut response = watcher.poll(store, max_events)?;
        let events = &mut response.events;
        if self.has(Fault::TellsTheNewestFirst) {
            events.reverse();
        }
        if self.has(Fault::DropsTheCompactedDeletion) {
            let gone = |revision: Revision, kind: EventKind| {
                kind == EventKind::Delete && revision == store.compacted()
            };
            events.retain(|event| !gone(event.kv.mod_revision, event.kind));
        }
        if self.has(Fault::SplitsRevisions) {
            events.truncate(1);
        }
        if self.has(Fault::TellsTheNewestAsPrevious) && watcher.request().previous {
            for event in events.iter_mut() {
                event.previous = store.get(&event.kv.key).cloned();
            }
        }
        Some(response)
    }

    /// [`Watcher::progress`].
    #[must_use]
    pub fn progress(self, watcher: &Watcher, store: &Store) -> Option<WatchResponse> {
        if self.has(Fault::ProgressRunsAhead) {
            let now = WatchRequest {
                start: Revision(0),
                ..watcher.request().clone()
            };
            return Watcher::create(now, store).0.progress(store);
        }
        watcher.progress(store)
    }
}

/// Writes an empty value in the place of a deletion.
fn bury(store: &Store, operation: &Operation) -> Vec<Operation> {
    let Operation::DeleteRange(delete) = operation else {
        return vec![operation.clone()];
    };
    let live = store.range(&Range::newest(delete.keys.clone()));
    let live = live.map(|response| response.kvs).unwrap_or_default();
    let there = live.into_iter().filter(|kv| !kv.value.bytes().is_empty());
    there
        .map(|kv: KeyValue| Put::new(kv.key, "".into()).into())
        .collect()
}

/// Detaches the lease's keys before it goes.
fn leave_keys_behind(
    store: &mut Store,
    expire: &Command,
    lease: model::etcd::LeaseId,
) -> Result<Outcome, Error> {
    let keys = store
        .lease(lease)
        .map(|lease| lease.keys().cloned().collect());
    let keys: Vec<Key> = keys.unwrap_or_default();
    for key in keys {
        let put = Put {
            ignore_value: true,
            ..Put::new(key, "".into())
        };
        store.apply(&Command::Txn(Txn::always(vec![put.into()])))?;
    }
    store.apply(expire)
}
