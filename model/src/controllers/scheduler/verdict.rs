//! Why no node will do, in upstream's words (`FitError`, `preemption.go`).

use super::ask::Ask;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// Why one node will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reasons: Vec<String>,
    /// Nor would it if other pods left it.
    pub(super) hopeless: bool,
}

impl Verdict {
    /// It will not do as things are.
    pub(super) fn now(why: &str) -> Verdict {
        Verdict {
            reasons: vec![why.to_string()],
            hopeless: false,
        }
    }

    /// It will not do, whoever leaves it.
    pub(super) fn never(why: &str) -> Verdict {
        Verdict {
            hopeless: true,
            ..Verdict::now(why)
        }
    }
}

/// Why all nodes will not do.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdicts {
    nodes: u32,
    hopeless: u32,
    reasons: BTreeMap<String, u32>,
}

impl Verdicts {
    pub(super) fn add(&mut self, verdict: Verdict) {
        self.nodes += 1;
        self.hopeless += u32::from(verdict.hopeless);
        for reason in verdict.reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// The condition's and the event's message.
    pub(super) fn message(&self, ask: &Ask) -> String {
        let nodes = self.nodes;
        if nodes == 0 {
            return "no nodes available to schedule pods".to_string();
        }
        let counted = |reasons: &BTreeMap<String, u32>| {
            let mut texts: Vec<String> = reasons
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            texts.sort();
            texts.join(", ")
        };
        let preemption = if ask.never_preempts {
            "not eligible due to preemptionPolicy=Never.".to_string()
        } else {
            let helpless = "Preemption is not helpful for scheduling".to_string();
            let useless = "No preemption victims found for incoming pod".to_string();
            let why = [(useless, nodes - self.hopeless), (helpless, self.hopeless)];
            let why = counted(&why.into());
            format!("0/{nodes} nodes are available: {why}.")
        };
        format!(
            "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: \
             {preemption}",
            counted(&self.reasons)
        )
    }
}
