//! The judge of promises against the definition, spelled out on small random graphs.

use crate::check::{
    Class, Failure, Fair, Fairness, Promise, Story, catches_livelock, exhaust_fair, report::Ending,
};
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const STATES: usize = 8;
const COMES: &str = "what is given comes to the goal";
const POSSIBLE: &str = "from what is given the goal can be reached";

#[derive(Clone, Copy, Debug)]
struct Arrow {
    from: usize,
    to: usize,
    fairness: Fairness,
}

/// Begins in state 0; its actions are arrows, by their numbers.
#[derive(Clone, Debug)]
struct Arrows {
    arrows: Vec<Arrow>,
    given: BTreeSet<usize>,
    goal: BTreeSet<usize>,
}

impl Model for Arrows {
    type State = usize;
    type Action = usize;

    fn init_states(&self) -> Vec<usize> {
        vec![0]
    }

    fn actions(&self, state: &usize, actions: &mut Vec<usize>) {
        let arrows = self.arrows.iter().enumerate();
        let out = arrows.filter(|(_, arrow)| arrow.from == *state);
        actions.extend(out.map(|(number, _)| number));
    }

    fn next_state(&self, _: &usize, action: usize) -> Option<usize> {
        Some(self.arrows[action].to)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Vec::new()
    }
}

impl Fair for Arrows {
    fn fairness(&self, action: &usize) -> Fairness {
        self.arrows[*action].fairness
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let given = |model: &Arrows, state: &usize, _| model.given.contains(state);
        let goal = |model: &Arrows, state: &usize, _| model.goal.contains(state);
        vec![
            Promise::leads_to(COMES, given, goal),
            Promise::stays_possible(POSSIBLE, given, goal),
        ]
    }
}

/// A state, and whether the promise is owed in it.
type Owing = (usize, bool);

impl Arrows {
    fn out(&self, state: usize) -> impl Iterator<Item = &Arrow> {
        self.arrows.iter().filter(move |arrow| arrow.from == state)
    }

    fn enabled(&self, state: usize) -> BTreeSet<Class> {
        self.out(state).filter_map(class).collect()
    }

    /// Everything that can be reached, with the number of steps. Where the promise is given it may
    /// be owed from then on, until the goal comes.
    fn reachable(&self) -> BTreeMap<Owing, usize> {
        let mut reached = BTreeMap::new();
        let mut queue = VecDeque::from([((0, false), 0)]);
        while let Some(((state, owing), steps)) = queue.pop_front() {
            if self.goal.contains(&state) && owing || reached.contains_key(&(state, owing)) {
                continue;
            }
            reached.insert((state, owing), steps);
            if self.given.contains(&state) {
                queue.push_front(((state, true), steps));
            }
            queue.extend(self.out(state).map(|arrow| ((arrow.to, owing), steps + 1)));
        }
        reached
    }

    /// The length of the shortest round from a state back to it that avoids the goal, takes no
    /// finite step, and is fair: for every class it passes a state where the class has nothing to
    /// do, or takes a step of it. All rounds are looked through, by where they have come to and
    /// which classes they still owe a turn.
    fn round(&self, start: usize) -> Option<usize> {
        let mut seen = BTreeSet::new();
        let mut queue = VecDeque::from([(start, self.enabled(start), 0)]);
        while let Some((state, owed, steps)) = queue.pop_front() {
            if state == start && owed.is_empty() {
                return Some(steps);
            }
            if !seen.insert((state, owed.clone())) {
                continue;
            }
            for arrow in self.out(state) {
                if arrow.fairness != Fairness::Finite && !self.goal.contains(&arrow.to) {
                    let there = self.enabled(arrow.to);
                    let mut owed: BTreeSet<Class> = owed.intersection(&there).copied().collect();
                    owed.retain(|owed| Some(*owed) != class(arrow));
                    queue.push_back((arrow.to, owed, steps + 1));
                }
            }
        }
        None
    }

    /// The length of the shortest way to a round, and of the shortest way and round together.
    fn livelock(&self) -> Option<(usize, usize)> {
        let owing = self
            .reachable()
            .into_iter()
            .filter(|((_, owing), _)| *owing);
        let rounds = owing.filter_map(|((state, _), steps)| Some((steps, self.round(state)?)));
        let rounds: Vec<(usize, usize)> = rounds.collect();
        let nearest = rounds.iter().map(|(steps, _)| *steps).min()?;
        let shortest = rounds.iter().map(|(steps, round)| steps + round).min()?;
        Some((nearest, shortest))
    }

    /// The number of steps to the nearest state in which the promise is given and the goal is out
    /// of reach.
    fn dead_end(&self) -> Option<usize> {
        let hopeless = |start: usize| {
            let mut seen = BTreeSet::new();
            let mut stack = vec![start];
            while let Some(state) = stack.pop() {
                if self.goal.contains(&state) {
                    return false;
                }
                if seen.insert(state) {
                    stack.extend(self.out(state).map(|arrow| arrow.to));
                }
            }
            true
        };
        let reached = self.reachable().into_iter();
        let owing = reached.filter(|((state, owing), _)| *owing && self.given.contains(state));
        let hopeless = owing.filter(|((state, _), _)| hopeless(*state));
        hopeless.map(|(_, steps)| steps).min()
    }

