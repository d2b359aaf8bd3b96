//! Leases: keys that go when nobody keeps them alive.

use super::{Error, Key, KeyValue, LeaseId, Store, store::Draft};
use crate::{
    ambient::Time,
    limits::{LEASE_TTL_MAXIMUM_SECONDS, LEASE_TTL_MINIMUM_SECONDS},
    map::Map,
};
use alloc::vec::Vec;

/// A lease: how long it lives, and which keys go with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    ttl: u64,
    expires: Time,
    keys: Map<Key, ()>,
}

impl Lease {
    /// Its time to live in seconds, from the grant or from a keep-alive.
    #[must_use]
    pub fn ttl(&self) -> u64 {
        self.ttl
    }

    /// When its time is over, if nobody keeps it alive.
    #[must_use]
    pub fn expires(&self) -> Time {
        self.expires
    }

    /// The keys that go with it, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(|(key, ())| key)
    }

    /// A lease that no key goes with yet.
    pub(super) fn without_keys(ttl: u64, expires: Time) -> Lease {
        Lease { ttl, expires, keys: Map::new() }
    }

    /// The same with one more key.
    pub(super) fn with(&self, key: &Key) -> Lease {
        let mut lease = self.clone();
        lease.keys.insert(key.clone(), ());
        lease
    }

    /// The same with one key less.
    pub(super) fn without(&self, key: &Key) -> Lease {
        let mut lease = self.clone();
        lease.keys.remove(key);
        lease
    }

    fn refreshed(&self, now: Time) -> Lease {
        Lease {
            expires: after(now, self.ttl),
            ..self.clone()
        }
    }
}

impl Store {
    /// The lease, while it is there.
    #[must_use]
    pub fn lease(&self, lease: LeaseId) -> Option<&Lease> {
        self.leases.get(&lease)
    }

    /// All leases, by their numbers.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// The leases whose time is over at `now`, by their numbers: the driver makes an
    /// [`super::Command::ExpireLease`] of each.
    #[must_use]
    pub fn expired(&self, now: Time) -> Vec<LeaseId> {
        let over = self.leases().filter(|(_, lease)| lease.expires <= now);
        over.map(|(id, _)| id).collect()
    }

    /// Makes a lease; answers its time to live in seconds.
    pub(super) fn grant(&mut self, id: LeaseId, ttl: u64, now: Time) -> Result<u64, Error> {
        if id == LeaseId(0) {
            return Err(Error::LeaseNotFound);
        }
        if ttl > LEASE_TTL_MAXIMUM_SECONDS {
            return Err(Error::LeaseTtlTooLarge);
        }
        if self.leases.contains(&id) {
            return Err(Error::LeaseExists);
        }
        let ttl = ttl.max(LEASE_TTL_MINIMUM_SECONDS);
        let lease = Lease {
            ttl,
            expires: after(now, ttl),
            keys: Map::new(),
        };
        self.leases.insert(id, lease);
        Ok(ttl)
    }

    /// Lets the lease's time begin anew; a lease whose time is over is as good as gone, though its
    /// keys may still be there (etcd's `Renew` waits until they aren't).
    pub(super) fn keep_alive(&mut self, id: LeaseId, now: Time) -> Result<u64, Error> {
        match self.leases.get(&id) {
            Some(lease) if lease.expires > now => {
                let lease = lease.refreshed(now);
                let ttl = lease.ttl;
                self.leases.insert(id, lease);
                Ok(ttl)
            }
            _ => Err(Error::LeaseNotFound),
        }
    }

    /// Deletes the lease and its keys, in the order of the keys and as one revision.
    pub(super) fn revoke(&mut self, id: LeaseId) -> Result<(), Error> {
        let lease = self.leases.get(&id).ok_or(Error::LeaseNotFound)?;
        let mut draft = Draft::new(self);
        let attached: Vec<KeyValue> = lease
            .keys()
            .filter_map(|key| self.live.get(key).cloned())
            .collect();
        for old in &attached {
            draft.delete(old);
        }
        self.commit(draft);
        self.leases.remove(&id);
        Ok(())
    }

    /// Revokes the lease if its time is over at `now`: never before.
    pub(super) fn expire(&mut self, id: LeaseId, now: Time) -> Result<(), Error> {
        let lease = self.leases.get(&id).ok_or(Error::LeaseNotFound)?;
        if lease.expires > now {
            return Ok(());
        }
        self.revoke(id)
    }
}

/// So many seconds after `now`.
fn after(now: Time, seconds: u64) -> Time {
    let microseconds = i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    Time(now.0.saturating_add(microseconds))
}
