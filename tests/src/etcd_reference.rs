//! A naive etcd: a list of all writes, and every answer is had by scanning it.
//!
//! It shares no algorithm with [`model::etcd::Store`], only the types of requests and answers:
//! revisions, versions, old states, leases' keys and watch streams are all derived from the list,
//! each time anew. Nothing is ever removed from it: a compaction is a number.

use model::{
    ambient::Time,
    etcd::{
        Command, Compare, Error, EventKind, Key, KeyRange, KeyValue, LeaseId, Operation,
        OperationResponse, Outcome, Put, Range, RangeResponse, Relation, Revision, RevisionFilter,
        SortOrder, SortTarget, StoreEvent, Target, Txn, TxnResponse, WatchRequest, WatchResponse,
    },
    frozen::Frozen,
};
use std::{cmp::Ordering, collections::BTreeMap};

/// The naive store.
#[derive(Clone, Debug, Default)]
pub struct Reference {
    writes: Vec<Write>,
    compacted: Option<Revision>,
    leases: BTreeMap<LeaseId, (u64, Time)>,
}

/// One key written (a value with its lease) or deleted at a revision.
#[derive(Clone, Debug)]
struct Write {
    revision: Revision,
    key: Key,
    value: Option<(Frozen, LeaseId)>,
}

