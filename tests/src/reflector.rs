//! A reflector: lists, watches, resumes where it was cut off, lists again when that is not
//! possible; as client-go's `Reflector` does. It speaks to nobody itself: [`Reflector::request`]
//! says what it wants to send, and it is told what came of it, over whatever connection.
//!
//! It is strict where client-go is not: what a server may never tell is a [`Broken`].

use model::wire::Head;
use serde_json::Value;
use std::collections::BTreeMap;

/// How a reflector gets its first state, and a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a list of the newest state.
    Newest,
    /// By a list of whatever the server has (`resourceVersion=0`).
    Any,
    /// By a list of the newest state, in pages of so many.
    Paged(usize),
    /// By a watch with the initial events.
    Streamed,
}

/// One change that a watch has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// `ADDED`, `MODIFIED`, `DELETED`
    pub kind: String,
    /// The object.
    pub object: Value,
}

/// What a server may never tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(
    /// For people.
    pub String,
);

/// Whether a watch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There is more to come.
    On,
    /// It has told an error: nothing more comes.
    Over,
}

/// Namespace and name.
pub type Key = (String, String);

/// A copy of a collection that keeps in step.
#[derive(Clone, Debug)]
pub struct Reflector {
    collection: String,
    way: Way,
    phase: Phase,
    objects: BTreeMap<Key, Value>,
    version: String,
    base: Option<(String, BTreeMap<Key, Value>)>,
    told: Vec<Told>,
    /// How often it has begun from a list or from initial events.
    pub lists: usize,
}

#[derive(Clone, Debug)]
enum Phase {
    /// It needs a list.
    Empty {
        /// Of the newest state, whatever the way: the other was refused.
        newest: bool,
    },
    /// It has some pages of a list.
    Pages {
        token: String,
        so_far: BTreeMap<Key, Value>,
    },
    /// It is told the initial events.
    Initial { so_far: BTreeMap<Key, Value> },
    /// It has a state, and follows the changes.
    Following,
}

impl Reflector {
    /// A reflector of the collection at a path, that has nothing yet.
    #[must_use]
    pub fn new(collection: &str, way: Way) -> Reflector {
        Reflector {
            collection: collection.to_owned(),
            way,
            phase: Phase::Empty { newest: false },
            objects: BTreeMap::new(),
            version: String::new(),
            base: None,
            told: Vec::new(),
            lists: 0,
        }
    }

    /// The objects, by namespace and name.
    #[must_use]
    pub fn objects(&self) -> &BTreeMap<Key, Value> {
        &self.objects
    }

    /// The last resourceVersion that it was told; empty before the first.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The resourceVersion of the last list (or of the initial events) and its objects.
    #[must_use]
    pub fn base(&self) -> Option<&(String, BTreeMap<Key, Value>)> {
        self.base.as_ref()
    }

    /// What watches have told since then.
    #[must_use]
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// True while it follows the changes.
    #[must_use]
    pub fn follows(&self) -> bool {
        matches!(self.phase, Phase::Following)
    }

    /// The answer to [`Reflector::request`] is a stream of events, unless it is refused.
    #[must_use]
    pub fn wants_stream(&self) -> bool {
        match self.phase {
            Phase::Empty { newest } => self.way == Way::Streamed && !newest,
            Phase::Pages { .. } => false,
            Phase::Initial { .. } | Phase::Following => true,
        }
    }

