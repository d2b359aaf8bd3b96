//! What the store owes to its clients (`DESIGN`: E; <https://etcd.io/docs/v3.5/learning/api_guarantees/>).

use crate::history::{Change, Commit, History, Keys, Told};
use model::{
    ambient::Time,
    etcd::{
        Compare, Error, Key, KeyValue, LeaseId, Operation, Range, RangeResponse, Relation,
        Revision, Store, StoreEvent, Target, Txn, WatchResponse,
    },
    frozen::Frozen,
};
use std::{cmp::Ordering, collections::BTreeMap, collections::BTreeSet};

/// E1. A transaction that changes something adds one revision, which all its keys share; one that
/// doesn't, or is refused, adds none.
#[must_use]
pub fn the_revision_grows_by_one_with_each_change(commit: &Commit, history: &History) -> bool {
    let (Some(before), Some(after)) = (history.state(commit.before), history.state(commit.after))
    else {
        return false;
    };
    let written = after
        .iter()
        .filter(|(key, kv)| before.get(*key) != Some(*kv));
    let share = written
        .map(|(_, kv)| kv.mod_revision)
        .all(|revision| revision == commit.after);
    let grows = if before == after {
        commit.before
    } else {
        commit.before.next()
    };
    let told = commit.response.as_ref().map(|response| response.revision);
    share && grows == commit.after && told.is_none_or(|told| told == commit.after)
}

/// E2. A key is created at the revision that finds it absent; each later write counts its version
/// up and keeps its creation; a deletion ends that.
#[must_use]
pub fn creation_and_version_are_kept_across_deletion(history: &History) -> bool {
    let (all, newest) = (model::etcd::KeyRange::all(), history.newest());
    let changes = history.changes(&all, Revision(2), newest);
    changes
        .iter()
        .all(|change| match (&change.before, &change.after) {
            (_, None) => true,
            (None, Some(new)) => {
                new.create_revision == change.revision
                    && new.mod_revision == change.revision
                    && new.version == 1
            }
            (Some(old), Some(new)) => {
                new.create_revision == old.create_revision
                    && new.mod_revision == change.revision
                    && new.version == old.version + 1
            }
        })
}

/// E3. A transaction's compares see the state before it, and the branch that they choose is applied
/// wholly; a refused one changes nothing.
#[must_use]
pub fn a_transaction_is_whole_and_compares_with_the_state_before(
    commit: &Commit,
    history: &History,
) -> bool {
    let (Some(before), Some(after)) = (history.state(commit.before), history.state(commit.after))
    else {
        return false;
    };
    let mut expected = values(before);
    let succeeded = commit.response.as_ref().map(|response| {
        run(&commit.txn, before, &mut expected);
        response.succeeded
    });
    let chosen = succeeded.is_none_or(|it| it == holds(&commit.txn, before));
    chosen && values(after) == expected
}

/// E4. A read at a revision shows the state as of that revision; the future is refused.
/// `read` is the store's.
pub fn a_read_at_a_revision_shows_the_state_as_of_it(
    history: &History,
    compacted: Revision,
    read: impl Fn(&Range) -> Result<RangeResponse, Error>,
) -> bool {
    let newest = history.newest();
    let kept = (compacted.0.max(1)..=newest.0)
        .map(Revision)
        .all(|revision| {
            read(&everything(revision)).is_ok_and(|response| shows(&response, history, revision))
        });
    kept && read(&everything(newest.next())) == Err(Error::FutureRevision(newest))
}

/// E7. Events come in the order of their revisions.
#[must_use]
pub fn events_are_ordered(told: &Told) -> bool {
    told.events.is_sorted_by_key(|event| event.kv.mod_revision)
}

/// E8. No event comes twice.
#[must_use]
pub fn events_are_unique(told: &Told) -> bool {
    let mut seen = BTreeSet::new();
    told.events
        .iter()
        .all(|event| seen.insert((event.kv.mod_revision, &event.kv.key)))
}

