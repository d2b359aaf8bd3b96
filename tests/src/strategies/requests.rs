//! Random requests: every verb, subresource, option and kind of patch, over so few names that they
//! often meet; most are valid, some are hostile.
//!
//! Versions, uids and `continue` tokens are known only when a request is sent: an [`Ask`] names
//! them relative to what its client has seen then, and [`Ask::request`] puts them in.

mod hostile;
mod read;
mod write;

pub use hostile::hostile;
pub use read::{get, list, watch};
pub use write::{create, delete, delete_collection, patch, update};

use super::objects::{self, Kind};
use model::wire::Head;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

/// The namespaces that requests go to. A history begins with those that [`super::histories`]
/// creates; the last one is never there.
pub const SPACES: [&str; 3] = ["d", "e", "nowhere"];

/// A request, as it goes to the core or out on a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// All but the body.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
}

/// A request before the versions, uids and tokens in it are known.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `GET`
    pub method: &'static str,
    /// The path, encoded.
    pub path: String,
    /// The path of the object that [`Seen::object`] is to show; empty when none is looked at.
    pub about: String,
    /// The query, not encoded.
    pub options: Vec<(&'static str, String)>,
    /// `resourceVersion` in the query.
    pub version: Option<Version>,
    /// `continue`: one of the tokens that were seen.
    pub token: Option<Index>,
    /// Names in lower case, and values.
    pub headers: Vec<(&'static str, String)>,
    /// What the body is made of.
    pub content: Content,
}

/// A resourceVersion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Version {
    /// That of the object.
    Current,
    /// So many before the newest of all; in the future when negative.
    Back(i64),
    /// This one.
    Text(String),
}

/// A body.
#[derive(Clone, Debug)]
pub enum Content {
    /// None.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This document; with a version in its metadata.
    Document(Value, Option<Version>),
    /// The object as it was seen, with this merge patch over it; or, when there was none, what the
    /// patch alone makes.
    Seen {
        /// The merge patch (RFC 7386).
        merge: Value,
        /// Instead of the version that was seen.
        version: Option<Version>,
    },
    /// `DeleteOptions` with preconditions.
    Delete {
        /// All but the preconditions.
        options: Value,
        /// That the uid is the object's (true) or another (false).
        uid: Option<bool>,
        /// The version.
        version: Option<Version>,
    },
}

/// What a client has seen when it sends a request.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// The newest resourceVersion of all.
    pub newest: u64,
    /// The object that the request is about.
    pub object: Option<Value>,
    /// The `continue` tokens of lists.
    pub tokens: &'a [String],
}

impl Ask {
    /// A request without options and body.
    #[must_use]
    pub fn plain(method: &'static str, path: String) -> Ask {
        Ask {
            method,
            path,
            about: String::new(),
            options: Vec::new(),
            version: None,
            token: None,
            headers: Vec::new(),
            content: Content::Nothing,
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self, seen: &Seen<'_>) -> Request {
        let mut options = self.options.clone();
        if let Some(version) = &self.version {
            options.push(("resourceVersion", version.text(seen)));
        }
        if let Some(token) = self.token.filter(|_| !seen.tokens.is_empty()) {
            options.push(("continue", token.get(seen.tokens).clone()));
        }
        let pairs = options
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)));
        let headers = self.headers.iter();
        Request {
            head: Head {
                method: self.method.into(),
                path: self.path.clone(),
                query: pairs.collect::<Vec<_>>().join("&"),
                headers: headers
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                ..Head::default()
            },
            body: self.content.bytes(seen),
        }
    }

    /// The value of an option, or nothing at all.
    #[must_use]
    pub fn option(&self, name: &str) -> &str {
        let mut options = self.options.iter();
        options
            .find(|(option, _)| *option == name)
            .map_or("", |(_, value)| value)
    }
}

impl Version {
    /// As text.
    #[must_use]
    pub fn text(&self, seen: &Seen<'_>) -> String {
        match self {
            Version::Current => {
                let object = seen.object.as_ref();
                let version = object.and_then(|it| it["metadata"]["resourceVersion"].as_str());
                version.unwrap_or_default().to_owned()
            }
            Version::Back(back) => seen.newest.saturating_add_signed(-back).to_string(),
            Version::Text(text) => text.clone(),
        }
    }
}

