//! What a run came to.

use std::{fmt, time::Duration};

/// A world that holds: every reachable state was looked at.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world's name.
    pub name: &'static str,
    /// How many states are reachable.
    pub unique: usize,
    /// How many were generated, the initial ones and those seen before included.
    pub generated: usize,
    /// How many steps the furthest state is away.
    pub depth: usize,
    /// How long the search took.
    pub elapsed: Duration,
    /// Each property.
    pub verdicts: Vec<Verdict>,
}

/// One property of a [`Report`].
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its name: a sentence.
    pub property: &'static str,
    /// It is an invariant or a promise; else it is a premise, which must occur.
    pub always: bool,
    /// The shortest way to a violation, or to a witness; a run that breaks the promise.
    pub story: Option<Story>,
}

impl Report {
    /// Unique states a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.unique as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// A bound on the chance that two different states had the same 128-bit fingerprint, so that
    /// one was not looked at: n² / 2^129.
    #[must_use]
    pub fn collision(&self) -> f64 {
        (self.unique as f64).powi(2) / 2_f64.powi(129)
    }
}

/// Why a run is no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An invariant is violated.
    Violated(Story),
    /// A premise never occurs.
    NoWitness(&'static str),
    /// The number of unique states is not the pinned one.
    Count {
        /// The pinned one.
        pinned: usize,
        /// That of this run.
        found: usize,
    },
    /// The seeded fault does not violate the invariant.
    NotCaught(&'static str),
    /// The model has no property or promise of that name and kind.
    Unknown(&'static str),
    /// The model has no `always` property, and promises nothing.
    NoInvariant,
    /// The model has an `eventually` property.
    Eventually(&'static str),
    /// A reachable state is outside the model's boundary.
    Boundary,
    /// A step did something else when it was repeated.
    Unrepeatable,
    /// A world claims what was not checked: why, and the name concerned.
    Claim(String, &'static str),
    /// Several of these.
    Many(Vec<Failure>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Violated(story) => write!(f, "violated: {story}"),
            Failure::NoWitness(property) => write!(f, "the premise never occurs: {property}"),
            Failure::Count { pinned, found } => {
                write!(f, "{found} unique states instead of the pinned {pinned}")
            }
            Failure::NotCaught(property) => write!(f, "the fault is not caught by: {property}"),
            Failure::Unknown(property) => write!(f, "the model has no such property: {property}"),
            Failure::NoInvariant => f.write_str("the model has no invariant: nothing is proved"),
            Failure::Eventually(property) => {
                write!(
                    f,
                    "liveness is judged on the graph, not by `eventually`: {property}"
                )
            }
            Failure::Boundary => f.write_str(
                "the model cuts states off by its boundary: let its actions end instead",
            ),
            Failure::Unrepeatable => f.write_str("the model is not deterministic"),
            Failure::Claim(why, name) => write!(f, "{why}: {name}"),
            Failure::Many(failures) => failures
                .iter()
                .try_for_each(|failure| writeln!(f, "{failure}")),
        }
    }
}

impl std::error::Error for Failure {}

/// A way through the world, from an initial state on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The property that its last state violates, or is the witness of; the promise that is broken.
    pub property: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) ending: Ending,
}

/// What is to be seen at the end of a [`Story`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The last state.
    State,
    /// The last state is the one after so many steps: what comes from there is done for ever.
    ForEver {
        /// The promise was given so many steps from the beginning.
        given: usize,
        /// From there on.
        from: usize,
    },
    /// From the last state on the goal is out of reach.
    OutOfReach,
}

/// One state of a [`Story`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// What led to it; empty for an initial state.
    pub(super) action: String,
    /// The state, a field a line.
    pub(super) state: String,
}

