//! Every step of random histories.

use crate::player;
use model::etcd::{EventKind, KeyValue, StoreEvent};
use proofs::invariants::watch_cache::a_cache_equals_the_store_at_its_revision;
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::Value;
use std::collections::BTreeSet;
use tests::{
    in_memory::Answer,
    strategies::{
        config,
        histories::{Player, Step, history},
        requests::{Ask, Content},
    },
};

/// Where the objects of [`tests::strategies::objects::KINDS`] are stored, namespaces and all.
const PREFIXES: [&str; 10] = [
    "/registry/configmaps/d/",
    "/registry/configmaps/e/",
    "/registry/secrets/d/",
    "/registry/pods/d/",
    "/registry/deployments/d/",
    "/registry/services/specs/d/",
    "/registry/namespaces/",
    "/registry/minions/",
    "/registry/leases/d/",
    "/registry/poddisruptionbudgets/d/",
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_step_keeps_the_invariants(steps in history(80)) {
        let mut player = player();
        let mut uids = BTreeSet::new();
        for step in &steps {
            let before = player.server.store().clone();
            let answer = player.step(step);
            let store = player.server.store();
            for prefix in PREFIXES {
                let cache = player.server.cache();
                prop_assert!(a_cache_equals_the_store_at_its_revision(cache, store, prefix));
            }
            let (Step::Send(ask), Some(answer)) = (step, answer) else {
                prop_assert_eq!(store.revision(), before.revision());
                continue;
            };
            let changes = store.events(before.revision()).expect("nothing is compacted");
            let events: Vec<StoreEvent> = changes.flat_map(|(_, events)| events.to_vec()).collect();
            answered_well(ask, &answer)?;
            nothing_but_what_was_asked(ask, &answer, &events)?;
            for event in &events {
                let change = Change::of(event);
                a_uid_is_never_used_twice(&change, &mut uids)?;
                generation_grows_with_the_spec(ask, &change)?;
                what_terminates_ends_and_what_is_held_stays(ask, &change)?;
                nothing_is_made_in_a_namespace_that_goes(&change, &before)?;
            }
            the_answer_shows_what_is_stored(ask, &answer, &events, &mut player)?;
        }
    }
}

/// One change of one object.
struct Change {
    key: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    fn of(event: &StoreEvent) -> Change {
        let document = |kv: &KeyValue| -> Value {
            serde_json::from_slice(kv.value.bytes()).expect("what is stored is JSON")
        };
        Change {
            key: event.kv.key.text().expect("a key is text").to_owned(),
            before: event.previous.as_ref().map(document),
            after: (event.kind == EventKind::Put).then(|| document(&event.kv)),
        }
    }

    fn marked(&self) -> bool {
        self.before.as_ref().is_none_or(|it| !terminating(it))
            && self.after.as_ref().is_some_and(terminating)
    }
}

