//! Leases of what does not last: many objects share one, because leases are dear
//! (`storage/etcd3/lease_manager.go`).

use super::{Store, StoreError};
use crate::limits::{LEASE_OBJECTS, LEASE_REUSE};
use model::etcd::{LeaseId, Operation, Txn};
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

/// The lease that was granted last. (All Events live equally long, so one is enough.)
#[derive(Default)]
pub(crate) struct Leases(Mutex<Option<Granted>>);

#[derive(Clone, Copy)]
struct Granted {
    lease: LeaseId,
    expires: Instant,
    objects: usize,
}

impl Leases {
    /// A lease that lives for so many seconds from now, or a little longer.
    pub(crate) async fn get(&self, store: &Store, seconds: u64) -> Result<LeaseId, StoreError> {
        let mut last = self.0.lock().await;
        let now = Instant::now();
        let longer = LEASE_REUSE.as_secs().min(seconds / 20);
        if let Some(granted) = last.as_mut().filter(|it| it.serves(now, seconds, longer)) {
            granted.objects += 1;
            return Ok(granted.lease);
        }
        let lease = store.grant(seconds + longer).await?;
        *last = Some(Granted {
            lease,
            expires: now + Duration::from_secs(seconds + longer),
            objects: 1,
        });
        Ok(lease)
    }
}

impl Granted {
    /// True when it outlives `seconds`, but not by more than `longer`, and is not full.
    fn serves(&self, now: Instant, seconds: u64, longer: u64) -> bool {
        let least = now + Duration::from_secs(seconds);
        let most = now + Duration::from_secs(seconds + longer);
        self.expires > least && self.expires <= most && self.objects < LEASE_OBJECTS
    }
}

/// Lets everything that a transaction writes go with a lease.
pub(crate) fn attach(txn: &mut Txn, lease: LeaseId) {
    for operation in &mut txn.success {
        if let Operation::Put(put) = operation {
            put.lease = lease;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Leases, Store};
    use crate::limits::LEASE_OBJECTS;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_shared_for_a_while_and_by_so_many() {
        let store = Store::embedded(None).unwrap();
        let leases = Leases::default();
        let first = leases.get(&store, 3600).await.unwrap();
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(leases.get(&store, 3600).await.unwrap(), first);
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = leases.get(&store, 3600).await.unwrap();
        assert!(second != first, "it would end too early");
        let shorter = leases.get(&store, 1800).await.unwrap();
        assert!(shorter != second, "it would end too late");
        for _ in 1..LEASE_OBJECTS {
            assert_eq!(leases.get(&store, 1800).await.unwrap(), shorter);
        }
        assert!(leases.get(&store, 1800).await.unwrap() != shorter, "full");
        store.stop().await;
    }
}
