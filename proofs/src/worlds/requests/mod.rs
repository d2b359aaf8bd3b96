//! Two clients and two interleaved requests of every verb on one object.
//!
//! What the server's driver does, this world does one effect at a time and in every order: a
//! request begins (with its body, which nobody shares), and from then on each read and each commit
//! is a step of its own, between which the other client's may come. Once, the answer to a commit is
//! lost, and nobody knows whether it was done. The cache doesn't lag: the gap between reading and
//! committing is the subject here. Of a client's earlier requests only what they left in the store
//! is known; the invariants have been held against them.

mod admission;
mod budget;
pub mod client;
mod configmap;
pub mod journal;
pub mod menu;
mod properties;

use super::World;
use crate::{
    check::{Class, Fair, Fairness, Promise},
    zoo::requests::{Driver, Fault, TOKENS},
};
use client::{Answer, Client, Record};
use journal::{Documents, Journal};
use menu::{POOR, Request};
use model::{
    ambient::Ambient,
    config::{AuthorizationMode, Config, User},
    etcd::{Revision, Store},
    frozen::Frozen,
    lifecycle::{self, Effect, Event, Next, Step, authenticate::MASTERS},
    wire::Head,
};
use stateright::{Model, Property};
use std::{cell::RefCell, collections::HashMap};

/// The worlds' entries in [`super::all`].
#[must_use]
pub fn worlds() -> Vec<World> {
    vec![configmap::world(), budget::world(), admission::world()]
}

/// What there is and what is sent, which differs from world to world.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// For each initial state the requests that have made it.
    pub begins: &'static [&'static [Request]],
    /// For each client and each of its requests the choices that it has.
    pub sends: [&'static [&'static [Request]]; 2],
    /// What is held against every state, and what must occur.
    pub properties: fn() -> Vec<Property<Requests>>,
}

/// The world, with or without a fault.
#[derive(Clone, Debug)]
pub struct Requests {
    plan: Plan,
    driver: Driver,
    config: Config,
    documents: Documents,
    /// What has come in before: it depends on nothing but client, number and request.
    received: RefCell<HashMap<(usize, usize, Request), Step>>,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The store, with its whole history.
    pub store: Store,
    /// The clients.
    pub clients: [Client; 2],
    /// An answer of the store has been lost; that happens once.
    pub lost: bool,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// This client sends this request; it is answered, or goes up to and through the first effect
    /// on what is shared.
    Send(usize, Request),
    /// The effect for which this client's request waits is done.
    Serve(usize, &'static str),
    /// The store does not answer this client's commit, be it that it is done or not.
    Lose(usize, Done),
}

/// Whether a commit that is not answered was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was.
    Yes,
    /// It wasn't.
    No,
}

impl Requests {
    /// The world of that plan.
    #[must_use]
    pub fn new(plan: Plan, fault: Option<Fault>) -> Requests {
        let mut config = Config::permissive();
        let user = |name: &str, group: &str| User {
            name: name.into(),
            groups: vec![group.into()],
            ..User::default()
        };
        config.authorization = vec![AuthorizationMode::AlwaysDeny];
        let masters = TOKENS.map(|token| (token.into(), user(token, MASTERS)));
        config.authentication.tokens = masters.into();
        let poor = user(POOR, "poor");
        config.authentication.tokens.insert(POOR.into(), poor);
        Requests {
            plan,
            driver: Driver { fault },
            config,
            documents: Documents::default(),
            received: RefCell::default(),
        }
    }

    /// What the history of a state tells.
    #[must_use]
    pub fn journal<'a>(&'a self, state: &'a State) -> Journal<'a> {
        Journal {
            store: &state.store,
            documents: &self.documents,
        }
    }

    /// The store after these requests, one after another, without a fault.
    fn begin(&self, requests: &[Request]) -> State {
        let driver = Driver { fault: None };
        let mut store = Store::new();
        let mut namespace = driver.head(Request::Create.form(), 0);
        namespace.path = "/api/v1/namespaces".into();
        let body = r#"{"metadata":{"name":"d"}}"#;
        let mut run = |head: &Head, body: &str, seed: u128| {
            let ambient = Ambient {
                seed,
                ..driver.ambient(0, 0)
            };
            let mut step = self.receive(head, body, &ambient);
            while let Next::Wait(in_flight, effect) = step.next {
                let event = driver.perform(&effect, &mut store);
                step = in_flight.resume(event, &self.config, &ambient);
            }
        };
        run(&namespace, body, 1);
        for request in requests {
            let form = request.form();
            run(&driver.head(form, 0), &form.body, 0);
        }
        State {
            store,
            clients: [Client::default(), Client::default()],
            lost: false,
        }
    }

