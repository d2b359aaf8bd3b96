//! Two schedulers that are not told apart, a pod, a node, and a better one that not both have seen:
//! who binds the pod, and how often.

use super::objects::{create_pod, namespace, node, node_of, pods, racing};
use crate::{
    check::{Failure, Report, Story, catches, catches_livelock, exhaust_fair},
    plane::{Happened, Owed, Part, Plane, Rule},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::{plane::Fault, requests},
};
use model::controllers::{apis, scheduler::Scheduler};

/// The reachable states.
const UNIQUE: usize = 25_839;

const P1: &str = "a pod that is bound stays on its node";
const REFUSED: &str = "a scheduler is refused, because the other was first";
const P3: &str = "a pod that fits is bound in the end";
const LOST: &str = "the answer to a binding is lost";

fn plane() -> Plane {
    let begin = vec![namespace("d"), node("small", "1")];
    let scheduler = |name| Part::new(name, Scheduler::default());
    let plane = Plane::new(begin, vec![scheduler("first"), scheduler("second")]);
    let mut plane = racing(plane, [create_pod("a", ""), node("large", "8")], 8);
    plane.rules = vec![
        Rule::every_step(P1, stays),
        Rule::some_step(REFUSED, |happened| binding(happened) == Some(409)),
        Rule::some_step(LOST, |happened| binding(happened) == Some(0)),
    ];
    plane.owed = vec![Owed {
        name: P3,
        given: |state| pods(state).next().is_some(),
        goal: |state| pods(state).all(|pod| !node_of(&pod).is_empty()),
    }];
    plane
}

fn stays(happened: &Happened<'_>) -> bool {
    let mut pods = happened.touched.iter().filter(|it| it.is(&apis::PODS));
    pods.all(|it| match (&it.old, &it.new) {
        (Some(old), Some(new)) => node_of(old).is_empty() || node_of(old) == node_of(new),
        _ => true,
    })
}

/// The answer to a binding.
fn binding(happened: &Happened<'_>) -> Option<u16> {
    let (call, answer) = happened.call?;
    call.path.ends_with("/binding").then_some(answer.code)
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("bound", &plane(), UNIQUE)
}

fn last_writer_wins() -> Result<Story, Failure> {
    let fault = Fault::Store(requests::Fault::LastWriterWins);
    catches(&plane().with(fault), P1)
}

/// The scheduler's bindings go to a resource that takes them for nothing.
fn unbound() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| {
        if call.path.ends_with("/binding") {
            call.query = "dryRun=All".into();
        }
    });
    catches_livelock(&plane().with(fault), P3)
}

/// The world's entry.
pub(super) fn world() -> World {
    World {
        name: "bound",
        run,
        obligations: vec![
            Obligation {
                id: "P1",
                invariant: P1,
                premise: REFUSED,
                faults: vec![Seeded {
                    name: "binds-without-compare",
                    steps: 8,
                    run: last_writer_wins,
                }],
            },
            Obligation {
                id: "P3",
                invariant: P3,
                premise: LOST,
                faults: vec![Seeded {
                    name: "binding-as-dry-run",
                    steps: 10,
                    run: unbound,
                }],
            },
        ],
    }
}