/// E9. What has been told and what is told next are all changes from the base on, and nothing else.
/// `rest` is what polling the watch to the end gives; it may be that the watch is canceled.
#[must_use]
pub fn no_event_is_lost(told: &Told, rest: &[WatchResponse], history: &History) -> bool {
    if rest.iter().any(|response| response.canceled) {
        return true;
    }
    let rest = rest.iter().flat_map(|response| &response.events);
    let events: Vec<&StoreEvent> = told.events.iter().chain(rest).collect();
    tells(
        &events,
        &history.changes(&told.keys, told.base, history.newest()),
    )
}

/// E9. An event's previous value is what was there at the revision before; at the compacted
/// revision (`compacted` when it was told, or later) it may be unknown.
#[must_use]
pub fn a_previous_value_is_the_state_of_the_revision_before(
    told: &Told,
    compacted: Revision,
    history: &History,
) -> bool {
    told.events.iter().all(|event| {
        let revision = event.kv.mod_revision;
        let before = history.state(Revision(revision.0.saturating_sub(1)));
        let before = before.and_then(|state| state.get(&event.kv.key));
        event.previous.as_ref() == before || (event.previous.is_none() && revision <= compacted)
    })
}

/// E10. A revision's events are told together: of the last one that was told, none is missing.
#[must_use]
pub fn a_revision_is_never_split(told: &Told, history: &History) -> bool {
    let Some(last) = told.last() else {
        return true;
    };
    let events: Vec<_> = told.events.iter().collect();
    let of_last = events
        .iter()
        .copied()
        .filter(|event| event.kv.mod_revision == last)
        .count();
    of_last == history.changes(&told.keys, last, last).len()
}

/// E11. A watch can begin at any revision that is not compacted, the compacted one included, and
/// then tells all from there on; below it is canceled and tells where to go on. `watch` is the
/// store's: all answers to a watch of every key from that revision, after the first one.
pub fn a_watch_can_begin_wherever_history_is_left(
    history: &History,
    compacted: Revision,
    watch: impl Fn(Revision) -> Vec<WatchResponse>,
) -> bool {
    let all = model::etcd::KeyRange::all();
    (1..=history.newest().0 + 1).map(Revision).all(|start| {
        let answers = watch(start);
        if start < compacted {
            let [only] = answers.as_slice() else {
                return false;
            };
            return only.canceled && only.compacted == Some(compacted) && only.events.is_empty();
        }
        let events: Vec<_> = answers.iter().flat_map(|answer| &answer.events).collect();
        let canceled = answers.iter().any(|answer| answer.canceled);
        !canceled && tells(&events, &history.changes(&all, start, history.newest()))
    })
}

/// E12. When progress at a revision has been told, everything up to it has been told before.
#[must_use]
pub fn progress_means_that_everything_up_to_it_was_told(told: &Told, history: &History) -> bool {
    let due = history.changes(&told.keys, told.base, told.progress);
    due.iter()
        .all(|change| told.events.iter().any(|event| change.is_told_by(event)))
}

/// E13. A compaction takes no key that is there, and below it reads are refused: they don't become
/// wrong. `read` is the store's.
pub fn a_compaction_loses_no_key_and_makes_no_read_wrong(
    history: &History,
    compacted: Revision,
    read: impl Fn(&Range) -> Result<RangeResponse, Error>,
) -> bool {
    let now = Range::newest(model::etcd::KeyRange::all());
    let newest = history.newest();
    let refused = (1..compacted.0)
        .map(Revision)
        .all(|revision| read(&everything(revision)) == Err(Error::Compacted(compacted)));
    refused && read(&now).is_ok_and(|response| shows(&response, history, newest))
}

/// E14. A key that was written with a lease is there exactly as long as the lease is, and the lease
/// knows its keys. `leased` is what was written last, by key.
#[must_use]
pub fn a_key_goes_with_its_lease(store: &Store, leased: &BTreeMap<Key, LeaseId>) -> bool {
    let together = leased.iter().all(|(key, lease)| {
        store.get(key).is_some_and(|kv| kv.lease == *lease) == store.lease(*lease).is_some()
            && store.get(key).is_some() == store.lease(*lease).is_some()
    });
    let knows = store.leases().all(|(id, lease)| {
        let keys = leased
            .iter()
            .filter(|(_, of)| **of == id)
            .map(|(key, _)| key);
        lease.keys().eq(keys)
    });
    together && knows
}

