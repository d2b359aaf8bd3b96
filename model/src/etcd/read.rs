//! Reads: a range of keys, as of a revision.

use super::{
    Error, Key, KeyValue, Range, RangeResponse, Revision, Sort, SortOrder, SortTarget, Store,
};
use crate::{frozen::Frozen, map::Map};
use alloc::vec::Vec;
use core::cmp::Ordering;

impl Store {
    /// Reads a range of keys.
    ///
    /// # Errors
    /// [`Error::EmptyKey`]; [`Error::FutureRevision`] above the newest revision,
    /// [`Error::Compacted`] below the compacted one (which can itself be read).
    pub fn range(&self, range: &Range) -> Result<RangeResponse, Error> {
        if range.keys.start().bytes().is_empty() {
            return Err(Error::EmptyKey);
        }
        match asked(range) {
            Some(revision) if revision != self.revision => {
                Ok(read(range, &self.snapshot(revision)?, self.revision))
            }
            _ => Ok(read(range, &self.live, self.revision)),
        }
    }
}

/// The revision that the range asks for; 0 is the newest.
pub(super) fn asked(range: &Range) -> Option<Revision> {
    range.revision.filter(|revision| revision.0 > 0)
}

/// Reads the range in a state; `revision` is the store's, which the answer tells.
pub(super) fn read(range: &Range, state: &Map<Key, KeyValue>, revision: Revision) -> RangeResponse {
    let mut response = RangeResponse {
        revision,
        kvs: Vec::new(),
        more: false,
        count: 0,
    };
    if range.count_only {
        response.count = range.keys.within(state).count();
        return response;
    }
    let fetched = fetch_limit(range);
    for (_, kv) in range.keys.within(state) {
        if response.count < fetched && passes(range, kv) {
            response.kvs.push(kv.clone());
        }
        response.count += 1;
    }
    sort(&mut response.kvs, range.sort);
    if range.limit > 0 && response.kvs.len() > range.limit {
        response.kvs.truncate(range.limit);
        response.more = true;
    }
    if range.keys_only {
        let nothing = Frozen::default();
        for kv in &mut response.kvs {
            kv.value = nothing.clone();
        }
    }
    response
}

/// How many keys are looked at: all when the order or a filter decides which ones the limit leaves,
/// else one more than the limit, to know whether there are more. With [`SortOrder::None`] the limit
/// comes before the sorting, whatever the target (etcd's `rangeLimit`).
fn fetch_limit(range: &Range) -> usize {
    let Sort { target, order } = range.sort;
    let as_stored =
        order == SortOrder::None || (target == SortTarget::Key && order == SortOrder::Ascend);
    if range.limit == 0 || !as_stored || range.filter != super::RevisionFilter::default() {
        usize::MAX
    } else {
        range.limit.saturating_add(1)
    }
}

fn passes(range: &Range, kv: &KeyValue) -> bool {
    let filter = &range.filter;
    let within = |revision: Revision, min: Revision, max: Revision| {
        revision >= min && (max.0 == 0 || revision <= max)
    };
    within(kv.mod_revision, filter.min_mod, filter.max_mod)
        && within(kv.create_revision, filter.min_create, filter.max_create)
}

/// Sorts; keys that are equal in the target stay in the order of their keys (in etcd their order
/// is undefined).
fn sort(kvs: &mut [KeyValue], sort: Sort) {
    let by = |a: &KeyValue, b: &KeyValue| match sort.target {
        SortTarget::Key => Ordering::Equal,
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::CreateRevision => a.create_revision.cmp(&b.create_revision),
        SortTarget::ModRevision => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    };
    match (sort.target, sort.order) {
        (SortTarget::Key, SortOrder::None | SortOrder::Ascend) => {}
        (SortTarget::Key, SortOrder::Descend) => kvs.reverse(),
        (_, SortOrder::None | SortOrder::Ascend) => kvs.sort_by(by),
        (_, SortOrder::Descend) => kvs.sort_by(|a, b| by(b, a)),
    }
}
