//! The histories are no empty talk: what the invariants are about happens in them, and often.

use crate::player_with_window;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use std::collections::{BTreeMap, BTreeSet};
use tests::{
    in_memory::Answer,
    strategies::{
        histories::{Step, history},
        objects::KINDS,
        requests::{Ask, Content, Version},
    },
};

/// Histories of which each may be the only one in which something rare happens.
const HISTORIES: usize = 200;
const STEPS: usize = 80;

#[test]
fn what_the_invariants_are_about_happens() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let mut served: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for _ in 0..HISTORIES {
        let steps = history(STEPS).new_tree(&mut runner).expect("a history");
        let mut player = player_with_window(2);
        for step in steps.current() {
            let before = player.server.store().revision();
            let answer = player.step(&step);
            if let (Step::Send(ask), Some(answer)) = (&step, answer) {
                let changed = player.server.store().revision() > before;
                let (served, all) = served.entry(ask.method).or_default();
                *served += u32::from(answer.code < 300);
                *all += 1;
                seen.extend(what_happened(ask, &answer, changed));
            }
        }
    }
    for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let (served, all) = served[verb];
        assert!(served * 3 >= all, "{verb}: {served} of {all} are served");
        for kind in KINDS {
            let what = format!("{verb} {}", kind.plural);
            assert!(seen.contains(&what), "never served: {what}");
        }
    }
    for what in [
        "a conflict",
        "a precondition that fails",
        "an update of nothing",
        "a dry run",
        "an object is held by finalizers",
        "a refusal of a terminating namespace",
        "a second page",
        "an expired page",
        "an invalid object",
        "a name that is taken",
        "an unknown name",
        "a body that is no document",
        "a table",
        "YAML",
        "a warning",
    ] {
        assert!(seen.contains(what), "it never happens: {what}");
    }
}

/// The names of what this request and its answer are an example of.
fn what_happened(ask: &Ask, answer: &Answer, changed: bool) -> Vec<String> {
    let body = answer.json();
    let message = body["message"].as_str().unwrap_or_default();
    let served = answer.code < 300;
    let dry = ask.option("dryRun") == "All";
    let pages = ask.token.is_some() || !ask.option("continue").is_empty();
    let written = matches!(ask.method, "PUT" | "PATCH");
    let held = &body["metadata"]["deletionTimestamp"];
    let version = match &ask.content {
        Content::Document(_, version) | Content::Seen { version, .. } => version.clone(),
        _ => None,
    };
    let stale = matches!(version, Some(Version::Back(_)));
    let precondition = matches!(
        ask.content,
        Content::Delete {
            uid: Some(false),
            ..
        }
    );
    let examples = [
        ("a conflict", answer.code == 409 && stale),
        (
            "a precondition that fails",
            answer.code == 409 && precondition,
        ),
        (
            "an update of nothing",
            served && written && !changed && !dry,
        ),
        ("a dry run", served && dry && ask.method != "GET"),
        (
            "an object is held by finalizers",
            served && ask.method == "DELETE" && !held.is_null(),
        ),
        (
            "a refusal of a terminating namespace",
            message.contains("is being terminated"),
        ),
        ("a second page", served && pages && ask.method == "GET"),
        ("an expired page", answer.code == 410 && pages),
        (
            "an invalid object",
            answer.code == 422 && ask.method == "POST",
        ),
        ("a name that is taken", body["reason"] == "AlreadyExists"),
        (
            "an unknown name",
            answer.code == 404 && body["reason"] == "NotFound",
        ),
        ("a body that is no document", answer.code == 400 && written),
        ("a table", body["kind"] == "Table"),
        ("YAML", served && answer.content_type == "application/yaml"),
        (
            "a warning",
            answer.headers.iter().any(|header| header.0 == "warning"),
        ),
    ];
    let mut names: Vec<String> = examples
        .into_iter()
        .filter(|(_, happened)| *happened)
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut kinds = KINDS.iter();
    let about = kinds.find(|kind| ask.path.contains(&format!("/{}", kind.plural)));
    let inner = KINDS
        .iter()
        .rfind(|kind| kind.namespaced && ask.path.contains(&format!("/{}", kind.plural)));
    if let Some(kind) = inner.or(about).filter(|_| served) {
        names.push(format!("{} {}", ask.method, kind.plural));
    }
    names
}
