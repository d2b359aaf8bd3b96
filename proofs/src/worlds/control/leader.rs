//! Two candidates for one Lease, each with its own clock; requests and answers take their time, and
//! an answer is lost.
//!
//! The clocks go on a second at a time and are never further apart than the bound, so that over any
//! span they differ by twice as much at most. The times are client-go's, scaled: a Lease is
//! respected for 4 s instead of 15, a leader leads for 2 instead of 10, and the bound is 1 s: what
//! matters is that twice the bound is not more than the difference. With a bound of 2 s there are
//! two leaders, which is shown as the fault `clocks-drift`.

use super::objects::namespace;
use crate::{
    check::{Failure, Report, Story, catches, exhaust},
    plane::{BEGIN, Server},
    worlds::{Fault as Seeded, Obligation, World},
};
use model::{
    ambient::{Ambient, Time},
    config::{Config, User},
    controllers::{
        Call, Name, apis,
        leader::{Candidacy, Election, LeaderElector},
    },
    frozen::Frozen,
};
use serde_json::Value;
use stateright::{Model, Property};
use std::fmt;

/// The reachable states.
const UNIQUE: usize = 1_462_709;
/// How many seconds the clocks go on.
const SECONDS: i64 = 4;
/// How far apart the clocks are at most, in seconds.
const BOUND: i64 = 1;

const P7: &str = "there is one leader at most";
const CHANGED: &str = "the second has taken over from the first";

/// The world.
struct Leader {
    bound: i64,
    /// A write carries the version that there is, not the one that was looked at.
    blind: bool,
    config: Config,
}

/// Everything there is.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    server: Server,
    candidates: [Candidate; 2],
    /// An answer can still be lost.
    lossy: bool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Candidate {
    elector: LeaderElector,
    clock: i64,
    way: Way,
}

/// What is on its way from a candidate, or to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Way {
    Nothing,
    Call(Box<Call>),
    Answer(u16, Frozen),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// This candidate sends what it wants to.
    Send(usize),
    /// Its call is served.
    Serve(usize),
    /// It is answered.
    Answer(usize),
    /// The answer is lost.
    Lose(usize),
    /// Its clock goes on.
    Tick(usize),
}

impl Leader {
    fn new(bound: i64, blind: bool) -> Leader {
        Leader {
            bound,
            blind,
            config: Config::permissive(),
        }
    }

    fn serve(&self, server: &mut Server, call: &Call, who: usize) -> (u16, Frozen) {
        let user = User {
            name: "manager".into(),
            ..User::default()
        };
        // Uids are made of it: never the same for two writes.
        let revision = u128::from(server.store().revision().0);
        let ambient = Ambient {
            now: BEGIN,
            seed: revision * 4 + who as u128,
            ..Ambient::default()
        };
        server.answer(
            &call.head(&user, "manager"),
            &call.body,
            &self.config,
            &ambient,
        )
    }
}

impl Candidate {
    fn now(&self) -> Time {
        Time(BEGIN.0 + self.clock * 1_000_000)
    }

    fn leads(&self) -> bool {
        self.elector.leads(self.now())
    }
}

impl Model for Leader {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mut server = Server::new();
        let (code, body) = self.serve(&mut server, &namespace("d"), 3);
        assert_eq!(code, 201, "{body:?}");
        server.forget();
        let candidate = |identity| Candidate {
            elector: LeaderElector::new(Election {
                lease_seconds: 4,
                renew_seconds: 2,
                retry_seconds: 1,
                ..Election::new(Name::new("d", "manager"), identity)
            }),
            clock: 0,
            way: Way::Nothing,
        };
        vec![State {
            server,
            candidates: ["first", "second"].map(candidate),
            lossy: true,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (who, candidate) in state.candidates.iter().enumerate() {
            match &candidate.way {
                Way::Nothing => actions.push(Action::Send(who)),
                Way::Call(_) => actions.push(Action::Serve(who)),
                Way::Answer(..) => {
                    actions.push(Action::Answer(who));
                    if state.lossy {
                        actions.push(Action::Lose(who));
                    }
                }
            }
            let other = state.candidates[1 - who].clock;
            if candidate.clock < SECONDS && candidate.clock + 1 - other <= self.bound {
                actions.push(Action::Tick(who));
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Send(who) => {
                let candidate = &mut state.candidates[who];
                let Candidacy::Send(call) = candidate.elector.next(candidate.now()) else {
                    return None;
                };
                candidate.way = Way::Call(call);
            }
            Action::Serve(who) => {
                let Way::Call(mut call) = before.candidates[who].way.clone() else {
                    return None;
                };
                if self.blind && call.method == "PUT" {
                    *call = with_newest_version(*call, &state.server);
                }
                let (code, body) = self.serve(&mut state.server, &call, who);
                state.server.forget();
                state.candidates[who].way = Way::Answer(code, body);
            }
            Action::Answer(who) => {
                let candidate = &mut state.candidates[who];
                let way = std::mem::replace(&mut candidate.way, Way::Nothing);
                let Way::Answer(code, body) = way else {
                    return None;
                };
                let now = candidate.now();
                candidate.elector.answered(code, body.bytes(), now);
            }
            Action::Lose(who) => {
                state.lossy = false;
                let candidate = &mut state.candidates[who];
                candidate.way = Way::Nothing;
                let now = candidate.now();
                candidate.elector.answered(0, b"", now);
            }
            Action::Tick(who) => state.candidates[who].clock += 1,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(P7, |_, state: &State| {
                !state.candidates.iter().all(Candidate::leads)
            }),
            Property::sometimes(CHANGED, |_, state: &State| {
                let [first, second] = &state.candidates;
                second.leads() && first.elector.until().is_some()
            }),
        ]
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("State");
        for candidate in &self.candidates {
            told.field(
                &candidate.elector.election().identity,
                &(
                    candidate.now().rfc3339(),
                    candidate.elector.leader(),
                    candidate.leads(),
                    &candidate.way,
                ),
            );
        }
        told.finish()
    }
}

fn run() -> Result<Report, Failure> {
    exhaust("leader", &Leader::new(BOUND, false), UNIQUE)
}

/// The bound is broken.
fn drift() -> Result<Story, Failure> {
    catches(&Leader::new(BOUND + 1, false), P7)
}

/// The Lease is written whatever has become of it.
fn overwrites() -> Result<Story, Failure> {
    catches(&Leader::new(BOUND, true), P7)
}

fn with_newest_version(call: Call, server: &Server) -> Call {
    let lease = server.get(&apis::LEASES, &Name::new("d", "manager"));
    let mut body: Value = serde_json::from_slice(call.body.bytes()).unwrap_or_default();
    let version = lease.map(|lease| lease.revision().to_string());
    body["metadata"]["resourceVersion"] = version.into();
    Call {
        body: body.to_string().as_str().into(),
        ..call
    }
}

/// The world's entry.
pub(super) fn world() -> World {
    let fault = |name, steps, run| Seeded { name, steps, run };
    World {
        name: "leader",
        run,
        obligations: vec![Obligation {
            id: "P7",
            invariant: P7,
            premise: CHANGED,
            faults: vec![
                fault("clocks-drift", 21, drift as fn() -> _),
                fault("writes-without-compare", 25, overwrites),
            ],
        }],
    }
}
