//! Spec and status of one PodDisruptionBudget, written at the same time by those who may write
//! each, who also try to write the other's part.

use super::{
    Plan, Requests,
    menu::Request,
    properties::{self, O1, O4, SPEC_AND_STATUS},
};
use crate::{
    check::{Failure, Report, Story, catches, exhaust},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::requests::Fault,
};

/// The reachable states.
const UNIQUE: usize = 133_051;

/// What each client sends.
const EVERY: &[Request] = &[
    Request::CreateBudget,
    Request::UpdateSpec,
    Request::UpdateStatus,
    Request::PatchSpec,
    Request::PatchStatus,
    Request::PatchLabels,
    Request::DeleteForeground,
];

const PLAN: Plan = Plan {
    begins: &[&[], &[Request::CreateBudget]],
    sends: [&[EVERY, EVERY], &[EVERY, EVERY]],
    properties: properties::of_budgets,
};

fn run() -> Result<Report, Failure> {
    exhaust("status", &Requests::new(PLAN, None), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    catches(&Requests::new(PLAN, Some(fault)), invariant)
}

/// The world's entry.
pub(super) fn world() -> World {
    World {
        name: "status",
        run,
        obligations: vec![
            Obligation {
                id: "O4",
                invariant: O4,
                premise: SPEC_AND_STATUS,
                faults: vec![
                    Seeded {
                        name: "status-is-the-object",
                        steps: 2,
                        run: || caught(Fault::TakesStatusForTheObject, O4),
                    },
                    Seeded {
                        name: "status-from-before",
                        steps: 4,
                        run: || caught(Fault::LastWriterWins, O4),
                    },
                ],
            },
            Obligation {
                id: "O1",
                invariant: O1,
                premise: SPEC_AND_STATUS,
                faults: vec![Seeded {
                    name: "spec-from-before",
                    steps: 4,
                    run: || caught(Fault::LastWriterWins, O1),
                }],
            },
        ],
    }
}
