//! Random operations of an etcd store: few keys, few values, so that they often meet.
//!
//! The strategies are boxed: unboxed, nested unions of them don't fit on a test's stack.

use model::{
    ambient::Time,
    etcd::{
        Command, Compare, DeleteRange, Key, KeyRange, LeaseId, Operation, Put, Range, Relation,
        Revision, RevisionFilter, Sort, SortOrder, SortTarget, Target, Txn, WatchRequest,
    },
    frozen::Frozen,
};
use proptest::{collection::vec, option, prelude::*, sample::Index};

/// One step of a random history. Revisions are relative to the store's when the step runs, so that
/// most of them are there.
#[derive(Clone, Debug)]
pub enum Step {
    /// Apply a command.
    Apply(Command),
    /// Compact so many revisions before the newest.
    Compact {
        /// How many.
        back: i64,
    },
    /// Read, perhaps in the past.
    Read {
        /// What; its revision isn't set.
        range: Range,
        /// So many revisions before the newest.
        back: Option<i64>,
    },
    /// Begin a watch.
    Watch {
        /// What; its start isn't set.
        request: WatchRequest,
        /// So many revisions before the newest.
        back: Option<i64>,
    },
    /// Poll one of the watchers.
    Poll {
        /// Which.
        watcher: Index,
        /// About so many events.
        max_events: usize,
    },
    /// Take a snapshot.
    Snapshot,
}

/// The revision so many before `newest`; in the future when `back` is negative, and at least 0.
#[must_use]
pub fn ago(newest: Revision, back: i64) -> Revision {
    Revision(newest.0.saturating_add_signed(-back))
}

/// A history.
pub fn steps(length: usize) -> BoxedStrategy<Vec<Step>> {
    let step = prop_oneof![
        30 => command().prop_map(Step::Apply),
        1 => (-1_i64..20).prop_map(|back| Step::Compact { back }),
        6 => (range(), option::of(-1_i64..40)).prop_map(|(range, back)| Step::Read { range, back }),
        3 => (watch_request(), option::of(-4_i64..20))
            .prop_map(|(request, back)| Step::Watch { request, back }),
        8 => (any::<Index>(), 0_usize..6)
            .prop_map(|(watcher, max_events)| Step::Poll { watcher, max_events }),
        1 => Just(Step::Snapshot),
    ];
    vec(step, 0..length).boxed()
}

/// A transaction or a lease command. (Compactions, being relative, are [`Step::Compact`].)
pub fn command() -> BoxedStrategy<Command> {
    let now = || (0_i64..12).prop_map(|seconds| Time(seconds * 1_000_000));
    prop_oneof![
        6 => put().prop_map(|put| Command::Txn(Txn::always(vec![put.into()]))),
        3 => delete().prop_map(|delete| Command::Txn(Txn::always(vec![delete.into()]))),
        9 => txn().prop_map(Command::Txn),
        2 => (lease(), ttl(), now())
            .prop_map(|(lease, ttl, now)| Command::GrantLease { lease, ttl, now }),
        1 => (lease(), now()).prop_map(|(lease, now)| Command::KeepAlive { lease, now }),
        1 => lease().prop_map(Command::RevokeLease),
        1 => (lease(), now()).prop_map(|(lease, now)| Command::ExpireLease { lease, now }),
    ]
    .boxed()
}

/// A key; seldom the empty one, which is refused.
pub fn key() -> impl Strategy<Value = Key> {
    prop_oneof![32 => named_key(), 1 => Just(Key::from(""))]
}

/// A key that is not empty. (A range that ends at the empty key cannot be said to etcd: it takes a
/// missing end for a single key.)
fn named_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        8 => Just("a"), 8 => Just("b"), 8 => Just("c"), 4 => Just("ab"), 4 => Just("d"),
    ]
    .prop_map(Key::from)
}

/// One key, a prefix, from one to another (or nothing, when the end comes first), or all from one.
pub fn key_range() -> BoxedStrategy<KeyRange> {
    prop_oneof![
        6 => key().prop_map(KeyRange::Single),
        2 => (key(), named_key()).prop_map(|(start, end)| KeyRange::Between(start, end)),
        1 => key().prop_map(|key| KeyRange::prefix(key.bytes())),
        1 => key().prop_map(KeyRange::From),
        1 => Just(KeyRange::all()),
    ]
    .boxed()
}

/// A value.
pub fn value() -> impl Strategy<Value = Frozen> {
    prop_oneof![Just("1"), Just("2"), Just("3"), Just("")].prop_map(Frozen::from)
}

/// A lease's number; seldom 0, which is refused.
pub fn lease() -> impl Strategy<Value = LeaseId> {
    prop_oneof![4 => Just(1), 4 => Just(2), 1 => Just(0)].prop_map(LeaseId)
}

fn ttl() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0_u64..8, 1 => Just(9_000_000_001)]
}

