//! Strongly connected components, after Pearce ("A space-efficient algorithm for finding strongly
//! connected components", 2016): one number a state besides the stacks.

use super::graph::Graph;

/// No component: the state is outside.
pub(super) const NONE: u32 = u32::MAX;

/// The maximal strongly connected components of a part of the graph.
pub(super) struct Components {
    /// For each state the number of its component, or [`NONE`].
    pub(super) of: Vec<u32>,
    /// How many there are.
    pub(super) count: usize,
}

/// The search in its course. While a state is on a stack its index is the least one known to be
/// reachable from it; then it is that of its component, which counts down from the top, so that
/// it is greater than every index of a state on a stack.
struct Search<'a, Inside> {
    graph: &'a Graph,
    inside: Inside,
    /// 0: not seen.
    index: Vec<u32>,
    next: u32,
    component: u32,
    /// The way to the state that is being visited: state, next edge, no lower index was met.
    visiting: Vec<(u32, usize, bool)>,
    /// Visited, and their component isn't complete.
    waiting: Vec<u32>,
}

impl Components {
    /// Those of the states that are `inside`; edges that can be taken only finitely often are
    /// none.
    ///
    /// # Panics
    /// At 2^31 states, which no machine that runs this has memory for.
    pub(super) fn of(graph: &Graph, inside: impl Fn(u32) -> bool) -> Components {
        let states = u32::try_from(graph.len()).expect("fewer than 2^31 states");
        assert!(states < 1 << 31, "indices and components don't meet");
        let mut search = Search {
            graph,
            inside,
            index: vec![0; graph.len()],
            next: 1,
            component: NONE - 1,
            visiting: Vec::new(),
            waiting: Vec::new(),
        };
        for state in 0..states {
            if (search.inside)(state) && search.index[state as usize] == 0 {
                search.visit(state);
            }
        }
        let count = (NONE - 1 - search.component) as usize;
        let numbered = |index: u32| if index == 0 { NONE } else { NONE - 1 - index };
        let mut of = search.index;
        of.iter_mut().for_each(|index| *index = numbered(*index));
        Components { of, count }
    }
}

impl<Inside: Fn(u32) -> bool> Search<'_, Inside> {
    fn visit(&mut self, state: u32) {
        self.begin(state);
        while let Some(&(state, edge, _)) = self.visiting.last() {
            if edge == self.graph.degree(state) {
                let (_, _, root) = self.visiting.pop().unwrap_or_default();
                self.end(state, root);
                continue;
            }
            let edge = self.graph.nth(state, edge);
            let follow = edge.recurs() && (self.inside)(edge.target);
            if follow && self.index[edge.target as usize] == 0 {
                // The edge is looked at again when its target has been visited.
                self.begin(edge.target);
                continue;
            }
            let top = self.visiting.len() - 1;
            self.visiting[top].1 += 1;
            if follow && self.index[edge.target as usize] < self.index[state as usize] {
                self.index[state as usize] = self.index[edge.target as usize];
                self.visiting[top].2 = false;
            }
        }
    }

    fn begin(&mut self, state: u32) {
        self.index[state as usize] = self.next;
        self.next += 1;
        self.visiting.push((state, 0, true));
    }

    fn end(&mut self, state: u32, root: bool) {
        if !root {
            self.waiting.push(state);
            return;
        }
        let least = self.index[state as usize];
        let member = |other: &u32| self.index[*other as usize] >= least;
        let rest = self.waiting.iter().rposition(|other| !member(other));
        let members = self.waiting.split_off(rest.map_or(0, |rest| rest + 1));
        for member in members.into_iter().chain([state]) {
            self.index[member as usize] = self.component;
            self.next -= 1;
        }
        self.component -= 1;
    }
}
