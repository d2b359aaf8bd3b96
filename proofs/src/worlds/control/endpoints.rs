//! A Service, pods that become ready, unready, and go, and the controller that keeps its
//! EndpointSlice; it crashes.
//!
//! What holds of a slice at every moment: an endpoint that it calls ready was a ready pod when the
//! controller saw it last. Not more: between a pod and its endpoint there are two watches. When
//! nothing is under way, it is exactly what is.

use super::objects::{create_pod, delete_pod, named, namespace, node, pods};
use crate::{
    check::{Failure, Report, Story, catches, exhaust_fair},
    plane::{Ask, Clock, Faults, Happened, Lag, Owed, Part, Plane, Rule, State},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::plane::Fault,
};
use model::{
    cache::WatchEvent,
    controllers::{Call, View, apis, endpoint_slice::EndpointSlices},
    object::Object,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The reachable states.
const UNIQUE: usize = 20_382;

const SEEN: &str = "an endpoint that is written as ready is a ready pod in what its writer sees";
const STALE: &str = "an endpoint is written as ready whose pod is not ready any more";
const EXACT: &str = "when nothing is under way, the ready endpoints are the ready pods";
const QUIET: &str = "nothing is under way, and a pod is ready";
const COMES: &str = "in the end the ready endpoints are the ready pods";

fn service() -> Call {
    let service = json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    Call::create(&apis::SERVICES, "d", &service)
}

fn ready(name: &str, address: &str, ready: bool) -> Call {
    let ready = if ready { "True" } else { "False" };
    let patch = json!({"status": {
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": ready}],
    }});
    Call::strategic_patch(&apis::PODS, &named(name), "status", &patch)
}

fn plane() -> Plane {
    let begin = vec![
        namespace("d"),
        node("n", "1"),
        service(),
        create_pod("a", "n"),
        ready("a", "10.0.0.1", true),
        create_pod("b", "n"),
        ready("b", "10.0.0.2", true),
    ];
    let mut plane = Plane::new(begin, vec![Part::new("slices", EndpointSlices::default())]);
    plane.asks = [
        ready("a", "10.0.0.1", false),
        delete_pod("b", Some(0)),
        ready("a", "10.0.0.1", true),
    ]
    .map(Ask::at_once)
    .into();
    plane.faults = Faults {
        lost: 0,
        crashes: 1,
        cuts: 0,
    };
    plane.lag = Lag::EachMember;
    plane.clock = Clock::WhenIdle(2);
    plane.rules = vec![
        Rule::every_step(SEEN, |happened| {
            let view = happened.before.members[0].machine.view();
            written(happened).iter().all(|uid| is_ready(view, uid))
        }),
        Rule::some_step(STALE, |happened| {
            let now = ready_pods(happened.before);
            written(happened).iter().any(|uid| !now.contains(uid))
        }),
        Rule::always(EXACT, |state| !state.quiet() || exact(state)),
        Rule::sometimes(QUIET, |state| {
            state.quiet() && !ready_pods(state).is_empty()
        }),
    ];
    plane.owed = vec![Owed {
        name: COMES,
        given: |state| state.asked == 3,
        goal: exact,
    }];
    plane
}

/// The uids of the pods that slices written by this step call ready.
fn written(happened: &Happened<'_>) -> BTreeSet<String> {
    let slices = happened
        .touched
        .iter()
        .filter(|it| it.is(&apis::ENDPOINT_SLICES));
    slices
        .filter_map(|it| it.new.as_ref())
        .flat_map(endpoints)
        .collect()
}

fn endpoints(slice: &Object) -> Vec<String> {
    let slice = slice.json();
    let all = slice["endpoints"].as_array().into_iter().flatten();
    let ready = all.filter(|it| it["conditions"]["ready"] == true);
    ready
        .filter_map(|it| Some(it["targetRef"]["uid"].as_str()?.to_owned()))
        .collect()
}

fn pod_is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut ready = conditions.filter(|it| it["type"] == "Ready");
    ready.any(|it| it["status"] == "True") && pod["metadata"]["deletionTimestamp"].is_null()
}

fn is_ready(view: &View, uid: &str) -> bool {
    let api = apis::PODS;
    let mut pods = view.list(&api).filter(|(_, pod)| pod.meta().uid == uid);
    pods.any(|(_, pod)| pod_is_ready(&pod.json()))
}

fn ready_pods(state: &State) -> BTreeSet<String> {
    let ready = pods(state).filter(|pod| pod_is_ready(&pod.json()));
    ready.map(|pod| pod.meta().uid.clone()).collect()
}

fn exact(state: &State) -> bool {
    let slices = state.list(&apis::ENDPOINT_SLICES);
    let listed: BTreeSet<String> = slices.flat_map(|slice| endpoints(&slice)).collect();
    listed == ready_pods(state)
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("endpoints", &plane(), UNIQUE)
}

/// The event that a pod is not ready any more never comes.
fn untold(invariant: &'static str) -> Result<Story, Failure> {
    let fault = Fault::Event(|event| match event {
        WatchEvent::Modified(object) => object.json()["kind"] == "Pod",
        _ => false,
    });
    catches(&plane().with(fault), invariant)
}

/// Whatever is not ready is written as ready.
fn optimistic() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| {
        let body = String::from_utf8_lossy(call.body.bytes());
        let body = body.replace("\"ready\":false", "\"ready\":true");
        call.body = body.as_str().into();
    });
    catches(&plane().with(fault), SEEN)
}

/// What is written is not kept.
fn unwritten() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| call.query = "dryRun=All".into());
    crate::check::catches_livelock(&plane().with(fault), COMES)
}

/// The world's entry.
pub(super) fn world() -> World {
    let obligation = |invariant, premise, name, steps, run| Obligation {
        id: "P6",
        invariant,
        premise,
        faults: vec![Seeded { name, steps, run }],
    };
    World {
        name: "endpoints",
        run,
        obligations: vec![
            obligation(
                SEEN,
                STALE,
                "calls-everything-ready",
                3,
                optimistic as fn() -> _,
            ),
            obligation(EXACT, QUIET, "is-not-told-of-changes", 4, || untold(EXACT)),
            obligation(COMES, STALE, "slices-as-dry-run", 9, unwritten),
        ],
    }
}