/// A put; seldom one that is refused.
pub fn put() -> BoxedStrategy<Put> {
    let lease = prop_oneof![4 => Just(LeaseId(0)), 1 => lease()];
    let rare = || prop::bool::weighted(0.15);
    (
        key(),
        value(),
        lease,
        any::<bool>(),
        rare(),
        rare(),
        any::<bool>(),
    )
        .prop_map(
            |(key, value, lease, previous, ignore_value, ignore_lease, valid)| {
                // Keeping the value is for puts without one, and keeping the lease likewise.
                let value = if ignore_value && valid {
                    Frozen::default()
                } else {
                    value
                };
                let lease = if ignore_lease && valid {
                    LeaseId(0)
                } else {
                    lease
                };
                Put {
                    key,
                    value,
                    lease,
                    previous,
                    ignore_value,
                    ignore_lease,
                }
            },
        )
        .boxed()
}

/// A delete.
pub fn delete() -> BoxedStrategy<DeleteRange> {
    (key_range(), any::<bool>())
        .prop_map(|(keys, previous)| DeleteRange { keys, previous })
        .boxed()
}

/// A read of the newest revision.
pub fn range() -> BoxedStrategy<Range> {
    let target = prop_oneof![
        Just(SortTarget::Key),
        Just(SortTarget::Version),
        Just(SortTarget::CreateRevision),
        Just(SortTarget::ModRevision),
        Just(SortTarget::Value),
    ];
    let order = prop_oneof![
        Just(SortOrder::None),
        Just(SortOrder::Ascend),
        Just(SortOrder::Descend),
    ];
    let bound = || prop_oneof![4 => Just(0), 1 => 1_u64..30].prop_map(Revision);
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    let bounds = (bound(), bound(), bound(), bound());
    (key_range(), 0_usize..4, flags, target, order, bounds)
        .prop_map(
            |(keys, limit, (keys_only, count_only), target, order, bounds)| {
                let (min_mod, max_mod, min_create, max_create) = bounds;
                Range {
                    limit,
                    keys_only,
                    count_only,
                    sort: Sort { target, order },
                    filter: RevisionFilter {
                        min_mod,
                        max_mod,
                        min_create,
                        max_create,
                    },
                    ..Range::newest(keys)
                }
            },
        )
        .boxed()
}

/// A compare that often holds.
pub fn compare() -> BoxedStrategy<Compare> {
    let relation = prop_oneof![
        3 => Just(Relation::Equal),
        1 => Just(Relation::NotEqual),
        1 => Just(Relation::Less),
        1 => Just(Relation::Greater),
    ];
    let target = prop_oneof![
        3 => (0_u64..3).prop_map(Target::Version),
        1 => (0_u64..20).prop_map(|revision| Target::CreateRevision(Revision(revision))),
        2 => (0_u64..20).prop_map(|revision| Target::ModRevision(Revision(revision))),
        2 => value().prop_map(Target::Value),
        1 => lease().prop_map(Target::Lease),
    ];
    (key_range(), relation, target)
        .prop_map(|(keys, relation, target)| Compare {
            keys,
            relation,
            target,
        })
        .boxed()
}

/// A transaction, perhaps with others in it.
pub fn txn() -> BoxedStrategy<Txn> {
    let nest = |inner| flat_txn(inner).prop_map(Operation::Txn);
    flat_txn(operation().prop_recursive(2, 8, 3, nest))
}

/// A transaction without others in it: it writes a key once at most.
pub fn plain_txn() -> BoxedStrategy<Txn> {
    flat_txn(operation())
}

fn operation() -> BoxedStrategy<Operation> {
    let read = (range(), option::weighted(0.2, 0_u64..30)).prop_map(|(range, revision)| Range {
        revision: revision.map(Revision),
        ..range
    });
    prop_oneof![
        4 => put().prop_map(Operation::Put),
        2 => delete().prop_map(Operation::DeleteRange),
        1 => read.prop_map(Operation::Range),
    ]
    .boxed()
}

fn flat_txn(operation: impl Strategy<Value = Operation> + Clone + 'static) -> BoxedStrategy<Txn> {
    let lists = (
        vec(compare(), 0..3),
        vec(operation.clone(), 0..4),
        vec(operation, 0..3),
    );
    lists
        .prop_map(|(compare, success, failure)| Txn {
            compare,
            success,
            failure,
        })
        .boxed()
}

/// A watch from now on.
pub fn watch_request() -> BoxedStrategy<WatchRequest> {
    let rare = || prop::bool::weighted(0.15);
    let filters = (rare(), rare());
    (key_range(), any::<bool>(), filters, any::<bool>())
        .prop_map(
            |(keys, previous, (no_put, no_delete), progress)| WatchRequest {
                previous,
                no_put,
                no_delete,
                progress,
                ..WatchRequest::new(keys, Revision(0))
            },
        )
        .boxed()
}
