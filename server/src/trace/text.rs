//! A way as text: a line a step, an arrow between the lanes of the two components.

use super::way::{Lane, Step, Way};
use std::fmt::Write;

/// Characters from one lane to the next.
const LANE: usize = 12;

impl Way {
    /// The sequence diagram for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("pod {}, uid {}\n\n", self.pod, self.uid);
        let titles = Lane::ALL.map(|lane| format!("{:<LANE$}", lane.title()));
        let _ = writeln!(out, "{:>10}  {}", "ms", titles.concat().trim_end());
        let first = self.steps.first().map_or(0, |step| step.at.0);
        for step in &self.steps {
            let passed = (step.at.0 - first) as f64 / 1000.0;
            let _ = writeln!(out, "{passed:>10.3}  {}  {}", arrow(step), step.label);
        }
        let _ = writeln!(out, "\n{}", self.end);
        out
    }
}

/// The lanes with an arrow from one to the other.
fn arrow(step: &Step) -> String {
    let place = |lane: Lane| lane as usize * LANE;
    let (from, to) = (place(step.from), place(step.to));
    let mut line = vec![b' '; (Lane::ALL.len() - 1) * LANE + 1];
    for lane in Lane::ALL {
        line[place(lane)] = b'|';
    }
    for cell in &mut line[from.min(to) + 1..from.max(to)] {
        *cell = b'-';
    }
    if from < to {
        line[to - 1] = b'>';
    } else if to < from {
        line[to + 1] = b'<';
    }
    String::from_utf8_lossy(&line).into_owned()
}
