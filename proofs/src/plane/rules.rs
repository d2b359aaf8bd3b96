//! What is claimed of a plane.

use super::{Action, Plane, State};
use crate::check::Promise;
use model::{
    controllers::{Answer, Api, Call},
    object::Object,
    registry, selector,
};
use stateright::Property;
use std::{fmt, sync::Arc};

/// A claim about every state, or every step.
#[derive(Clone)]
pub struct Rule {
    /// A sentence.
    pub name: &'static str,
    /// It holds always; else it must occur.
    pub always: bool,
    /// What it says.
    pub judge: Judge,
}

/// How a rule is judged.
#[derive(Clone)]
pub enum Judge {
    /// By looking at a state.
    State(Arc<dyn Fn(&State) -> bool + Send + Sync>),
    /// By looking at what a step has done.
    Step(Arc<dyn Fn(&Happened<'_>) -> bool + Send + Sync>),
}

/// A step that has been taken.
pub struct Happened<'a> {
    /// What was done.
    pub action: &'a Action,
    /// As it was.
    pub before: &'a State,
    /// As it is.
    pub after: &'a State,
    /// The call that was sent, if one was, and its answer, lost or not.
    pub call: Option<&'a (Call, Answer)>,
    /// What it changed in the store, in order.
    pub touched: &'a [Touched],
}

/// An object that was written or deleted.
#[derive(Clone, Debug)]
pub struct Touched {
    /// The prefix of its resource's keys.
    prefix: String,
    /// What was there.
    pub old: Option<Object>,
    /// What is there.
    pub new: Option<Object>,
}

impl Touched {
    /// Reads an event of the store.
    pub(super) fn new(event: &model::etcd::StoreEvent) -> Touched {
        let prefix = registry::prefix_of(&event.kv.key).unwrap_or_default();
        let decode = |kv| Object::decode(kv, selector::stored_under(prefix)).ok();
        Touched {
            prefix: prefix.into(),
            old: event.previous.as_ref().and_then(decode),
            new: match event.kind {
                model::etcd::EventKind::Put => decode(&event.kv),
                model::etcd::EventKind::Delete => None,
            },
        }
    }

    /// It is of that resource.
    #[must_use]
    pub fn is(&self, api: &Api) -> bool {
        self.prefix == registry::prefix(&api.group, &api.resource)
    }
}

impl Rule {
    /// It holds in every state.
    #[must_use]
    pub fn always(
        name: &'static str,
        judge: impl Fn(&State) -> bool + Send + Sync + 'static,
    ) -> Rule {
        let judge = Judge::State(Arc::new(judge));
        Rule {
            name,
            always: true,
            judge,
        }
    }

    /// It holds in some state.
    #[must_use]
    pub fn sometimes(
        name: &'static str,
        judge: impl Fn(&State) -> bool + Send + Sync + 'static,
    ) -> Rule {
        Rule {
            always: false,
            ..Rule::always(name, judge)
        }
    }

    /// It holds for every step.
    #[must_use]
    pub fn every_step(
        name: &'static str,
        judge: impl Fn(&Happened<'_>) -> bool + Send + Sync + 'static,
    ) -> Rule {
        let judge = Judge::Step(Arc::new(judge));
        Rule {
            name,
            always: true,
            judge,
        }
    }

    /// It holds for some step.
    #[must_use]
    pub fn some_step(
        name: &'static str,
        judge: impl Fn(&Happened<'_>) -> bool + Send + Sync + 'static,
    ) -> Rule {
        Rule {
            always: false,
            ..Rule::every_step(name, judge)
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What comes in the end, when everybody goes on: from `given`, `goal` follows.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    /// A sentence.
    pub name: &'static str,
    /// From when on it is owed.
    pub given: fn(&State) -> bool,
    /// What is owed.
    pub goal: fn(&State) -> bool,
}

/// How many rules a plane has at most.
const RULES: usize = 16;
/// How many promises a plane makes at most.
const PROMISES: usize = 4;

impl Plane {
    /// Which rules about steps this one concerns: those it breaks and those it is a witness of.
    pub(super) fn marks(&self, happened: &Happened<'_>) -> u64 {
        let mut marks = 0;
        for (index, rule) in self.rules.iter().enumerate() {
            if let Judge::Step(judge) = &rule.judge {
                marks |= u64::from(judge(happened) != rule.always) << index;
            }
        }
        marks
    }

    /// The rules for the checker, which takes functions and no closures.
    ///
    /// # Panics
    /// When there are more than it has functions for.
    pub(super) fn checked_rules(&self) -> Vec<Property<Plane>> {
        assert!(
            self.rules.len() <= RULES,
            "a plane has at most {RULES} rules"
        );
        let rules = self.rules.iter().zip(JUDGES);
        rules
            .map(|(rule, judge)| match rule.always {
                true => Property::always(rule.name, judge),
                false => Property::sometimes(rule.name, judge),
            })
            .collect()
    }

    /// The promises for the checker.
    ///
    /// # Panics
    /// When there are more than it has functions for.
    pub(super) fn checked_promises(&self) -> Vec<Promise<Plane>> {
        assert!(
            self.owed.len() <= PROMISES,
            "a plane makes at most {PROMISES} promises"
        );
        let conditions: [[Condition; 2]; PROMISES] = [
            [given::<0>, goal::<0>],
            [given::<1>, goal::<1>],
            [given::<2>, goal::<2>],
            [given::<3>, goal::<3>],
        ];
        let owed = self.owed.iter().zip(conditions);
        owed.map(|(owed, [given, goal])| Promise::leads_to(owed.name, given, goal))
            .collect()
    }
}

/// What the checker takes a condition as.
type Condition = fn(&Plane, &State, usize) -> bool;

fn given<const I: usize>(plane: &Plane, state: &State, _: usize) -> bool {
    (plane.owed[I].given)(state)
}

fn goal<const I: usize>(plane: &Plane, state: &State, _: usize) -> bool {
    (plane.owed[I].goal)(state)
}

fn judged<const I: usize>(plane: &Plane, state: &State) -> bool {
    let rule = &plane.rules[I];
    match &rule.judge {
        Judge::State(judge) => judge(state),
        Judge::Step(_) => (state.marks >> I & 1 == 1) != rule.always,
    }
}

const JUDGES: [fn(&Plane, &State) -> bool; RULES] = [
    judged::<0>,
    judged::<1>,
    judged::<2>,
    judged::<3>,
    judged::<4>,
    judged::<5>,
    judged::<6>,
    judged::<7>,
    judged::<8>,
    judged::<9>,
    judged::<10>,
    judged::<11>,
    judged::<12>,
    judged::<13>,
    judged::<14>,
    judged::<15>,
];
