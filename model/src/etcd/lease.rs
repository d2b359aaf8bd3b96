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
        Lease {
            ttl,
            expires,
            keys: Map::new(),
        }
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

    /// A keep-alive whose reading of the clock is older than the last one takes nothing away.
    fn refreshed(&self, now: Time) -> Lease {
        Lease {
            expires: self.expires.max(after(now, self.ttl)),
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{key, put, seconds, told};
    use super::{Error, LeaseId, Store};
    use crate::etcd::{Command, Operation, Outcome, Put, Revision};
    use alloc::{vec, vec::Vec};

    fn leased(name: &str, lease: i64) -> Operation {
        let put = Put::new(name.into(), "1".into());
        let lease = LeaseId(lease);
        Put { lease, ..put }.into()
    }

    fn keys_of(store: &Store, lease: i64) -> Vec<&str> {
        let lease = store.lease(LeaseId(lease)).unwrap();
        lease.keys().filter_map(|key| key.text()).collect()
    }

    #[test]
    fn a_grant_is_refused_as_etcd_refuses_it() {
        let mut store = Store::new().granted(7, 10);
        let now = seconds(0);
        let mut grant = |lease: i64, ttl| {
            let lease = LeaseId(lease);
            store.apply(&Command::GrantLease { lease, ttl, now })
        };
        assert_eq!(grant(0, 10), Err(Error::LeaseNotFound));
        assert_eq!(grant(7, 10), Err(Error::LeaseExists));
        assert_eq!(grant(8, 9_000_000_001), Err(Error::LeaseTtlTooLarge));
        assert_eq!(
            grant(8, 9_000_000_000),
            Ok(Outcome::Lease { ttl: 9_000_000_000 })
        );
        assert_eq!(grant(9, 0), Ok(Outcome::Lease { ttl: 2 }));
        assert_eq!(store.revision(), Revision(1));
    }

    #[test]
    fn keys_move_between_leases_with_each_put() {
        let store = Store::new().granted(1, 10).granted(2, 10);
        let store = store.with(&[leased("b", 1), leased("a", 1)]);
        assert_eq!(keys_of(&store, 1), ["a", "b"]);
        let store = store.with(&[leased("b", 2), put("a", "2")]);
        assert_eq!(keys_of(&store, 1), [""; 0]);
        assert_eq!(keys_of(&store, 2), ["b"]);
        let kept = Put {
            ignore_lease: true,
            ..Put::new("b".into(), "2".into())
        };
        let store = store.with(&[kept.into()]);
        assert_eq!(keys_of(&store, 2), ["b"]);
        assert_eq!(store.get(&"b".into()).unwrap().lease, LeaseId(2));
        let store = store.with(&[super::super::fixture::delete(key("b"))]);
        assert_eq!(keys_of(&store, 2), [""; 0]);
    }

    #[test]
    fn a_put_with_an_unknown_lease_is_refused() {
        let mut store = Store::new();
        assert_eq!(
            store.together(vec![leased("a", 1)]),
            Err(Error::LeaseNotFound)
        );
        assert_eq!(store, Store::new());
    }

    #[test]
    fn revoking_deletes_the_keys_in_order_as_one_revision() {
        let store = Store::new().granted(1, 10);
        let mut store = store.with(&[leased("b", 1), leased("a", 1), put("c", "1")]);
        assert_eq!(
            store.apply(&Command::RevokeLease(LeaseId(1))),
            Ok(Outcome::Done)
        );
        let events: Vec<_> = store.events(Revision(4)).unwrap().collect();
        assert_eq!(events.len(), 1);
        assert_eq!(told(events[0].1), "5 -a [1], 5 -b [1]");
        assert_eq!(store.listing(5).unwrap(), "c=1 4/4 v1");
        let again = store.apply(&Command::RevokeLease(LeaseId(1)));
        assert_eq!(again, Err(Error::LeaseNotFound));
    }

    #[test]
    fn revoking_a_lease_without_keys_adds_no_revision() {
        let mut store = Store::new().granted(1, 10);
        store.apply(&Command::RevokeLease(LeaseId(1))).unwrap();
        assert_eq!(store, Store::new());
    }

    #[test]
    fn a_lease_ends_when_its_time_is_over_and_never_before() {
        let lease = LeaseId(1);
        let mut store = Store::new().granted(1, 10).with(&[leased("a", 1)]);
        assert_eq!(store.expired(crate::ambient::Time(9_999_999)), []);
        assert_eq!(store.expired(seconds(10)), [lease]);
        let kept = store.apply(&Command::KeepAlive {
            lease,
            now: seconds(9),
        });
        assert_eq!(kept, Ok(Outcome::Lease { ttl: 10 }));
        // A reading of the clock from before the last keep-alive takes nothing away.
        let now = seconds(8);
        let stale = Command::KeepAlive { lease, now };
        store.apply(&stale).unwrap();
        assert_eq!(store.lease(lease).unwrap().expires(), seconds(19));
        // The driver had found it expired, but the keep-alive came first.
        let before = store.clone();
        store
            .apply(&Command::ExpireLease {
                lease,
                now: seconds(18),
            })
            .unwrap();
        assert_eq!(store, before);
        let late = store.apply(&Command::KeepAlive {
            lease,
            now: seconds(19),
        });
        assert_eq!(late, Err(Error::LeaseNotFound));
        store
            .apply(&Command::ExpireLease {
                lease,
                now: seconds(19),
            })
            .unwrap();
        assert_eq!(store.listing(3).unwrap(), "");
        assert_eq!(store.leases().count(), 0);
    }
}
