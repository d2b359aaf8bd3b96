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

#[cfg(test)]
mod tests {
    use super::{Documents, Journal};
    use model::{
        etcd::{DeleteRange, Key, KeyRange, Operation, Put, Revision, Store, Txn},
        frozen::Frozen,
    };

    fn key(name: &str) -> Key {
        Key::from(format!("/registry/configmaps/d/{name}").as_str())
    }

    /// `a` is made at 2, `b` at 3; `a` is changed at 4 and removed at 5.
    fn store() -> Store {
        let mut store = Store::new();
        let put = |name, uid: &str| {
            let object = format!(r#"{{"metadata":{{"uid":"{uid}"}}}}"#);
            Operation::Put(Put::new(key(name), Frozen::from(object.as_str())))
        };
        let remove = DeleteRange::new(KeyRange::Single(key("a")));
        for operation in [put("a", "1"), put("b", "2"), put("a", "3"), remove.into()] {
            store.txn(&Txn::always(vec![operation])).unwrap();
        }
        store
    }

    fn check(from: u64, to: u64, expected: &str) {
        let (store, documents) = (store(), Documents::default());
        let journal = Journal {
            store: &store,
            documents: &documents,
        };
        let moments = journal.moments(&key("a"), Revision(from), Revision(to));
        let told: Vec<&str> = moments
            .iter()
            .map(|it| it.as_ref().map_or("-", |it| it.text("uid")))
            .collect();
        assert_eq!(told.join(" "), expected, "from {from} to {to}");
    }

    #[test]
    fn moments_are_the_states_from_one_revision_to_another() {
        check(1, 1, "-");
        check(1, 2, "- 1");
        check(2, 3, "1");
        check(3, 4, "1 3");
        check(1, 5, "- 1 3 -");
        check(5, 5, "-");
    }

    #[test]
    fn a_revision_tells_what_was_before_and_after() {
        let (store, documents) = (store(), Documents::default());
        let journal = Journal {
            store: &store,
            documents: &documents,
        };
        let changes: Vec<_> = journal.at(Revision(4)).collect();
        let [change] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        let versions = [&change.before, &change.after].map(|it| it.as_ref().unwrap());
        assert_eq!(versions.map(|it| it.text("uid")), ["1", "3"]);
        assert_eq!(versions.map(|it| it.created), [Revision(2); 2]);
        assert_eq!(journal.changes().count(), 4);
    }
}
