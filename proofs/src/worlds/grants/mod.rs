//! An administrator and somebody who may write roles and bindings, two requests each, in every
//! order of their steps.
//!
//! Between looking at the rights of whoever asks and committing, rights may change: each look is a
//! step of its own, and so is each read and each commit. What is held against a grant is what was
//! so when its giver's rights were looked at; that a role may grow between that look and the
//! commit of a binding of it is shown, as it can be on a real cluster.

pub mod menu;
mod properties;

use super::{Fault as Seeded, Obligation, World};
use crate::{
    check::{Failure, Report, Story, catches, exhaust},
    invariants::grants::{Objects, objects},
    zoo::grants::{Driver, Fault},
};
use menu::{ALICE, BOB, Request, first};
use model::{
    ambient::{Ambient, Time},
    config::{AuthorizationMode, Config, User},
    etcd::{Key, Revision, Store},
    frozen::Frozen,
    lifecycle::{self, Effect, Event, InFlight, Next, Step, audit, authenticate::MASTERS},
    wire::Response,
};
use properties::{ASKED, GRANTED, L7, L8};
use stateright::{Model, Property};
use std::fmt;

/// The reachable states.
const UNIQUE: usize = 5_551;

/// What each client can send, once after the other.
const SENDS: [&[&[Request]]; 2] = [
    &[
        &[Request::Shrink, Request::Give, Request::AsBob],
        &[Request::TakeBack, Request::GrowOwn],
    ],
    &[BOBS, BOBS],
];

const BOBS: &[Request] = &[
    Request::MakeEqual,
    Request::MakeMore,
    Request::GrowOwn,
    Request::BindOwn,
    Request::BindMore,
    Request::AsDave,
    Request::AsMaster,
];

/// Whose each client's credentials are.
const USERS: [&str; 2] = [ALICE, BOB];

/// The world, with or without a fault.
#[derive(Clone, Debug)]
pub struct Grants {
    driver: Driver,
    config: Config,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The store.
    pub store: Store,
    /// The clients.
    pub clients: [Client; 2],
}

/// A client and its last request.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// The request that waits, and for what.
    waiting: Option<(InFlight, Effect)>,
    /// How many it has sent.
    sent: usize,
    /// What has become of the last one so far.
    pub record: Option<Record>,
}

/// What a request has lived through.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The request.
    pub request: Request,
    /// Its audit events: who asked, and whom that user was taken for.
    pub audited: Vec<(audit::Stage, String, Option<String>)>,
    /// The store's revision when rights were looked at last.
    pub looked: Option<Revision>,
    /// The revision that it has made.
    pub committed: Option<Revision>,
    /// The code of the answer.
    pub code: Option<u16>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// This client sends this request, which goes up to the first effect on what is shared.
    Send(usize, Request),
    /// What this client's request waits for is done.
    Serve(usize, &'static str),
}