    /// What it wants to send.
    #[must_use]
    pub fn request(&self) -> Head {
        let follow = "watch=1&allowWatchBookmarks=true";
        let query = match (&self.phase, self.way) {
            (Phase::Following, _) => format!("{follow}&resourceVersion={}", self.version),
            (Phase::Initial { .. }, _) | (Phase::Empty { newest: false }, Way::Streamed) => {
                format!("{follow}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
            }
            (Phase::Empty { newest: false }, Way::Any) => {
                // Never back to before what it has seen.
                let least = if self.version.is_empty() {
                    "0"
                } else {
                    &self.version
                };
                format!("resourceVersion={least}")
            }
            (Phase::Empty { newest: false }, Way::Paged(limit)) => format!("limit={limit}"),
            (Phase::Empty { .. }, _) => String::new(),
            (Phase::Pages { token, .. }, Way::Paged(limit)) => {
                format!("limit={limit}&continue={token}")
            }
            (Phase::Pages { token, .. }, _) => format!("continue={token}"),
        };
        Head {
            method: "GET".into(),
            path: self.collection.clone(),
            query,
            ..Head::default()
        }
    }

    /// Takes a whole answer: a list, or the refusal of what was asked for.
    ///
    /// # Errors
    /// When no server may answer so.
    pub fn answered(&mut self, code: u16, body: &[u8]) -> Result<(), Broken> {
        let document = parse(body)?;
        match code {
            200 if self.wants_stream() => Err(Broken("a stream was asked for".into())),
            200 => self.take_list(&document),
            // Expired, or newer than what the server has: from the newest, in one piece.
            410 | 504 => {
                self.phase = Phase::Empty { newest: true };
                Ok(())
            }
            429 | 500.. => Ok(()),
            _ => Err(Broken(format!("{code} {document}"))),
        }
    }

    /// Takes one line of a watch.
    ///
    /// # Errors
    /// When no server may tell that: what is known already, what must have been told before, what
    /// is older than what was told.
    pub fn hear(&mut self, line: &[u8]) -> Result<Flow, Broken> {
        let event = parse(line)?;
        let object = &event["object"];
        let kind = event["type"].as_str().unwrap_or_default();
        if kind == "ERROR" {
            return self.hear_error(object);
        }
        if matches!(self.phase, Phase::Empty { .. }) {
            self.phase = Phase::Initial {
                so_far: BTreeMap::new(),
            };
        }
        match (&mut self.phase, kind) {
            (Phase::Initial { so_far }, "ADDED") => {
                match so_far.insert(key(object), object.clone()) {
                    None => {}
                    Some(_) => return Err(Broken(format!("twice an initial event: {event}"))),
                }
            }
            (Phase::Initial { so_far }, "BOOKMARK") => {
                let end = &object["metadata"]["annotations"]["k8s.io/initial-events-end"];
                if end != "true" {
                    return Err(Broken(format!("a bookmark among initial events: {event}")));
                }
                let objects = std::mem::take(so_far);
                self.begin(version(object), objects)?;
            }
            (Phase::Following, "BOOKMARK") => {
                if number(version(object)) < number(&self.version) {
                    return Err(Broken(format!(
                        "an old bookmark after {}: {event}",
                        self.version
                    )));
                }
                self.version = version(object).to_owned();
            }
            (Phase::Following, "ADDED" | "MODIFIED" | "DELETED") => self.change(kind, object)?,
            _ => return Err(Broken(format!("out of place: {event}"))),
        }
        Ok(Flow::On)
    }

    /// The connection was cut, or the stream has ended.
    pub fn cut(&mut self) {
        if matches!(self.phase, Phase::Initial { .. }) {
            self.phase = Phase::Empty { newest: false };
        }
    }

    fn take_list(&mut self, list: &Value) -> Result<(), Broken> {
        let items = list["items"]
            .as_array()
            .ok_or_else(|| Broken(format!("no list: {list}")))?;
        let mut so_far = match &mut self.phase {
            Phase::Pages { so_far, .. } => std::mem::take(so_far),
            _ => BTreeMap::new(),
        };
        for item in items {
            let item = typed(item, list);
            if let Some(twice) = so_far.insert(key(&item), item) {
                return Err(Broken(format!("twice in a list: {twice}")));
            }
        }
        match list["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => {
                let token = token.to_owned();
                self.phase = Phase::Pages { token, so_far };
                Ok(())
            }
            _ => self.begin(version(list), so_far),
        }
    }

    fn begin(&mut self, version: &str, objects: BTreeMap<Key, Value>) -> Result<(), Broken> {
        if number(version) < number(&self.version) {
            return Err(Broken(format!(
                "a list of {version} after {}",
                self.version
            )));
        }
        self.version = version.to_owned();
        self.objects = objects.clone();
        self.base = Some((version.to_owned(), objects));
        self.told = Vec::new();
        self.lists += 1;
        self.phase = Phase::Following;
        Ok(())
    }

    /// Each version of an object comes once, in order, and none is left out that could be told.
    fn change(&mut self, kind: &str, object: &Value) -> Result<(), Broken> {
        let broken = |why: &str| Err(Broken(format!("{why}: {kind} {object}")));
        if number(version(object)) <= number(&self.version) {
            return broken("an old version");
        }
        let known = self.objects.get(&key(object));
        let same = known.is_some_and(|it| it["metadata"]["uid"] == object["metadata"]["uid"]);
        match (kind, known) {
            ("ADDED", Some(_)) => return broken("it is there already"),
            ("MODIFIED" | "DELETED", None) => return broken("it was not there"),
            ("MODIFIED" | "DELETED", Some(_)) if !same => return broken("it is another"),
            ("DELETED", _) => {
                self.objects.remove(&key(object));
            }
            _ => {
                self.objects.insert(key(object), object.clone());
            }
        }
        self.version = version(object).to_owned();
        self.told.push(Told {
            kind: kind.to_owned(),
            object: object.clone(),
        });
        Ok(())
    }

    fn hear_error(&mut self, status: &Value) -> Result<Flow, Broken> {
        if status["code"] == 410 || status["code"] == 504 {
            self.phase = Phase::Empty { newest: false };
            return Ok(Flow::Over);
        }
        Err(Broken(format!(
            "an error that a watch must not tell: {status}"
        )))
    }
}

/// Namespace and name of an object.
#[must_use]
pub fn key(object: &Value) -> Key {
    let text = |name: &str| {
        object["metadata"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    (text("namespace"), text("name"))
}

/// An item of a list as a watch would tell it: with kind and apiVersion, which the list says for
/// all its items.
#[must_use]
pub fn typed(item: &Value, list: &Value) -> Value {
    let mut item = item.clone();
    if let Some(kind) = list["kind"]
        .as_str()
        .and_then(|kind| kind.strip_suffix("List"))
    {
        item["kind"] = kind.into();
        item["apiVersion"] = list["apiVersion"].clone();
    }
    item
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"]
        .as_str()
        .unwrap_or_default()
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or_default()
}

fn parse(bytes: &[u8]) -> Result<Value, Broken> {
    serde_json::from_slice(bytes).map_err(|why| {
        let text = String::from_utf8_lossy(bytes);
        Broken(format!("{why}: {text}"))
    })
}
