//! The search against stateright's own, and every refusal.

mod livelocks;
mod promises;

use super::{Failure, Story, catches, exhaust};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use stateright::{Checker, Model, Property};
use std::collections::{BTreeSet, VecDeque};

/// A graph that a seed has drawn: state → `degree` successors among `size` states.
#[derive(Clone, Debug)]
struct Graph {
    seed: u64,
    size: u64,
    degree: u64,
    /// States that the invariant forbids.
    bad: BTreeSet<u64>,
}

impl Graph {
    fn next(&self, state: u64, action: u64) -> Option<u64> {
        let mut mixed = self.seed ^ (state << 32) ^ (action << 8);
        for _ in 0..3 {
            mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        mixed ^= mixed >> 29;
        (mixed & 7 != 0).then_some(mixed % self.size)
    }

    /// Distance of every reachable state, by a search that keeps whole states.
    fn distances(&self) -> Vec<Option<usize>> {
        let mut distances = vec![None; usize::try_from(self.size).unwrap()];
        let mut queue = VecDeque::from([(0_u64, 0)]);
        while let Some((state, distance)) = queue.pop_front() {
            let known = &mut distances[usize::try_from(state).unwrap()];
            if known.is_none() {
                *known = Some(distance);
                let successors = (0..self.degree).filter_map(|action| self.next(state, action));
                queue.extend(successors.map(|next| (next, distance + 1)));
            }
        }
        distances
    }
}

impl Model for Graph {
    type State = u64;
    type Action = u64;

    fn init_states(&self) -> Vec<u64> {
        vec![0]
    }

    fn actions(&self, _: &u64, actions: &mut Vec<u64>) {
        actions.extend(0..self.degree);
    }

