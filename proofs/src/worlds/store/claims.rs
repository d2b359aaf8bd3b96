//! What the world claims: invariants, premises, and the faults that are caught.

use super::{State, StoreWorld, request};
use crate::{
    check::{Failure, Report, Story, catches, exhaust},
    invariants::etcd as invariants,
    worlds::{Fault as Seeded, Obligation, World},
    zoo::etcd::{Etcd, Fault},
};
use model::etcd::{EventKind, KeyRange, Revision, StoreEvent};
use stateright::Property;

/// The reachable states.
const UNIQUE: usize = 349_078;

pub(super) fn properties() -> Vec<Property<StoreWorld>> {
    [on_writes(), on_watches(), premises()].concat()
}

const E1: &str = "the revision grows by one with each change";
const E2: &str = "creation and version are kept across deletion";
const E3: &str = "a transaction is whole and compares with the state before";
const E4: &str = "a read at a revision shows the state as of it";
const E7: &str = "events are ordered";
const E8: &str = "events are unique";
const E9: &str = "no event is lost";
const PREVIOUS: &str = "a previous value is the state of the revision before";
const E10: &str = "a revision is never split";
const E11: &str = "a watch can begin wherever history is left";
const E12: &str = "progress means that everything up to it was told";
const E13: &str = "a compaction loses no key and makes no read wrong";

fn on_writes() -> Vec<Property<StoreWorld>> {
    vec![
        Property::always(E1, |_, state: &State| {
            state.last.as_ref().is_none_or(|last| {
                invariants::the_revision_grows_by_one_with_each_change(last, &state.history)
            })
        }),
        Property::always(E2, |_, state: &State| {
            invariants::creation_and_version_are_kept_across_deletion(&state.history)
        }),
        Property::always(E3, |_, state: &State| {
            let holds = invariants::a_transaction_is_whole_and_compares_with_the_state_before;
            state
                .last
                .as_ref()
                .is_none_or(|last| holds(last, &state.history))
        }),
        Property::always(E4, |model: &StoreWorld, state: &State| {
            invariants::a_read_at_a_revision_shows_the_state_as_of_it(
                &state.history,
                state.store.compacted(),
                |range| model.etcd.range(&state.store, range),
            )
        }),
        Property::always(E13, |model: &StoreWorld, state: &State| {
            invariants::a_compaction_loses_no_key_and_makes_no_read_wrong(
                &state.history,
                state.store.compacted(),
                |range| model.etcd.range(&state.store, range),
            )
        }),
    ]
}

fn on_watches() -> Vec<Property<StoreWorld>> {
    vec![
        Property::always(E7, |_, state: &State| {
            state
                .clients
                .iter()
                .all(|client| invariants::events_are_ordered(&client.told))
        }),
        Property::always(E8, |_, state: &State| {
            state
                .clients
                .iter()
                .all(|client| invariants::events_are_unique(&client.told))
        }),
        Property::always(E9, |model: &StoreWorld, state: &State| {
            state.clients.iter().enumerate().all(|(index, client)| {
                let rest = model.rest(state, index);
                invariants::no_event_is_lost(&client.told, &rest, &state.history)
            })
        }),
        Property::always(PREVIOUS, |_, state: &State| {
            invariants::a_previous_value_is_the_state_of_the_revision_before(
                &state.clients[1].told,
                state.store.compacted(),
                &state.history,
            )
        }),
        Property::always(E10, |_, state: &State| {
            let clients = state.clients.iter();
            clients
                .map(|client| &client.told)
                .all(|told| invariants::a_revision_is_never_split(told, &state.history))
        }),
        Property::always(E11, |model: &StoreWorld, state: &State| {
            invariants::a_watch_can_begin_wherever_history_is_left(
                &state.history,
                state.store.compacted(),
                |start| {
                    let (request, _) = request(0, start);
                    let watcher = model.etcd.watch(&state.store, request, false);
                    model.drain(watcher, &state.store)
                },
            )
        }),
        Property::always(E12, |_, state: &State| {
            let clients = state.clients.iter();
            clients.map(|client| &client.told).all(|told| {
                invariants::progress_means_that_everything_up_to_it_was_told(told, &state.history)
            })
        }),
    ]
}

const TWO_KEYS: &str = "a transaction writes two keys";
const AGAIN: &str = "a key is created again";
const LOST: &str = "a compare fails because another writer was faster";
const PAST: &str = "an older revision can be read and is another state";
const TWO_REVISIONS: &str = "a client is told of three revisions";
const RESUMED: &str = "a resumed watch is told more";
const CANCELED: &str = "a canceled watch is resumed and told more";
const WAS: &str = "a previous value is told";
const TWO_EVENTS: &str = "a revision with two events is told";
const DELETED: &str = "a deletion lies at the compacted revision";
const PROGRESS: &str = "progress is told after events";
const OLD_KEY: &str = "a key was written last before the compacted revision";

