//! Livelocks: what stateright's `eventually` says of them, and what becomes of them under fairness.

use crate::check::{
    Class, Failure, Fair, Fairness, Promise, catches_livelock, exhaust, exhaust_fair,
};
use stateright::{Checker, Model, Property};

const ONE: Fairness = Fairness::Weak(Class::new(0));
const OTHER: Fairness = Fairness::Weak(Class::new(1));

/// Two people at a door, who are so polite that each steps back when the other is there too.
struct Door;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Person {
    Away,
    AtTheDoor,
    Through,
}

impl Model for Door {
    type State = [Person; 2];
    /// Who does what is to be done.
    type Action = usize;

    fn init_states(&self) -> Vec<[Person; 2]> {
        vec![[Person::Away; 2]]
    }

    fn actions(&self, state: &[Person; 2], actions: &mut Vec<usize>) {
        actions.extend((0..2).filter(|person| state[*person] != Person::Through));
    }

    fn next_state(&self, state: &[Person; 2], person: usize) -> Option<[Person; 2]> {
        let mut state = *state;
        state[person] = match (state[person], state[1 - person]) {
            (Person::Away, _) => Person::AtTheDoor,
            (Person::AtTheDoor, Person::AtTheDoor) => Person::Away,
            (Person::AtTheDoor | Person::Through, _) => Person::Through,
        };
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::eventually(THROUGH, |_, state: &[Person; 2]| {
            state.contains(&Person::Through)
        })]
    }
}

impl Fair for Door {
    fn fairness(&self, person: &usize) -> Fairness {
        [ONE, OTHER][*person]
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let through = |_: &Door, state: &[Person; 2], _| state.contains(&Person::Through);
        let at_door =
            |_: &Door, state: &[Person; 2], person: usize| state[person] == Person::AtTheDoor;
        vec![
            Promise::leads_to(THROUGH, |_, _, _| true, through),
            Promise::stays_possible("nobody is stuck", at_door, |_, state, person| {
                state[person] == Person::Through
            })
            .for_each(2),
        ]
    }
}

const THROUGH: &str = "somebody gets through";

#[test]
fn a_livelock_that_eventually_misses_is_caught() {
    // All states have been looked at, and none of them is said to be a counterexample.
    let theirs = Door.checker().spawn_bfs().join();
    assert!(theirs.is_done() && theirs.discoveries().is_empty());
    let refused = exhaust("door", &Door, 9).unwrap_err();
    assert_eq!(refused, Failure::Eventually(THROUGH));

    let story = catches_livelock(&Door, THROUGH).unwrap();
    assert_eq!((story.len(), story.cycle()), (5, Some(4)));
    let text = "somebody gets through (5 steps, the last 4 for ever)
      it is promised
   1. 0
        - [Away, Away]
        + [AtTheDoor, Away]
      for ever:
   2. 1
        - [AtTheDoor, Away]
        + [AtTheDoor, AtTheDoor]
   3. 0
        - [AtTheDoor, AtTheDoor]
        + [Away, AtTheDoor]
   4. 0
        - [Away, AtTheDoor]
        + [AtTheDoor, AtTheDoor]
   5. 1
        - [AtTheDoor, AtTheDoor]
        + [AtTheDoor, Away]
      again from 2
";
    assert_eq!(story.to_string(), text);
    let stuck = catches_livelock(&Door, "nobody is stuck");
    assert_eq!(stuck, Err(Failure::NotCaught("nobody is stuck")));
}

