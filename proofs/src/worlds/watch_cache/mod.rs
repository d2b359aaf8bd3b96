//! One store, one API server's watch cache that lags behind it, one reflector.
//!
//! A writer makes any short sequence of changes. The cache takes the store's revisions one by one,
//! at any moment, with a window of two events; it may be filled anew. The client lists, or has the
//! state sent as initial events; it watches, is cut off at any moment, goes on from the last
//! resourceVersion that it saw, and lists again when that has expired. Two clients are looked at,
//! each in a world of its own: one that is shown everything and one with a selector.

mod properties;
pub mod reflector;

use super::{Fault as Seeded, Obligation, World};
use crate::{
    check::{
        Class, Failure, Fair, Fairness, Promise, Report, Story, catches, catches_livelock,
        exhaust_fair,
    },
    ghost::{Interest, Told},
    zoo::watch_cache::{Cacher, Fault},
};
use model::{
    cache::{Cache, Filter, Refused, Scope, WatchRequest, WatcherEnded},
    etcd::{Command, DeleteRange, Key, KeyRange, Operation, Put, Revision, Store, Txn},
    frozen::Frozen,
    selector::{FieldSelector, LabelSelector},
};
use properties::{
    BOOKMARK, CATCHES_UP, EXPIRED, LAGS, O8, O9, OLD_PAGE, RESUMED, W1, W2, W4, W5, WAITS,
};
use reflector::{Listing, Phase, Reflector, Stopped};
use stateright::{Model, Property};

/// How many changes the writer makes.
const WRITES: u64 = 3;
/// How often the cache is filled anew.
const RELISTS: u64 = 1;
/// The window of the cache.
const WINDOW: usize = 2;
/// The reachable states.
const UNIQUE: usize = 179_981;

/// Where the pods are.
pub const PODS: &str = "/registry/pods/d/";
const RED: &str = r#""color":"red""#;

/// The world, with or without a fault.
#[derive(Clone, Debug)]
pub struct WatchCache {
    /// The core as it is called.
    pub cacher: Cacher,
    /// What the client with a selector asks for.
    red: Filter,
}

impl WatchCache {
    /// The world with that fault, or with none.
    #[must_use]
    pub fn new(fault: Option<Fault>) -> WatchCache {
        let labels = LabelSelector::parse("color=red").expect("a selector that is written right");
        WatchCache {
            cacher: Cacher { fault },
            red: Filter::Selected(labels, FieldSelector::default()),
        }
    }
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The store, with its whole history.
    pub store: Store,
    /// The API server's cache.
    pub cache: Cache,
    /// The client is shown red pods alone.
    pub selective: bool,
    /// The client.
    pub client: Reflector,
}