impl Grants {
    /// The world, with that fault.
    #[must_use]
    pub fn new(fault: Option<Fault>) -> Grants {
        let mut config = Config::permissive();
        config.authorization = vec![AuthorizationMode::Rbac];
        let user = |name: &str, groups: &[&str]| User {
            name: name.into(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            ..User::default()
        };
        config.authentication.tokens = [
            (ALICE.to_owned(), user(ALICE, &[MASTERS])),
            (BOB.to_owned(), user(BOB, &[])),
            (menu::DAVE.to_owned(), user(menu::DAVE, &[])),
        ]
        .into();
        let driver = Driver { fault };
        Grants { driver, config }
    }

    fn begin(&self, form: &menu::Form, user: &str, driver: Driver, ambient: &Ambient) -> Step {
        lifecycle::begin(&driver.head(form, user), &self.config, ambient)
    }

    /// The store with what there is before.
    fn prepared(&self) -> Store {
        let sound = Driver { fault: None };
        let mut store = Store::new();
        for (number, form) in first().iter().enumerate() {
            let ambient = ambient(7, number);
            let mut step = self.begin(form, ALICE, sound, &ambient);
            while let Next::Wait(in_flight, effect) = step.next {
                let event = perform(&effect, &form.body.to_string(), &mut store, sound);
                step = in_flight.resume(event, &self.config, &ambient);
            }
        }
        store
    }

    /// Takes a step's outcome, and the body at once: nobody shares it.
    fn take(&self, state: &mut State, client: usize, step: Step) {
        let slot = &mut state.clients[client];
        let Some(record) = &mut slot.record else {
            return;
        };
        let told = step.audit.iter().map(|event| {
            let context = &event.context;
            let user = context.user.name.clone();
            match &context.impersonator {
                Some(real) => (event.stage, real.name.clone(), Some(user)),
                None => (event.stage, user, None),
            }
        });
        record.audited.extend(told);
        match step.next {
            Next::Wait(in_flight, Effect::Body { .. }) => {
                let body = record.request.form().body.to_string();
                let event = Event::Body(Ok(Frozen::from(body.as_str())));
                let ambient = ambient(client, slot.sent);
                let next = in_flight.resume(event, &self.config, &ambient);
                self.take(state, client, next);
            }
            Next::Wait(in_flight, effect) => slot.waiting = Some((in_flight, effect)),
            Next::Done(Response { code, .. }) => record.code = Some(code),
        }
    }

    fn send(&self, state: &mut State, client: usize, request: Request) {
        let slot = &mut state.clients[client];
        slot.sent += 1;
        slot.record = Some(Record {
            request,
            audited: Vec::new(),
            looked: None,
            committed: None,
            code: None,
        });
        let ambient = ambient(client, slot.sent);
        let step = self.begin(&request.form(), USERS[client], self.driver, &ambient);
        self.take(state, client, step);
    }

    fn serve(&self, state: &mut State, client: usize) {
        let slot = &mut state.clients[client];
        let (Some((in_flight, effect)), Some(record)) = (slot.waiting.take(), &mut slot.record)
        else {
            return;
        };
        let before = state.store.revision();
        let event = perform(&effect, "", &mut state.store, self.driver);
        if matches!(effect, Effect::Cache { .. }) {
            record.looked = Some(before);
        }
        if state.store.revision() > before {
            record.committed = Some(state.store.revision());
        }
        let ambient = ambient(client, slot.sent);
        let step = in_flight.resume(event, &self.config, &ambient);
        self.take(state, client, step);
    }
}

/// Clock and randomness: time stands still, and each request draws a number of its own.
fn ambient(client: usize, number: usize) -> Ambient {
    Ambient {
        now: Time(1_767_225_600_000_000),
        seed: (client * 100 + number + 1) as u128,
        ..Ambient::default()
    }
}

/// Does what the core wants done.
fn perform(effect: &Effect, body: &str, store: &mut Store, driver: Driver) -> Event {
    match effect {
        Effect::Body { .. } => Event::Body(Ok(Frozen::from(body))),
        Effect::Cache { .. } => Event::Cache(driver.cache(store)),
        Effect::Revision => Event::Revision(store.revision()),
        Effect::Read(range) => Event::Read(store.range(range)),
        Effect::Commit(txn) | Effect::CommitForAWhile(txn, _) => Event::Committed(store.txn(txn)),
    }
}

impl State {
    /// The clients with what has become of their last requests.
    pub fn records(&self) -> impl Iterator<Item = (&'static str, &Record)> {
        let clients = USERS.into_iter().zip(&self.clients);
        clients.filter_map(|(user, client)| Some((user, client.record.as_ref()?)))
    }
}

impl Record {
    /// What its commit did to what was there when rights were looked at; nothing for a request
    /// that has not committed.
    #[must_use]
    pub fn grant(&self, store: &Store) -> Option<(Objects, Objects)> {
        let (looked, committed) = (self.looked?, self.committed?);
        let before = objects(store, looked);
        let mut after = before.clone();
        let written: Objects = objects(store, committed);
        let old: Objects = objects(store, Revision(committed.0 - 1));
        let keys: Vec<Key> = written.keys().chain(old.keys()).cloned().collect();
        for key in keys {
            match (written.get(&key), old.get(&key)) {
                (Some(new), old) if Some(new) != old => {
                    after.insert(key, new.clone());
                }
                (None, Some(_)) => {
                    after.remove(&key);
                }
                _ => {}
            }
        }
        Some((before, after))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = self.waiting.as_ref().map(|(_, effect)| name(effect));
        let mut told = f.debug_struct("Client");
        told.field("record", &self.record);
        told.field("waits_for", &effect).finish()
    }
}

impl Model for Grants {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            store: self.prepared(),
            clients: [Client::default(), Client::default()],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (client, (slot, sends)) in state.clients.iter().zip(SENDS).enumerate() {
            match &slot.waiting {
                Some((_, effect)) => actions.push(Action::Serve(client, name(effect))),
                None => {
                    let choices = sends.get(slot.sent).copied().unwrap_or_default();
                    actions.extend(choices.iter().map(|it| Action::Send(client, *it)));
                }
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Send(client, request) => self.send(&mut state, client, request),
            Action::Serve(client, _) => self.serve(&mut state, client),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

fn name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Body { .. } => "body",
        Effect::Cache { .. } => "cache",
        Effect::Revision => "revision",
        Effect::Read(_) => "read",
        Effect::Commit(_) | Effect::CommitForAWhile(..) => "commit",
    }
}

fn run() -> Result<Report, Failure> {
    exhaust("grants", &Grants::new(None), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    catches(&Grants::new(Some(fault)), invariant)
}

/// The world's entry in [`super::all`].
#[must_use]
pub fn world() -> World {
    World {
        name: "grants",
        run,
        obligations: vec![
            Obligation {
                id: "L7",
                invariant: L7,
                premise: ASKED,
                faults: vec![
                    Seeded {
                        name: "believes-who-somebody-wants-to-be",
                        steps: 1,
                        run: || caught(Fault::BelievesWhoSomebodyWantsToBe, L7),
                    },
                    Seeded {
                        name: "loses-who-somebody-wants-to-be",
                        steps: 3,
                        run: || caught(Fault::LosesWhoSomebodyWantsToBe, L7),
                    },
                ],
            },
            Obligation {
                id: "L8",
                invariant: L8,
                premise: GRANTED,
                faults: vec![
                    Seeded {
                        name: "everyone-is-the-administrator",
                        steps: 3,
                        run: || caught(Fault::TakesEveryoneForTheAdministrator, L8),
                    },
                    Seeded {
                        name: "rights-that-are-gone",
                        steps: 7,
                        run: || caught(Fault::SeesRightsThatAreGone, L8),
                    },
                ],
            },
        ],
    }
}
