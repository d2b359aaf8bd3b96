//! Who is woken by which write.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{PoisonError, RwLock},
};
use tokio::sync::watch;

/// One signal a resource prefix, so that a write to one resource wakes no watcher of another.
#[derive(Default)]
pub(super) struct Changes(RwLock<BTreeMap<String, watch::Sender<()>>>);

impl Changes {
    /// The signal of `prefix`.
    pub(super) fn subscribe(&self, prefix: &str) -> watch::Receiver<()> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = known.get(prefix) {
            return signal.subscribe();
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(prefix.to_owned()).or_default().subscribe()
    }

    /// Wakes everybody.
    pub(super) fn wake_all(&self) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for signal in known.values() {
            signal.send_replace(());
        }
    }

    /// Wakes who waits for any of `prefixes`.
    pub(super) fn wake(&self, prefixes: &BTreeSet<String>) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for prefix in prefixes {
            if let Some(signal) = known.get(prefix) {
                signal.send_replace(());
            }
        }
    }
}