/// A change that the writer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// Writes a pod that a selector shows.
    Red(&'static str),
    /// Writes a pod that it doesn't show.
    Blue(&'static str),
    /// Deletes a pod.
    Delete(&'static str),
    /// Writes an object of another resource.
    Other,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The store changes.
    Write(Write),
    /// The cache takes the store's next revision.
    Follow,
    /// The cache is filled anew.
    Relist,
    /// The client is given any list (`resourceVersion=0`).
    List,
    /// The client asks for a list that is not older than the store at this moment.
    Ask,
    /// That list comes.
    Answer,
    /// The client asks for a watch with the state sent first.
    WatchWithState,
    /// The client asks for a watch from what it has seen.
    Watch,
    /// The client is told the next event.
    Poll,
    /// The timer for bookmarks fires.
    Bookmark,
    /// The connection is cut.
    Cut,
}

const MENU: [Write; 6] = [
    Write::Red("a"),
    Write::Blue("a"),
    Write::Delete("a"),
    Write::Red("b"),
    Write::Delete("b"),
    Write::Other,
];

impl Write {
    fn command(self) -> Command {
        let key = |name: &str| Key::from(format!("{PODS}{name}").as_str());
        let put = |key: Key, color: &str| {
            let name = key
                .text()
                .and_then(|text| text.rsplit('/').next())
                .unwrap_or_default();
            let pod = format!(
                r#"{{"kind":"Pod","apiVersion":"v1","metadata":{{"name":"{name}","labels":{{"color":"{color}"}}}}}}"#
            );
            Operation::Put(Put::new(key, Frozen::from(pod.as_str())))
        };
        Command::Txn(Txn::always(vec![match self {
            Write::Red(name) => put(key(name), "red"),
            Write::Blue(name) => put(key(name), "blue"),
            Write::Delete(name) => {
                Operation::DeleteRange(DeleteRange::new(KeyRange::Single(key(name))))
            }
            Write::Other => put(Key::from("/registry/minions/n"), "red"),
        }]))
    }
}

impl State {
    fn new(selective: bool) -> State {
        let store = Store::new();
        State {
            cache: Cache::restore(WINDOW, store.revision(), []),
            store,
            selective,
            client: Reflector::empty(false),
        }
    }

    fn interest(&self) -> Interest {
        Interest {
            prefix: PODS,
            contains: if self.selective { RED } else { "" },
        }
    }
}

impl Model for WatchCache {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(false), State::new(true)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.store.revision() < Revision(1 + WRITES) {
            actions.extend(MENU.map(Action::Write));
        }
        if state.cache.revision() < state.store.revision() {
            actions.push(Action::Follow);
        }
        if state.cache.generation() < RELISTS {
            actions.push(Action::Relist);
        }
        match &state.client.phase {
            Phase::Empty { .. } => {
                actions.extend([Action::List, Action::Ask, Action::WatchWithState]);
            }
            Phase::Asking { .. } => actions.push(Action::Answer),
            Phase::Stopped(_) => actions.push(Action::Watch),
            Phase::Initial { .. } => actions.extend([Action::Poll, Action::Cut]),
            Phase::Watching { .. } => {
                actions.extend([Action::Poll, Action::Bookmark, Action::Cut]);
            }
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::Write(write) => {
                state.store.apply(&write.command()).ok()?;
                if state.store.revision() == before.store.revision() {
                    return None;
                }
            }
            Action::Follow => self.follow(&mut state),
            Action::Relist => relist(&mut state),
            Action::List => self.list(&mut state, Revision(0)),
            Action::Ask => {
                let at_least = state.store.revision();
                state.client.phase = Phase::Asking { at_least };
            }
            Action::Answer => match state.client.phase {
                Phase::Asking { at_least } if self.cacher.answers(&state.cache, at_least) => {
                    self.list(&mut state, at_least);
                }
                _ => return None,
            },
            Action::WatchWithState => {
                let request = self.request(before, Revision(0), Some(true));
                let watcher = self.cacher.watch(&state.cache, request).ok()?;
                state.client.phase = Phase::Initial {
                    watcher,
                    items: Vec::new(),
                };
            }
            Action::Watch => self.watch(&mut state)?,
            Action::Poll => self.poll(&mut state)?,
            Action::Bookmark => {
                let Phase::Watching { watcher, .. } = &state.client.phase else {
                    return None;
                };
                let bookmark = self.cacher.bookmark(watcher, &state.cache)?;
                state.client.hear(&bookmark);
            }
            Action::Cut => state.client.stop(Stopped::Cut),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        [properties::always(), properties::sometimes()].concat()
    }
}

/// The server's side and the client's go on; connections are cut, but not for ever.
impl Fair for WatchCache {
    fn fairness(&self, action: &Action) -> Fairness {
        match action {
            Action::Follow => Fairness::Weak(Class::new(0)),
            Action::Poll => Fairness::Weak(Class::new(1)),
            Action::List
            | Action::Ask
            | Action::Answer
            | Action::WatchWithState
            | Action::Watch => Fairness::Weak(Class::new(2)),
            Action::Write(_) | Action::Relist | Action::Bookmark => Fairness::Free,
            Action::Cut => Fairness::Finite,
        }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        properties::promises()
    }
}

impl WatchCache {
    fn filter(&self, state: &State) -> Filter {
        if state.selective {
            self.red.clone()
        } else {
            Filter::Everything
        }
    }

    fn request(
        &self,
        state: &State,
        start: Revision,
        send_initial_events: Option<bool>,
    ) -> WatchRequest {
        WatchRequest {
            scope: Scope::Collection(PODS.into()),
            filter: self.filter(state),
            start,
            send_initial_events,
            allow_bookmarks: true,
        }
    }

    /// As the server does it: a gap is closed by a new list.
    fn follow(&self, state: &mut State) {
        let next = state.store.events(state.cache.revision());
        let next = next.ok().and_then(|mut events| events.next());
        let Some((revision, events)) = next.map(|(revision, events)| (revision, events.clone()))
        else {
            return;
        };
        if self
            .cacher
            .apply(&mut state.cache, revision, &events)
            .is_err()
        {
            relist(state);
        }
    }

    fn list(&self, state: &mut State, asked: Revision) {
        let filter = self.filter(state);
        let shown = state
            .cache
            .list(PODS, &[])
            .filter(|(_, object)| filter.matches(object));
        let items = shown
            .map(|(_, object)| Told::new("ADDED", object))
            .collect();
        let revision = state.cache.revision();
        state.client.list(Listing {
            asked,
            revision,
            items,
        });
    }

    fn watch(&self, state: &mut State) -> Option<()> {
        let Phase::Stopped(why) = state.client.phase else {
            return None;
        };
        let request = self.request(state, state.client.seen.revision(), None);
        match self.cacher.watch(&state.cache, request) {
            Ok(watcher) => {
                let resumed = why != Stopped::Listed;
                state.client.watch(watcher, resumed);
            }
            Err(Refused::Expired { .. }) if self.cacher.lists_anew() => {
                state.client = Reflector::empty(true);
            }
            Err(Refused::Expired { .. }) => {}
            Err(Refused::NotReached { .. }) => return None,
        }
        Some(())
    }

    fn poll(&self, state: &mut State) -> Option<()> {
        let request = self.request(state, Revision(0), Some(true));
        let polled = match &mut state.client.phase {
            Phase::Initial { watcher, .. } | Phase::Watching { watcher, .. } => {
                self.cacher.poll(watcher, &request, &state.cache, 1)
            }
            _ => return None,
        };
        match polled {
            Ok(events) => events.iter().for_each(|event| state.client.hear(event)),
            Err(WatcherEnded::TooSlow) => state.client.stop(Stopped::TooSlow),
            Err(WatcherEnded::Relisted) => state.client.stop(Stopped::Relisted),
        }
        Some(())
    }
}

fn relist(state: &mut State) {
    let snapshot = state
        .store
        .snapshot(state.store.revision())
        .unwrap_or_default();
    let kvs = snapshot.iter().map(|(_, kv)| kv);
    state.cache.relist(state.store.revision(), kvs);
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("watch-cache", &WatchCache::new(None), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    catches(&WatchCache::new(Some(fault)), invariant)
}

fn livelock(fault: Fault) -> Result<Story, Failure> {
    catches_livelock(&WatchCache::new(Some(fault)), CATCHES_UP)
}

/// A seeded fault of this world: its name, the pinned length, what is broken, by what it is caught.
macro_rules! seeded {
    ($name:literal, $steps:literal, $fault:ident, $invariant:ident) => {
        Seeded {
            name: $name,
            steps: $steps,
            run: || caught(Fault::$fault, $invariant),
        }
    };
}

/// The world's entry in [`super::all`].
#[must_use]
pub fn world() -> World {
    let obligation = |id, invariant, premise, faults| Obligation {
        id,
        invariant,
        premise,
        faults,
    };
    World {
        name: "watch-cache",
        run,
        obligations: vec![
            obligation(
                "W1",
                W1,
                LAGS,
                vec![seeded!("etcd#18089", 4, DropsDeletions, W1)],
            ),
            obligation(
                "O8",
                O8,
                OLD_PAGE,
                vec![seeded!("snapshot-off-by-one", 2, SnapshotIsOffByOne, O8)],
            ),
            obligation(
                "W2",
                W2,
                WAITS,
                vec![seeded!("list-without-waiting", 3, ListsWithoutWaiting, W2)],
            ),
            obligation(
                "W4",
                W4,
                BOOKMARK,
                vec![seeded!("bookmark-ahead", 5, BookmarkRunsAhead, W4)],
            ),
            obligation(
                "W5",
                W5,
                EXPIRED,
                vec![
                    seeded!("k8s#49956", 4, EmptyHistoryIsOffByOne, W5),
                    seeded!("k8s#116122", 4, OutlivesARelist, W5),
                    seeded!("forgets-to-expire", 4, ForgetsThatItExpired, W5),
                    seeded!("skips-past-a-slow-watch", 8, SkipsWhatASlowWatchMissed, W5),
                    seeded!("leaves-without-a-word", 6, LeavesWithoutAWord, W5),
                ],
            ),
            obligation(
                "W5",
                CATCHES_UP,
                EXPIRED,
                vec![
                    Seeded {
                        name: "insists-on-the-expired",
                        steps: 4,
                        run: || livelock(Fault::InsistsOnTheExpired),
                    },
                    Seeded {
                        name: "tells-no-progress",
                        steps: 3,
                        run: || livelock(Fault::TellsNoProgress),
                    },
                ],
            ),
            obligation(
                "O9",
                O9,
                RESUMED,
                vec![
                    seeded!("k8s#24004", 5, TellsTheStartAgain, O9),
                    seeded!("k8s#58545", 7, DeletedAtTheOldRevision, O9),
                    seeded!("k8s-PR#73845", 6, ReplaysWhatWasBuffered, O9),
                ],
            ),
        ],
    }
}
