//! Requests that read: get, list, watch.

use super::{Ask, Version, accept, name, space};
use crate::strategies::objects::{Kind, word};
use proptest::{option::weighted, prelude::*, sample::Index};

type Options = Vec<(&'static str, String)>;

/// Get of an object or subresource.
pub fn get(kind: Kind) -> BoxedStrategy<Ask> {
    let version = weighted(
        0.3,
        prop_oneof![
            2 => Just(Version::Text("0".into())),
            2 => Just(Version::Current),
            2 => (0_i64..3).prop_map(Version::Back),
            1 => word(&["abc", "-1", ""]).prop_map(Version::Text),
        ],
    );
    let part = weighted(0.2, proptest::sample::select(parts(kind)));
    (space(kind), name(kind), part, version, accept())
        .prop_map(move |(space, name, part, version, headers)| {
            let about = kind.path(space, name);
            let path = match part {
                Some(part) => format!("{about}/{part}"),
                None => about.clone(),
            };
            Ask {
                about,
                version,
                headers,
                ..Ask::plain("GET", path)
            }
        })
        .boxed()
}

/// List in one namespace or all, whole or by pages.
pub fn list(kind: Kind) -> BoxedStrategy<Ask> {
    let space = prop_oneof![3 => space(kind), 1 => Just("")];
    (
        space,
        selectors(),
        list_version(),
        pages(),
        weighted(0.3, any::<Index>()),
        accept(),
    )
        .prop_map(
            move |(space, mut options, version, pages, token, headers)| {
                options.extend(pages);
                let (version, matching) = match version {
                    Some(_) if token.is_some() => (None, None),
                    Some((version, matching)) => (Some(version), matching),
                    None => (None, None),
                };
                options.extend(matching.map(|it| ("resourceVersionMatch", it)));
                Ask {
                    options,
                    version,
                    token,
                    headers,
                    ..Ask::plain("GET", kind.collection(space))
                }
            },
        )
        .boxed()
}

/// Watch of one namespace or all: from now, from a version, or with the initial events.
pub fn watch(kind: Kind) -> BoxedStrategy<Ask> {
    let space = prop_oneof![3 => space(kind), 1 => Just("")];
    let begin = prop_oneof![
        3 => Just((None, Vec::new())),
        2 => Just((Some(Version::Text("0".into())), Vec::new())),
        4 => (0_i64..8).prop_map(|back| (Some(Version::Back(back)), Vec::new())),
        3 => Just((None, vec![
            ("sendInitialEvents", "true".to_owned()),
            ("resourceVersionMatch", "NotOlderThan".to_owned()),
            ("allowWatchBookmarks", "true".to_owned()),
        ])),
        1 => Just((None, vec![("allowWatchBookmarks", "true".to_owned())])),
        1 => Just((None, vec![("sendInitialEvents", "true".to_owned())])),
        1 => Just((Some(Version::Text("x".into())), Vec::new())),
    ];
    (space, selectors(), begin, accept())
        .prop_map(move |(space, mut options, (version, more), headers)| {
            options.push(("watch", "1".into()));
            options.extend(more);
            Ask {
                options,
                version,
                headers,
                ..Ask::plain("GET", kind.collection(space))
            }
        })
        .boxed()
}

/// Label and field selectors, sometimes.
pub(super) fn selectors() -> BoxedStrategy<Options> {
    let labels = word(&[
        "app=x",
        "app",
        "!app",
        "app in (x,y)",
        "app notin (x)",
        "app!=x,tier",
        "tier=",
        "example.com/track=y",
        "app in (",
        "a=b=c",
    ]);
    let fields = word(&[
        "metadata.name=a",
        "metadata.name!=a",
        "metadata.namespace=d",
        "spec.nodeName=a",
        "status.phase=Pending",
        "type=Opaque",
        "nonsense=1",
        "metadata.name",
    ]);
    (weighted(0.3, labels), weighted(0.15, fields))
        .prop_map(|(labels, fields)| {
            let labels = labels.map(|it| ("labelSelector", it));
            let fields = fields.map(|it| ("fieldSelector", it));
            labels.into_iter().chain(fields).collect()
        })
        .boxed()
}

fn pages() -> BoxedStrategy<Options> {
    prop_oneof![
        3 => Just(Vec::new()),
        4 => word(&["1", "1", "2"]).prop_map(|limit| vec![("limit", limit)]),
        1 => word(&["-1", "0", "x", "99999999999999999999"]).prop_map(|it| vec![("limit", it)]),
        1 => word(&["%%%", "e30", "bnVsbA"]).prop_map(|it| vec![("continue", it)]),
    ]
    .boxed()
}

fn list_version() -> BoxedStrategy<Option<(Version, Option<String>)>> {
    let version = prop_oneof![
        3 => Just(Version::Text("0".into())),
        4 => (0_i64..8).prop_map(Version::Back),
        1 => word(&["abc", "", "-5", "1"]).prop_map(Version::Text),
    ];
    let matching = weighted(0.5, word(&["Exact", "NotOlderThan", "Else"]));
    weighted(0.4, (version, matching)).boxed()
}

/// The subresources that can be read, and some that can't.
fn parts(kind: Kind) -> Vec<&'static str> {
    [kind.subresources, &["nonsense"]].concat()
}
