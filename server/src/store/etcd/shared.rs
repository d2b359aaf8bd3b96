//! What the feed and those who read the cache share.

use super::super::changes::Changes;
use arc_swap::ArcSwap;
use model::{cache::Cache, etcd::Revision};
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use tokio::sync::{Notify, watch};

pub(super) struct Shared {
    published: ArcSwap<Cache>,
    revision: watch::Sender<Revision>,
    pub(super) changes: Changes,
    /// How many wait for a revision.
    waiting: AtomicUsize,
    /// Somebody has begun to wait.
    pub(super) begun: Notify,
}

impl Shared {
    pub(super) fn new(cache: Cache) -> Shared {
        Shared {
            revision: watch::Sender::new(cache.revision()),
            published: ArcSwap::from_pointee(cache),
            changes: Changes::default(),
            waiting: AtomicUsize::new(0),
            begun: Notify::new(),
        }
    }

    pub(super) fn cache(&self) -> Cache {
        self.published.load().as_ref().clone()
    }

    /// Publishes a cache in which something has changed below the resource prefixes `touched`.
    pub(super) fn publish(&self, cache: &Cache, touched: &BTreeSet<String>) {
        self.set(cache);
        self.changes.wake(touched);
    }

    /// Publishes a cache of which nothing is as it was.
    pub(super) fn replace(&self, cache: &Cache) {
        self.set(cache);
        self.changes.wake_all();
    }

    fn set(&self, cache: &Cache) {
        self.published.store(cache.clone().into());
        self.revision.send_replace(cache.revision());
    }

    /// The cache once it has reached `revision`, or as it is when `patience` is over.
    pub(super) async fn reached(&self, revision: Revision, patience: Duration) -> Cache {
        let newest = self.cache();
        if newest.revision() >= revision {
            return newest;
        }
        let mut revisions = self.revision.subscribe();
        let _waiting = Waiting::begin(self);
        // When time is over the cache is handed out as it is.
        let _ = tokio::time::timeout(patience, revisions.wait_for(|now| *now >= revision)).await;
        self.cache()
    }

    /// True while somebody waits for a revision.
    pub(super) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

/// Somebody waits for as long as this lives.
struct Waiting<'a>(&'a Shared);

impl Waiting<'_> {
    fn begin(shared: &Shared) -> Waiting<'_> {
        shared.waiting.fetch_add(1, Ordering::SeqCst);
        shared.begun.notify_one();
        Waiting(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
