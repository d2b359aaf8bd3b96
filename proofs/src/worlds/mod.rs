//! The finite worlds, and what each of them proves.
//!
//! A world is a file here and a line in [`all`]. It names its obligations (the ids are those of
//! the README's table): an invariant, the premise whose occurrence shows that the invariant is
//! not empty talk, and the seeded faults that the invariant is seen to catch.

pub mod control;
pub mod grants;
pub mod lease;
pub mod requests;
pub mod store;
pub mod watch_cache;

use crate::check::{Failure, Report, Story};

/// One finite world around the shipped core.
#[derive(Clone)]
pub struct World {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Explores it: a call of [`crate::check::exhaust`] or [`crate::check::exhaust_fair`].
    pub run: fn() -> Result<Report, Failure>,
    /// What it proves: one for each invariant and each promise of the model.
    pub obligations: Vec<Obligation>,
}

/// One invariant of a world, or one promise.
#[derive(Clone)]
pub struct Obligation {
    /// `W1`
    pub id: &'static str,
    /// The `always` property, or the promise that is judged by [`crate::check::exhaust_fair`]: a
    /// sentence.
    pub invariant: &'static str,
    /// The `sometimes` property that shows that the invariant's premise occurs.
    pub premise: &'static str,
    /// What breaks it; at least one.
    pub faults: Vec<Fault>,
}

/// A seeded fault, which its obligation's invariant must catch.
#[derive(Clone)]
pub struct Fault {
    /// The published bug (`k8s#58545`) or what is done.
    pub name: &'static str,
    /// The pinned length of the counterexample; a round that is done for ever counts once.
    pub steps: usize,
    /// Finds it: a call of [`crate::check::catches`] or [`crate::check::catches_livelock`].
    pub run: fn() -> Result<Story, Failure>,
}

/// Every world.
#[must_use]
pub fn all() -> Vec<World> {
    let mut worlds = vec![
        store::world(),       // E1 to E4, E7 to E13
        lease::world(),       // E14
        watch_cache::world(), // W1, W2, W4, W5, O8, O9
    ];
    worlds.push(grants::world()); // L7, L8
    worlds.extend(requests::worlds()); // L1 to L7, O1 to O6
    worlds.extend(control::worlds()); // P1 to P4, P6 to P9
    worlds
}

impl World {
    /// Explores the world and sees to it that what it claims is what was checked.
    ///
    /// # Errors
    /// Those of the run; [`Failure::Claim`] when invariants and obligations don't correspond.
    pub fn prove(&self) -> Result<Report, Failure> {
        let report = (self.run)()?;
        let names = |always: bool| {
            let verdicts = report.verdicts.iter().filter(move |it| it.always == always);
            verdicts.map(|verdict| verdict.property)
        };
        let claim = |why: &str, what: &'static str| Err(Failure::Claim(why.to_owned(), what));
        for obligation in &self.obligations {
            if !names(true).any(|name| name == obligation.invariant) {
                return claim("no invariant of the model", obligation.invariant);
            }
            if !names(false).any(|name| name == obligation.premise) {
                return claim("no premise of the model", obligation.premise);
            }
            if obligation.faults.is_empty() {
                return claim("has not been seen to fail", obligation.invariant);
            }
        }
        for name in names(true) {
            if !self
                .obligations
                .iter()
                .any(|obligation| obligation.invariant == name)
            {
                return claim("no obligation for the invariant", name);
            }
        }
        Ok(report)
    }
}

impl Obligation {
    /// Sees to it that `fault` violates this invariant, in the pinned number of steps.
    ///
    /// # Errors
    /// When it is not caught, or another invariant or another number of steps is what is found.
    pub fn catch(&self, fault: &Fault) -> Result<Story, Failure> {
        let story = (fault.run)()?;
        if story.property != self.invariant {
            return Err(Failure::Claim(
                "caught by another invariant".into(),
                story.property,
            ));
        }
        if story.len() != fault.steps {
            let why = format!(
                "caught in {} steps instead of the pinned {}",
                story.len(),
                fault.steps
            );
            return Err(Failure::Claim(why, fault.name));
        }
        Ok(story)
    }
}

#[cfg(test)]
mod tests;
