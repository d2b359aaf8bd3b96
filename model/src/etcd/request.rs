//! What is asked of the store, and what it answers.

use super::{Key, KeyRange, KeyValue, LeaseId, Revision};
use crate::{ambient::Time, frozen::Frozen};
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Read keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// Which keys.
    pub keys: KeyRange,
    /// As of which revision; the newest when `None` (or 0, as etcd writes it).
    pub revision: Option<Revision>,
    /// At most so many; 0 is no limit.
    pub limit: usize,
    /// Leave the values out.
    pub keys_only: bool,
    /// Leave the keys out too, and only count.
    pub count_only: bool,
    /// In which order; ascending keys by default.
    pub sort: Sort,
    /// Which versions; all by default.
    pub filter: RevisionFilter,
}

/// The order of an answer: etcd's `sort_target` and `sort_order`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sort {
    /// By what.
    pub target: SortTarget,
    /// Which way.
    pub order: SortOrder,
}

/// By what an answer is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortTarget {
    /// By the key.
    #[default]
    Key,
    /// By the version.
    Version,
    /// By the create revision.
    CreateRevision,
    /// By the mod revision.
    ModRevision,
    /// By the value.
    Value,
}

/// Which way an answer is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SortOrder {
    /// Ascending; but a limit takes the first keys before they are sorted, not after.
    #[default]
    None,
    /// Ascending.
    Ascend,
    /// Descending.
    Descend,
}

/// Leaves out keys by their revisions (both ends included); revision 0 is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RevisionFilter {
    /// Written last at or after.
    pub min_mod: Revision,
    /// Written last at or before.
    pub max_mod: Revision,
    /// Created at or after.
    pub min_create: Revision,
    /// Created at or before.
    pub max_create: Revision,
}

impl Range {
    /// The newest version of `keys`, all of them.
    #[must_use]
    pub fn newest(keys: KeyRange) -> Range {
        Range {
            keys,
            revision: None,
            limit: 0,
            keys_only: false,
            count_only: false,
            sort: Sort::default(),
            filter: RevisionFilter::default(),
        }
    }

    /// The version of `keys` as of `revision`, all of them.
    #[must_use]
    pub fn at(keys: KeyRange, revision: Revision) -> Range {
        Range {
            revision: Some(revision),
            ..Range::newest(keys)
        }
    }
}

/// What a [`Range`] found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeResponse {
    /// The store's revision when it answered (not the revision that was read).
    pub revision: Revision,
    /// The keys in the order that was asked for, `limit` at most.
    pub kvs: Vec<KeyValue>,
    /// There were more than `limit`.
    pub more: bool,
    /// How many keys lie in the range, whatever the limit and the filter.
    pub count: usize,
}

/// Write a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Put {
    /// The key.
    pub key: Key,
    /// The value; must be empty with `ignore_value`.
    pub value: Frozen,
    /// The lease to go with.
    pub lease: LeaseId,
    /// Answer with what was there before.
    pub previous: bool,
    /// Keep the value that is there; an error when the key is absent.
    pub ignore_value: bool,
    /// Keep the lease that is there; an error when the key is absent.
    pub ignore_lease: bool,
}

impl Put {
    /// Writes `value` at `key`, without a lease.
    #[must_use]
    pub fn new(key: Key, value: Frozen) -> Put {
        Put {
            key,
            value,
            lease: LeaseId(0),
            previous: false,
            ignore_value: false,
            ignore_lease: false,
        }
    }
}

/// Delete keys. There is no error when there are none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeleteRange {
    /// Which keys.
    pub keys: KeyRange,
    /// Answer with what was there before.
    pub previous: bool,
}

impl DeleteRange {
    /// Deletes `keys`, without telling what they were.
    #[must_use]
    pub fn new(keys: KeyRange) -> DeleteRange {
        DeleteRange {
            keys,
            previous: false,
        }
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operation {
    /// Read.
    Range(Range),
    /// Write.
    Put(Put),
    /// Delete.
    DeleteRange(DeleteRange),
    /// A transaction within the transaction.
    Txn(Txn),
}

impl From<Range> for Operation {
    fn from(range: Range) -> Operation {
        Operation::Range(range)
    }
}

impl From<Put> for Operation {
    fn from(put: Put) -> Operation {
        Operation::Put(put)
    }
}

impl From<DeleteRange> for Operation {
    fn from(delete: DeleteRange) -> Operation {
        Operation::DeleteRange(delete)
    }
}

impl From<Txn> for Operation {
    fn from(txn: Txn) -> Operation {
        Operation::Txn(txn)
    }
}

/// What a compare looks at, and the value that it is held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// The version; 0 when the key is absent.
    Version(u64),
    /// The create revision; 0 when the key is absent.
    CreateRevision(Revision),
    /// The mod revision; 0 when the key is absent.
    ModRevision(Revision),
    /// The value; never equal when the key is absent.
    Value(Frozen),
    /// The lease; 0 when the key is absent.
    Lease(LeaseId),
}

/// How a compare holds what is there against the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// `==`
    Equal,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `!=`
    NotEqual,
}

/// A predicate on the state before the transaction; with a range, on every key in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Compare {
    /// The keys that are looked at.
    pub keys: KeyRange,
    /// How.
    pub relation: Relation,
    /// Against what.
    pub target: Target,
}

impl Compare {
    /// Holds when `target` is what `key` has.
    #[must_use]
    pub fn equal(key: Key, target: Target) -> Compare {
        Compare {
            keys: KeyRange::Single(key),
            relation: Relation::Equal,
            target,
        }
    }
}

