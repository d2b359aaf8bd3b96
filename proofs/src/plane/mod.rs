//! A control plane without processes: one API server, the shipped controllers around it, and every
//! order in which what they do can happen.
//!
//! A [`Plane`] is made of [`Member`]s (a controller each, at work in its
//! [`model::controllers::Worker`]), of what the administrator asks for, of the faults that may
//! happen, and of [`Rule`]s. It is a [`stateright::Model`] with fairness, so that
//! [`crate::check`] explores it and judges its promises. What can happen, in any order:
//!
//! * a watch delivers its next event to a member: each watch lags on its own ([`Lag`]);
//! * a member looks at its next item or sends its next call, and the lifecycle runs it;
//! * an answer is lost, and nobody knows whether the call was done; a member crashes, begins anew
//!   with a fresh controller and lists again; a watch breaks and its resource is listed again, so
//!   that what has come and gone meanwhile is never told: each as often as [`Faults`] says;
//! * the administrator asks for the next thing; the clock moves to what is due next ([`Clock`]).
//!
//! **A call is one step**, by default: the lifecycle is run to its end. That loses nothing for a
//! request on one object: the worlds of [`crate::worlds::requests`] show that with other requests
//! between its read and its commit it does what it would have done without the gap, at its commit
//! (L3, L4, O1, O2, O6). Where a request reads what it doesn't compare (the namespace of a create),
//! [`Calls::ReadThenCommit`] makes two steps of it.
//!
//! What is left out: Events for people are taken and not kept ([`Plane::events`]), as no controller
//! looks at them; the API server's cache doesn't lag (its watches do, which is all that a client
//! can see of it; W1 to W6 have their own world), and the store's history is compacted to its end
//! after each step, as nobody here reads it.

mod debug;
mod machine;
mod member;
mod rules;
mod server;
mod steps;

pub use machine::{Checkable, Machine, Part};
pub use member::{Member, Stream};
pub use rules::{Happened, Judge, Owed, Rule, Touched};
pub use server::Server;
pub use steps::{Action, Done, Who};

use crate::zoo::plane::Fault;
use model::{
    ambient::{Ambient, Time},
    config::Config,
    controllers::{Api, Call, Name, Todo},
    object::Object,
};
use stateright::Model;
use std::sync::Arc;

/// When a plane begins: 2026-01-01T00:00:00Z.
pub const BEGIN: Time = Time(1_767_225_600_000_000);

/// A control plane: who takes part, what may happen, what is claimed.
#[derive(Clone, Debug)]
pub struct Plane {
    /// What the administrator has made before anything else happens.
    pub begin: Vec<Call>,
    /// The controllers. They have listed that before anything else happens.
    pub members: Vec<Part>,
    /// They have also done all that there was to do about it, one after another.
    pub settled: bool,
    /// What the administrator asks for, in order, and when.
    pub asks: Vec<Ask>,
    /// What may go wrong.
    pub faults: Faults,
    /// How the clock moves.
    pub clock: Clock,
    /// How watches lag.
    pub lag: Lag,
    /// What a call is.
    pub calls: Calls,
    /// Events for people are kept, each a step and a revision of its own.
    pub events: bool,
    /// What must hold, and what must occur.
    pub rules: Vec<Rule>,
    /// What must come in the end.
    pub owed: Vec<Owed>,
    /// What is broken on purpose.
    pub broken: Option<Fault>,
    /// The API server's configuration.
    pub config: Arc<Config>,
}

/// Something that the administrator asks for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The request.
    pub call: Call,
    /// It is not sent before this holds.
    pub when: fn(&State) -> bool,
}

/// How often each thing may still go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// The answer to a call does not come, be it done or not.
    pub lost: u8,
    /// A member crashes.
    pub crashes: u8,
    /// A watch breaks, and can't go on from where it was.
    pub cuts: u8,
}

/// When the clock moves to the next moment at which something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// When nobody has anything else to do, so often at most: everything is fast, compared with
    /// back-offs and timers.
    WhenIdle(u8),
    /// At any moment, so often at most: everything may be slow.
    AtAnyTime(u8),
}

/// In which order a member sees what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lag {
    /// Each watch in order, and in any order to the others.
    EachWatch,
    /// All watches of a member in the order of the store: fewer states.
    EachMember,
}

/// How a call is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// As one step.
    AtOnce,
    /// What it reads in one step, what it commits in another.
    ReadThenCommit,
}

/// Everything there is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The API server and its store.
    pub server: Server,
    /// The controllers.
    pub members: Vec<Member>,
    /// The clock.
    pub now: Time,
    /// How often it can still move.
    pub ticks: u8,
    /// How many of its requests the administrator has sent.
    pub asked: u8,
    /// What may still go wrong.
    pub left: Faults,
    /// Which rules about steps are concerned by the last one.
    marks: u64,
    /// What the last step came to, for stories: it makes no difference to what follows.
    remark: server::Derived<String>,
}