impl Reference {
    /// The revision of the last write.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.writes.last().map_or(Revision(1), |last| last.revision)
    }

    /// The revision that was compacted last; 0 before the first.
    #[must_use]
    pub fn compacted(&self) -> Revision {
        self.compacted.unwrap_or_default()
    }

    /// Every key as of a revision.
    ///
    /// # Errors
    /// As the store's.
    pub fn snapshot(&self, revision: Revision) -> Result<Vec<KeyValue>, Error> {
        if revision > self.revision() {
            Err(Error::FutureRevision(self.revision()))
        } else if revision < self.compacted() {
            Err(Error::Compacted(self.compacted()))
        } else {
            Ok(self.state(revision))
        }
    }

    /// The leases that are there: number, time to live, end, keys.
    #[must_use]
    pub fn leases(&self) -> Vec<(LeaseId, u64, Time, Vec<Key>)> {
        let state = self.state(self.revision());
        let keys = |id: LeaseId| {
            let attached = state.iter().filter(|kv| kv.lease == id);
            attached.map(|kv| kv.key.clone()).collect()
        };
        let leases = self.leases.iter();
        leases
            .map(|(id, (ttl, end))| (*id, *ttl, *end, keys(*id)))
            .collect()
    }

    /// What happened at a revision that is left.
    #[must_use]
    pub fn events_at(&self, revision: Revision) -> Vec<StoreEvent> {
        let writes: Vec<&Write> = self
            .writes
            .iter()
            .filter(|w| w.revision == revision)
            .collect();
        let compacted = Some(revision) == self.compacted;
        let kept = writes.iter().enumerate().filter(|(index, write)| {
            !compacted
                || !writes[index + 1..]
                    .iter()
                    .any(|later| later.key == write.key)
        });
        kept.map(|(index, write)| {
            let before = Revision(revision.0 - 1);
            StoreEvent {
                kind: match write.value {
                    Some(_) => EventKind::Put,
                    None => EventKind::Delete,
                },
                kv: self.written(write, writes[..index].iter().copied()),
                previous: self.value_at(&write.key, before).filter(|_| !compacted),
            }
        })
        .collect()
    }

    /// Does what the command says.
    ///
    /// # Errors
    /// As the store's.
    pub fn apply(&mut self, command: &Command) -> Result<Outcome, Error> {
        match command {
            Command::Txn(txn) => self.txn(txn).map(Outcome::Txn),
            Command::Compact(revision) => {
                if self
                    .compacted
                    .is_some_and(|compacted| *revision <= compacted)
                {
                    return Err(Error::Compacted(self.compacted()));
                }
                if *revision > self.revision() {
                    return Err(Error::FutureRevision(self.revision()));
                }
                self.compacted = Some(*revision);
                Ok(Outcome::Done)
            }
            Command::GrantLease { lease, ttl, now } => {
                if *lease == LeaseId(0) {
                    return Err(Error::LeaseNotFound);
                }
                if *ttl > 9_000_000_000 {
                    return Err(Error::LeaseTtlTooLarge);
                }
                if self.leases.contains_key(lease) {
                    return Err(Error::LeaseExists);
                }
                let ttl = if *ttl < 2 { 2 } else { *ttl };
                self.leases.insert(*lease, (ttl, end(*now, ttl)));
                Ok(Outcome::Lease { ttl })
            }
            Command::KeepAlive { lease, now } => {
                let found = self.leases.get_mut(lease).filter(|(_, over)| *now < *over);
                let (ttl, over) = found.ok_or(Error::LeaseNotFound)?;
                *over = (*over).max(end(*now, *ttl));
                Ok(Outcome::Lease { ttl: *ttl })
            }
            Command::RevokeLease(lease) => self.revoke(*lease),
            Command::ExpireLease { lease, now } => match self.leases.get(lease) {
                Some((_, over)) if now < over => Ok(Outcome::Done),
                _ => self.revoke(*lease),
            },
        }
    }

    fn revoke(&mut self, lease: LeaseId) -> Result<Outcome, Error> {
        self.leases.remove(&lease).ok_or(Error::LeaseNotFound)?;
        let (now, next) = (self.revision(), self.revision().next());
        for kv in self.state(now) {
            if kv.lease == lease {
                self.write(next, kv.key, None);
            }
        }
        Ok(Outcome::Done)
    }

    fn write(&mut self, revision: Revision, key: Key, value: Option<(Frozen, LeaseId)>) {
        self.writes.push(Write {
            revision,
            key,
            value,
        });
    }

    /// The key's value after all writes up to the revision.
    fn value_at(&self, key: &Key, revision: Revision) -> Option<KeyValue> {
        let mut writes = self.writes.iter();
        let last = writes.rfind(|w| w.key == *key && w.revision <= revision)?;
        last.value.as_ref()?;
        Some(self.written(
            last,
            self.writes.iter().take_while(|w| !std::ptr::eq(*w, last)),
        ))
    }

    /// What a write left at its key: `before` are (at least) the writes of its revision that came
    /// before it; versions and the creation are counted back to the last delete.
    fn written<'a>(&'a self, write: &Write, before: impl Iterator<Item = &'a Write>) -> KeyValue {
        let mut earlier: Vec<&Write> = self.writes.iter().collect();
        earlier.retain(|w| w.key == write.key && w.revision < write.revision);
        earlier.extend(before.filter(|w| w.key == write.key && w.revision == write.revision));
        let life = earlier.iter().rev().take_while(|w| w.value.is_some());
        let life: Vec<Revision> = life.map(|w| w.revision).collect();
        let zero = Revision(0);
        let first = life.last().copied().unwrap_or(write.revision);
        let (value, lease) = write.value.clone().unwrap_or_default();
        let there = write.value.is_some();
        KeyValue {
            key: write.key.clone(),
            create_revision: if there { first } else { zero },
            mod_revision: write.revision,
            version: if there { life.len() as u64 + 1 } else { 0 },
            lease,
            value,
        }
    }

    fn state(&self, revision: Revision) -> Vec<KeyValue> {
        let mut keys: Vec<&Key> = self.writes.iter().map(|w| &w.key).collect();
        keys.sort();
        keys.dedup();
        let values = keys.into_iter().map(|key| self.value_at(key, revision));
        values.flatten().collect()
    }

    /// Reads a range.
    ///
    /// # Errors
    /// As the store's.
    pub fn range(&self, range: &Range) -> Result<RangeResponse, Error> {
        if first_key(&range.keys).bytes().is_empty() {
            return Err(Error::EmptyKey);
        }
        let asked = range.revision.unwrap_or_default();
        let revision = if asked.0 == 0 { self.revision() } else { asked };
        let mut kvs = self.snapshot(revision)?;
        kvs.retain(|kv| range.keys.contains(&kv.key));
        let count = kvs.len();
        let limit = if range.limit == 0 {
            usize::MAX
        } else {
            range.limit
        };
        let (target, order) = (range.sort.target, range.sort.order);
        if order == SortOrder::None && range.filter == RevisionFilter::default() {
            kvs.truncate(limit.saturating_add(1));
        }
        let filter = range.filter;
        let above = |max: Revision, revision| max.0 != 0 && revision > max;
        kvs.retain(|kv| kv.mod_revision >= filter.min_mod);
        kvs.retain(|kv| kv.create_revision >= filter.min_create);
        kvs.retain(|kv| !above(filter.max_mod, kv.mod_revision));
        kvs.retain(|kv| !above(filter.max_create, kv.create_revision));
        kvs.sort_by(|a, b| {
            let ordering = match target {
                SortTarget::Key => a.key.cmp(&b.key),
                SortTarget::Version => a.version.cmp(&b.version),
                SortTarget::CreateRevision => a.create_revision.cmp(&b.create_revision),
                SortTarget::ModRevision => a.mod_revision.cmp(&b.mod_revision),
                SortTarget::Value => a.value.bytes().cmp(b.value.bytes()),
            };
            match order {
                SortOrder::Descend => ordering.reverse(),
                SortOrder::None | SortOrder::Ascend => ordering,
            }
        });
        if range.count_only {
            kvs.clear();
        }
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if range.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Frozen::default());
        }
        Ok(RangeResponse {
            revision: self.revision(),
            kvs,
            more,
            count,
        })
    }

    /// Runs a transaction: on a copy, which is thrown away when it is refused.
    ///
    /// # Errors
    /// As the store's.
    pub fn txn(&mut self, txn: &Txn) -> Result<TxnResponse, Error> {
        well_formed(txn, 128)?;
        if writes_twice(txn) {
            return Err(Error::DuplicateKey);
        }
        let mut path = Vec::new();
        self.decide(txn, &mut path);
        self.check(txn, &mut path.iter())?;
        let mut changed = self.clone();
        let mut response = changed.run(txn, self, &mut path.iter())?;
        *self = changed;
        response.revision = self.revision();
        Ok(response)
    }

    /// Which branch each transaction takes that is reached: the outer one first.
    fn decide(&self, txn: &Txn, path: &mut Vec<bool>) {
        let holds = txn.compare.iter().all(|compare| self.holds(compare));
        path.push(holds);
        for operation in branch(txn, holds) {
            if let Operation::Txn(nested) = operation {
                self.decide(nested, path);
            }
        }
    }

    fn holds(&self, compare: &Compare) -> bool {
        let mut kvs = self.state(self.revision());
        kvs.retain(|kv| compare.keys.contains(&kv.key));
        if kvs.is_empty() {
            if matches!(compare.target, Target::Value(_)) {
                return false;
            }
            kvs.push(KeyValue {
                key: "absent".into(),
                create_revision: Revision(0),
                mod_revision: Revision(0),
                version: 0,
                lease: LeaseId(0),
                value: Frozen::default(),
            });
        }
        kvs.iter().all(|kv| {
            let ordering = match &compare.target {
                Target::Version(version) => kv.version.cmp(version),
                Target::CreateRevision(revision) => kv.create_revision.cmp(revision),
                Target::ModRevision(revision) => kv.mod_revision.cmp(revision),
                Target::Value(value) => kv.value.bytes().cmp(value.bytes()),
                Target::Lease(lease) => kv.lease.cmp(lease),
            };
            match compare.relation {
                Relation::Equal => ordering == Ordering::Equal,
                Relation::NotEqual => ordering != Ordering::Equal,
                Relation::Less => ordering == Ordering::Less,
                Relation::Greater => ordering == Ordering::Greater,
            }
        })
    }

    fn check<'a>(&self, txn: &Txn, path: &mut impl Iterator<Item = &'a bool>) -> Result<(), Error> {
        let holds = path.next().copied().unwrap_or_default();
        for operation in branch(txn, holds) {
            match operation {
                Operation::Range(range) => {
                    self.range(range)?;
                }
                Operation::Put(put) => {
                    let absent = self.value_at(&put.key, self.revision()).is_none();
                    if absent && (put.ignore_value || put.ignore_lease) {
                        return Err(Error::KeyNotFound);
                    }
                    if put.lease.0 != 0 && !self.leases.contains_key(&put.lease) {
                        return Err(Error::LeaseNotFound);
                    }
                }
                Operation::DeleteRange(_) => {}
                Operation::Txn(nested) => self.check(nested, path)?,
            }
        }
        Ok(())
    }

    fn run<'a>(
        &mut self,
        txn: &Txn,
        before: &Reference,
        path: &mut impl Iterator<Item = &'a bool>,
    ) -> Result<TxnResponse, Error> {
        let succeeded = path.next().copied().unwrap_or_default();
        let next = before.revision().next();
        let mut responses = Vec::new();
        for operation in branch(txn, succeeded) {
            responses.push(match operation {
                Operation::Range(range) => OperationResponse::Range(self.range(range)?),
                Operation::Put(put) => OperationResponse::Put {
                    previous: self.put(put, next),
                },
                Operation::DeleteRange(delete) => {
                    let mut found = self.state(self.revision());
                    found.retain(|kv| delete.keys.contains(&kv.key));
                    for kv in &found {
                        self.write(next, kv.key.clone(), None);
                    }
                    OperationResponse::DeleteRange {
                        deleted: found.len(),
                        previous: if delete.previous { found } else { Vec::new() },
                    }
                }
                Operation::Txn(nested) => OperationResponse::Txn(self.run(nested, before, path)?),
            });
        }
        Ok(TxnResponse {
            revision: Revision(0),
            succeeded,
            responses,
        })
    }

    fn put(&mut self, put: &Put, revision: Revision) -> Option<KeyValue> {
        let old = self.value_at(&put.key, self.revision());
        let (mut value, mut lease) = (put.value.clone(), put.lease);
        if let Some(old) = &old {
            if put.ignore_value {
                value = old.value.clone();
            }
            if put.ignore_lease {
                lease = old.lease;
            }
        }
        self.write(revision, put.key.clone(), Some((value, lease)));
        if put.previous { old } else { None }
    }
}

