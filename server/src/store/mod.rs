//! The store behind the server: what a driver may ask of it, whichever it is.

mod changes;
mod disk;
mod embedded;
mod etcd;
mod housekeeping;
pub(crate) mod leases;
mod log;
mod snapshot;

use crate::{error::StartError, etcd::Servers};
use embedded::Embedded;
use etcd::Etcd;
use model::{
    cache::Cache,
    etcd::{Command, Error, LeaseId, Outcome, Range, RangeResponse, Revision, Txn, TxnResponse},
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Why the store did not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// It refused, and is as it was.
    Refused(Error),
    /// It cannot be reached, or whether it happened is not known; for people.
    Unavailable(String),
}

/// The store.
#[derive(Clone)]
pub(crate) enum Store {
    /// The etcd machine in this process.
    Embedded(Arc<Embedded>),
    /// A real etcd.
    Etcd(Arc<Etcd>),
}

impl Store {
    /// The embedded store in `directory`, or in memory.
    ///
    /// # Errors
    /// When the directory cannot be used, is in use, or holds damaged files.
    pub(crate) fn embedded(directory: Option<&Path>) -> Result<Store, StartError> {
        Ok(Store::Embedded(Arc::new(Embedded::open(directory)?)))
    }

    /// A real etcd.
    ///
    /// # Errors
    /// When a flag is wrong or etcd does not answer.
    pub(crate) async fn etcd(servers: &Servers) -> Result<Store, StartError> {
        Ok(Store::Etcd(Arc::new(Etcd::open(servers).await?)))
    }

    /// The watch cache as it is now.
    pub(crate) fn cache(&self) -> Cache {
        match self {
            Store::Embedded(store) => store.newest().cache.clone(),
            Store::Etcd(store) => store.cache(),
        }
    }

    /// The watch cache once it has reached `revision`, or as it is when `patience` is over.
    pub(crate) async fn reached(&self, revision: Revision, patience: Duration) -> Cache {
        match self {
            Store::Embedded(store) => store.reached(revision, patience).await.cache.clone(),
            Store::Etcd(store) => store.reached(revision, patience).await,
        }
    }

    /// Wakes up when the watch cache has something new under the resource prefix `prefix`.
    pub(crate) fn changes(&self, prefix: &str) -> watch::Receiver<()> {
        match self {
            Store::Embedded(store) => store.changes(prefix),
            Store::Etcd(store) => store.changes(prefix),
        }
    }

    /// The newest revision, by a linearizable read.
    pub(crate) async fn revision(&self) -> Result<Revision, StoreError> {
        match self {
            Store::Embedded(store) => Ok(store.newest().store.revision()),
            Store::Etcd(store) => store.revision().await,
        }
    }

    /// A linearizable read.
    pub(crate) async fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        match self {
            Store::Embedded(store) => {
                let found = store.newest().store.range(range);
                found.map_err(StoreError::Refused)
            }
            Store::Etcd(store) => store.range(range).await,
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
            Store::Etcd(store) => store.commit(&txn).await,
        }
    }

    /// A new lease of so many seconds.
    pub(crate) async fn grant(&self, seconds: u64) -> Result<LeaseId, StoreError> {
        match self {
            Store::Embedded(store) => {
                // 63 random bits, and not 0: as etcd chooses them.
                let lease = LeaseId((crate::ambient::seed() as i64 & i64::MAX).max(1));
                let now = crate::ambient::now();
                let grant = Command::GrantLease {
                    lease,
                    ttl: seconds,
                    now,
                };
                store.commit(grant).await.map(|_| lease)
            }
            Store::Etcd(store) => store.grant(seconds).await,
        }
    }

    /// True while nothing can be written.
    pub(crate) fn failed(&self) -> bool {
        match self {
            Store::Embedded(store) => store.failure().is_some(),
            Store::Etcd(store) => store.failed(),
        }
    }

    /// Compacts history every `compaction` (never when it is 0) and ends leases, for as long as it
    /// runs.
    pub(crate) async fn keep_house(self, compaction: Duration) {
        match self {
            Store::Embedded(store) => housekeeping::embedded(&store, compaction).await,
            Store::Etcd(store) => store.keep_house(compaction).await,
        }
    }

    /// Answers what has been asked before, then ends. Waits for it.
    pub(crate) async fn stop(&self) {
        match self {
            Store::Embedded(store) => store.stop().await,
            Store::Etcd(store) => store.stop(),
        }
    }
}
