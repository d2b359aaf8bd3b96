//! Objects that have one owner, two, or none, owners that go and come anew under the same name, and
//! the garbage collector, whose view of owners and dependents lags differently.

use super::objects::{dry_delete, named, namespace, racing};
use crate::{
    check::{Failure, Report, Story, catches, catches_livelock, exhaust_fair},
    plane::{self, Happened, Owed, Part, Plane, Rule, State},
    worlds::{Fault as Seeded, Obligation, World},
    zoo::plane::Fault,
};
use model::{
    controllers::{Call, DeleteOptions, apis, garbage_collector::GarbageCollector},
    object::Object,
};
use serde_json::{Value, json};

/// The reachable states.
const UNIQUE: usize = 24_490;

const P8: &str = "nothing is deleted that has an owner left, or never had one";
const SAVED: &str = "a delete is refused, because an owner was added";
const GOES: &str = "what has lost all its owners is gone in the end";
const COLLECTED: &str = "something has been collected";

fn owner(name: &str) -> Call {
    Call::create(
        &apis::CONFIG_MAPS,
        "d",
        &json!({"metadata": {"name": name}}),
    )
}

/// A reference to the owner that the nth call of the beginning has made.
fn reference(name: &str, number: u128) -> Value {
    let uid = plane::uid(number);
    json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid})
}

fn owned(name: &str, owners: &[Value]) -> Call {
    let secret = json!({"metadata": {"name": name, "ownerReferences": owners}});
    Call::create(&apis::SECRETS, "d", &secret)
}

fn plane() -> Plane {
    let (one, two) = (reference("one", 2), reference("two", 3));
    let begin = vec![
        namespace("d"),
        owner("one"),
        owner("two"),
        owned("of-one", std::slice::from_ref(&one)),
        owned("of-both", &[one.clone(), two.clone()]),
        owned("of-none", &[]),
    ];
    let collector = GarbageCollector::new([apis::CONFIG_MAPS, apis::SECRETS]);
    let plane = Plane::new(begin, vec![Part::new("collector", collector)]);
    let options = DeleteOptions {
        propagation: "Background",
        ..DeleteOptions::default()
    };
    let adopt = json!({"metadata": {"ownerReferences": [one, two]}});
    let asks = [
        Call::delete(&apis::CONFIG_MAPS, &named("one"), "", options),
        owner("one"),
        Call::merge_patch(&apis::SECRETS, &named("of-one"), "", &adopt),
        Call::delete(&apis::CONFIG_MAPS, &named("two"), "", options),
    ];
    let mut plane = racing(plane, asks, 6);
    plane.rules = vec![
        Rule::every_step(P8, justified),
        Rule::some_step(SAVED, |happened| {
            let refused = |it: &(Call, _)| it.0.method == "DELETE";
            let code = happened.call.filter(|it| refused(it)).map(|it| it.1.code);
            code == Some(409)
        }),
        Rule::some_step(COLLECTED, |happened| deleted(happened).next().is_some()),
    ];
    plane.owed = vec![Owed {
        name: GOES,
        given: |state| state.asked == 4,
        goal: |state| {
            let secrets: Vec<Object> = state.list(&apis::SECRETS).collect();
            secrets.len() == 1 && secrets[0].meta().owner_references.is_empty()
        },
    }];
    plane
}

/// The Secrets that a step has deleted.
fn deleted<'a>(happened: &'a Happened<'_>) -> impl Iterator<Item = &'a Object> {
    let secrets = happened.touched.iter().filter(|it| it.is(&apis::SECRETS));
    let gone = secrets.filter(|it| it.new.is_none());
    gone.filter_map(|it| it.old.as_ref())
}

fn justified(happened: &Happened<'_>) -> bool {
    let there = |uid: &str, state: &State| {
        let mut owners = state.list(&apis::CONFIG_MAPS);
        owners.any(|owner| owner.meta().uid == uid)
    };
    deleted(happened).all(|secret| {
        let owners = &secret.meta().owner_references;
        !owners.is_empty() && owners.iter().all(|it| !there(&it.uid, happened.before))
    })
}

fn run() -> Result<Report, Failure> {
    exhaust_fair("collected", &plane(), UNIQUE)
}

/// What is deleted is not compared with what was looked at.
fn without_preconditions() -> Result<Story, Failure> {
    let fault = Fault::Call(|call| {
        if call.method == "DELETE" {
            let mut body: Value = serde_json::from_slice(call.body.bytes()).unwrap_or_default();
            body["preconditions"] = Value::Null;
            call.body = body.to_string().as_str().into();
        }
    });
    catches(&plane().with(fault), P8)
}

/// Deletes are not done.
fn dry() -> Result<Story, Failure> {
    catches_livelock(&plane().with(Fault::Call(dry_delete)), GOES)
}

/// The world's entry.
pub(super) fn world() -> World {
    let obligation = |invariant, premise, name, steps, run| Obligation {
        id: "P8",
        invariant,
        premise,
        faults: vec![Seeded { name, steps, run }],
    };
    World {
        name: "collected",
        run,
        obligations: vec![
            obligation(
                P8,
                SAVED,
                "without-preconditions",
                6,
                without_preconditions as fn() -> _,
            ),
            obligation(GOES, COLLECTED, "deletes-as-dry-run", 12, dry),
        ],
    }
}