/// A watch on the naive store.
#[derive(Clone, Debug)]
pub struct ReferenceWatcher {
    request: WatchRequest,
    next: Revision,
    canceled: bool,
}

impl ReferenceWatcher {
    /// Begins a watch.
    #[must_use]
    pub fn create(request: WatchRequest, store: &Reference) -> ReferenceWatcher {
        let next = if request.start.0 == 0 {
            store.revision().next()
        } else {
            request.start
        };
        let canceled = match &request.keys {
            KeyRange::Between(start, end) => start >= end,
            KeyRange::Single(_) | KeyRange::From(_) => false,
        };
        ReferenceWatcher {
            request,
            next,
            canceled,
        }
    }

    /// What a watcher at this point is told.
    pub fn poll(&mut self, store: &Reference, max_events: usize) -> Option<WatchResponse> {
        if self.canceled {
            return None;
        }
        let mut response = WatchResponse {
            revision: store.revision(),
            created: false,
            canceled: false,
            compacted: None,
            reason: String::new(),
            fragment: false,
            events: Vec::new(),
        };
        if self.next < store.compacted() {
            self.canceled = true;
            return Some(WatchResponse {
                revision: Revision(0),
                canceled: true,
                compacted: Some(store.compacted()),
                ..response
            });
        }
        while self.next <= store.revision() {
            let events = self.wanted(store.events_at(self.next));
            let told = response.events.len();
            if told > 0 && !events.is_empty() && told + events.len() > max_events {
                break;
            }
            response.events.extend(events);
            self.next = self.next.next();
        }
        (!response.events.is_empty()).then_some(response)
    }