impl Plane {
    /// A plane of these members, which begins with what these calls of the administrator make.
    #[must_use]
    pub fn new(begin: Vec<Call>, members: Vec<Part>) -> Plane {
        Plane {
            begin,
            members,
            settled: false,
            asks: Vec::new(),
            faults: Faults::default(),
            clock: Clock::WhenIdle(3),
            lag: Lag::EachWatch,
            calls: Calls::AtOnce,
            events: false,
            rules: Vec::new(),
            owed: Vec::new(),
            broken: None,
            config: Arc::new(Config::permissive()),
        }
    }

    /// The same with that fault.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Plane {
        self.broken = Some(fault);
        self
    }

    /// The state in which everybody has listed what there is at the beginning.
    #[must_use]
    pub fn initial(&self) -> State {
        let mut server = Server::new();
        for (number, call) in (1..).zip(&self.begin) {
            let ambient = Ambient {
                now: BEGIN,
                seed: spread(number),
                ..Ambient::default()
            };
            let head = call.head(&server::administrator(), "kubectl");
            let answer = server.send(&head, &call.body, &self.config, None, &ambient);
            assert!(
                answer.succeeded(),
                "{call:?} is refused: {} {}",
                answer.code,
                answer.why
            );
        }
        server.forget();
        let mut state = State {
            members: self.members.iter().map(Member::new).collect(),
            server,
            now: BEGIN,
            ticks: match self.clock {
                Clock::WhenIdle(most) | Clock::AtAnyTime(most) => most,
            },
            asked: 0,
            left: self.faults,
            marks: 0,
            remark: server::Derived::default(),
        };
        for member in 0..state.members.len() {
            for watch in 0..state.members[member].streams.len() {
                self.open(&mut state, member, watch);
            }
        }
        if self.settled {
            self.settle(state)
        } else {
            state
        }
    }

    /// What comes of `state` when everybody does what there is to do, in the order of the members,
    /// while the clock stands still and nothing goes wrong.
    fn settle(&self, mut state: State) -> State {
        loop {
            let mut actions = Vec::new();
            self.actions(&state, &mut actions);
            let work = |it: &Action| {
                matches!(
                    it,
                    Action::Deliver(..) | Action::Turn(_) | Action::Commit(_)
                )
            };
            let mut next = actions.into_iter().filter(work);
            match next.find_map(|action| self.next_state(&state, action)) {
                Some(next) => state = next,
                None => return state,
            }
        }
    }

    /// Clock and randomness of a step of this member (or, with `None`, of the administrator).
    ///
    /// The random number is different for each write: no two of them are made at the same revision
    /// by the same member. What leaves no trace may have the same number as what follows.
    fn ambient(&self, state: &State, member: Option<usize>) -> Ambient {
        let who = member.map_or(0, |member| member as u128 + 1);
        let revision = u128::from(state.server.store().revision().0);
        Ambient {
            now: state.now,
            seed: spread((revision << 8) + (who << 1)),
            ..Ambient::default()
        }
    }
}

impl Ask {
    /// Something that is asked for at any time after what comes before it.
    #[must_use]
    pub fn at_once(call: Call) -> Ask {
        Ask {
            call,
            when: |_| true,
        }
    }

    /// Something that is asked for when that holds.
    #[must_use]
    pub fn when(call: Call, when: fn(&State) -> bool) -> Ask {
        Ask { call, when }
    }
}

/// The uid of what the nth call of the beginning has made, from 1 on.
#[must_use]
pub fn uid(number: u128) -> String {
    let ambient = Ambient {
        seed: spread(number),
        ..Ambient::default()
    };
    ambient.uid()
}

impl State {
    /// The object of that name that is stored.
    #[must_use]
    pub fn get(&self, api: &Api, name: &Name) -> Option<Object> {
        self.server.get(api, name)
    }

    /// The objects of a resource that are stored.
    pub fn list(&self, api: &Api) -> impl Iterator<Item = Object> + use<> {
        self.server.list(api)
    }

    /// The controller of that type and number (of that type), in whatever state it is.
    #[must_use]
    pub fn controller<C: 'static>(&self, number: usize) -> Option<&C> {
        let controllers = self.members.iter();
        controllers
            .filter_map(|member| member.machine.controller().downcast_ref::<C>())
            .nth(number)
    }

    /// Everybody has seen everything, and nothing is being asked for.
    #[must_use]
    pub fn all_seen(&self) -> bool {
        self.members.iter().all(Member::has_seen_all)
    }

    /// The same, and nobody has anything to do, now or later, as long as nothing changes.
    #[must_use]
    pub fn quiet(&self) -> bool {
        let ambient = Ambient {
            now: self.now,
            ..Ambient::default()
        };
        let rests = |member: &Member| {
            let mut machine = member.machine.copy();
            let rests = machine.next(&ambient) == Todo::Wait(None);
            rests && machine.digest() == member.machine.digest()
        };
        self.all_seen() && self.members.iter().all(rests)
    }
}

/// A number that differs in all its bits from the one before.
fn spread(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

#[cfg(test)]
mod tests;
