//! Every world is proved, every fault is caught, and no claim goes unchecked.

use super::{Fault, Obligation, World, all};
use crate::check::{Failure, Report, Verdict, catches};
use stateright::{Model, Property};
use std::{collections::BTreeSet, time::Duration};

#[test]
fn names_are_told_apart() {
    let names: BTreeSet<&str> = all().iter().map(|world| world.name).collect();
    assert_eq!(names.len(), all().len());
}

#[test]
fn every_world_holds() {
    for world in all() {
        if let Err(failure) = world.prove() {
            panic!("{}: {failure}", world.name);
        }
    }
}

#[test]
fn every_fault_is_caught() {
    for world in all() {
        for obligation in &world.obligations {
            for fault in &obligation.faults {
                if let Err(failure) = obligation.catch(fault) {
                    panic!("{} {} {}: {failure}", world.name, obligation.id, fault.name);
                }
            }
        }
    }
}

/// Counts to three.
struct Count;

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
        Some(state + 1)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("below three", |_, state| *state < 3)]
    }
}

/// What a run that went well would say.
fn report() -> Result<Report, Failure> {
    let verdict = |property, always| Verdict {
        property,
        always,
        story: None,
    };
    Ok(Report {
        name: "count",
        unique: 4,
        generated: 4,
        depth: 3,
        elapsed: Duration::ZERO,
        verdicts: vec![verdict("small", true), verdict("two", false)],
    })
}

#[test]
fn a_claim_that_was_not_checked_is_refused() {
    let obligation = |invariant, premise, faults| Obligation {
        id: "X1",
        invariant,
        premise,
        faults,
    };
    let fault = |steps| Fault {
        name: "three",
        steps,
        run: || catches(&Count, "below three"),
    };
    let prove = |obligations| {
        let (name, run) = ("count", report as fn() -> _);
        World {
            name,
            run,
            obligations,
        }
        .prove()
    };
    let refused = |obligations| {
        let failure = prove(obligations).unwrap_err();
        assert!(matches!(failure, Failure::Claim(..)), "{failure}");
    };
    assert!(prove(vec![obligation("small", "two", vec![fault(3)])]).is_ok());
    refused(vec![]);
    refused(vec![obligation("two", "two", vec![fault(3)])]);
    refused(vec![obligation("small", "small", vec![fault(3)])]);
    refused(vec![obligation("small", "two", vec![])]);
    let caught = |invariant, steps| obligation(invariant, "two", vec![]).catch(&fault(steps));
    assert_eq!(caught("below three", 3).unwrap().len(), 3);
    assert!(matches!(caught("below three", 2), Err(Failure::Claim(..))));
    assert!(matches!(caught("small", 3), Err(Failure::Claim(..))));
}
