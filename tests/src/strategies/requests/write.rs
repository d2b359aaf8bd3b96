//! Requests that write: create, update, patch, delete.

use super::{Ask, Content, Version, accept, name, read, space, write_version};
use crate::strategies::objects::{self, Kind, broken, object, status, word};
use proptest::{collection::vec, option::weighted, prelude::*};
use serde_json::{Value, json};

type Options = Vec<(&'static str, String)>;

/// Create of an object, seldom with a generated name or a broken object; of a binding for pods.
pub fn create(kind: Kind) -> BoxedStrategy<Ask> {
    let plain = (space(kind), body(kind), write_options(), accept()).prop_map(
        move |(space, (_, document), options, headers)| Ask {
            options,
            headers: with_type(headers, "application/json"),
            content: Content::Document(document, None),
            ..Ask::plain("POST", kind.collection(space))
        },
    );
    let generated = (space(kind), object(kind, "")).prop_map(move |(space, mut document)| {
        document["metadata"]["generateName"] = "g-".into();
        Ask {
            content: Content::Document(document, None),
            ..Ask::plain("POST", kind.collection(space))
        }
    });
    if kind.kind == "Pod" {
        prop_oneof![8 => plain, 1 => generated, 2 => binding(kind)].boxed()
    } else {
        prop_oneof![10 => plain, 1 => generated].boxed()
    }
}

/// Replacement of an object or subresource: by what was seen with a change, or by something new.
pub fn update(kind: Kind) -> BoxedStrategy<Ask> {
    let target = (space(kind), name(kind), part(kind));
    (target, write_version(), write_options(), accept())
        .prop_flat_map(move |((space, name, part), version, options, headers)| {
            let path = path(&kind.path(space, name), part);
            let ask = Ask {
                // A scale is an object of its own; the other parts show the whole.
                about: match part {
                    Some("scale") => path.clone(),
                    _ => kind.path(space, name),
                },
                options,
                headers: with_type(headers, "application/json"),
                ..Ask::plain("PUT", path)
            };
            let version = version.clone();
            content(kind, name, part).prop_map(move |content| {
                let mut ask = ask.clone();
                ask.content = match content {
                    Content::Document(document, _) => Content::Document(document, version.clone()),
                    Content::Seen { merge, .. } => Content::Seen {
                        merge,
                        // As it was seen, when none is asked for.
                        version: version.clone().filter(|it| *it != Version::Current),
                    },
                    other => other,
                };
                ask
            })
        })
        .boxed()
}

/// A patch of each type.
pub fn patch(kind: Kind) -> BoxedStrategy<Ask> {
    let document = prop_oneof![
        8 => merge(kind, false),
        1 => broken(merge(kind, false)),
    ];
    let change = prop_oneof![
        6 => document.clone().prop_map(|it| ("application/merge-patch+json", it)),
        6 => document.prop_map(|it| ("application/strategic-merge-patch+json", it)),
        4 => json_patch().prop_map(|it| ("application/json-patch+json", it)),
        1 => merge(kind, false).prop_map(|it| ("application/json", it)),
    ];
    let target = (space(kind), name(kind), part(kind));
    (target, change, write_version(), write_options(), accept())
        .prop_map(
            move |((space, name, part), change, version, options, headers)| {
                let about = kind.path(space, name);
                let (media_type, document) = change;
                Ask {
                    path: path(&about, part),
                    about,
                    options,
                    headers: with_type(headers, media_type),
                    content: Content::Document(document, version),
                    ..Ask::plain("PATCH", String::new())
                }
            },
        )
        .boxed()
}

/// Delete of one object, with options in its body or its query.
pub fn delete(kind: Kind) -> BoxedStrategy<Ask> {
    let precondition = (
        weighted(0.3, prop::bool::weighted(0.8)),
        weighted(0.2, write_version()),
    );
    let content = prop_oneof![
        3 => Just(Content::Nothing),
        3 => (delete_document(), precondition).prop_map(|(options, (uid, version))| {
            Content::Delete { options, uid, version: version.flatten() }
        }),
    ];
    (space(kind), name(kind), content, delete_options(), accept())
        .prop_map(move |(space, name, content, options, headers)| {
            let about = kind.path(space, name);
            Ask {
                path: about.clone(),
                about,
                options,
                headers,
                content,
                ..Ask::plain("DELETE", String::new())
            }
        })
        .boxed()
}

/// Delete of all that selectors take.
pub fn delete_collection(kind: Kind) -> BoxedStrategy<Ask> {
    (space(kind), read::selectors(), delete_options())
        .prop_map(move |(space, selectors, options)| Ask {
            options: [selectors, options].concat(),
            ..Ask::plain("DELETE", kind.collection(space))
        })
        .boxed()
}

/// An object with its name; seldom a broken one.
fn body(kind: Kind) -> BoxedStrategy<(&'static str, Value)> {
    name(kind)
        .prop_flat_map(move |name| {
            let valid = object(kind, name);
            let object = prop_oneof![8 => valid.clone(), 1 => broken(valid)];
            object.prop_map(move |object| (name, object))
        })
        .boxed()
}

fn content(kind: Kind, name: &'static str, part: Option<&'static str>) -> BoxedStrategy<Content> {
    let seen = |merge| Content::Seen {
        merge,
        version: None,
    };
    if part == Some("scale") {
        return scale().prop_map(seen).boxed();
    }
    if part.is_some() {
        let status = status(kind).prop_map(seen);
        return prop_oneof![3 => status, 1 => merge(kind, true).prop_map(seen)].boxed();
    }
    let new = object(kind, name);
    prop_oneof![
        12 => merge(kind, true).prop_map(seen),
        2 => Just(seen(json!({}))),
        2 => new.clone().prop_map(|it| Content::Document(it, None)),
        1 => broken(new).prop_map(|it| Content::Document(it, None)),
    ]
    .boxed()
}

/// A change as a merge patch: metadata, status, or all of another object's spec; `whole` for
/// what must be an object afterwards.
fn merge(kind: Kind, whole: bool) -> BoxedStrategy<Value> {
    let labels = objects::labels().prop_map(|it| json!({"metadata": {"labels": it}}));
    let hold = objects::finalizers().prop_map(|it| json!({"metadata": {"finalizers": it}}));
    let free = Just(json!({"metadata": {"finalizers": null}}));
    let other = object(kind, "").prop_map(move |mut object| {
        let Some(members) = object.as_object_mut() else {
            return object;
        };
        members.retain(|name, _| whole || !matches!(name.as_str(), "kind" | "apiVersion"));
        members.remove("metadata");
        object
    });
    prop_oneof![
        6 => labels,
        2 => hold,
        3 => free,
        2 => status(kind),
        1 => scale(),
        2 => other,
        1 => Just(json!({"unknown": 1, "metadata": {"generation": 7}})),
    ]
    .boxed()
}

fn scale() -> impl Strategy<Value = Value> + Clone {
    (0_i64..4).prop_map(|replicas| json!({"spec": {"replicas": replicas}}))
}

fn json_patch() -> BoxedStrategy<Value> {
    let place = || {
        word(&[
            "/metadata/labels",
            "/metadata/labels/app",
            "/metadata/finalizers",
            "/metadata/finalizers/0",
            "/metadata/finalizers/-",
            "/data/k",
            "/spec/replicas",
            "/spec/ports/0",
            "/nowhere/at/all",
            "",
            "/metadata/name",
        ])
    };
    let value = || {
        prop_oneof![
            3 => Just(json!("x")),
            2 => Just(json!({"app": "x"})),
            2 => Just(json!(["example.com/hold"])),
            1 => Just(json!(2)),
            1 => Just(Value::Null),
        ]
    };
    let operation = prop_oneof![
        4 => (place(), value()).prop_map(|(path, it)| json!({"op": "add", "path": path, "value": it})),
        2 => (place(), value())
            .prop_map(|(path, it)| json!({"op": "replace", "path": path, "value": it})),
        2 => place().prop_map(|path| json!({"op": "remove", "path": path})),
        1 => (place(), value()).prop_map(|(path, it)| json!({"op": "test", "path": path, "value": it})),
        1 => (place(), place())
            .prop_map(|(from, path)| json!({"op": "copy", "from": from, "path": path})),
        1 => (place(), place())
            .prop_map(|(from, path)| json!({"op": "move", "from": from, "path": path})),
        1 => Just(json!({"op": "spin", "path": "/data"})),
    ];
    let sound = prop_oneof![
        Just(json!({"op": "add", "path": "/metadata/labels", "value": {"app": "x"}})),
        Just(json!({"op": "add", "path": "/metadata/annotations", "value": {"note": "1"}})),
        Just(json!({"op": "test", "path": "/metadata/name", "value": "a"})),
    ];
    let operation = prop_oneof![3 => sound, 1 => operation];
    vec(operation, 0..3).prop_map(Value::from).boxed()
}

fn binding(kind: Kind) -> BoxedStrategy<Ask> {
    (space(kind), name(kind), word(&["a", "b"]))
        .prop_map(move |(space, name, node)| {
            let document = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node}});
            Ask {
                content: Content::Document(document, None),
                ..Ask::plain("POST", format!("{}/binding", kind.path(space, name)))
            }
        })
        .boxed()
}

