//! Breadth-first search: the first state found to violate a property is one of the nearest.

use super::{
    report::{Failure, Report, Step, Story, Verdict, folded},
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
        let mut search = Search {
            model,
            found: vec![None; properties.len()],
            properties,
            visited: Visited::new(),
            frontier: VecDeque::new(),
            actions: Vec::new(),
            generated: 0,
        };
        for (number, state) in (0_u32..).zip(model.init_states()) {
            search.see(state, None, number)?;
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
        for (index, action) in (0_u32..).zip(actions.drain(..)) {
            if let Some(next) = self.model.next_state(&state, action) {
                self.see(next, Some(parent), index)?;
            }
        }
        self.actions = actions;
        Ok(true)
    }

    fn see(&mut self, state: M::State, parent: Option<u32>, action: u32) -> Result<(), Failure> {
        if !self.model.within_boundary(&state) {
            return Err(Failure::Boundary);
        }
        self.generated += 1;
        let Some(number) = self.visited.insert(fingerprint(&state), parent, action) else {
            return Ok(());
        };
        for (property, found) in self.properties.iter().zip(&mut self.found) {
            if found.is_none() {
                let awaited = property.expectation == Expectation::Sometimes;
                if (property.condition)(self.model, &state) == awaited {
                    *found = Some(number);
                }
            }
        }
        self.frontier.push_back(state);
        Ok(())
    }

    /// What was found, once every state has been expanded.
    pub(super) fn report(&self, name: &'static str, elapsed: Duration) -> Result<Report, Failure> {
        let verdict = |(index, property): (usize, &Property<M>)| {
            Ok(Verdict {
                property: property.name,
                always: property.expectation == Expectation::Always,
                story: self.story(index)?,
            })
        };
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
            verdicts: self
                .properties
                .iter()
                .enumerate()
                .map(verdict)
                .collect::<Result<_, _>>()?,
        })
    }

    /// The way to what was found for that property, replayed through the model.
    pub(super) fn story(&self, property: usize) -> Result<Option<Story>, Failure> {
        let Some(number) = self.found[property] else {
            return Ok(None);
        };
        let path = self.path(number);
        let mut steps = Vec::new();
        let mut state: Option<M::State> = None;
        for number in path {
            let action = self.visited.node(number).action as usize;
            let (told, next) = match &state {
                None => (
                    String::new(),
                    self.model.init_states().into_iter().nth(action),
                ),
                Some(state) => {
                    let mut actions = Vec::new();
                    self.model.actions(state, &mut actions);
                    let action = actions.into_iter().nth(action);
                    let told = action
                        .as_ref()
                        .map_or(String::new(), |it| format!("{it:?}"));
                    (
                        told,
                        action.and_then(|action| self.model.next_state(state, action)),
                    )
                }
            };
            let next = next.ok_or(Failure::Unrepeatable)?;
            if fingerprint(&next) != self.visited.fingerprint(number) {
                return Err(Failure::Unrepeatable);
            }
            steps.push(Step {
                action: told,
                state: folded(&format!("{next:#?}")),
            });
            state = Some(next);
        }
        Ok(Some(Story {
            property: self.properties[property].name,
            steps,
        }))
    }

    /// The numbers of the states on the way to that one, an initial state first.
    fn path(&self, mut number: u32) -> Vec<u32> {
        let mut path = vec![number];
        while self.visited.node(number).parent != number {
            number = self.visited.node(number).parent;
            path.push(number);
        }
        path.reverse();
        path
    }
}
