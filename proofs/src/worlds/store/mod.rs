//! One etcd store, two writers, a compactor and two clients that watch.
//!
//! One writer creates two keys, deletes one and writes both again; the other reads a key, swaps it
//! if it has not changed (else it deletes the other key) and deletes everything at the end. The
//! compactor compacts at any two revisions. Of the clients one watches from the past and takes an
//! event at a time; the other asks for previous values, from a revision that may still be to come,
//! and takes all there is. The first asks for progress and is cut off at any moment, and resumes above
//! what it was told. When a watch is canceled its client goes on at the compacted revision.

mod claims;

pub use claims::world;

use crate::{
    history::{Commit, History, Keys, Told},
    zoo::etcd::Etcd,
};
use model::etcd::{
    Command, Compare, DeleteRange, KeyRange, Operation, Outcome, Put, Range, Revision, Store,
    Target, Txn, WatchRequest, WatchResponse, Watcher,
};
use stateright::{Model, Property};

/// How often history is compacted.
const COMPACTIONS: u8 = 2;
/// The client that is cut off, and how often.
const RESUMING: usize = 0;
const CUTS: u8 = 1;

/// The world, with or without a fault.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreWorld {
    /// The core as it is called.
    pub etcd: Etcd,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The store.
    pub store: Store,
    /// What it was at every revision.
    pub history: History,
    /// The last transaction.
    pub last: Option<Commit>,
    /// How far the first writer is.
    pub builder: u8,
    /// How far the second writer is.
    pub swapper: u8,
    /// The revision at which the second writer has found the key that it swaps.
    pub found: Revision,
    /// How often history was compacted.
    pub compactions: u8,
    /// Who watches.
    pub clients: [Client; 2],
}

/// A client that watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Its watch, while it has one.
    pub watcher: Option<Watcher>,
    /// It had one before.
    pub resumed: bool,
    /// How often it was cut off.
    pub cuts: u8,
    /// What it was told.
    pub told: Told,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first writer's next step.
    Build,
    /// The second writer's next step.
    Swap,
    /// A compaction.
    Compact(Revision),
    /// A client begins its watch, or resumes it.
    Watch(usize),
    /// A client is told what is new.
    Poll(usize),
    /// A client asks for progress.
    Progress(usize),
    /// A client is cut off.
    Cut(usize),
}

fn put(key: &str, value: &str) -> Operation {
    Put::new(key.into(), value.into()).into()
}

fn delete(keys: KeyRange) -> Operation {
    DeleteRange::new(keys).into()
}

fn only(key: &str) -> KeyRange {
    KeyRange::Single(key.into())
}

fn build(step: u8) -> Option<Txn> {
    let operations = match step {
        0 => vec![put("a", "1"), put("b", "1")],
        1 => vec![delete(only("a"))],
        2 => vec![put("a", "2"), put("b", "2")],
        _ => return None,
    };
    Some(Txn::always(operations))
}

/// Step 0 is a read.
fn swap(step: u8, found: Revision) -> Option<Txn> {
    match step {
        1 => Some(Txn {
            compare: vec![Compare::equal("a".into(), Target::ModRevision(found))],
            success: vec![put("a", "swapped")],
            failure: vec![delete(only("b"))],
        }),
        2 => Some(Txn::always(vec![delete(KeyRange::all())])),
        _ => None,
    }
}

/// What the clients watch: how, and about how many events they take at once.
fn request(client: usize, start: Revision) -> (WatchRequest, usize) {
    let request = WatchRequest::new(KeyRange::all(), start);
    match client {
        0 => (request, 1),
        _ => (
            WatchRequest {
                previous: true,
                ..request
            },
            100,
        ),
    }
}

impl State {
    fn new() -> State {
        let client = |base: u64| Client {
            watcher: None,
            resumed: false,
            cuts: 0,
            told: Told::nothing(KeyRange::all(), Revision(base)),
        };
        State {
            store: Store::new(),
            history: History::new(),
            last: None,
            builder: 0,
            swapper: 0,
            found: Revision(0),
            compactions: 0,
            clients: [client(2), client(4)],
        }
    }
}

