//! Lists: of now, and of a revision that the history still reaches.

use super::{Cache, Entry};
use crate::{
    etcd::{Key, Revision},
    map::Map,
    object::Object,
};
use core::ops::Bound;

/// The objects of one resource as they were at one revision. A clone is O(1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    revision: Revision,
    objects: Map<Key, Entry>,
}

impl Cache {
    /// The objects whose keys begin with `collection` ([`crate::registry::collection`]), in the
    /// order of their keys, from the key `from` on (empty: from the first).
    pub fn list<'a, 'q>(
        &'a self,
        collection: &'q str,
        from: &'q [u8],
    ) -> impl Iterator<Item = (&'a Key, &'a Object)> {
        let shelf = self.shelf(collection);
        shelf
            .into_iter()
            .flat_map(move |shelf| objects_in(&shelf.objects, collection, from))
    }

    /// The resource that `collection` belongs to, exactly as it was at `revision`; `None` when
    /// that is in the future, before the list that this generation began with, or out of the
    /// window.
    ///
    /// The history is undone on a copy: O(changes since) time and no memory. Keeping a tree for
    /// each revision, as kube-apiserver does, would cost some 2 kB an event, mostly for
    /// revisions that nobody asks for.
    #[must_use]
    pub fn list_at(&self, collection: &str, revision: Revision) -> Option<Snapshot> {
        if revision < self.listed || revision > self.revision {
            return None;
        }
        let Some(shelf) = self.shelf(collection) else {
            let objects = Map::new();
            return Some(Snapshot { revision, objects });
        };
        if shelf.evicted.is_some_and(|evicted| revision < evicted) {
            return None;
        }
        let mut objects = shelf.objects.clone();
        let later = (
            Bound::Excluded((revision, u32::MAX)),
            Bound::<(Revision, u32)>::Unbounded,
        );
        for (_, change) in shelf.history.range(later).rev() {
            match &change.previous {
                Some(previous) => objects.insert(change.key.clone(), previous.clone()),
                None => {
                    objects.remove(&change.key);
                }
            }
        }
        Some(Snapshot { revision, objects })
    }
}

impl Snapshot {
    /// The revision that this is the state of.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// As [`Cache::list`].
    pub fn list<'a>(
        &'a self,
        collection: &'a str,
        from: &'a [u8],
    ) -> impl Iterator<Item = (&'a Key, &'a Object)> {
        objects_in(&self.objects, collection, from)
    }
}

/// The objects of `collection` from the key `from` on.
pub(super) fn objects_in<'a, 'q>(
    objects: &'a Map<Key, Entry>,
    collection: &'q str,
    from: &'q [u8],
) -> impl Iterator<Item = (&'a Key, &'a Object)> {
    objects
        .range::<[u8], _>((
            Bound::Included(from.max(collection.as_bytes())),
            Bound::Unbounded,
        ))
        .take_while(move |(key, _)| key.bytes().starts_with(collection.as_bytes()))
        .filter_map(|(key, entry)| Some((key, entry.object()?)))
}
