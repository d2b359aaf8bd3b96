//! The etcd v3 store as a deterministic machine: requests, answers and the [`Store`] itself.
//!
//! Rules and names are those of etcd's API (<https://etcd.io/docs/v3.5/learning/api/>) and of its
//! API guarantees (<https://etcd.io/docs/v3.5/learning/api_guarantees/>).

mod request;
mod store;

pub use request::{
    Command, Compare, DeleteRange, Error, EventKind, Key, KeyRange, KeyValue, LeaseId, Operation,
    OperationResponse, Outcome, Put, Range, RangeResponse, Relation, Revision, StoreEvent, Target,
    Txn, TxnResponse,
};
pub use store::Store;
