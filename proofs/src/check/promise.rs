//! What a model owes in the end, and whose turn comes for certain.

use stateright::Model;

/// A model with liveness: which of its actions cannot be put off for ever, and what must come of
/// it.
///
/// A **run** is an infinite sequence of states, each reached from the one before by an action or
/// equal to it (nobody has to act). A run is **fair** when each [`Class`] whose actions are
/// possible from some point on without a break takes one of them infinitely often, and when there
/// are only finitely many actions of [`Fairness::Finite`]. An action whose `next_state` is `None`
/// is not possible; one that changes nothing is, and is a turn of its class.
pub trait Fair: Model {
    /// How often that action must, or can, be taken.
    fn fairness(&self, action: &Self::Action) -> Fairness;

    /// What it owes.
    fn promises(&self) -> Vec<Promise<Self>>;
}

/// How often an action is taken in a fair run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fairness {
    /// When its class has something to do without a break, then the class does something: a
    /// component that is slow, but runs.
    Weak(Class),
    /// As often or as seldom as it may be, also never, also for ever: users, timers that need not
    /// fire.
    Free,
    /// Never or some number of times, but not for ever: crashes, lost messages, cut connections.
    /// What must come comes after the last of them.
    Finite,
}

/// Actions that take turns with all others, and among which it is open which one is taken: those
/// of one component, or of one of its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class(u8);

impl Class {
    /// The class of that number.
    ///
    /// # Panics
    /// From 64 on.
    #[must_use]
    pub const fn new(number: u8) -> Class {
        assert!(number < 64, "a model has at most 64 classes of fairness");
        Class(number)
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

    pub(super) fn bit(self) -> u64 {
        1 << self.0
    }
}

/// What holds of a state as far as the subject of that number is concerned.
type Condition<M> = fn(&M, &<M as Model>::State, usize) -> bool;

/// A liveness property. The number that its conditions are given is that of the subject (a client,
/// a pod): see [`Promise::for_each`].
pub struct Promise<M: Model> {
    /// A sentence.
    pub name: &'static str,
    pub(super) kind: Kind,
    pub(super) subjects: usize,
    pub(super) given: Condition<M>,
    pub(super) goal: Condition<M>,
}

/// What a promise promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    LeadsTo,
    StaysPossible,
}

impl<M: Model> Promise<M> {
    /// From every reachable state in which `given` holds, every fair run comes to one in which
    /// `goal` holds (P ↝ Q).
    #[must_use]
    pub fn leads_to(name: &'static str, given: Condition<M>, goal: Condition<M>) -> Promise<M> {
        Promise {
            name,
            kind: Kind::LeadsTo,
            subjects: 1,
            given,
            goal,
        }
    }

    /// From every reachable state in which `given` holds, some run comes to one in which `goal`
    /// holds: nothing is ever beyond repair. Weaker than [`Promise::leads_to`], and independent
    /// of fairness.
    #[must_use]
    pub fn stays_possible(
        name: &'static str,
        given: Condition<M>,
        goal: Condition<M>,
    ) -> Promise<M> {
        Promise {
            kind: Kind::StaysPossible,
            ..Promise::leads_to(name, given, goal)
        }
    }

    /// The same for each of that many subjects, from 0 on.
    #[must_use]
    pub fn for_each(self, subjects: usize) -> Promise<M> {
        Promise { subjects, ..self }
    }
}
