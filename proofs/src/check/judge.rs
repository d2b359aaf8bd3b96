//! Whether a promise is kept, judged on the explored graph.
//!
//! **Why maximal components suffice for weak fairness.** A run that breaks `given ↝ goal` stays,
//! from a state in which `given` holds on, where `goal` doesn't. The states that it visits infinitely
//! often are connected by steps that it takes infinitely often (a single state may also be
//! kept for ever by nobody acting), none of which is finite; so they are part of one maximal
//! strongly connected component C of the states without `goal`, finite steps left out. The run is
//! fair: for each class it takes a step infinitely often, which is then a step within C, or is
//! infinitely often where the class has nothing to do, which is then in a state of C. Conversely,
//! let each class have a step within C or a state of C where it has nothing to do: the run that goes
//! round all states and all steps of C for ever is fair. Both conditions only become easier to
//! meet as C grows, so there is no need to look at its parts. (Strong fairness is different: a
//! class that is possible *now and then* is obliged, and a smaller part of C may avoid that.)
//!
//! A state where no class has anything to do is such a C by itself, whether others could act or
//! not: a deadlock outside the goal breaks the promise.

use super::{
    components::{Components, NONE},
    graph::{Edge, Graph, States},
    promise::{Fairness, Kind},
};
use std::collections::{HashMap, VecDeque};

/// What each state means to a promise, for one subject.
#[derive(Default)]
pub(super) struct Marks {
    /// `given` holds and `goal` doesn't.
    pub(super) owing: States,
    /// `goal` holds.
    pub(super) done: States,
}

/// A step of a counterexample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) target: u32,
    /// The fairness of the action; any action to that state when it is not known.
    pub(super) fairness: Option<Fairness>,
}

/// How a promise is broken.
pub(super) struct Broken {
    /// The state in which the promise was given, one of the nearest.
    pub(super) owing: u32,
    /// The steps from there.
    pub(super) hops: Vec<Hop>,
    /// How many of them, the last ones, are done for ever; with 0 nothing happens any more. None
    /// when the goal is out of reach.
    pub(super) cycle: Option<usize>,
}

/// Looks for a run that breaks the promise; `depths` has the distance of each state.
pub(super) fn judge(graph: &Graph, marks: &Marks, kind: Kind, depths: &[u32]) -> Option<Broken> {
    match kind {
        Kind::LeadsTo => livelock(graph, marks, depths),
        Kind::StaysPossible => dead_end(graph, marks),
    }
}

fn livelock(graph: &Graph, marks: &Marks, depths: &[u32]) -> Option<Broken> {
    let region = Region::of(graph, marks, depths);
    let components = Components::of(graph, |state| region.contains(state));
    // For each component the classes that don't keep a run from staying in it.
    let mut content = vec![0_u64; components.count];
    for &state in &region.order {
        let of = components.of[state as usize];
        let inner = graph
            .edges(state)
            .filter(|edge| components.of[edge.target as usize] == of);
        let taken = inner.fold(0, |all, edge| all | edge.class());
        // A step that is finite is none of a class.
        content[of as usize] |= taken | !graph.enabled(state);
    }
    let trap = |state: &&u32| content[components.of[**state as usize] as usize] == u64::MAX;
    let mut traps = region.order.iter().filter(trap);
    let nearest = *traps.clone().next()?;
    let tour = Tour::new(graph, &components, nearest).complete();
    let mut broken = region.broken(nearest, tour);
    if let Some((rest, hops)) = traps.find_map(|state| Some((*state, rest(graph, *state)?))) {
        let other = region.broken(rest, hops);
        if other.len(depths) < broken.len(depths) {
            broken = other;
        }
    }
    Some(broken)
}

/// The steps that are taken for ever in a fair run that stays in that state, if there is one.
fn rest(graph: &Graph, state: u32) -> Option<Vec<Hop>> {
    let mut pending = graph.enabled(state);
    let mut hops = Vec::new();
    for edge in graph.edges(state) {
        if edge.target == state && edge.class() & pending != 0 {
            pending &= !edge.class();
            hops.push(Hop::from(edge));
        }
    }
    (pending == 0).then_some(hops)
}

impl Broken {
    /// How many steps it takes from an initial state on.
    fn len(&self, depths: &[u32]) -> usize {
        depths[self.owing as usize] as usize + self.hops.len()
    }
}

impl From<Edge> for Hop {
    fn from(edge: Edge) -> Hop {
        Hop {
            target: edge.target,
            fairness: Some(edge.fairness),
        }
    }
}

/// The states in which the promise is owed: where it was given and the goal hasn't come since.
struct Region {
    /// In the order of the length of the shortest way to them.
    order: Vec<u32>,
    /// For each of them the state before it on that way; its own number where the promise is
    /// given; [`NONE`] elsewhere.
    before: Vec<u32>,
}