    /// The revision up to which everything was told, when that is the store's.
    #[must_use]
    pub fn progress(&self, store: &Reference) -> Option<Revision> {
        let now = store.revision();
        (!self.canceled && self.next > now && self.request.start <= now).then_some(now)
    }

    fn wanted(&self, events: Vec<StoreEvent>) -> Vec<StoreEvent> {
        let mut wanted = events;
        wanted.retain(|event| self.request.keys.contains(&event.kv.key));
        wanted.retain(|event| match event.kind {
            EventKind::Put => !self.request.no_put,
            EventKind::Delete => !self.request.no_delete,
        });
        if !self.request.previous {
            wanted.iter_mut().for_each(|event| event.previous = None);
        }
        wanted
    }
}

fn end(now: Time, ttl: u64) -> Time {
    Time(now.0 + ttl as i64 * 1_000_000)
}

fn branch(txn: &Txn, holds: bool) -> &[Operation] {
    if holds { &txn.success } else { &txn.failure }
}

fn first_key(keys: &KeyRange) -> &Key {
    match keys {
        KeyRange::Single(key) | KeyRange::Between(key, _) | KeyRange::From(key) => key,
    }
}

fn well_formed(txn: &Txn, operations: usize) -> Result<(), Error> {
    let lists = [txn.compare.len(), txn.success.len(), txn.failure.len()];
    if lists.iter().any(|length| *length > operations) {
        return Err(Error::TooManyOperations);
    }
    let left = lists.iter().map(|length| operations - length).min();
    let keys = txn.compare.iter().map(|compare| first_key(&compare.keys));
    if keys.into_iter().any(|key| key.bytes().is_empty()) {
        return Err(Error::EmptyKey);
    }
    for operation in txn.success.iter().chain(&txn.failure) {
        let key = match operation {
            Operation::Range(range) => first_key(&range.keys),
            Operation::DeleteRange(delete) => first_key(&delete.keys),
            Operation::Put(put) => &put.key,
            Operation::Txn(nested) => {
                well_formed(nested, left.unwrap_or_default())?;
                continue;
            }
        };
        if key.bytes().is_empty() {
            return Err(Error::EmptyKey);
        }
        if let Operation::Put(put) = operation {
            if put.ignore_value && !put.value.bytes().is_empty() {
                return Err(Error::ValueProvided);
            }
            if put.ignore_lease && put.lease.0 != 0 {
                return Err(Error::LeaseProvided);
            }
        }
    }
    Ok(())
}

