//! What clients have been told: history that the invariants look at and the core does not have.

use model::{
    cache::WatchEvent,
    etcd::{Key, KeyValue, Revision, Store},
    frozen::Frozen,
    object::Object,
};
use std::collections::BTreeMap;

/// One change as a client of a watch is told it, or should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Told {
    /// `ADDED`, `MODIFIED`, `DELETED`
    pub kind: &'static str,
    /// `metadata.name`
    pub name: String,
    /// `metadata.resourceVersion`
    pub revision: Revision,
    /// The object without its resourceVersion.
    pub body: Frozen,
}

impl Told {
    /// What a watch event tells; `None` for a bookmark.
    #[must_use]
    pub fn of(event: &WatchEvent) -> Option<Told> {
        let (kind, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark { .. } => return None,
        };
        Some(Told::new(kind, object))
    }

    /// An object as a list or an event shows it.
    #[must_use]
    pub fn new(kind: &'static str, object: &Object) -> Told {
        Told {
            kind,
            name: object.meta().name.clone(),
            revision: object.revision(),
            body: object.frozen().clone(),
        }
    }
}

/// Which of the store's keys a client is interested in: told from keys and stored bytes alone, by
/// other code than the core's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interest {
    /// What the keys begin with.
    pub prefix: &'static str,
    /// What the stored bytes contain; empty for every object.
    pub contains: &'static str,
}

impl Interest {
    fn shows(&self, kv: &KeyValue) -> bool {
        let needle = self.contains.as_bytes();
        let bytes = kv.value.bytes();
        needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
    }

    /// The objects of interest in the store as of `revision`, by name; none at all when the store
    /// cannot be read there.
    fn state(&self, store: &Store, revision: Revision) -> Option<BTreeMap<String, KeyValue>> {
        let state = store.snapshot(revision).ok()?;
        let kvs = state.iter().map(|(_, kv)| kv);
        let shown = kvs.filter(|kv| self.name(&kv.key).is_some() && self.shows(kv));
        Some(
            shown
                .filter_map(|kv| Some((self.name(&kv.key)?, kv.clone())))
                .collect(),
        )
    }

    fn name(&self, key: &Key) -> Option<String> {
        key.text()?.strip_prefix(self.prefix).map(str::to_owned)
    }

    /// What a list at `revision` must show, in order; `None` when the store cannot be read there.
    #[must_use]
    pub fn listed(&self, store: &Store, revision: Revision) -> Option<Vec<Told>> {
        let state = self.state(store, revision)?;
        Some(
            state
                .into_iter()
                .map(|(name, kv)| told("ADDED", name, &kv, kv.mod_revision))
                .collect(),
        )
    }

    /// What a watch must tell of the revisions above `after` and not above `until`: the difference
    /// of every two successive states of the store.
    #[must_use]
    pub fn changes(&self, store: &Store, after: Revision, until: Revision) -> Vec<Told> {
        let mut changes = Vec::new();
        let mut before = self.state(store, after).unwrap_or_default();
        for revision in (after.0 + 1..=until.0).map(Revision) {
            let now = self.state(store, revision).unwrap_or_default();
            for (name, old) in before.iter().filter(|(name, _)| !now.contains_key(*name)) {
                changes.push(told("DELETED", name.clone(), old, revision));
            }
            for (name, new) in &now {
                match before.get(name) {
                    None => changes.push(told("ADDED", name.clone(), new, revision)),
                    Some(old) if old.mod_revision != new.mod_revision => {
                        changes.push(told("MODIFIED", name.clone(), new, revision));
                    }
                    Some(_) => {}
                }
            }
            before = now;
        }
        changes
    }
}

fn told(kind: &'static str, name: String, kv: &KeyValue, revision: Revision) -> Told {
    Told {
        kind,
        name,
        revision,
        body: kv.value.clone(),
    }
}
