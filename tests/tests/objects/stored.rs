//! What is stored is valid, and a dry run tells what a run would do and does nothing.

use crate::player;
use proptest::{prelude::*, test_runner::TestCaseResult};
use serde_json::Value;
use tests::strategies::{
    config_of,
    histories::{Player, Step, history},
    objects::{KINDS, Kind},
    requests::{Ask, Content},
};

proptest! {
    #![proptest_config(config_of(128))]

    #[test]
    fn an_update_with_what_is_stored_changes_nothing(steps in history(60)) {
        let mut player = player();
        for step in &steps {
            player.step(step);
        }
        for kind in KINDS {
            let list = player.get(&kind.collection("")).expect("a list");
            for item in list["items"].as_array().expect("a list") {
                put_back(&mut player, kind, item)?;
            }
        }
    }

    #[test]
    fn a_dry_run_tells_what_a_run_would_do(steps in history(40)) {
        let mut player = player();
        for step in &steps {
            if let Step::Send(ask) = step
                && ask.method != "GET"
                && ask.option("dryRun").is_empty()
                && !matches!(ask.content, Content::Delete { .. })
            {
                both_runs(&mut player, ask)?;
            } else {
                player.step(step);
            }
        }
    }
}

/// O10.
fn put_back(player: &mut Player, kind: Kind, item: &Value) -> TestCaseResult {
    let text = |name: &str| item["metadata"][name].as_str().unwrap_or_default();
    let path = kind.path(text("namespace"), text("name"));
    let stored = player.get(&path).expect("it is listed");
    let before = player.server.store().revision();
    let ask = Ask {
        content: Content::Document(stored.clone(), None),
        ..Ask::plain("PUT", path)
    };
    let answer = player.send(&ask);
    prop_assert_eq!(answer.code, 200, "{}", answer.json());
    prop_assert_eq!(answer.json(), stored);
    prop_assert_eq!(player.server.store().revision(), before);
    Ok(())
}

/// L5: the dry run changes nothing, and answers as the run but for the resourceVersion.
fn both_runs(player: &mut Player, ask: &Ask) -> TestCaseResult {
    let request = ask.request(&player.seen(ask));
    let mut dry = request.clone();
    dry.head.query = match dry.head.query.as_str() {
        "" => "dryRun=All".into(),
        query => format!("{query}&dryRun=All"),
    };
    let mut other = player.server.clone();
    let before = other.store().clone();
    let told = other.send(&dry.head, &dry.body);
    prop_assert_eq!(other.store(), &before);
    let done = player.server.send(&request.head, &request.body);
    prop_assert_eq!(told.code, done.code, "{} {}", told.json(), done.json());
    prop_assert_eq!(unversioned(told.json()), unversioned(done.json()));
    Ok(())
}

/// Without the resourceVersions of the object, and of those in a list or table.
fn unversioned(mut document: Value) -> Value {
    match &mut document {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if name == "metadata" && member.is_object() {
                    member["resourceVersion"].take();
                }
                *member = unversioned(member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = unversioned(item.take());
            }
        }
        _ => {}
    }
    document
}
