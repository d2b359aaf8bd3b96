//! Two leases, keys that go with them, a clock, and a driver that ends what has expired.
//!
//! Clients write two keys with either lease or without one, and keep a lease alive; a keep-alive may
//! carry a reading of the clock that is a second old when it comes to the store. The driver looks
//! which leases have expired, and ends one of them later: anything may happen in between.

use super::{Fault as Seeded, Obligation, World};
use crate::{
    check::{
        Class, Failure, Fair, Fairness, Promise, Report, Story, catches, catches_livelock,
        exhaust_fair,
    },
    invariants::etcd as invariants,
    zoo::etcd::{Etcd, Fault},
};
use model::{
    ambient::Time,
    etcd::{Command, Key, LeaseId, Put, Store, Txn},
};
use stateright::{Model, Property};
use std::collections::BTreeMap;

/// When the clock stops, in seconds.
const END: i64 = 4;
/// How often a key is written.
const WRITES: u8 = 3;
/// The leases with their time to live in seconds.
const LEASES: [(LeaseId, u64); 2] = [(LeaseId(1), 2), (LeaseId(2), 3)];
/// The reachable states.
const UNIQUE: usize = 115_991;

/// The world, with or without a fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaseWorld {
    /// The core as it is called.
    pub etcd: Etcd,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The store.
    pub store: Store,
    /// The clock, in seconds.
    pub clock: i64,
    /// How often a key was written.
    pub writes: u8,
    /// The lease that the driver has found expired, and when.
    pub found: Option<(LeaseId, i64)>,
    /// The lease that each key was written with.
    pub leased: BTreeMap<Key, LeaseId>,
    /// When each lease was granted or kept alive last, in seconds.
    pub kept: BTreeMap<LeaseId, i64>,
    /// Which leases have expired, and when, in seconds.
    pub ended: BTreeMap<LeaseId, i64>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A second passes.
    Tick,
    /// A client writes a key.
    Put(&'static str, LeaseId),
    /// A client keeps a lease alive, with a reading of the clock so many seconds old.
    KeepAlive(LeaseId, i64),
    /// The driver finds that a lease has expired.
    Find(LeaseId),
    /// The driver ends the lease that it has found.
    Expire,
}

fn seconds(seconds: i64) -> Time {
    Time(seconds * 1_000_000)
}

