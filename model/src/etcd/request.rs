//! What is asked of the store, and what it answers.

use crate::frozen::Frozen;
use alloc::{sync::Arc, vec::Vec};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A key: any bytes, ordered as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, when the bytes are UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        core::str::from_utf8(&self.0).ok()
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Self {
        Key(bytes.into())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key(text.as_bytes().into())
    }
}

impl core::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

/// A point in the store's history. A new store is at revision 1; each transaction that changes
/// something adds one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Revision(pub u64);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A lease's number; 0 is no lease.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LeaseId(pub i64);

/// A key with its value at some revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// The revision that created it since it was last absent.
    pub create_revision: Revision,
    /// The revision that wrote it last.
    pub mod_revision: Revision,
    /// How often it was written since `create_revision`, that write included.
    pub version: u64,
    /// The lease that it goes with.
    pub lease: LeaseId,
    /// The value; empty in a `keys_only` answer.
    pub value: Frozen,
}

/// Which keys a request is about, as etcd's `key` and `range_end` say it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyRange {
    /// This key alone.
    Single(Key),
    /// From the first (included) to the second (excluded).
    Between(Key, Key),
    /// From this key on (`range_end` is a zero byte); every key when it is a zero byte too.
    From(Key),
}

impl KeyRange {
    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        let mut end = prefix.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return KeyRange::Between(prefix.into(), end.as_slice().into());
            }
        }
        KeyRange::From(prefix.into())
    }

    /// True when `key` is one of them.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            KeyRange::Single(single) => key == single,
            KeyRange::Between(start, end) => start <= key && key < end,
            KeyRange::From(start) => start <= key,
        }
    }
}

/// Read keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Range {
    /// Which keys, in ascending order.
    pub keys: KeyRange,
    /// As of which revision; the newest when `None`.
    pub revision: Option<Revision>,
    /// At most so many; 0 is no limit.
    pub limit: usize,
    /// Leave the values out.
    pub keys_only: bool,
    /// Leave the keys out too, and only count.
    pub count_only: bool,
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
        }
    }
}

/// What a [`Range`] found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeResponse {
    /// The store's revision when it answered (not the revision that was read).
    pub revision: Revision,
    /// The keys in ascending order.
    pub kvs: Vec<KeyValue>,
    /// There were more than `limit`.
    pub more: bool,
    /// How many keys lie in the range, whatever the limit.
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

/// Delete keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeleteRange {
    /// Which keys.
    pub keys: KeyRange,
    /// Answer with what was there before.
    pub previous: bool,
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
    /// The store's revision after it.
    pub revision: Revision,
    /// The compares held.
    pub succeeded: bool,
    /// One for each operation of the branch that ran.
    pub responses: Vec<OperationResponse>,
}

/// Why the store refused; the texts are etcd's.
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
    /// `ignore_value` with a value, or `ignore_lease` with a lease.
    ValueProvided,
    /// `ignore_lease` with a lease.
    LeaseProvided,
    /// `ignore_value` or `ignore_lease` on an absent key.
    KeyNotFound,
    /// No such lease.
    LeaseNotFound,
    /// The lease's number is taken.
    LeaseExists,
    /// The lease's time to live is above etcd's maximum (9,000,000,000 s).
    LeaseTtlTooLarge,
}

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
        })
    }
}

/// What an event did to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// What was there before.
    pub previous: Option<KeyValue>,
}

/// One deterministic step of the store: what a log holds and a replay repeats.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// A transaction; a single write is one without compares.
    Txn(Txn),
    /// Forget history below the revision.
    Compact(Revision),
    /// Make a lease of so many seconds.
    GrantLease {
        /// Its number.
        lease: LeaseId,
        /// Its time to live in seconds.
        ttl: u64,
    },
    /// Delete the lease and all keys that go with it: asked for, or because its time is over
    /// (when that is, the driver's clock says).
    RevokeLease(LeaseId),
}

/// What a [`Command`] came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Of a transaction.
    Txn(TxnResponse),
    /// Of a compaction or a lease command.
    Done,
}
