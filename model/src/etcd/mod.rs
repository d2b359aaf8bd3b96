//! The etcd v3 store as a deterministic machine: requests, answers and the [`Store`] itself.
//!
//! Rules and names are those of etcd's API (<https://etcd.io/docs/v3.5/learning/api/>) and of its
//! API guarantees (<https://etcd.io/docs/v3.5/learning/api_guarantees/>).
//!
//! Deliberately not modelled: authentication, alarms and quotas, members and terms, hashes of the
//! key space. Where etcd is at odds with its own documentation the documentation is followed: see
//! [`Error::DuplicateKey`].

mod compaction;
mod dump;
#[cfg(test)]
mod fixture;
mod history;
mod key;
mod lease;
mod read;
mod request;
mod shape;
mod store;
mod txn;
mod watch;

pub use dump::Dump;
pub use key::{Key, KeyRange, KeyValue, LeaseId, Revision};
pub use lease::Lease;
pub use request::{
    Command, Compare, DeleteRange, Error, EventKind, Operation, OperationResponse, Outcome, Put,
    Range, RangeResponse, Relation, RevisionFilter, Sort, SortOrder, SortTarget, StoreEvent,
    Target, Txn, TxnResponse,
};
pub use store::Store;
pub use watch::{WatchRequest, WatchResponse, Watcher};
