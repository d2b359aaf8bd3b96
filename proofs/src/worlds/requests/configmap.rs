//! The requests of every verb on one ConfigMap, which is not there, is there, is held by a
//! finalizer, or is terminating.

use super::{
    Plan, Requests,
    menu::Request,
    properties::{
        self, ANEW, ANSWERED, AUDITED, BOTH, BROKEN, CONFLICT, DRY, E5, EARLY, HELD, L1, L2, L3,
        L4, L5, L6, L7, MERGED, O1, O2, O3, O5, O6, OVERTAKEN, REFUSED, RETRIED, SAME,
    },
};
use crate::{
    check::{Failure, Report, Story, catches, catches_livelock, exhaust_fair},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::requests::Fault,
};

/// The reachable states.
const UNIQUE: usize = 362_536;

/// Every request: what each client sends first.
const EVERY: &[Request] = &[
    Request::Create,
    Request::CreateGenerated,
    Request::CreateDryRun,
    Request::CreateInvalid,
    Request::CreateMalformed,
    Request::CreateUnauthenticated,
    Request::CreateUnauthorized,
    Request::CreateElsewhere,
    Request::Get,
    Request::List,
    Request::Update,
    Request::UpdateVersion,
    Request::UpdateDryRun,
    Request::UpdateInvalid,
    Request::PatchJson,
    Request::PatchMerge,
    Request::PatchStrategic,
    Request::Hold,
    Request::Release,
    Request::Delete,
    Request::DeleteUid,
    Request::DeleteVersion,
    Request::DeleteNext,
    Request::DeleteDryRun,
    Request::DeleteCollection,
];

/// What each may send after that.
const MORE: &[Request] = &[
    Request::Create,
    Request::Update,
    Request::Hold,
    Request::Delete,
];

const PLAN: Plan = Plan {
    begins: &[
        &[],
        &[Request::Create],
        &[Request::CreateHeld],
        &[Request::CreateHeld, Request::Delete],
    ],
    sends: [&[EVERY, MORE], &[EVERY, MORE]],
    properties: || [properties::always(), properties::sometimes()].concat(),
};

fn run() -> Result<Report, Failure> {
    exhaust_fair("requests", &Requests::new(PLAN, None), UNIQUE)
}

fn caught(fault: Fault, invariant: &'static str) -> Result<Story, Failure> {
    catches(&Requests::new(PLAN, Some(fault)), invariant)
}

/// A seeded fault of this world: its name, the pinned length, what is broken, by what it is caught.
macro_rules! seeded {
    ($name:literal, $steps:literal, $fault:ident, $invariant:ident) => {
        Seeded {
            name: $name,
            steps: $steps,
            run: || caught(Fault::$fault, $invariant),
        }
    };
}

/// The world's entry.
pub(super) fn world() -> World {
    let obligation = |id, invariant, premise, faults| Obligation {
        id,
        invariant,
        premise,
        faults,
    };
    let everyone = seeded!(
        "everyone-is-administrator",
        1,
        TakesEveryoneForTheAdministrator,
        L1
    );
    let lost = seeded!("commit-reported-as-lost", 2, ReportsACommitAsLost, L2);
    let unwritten = seeded!(
        "acknowledged-and-not-written",
        2,
        AcknowledgesWithoutCommitting,
        L3
    );
    let repeated = Seeded {
        name: "repeats-what-has-lost",
        steps: 2,
        run: || {
            let model = Requests::new(PLAN, Some(Fault::RepeatsWhatHasLost));
            catches_livelock(&model, ANSWERED)
        },
    };
    let twice = seeded!("sent-again-after-a-timeout", 2, CommitsTwice, L4);
    let wet = seeded!("dry-run-is-lost", 2, LosesDryRun, L5);
    let unaudited = seeded!("audits-answers-alone", 1, AuditsAnswersAlone, L6);
    let misaudited = seeded!("audits-the-administrator", 1, AuditsTheAdministrator, L7);
    let past = seeded!("reads-the-past", 1, ReadsThePast, E5);
    let stale = seeded!("k8s#82130", 1, ReadsThePast, O6);
    let last = seeded!("last-writer-wins", 4, LastWriterWins, O1);
    let counted = seeded!("compares-by-count", 6, ComparesByCount, O1);
    let unchecked = seeded!("update-without-compare", 4, LastWriterWins, O2);
    let same = seeded!("same-random-number", 4, DrawsTheSameNumber, O3);
    let forgets = seeded!("forgets-the-deletion", 4, LastWriterWins, O5);
    let removed = seeded!("k8s#77988", 4, RemovesWithoutLooking, O5);
    let other = seeded!("remove-without-compare", 4, RemovesWithoutLooking, O6);
    World {
        name: "requests",
        run,
        obligations: vec![
            obligation("L1", L1, EARLY, vec![everyone]),
            obligation("L2", L2, REFUSED, vec![lost]),
            obligation("L3", L3, SAME, vec![unwritten]),
            obligation("L3", ANSWERED, RETRIED, vec![repeated]),
            obligation("L4", L4, RETRIED, vec![twice]),
            obligation("L5", L5, DRY, vec![wet]),
            obligation("L6", L6, AUDITED, vec![unaudited]),
            obligation("L7", L7, BOTH, vec![misaudited]),
            obligation("E5", E5, OVERTAKEN, vec![past]),
            obligation("O1", O1, MERGED, vec![last, counted]),
            obligation("O2", O2, CONFLICT, vec![unchecked]),
            obligation("O3", O3, ANEW, vec![same]),
            obligation("O5", O5, HELD, vec![removed, forgets]),
            obligation("O6", O6, BROKEN, vec![other, stale]),
        ],
    }
}