fn premises() -> Vec<Property<StoreWorld>> {
    vec![
        Property::sometimes(TWO_KEYS, |_, state: &State| {
            let newest = state.store.revision();
            state
                .history
                .changes(&KeyRange::all(), newest, newest)
                .len()
                == 2
        }),
        Property::sometimes(AGAIN, |_, state: &State| {
            let a = state.store.get(&"a".into());
            a.is_some_and(|kv| kv.create_revision > Revision(2) && kv.version == 1)
                && state.builder == 3
        }),
        Property::sometimes(LOST, |_, state: &State| {
            let answer = state.last.as_ref().and_then(|last| last.response.as_ref());
            answer.is_some_and(|answer| !answer.succeeded)
        }),
        Property::sometimes(PAST, |_, state: &State| {
            let newest = state.store.revision();
            state.store.compacted() > Revision(0)
                && state
                    .history
                    .changes(&KeyRange::all(), newest, newest)
                    .len()
                    == 1
                && state.store.compacted() < newest
        }),
        Property::sometimes(TWO_REVISIONS, |_, state: &State| {
            state.clients[1].told.events.chunk_by(same_revision).count() == 3
        }),
        Property::sometimes(RESUMED, |_, state: &State| {
            let client = &state.clients[0];
            let base = client.told.base == Revision(2);
            base && client.cuts == 1 && client.watcher.is_some() && client.told.events.len() > 3
        }),
        Property::sometimes(CANCELED, |_, state: &State| {
            let told = &state.clients[0].told;
            told.base > Revision(2) && told.events.len() > 1
        }),
        Property::sometimes(WAS, |_, state: &State| {
            let mut events = state.clients[1].told.events.iter();
            events.any(|event| event.previous.is_some())
        }),
        Property::sometimes(TWO_EVENTS, |_, state: &State| {
            let mut revisions = state.clients[0].told.events.chunk_by(same_revision);
            revisions.any(|events| events.len() == 2)
        }),
        Property::sometimes(DELETED, |_, state: &State| {
            let compacted = state.store.compacted();
            let changes = state
                .history
                .changes(&KeyRange::all(), compacted, compacted);
            changes.iter().any(|change| change.after.is_none())
                && state.clients[0].told.events.iter().any(|event| {
                    event.kind == EventKind::Delete && event.kv.mod_revision == compacted
                })
        }),
        Property::sometimes(PROGRESS, |_, state: &State| {
            let told = &state.clients[0].told;
            !told.events.is_empty() && told.progress == state.store.revision()
        }),
        Property::sometimes(OLD_KEY, |_, state: &State| {
            let b = state.store.get(&"b".into());
            b.is_some_and(|kv| kv.mod_revision < state.store.compacted())
        }),
    ]
}

fn same_revision(a: &StoreEvent, b: &StoreEvent) -> bool {
    a.kv.mod_revision == b.kv.mod_revision
}

fn run() -> Result<Report, Failure> {
    exhaust("store", &StoreWorld::default(), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    let etcd = Etcd { fault: Some(fault) };
    catches(&StoreWorld { etcd }, invariant)
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

/// The world's entry in [`crate::worlds::all`].
#[must_use]
pub fn world() -> World {
    let mut obligations = write_obligations();
    obligations.extend(watch_obligations());
    World {
        name: "store",
        run,
        obligations,
    }
}

fn obligation(
    id: &'static str,
    invariant: &'static str,
    premise: &'static str,
    faults: Vec<Seeded>,
) -> Obligation {
    Obligation {
        id,
        invariant,
        premise,
        faults,
    }
}

fn write_obligations() -> Vec<Obligation> {
    let halfway = seeded!("stops-halfway", 1, StopsHalfway, E3);
    let ignores = seeded!("ignores-compares", 3, IgnoresCompares, E3);
    let loses = seeded!("compacts-live-keys", 3, CompactsLiveKeys, E13);
    let shows = seeded!(
        "reads-below-the-compaction",
        2,
        ReadsBelowTheCompaction,
        E13
    );
    vec![
        obligation(
            "E1",
            E1,
            TWO_KEYS,
            vec![seeded!("splits-transactions", 1, SplitsTransactions, E1)],
        ),
        obligation(
            "E2",
            E2,
            AGAIN,
            vec![seeded!("buries-no-key", 3, BuriesNoKey, E2)],
        ),
        obligation("E3", E3, LOST, vec![halfway, ignores]),
        obligation(
            "E4",
            E4,
            PAST,
            vec![seeded!("reads-one-too-far", 1, ReadsOneTooFar, E4)],
        ),
        obligation("E13", E13, OLD_KEY, vec![loses, shows]),
    ]
}

fn watch_obligations() -> Vec<Obligation> {
    let newest_first = seeded!("tells-the-newest-first", 7, TellsTheNewestFirst, E7);
    let with_last = seeded!("resumes-with-the-last", 6, ResumesWithTheLast, E8);
    let newest = seeded!(
        "tells-the-newest-as-previous",
        5,
        TellsTheNewestAsPrevious,
        PREVIOUS
    );
    let lost = vec![
        seeded!("resumes-too-late", 3, ResumesTooLate, E9),
        seeded!("etcd#19179", 5, DropsTheCompactedDeletion, E9),
        seeded!("etcd#20221", 2, DoesNotWaitForTheStart, E9),
    ];
    let begins = vec![
        seeded!("forgets-the-past", 1, ForgetsThePast, E11),
        seeded!("hides-the-compaction", 2, HidesTheCompaction, E11),
    ];
    vec![
        obligation("E7", E7, TWO_REVISIONS, vec![newest_first]),
        obligation("E8", E8, RESUMED, vec![with_last]),
        obligation("E9", E9, CANCELED, lost),
        obligation("E9", PREVIOUS, WAS, vec![newest]),
        obligation(
            "E10",
            E10,
            TWO_EVENTS,
            vec![seeded!("splits-revisions", 3, SplitsRevisions, E10)],
        ),
        obligation("E11", E11, DELETED, begins),
        obligation(
            "E12",
            E12,
            PROGRESS,
            vec![seeded!("etcd#15220", 3, ProgressRunsAhead, E12)],
        ),
    ]
}
