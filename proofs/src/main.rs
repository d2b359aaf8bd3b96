//! `proofs`: runs the worlds and prints what was found.
//!
//! `proofs` or `proofs check` runs every world and its faults, `proofs check WORLD` one of them,
//! `proofs list` says what there is, `proofs story WORLD NAME` tells the shortest way to a premise,
//! or the counterexample of a fault. The exit code is 1 when anything failed.

use proofs::{
    check::{Report, Story},
    worlds::{self, World},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        // Every world is run, also when one of them has failed.
        [] | ["check"] => worlds::all().iter().filter(|world| !check(world)).count() == 0,
        ["check", name] => with_world(name, check),
        ["list"] => {
            worlds::all().iter().for_each(list);
            true
        }
        ["story", name, fault] => with_world(name, |world| story(world, fault)),
        _ => {
            eprintln!("usage: proofs [list | check [WORLD] | story WORLD NAME]");
            false
        }
    };
    if done {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn with_world(name: &str, what: impl Fn(&World) -> bool) -> bool {
    let world = worlds::all().into_iter().find(|world| world.name == name);
    if world.is_none() {
        eprintln!("there is no world {name}; `proofs list` says which there are");
    }
    world.is_some_and(|world| what(&world))
}

/// Runs a world and its faults and prints a table; true when all is as it must be.
fn check(world: &World) -> bool {
    let report = match world.prove() {
        Ok(report) => report,
        Err(failure) => {
            println!("{}: FAILED\n{failure}", world.name);
            return false;
        }
    };
    println!(
        "{}: {} unique states, {} generated, {} steps deep, {:.1} s, {:.0} states/s, \
         collision below {:.0e}",
        report.name,
        report.unique,
        report.generated,
        report.depth,
        report.elapsed.as_secs_f64(),
        report.rate(),
        report.collision(),
    );
    let mut held = true;
    for obligation in &world.obligations {
        println!("  {:<4} holds: {}", obligation.id, obligation.invariant);
        println!("       after {}", premise(&report, obligation.premise));
        for fault in &obligation.faults {
            match obligation.catch(fault) {
                Ok(story) => println!("       catches {} in {}", fault.name, length(&story)),
                Err(failure) => {
                    held = false;
                    println!("       FAILED for {}: {failure}", fault.name);
                }
            }
        }
    }
    held
}

fn length(story: &Story) -> String {
    let steps = story.len();
    match story.cycle() {
        None => format!("{steps} steps"),
        Some(0) => format!("{steps} steps, and no more"),
        Some(last) => format!("{steps} steps, the last {last} for ever"),
    }
}

fn premise(report: &Report, name: &str) -> String {
    let verdict = report
        .verdicts
        .iter()
        .find(|verdict| verdict.property == name);
    let story = verdict.and_then(|verdict| verdict.story.as_ref());
    let steps = story.map_or_else(String::new, |story| {
        format!(" (first in {} steps)", story.len())
    });
    format!("{name}{steps}")
}

fn list(world: &World) {
    println!("{}", world.name);
    for obligation in &world.obligations {
        println!("  {:<4} {}", obligation.id, obligation.invariant);
        println!("       after {}", obligation.premise);
        for fault in &obligation.faults {
            println!("       catches {}", fault.name);
        }
    }
}

fn story(world: &World, name: &str) -> bool {
    let faults = world
        .obligations
        .iter()
        .flat_map(|obligation| &obligation.faults);
    let told = match faults.into_iter().find(|fault| fault.name == name) {
        Some(fault) => (fault.run)().map(Some),
        None => world.prove().map(|report| {
            let mut verdicts = report.verdicts.into_iter();
            verdicts
                .find(|verdict| verdict.property == name)
                .and_then(|verdict| verdict.story)
        }),
    };
    match &told {
        Ok(Some(story)) => println!("{story}"),
        Ok(None) => eprintln!("{} has no fault {name} and no such premise", world.name),
        Err(failure) => println!("{failure}"),
    }
    matches!(told, Ok(Some(_)))
}
