//! The explored graph: 4 bytes a state, 5 an edge, and for liveness a bit a state and condition.

use super::promise::{Class, Fairness};

/// What every state leads to. States are numbered from 0 in the order in which they are expanded.
#[derive(Default)]
pub(super) struct Graph {
    /// For each state the number of edges of all states up to it.
    ends: Vec<u32>,
    targets: Vec<u32>,
    /// For each edge the fairness of its action: a class's number, [`FREE`] or [`FINITE`].
    kinds: Vec<u8>,
}

const FREE: u8 = u8::MAX;
const FINITE: u8 = u8::MAX - 1;

/// One way out of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) target: u32,
    pub(super) fairness: Fairness,
}

impl Edge {
    /// It can be taken infinitely often.
    pub(super) fn recurs(self) -> bool {
        self.fairness != Fairness::Finite
    }

    /// The class that it takes the turn of, as a bit.
    pub(super) fn class(self) -> u64 {
        match self.fairness {
            Fairness::Weak(class) => class.bit(),
            Fairness::Free | Fairness::Finite => 0,
        }
    }
}

impl Graph {
    /// Adds an edge to the state that is being expanded.
    pub(super) fn edge(&mut self, target: u32, fairness: Fairness) {
        self.targets.push(target);
        self.kinds.push(match fairness {
            Fairness::Weak(class) => class.number(),
            Fairness::Free => FREE,
            Fairness::Finite => FINITE,
        });
    }

    /// The state that was expanded has no more edges.
    ///
    /// # Panics
    /// At 2^32 edges, which no machine that runs this has memory for.
    pub(super) fn expanded(&mut self) {
        let end = u32::try_from(self.targets.len()).expect("fewer than 2^32 edges");
        self.ends.push(end);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many edges there are up to those of a state, exclusively.
    fn start(&self, state: u32) -> usize {
        let before = (state as usize).checked_sub(1);
        before.map_or(0, |before| self.ends[before] as usize)
    }

    /// How many edges a state has.
    pub(super) fn degree(&self, state: u32) -> usize {
        self.ends[state as usize] as usize - self.start(state)
    }

    /// One edge of a state.
    pub(super) fn nth(&self, state: u32, index: usize) -> Edge {
        let at = self.start(state) + index;
        Edge {
            target: self.targets[at],
            fairness: match self.kinds[at] {
                FREE => Fairness::Free,
                FINITE => Fairness::Finite,
                class => Fairness::Weak(Class::new(class)),
            },
        }
    }

    /// The edges of a state.
    pub(super) fn edges(&self, state: u32) -> impl Iterator<Item = Edge> {
        (0..self.degree(state)).map(move |index| self.nth(state, index))
    }

    /// The classes that have something to do in a state, as bits.
    pub(super) fn enabled(&self, state: u32) -> u64 {
        self.edges(state).fold(0, |all, edge| all | edge.class())
    }
}

/// A set of states.
#[derive(Default)]
pub(super) struct States {
    words: Vec<u64>,
}

impl States {
    pub(super) fn insert(&mut self, state: u32) {
        let word = state as usize / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (state % 64);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn contains(&self, state: u32) -> bool {
        let word = self.words.get(state as usize / 64);
        word.is_some_and(|word| word >> (state % 64) & 1 == 1)
    }
}
