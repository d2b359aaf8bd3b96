//! The only way to run a model: [`exhaust`] for the shipped core, [`catches`] for seeded faults.
//!
//! Every way in which a stateright run can report success without having proved anything is
//! refused here: no invariant, a boundary, an unfinished search, a premise that never occurs, a
//! world that has shrunk, `eventually` on a graph with cycles. There is no cap to set.

mod report;
mod search;
mod visited;

pub use report::{Failure, Report, Story, Verdict};

use search::Search;
use stateright::{Expectation, Model};
use std::{fmt::Debug, hash::Hash, time::Instant};

/// Explores every reachable state of `model` and holds every one of them against every property.
///
/// `unique` is the pinned number of unique states: a world that shrinks by accident is noticed.
/// States are told apart by a 128-bit SipHash of the whole state; see [`Report::collision`] for
/// what that leaves to chance.
///
/// # Errors
/// When an `always` property is violated (with a shortest trace), a `sometimes` property has no
/// witness, the number of states differs from `unique`, or the model is one that proves nothing.
pub fn exhaust<M>(name: &'static str, model: &M, unique: usize) -> Result<Report, Failure>
where
    M: Model,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let properties = model.properties();
    if let Some(property) = properties
        .iter()
        .find(|it| it.expectation == Expectation::Eventually)
    {
        return Err(Failure::Eventually(property.name));
    }
    if !properties
        .iter()
        .any(|it| it.expectation == Expectation::Always)
    {
        return Err(Failure::NoInvariant);
    }
    let started = Instant::now();
    let mut search = Search::new(model, properties)?;
    while search.expand()? {}
    let report = search.report(name, started.elapsed())?;
    let mut failures = Vec::new();
    for verdict in &report.verdicts {
        match &verdict.story {
            Some(story) if verdict.always => failures.push(Failure::Violated(story.clone())),
            None if !verdict.always => failures.push(Failure::NoWitness(verdict.property)),
            _ => {}
        }
    }
    if report.unique != unique {
        let found = report.unique;
        failures.push(Failure::Count {
            pinned: unique,
            found,
        });
    }
    if failures.is_empty() {
        Ok(report)
    } else {
        Err(Failure::Many(failures))
    }
}

/// Sees to it that `model`, into which a fault has been put, violates `property`: the shortest
/// counterexample, whose length is [`Story::len`].
///
/// # Errors
/// When no reachable state violates it, or the model has no such `always` property.
pub fn catches<M>(model: &M, property: &'static str) -> Result<Story, Failure>
where
    M: Model,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let mut properties = model.properties();
    properties.retain(|it| it.name == property && it.expectation == Expectation::Always);
    if properties.is_empty() {
        return Err(Failure::Unknown(property));
    }
    let mut search = Search::new(model, properties)?;
    loop {
        if let Some(story) = search.story(0)? {
            return Ok(story);
        }
        if !search.expand()? {
            return Err(Failure::NotCaught(property));
        }
    }
}

#[cfg(test)]
mod tests;
