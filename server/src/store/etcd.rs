//! The store in a real etcd, which other servers may use at the same time.
//!
//! Reads and transactions go to etcd. The watch cache is fed by a watch of everything below the
//! prefix, so it is behind by a moment: who needs a revision waits for it.

mod compactor;
mod feed;
mod shared;

use super::StoreError;
use crate::{
    error::StartError,
    etcd::{Client, Error, Servers},
    limits::{ETCD_PROBE, ETCD_PROBE_TIME, ETCD_START},
};
use feed::Feed;
use model::{
    cache::Cache,
    etcd::{self, Key, KeyRange, LeaseId, Range, RangeResponse, Revision, Txn, TxnResponse},
    registry,
};
use shared::Shared;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

/// A handle to the store.
pub(crate) struct Etcd {
    client: Client,
    shared: Arc<Shared>,
    feed: JoinHandle<()>,
    failed: AtomicBool,
}

impl Etcd {
    /// Connects, and fills the watch cache.
    ///
    /// # Errors
    /// When a flag is wrong, or etcd does not answer within [`ETCD_START`].
    pub(crate) async fn open(servers: &Servers) -> Result<Etcd, StartError> {
        let client = Client::new(servers)?;
        let urls = servers.urls.join(",");
        let feed = timeout(ETCD_START, Feed::begin(client.clone())).await;
        let feed = feed
            .map_err(|_| StartError(format!("etcd at {urls} does not answer")))?
            .map_err(|why| StartError(format!("etcd at {urls}: {why}")))?;
        Ok(Etcd {
            client,
            shared: Arc::clone(feed.shared()),
            feed: tokio::spawn(feed.run()),
            failed: AtomicBool::new(false),
        })
    }

    pub(crate) fn cache(&self) -> Cache {
        self.shared.cache()
    }

    pub(crate) async fn reached(&self, revision: Revision, patience: Duration) -> Cache {
        self.shared.reached(revision, patience).await
    }

    pub(crate) fn changes(&self, prefix: &str) -> watch::Receiver<()> {
        self.shared.changes.subscribe(prefix)
    }

    pub(crate) async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(newest_revision(&self.client).await?)
    }

    pub(crate) async fn range(&self, range: &Range) -> Result<RangeResponse, StoreError> {
        match self.client.range(range).await {
            // etcd does not say which one is the newest.
            Err(Error::Refused(etcd::Error::FutureRevision(_))) => {
                let newest = self.revision().await?;
                Err(StoreError::Refused(etcd::Error::FutureRevision(newest)))
            }
            answer => Ok(answer?),
        }
    }

    pub(crate) async fn commit(&self, txn: &Txn) -> Result<TxnResponse, StoreError> {
        Ok(self.client.txn(txn).await?)
    }

    pub(crate) async fn grant(&self, seconds: u64) -> Result<LeaseId, StoreError> {
        let (lease, _) = self.client.grant(LeaseId(0), seconds).await?;
        Ok(lease)
    }

    /// True when etcd did not answer at the last probe.
    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Compacts, in turns with the other servers, and looks whether etcd answers.
    pub(super) async fn keep_house(&self, compaction: Duration) {
        tokio::join!(self.probe(), compactor::run(&self.client, compaction));
    }

    async fn probe(&self) {
        let mut ticks = interval(ETCD_PROBE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let answer = timeout(ETCD_PROBE_TIME, newest_revision(&self.client)).await;
            let failed = !matches!(answer, Ok(Ok(_)));
            if self.failed.swap(failed, Ordering::Relaxed) != failed {
                tracing::warn!(failed, "etcd");
            }
        }
    }

    pub(crate) fn stop(&self) {
        self.feed.abort();
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> StoreError {
        match error {
            Error::Refused(why) => StoreError::Refused(why),
            Error::NotSent(why) | Error::Unavailable(why) | Error::Other(why) => {
                StoreError::Unavailable(why)
            }
        }
    }
}

/// The newest revision, by a read that costs etcd next to nothing.
async fn newest_revision(client: &Client) -> Result<Revision, Error> {
    let key = Key::from([registry::ROOT, "health"].concat().as_str());
    let nothing = Range {
        count_only: true,
        ..Range::newest(KeyRange::Single(key))
    };
    Ok(client.range(&nothing).await?.revision)
}
