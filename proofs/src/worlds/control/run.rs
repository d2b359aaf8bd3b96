//! Two kubelets and their runtimes: a pod runs, is deleted by force and made anew on the other node,
//! while kubelets crash and are late.
//!
//! What a runtime runs survives the kubelet. Around the shipped simulated runtime is a [`Ledger`]
//! that counts what really runs, whatever the kubelet believes.

use super::objects::{create_pod, delete_pod, namespace, node_of, pods};
use crate::{
    check::{Failure, Report, Story, catches, catches_livelock, exhaust_fair},
    plane::{Ask, Clock, Faults, Lag, Owed, Part, Plane, Rule, State},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::{kubelet::Ledger, plane::Fault},
};
use model::controllers::{
    apis,
    kubelet::{Capacity, Kubelet, Runtime, SimulatedRuntime},
};

/// The reachable states.
const UNIQUE: usize = 40_318;

const NODES: [&str; 2] = ["n0", "n1"];

const P2: &str = "a kubelet runs only pods of its own node";
const RUNS: &str = "both kubelets have run a pod";
const P4: &str = "of a pod's container there is one instance at most";
const CRASHED: &str = "a kubelet has crashed while its pod runs";
const P3: &str = "a pod that is bound runs in the end";
const TWICE: &str = "a forced deletion lets a name run on two nodes";

type Node = Kubelet<Ledger<SimulatedRuntime>>;

fn kubelet(index: u32, forgets: bool) -> Part {
    let name = NODES[index as usize];
    let kubelet = move |runtime| Kubelet::new(name, index, Capacity::default(), runtime);
    let begins = kubelet(Ledger::new(SimulatedRuntime::new()));
    Part::surviving(name, begins, move |before: &Node| {
        let left = before.runtime();
        kubelet(match forgets {
            true => left.forgetting(SimulatedRuntime::new()),
            false => left.clone(),
        })
    })
}

fn plane(forgets: bool) -> Plane {
    let mut begin = ["d", "kube-node-lease"].map(namespace).to_vec();
    begin.push(create_pod("a", NODES[0]));
    let members = vec![kubelet(0, forgets), kubelet(1, false)];
    let mut plane = Plane::new(begin, members);
    plane.settled = true;
    plane.asks = vec![
        Ask::at_once(delete_pod("a", Some(0))),
        Ask::at_once(create_pod("a", NODES[1])),
    ];
    plane.faults = Faults {
        lost: 0,
        crashes: 1,
        cuts: 0,
    };
    plane.lag = Lag::EachMember;
    plane.clock = Clock::WhenIdle(1);
    plane.rules = vec![
        Rule::always(P2, own),
        Rule::always(P4, once),
        Rule::sometimes(RUNS, |state| state.asked == 2 && runs(state, 1)),
        Rule::sometimes(CRASHED, |state| state.left.crashes == 0 && runs(state, 0)),
        Rule::sometimes(TWICE, |state| runs(state, 0) && runs(state, 1)),
    ];
    plane.owed = vec![Owed {
        name: P3,
        given: |state| state.asked == 2,
        goal: |state| {
            let phase = |pod: &model::object::Object| pod.json()["status"]["phase"].clone();
            pods(state).count() == 1 && pods(state).all(|pod| phase(&pod) == "Running")
        },
    }];
    plane
}

fn node(state: &State, index: usize) -> &Ledger<SimulatedRuntime> {
    let kubelet = state.controller::<Node>(index);
    kubelet.expect("there are two kubelets").runtime()
}

/// A container runs there.
fn runs(state: &State, index: usize) -> bool {
    node(state, index)
        .instances()
        .any(|(_, running)| running > 0)
}

/// Of what runs on a node, what is still stored is bound to that node.
fn own(state: &State) -> bool {
    NODES.iter().enumerate().all(|(index, name)| {
        let sandboxes = node(state, index).sandboxes();
        let mut known = sandboxes.iter().map(|(uid, _)| uid);
        known.all(|uid| {
            let mut pod = pods(state).filter(|pod| pod.meta().uid == *uid);
            pod.all(|pod| node_of(&pod) == *name)
        })
    })
}

fn once(state: &State) -> bool {
    let all = |index| node(state, index).instances().collect::<Vec<_>>();
    let (first, second) = (all(0), all(1));
    let both = first
        .iter()
        .filter(|it| second.iter().any(|other| other.0 == it.0));
    both.count() == 0
        && first
            .iter()
            .chain(&second)
            .all(|(_, running)| *running <= 1)
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("run", &plane(false), UNIQUE)
}

/// A kubelet that sees the pods of all nodes.
fn everybodys() -> Result<Story, Failure> {
    let fault = Fault::Watch(|head| {
        if head.path.ends_with("/pods") {
            head.query = head.query.replace("&fieldSelector=spec.nodeName%3Dn0", "");
        }
    });
    catches(&plane(false).with(fault), P2)
}

/// A kubelet that asks nothing of the runtime after a crash, but begins with a new one.
fn forgets() -> Result<Story, Failure> {
    catches(&plane(true), P4)
}

/// What the kubelet says about its pods never comes.
fn silent() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| {
        if call.path.ends_with("/status") && call.about == apis::PODS {
            call.query = "dryRun=All".into();
        }
    });
    catches_livelock(&plane(false).with(fault), P3)
}

/// The world's entry.
pub(super) fn world() -> World {
    let obligation = |id, invariant, premise, name, steps, run| Obligation {
        id,
        invariant,
        premise,
        faults: vec![Seeded { name, steps, run }],
    };
    World {
        name: "run",
        run,
        obligations: vec![
            obligation(
                "P2",
                P2,
                RUNS,
                "watches-every-node",
                6,
                everybodys as fn() -> _,
            ),
            obligation("P4", P4, CRASHED, "forgets-what-it-runs", 5, forgets),
            obligation("P3", P3, TWICE, "status-as-dry-run", 11, silent),
        ],
    }
}