    /// The story is a run of these arrows that is fair and breaks the promise.
    fn is_broken_by(&self, story: &Story) -> bool {
        let Ending::ForEver { given, from } = story.ending else {
            return false;
        };
        let states: Vec<usize> = story
            .steps
            .iter()
            .map(|step| step.state.parse().unwrap())
            .collect();
        let arrows = story.actions().into_iter();
        let arrows: Vec<Arrow> = arrows
            .map(|it| self.arrows[it.parse::<usize>().unwrap()])
            .collect();
        let mut steps = arrows.iter().zip(states.windows(2));
        let runs = states[0] == 0 && steps.all(|(it, pair)| pair == [it.from, it.to]);
        let owed = states[given..]
            .iter()
            .all(|state| !self.goal.contains(state));
        let closed = states[from] == states[states.len() - 1];
        let cycle = &arrows[from..];
        let fair = self.enabled(states[from]).into_iter().all(|obliged| {
            let rests = |state: &usize| !self.enabled(*state).contains(&obliged);
            cycle.iter().any(|it| class(it) == Some(obliged)) || states[from..].iter().any(rests)
        });
        let finite = cycle.iter().any(|it| it.fairness == Fairness::Finite);
        runs && self.given.contains(&states[given]) && owed && closed && fair && !finite
    }
}

fn class(arrow: &Arrow) -> Option<Class> {
    match arrow.fairness {
        Fairness::Weak(class) => Some(class),
        Fairness::Free | Fairness::Finite => None,
    }
}

fn graphs() -> impl Strategy<Value = Arrows> {
    let fairness = (0..5_u8).prop_map(|kind| match kind {
        0 => Fairness::Free,
        1 => Fairness::Finite,
        class => Fairness::Weak(Class::new(class)),
    });
    let graph = move |states: usize| {
        let arrow = (0..states, 0..states, fairness.clone())
            .prop_map(|(from, to, fairness)| Arrow { from, to, fairness });
        let arrows = proptest::collection::vec(arrow, states..3 * states);
        let some = |most| proptest::collection::btree_set(0..states, 1..=most);
        (arrows, some(3), some(2))
    };
    (2..=STATES)
        .prop_flat_map(graph)
        .prop_map(|(arrows, given, goal)| Arrows {
            arrows,
            given,
            goal,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn promises_are_judged_as_they_are_defined(graph in graphs()) {
        let livelock = graph.livelock();
        let dead_end = graph.dead_end();
        match (catches_livelock(&graph, COMES), livelock) {
            (Ok(story), Some((nearest, shortest))) => {
                prop_assert!(graph.is_broken_by(&story), "{}", story);
                let cycle = story.cycle().unwrap();
                prop_assert!(story.len() >= shortest);
                let stops = story.steps[story.len() - cycle..].windows(2).all(|it| it[0].state == it[1].state);
                prop_assert!(story.len() - cycle == nearest || stops, "{}", story);
            }
            (caught, livelock) => {
                prop_assert_eq!(livelock, None);
                prop_assert_eq!(caught, Err(Failure::NotCaught(COMES)));
            }
        }
        match (catches_livelock(&graph, POSSIBLE), dead_end) {
            (Ok(story), Some(nearest)) => prop_assert_eq!(story.len(), nearest),
            (caught, dead_end) => {
                prop_assert_eq!(dead_end, None);
                prop_assert_eq!(caught, Err(Failure::NotCaught(POSSIBLE)));
            }
        }
        let reached: BTreeSet<Owing> = graph.reachable().into_keys().collect();
        let states = reached.iter().filter(|(_, owing)| !owing).count();
        let given = reached.iter().any(|(_, owing)| *owing);
        let held = exhaust_fair("arrows", &graph, states);
        prop_assert_eq!(held.is_ok(), given && livelock.is_none() && dead_end.is_none());
    }
}

/// The lengths of the counterexample, and of the part of it that is done for ever. The goal is
/// nowhere, and every state is given.
fn broken(arrows: &[(usize, usize, Fairness)]) -> (usize, usize) {
    let arrow = |&(from, to, fairness): &(usize, usize, Fairness)| Arrow { from, to, fairness };
    let graph = Arrows {
        arrows: arrows.iter().map(arrow).collect(),
        given: (0..STATES).collect(),
        goal: BTreeSet::new(),
    };
    let story = catches_livelock(&graph, COMES).unwrap();
    assert!(graph.is_broken_by(&story), "{story}");
    (story.len(), story.cycle().unwrap())
}

#[test]
fn the_shorter_of_going_round_and_stopping_is_told() {
    let turn = Fairness::Weak(Class::new(0));
    let round = [(0, 1, turn), (1, 2, turn), (2, 0, turn)];
    assert_eq!(broken(&round), (3, 3));
    let far = [(0, 3, turn), (3, 4, turn), (4, 5, turn), (5, 6, turn)];
    assert_eq!(broken(&[&round[..], &far].concat()), (3, 3));
    let near = [(1, 7, turn)];
    assert_eq!(broken(&[&round[..], &far, &near].concat()), (2, 0));
}
