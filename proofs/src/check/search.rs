//! Breadth-first search: the first state found to violate a property is one of the nearest.

use super::{
    graph::Graph,
    judge::{Broken, Hop, Marks, judge},
    promise::{Fair, Fairness, Promise},
    report::{Ending, Failure, Report, Step, Story, Verdict, folded},
    visited::Visited,
};
use siphasher::sip128::{Hasher128, SipHasher13};
use stateright::{Expectation, Model, Property};
use std::{collections::VecDeque, fmt::Debug, hash::Hash, time::Duration};

/// A search that has seen some states and expanded the first of them.
pub(super) struct Search<'a, M: Model> {
    model: &'a M,
    properties: Vec<Property<M>>,
    /// For each property the number of the first state that violates it, or is its witness.
    found: Vec<Option<u32>>,
    visited: Visited,
    /// Seen and not expanded, in the order of their numbers.
    frontier: VecDeque<M::State>,
    actions: Vec<M::Action>,
    generated: usize,
    /// What liveness needs besides.
    record: Option<Record<M>>,
}

/// The graph, and what its states mean to promises.
struct Record<M: Model> {
    fairness: fn(&M, &M::Action) -> Fairness,
    graph: Graph,
    /// With the marks for each subject.
    promises: Vec<(Promise<M>, Vec<Marks>)>,
}

/// The whole state in 128 bits.
fn fingerprint(state: &impl Hash) -> u128 {
    let mut hasher = SipHasher13::new();
    state.hash(&mut hasher);
    hasher.finish128().as_u128()
}

