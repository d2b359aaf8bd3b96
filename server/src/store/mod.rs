//! The store behind the server: what a driver may ask of it, whichever it is.

mod changes;
mod disk;
mod embedded;
mod housekeeping;
mod log;
mod snapshot;

use crate::error::StartError;
use embedded::Embedded;
use model::{
    cache::Cache,
    etcd::{self, Command, Outcome, Range, RangeResponse, Revision, Txn, TxnResponse},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// It refused, and is as it was.
    Refused(etcd::Error),
    /// It cannot be reached, or whether it happened is not known; for people.
    Unavailable(String),
}

/// The store.
#[derive(Clone)]
pub(crate) enum Store {
    /// The etcd machine in this process.
    Embedded(Arc<Embedded>),
}

impl Store {
    /// The embedded store in `directory`, or in memory.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds damaged files.
    pub(crate) fn embedded(directory: Option<&Path>) -> Result<Store, StartError> {
        Ok(Store::Embedded(Arc::new(Embedded::open(directory)?)))
    }

    /// The watch cache as it is now.
    pub(crate) fn cache(&self) -> Cache {
        match self {
            Store::Embedded(store) => store.newest().cache.clone(),
        }
    }

    /// The watch cache once it has reached `revision`, or as it is when `patience` is over.
    pub(crate) async fn reached(&self, revision: Revision, patience: Duration) -> Cache {
        match self {
            Store::Embedded(store) => store.reached(revision, patience).await.cache.clone(),
        }
    }

    /// Wakes up when the watch cache has something new under the resource prefix `prefix`.
    pub(crate) fn changes(&self, prefix: &str) -> watch::Receiver<()> {
        match self {
            Store::Embedded(store) => store.changes(prefix),
        }
    }

    /// The newest revision, by a linearizable read.
    pub(crate) async fn revision(&self) -> Result<Revision, StoreError> {
        match self {
            Store::Embedded(store) => Ok(store.newest().store.revision()),
        }
    }

    /// A linearizable read.
    pub(crate) async fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        match self {
            Store::Embedded(store) => {
                let found = store.newest().store.range(range);
                found.map_err(StoreError::Refused)
            }
        }
    }

    /// A transaction: answered when it is durable.
    pub(crate) async fn commit(&self, txn: Txn) -> Result<TxnResponse, StoreError> {
        match self {
            Store::Embedded(store) => match store.commit(Command::Txn(txn)).await? {
                Outcome::Txn(response) => Ok(response),
                other => Err(StoreError::Unavailable(format!(
                    "the store answered {other:?}"
                ))),
            },
        }
    }

    /// True while nothing can be written.
    pub(crate) fn failed(&self) -> bool {
        match self {
            Store::Embedded(store) => store.failure().is_some(),
        }
    }

    /// Compacts history and ends leases, for as long as it runs.
    pub(crate) async fn keep_house(self) {
        match self {
            Store::Embedded(store) => housekeeping::embedded(&store).await,
        }
    }

    /// Answers what has been asked before, then ends. Waits for it.
    pub(crate) async fn stop(&self) {
        match self {
            Store::Embedded(store) => store.stop().await,
        }
    }
}