fn terminating(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

fn finalizers(object: &Value) -> &[Value] {
    object["metadata"]["finalizers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Every refusal is a `Status` with its code, or text; and no request makes an internal error.
fn answered_well(ask: &Ask, answer: &Answer) -> TestCaseResult {
    let body = answer.json();
    if answer.code >= 400 && answer.content_type.starts_with("application/json") {
        prop_assert_eq!(&body["kind"], "Status");
        prop_assert_eq!(&body["code"], answer.code);
        prop_assert_eq!(&body["status"], "Failure");
    }
    if answer.code == 500 {
        prop_assert!(!body["reason"].is_string(), "{:?}\n{}", ask, body);
    }
    Ok(())
}

/// L2, L5: what was refused, was a dry run or a read has changed nothing; L4: one object changes,
/// once, but for collections.
fn nothing_but_what_was_asked(ask: &Ask, answer: &Answer, events: &[StoreEvent]) -> TestCaseResult {
    let dry = ask.option("dryRun") == "All" && !matches!(ask.content, Content::Delete { .. });
    if answer.code >= 400 && !is_collection_delete(ask) || dry || ask.method == "GET" {
        prop_assert!(events.is_empty(), "{}: {:?}", answer.code, events);
    }
    let keys: BTreeSet<_> = events.iter().map(|event| &event.kv.key).collect();
    if !is_collection_delete(ask) {
        prop_assert!(keys.len() <= 1, "{:?}", keys);
        // A pod that goes at once is marked first.
        prop_assert!(events.len() <= 1 || ask.method == "DELETE", "{:?}", events);
    }
    Ok(())
}

fn is_collection_delete(ask: &Ask) -> bool {
    ask.method == "DELETE" && ask.about.is_empty()
}

/// O3.
fn a_uid_is_never_used_twice(change: &Change, uids: &mut BTreeSet<String>) -> TestCaseResult {
    let uid = |it: &Value| {
        it["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    match (&change.before, &change.after) {
        (None, Some(after)) => prop_assert!(!uid(after).is_empty() && uids.insert(uid(after))),
        (Some(before), Some(after)) => {
            prop_assert_eq!(uid(before), uid(after));
            let created = |it: &Value| it["metadata"]["creationTimestamp"].clone();
            prop_assert_eq!(created(before), created(after));
        }
        _ => {}
    }
    Ok(())
}

/// O4, and that spec and status are written through different doors.
fn generation_grows_with_the_spec(ask: &Ask, change: &Change) -> TestCaseResult {
    let generation = |it: &Value| it["metadata"]["generation"].as_i64();
    let Some(after) = &change.after else {
        return Ok(());
    };
    let Some(before) = &change.before else {
        prop_assert!(matches!(generation(after), None | Some(1)));
        return Ok(());
    };
    let differs = |part: &str| before[part] != after[part];
    let kind = after["kind"].as_str().unwrap_or_default();
    if matches!(kind, "Deployment" | "PodDisruptionBudget") {
        // Annotations of a Deployment count too, but not when `/status` changes them.
        let annotated = before["metadata"]["annotations"] != after["metadata"]["annotations"]
            && !ask.path.ends_with("/status");
        let grows = differs("spec") || change.marked() || kind == "Deployment" && annotated;
        let expected = generation(before).map(|it| it + i64::from(grows));
        prop_assert_eq!(generation(after), expected, "{} {:?}", before, after);
        prop_assert!(!differs("status") || ask.path.ends_with("/status"));
        prop_assert!(!differs("spec") || !ask.path.ends_with("/status"));
    } else {
        let grown = generation(after).unwrap_or(0) - generation(before).unwrap_or(0);
        prop_assert!((0..=1).contains(&grown), "{} {:?}", before, after);
    }
    Ok(())
}

/// O5, and of O6 what a delete shows.
fn what_terminates_ends_and_what_is_held_stays(ask: &Ask, change: &Change) -> TestCaseResult {
    let Some(before) = &change.before else {
        let born_dying = change.after.as_ref().is_some_and(terminating);
        prop_assert!(!born_dying);
        return Ok(());
    };
    if let Content::Delete {
        uid: Some(false), ..
    } = &ask.content
    {
        return Err(TestCaseError::fail("a delete of another uid"));
    }
    let Some(after) = &change.after else {
        // The two of the garbage collector are what a delete itself decides on: one that says
        // otherwise takes them away (`deletionFinalizersForGarbageCollection`).
        let collector = ["foregroundDeletion", "orphan"];
        let held = finalizers(before)
            .iter()
            .any(|name| !collector.iter().any(|it| name == it));
        prop_assert!(!held || ask.method != "DELETE", "{}", before);
        return Ok(());
    };
    if terminating(before) {
        prop_assert!(terminating(after));
        let new = finalizers(after)
            .iter()
            .find(|it| !finalizers(before).contains(it));
        prop_assert!(new.is_none() || ask.method == "DELETE", "{:?}", new);
    }
    if change.marked() {
        prop_assert_eq!(ask.method, "DELETE");
    }
    Ok(())
}

/// O7, as far as there is no controller that removes what is in a namespace.
fn nothing_is_made_in_a_namespace_that_goes(
    change: &Change,
    before: &model::etcd::Store,
) -> TestCaseResult {
    let Some(namespace) = change
        .after
        .as_ref()
        .filter(|_| change.before.is_none())
        .and_then(|it| it["metadata"]["namespace"].as_str())
    else {
        return Ok(());
    };
    let key = format!("/registry/namespaces/{namespace}");
    let range = model::etcd::Range::newest(model::etcd::KeyRange::Single(key.as_str().into()));
    let found = before.range(&range).expect("a read of now");
    let space = found.kvs.first().map(|kv| kv.value.bytes());
    let space: Option<Value> = space.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let open = space.is_some_and(|it| !terminating(&it));
    prop_assert!(
        open,
        "{} was made in a namespace that goes or is gone",
        change.key
    );
    Ok(())
}

/// L3: a write that is answered with the object has stored just that.
fn the_answer_shows_what_is_stored(
    ask: &Ask,
    answer: &Answer,
    events: &[StoreEvent],
    player: &mut Player,
) -> TestCaseResult {
    let written = matches!(ask.method, "POST" | "PUT" | "PATCH")
        && answer.code < 300
        && ask.option("dryRun").is_empty()
        && !ask.headers.iter().any(|header| header.0 == "accept");
    let body = answer.json();
    if !written || !ask.about.is_empty() && ask.path != ask.about || body["kind"] == "Status" {
        return Ok(());
    }
    let gone = events.iter().any(|event| event.kind == EventKind::Delete);
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    let path = if ask.about.is_empty() {
        format!("{}/{name}", ask.path)
    } else {
        ask.about.clone()
    };
    // What is not stored (a review) can't be read.
    if let Some(object) = player.get(&path).filter(|_| !gone) {
        prop_assert_eq!(&object, &body);
    } else {
        prop_assert!(
            gone || body["metadata"]["uid"].is_null(),
            "{} is not stored",
            path
        );
    }
    Ok(())
}
