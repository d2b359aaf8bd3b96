//! The only way to run a model: [`exhaust`] for the shipped core, [`catches`] for seeded faults;
//! [`exhaust_fair`] and [`catches_livelock`] for models that also promise what comes in the end.
//!
//! Every way in which a stateright run can report success without having proved anything is
//! refused here: no invariant, a boundary, an unfinished search, a premise that never occurs, a
//! world that has shrunk, `eventually` on a graph with cycles. There is no cap to set.
//!
//! Liveness is a [`Promise`] of a model that says how [`Fair`] its actions are. It is judged when
//! every state is known, on the graph of all of them: a promise is broken when a fair run can go
//! round for ever, or stop, where it is owed and not kept.

mod components;
mod graph;
mod judge;
mod promise;
mod report;
mod search;
mod visited;

pub use promise::{Class, Fair, Fairness, Promise};
pub use report::{Failure, Report, Story, Verdict};

use search::Search;
use stateright::{Expectation, Model, Property};
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
    sound(&properties, 0)?;
    let started = Instant::now();
    let mut search = Search::new(model, properties)?;
    while search.expand()? {}
    let report = search.report(name, started.elapsed())?;
    conclude(report, Some(unique), Vec::new())
}

/// As [`exhaust`], and also judges every promise of the model. This costs 4 bytes a state and 5 an
/// edge besides, and about 25 a state while a promise is being judged.
///
/// # Errors
/// As there; also when a fair run breaks a promise (with such a run), or one is never given.
pub fn exhaust_fair<M>(name: &'static str, model: &M, unique: usize) -> Result<Report, Failure>
where
    M: Fair,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let (report, never) = explored(name, model)?;
    conclude(report, Some(unique), never)
}

/// As [`exhaust_fair`], for a model whose size nobody has pinned: a user's own controller. That
/// its world has shrunk is not noticed, so let something be seen to happen in it.
///
/// # Errors
/// As there, but for the count.
pub fn explore<M>(name: &'static str, model: &M) -> Result<Report, Failure>
where
    M: Fair,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let (report, never) = explored(name, model)?;
    conclude(report, None, never)
}

/// What was found, and the promises that are never given.
fn explored<M>(name: &'static str, model: &M) -> Result<(Report, Vec<Failure>), Failure>
where
    M: Fair,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let (properties, promises) = (model.properties(), model.promises());
    sound(&properties, promises.len())?;
    let started = Instant::now();
    let mut search = Search::recording(model, properties, promises)?;
    while search.expand()? {}
    let never = search.never_given().into_iter().map(Failure::NoWitness);
    let never = never.collect();
    Ok((search.report(name, started.elapsed())?, never))
}

/// A run about these properties and so many promises can prove something.
fn sound<M: Model>(properties: &[Property<M>], promises: usize) -> Result<(), Failure> {
    let mut eventually = properties
        .iter()
        .filter(|it| it.expectation == Expectation::Eventually);
    if let Some(property) = eventually.next() {
        return Err(Failure::Eventually(property.name));
    }
    let always = |it: &Property<M>| it.expectation == Expectation::Always;
    if promises == 0 && !properties.iter().any(always) {
        return Err(Failure::NoInvariant);
    }
    Ok(())
}

/// The report, if nothing is wrong with it.
fn conclude(
    report: Report,
    unique: Option<usize>,
    mut failures: Vec<Failure>,
) -> Result<Report, Failure> {
    for verdict in &report.verdicts {
        match &verdict.story {
            Some(story) if verdict.always => failures.push(Failure::Violated(story.clone())),
            None if !verdict.always => failures.push(Failure::NoWitness(verdict.property)),
            _ => {}
        }
    }
    let found = report.unique;
    if let Some(pinned) = unique.filter(|pinned| *pinned != found) {
        failures.push(Failure::Count { pinned, found });
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

/// Sees to it that `model`, into which a fault has been put, breaks `promise`: a run that does,
/// [`Story::len`] steps long, the last [`Story::cycle`] of them for ever. It goes the shortest way
/// to where a fair run can stay, or, when that is less in all, to where it can stop; the round
/// there goes each time to what is nearest of that which fairness demands.
///
/// # Errors
/// When every fair run keeps it, or the model makes no such promise.
pub fn catches_livelock<M>(model: &M, promise: &'static str) -> Result<Story, Failure>
where
    M: Fair,
    M::State: Hash + Debug,
    M::Action: Debug,
{
    let mut promises = model.promises();
    promises.retain(|it| it.name == promise);
    if promises.is_empty() {
        return Err(Failure::Unknown(promise));
    }
    let mut search = Search::recording(model, Vec::new(), promises)?;
    while search.expand()? {}
    let broken = search
        .judgements()?
        .into_iter()
        .find_map(|(_, story)| story);
    broken.ok_or(Failure::NotCaught(promise))
}

#[cfg(test)]
mod tests;