impl Region {
    fn of(graph: &Graph, marks: &Marks, depths: &[u32]) -> Region {
        let mut region = Region {
            order: Vec::new(),
            before: vec![NONE; graph.len()],
        };
        // States are numbered in the order of their depths. Of two ways that are equally long the
        // one on which it is owed longer is told.
        let mut given = (0_u32..)
            .zip(depths)
            .filter(|(state, _)| marks.owing.contains(*state))
            .peekable();
        let mut queue: VecDeque<(u32, u32, u32)> = VecDeque::new();
        loop {
            let follows = queue.front().map(|(_, _, distance)| *distance);
            let (state, before, distance) = match given.peek() {
                Some(&(state, &depth)) if follows.is_none_or(|distance| depth < distance) => {
                    given.next();
                    (state, state, depth)
                }
                _ => match queue.pop_front() {
                    Some(next) => next,
                    None => return region,
                },
            };
            if region.contains(state) {
                continue;
            }
            region.before[state as usize] = before;
            region.order.push(state);
            for Edge { target, .. } in graph.edges(state) {
                if !region.contains(target) && !marks.done.contains(target) {
                    queue.push_back((target, state, distance + 1));
                }
            }
        }
    }

    fn contains(&self, state: u32) -> bool {
        self.before[state as usize] != NONE
    }

    /// The shortest way to a state, and then that for ever.
    fn broken(&self, state: u32, cycle: Vec<Hop>) -> Broken {
        let mut owing = state;
        let mut hops = Vec::new();
        while self.before[owing as usize] != owing {
            hops.push(Hop {
                target: owing,
                fairness: None,
            });
            owing = self.before[owing as usize];
        }
        hops.reverse();
        let steps = cycle.len();
        hops.extend(cycle);
        Broken {
            owing,
            hops,
            cycle: Some(steps),
        }
    }
}

/// A round within a component that does justice to every class.
struct Tour<'a> {
    graph: &'a Graph,
    components: &'a Components,
    start: u32,
    now: u32,
    /// The classes that it has done no justice to.
    pending: u64,
    hops: Vec<Hop>,
}

impl<'a> Tour<'a> {
    fn new(graph: &'a Graph, components: &'a Components, start: u32) -> Tour<'a> {
        Tour {
            graph,
            components,
            start,
            now: start,
            pending: graph.enabled(start),
            hops: Vec::new(),
        }
    }

    /// Each time to what is nearest, and then back to the start.
    fn complete(mut self) -> Vec<Hop> {
        while self.pending != 0 {
            let pending = self.pending;
            let graph = self.graph;
            let way = self.way(|edge| (edge.class() | !graph.enabled(edge.target)) & pending != 0);
            for edge in way {
                self.pending &= graph.enabled(edge.target) & !edge.class();
                self.now = edge.target;
                self.hops.push(edge.into());
            }
        }
        if self.now != self.start {
            let start = self.start;
            let back = self.way(|edge| edge.target == start);
            self.hops.extend(back.into_iter().map(Hop::from));
        }
        self.hops
    }

    /// The shortest way from here that ends with such an edge. There is one: the component is
    /// strongly connected, and one that keeps no run from staying.
    fn way(&self, wanted: impl Fn(Edge) -> bool) -> Vec<Edge> {
        let component = self.components.of[self.now as usize];
        let mut came: HashMap<u32, (u32, Edge)> = HashMap::new();
        let mut queue = VecDeque::from([self.now]);
        while let Some(state) = queue.pop_front() {
            for edge in self.graph.edges(state) {
                let inner = self.components.of[edge.target as usize] == component;
                if !inner || !edge.recurs() {
                    continue;
                }
                if wanted(edge) {
                    let mut way = vec![edge];
                    let mut at = state;
                    while at != self.now {
                        let (before, edge) = came[&at];
                        way.push(edge);
                        at = before;
                    }
                    way.reverse();
                    return way;
                }
                if edge.target != self.now && !came.contains_key(&edge.target) {
                    came.insert(edge.target, (state, edge));
                    queue.push_back(edge.target);
                }
            }
        }
        unreachable!("a component is connected, and this one has what was wanted")
    }
}

/// A state in which the promise was given and from which no way leads to the goal.
fn dead_end(graph: &Graph, marks: &Marks) -> Option<Broken> {
    let states = u32::try_from(graph.len()).unwrap_or(NONE);
    // The edges turned round, sorted by their targets.
    let mut ends = vec![0_u32; graph.len()];
    let sources =
        || (0..states).flat_map(|state| graph.edges(state).map(move |it| (state, it.target)));
    sources().for_each(|(_, target)| ends[target as usize] += 1);
    let mut total = 0;
    for end in &mut ends {
        total += *end;
        *end = total - *end;
    }
    let mut before = vec![0_u32; total as usize];
    for (source, target) in sources() {
        before[ends[target as usize] as usize] = source;
        ends[target as usize] += 1;
    }
    let mut hopeful = States::default();
    let mut stack: Vec<u32> = (0..states).filter(|it| marks.done.contains(*it)).collect();
    while let Some(state) = stack.pop() {
        if hopeful.contains(state) {
            continue;
        }
        hopeful.insert(state);
        let start = (state as usize)
            .checked_sub(1)
            .map_or(0, |it| ends[it] as usize);
        stack.extend(&before[start..ends[state as usize] as usize]);
    }
    let mut owing = (0..states).filter(|state| marks.owing.contains(*state));
    owing
        .find(|state| !hopeful.contains(*state))
        .map(|owing| Broken {
            owing,
            hops: Vec::new(),
            cycle: None,
        })
}