/// A letter is sent, again and again while it is not on its way, until it is there.
#[derive(Clone, Copy)]
struct Mail {
    sender: Fairness,
    loss: Fairness,
    postman: Fairness,
    promises: fn() -> Vec<Promise<Mail>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Letter {
    Home,
    OnItsWay,
    There,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Post {
    Send,
    Lose,
    Deliver,
}

impl Model for Mail {
    type State = Letter;
    type Action = Post;

    fn init_states(&self) -> Vec<Letter> {
        vec![Letter::Home]
    }

    fn actions(&self, state: &Letter, actions: &mut Vec<Post>) {
        match state {
            Letter::Home => actions.push(Post::Send),
            Letter::OnItsWay => actions.extend([Post::Lose, Post::Deliver]),
            Letter::There => {}
        }
    }

    fn next_state(&self, _: &Letter, action: Post) -> Option<Letter> {
        Some(match action {
            Post::Send => Letter::OnItsWay,
            Post::Lose => Letter::Home,
            Post::Deliver => Letter::There,
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Vec::new()
    }
}

impl Fair for Mail {
    fn fairness(&self, action: &Post) -> Fairness {
        match action {
            Post::Send => self.sender,
            Post::Lose => self.loss,
            Post::Deliver => self.postman,
        }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        (self.promises)()
    }
}

const ARRIVES: &str = "the letter arrives";
const MAY: &str = "the letter may arrive";

fn there(_: &Mail, state: &Letter, _: usize) -> bool {
    *state == Letter::There
}

/// Promised to the first subject alone.
fn first() -> Promise<Mail> {
    Promise::leads_to(ARRIVES, |_, _, subject| subject == 0, there)
}

const GOOD: Mail = Mail {
    sender: ONE,
    loss: Fairness::Finite,
    postman: OTHER,
    promises: || vec![first(), Promise::stays_possible(MAY, |_, _, _| true, there)],
};

#[test]
fn fairness_decides() {
    let report = exhaust_fair("mail", &GOOD, 3).unwrap();
    let names = report.verdicts.iter().map(|verdict| verdict.property);
    assert_eq!(names.collect::<Vec<_>>(), [ARRIVES, MAY]);

    let broken = |mail: Mail| {
        let story = catches_livelock(&mail, ARRIVES).unwrap();
        (story.len(), story.cycle().unwrap())
    };
    // The postman has something to do now and then, not all the time.
    let lossy = Mail {
        loss: Fairness::Free,
        ..GOOD
    };
    assert_eq!(broken(lossy), (2, 2));
    let lazy = Mail {
        sender: Fairness::Free,
        ..GOOD
    };
    assert_eq!(broken(lazy), (0, 0));
    let idle = Mail {
        postman: Fairness::Free,
        ..GOOD
    };
    assert_eq!(broken(idle), (1, 0));
    let text = catches_livelock(&idle, ARRIVES).unwrap().to_string();
    let end = "      nobody who takes turns has anything to do\n";
    assert!(text.ends_with(end), "{text}");
}

/// A worker who reads, computes, and writes if nothing has changed meanwhile; else once more. And
/// somebody else who writes.
struct Swap {
    other: Fairness,
    /// The worker doesn't even try when the value is not what it has read.
    waits: bool,
}

/// The value, and what the worker has read; None when it is done.
type Swapped = (bool, Option<Option<bool>>);

impl Model for Swap {
    type State = Swapped;
    type Action = &'static str;

    fn init_states(&self) -> Vec<Swapped> {
        vec![(false, Some(None))]
    }

    fn actions(&self, (value, worker): &Swapped, actions: &mut Vec<&'static str>) {
        actions.push("write");
        match worker {
            Some(Some(read)) if read != value && self.waits => {}
            Some(Some(_)) => actions.push("swap"),
            Some(None) => actions.push("read"),
            None => {}
        }
    }

    fn next_state(&self, (value, worker): &Swapped, action: &'static str) -> Option<Swapped> {
        Some(match action {
            "write" => (!value, *worker),
            "read" => (*value, Some(Some(*value))),
            _ if *worker == Some(Some(*value)) => (*value, None),
            _ => (*value, Some(None)),
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::eventually(
            "swapped",
            |_, (_, worker): &Swapped| worker.is_none(),
        )]
    }
}

impl Fair for Swap {
    fn fairness(&self, action: &&'static str) -> Fairness {
        if *action == "write" { self.other } else { ONE }
    }

    fn promises(&self) -> Vec<Promise<Self>> {
        let read = |_: &Swap, (_, worker): &Swapped, _| matches!(worker, Some(Some(_)));
        let done = |_: &Swap, (_, worker): &Swapped, _| worker.is_none();
        vec![Promise::leads_to("swapped", read, done)]
    }
}

#[test]
fn who_compares_and_swaps_can_be_overtaken_for_ever() {
    let swap = |other| Swap {
        other,
        waits: false,
    };
    let theirs = swap(Fairness::Free).checker().spawn_bfs().join();
    assert!(theirs.is_done() && theirs.discoveries().is_empty());
    for other in [Fairness::Free, OTHER] {
        let story = catches_livelock(&swap(other), "swapped").unwrap();
        assert_eq!((story.len(), story.cycle()), (5, Some(4)));
        let actions = story.actions().join(" ");
        assert_eq!(actions, r#""read" "write" "swap" "write" "read""#);
    }
    let caught = catches_livelock(&swap(Fairness::Finite), "swapped");
    assert_eq!(caught, Err(Failure::NotCaught("swapped")));
    // It has something to do as soon as the other writes once more, but nobody has to.
    let waits = Swap {
        waits: true,
        ..swap(Fairness::Finite)
    };
    let story = catches_livelock(&waits, "swapped").unwrap();
    assert_eq!((story.len(), story.cycle()), (2, Some(0)));
}

#[test]
fn promises_that_say_nothing_are_refused() {
    let refused = |promises: fn() -> Vec<Promise<Mail>>| {
        exhaust_fair("mail", &Mail { promises, ..GOOD }, 3).unwrap_err()
    };
    let never = Failure::Many(vec![Failure::NoWitness(ARRIVES)]);
    assert_eq!(refused(Vec::new), Failure::NoInvariant);
    assert_eq!(
        refused(|| vec![Promise::leads_to(ARRIVES, there, there)]),
        never
    );
    // Each subject must be promised it.
    let promises = || vec![first()];
    assert!(exhaust_fair("mail", &Mail { promises, ..GOOD }, 3).is_ok());
    assert_eq!(refused(|| vec![first().for_each(2)]), never);
    assert_eq!(refused(|| vec![first().for_each(0)]), never);
    let silent = Mail {
        promises: Vec::new,
        ..GOOD
    };
    assert_eq!(
        catches_livelock(&silent, ARRIVES),
        Err(Failure::Unknown(ARRIVES))
    );
}