impl Story {
    /// How many steps it takes; those that are done for ever are counted once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len() - 1
    }

    /// True when an initial state is where it ends.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of its last steps are done for ever. 0 when nothing happens any more, None when it
    /// is no [`Promise`](super::Promise) that is broken by never coming to its goal.
    #[must_use]
    pub fn cycle(&self) -> Option<usize> {
        match self.ending {
            Ending::ForEver { from, .. } => Some(self.len() - from),
            Ending::State | Ending::OutOfReach => None,
        }
    }

    /// What was done, a line a step.
    #[must_use]
    pub fn actions(&self) -> Vec<&str> {
        self.steps
            .iter()
            .skip(1)
            .map(|step| step.action.as_str())
            .collect()
    }
}

impl fmt::Display for Story {
    /// The actions, numbered, and what each of them changed in the state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.len();
        match self.cycle() {
            None => writeln!(f, "{} ({steps} steps)", self.property)?,
            Some(0) => writeln!(f, "{} ({steps} steps, and no more)", self.property)?,
            Some(last) => {
                writeln!(
                    f,
                    "{} ({steps} steps, the last {last} for ever)",
                    self.property
                )?;
            }
        }
        for (number, pair) in (1..).zip(self.steps.windows(2)) {
            self.mark(f, number - 1)?;
            writeln!(f, "{number:>4}. {}", pair[1].action)?;
            for line in changes(&pair[0].state, &pair[1].state) {
                writeln!(f, "        {line}")?;
            }
        }
        match self.ending {
            Ending::State => Ok(()),
            Ending::ForEver { from, .. } if from == steps => {
                self.mark(f, steps)?;
                writeln!(f, "      nobody who takes turns has anything to do")
            }
            Ending::ForEver { from, .. } => writeln!(f, "      again from {}", from + 1),
            Ending::OutOfReach => writeln!(f, "      the goal is out of reach"),
        }
    }
}

impl Story {
    /// Says what is the case after so many steps.
    fn mark(&self, f: &mut fmt::Formatter<'_>, steps: usize) -> fmt::Result {
        let Ending::ForEver { given, from } = self.ending else {
            return Ok(());
        };
        if steps == given {
            writeln!(f, "      it is promised")?;
        }
        if steps == from && from < self.len() {
            writeln!(f, "      for ever:")?;
        }
        Ok(())
    }
}

/// The pretty form of a value with everything that fits into a line put into one.
pub(super) fn folded(pretty: &str) -> String {
    const WIDTH: usize = 120;
    let mut lines: Vec<String> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for line in pretty.lines() {
        lines.push(line.to_owned());
        let text = line.trim();
        if text.starts_with([')', ']', '}'])
            && let Some(start) = open.pop()
        {
            let parts: Vec<&str> = lines[start + 1..].iter().map(|part| part.trim()).collect();
            let (close, inner) = parts.split_last().unwrap_or((&"", &[]));
            let inner = inner.join(" ");
            let one = format!("{}{}{close}", lines[start], inner.trim_end_matches(','));
            if one.trim().len() <= WIDTH {
                lines.truncate(start);
                lines.push(one);
            }
        }
        if text.ends_with(['(', '[', '{']) {
            open.push(lines.len() - 1);
        }
    }
    lines.join("\n")
}

/// The lines that differ, marked `-` and `+`: a longest common subsequence is left out.
fn changes(before: &str, after: &str) -> Vec<String> {
    let before: Vec<&str> = before.lines().collect();
    let after: Vec<&str> = after.lines().collect();
    // common[i][j] is the length of the longest common subsequence of before[i..] and after[j..].
    let mut common = vec![vec![0_u32; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i][j] = if before[i] == after[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", before[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", after[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{changes, folded};

    #[test]
    fn only_what_changed_is_told() {
        assert_eq!(
            changes("a\n  b\nc", "a\n  d\nc\ne"),
            ["-   b", "+   d", "+ e"]
        );
        assert_eq!(changes("a", "a"), [""; 0]);
    }

    #[test]
    fn what_fits_into_a_line_is_told_in_one() {
        let short = format!("{:#?}", (Some(1), ["a"; 2]));
        assert_eq!(folded(&short), r#"(Some(1), ["a", "a"])"#);
        let long = folded(&format!(
            "{:#?}",
            ["a".repeat(50), "b".repeat(50), "c".repeat(50)]
        ));
        assert_eq!(long.lines().count(), 5);
    }
}