impl Content {
    fn bytes(&self, seen: &Seen<'_>) -> Vec<u8> {
        let document = match self {
            Content::Nothing => return Vec::new(),
            Content::Bytes(bytes) => return bytes.clone(),
            Content::Document(document, version) => {
                let mut document = document.clone();
                put_version(&mut document, version.as_ref(), seen);
                document
            }
            Content::Seen { merge, version } => {
                let mut document = seen.object.clone().unwrap_or_else(|| json!({}));
                merge_into(&mut document, merge);
                put_version(&mut document, version.as_ref(), seen);
                document
            }
            Content::Delete {
                options,
                uid,
                version,
            } => {
                let mut options = options.clone();
                let object = seen.object.clone().unwrap_or_default();
                if let Some(same) = uid {
                    let other = json!("00000000-0000-4000-8000-000000000000");
                    let uid = &object["metadata"]["uid"];
                    let told = if *same && !uid.is_null() { uid } else { &other };
                    options["preconditions"]["uid"] = told.clone();
                }
                if let Some(version) = version {
                    options["preconditions"]["resourceVersion"] = version.text(seen).into();
                }
                options
            }
        };
        document.to_string().into_bytes()
    }
}

/// Valid requests mostly, to one of [`objects::KINDS`]; no watch.
pub fn ask() -> BoxedStrategy<Ask> {
    ask_about(objects::KINDS.to_vec())
}

/// The same for some kinds, at least one.
pub fn ask_about(kinds: Vec<Kind>) -> BoxedStrategy<Ask> {
    prop_oneof![
        30 => proptest::sample::select(kinds).prop_flat_map(about),
        1 => hostile(),
    ]
    .boxed()
}

/// Requests for objects of one kind; no watch.
pub fn about(kind: Kind) -> BoxedStrategy<Ask> {
    prop_oneof![
        6 => create(kind),
        6 => update(kind),
        6 => patch(kind),
        3 => delete(kind),
        1 => delete_collection(kind),
        3 => get(kind),
        5 => list(kind),
    ]
    .boxed()
}

/// A namespace for requests of a kind; nothing where the kind has none.
fn space(kind: Kind) -> BoxedStrategy<&'static str> {
    if kind.namespaced {
        prop_oneof![16 => Just(SPACES[0]), 4 => Just(SPACES[1]), 1 => Just(SPACES[2])].boxed()
    } else {
        Just("").boxed()
    }
}

/// The name of an object of a kind.
fn name(kind: Kind) -> BoxedStrategy<&'static str> {
    if kind.kind == "Namespace" {
        prop_oneof![4 => Just("f"), 3 => Just("e"), 1 => Just("d")].boxed()
    } else {
        prop_oneof![6 => Just("a"), 3 => Just("b"), 1 => Just("c")].boxed()
    }
}

/// What is sent with every request, sometimes.
fn accept() -> BoxedStrategy<Vec<(&'static str, String)>> {
    let media = prop_oneof![
        40 => Just(""),
        2 => Just("application/json"),
        2 => Just("application/yaml"),
        3 => Just("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"),
        1 => Just("application/json;as=Table;g=meta.k8s.io;v=v1beta1"),
        1 => Just("application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"),
        1 => Just("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"),
        1 => Just("application/vnd.kubernetes.protobuf,application/json"),
        1 => Just("*/*"),
        1 => Just("text/html"),
    ];
    media
        .prop_map(|media| {
            let media = Some(media).filter(|media| !media.is_empty());
            media
                .map(|media| ("accept", media.to_owned()))
                .into_iter()
                .collect()
        })
        .boxed()
}

/// A resourceVersion for a write: mostly the object's own or none.
fn write_version() -> impl Strategy<Value = Option<Version>> + Clone {
    prop_oneof![
        6 => Just(None),
        8 => Just(Some(Version::Current)),
        2 => (0_i64..6).prop_map(|back| Some(Version::Back(back))),
        1 => objects::word(&["", "0", "abc", "-1"]).prop_map(|it| Some(Version::Text(it))),
    ]
}

fn put_version(document: &mut Value, version: Option<&Version>, seen: &Seen<'_>) {
    if let Some(version) = version
        && let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("resourceVersion".into(), version.text(seen).into());
    }
}

/// RFC 7386, section 2.
fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, change) in changes {
        if change.is_null() {
            target.as_object_mut().map(|members| members.remove(name));
        } else {
            merge_into(&mut target[name], change);
        }
    }
}

fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escaped = text.bytes().map(|byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    escaped.collect()
}