    fn next_state(&self, state: &u64, action: u64) -> Option<u64> {
        self.next(*state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no bad state", |graph, state| !graph.bad.contains(state)),
            Property::always("a number", |graph, state| *state < graph.size),
        ]
    }
}

fn graphs() -> impl Strategy<Value = Graph> {
    let bad = proptest::collection::btree_set(1..300_u64, 0..4);
    (any::<u64>(), 1..300_u64, 1..4_u64, bad).prop_map(|(seed, size, degree, bad)| Graph {
        seed,
        size,
        degree,
        bad,
    })
}

proptest! {
    #[test]
    fn counts_are_stateright_s_and_traces_are_shortest(graph in graphs()) {
        let distances = graph.distances();
        let reachable = distances.iter().flatten().count();
        let mut peaceful = graph.clone();
        peaceful.bad.clear();
        let theirs = peaceful.clone().checker().spawn_bfs().join();
        let report = exhaust("graph", &peaceful, theirs.unique_state_count()).unwrap();
        prop_assert_eq!(report.unique, reachable);
        prop_assert_eq!(report.generated, theirs.state_count());
        prop_assert_eq!(report.depth, distances.iter().flatten().copied().max().unwrap());

        let at = |state: &u64| distances.get(usize::try_from(*state).unwrap()).copied().flatten();
        let nearest = graph.bad.iter().filter_map(at).min();
        let caught = catches(&graph, "no bad state");
        prop_assert_eq!(caught.as_ref().ok().map(|story| story.len()), nearest);
        let exhausted = exhaust("graph", &graph, reachable);
        match caught {
            Ok(story) => {
                prop_assert_eq!(exhausted.unwrap_err(), Failure::Many(vec![Failure::Violated(story)]));
            }
            Err(failure) => {
                prop_assert_eq!(failure, Failure::NotCaught("no bad state"));
                prop_assert!(exhausted.is_ok());
            }
        }
    }
}

/// Two-phase commit with `managers` resource managers, after Gray and Lamport; stateright's
/// examples have it too, with 288 states for 3 and 8,832 for 5.
#[derive(Clone)]
struct TwoPhase {
    managers: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Manager {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TwoPhaseState {
    managers: Vec<Manager>,
    coordinator: Manager,
    prepared: Vec<bool>,
    messages: BTreeSet<Message>,
}

#[derive(Clone, Debug, PartialEq)]
enum TwoPhaseAction {
    Commit,
    Abort,
    HearPrepared(usize),
    Prepare(usize),
    ChooseToAbort(usize),
    HearCommit(usize),
    HearAbort(usize),
}

impl Model for TwoPhase {
    type State = TwoPhaseState;
    type Action = TwoPhaseAction;

    fn init_states(&self) -> Vec<TwoPhaseState> {
        vec![TwoPhaseState {
            managers: vec![Manager::Working; self.managers],
            coordinator: Manager::Working,
            prepared: vec![false; self.managers],
            messages: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &TwoPhaseState, actions: &mut Vec<TwoPhaseAction>) {
        if state.coordinator == Manager::Working {
            if state.prepared.iter().all(|prepared| *prepared) {
                actions.push(TwoPhaseAction::Commit);
            }
            actions.push(TwoPhaseAction::Abort);
        }
        for number in 0..self.managers {
            let heard = |message| state.messages.contains(&message);
            if state.coordinator == Manager::Working && heard(Message::Prepared(number)) {
                actions.push(TwoPhaseAction::HearPrepared(number));
            }
            if state.managers[number] == Manager::Working {
                actions.push(TwoPhaseAction::Prepare(number));
                actions.push(TwoPhaseAction::ChooseToAbort(number));
            }
            if heard(Message::Commit) {
                actions.push(TwoPhaseAction::HearCommit(number));
            }
            if heard(Message::Abort) {
                actions.push(TwoPhaseAction::HearAbort(number));
            }
        }
    }

    fn next_state(&self, state: &TwoPhaseState, action: TwoPhaseAction) -> Option<TwoPhaseState> {
        let mut next = state.clone();
        match action {
            TwoPhaseAction::Commit => {
                next.coordinator = Manager::Committed;
                next.messages.insert(Message::Commit);
            }
            TwoPhaseAction::Abort => {
                next.coordinator = Manager::Aborted;
                next.messages.insert(Message::Abort);
            }
            TwoPhaseAction::HearPrepared(number) => next.prepared[number] = true,
            TwoPhaseAction::Prepare(number) => {
                next.managers[number] = Manager::Prepared;
                next.messages.insert(Message::Prepared(number));
            }
            TwoPhaseAction::ChooseToAbort(number) | TwoPhaseAction::HearAbort(number) => {
                next.managers[number] = Manager::Aborted;
            }
            TwoPhaseAction::HearCommit(number) => next.managers[number] = Manager::Committed,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "nobody commits what another aborts",
                |_, state: &TwoPhaseState| {
                    !(state.managers.contains(&Manager::Committed)
                        && state.managers.contains(&Manager::Aborted))
                },
            ),
            Property::sometimes("all commit", |_, state: &TwoPhaseState| {
                state
                    .managers
                    .iter()
                    .all(|manager| *manager == Manager::Committed)
            }),
            Property::sometimes("all abort", |_, state: &TwoPhaseState| {
                state
                    .managers
                    .iter()
                    .all(|manager| *manager == Manager::Aborted)
            }),
        ]
    }
}

#[test]
fn two_phase_commit_has_the_published_counts() {
    for (managers, unique) in [(3, 288), (5, 8_832)] {
        let report = exhaust("two-phase commit", &TwoPhase { managers }, unique).unwrap();
        let stories = report.verdicts.iter().map(|verdict| verdict.story.as_ref());
        let steps: Vec<_> = stories.map(|story| story.map(Story::len)).collect();
        assert_eq!(steps, [None, Some(3 * managers + 1), Some(managers)]);
        assert!(report.collision() < 1e-29 && report.rate() > 0.0);
        let theirs = TwoPhase { managers }.checker().spawn_bfs().join();
        assert_eq!(theirs.unique_state_count(), unique);
    }
}

#[test]
fn a_story_can_be_read_and_is_the_shortest() {
    let report = exhaust("two-phase commit", &TwoPhase { managers: 1 }, 12).unwrap();
    let story = report.verdicts[1].story.as_ref().unwrap();
    assert_eq!(
        story.actions(),
        ["Prepare(0)", "HearPrepared(0)", "Commit", "HearCommit(0)"]
    );
    let text = story.to_string();
    let first =
        "all commit (4 steps)\n   1. Prepare(0)\n        - TwoPhaseState {managers: [Working]";
    assert!(text.starts_with(first), "{text}");
}

/// Counts to three, with the properties and the boundary of a test's choosing.
struct Count {
    properties: Vec<Property<Count>>,
    boundary: u8,
    /// Steps differ when they are repeated.
    fickle: std::sync::atomic::AtomicU8,
}

impl Model for Count {
    type State = u8;
    type Action = ();

    fn init_states(&self) -> Vec<u8> {
        vec![0]
    }

    fn actions(&self, state: &u8, actions: &mut Vec<()>) {
        actions.extend((*state < 3).then_some(()));
    }

    fn next_state(&self, state: &u8, (): ()) -> Option<u8> {
        use std::sync::atomic::Ordering::Relaxed;
        let once = self
            .fickle
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        Some(state + 1 + u8::from(once.is_ok()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.properties.clone()
    }

    fn within_boundary(&self, state: &u8) -> bool {
        *state <= self.boundary
    }
}

fn count(properties: Vec<Property<Count>>) -> Count {
    Count {
        properties,
        boundary: u8::MAX,
        fickle: 0.into(),
    }
}

fn small() -> Property<Count> {
    Property::always("small", |_, state| *state < 9)
}

#[track_caller]
fn refused(model: &Count, expected: Failure) {
    assert_eq!(exhaust("count", model, 4).unwrap_err(), expected);
}

#[test]
fn a_run_that_proves_nothing_is_refused() {
    assert!(exhaust("count", &count(vec![small()]), 4).is_ok());
    refused(&count(vec![]), Failure::NoInvariant);
    let premise = Property::sometimes("two", |_, state| *state == 2);
    refused(&count(vec![premise.clone()]), Failure::NoInvariant);
    assert!(exhaust("count", &count(vec![small(), premise]), 4).is_ok());
    let eventually = Property::eventually("three", |_, state| *state == 3);
    refused(
        &count(vec![small(), eventually]),
        Failure::Eventually("three"),
    );
    let never = Property::sometimes("five", |_, state| *state == 5);
    refused(
        &count(vec![small(), never]),
        Failure::Many(vec![Failure::NoWitness("five")]),
    );
    refused(
        &Count {
            boundary: 2,
            ..count(vec![small()])
        },
        Failure::Boundary,
    );
    let shrunk = exhaust("count", &count(vec![small()]), 5).unwrap_err();
    assert_eq!(
        shrunk,
        Failure::Many(vec![Failure::Count {
            pinned: 5,
            found: 4
        }])
    );
}

#[test]
fn every_violation_is_told_at_once_and_a_fickle_model_is_found_out() {
    let below = |name, condition: fn(&Count, &u8) -> bool| Property::always(name, condition);
    let two = below("below two", |_, state| *state < 2);
    let three = below("below three", |_, state| *state < 3);
    let model = count(vec![three, two]);
    let Err(Failure::Many(failures)) = exhaust("count", &model, 4) else {
        panic!("two invariants are violated");
    };
    let lengths: Vec<usize> = failures
        .iter()
        .map(|failure| match failure {
            Failure::Violated(story) => story.len(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(lengths, [3, 2]);
    let fickle = Count {
        fickle: 1.into(),
        ..model
    };
    assert_eq!(catches(&fickle, "below two"), Err(Failure::Unrepeatable));
    assert_eq!(
        catches(&fickle, "below nine"),
        Err(Failure::Unknown("below nine"))
    );
}