    /// The request comes in, with its body: nothing of this is shared.
    fn receive(&self, head: &Head, body: &str, ambient: &Ambient) -> Step {
        let mut step = lifecycle::begin(head, &self.config, ambient);
        if let Next::Wait(in_flight, Effect::Body { .. }) = step.next {
            let body = Event::Body(Ok(Frozen::from(body)));
            let mut next = in_flight.resume(body, &self.config, ambient);
            next.audit.splice(..0, step.audit);
            step = next;
        }
        step
    }

    fn received(&self, client: usize, number: usize, request: Request) -> Step {
        let mut received = self.received.borrow_mut();
        let step = received
            .entry((client, number, request))
            .or_insert_with(|| {
                let form = request.form();
                let head = self.driver.head(form, client);
                self.receive(&head, &form.body, &self.driver.ambient(client, number))
            });
        step.clone()
    }

    fn send(&self, state: &mut State, client: usize, request: Request) {
        let number = state.clients[client].sent();
        let step = self.received(client, number, request);
        state.clients[client].record = Some(Record {
            request,
            number,
            began: state.store.revision(),
            effects: 0,
            asked: 0,
            commits: Vec::new(),
            lost: 0,
            audited: Vec::new(),
            answer: None,
        });
        self.go_on(state, client, step);
        self.serve(state, client, |effect, store| {
            self.driver.perform(effect, store)
        });
    }

    /// Does what the client's request waits for, in the way that `perform` does it.
    fn serve(
        &self,
        state: &mut State,
        client: usize,
        perform: impl Fn(&Effect, &mut Store) -> Event,
    ) {
        let slot = &mut state.clients[client];
        let (Some((in_flight, effect)), Some(record)) = (slot.waiting.take(), &mut slot.record)
        else {
            return;
        };
        let before = state.store.revision();
        let event = perform(&effect, &mut state.store);
        if self.driver.performs_again(&event) {
            slot.waiting = Some((in_flight, effect));
            return;
        }
        record.effects += 1;
        record.asked += u8::from(matches!(effect, Effect::Commit(_)));
        let committed = before.0 + 1..=state.store.revision().0;
        record.commits.extend(committed.map(Revision));
        if let Event::Committed(Ok(answer)) = &event {
            record.lost += u8::from(!answer.succeeded);
        }
        let ambient = self.driver.ambient(client, record.number);
        let step = in_flight.resume(event, &self.config, &ambient);
        self.go_on(state, client, step);
    }

    fn go_on(&self, state: &mut State, client: usize, step: Step) {
        let at = state.store.revision();
        let slot = &mut state.clients[client];
        let Some(record) = &mut slot.record else {
            return;
        };
        record.audited.extend(self.driver.audit(&step.audit));
        match step.next {
            Next::Wait(in_flight, effect) => slot.waiting = Some((in_flight, effect)),
            Next::Done(response) => record.answer = Some(Answer::new(&response, at)),
        }
    }
}

impl State {
    /// The last request of each client.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.clients
            .iter()
            .filter_map(|client| client.record.as_ref())
    }
}

impl Client {
    /// How many requests it has sent.
    fn sent(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.number + 1)
    }
}

impl Model for Requests {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let begins = self.plan.begins.iter();
        begins.map(|requests| self.begin(requests)).collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (client, (slot, sends)) in state.clients.iter().zip(self.plan.sends).enumerate() {
            match &slot.waiting {
                Some((_, effect)) => {
                    actions.push(Action::Serve(client, name(effect)));
                    if matches!(effect, Effect::Commit(_)) && !state.lost {
                        let both = [Done::Yes, Done::No];
                        actions.extend(both.map(|done| Action::Lose(client, done)));
                    }
                }
                None => {
                    let choices = sends.get(slot.sent()).copied().unwrap_or_default();
                    actions.extend(choices.iter().map(|it| Action::Send(client, *it)));
                }
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Send(client, request) => self.send(&mut state, client, request),
            Action::Serve(client, _) => self.serve(&mut state, client, |effect, store| {
                self.driver.perform(effect, store)
            }),
            Action::Lose(client, done) => {
                state.lost = true;
                self.serve(&mut state, client, |effect, store| {
                    if done == Done::Yes {
                        let _unheard = self.driver.perform(effect, store);
                    }
                    Event::Unavailable("the store does not answer".into())
                });
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.plan.properties)()
    }
}

/// What a request waits for is done in the end; nobody has to send one.
impl Fair for Requests {
    fn fairness(&self, action: &Action) -> Fairness {
        match action {
            Action::Serve(client, _) => Fairness::Weak([Class::new(0), Class::new(1)][*client]),
            Action::Send(..) => Fairness::Free,
            Action::Lose(..) => Fairness::Finite,
        }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        vec![properties::every_request_is_answered()]
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
