//! What a store needs from time to time.

use super::embedded::Embedded;
use crate::limits::LEASE_TICK;
use model::etcd::{Command, Revision};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

/// Compacts history every `compaction` (never when it is 0) to what was the newest revision at the
/// last time, as kube-apiserver's compactor does, and ends leases whose time is over.
pub(super) async fn embedded(store: &Embedded, compaction: Duration) {
    let every = compaction.max(Duration::from_millis(1));
    let mut compactions = interval_at(Instant::now() + every, every);
    let mut leases = interval(LEASE_TICK);
    compactions.set_missed_tick_behavior(MissedTickBehavior::Delay);
    leases.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Revision(0);
    loop {
        let commands = tokio::select! {
            _ = compactions.tick(), if !compaction.is_zero() => {
                let state = &store.newest().store;
                let before = std::mem::replace(&mut last, state.revision());
                if before > state.compacted() { vec![Command::Compact(before)] } else { Vec::new() }
            }
            _ = leases.tick() => {
                let now = crate::ambient::now();
                let expired = store.newest().store.expired(now);
                expired.into_iter().map(|lease| Command::ExpireLease { lease, now }).collect()
            }
        };
        for command in commands {
            if let Err(why) = store.commit(command).await {
                tracing::warn!(?why, "housekeeping of the store failed");
            }
        }
    }
}
