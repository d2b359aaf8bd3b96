//! The watch cache of one API server: what it has seen of the store, and the recent past of it.
//!
//! One cache covers the whole key space under [`registry::ROOT`] and has one revision, so a quiet
//! resource is never behind a busy one. Objects and history are kept per resource ([`Shelf`]), so
//! a busy resource never pushes a quiet one's events out of its window.
//!
//! The rules are those of kube-apiserver's `pkg/storage/cacher`; unlike there, a watcher is a
//! cursor ([`Watcher`]) and owns no buffer: a slow one costs nothing and is cut off when the
//! window has passed it.

mod apply;
mod list;
mod watch;

#[cfg(test)]
mod tests;

pub use apply::Gap;
pub use list::Snapshot;
pub use watch::{Filter, Refused, Scope, WatchEvent, WatchRequest, Watcher, WatcherEnded};

use crate::{
    etcd::{Key, KeyValue, Revision},
    map::Map,
    object::{DecodeError, Object},
    registry, selector,
};
use alloc::sync::Arc;

/// One API server's view of the store. A clone is O(1) and is a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cache {
    /// Events that each resource's history holds at most.
    window: usize,
    /// How often the whole content was replaced; a watcher belongs to one generation.
    generation: u64,
    /// The revision of the list that this generation began with.
    listed: Revision,
    /// Everything up to here has been seen.
    revision: Revision,
    /// Resource prefix → its objects and history.
    shelves: Map<Arc<str>, Shelf>,
}

/// The objects of one resource and their recent changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Shelf {
    objects: Map<Key, Entry>,
    /// In the order of the store; the number counts the events of one revision.
    history: Map<(Revision, u32), Change>,
    /// The newest revision that has left the history.
    evicted: Option<Revision>,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// An object.
    Object(Object),
    /// Something that is none: it was written past the API server. It keeps its place so that
    /// everything else is served.
    Undecodable {
        /// The revision that wrote it.
        revision: Revision,
        /// What is wrong with it.
        why: DecodeError,
    },
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Change {
    key: Key,
    previous: Option<Entry>,
    current: Option<Entry>,
}

impl Cache {
    /// A cache that begins with a list of the store at `revision`. Each resource's history will
    /// hold `window` events (the server's is [`crate::limits::WATCH_WINDOW_EVENTS`]).
    pub fn restore<'a>(
        window: usize,
        revision: Revision,
        kvs: impl IntoIterator<Item = &'a KeyValue>,
    ) -> Cache {
        let mut cache = Cache {
            window,
            generation: 0,
            listed: revision,
            revision,
            shelves: Map::new(),
        };
        for kv in kvs {
            let Some(prefix) = registry::prefix_of(&kv.key) else {
                continue;
            };
            let shelf = cache.shelf_mut(prefix);
            shelf.objects.insert(kv.key.clone(), Entry::decode(kv));
        }
        cache
    }

    /// Replaces everything by a new list of the store: what is done after a [`Gap`] or when the
    /// store has compacted what came next. History is lost and every watcher ends (rule:
    /// `cacher.go`, a watch belongs to the generation that it was registered in).
    pub fn relist<'a>(&mut self, revision: Revision, kvs: impl IntoIterator<Item = &'a KeyValue>) {
        let generation = self.generation + 1;
        *self = Cache::restore(self.window, revision, kvs);
        self.generation = generation;
    }

    /// The store says that everything up to `revision` has been sent: nothing changed since.
    /// An older revision than the cache's says nothing new.
    pub fn progress(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
    }

    /// Everything up to here has been seen.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// How often the whole content was replaced.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What `key` holds.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.shelves
            .get(registry::prefix_of(key)?)?
            .objects
            .get(key)
    }

    /// How many keys of the resource with the prefix `prefix` hold something.
    #[must_use]
    pub fn count(&self, prefix: &str) -> usize {
        self.shelves
            .get(prefix)
            .map_or(0, |shelf| shelf.objects.len())
    }

    fn shelf(&self, collection: &str) -> Option<&Shelf> {
        self.shelves.get(registry::prefix_of(&collection.into())?)
    }

    fn shelf_mut(&mut self, prefix: &str) -> &mut Shelf {
        if !self.shelves.contains(prefix) {
            self.shelves.insert(prefix.into(), Shelf::default());
        }
        self.shelves
            .get_mut(prefix)
            .expect("the shelf was put there by the line above")
    }

    /// The oldest revision that a watch of this shelf can start from: the list's, until history
    /// is evicted, then the one before the oldest event that is left (`watch_cache_history.go`).
    fn oldest_start(&self, shelf: Option<&Shelf>) -> Revision {
        let Some((shelf, evicted)) = shelf.and_then(|shelf| Some((shelf, shelf.evicted?))) else {
            return self.listed;
        };
        match shelf.history.first() {
            Some(((oldest, _), _)) => Revision(oldest.0.saturating_sub(1)),
            None => evicted,
        }
    }
}

impl Entry {
    fn decode(kv: &KeyValue) -> Entry {
        let prefix = registry::prefix_of(&kv.key).unwrap_or_default();
        match Object::decode(kv, selector::stored_under(prefix)) {
            Ok(object) => Entry::Object(object),
            Err(why) => Entry::Undecodable {
                revision: kv.mod_revision,
                why,
            },
        }
    }

    /// The object, when it is one.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match self {
            Entry::Object(object) => Some(object),
            Entry::Undecodable { .. } => None,
        }
    }

    /// The revision that wrote it.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Entry::Object(object) => object.revision(),
            Entry::Undecodable { revision, .. } => *revision,
        }
    }
}