/// True when two operations of a list, here or in a nested transaction, may not go together.
fn writes_twice(txn: &Txn) -> bool {
    [&txn.success, &txn.failure].into_iter().any(|list| {
        let nested = list.iter().any(|operation| match operation {
            Operation::Txn(nested) => writes_twice(nested),
            Operation::Range(_) | Operation::Put(_) | Operation::DeleteRange(_) => false,
        });
        let pairs = list.iter().enumerate();
        nested
            || pairs
                .flat_map(|(index, first)| list[index + 1..].iter().map(move |then| (first, then)))
                .any(|(first, then)| clash(first, then))
    })
}

fn clash(first: &Operation, then: &Operation) -> bool {
    let (puts, deletes) = (puts(first), deletes(first));
    let (later_puts, later_deletes) = (self::puts(then), self::deletes(then));
    let twice = puts.iter().any(|key| later_puts.contains(key));
    let put_again = later_puts
        .iter()
        .any(|key| deletes.iter().any(|keys| keys.contains(key)));
    let deleted = puts
        .iter()
        .any(|key| later_deletes.iter().any(|keys| keys.contains(key)));
    // Only between two nested transactions etcd lets a delete follow a put.
    let nested = matches!((first, then), (Operation::Txn(_), Operation::Txn(_)));
    twice || put_again || (deleted && !nested)
}

fn puts(operation: &Operation) -> Vec<&Key> {
    match operation {
        Operation::Put(put) => vec![&put.key],
        Operation::Txn(txn) => txn
            .success
            .iter()
            .chain(&txn.failure)
            .flat_map(puts)
            .collect(),
        Operation::Range(_) | Operation::DeleteRange(_) => Vec::new(),
    }
}

fn deletes(operation: &Operation) -> Vec<&KeyRange> {
    match operation {
        Operation::DeleteRange(delete) => vec![&delete.keys],
        Operation::Txn(txn) => txn
            .success
            .iter()
            .chain(&txn.failure)
            .flat_map(deletes)
            .collect(),
        Operation::Range(_) | Operation::Put(_) => Vec::new(),
    }
}