impl Model for LeaseWorld {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut store = Store::new();
        let now = seconds(0);
        for (lease, ttl) in LEASES {
            let granted = store.apply(&Command::GrantLease { lease, ttl, now });
            granted.expect("a new store has no lease");
        }
        vec![State {
            store,
            clock: 0,
            writes: 0,
            found: None,
            leased: BTreeMap::new(),
            kept: LEASES.map(|(lease, _)| (lease, 0)).into(),
            ended: BTreeMap::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.clock < END {
            actions.push(Action::Tick);
        }
        if state.writes < WRITES {
            for lease in [LeaseId(0), LeaseId(1), LeaseId(2)] {
                actions.extend(["a", "b"].map(|key| Action::Put(key, lease)));
            }
        }
        for (lease, _) in LEASES {
            actions.extend([0, 1].map(|age| Action::KeepAlive(lease, age)));
        }
        let expired = state.store.expired(seconds(state.clock));
        actions.extend(expired.into_iter().map(Action::Find));
        if state.found.is_some() {
            actions.push(Action::Expire);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Tick => state.clock += 1,
            Action::Put(key, lease) => {
                let put = Put {
                    lease,
                    ..Put::new(key.into(), "".into())
                };
                let txn = Txn::always(vec![put.into()]);
                self.etcd.apply(&mut state.store, &Command::Txn(txn)).ok()?;
                state.writes += 1;
                match lease {
                    LeaseId(0) => state.leased.remove(&Key::from(key)),
                    lease => state.leased.insert(key.into(), lease),
                };
            }
            Action::KeepAlive(lease, age) => {
                let now = state.clock - age;
                let command = Command::KeepAlive {
                    lease,
                    now: seconds(now),
                };
                self.etcd.apply(&mut state.store, &command).ok()?;
                state
                    .kept
                    .insert(lease, now.max(before.kept.get(&lease).copied()?));
            }
            Action::Find(lease) => state.found = Some((lease, state.clock)),
            Action::Expire => {
                let (lease, found) = state.found.take()?;
                let command = Command::ExpireLease {
                    lease,
                    now: seconds(found),
                };
                let outcome = self.etcd.apply(&mut state.store, &command);
                if outcome.is_ok() && state.store.lease(lease).is_none() {
                    state.ended.insert(lease, found);
                }
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(GOES, |_, state: &State| {
                invariants::a_key_goes_with_its_lease(&state.store, &state.leased)
            }),
            Property::always(NEVER, |_, state: &State| {
                state.ended.iter().all(|(lease, ended)| {
                    let kept = state.kept.get(lease).copied().unwrap_or_default();
                    let ttl = LEASES
                        .iter()
                        .find(|(id, _)| id == lease)
                        .map_or(0, |(_, ttl)| *ttl);
                    let (kept, ended) = (seconds(kept), seconds(*ended));
                    invariants::a_lease_never_expires_before_its_time(kept, ttl, ended)
                })
            }),
            Property::sometimes(GONE, |_, state: &State| {
                let both = |(lease, _): (&LeaseId, &i64)| {
                    state.leased.values().filter(|of| *of == lease).count() == 2
                };
                state.ended.iter().any(both)
            }),
            Property::sometimes(SAVED, |_, state: &State| {
                state.found.is_some_and(|(lease, found)| {
                    let lease = state.store.lease(lease);
                    lease.is_some_and(|lease| lease.expires() > seconds(found))
                })
            }),
        ]
    }
}

/// The driver does its work; nothing else has to happen, and the clock may stand still.
impl Fair for LeaseWorld {
    fn fairness(&self, action: &Action) -> Fairness {
        match action {
            Action::Expire => Fairness::Weak(Class::new(0)),
            Action::Find(_) => Fairness::Weak(Class::new(1)),
            Action::Tick | Action::Put(..) | Action::KeepAlive(..) => Fairness::Free,
        }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let expired = |_: &LeaseWorld, state: &State, lease: usize| {
            let expired = state.store.expired(seconds(state.clock));
            expired.contains(&LEASES[lease].0)
        };
        let settled = |_: &LeaseWorld, state: &State, lease: usize| {
            let expired = state.store.expired(seconds(state.clock));
            !expired.contains(&LEASES[lease].0)
        };
        vec![Promise::leads_to(ENDS, expired, settled).for_each(LEASES.len())]
    }
}

const GOES: &str = "a key goes with its lease";
const NEVER: &str = "a lease never expires before its time";
const ENDS: &str = "an expired lease ends or is kept alive";
const GONE: &str = "a lease expires with two keys";
const SAVED: &str = "a lease is kept alive after the driver has found it expired";

fn run() -> Result<Report, Failure> {
    exhaust_fair("lease", &LeaseWorld::default(), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    let etcd = Etcd { fault: Some(fault) };
    catches(&LeaseWorld { etcd }, invariant)
}

/// The world's entry in [`super::all`].
#[must_use]
pub fn world() -> World {
    let leaves = Seeded {
        name: "leaves-keys-behind",
        steps: 5,
        run: || caught(Fault::LeavesKeysBehind, GOES),
    };
    let blind = Seeded {
        name: "expires-without-looking",
        steps: 5,
        run: || caught(Fault::ExpiresWithoutLooking, NEVER),
    };
    let late = Seeded {
        name: "expires-by-another-clock",
        steps: 4,
        run: || {
            let fault = Some(Fault::ExpiresByAnotherClock);
            let etcd = Etcd { fault };
            catches_livelock(&LeaseWorld { etcd }, ENDS)
        },
    };
    let obligation = |invariant, premise, fault| Obligation {
        id: "E14",
        invariant,
        premise,
        faults: vec![fault],
    };
    World {
        name: "lease",
        run,
        obligations: vec![
            obligation(GOES, GONE, leaves),
            obligation(ENDS, GONE, late),
            obligation(NEVER, SAVED, blind),
        ],
    }
}