/// E14. A lease that has expired was not kept alive, nor granted, within its time to live.
/// `kept` is when that was the last time, `ended` when it expired.
#[must_use]
pub fn a_lease_never_expires_before_its_time(kept: Time, ttl: u64, ended: Time) -> bool {
    let seconds = i64::try_from(ttl).unwrap_or(i64::MAX);
    ended.0.saturating_sub(kept.0) >= seconds.saturating_mul(1_000_000)
}

fn everything(revision: Revision) -> Range {
    Range::at(model::etcd::KeyRange::all(), revision)
}

/// True when the answer shows exactly the state of the revision.
fn shows(response: &RangeResponse, history: &History, revision: Revision) -> bool {
    let Some(state) = history.state(revision) else {
        return false;
    };
    response.count == state.len() && state.iter().map(|(_, kv)| kv).eq(&response.kvs)
}

/// True when the events tell these changes, each once; those of one revision in any order.
fn tells(events: &[&StoreEvent], changes: &[Change]) -> bool {
    let told = |change: &Change| {
        events
            .iter()
            .filter(|event| change.is_told_by(event))
            .count()
    };
    events.len() == changes.len()
        && changes.iter().all(|change| told(change) == 1)
        && events
            .iter()
            .map(|event| event.kv.mod_revision)
            .eq(changes.iter().map(|it| it.revision))
}

/// What a state holds, without the revisions.
type Values = BTreeMap<Key, (Frozen, LeaseId)>;

fn values(state: &Keys) -> Values {
    let entry = |kv: &KeyValue| (kv.key.clone(), (kv.value.clone(), kv.lease));
    state.iter().map(|(_, kv)| entry(kv)).collect()
}

/// Applies a transaction to plain values, one operation after another.
fn run(txn: &Txn, before: &Keys, values: &mut Values) {
    let branch = if holds(txn, before) {
        &txn.success
    } else {
        &txn.failure
    };
    for operation in branch {
        match operation {
            Operation::Range(_) => {}
            Operation::Put(put) => {
                let old = values.get(&put.key).cloned().unwrap_or_default();
                let value = if put.ignore_value {
                    old.0
                } else {
                    put.value.clone()
                };
                let lease = if put.ignore_lease { old.1 } else { put.lease };
                values.insert(put.key.clone(), (value, lease));
            }
            Operation::DeleteRange(delete) => values.retain(|key, _| !delete.keys.contains(key)),
            Operation::Txn(nested) => run(nested, before, values),
        }
    }
}

fn holds(txn: &Txn, before: &Keys) -> bool {
    txn.compare.iter().all(|compare| {
        let kvs = before.iter().map(|(_, kv)| kv);
        let mut kvs = kvs.filter(|kv| compare.keys.contains(&kv.key)).peekable();
        if kvs.peek().is_none() {
            return compares(compare, None);
        }
        kvs.all(|kv| compares(compare, Some(kv)))
    })
}

fn compares(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    let ordering = match (&compare.target, kv) {
        (Target::Value(_), None) => return false,
        (Target::Value(value), Some(kv)) => kv.value.bytes().cmp(value.bytes()),
        (Target::Version(version), kv) => kv.map_or(0, |kv| kv.version).cmp(version),
        (Target::Lease(lease), kv) => kv.map_or(0, |kv| kv.lease.0).cmp(&lease.0),
        (Target::ModRevision(at), kv) => kv.map_or(0, |kv| kv.mod_revision.0).cmp(&at.0),
        (Target::CreateRevision(at), kv) => kv.map_or(0, |kv| kv.create_revision.0).cmp(&at.0),
    };
    match compare.relation {
        Relation::Equal => ordering == Ordering::Equal,
        Relation::NotEqual => ordering != Ordering::Equal,
        Relation::Greater => ordering == Ordering::Greater,
        Relation::Less => ordering == Ordering::Less,
    }
}