/// If every compare holds, `success`, else `failure`: atomic, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Txn {
    /// The predicates, all of which must hold.
    pub compare: Vec<Compare>,
    /// What to do when they do.
    pub success: Vec<Operation>,
    /// What to do when they don't.
    pub failure: Vec<Operation>,
}

impl Txn {
    /// These operations, whatever the state.
    #[must_use]
    pub fn always(success: Vec<Operation>) -> Txn {
        Txn {
            success,
            ..Txn::default()
        }
    }

    /// These operations if every compare holds, else nothing.
    #[must_use]
    pub fn only_if(compare: Vec<Compare>, success: Vec<Operation>) -> Txn {
        Txn {
            compare,
            success,
            failure: Vec::new(),
        }
    }
}

/// What one operation of a transaction answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OperationResponse {
    /// To a read.
    Range(RangeResponse),
    /// To a write: what was there before, when it was asked for.
    Put {
        /// The key's former value.
        previous: Option<KeyValue>,
    },
    /// To a delete.
    DeleteRange {
        /// How many keys went.
        deleted: usize,
        /// They, when it was asked for.
        previous: Vec<KeyValue>,
    },
    /// To a nested transaction.
    Txn(TxnResponse),
}

/// What a transaction answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnResponse {
    /// The store's revision after it; 0 in the answer of a nested transaction (etcd fills in the
    /// outermost header only).
    pub revision: Revision,
    /// The compares held.
    pub succeeded: bool,
    /// One for each operation of the branch that ran.
    pub responses: Vec<OperationResponse>,
}

/// Why the store refused; the texts are etcd's (`api/v3rpc/rpctypes/error.go`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The revision has been compacted; the second is the oldest that can be read.
    Compacted(Revision),
    /// The revision is above the store's, which is the second.
    FutureRevision(Revision),
    /// A key is empty.
    EmptyKey,
    /// A transaction writes a key twice.
    DuplicateKey,
    /// A transaction has more operations than [`crate::limits::TXN_OPERATIONS`].
    TooManyOperations,
    /// `ignore_value` with a value.
    ValueProvided,
    /// `ignore_lease` with a lease.
    LeaseProvided,
    /// `ignore_value` or `ignore_lease` on an absent key.
    KeyNotFound,
    /// No such lease; or, to a keep-alive, its time is over.
    LeaseNotFound,
    /// The lease's number is taken.
    LeaseExists,
    /// The lease's time to live is above [`crate::limits::LEASE_TTL_MAXIMUM_SECONDS`].
    LeaseTtlTooLarge,
    /// A value is larger than [`crate::limits::VALUE_BYTES`].
    RequestTooLarge,
}

impl core::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Compacted(_) => "etcdserver: mvcc: required revision has been compacted",
            Error::FutureRevision(_) => "etcdserver: mvcc: required revision is a future revision",
            Error::EmptyKey => "etcdserver: key is not provided",
            Error::DuplicateKey => "etcdserver: duplicate key given in txn request",
            Error::TooManyOperations => "etcdserver: too many operations in txn request",
            Error::ValueProvided => "etcdserver: value is provided",
            Error::LeaseProvided => "etcdserver: lease is provided",
            Error::KeyNotFound => "etcdserver: key not found",
            Error::LeaseNotFound => "etcdserver: requested lease not found",
            Error::LeaseExists => "etcdserver: lease already exists",
            Error::LeaseTtlTooLarge => "etcdserver: too large lease TTL",
            Error::RequestTooLarge => "etcdserver: request is too large",
        })
    }
}

/// What an event did to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventKind {
    /// Written.
    Put,
    /// Deleted.
    Delete,
}

/// One change of one key, as a watcher sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoreEvent {
    /// Written or deleted.
    pub kind: EventKind,
    /// The key as written; of a deleted key only `key` and `mod_revision` are set.
    pub kv: KeyValue,
    /// What was there at the revision before, also when the transaction wrote the key before; `None`
    /// when there was nothing, or when it has been compacted.
    pub previous: Option<KeyValue>,
}

/// One deterministic step of the store: what a log holds and a replay repeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// A transaction; a single write is one without compares.
    Txn(Txn),
    /// Forget history below the revision.
    Compact(Revision),
    /// Make a lease of so many seconds, [`crate::limits::LEASE_TTL_MINIMUM_SECONDS`] at least.
    GrantLease {
        /// Its number, which the driver chooses when the client doesn't; never 0.
        lease: LeaseId,
        /// Its time to live in seconds.
        ttl: u64,
        /// The driver's clock.
        now: Time,
    },
    /// Let the lease's time begin anew.
    KeepAlive {
        /// Its number.
        lease: LeaseId,
        /// The driver's clock.
        now: Time,
    },
    /// Delete the lease and all keys that go with it, because a client asks for it.
    RevokeLease(LeaseId),
    /// The same, because its time is over; does nothing when it is not (a keep-alive came first).
    ExpireLease {
        /// Its number.
        lease: LeaseId,
        /// The driver's clock.
        now: Time,
    },
}

/// What a [`Command`] came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Of a transaction.
    Txn(TxnResponse),
    /// Of a lease that was granted or kept alive: its time to live in seconds, from now.
    Lease {
        /// Seconds.
        ttl: u64,
    },
    /// Of a compaction, or of a lease that is gone (or, when it hasn't expired, is not).
    Done,
}