/// A subresource that can be updated, sometimes.
fn part(kind: Kind) -> BoxedStrategy<Option<&'static str>> {
    let parts = kind.subresources.iter().copied();
    let parts: Vec<&'static str> = parts.filter(|part| *part != "binding").collect();
    if parts.is_empty() {
        return Just(None).boxed();
    }
    weighted(0.3, proptest::sample::select(parts)).boxed()
}

fn path(about: &str, part: Option<&str>) -> String {
    match part {
        Some(part) => format!("{about}/{part}"),
        None => about.to_owned(),
    }
}

fn with_type(mut headers: Options, media_type: &str) -> Options {
    headers.push(("content-type", media_type.to_owned()));
    headers
}

/// What create, update and patch take.
fn write_options() -> BoxedStrategy<Options> {
    let dry_run = weighted(0.1, word(&["All", "All", "All", "Some"]));
    let manager = weighted(0.1, word(&["me", "", "you", "\u{1}"]));
    let validation = weighted(
        0.2,
        word(&["Warn", "Ignore", "Strict", "Warn", "Ignore", "Else"]),
    );
    (dry_run, manager, validation)
        .prop_map(|(dry_run, manager, validation)| {
            let dry_run = dry_run.map(|it| ("dryRun", it));
            let manager = manager.map(|it| ("fieldManager", it));
            let validation = validation.map(|it| ("fieldValidation", it));
            [dry_run, manager, validation]
                .into_iter()
                .flatten()
                .collect()
        })
        .boxed()
}

fn delete_options() -> BoxedStrategy<Options> {
    let option = prop_oneof![
        word(&["Background", "Foreground", "Orphan", "Else"])
            .prop_map(|it| ("propagationPolicy", it)),
        word(&["0", "5", "-3", "x"]).prop_map(|it| ("gracePeriodSeconds", it)),
        word(&["All", "Some"]).prop_map(|it| ("dryRun", it)),
        word(&["true", "false"]).prop_map(|it| ("orphanDependents", it)),
    ];
    weighted(0.2, option)
        .prop_map(|option| option.into_iter().collect())
        .boxed()
}

fn delete_document() -> BoxedStrategy<Value> {
    prop_oneof![
        3 => Just(json!({})),
        2 => word(&["Background", "Foreground", "Orphan", "Else"])
            .prop_map(|it| json!({"propagationPolicy": it})),
        2 => (-1_i64..40).prop_map(|it| json!({"gracePeriodSeconds": it})),
        1 => Just(json!({"dryRun": ["All"]})),
        1 => Just(json!({"kind": "DeleteOptions", "apiVersion": "v1"})),
        1 => Just(json!({"kind": "Pod", "apiVersion": "v1"})),
    ]
    .boxed()
}
