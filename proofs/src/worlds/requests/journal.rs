//! What the store's history tells of the objects, read by other code than the core's: from keys
//! and stored bytes alone. Nothing is ever compacted in these worlds, so it tells everything.

use model::{
    etcd::{EventKind, Key, KeyValue, Revision, Store},
    frozen::Frozen,
};
use serde_json::Value;
use std::{cell::RefCell, collections::HashMap, sync::Arc};

/// The prefix of the keys that are no objects of these worlds but their namespace.
const NAMESPACES: &str = "/registry/namespaces/";

/// Documents that have been parsed, by their bytes: parsing depends on nothing else.
#[derive(Clone, Debug, Default)]
pub struct Documents(RefCell<HashMap<u128, Arc<Value>>>);

impl Documents {
    /// The document that these bytes are.
    pub fn parse(&self, bytes: &Frozen) -> Arc<Value> {
        let mut parsed = self.0.borrow_mut();
        let parse = || serde_json::from_slice(bytes.bytes()).unwrap_or_default();
        let document = parsed
            .entry(bytes.digest())
            .or_insert_with(|| Arc::new(parse()));
        document.clone()
    }
}

/// The history of all objects.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    /// The store.
    pub store: &'a Store,
    /// What parses.
    pub documents: &'a Documents,
}

/// One state of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The revision that wrote it.
    pub revision: Revision,
    /// The revision that made the object.
    pub created: Revision,
    /// The stored bytes.
    pub frozen: Frozen,
    /// What they say.
    pub document: Arc<Value>,
}

/// One event of an object.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub revision: Revision,
    /// Where.
    pub key: Key,
    /// The object before; `None` when it was not there.
    pub before: Option<Version>,
    /// The object after; `None` when it was removed.
    pub after: Option<Version>,
}

impl Version {
    /// A text of its metadata; empty when it is not there.
    #[must_use]
    pub fn text(&self, member: &str) -> &str {
        self.document["metadata"][member]
            .as_str()
            .unwrap_or_default()
    }

    /// It has been marked for deletion.
    #[must_use]
    pub fn terminating(&self) -> bool {
        !self.text("deletionTimestamp").is_empty()
    }

    /// Its finalizers.
    #[must_use]
    pub fn finalizers(&self) -> &[Value] {
        finalizers(&self.document)
    }
}

/// The finalizers of a document.
#[must_use]
pub fn finalizers(document: &Value) -> &[Value] {
    let list = document["metadata"]["finalizers"].as_array();
    list.map_or(&[], Vec::as_slice)
}

impl<'a> Journal<'a> {
    /// Every event of every object, in order.
    pub fn changes(self) -> impl Iterator<Item = Change> + use<'a> {
        self.after(Revision(0))
    }

    /// The events of one revision.
    pub fn at(self, revision: Revision) -> impl Iterator<Item = Change> + use<'a> {
        self.after(Revision(revision.0 - 1))
            .take_while(move |change| change.revision == revision)
    }

    /// The states of `key` while the store went from one revision to another, both included.
    #[must_use]
    pub fn moments(self, key: &Key, from: Revision, to: Revision) -> Vec<Option<Version>> {
        let mut now = None;
        let mut moments = Vec::new();
        for change in self.changes().filter(|change| change.key == *key) {
            if change.revision > to {
                break;
            }
            if change.revision > from {
                moments.push(now);
            }
            now = change.after;
        }
        moments.push(now);
        moments
    }

    fn after(self, revision: Revision) -> impl Iterator<Item = Change> + use<'a> {
        let events = self.store.events(revision).into_iter().flatten();
        events.flat_map(move |(revision, events)| {
            let objects = events.iter().filter(|event| is_object(&event.kv.key));
            objects.map(move |event| Change {
                revision,
                key: event.kv.key.clone(),
                before: event.previous.as_ref().map(|kv| self.version(kv)),
                after: (event.kind == EventKind::Put).then(|| self.version(&event.kv)),
            })
        })
    }

    fn version(self, kv: &KeyValue) -> Version {
        Version {
            revision: kv.mod_revision,
            created: kv.create_revision,
            frozen: kv.value.clone(),
            document: self.documents.parse(&kv.value),
        }
    }
}

fn is_object(key: &Key) -> bool {
    !key.bytes().starts_with(NAMESPACES.as_bytes())
}