impl<'a, M> Search<'a, M>
where
    M: Model,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    /// A search that has seen the initial states.
    pub(super) fn new(model: &'a M, properties: Vec<Property<M>>) -> Result<Self, Failure> {
        Search::begin(model, properties, None)
    }

    fn begin(
        model: &'a M,
        properties: Vec<Property<M>>,
        record: Option<Record<M>>,
    ) -> Result<Self, Failure> {
        let mut search = Search {
            model,
            found: vec![None; properties.len()],
            properties,
            visited: Visited::new(),
            frontier: VecDeque::new(),
            actions: Vec::new(),
            generated: 0,
            record,
        };
        for state in model.init_states() {
            search.see(state, None)?;
        }
        Ok(search)
    }

    /// Expands the next state; false when every state has been.
    pub(super) fn expand(&mut self) -> Result<bool, Failure> {
        let Some(state) = self.frontier.pop_front() else {
            return Ok(false);
        };
        let number = self.visited.len() - self.frontier.len() - 1;
        let parent = u32::try_from(number).expect("numbers of visited states fit");
        let mut actions = std::mem::take(&mut self.actions);
        self.model.actions(&state, &mut actions);
        for action in actions.drain(..) {
            let fairness = self.fairness(&action);
            if let Some(next) = self.model.next_state(&state, action) {
                let target = self.see(next, Some(parent))?;
                if let (Some(record), Some(fairness)) = (&mut self.record, fairness) {
                    record.graph.edge(target, fairness);
                }
            }
        }
        if let Some(record) = &mut self.record {
            record.graph.expanded();
        }
        self.actions = actions;
        Ok(true)
    }

    /// The fairness of an action, when that is of interest.
    fn fairness(&self, action: &M::Action) -> Option<Fairness> {
        let record = self.record.as_ref()?;
        Some((record.fairness)(self.model, action))
    }

    /// Looks at a state unless it has been: its number.
    fn see(&mut self, state: M::State, parent: Option<u32>) -> Result<u32, Failure> {
        if !self.model.within_boundary(&state) {
            return Err(Failure::Boundary);
        }
        self.generated += 1;
        let (number, new) = self.visited.insert(fingerprint(&state), parent);
        if !new {
            return Ok(number);
        }
        for (property, found) in self.properties.iter().zip(&mut self.found) {
            if found.is_none() {
                let awaited = property.expectation == Expectation::Sometimes;
                if (property.condition)(self.model, &state) == awaited {
                    *found = Some(number);
                }
            }
        }
        if let Some(record) = &mut self.record {
            record.mark(self.model, &state, number);
        }
        self.frontier.push_back(state);
        Ok(number)
    }

    /// What was found, once every state has been expanded.
    pub(super) fn report(&self, name: &'static str, elapsed: Duration) -> Result<Report, Failure> {
        let mut verdicts = Vec::new();
        for (index, property) in self.properties.iter().enumerate() {
            verdicts.push(Verdict {
                property: property.name,
                always: property.expectation == Expectation::Always,
                story: self.story(index)?,
            });
        }
        for (property, story) in self.judgements()? {
            verdicts.push(Verdict {
                property,
                always: true,
                story,
            });
        }
        // States are numbered by their distance, so none is further away than the last.
        let last = u32::try_from(self.visited.len())
            .unwrap_or(u32::MAX)
            .checked_sub(1);
        Ok(Report {
            name,
            unique: self.visited.len(),
            generated: self.generated,
            depth: last.map_or(0, |last| self.path(last).len() - 1),
            elapsed,
            verdicts,
        })
    }

    /// The way to what was found for that property.
    pub(super) fn story(&self, property: usize) -> Result<Option<Story>, Failure> {
        let Some(number) = self.found[property] else {
            return Ok(None);
        };
        Ok(Some(Story {
            property: self.properties[property].name,
            steps: self.replay(&self.path(number))?,
            ending: Ending::State,
        }))
    }

    /// A way, replayed through the model.
    fn replay(&self, path: &[Hop]) -> Result<Vec<Step>, Failure> {
        let mut steps: Vec<Step> = Vec::new();
        let mut state: Option<M::State> = None;
        for hop in path {
            let wanted = self.visited.fingerprint(hop.target);
            let reached = match &state {
                None => {
                    let mut states = self.model.init_states().into_iter();
                    states
                        .find(|state| fingerprint(state) == wanted)
                        .map(|state| (String::new(), state))
                }
                Some(state) => {
                    let mut actions = Vec::new();
                    self.model.actions(state, &mut actions);
                    if hop.fairness.is_some() {
                        actions.retain(|action| self.fairness(action) == hop.fairness);
                    }
                    actions.into_iter().find_map(|action| {
                        let told = format!("{action:?}");
                        let next = self.model.next_state(state, action)?;
                        (fingerprint(&next) == wanted).then_some((told, next))
                    })
                }
            };
            let (action, next) = reached.ok_or(Failure::Unrepeatable)?;
            steps.push(Step {
                action,
                state: folded(&format!("{next:#?}")),
            });
            state = Some(next);
        }
        Ok(steps)
    }

    /// The way to that state, an initial state first.
    fn path(&self, mut number: u32) -> Vec<Hop> {
        let hop = |target| Hop {
            target,
            fairness: None,
        };
        let mut path = vec![hop(number)];
        while self.visited.parent(number) != number {
            number = self.visited.parent(number);
            path.push(hop(number));
        }
        path.reverse();
        path
    }

    /// Each promise, and how it is broken, once every state has been expanded.
    pub(super) fn judgements(&self) -> Result<Vec<(&'static str, Option<Story>)>, Failure> {
        let Some(record) = &self.record else {
            return Ok(Vec::new());
        };
        let mut depths: Vec<u32> = Vec::with_capacity(self.visited.len());
        for number in 0_u32.. {
            if number as usize == self.visited.len() {
                break;
            }
            let parent = self.visited.parent(number);
            let depth = if parent == number {
                0
            } else {
                depths[parent as usize] + 1
            };
            depths.push(depth);
        }
        let mut judged = Vec::new();
        for (promise, marks) in &record.promises {
            let mut ways = marks
                .iter()
                .filter_map(|marks| judge(&record.graph, marks, promise.kind, &depths));
            let story = ways.next().map(|way| self.broken(promise.name, way));
            judged.push((promise.name, story.transpose()?));
        }
        Ok(judged)
    }

    fn broken(&self, property: &'static str, way: Broken) -> Result<Story, Failure> {
        let mut path = self.path(way.owing);
        let given = path.len() - 1;
        path.extend(way.hops);
        let ending = way
            .cycle
            .map_or(Ending::OutOfReach, |cycle| Ending::ForEver {
                given,
                from: path.len() - 1 - cycle,
            });
        Ok(Story {
            property,
            steps: self.replay(&path)?,
            ending,
        })
    }

    /// The promises that are never given, for some subject.
    pub(super) fn never_given(&self) -> Vec<&'static str> {
        let promises = self.record.iter().flat_map(|record| &record.promises);
        promises
            .filter(|(_, marks)| marks.is_empty() || marks.iter().any(|it| it.owing.is_empty()))
            .map(|(promise, _)| promise.name)
            .collect()
    }
}

impl<'a, M> Search<'a, M>
where
    M: Fair,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    /// The same, with what these promises need.
    pub(super) fn recording(
        model: &'a M,
        properties: Vec<Property<M>>,
        promises: Vec<Promise<M>>,
    ) -> Result<Self, Failure> {
        let marked = promises.into_iter().map(|promise| {
            let marks = (0..promise.subjects).map(|_| Marks::default());
            let marks = marks.collect();
            (promise, marks)
        });
        let record = Record {
            fairness: M::fairness,
            graph: Graph::default(),
            promises: marked.collect(),
        };
        Search::begin(model, properties, Some(record))
    }
}

impl<M: Model> Record<M> {
    fn mark(&mut self, model: &M, state: &M::State, number: u32) {
        for (promise, marks) in &mut self.promises {
            for (subject, marks) in marks.iter_mut().enumerate() {
                if (promise.goal)(model, state, subject) {
                    marks.done.insert(number);
                } else if (promise.given)(model, state, subject) {
                    marks.owing.insert(number);
                }
            }
        }
    }
}
