//! A register that is replicated by majorities (Attiya, Bar-Noy and Dolev, 1995), with stateright's
//! actors, clients and linearizability tester: what stateright's own examples look like.

use stateright::{
    Expectation,
    actor::{
        Actor, ActorModel, Id, Network, Out, majority, model_peers,
        register::{RegisterActor, RegisterMsg},
    },
    semantics::{LinearizabilityTester, register::Register},
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

const REPLICAS: usize = 2;
const CLIENTS: usize = 3;

/// When a value was written: a counter, and by whom.
type Stamp = (u64, Id);

type Message = RegisterMsg<u64, char, Word>;

/// What replicas say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Word {
    Ask(u64),
    Told(u64, Stamp, char),
    Write(u64, Stamp, char),
    Written(u64),
}

/// A replica: its peers.
pub(crate) struct Replica(Vec<Id>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    stamp: Stamp,
    value: char,
    task: Option<Task>,
}

/// A client's request that this replica works on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Task {
    request: u64,
    client: Id,
    put: Option<char>,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Asking(BTreeMap<Id, (Stamp, char)>),
    Writing(char, BTreeSet<Id>),
}

impl Held {
    fn take(&mut self, stamp: Stamp, value: char) {
        if stamp > self.stamp {
            (self.stamp, self.value) = (stamp, value);
        }
    }
}

impl Replica {
    fn begin(
        &self,
        id: Id,
        held: &Held,
        task: (u64, Id, Option<char>),
        out: &mut Out<Self>,
    ) -> Held {
        let (request, client, put) = task;
        out.broadcast(&self.0, &RegisterMsg::Internal(Word::Ask(request)));
        Held {
            task: Some(Task {
                request,
                client,
                put,
                phase: Phase::Asking([(id, (held.stamp, held.value))].into()),
            }),
            ..held.clone()
        }
    }

    /// An answer to `Ask`: a majority knows the newest value.
    fn told(&self, id: Id, held: &mut Held, from: Id, told: (Stamp, char), out: &mut Out<Self>) {
        let Some(task) = &mut held.task else { return };
        let Phase::Asking(answers) = &mut task.phase else {
            return;
        };
        answers.insert(from, told);
        if answers.len() < majority(self.0.len() + 1) {
            return;
        }
        let Some((newest, known)) = answers.values().max().copied() else {
            return;
        };
        let (stamp, value) = match task.put {
            Some(value) => ((newest.0 + 1, id), value),
            None => (newest, known),
        };
        task.phase = Phase::Writing(value, [id].into());
        let write = Word::Write(task.request, stamp, value);
        out.broadcast(&self.0, &RegisterMsg::Internal(write));
        held.take(stamp, value);
    }

    /// An answer to `Write`: what a majority has is there to stay.
    fn written(&self, held: &mut Held, from: Id, out: &mut Out<Self>) {
        let Some(task) = &mut held.task else { return };
        let Phase::Writing(value, by) = &mut task.phase else {
            return;
        };
        by.insert(from);
        if by.len() < majority(self.0.len() + 1) {
            return;
        }
        let answer = match task.put {
            Some(_) => RegisterMsg::PutOk(task.request),
            None => RegisterMsg::GetOk(task.request, *value),
        };
        out.send(task.client, answer);
        held.task = None;
    }
}

impl Actor for Replica {
    type Msg = Message;
    type State = Held;
    type Timer = ();
    type Random = ();
    type Storage = ();

    fn on_start(&self, id: Id, _: &Option<()>, _: &mut Out<Self>) -> Held {
        Held {
            stamp: (0, id),
            value: char::default(),
            task: None,
        }
    }

    fn on_msg(
        &self,
        id: Id,
        state: &mut Cow<'_, Held>,
        from: Id,
        message: Message,
        out: &mut Out<Self>,
    ) {
        let request = state.task.as_ref().map(|task| task.request);
        match message {
            RegisterMsg::Put(request, value) if state.task.is_none() => {
                *state = Cow::Owned(self.begin(id, state, (request, from, Some(value)), out));
            }
            RegisterMsg::Get(request) if state.task.is_none() => {
                *state = Cow::Owned(self.begin(id, state, (request, from, None), out));
            }
            RegisterMsg::Internal(Word::Ask(request)) => {
                let told = Word::Told(request, state.stamp, state.value);
                out.send(from, RegisterMsg::Internal(told));
            }
            RegisterMsg::Internal(Word::Told(answered, stamp, value))
                if request == Some(answered) =>
            {
                self.told(id, state.to_mut(), from, (stamp, value), out);
            }
            RegisterMsg::Internal(Word::Write(request, stamp, value)) => {
                out.send(from, RegisterMsg::Internal(Word::Written(request)));
                if stamp > state.stamp {
                    state.to_mut().take(stamp, value);
                }
            }
            RegisterMsg::Internal(Word::Written(answered)) if request == Some(answered) => {
                self.written(state.to_mut(), from, out);
            }
            _ => {}
        }
    }
}

/// What the clients have seen.
type History = LinearizabilityTester<Id, Register<char>>;

/// Two replicas, and three clients each of which writes and then reads.
pub(crate) fn model() -> ActorModel<RegisterActor<Replica>, (), History> {
    let history = LinearizabilityTester::new(Register(char::default()));
    let replicas = (0..REPLICAS).map(|number| Replica(model_peers(number, REPLICAS)));
    let clients = (0..CLIENTS).map(|_| RegisterActor::Client {
        put_count: 1,
        server_count: REPLICAS,
    });
    ActorModel::new((), history)
        .actors(replicas.map(RegisterActor::Server))
        .actors(clients)
        .init_network(Network::new_unordered_nonduplicating([]))
        .property(Expectation::Always, "linearizable", |_, state| {
            state.history.serialized_history().is_some()
        })
        .property(Expectation::Sometimes, "a value is read", |_, state| {
            let mut messages = state.network.iter_deliverable();
            messages.any(|it| matches!(it.msg, RegisterMsg::GetOk(_, value) if *value != '\0'))
        })
        .record_msg_in(RegisterMsg::record_returns)
        .record_msg_out(RegisterMsg::record_invocations)
}