impl Model for StoreWorld {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend([Action::Build, Action::Swap]);
        if state.compactions < COMPACTIONS {
            let revisions = state.store.compacted().0 + 1..=state.store.revision().0;
            actions.extend(revisions.map(|revision| Action::Compact(Revision(revision))));
        }
        for (index, client) in state.clients.iter().enumerate() {
            if client.watcher.is_none() {
                actions.push(Action::Watch(index));
                continue;
            }
            actions.push(Action::Poll(index));
            if index == RESUMING {
                actions.push(Action::Progress(index));
                if client.cuts < CUTS {
                    actions.push(Action::Cut(index));
                }
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Build => {
                self.commit(&mut state, build(before.builder)?);
                state.builder += 1;
            }
            Action::Swap if before.swapper == 0 => {
                let found = self
                    .etcd
                    .range(&state.store, &Range::newest(only("a")))
                    .ok()?;
                state.found = found.kvs.first().map_or(Revision(0), |kv| kv.mod_revision);
                state.swapper += 1;
            }
            Action::Swap => {
                self.commit(&mut state, swap(before.swapper, before.found)?);
                state.found = Revision(0);
                state.swapper += 1;
            }
            Action::Compact(revision) => {
                self.etcd
                    .apply(&mut state.store, &Command::Compact(revision))
                    .ok()?;
                state.compactions += 1;
            }
            Action::Watch(index) => {
                let client = &mut state.clients[index];
                let (request, _) = request(index, client.told.resume());
                client.watcher = Some(self.etcd.watch(&state.store, request, client.resumed));
                client.resumed = true;
            }
            Action::Poll(index) => self.poll(&mut state, index)?,
            Action::Progress(index) => {
                let client = &mut state.clients[index];
                let answer = self.etcd.progress(client.watcher.as_ref()?, &state.store)?;
                client.told.hear(&answer);
            }
            Action::Cut(index) => {
                state.clients[index].watcher = None;
                state.clients[index].cuts += 1;
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        claims::properties()
    }
}

impl StoreWorld {
    fn commit(&self, state: &mut State, txn: Txn) {
        let before = state.store.revision();
        let outcome = self
            .etcd
            .apply(&mut state.store, &Command::Txn(txn.clone()));
        let after = state.store.revision();
        state
            .history
            .record(after, |revision| self.read(&state.store, revision));
        state.last = Some(Commit {
            txn,
            response: match outcome {
                Ok(Outcome::Txn(response)) => Some(response),
                _ => None,
            },
            before,
            after,
        });
    }

    fn read(&self, store: &Store, revision: Revision) -> Keys {
        let all = Range::at(KeyRange::all(), revision);
        let kvs = self.etcd.range(store, &all).map(|response| response.kvs);
        let kvs = kvs.unwrap_or_default().into_iter();
        kvs.map(|kv| (kv.key.clone(), kv)).collect()
    }

    fn poll(&self, state: &mut State, index: usize) -> Option<()> {
        let client = &mut state.clients[index];
        let watcher = client.watcher.as_mut()?;
        let (_, max_events) = request(index, Revision(0));
        if let Some(answer) = self.etcd.poll(watcher, &state.store, max_events) {
            client.told.hear(&answer);
            if answer.canceled {
                client.watcher = None;
            }
        }
        Some(())
    }

    /// All that is left to tell.
    fn drain(&self, mut watcher: Watcher, store: &Store) -> Vec<WatchResponse> {
        std::iter::from_fn(|| self.etcd.poll(&mut watcher, store, 2)).collect()
    }

    /// What the client is told if nothing else happens.
    fn rest(&self, state: &State, index: usize) -> Vec<WatchResponse> {
        let client = &state.clients[index];
        let watcher = client.watcher.clone().unwrap_or_else(|| {
            let (request, _) = request(index, client.told.resume());
            self.etcd.watch(&state.store, request, client.resumed)
        });
        self.drain(watcher, &state.store)
    }
}
