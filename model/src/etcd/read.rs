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

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put};
    use super::{Error, Range, Revision, Sort, SortOrder, SortTarget, Store};
    use crate::etcd::{KeyRange, RevisionFilter};
    use alloc::{vec, vec::Vec};

    /// a=3 (2/5 v2), b=2 (3/3 v1), c=1 (4/4 v1), at revision 5.
    fn store() -> Store {
        Store::new().with(&[put("a", "0"), put("b", "2"), put("c", "1"), put("a", "3")])
    }

    fn check(range: Range, keys: &[&str], more: bool, count: usize) {
        let response = store().range(&range).unwrap();
        let found: Vec<_> = response.kvs.iter().filter_map(|kv| kv.key.text()).collect();
        assert_eq!(
            (&*found, response.more, response.count),
            (keys, more, count),
            "{range:?}"
        );
        assert_eq!(response.revision, Revision(5));
    }

    #[test]
    fn ranges() {
        let newest = Range::newest;
        check(newest(key("a")), &["a"], false, 1);
        check(newest(key("x")), &[], false, 0);
        check(
            newest(KeyRange::Between("a".into(), "c".into())),
            &["a", "b"],
            false,
            2,
        );
        check(
            newest(KeyRange::Between("c".into(), "a".into())),
            &[],
            false,
            0,
        );
        check(newest(KeyRange::prefix(b"b")), &["b"], false, 1);
        check(newest(KeyRange::From("b".into())), &["b", "c"], false, 2);
        check(newest(KeyRange::all()), &["a", "b", "c"], false, 3);
        let empty = store().range(&newest(KeyRange::From("".into())));
        assert_eq!(empty, Err(Error::EmptyKey));
    }

    #[test]
    fn limits_and_counts() {
        let limited = |limit| Range {
            limit,
            ..Range::newest(KeyRange::all())
        };
        check(limited(2), &["a", "b"], true, 3);
        check(limited(3), &["a", "b", "c"], false, 3);
        check(limited(usize::MAX), &["a", "b", "c"], false, 3);
        let count_only = true;
        check(
            Range {
                count_only,
                ..limited(1)
            },
            &[],
            false,
            3,
        );
    }

    #[test]
    fn keys_only_leaves_the_values_out() {
        let range = Range {
            keys_only: true,
            ..Range::newest(KeyRange::all())
        };
        let kvs = store().range(&range).unwrap().kvs;
        assert!(
            kvs.iter()
                .all(|kv| kv.value.bytes().is_empty() && kv.version > 0)
        );
        check(range, &["a", "b", "c"], false, 3);
    }

    #[test]
    fn orders() {
        let sorted = |target, order, limit| Range {
            sort: Sort { target, order },
            limit,
            ..Range::newest(KeyRange::all())
        };
        let (up, down) = (SortOrder::Ascend, SortOrder::Descend);
        check(sorted(SortTarget::Key, down, 2), &["c", "b"], true, 3);
        check(
            sorted(SortTarget::Version, up, 0),
            &["b", "c", "a"],
            false,
            3,
        );
        check(
            sorted(SortTarget::Version, down, 0),
            &["a", "b", "c"],
            false,
            3,
        );
        check(sorted(SortTarget::CreateRevision, down, 1), &["c"], true, 3);
        check(sorted(SortTarget::ModRevision, up, 2), &["b", "c"], true, 3);
        check(sorted(SortTarget::Value, up, 1), &["c"], true, 3);
        // Without an order the limit leaves one key too many, which is then sorted with the rest.
        check(
            sorted(SortTarget::Value, SortOrder::None, 1),
            &["b"],
            true,
            3,
        );
        check(
            sorted(SortTarget::Value, SortOrder::None, 0),
            &["c", "b", "a"],
            false,
            3,
        );
    }

    #[test]
    fn filters_come_before_the_limit_and_are_not_counted() {
        let filtered = |filter, limit| Range {
            filter,
            limit,
            ..Range::newest(KeyRange::all())
        };
        let none = RevisionFilter::default();
        let (three, four) = (Revision(3), Revision(4));
        check(
            filtered(
                RevisionFilter {
                    min_mod: four,
                    ..none
                },
                0,
            ),
            &["a", "c"],
            false,
            3,
        );
        check(
            filtered(
                RevisionFilter {
                    max_mod: four,
                    ..none
                },
                1,
            ),
            &["b"],
            true,
            3,
        );
        check(
            filtered(
                RevisionFilter {
                    min_create: three,
                    ..none
                },
                2,
            ),
            &["b", "c"],
            false,
            3,
        );
        check(
            filtered(
                RevisionFilter {
                    max_create: three,
                    ..none
                },
                0,
            ),
            &["a", "b"],
            false,
            3,
        );
    }

    #[test]
    fn reads_in_the_past() {
        let check_at = |revision, values: &[&str]| {
            let range = Range::at(KeyRange::all(), Revision(revision));
            let response = store().range(&range).unwrap();
            let found: Vec<_> = response.kvs.iter().map(|kv| kv.value.bytes()).collect();
            let expected: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(found, expected);
            assert_eq!(
                response.revision,
                Revision(5),
                "the header is the store's revision"
            );
        };
        check_at(0, &["3", "2", "1"]);
        check_at(1, &[]);
        check_at(3, &["0", "2"]);
        check_at(5, &["3", "2", "1"]);
        let future = store().range(&Range::at(KeyRange::all(), Revision(6)));
        assert_eq!(future, Err(Error::FutureRevision(Revision(5))));
    }

    #[test]
    fn a_transaction_reads_what_it_has_written_and_what_was_before() {
        let mut store = store();
        let all = || Range::newest(KeyRange::all()).into();
        let old = Range::at(key("a"), Revision(5)).into();
        let older = Range::at(key("a"), Revision(4)).into();
        let operations = vec![all(), put("a", "9"), delete(key("b")), all(), old, older];
        let responses = store.together(operations).unwrap().responses;
        let seen = |index: usize| match &responses[index] {
            crate::etcd::OperationResponse::Range(range) => {
                let values = range.kvs.iter().map(|kv| kv.value.clone());
                (range.revision.0, values.collect::<Vec<_>>())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(seen(0), (5, vec!["3".into(), "2".into(), "1".into()]));
        assert_eq!(seen(3), (6, vec!["9".into(), "1".into()]));
        assert_eq!(seen(4), (6, vec!["3".into()]));
        assert_eq!(seen(5), (6, vec!["0".into()]));
    }
}
