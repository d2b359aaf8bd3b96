//! What a controller has seen of the API: the objects of its watches, as of some moment.
//!
//! It is behind the store by as much as the watches are, each resource by its own time. That is
//! the point: a controller that is right on an old view is right.

use super::{Api, Name};
use crate::{
    cache::WatchEvent,
    etcd::Revision,
    map::Map,
    object::{Object, OwnerReference},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::ops::Bound;
use serde_json::Value;

/// The objects that a controller has seen. A clone is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    shelves: BTreeMap<Api, Shelf>,
}

/// One resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Shelf {
    /// Everything up to here has been seen.
    revision: Revision,
    /// All of it has been seen once.
    synced: bool,
    objects: Map<Name, Object>,
    /// uid of the controlling owner → what it controls.
    controlled: Map<Arc<str>, Map<Name, ()>>,
    /// While a watch tells its initial state: what it has told of.
    told: Option<Map<Name, ()>>,
}

/// Something that has changed in a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Of what.
    pub api: Api,
    /// Which object.
    pub name: Name,
    /// What the view showed before.
    pub old: Option<Object>,
    /// What it shows now.
    pub new: Option<Object>,
}

impl Change {
    /// The newest state that has been seen of it.
    #[must_use]
    pub fn newest(&self) -> Option<&Object> {
        self.new.as_ref().or(self.old.as_ref())
    }

    /// Both states.
    pub fn states(&self) -> impl Iterator<Item = &Object> {
        self.old.iter().chain(&self.new)
    }
}

impl View {
    /// An empty view of these resources, of which nothing has been seen.
    #[must_use]
    pub fn new(apis: impl IntoIterator<Item = Api>) -> View {
        let shelves = apis.into_iter().map(|api| (api, Shelf::default()));
        View {
            shelves: shelves.collect(),
        }
    }

    /// Everything has been seen once.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.shelves.values().all(|shelf| shelf.synced)
    }

    /// Up to where `api` has been seen; `None` when it is not watched.
    #[must_use]
    pub fn revision(&self, api: &Api) -> Option<Revision> {
        self.shelves.get(api).map(|shelf| shelf.revision)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, api: &Api, name: &Name) -> Option<&Object> {
        self.shelves.get(api)?.objects.get(name)
    }

    /// One object's document, with its resourceVersion.
    #[must_use]
    pub fn json(&self, api: &Api, name: &Name) -> Option<Value> {
        self.get(api, name).map(Object::json)
    }

    /// All objects of a resource, in the order of their names.
    pub fn list(&self, api: &Api) -> impl Iterator<Item = (&Name, &Object)> {
        let shelf = self.shelves.get(api);
        shelf.into_iter().flat_map(|shelf| shelf.objects.iter())
    }

    /// Those in one namespace.
    pub fn in_namespace(
        &self,
        api: &Api,
        namespace: &str,
    ) -> impl Iterator<Item = (&Name, &Object)> + use<'_> {
        let first = Name::new(namespace, "");
        let shelf = self.shelves.get(api);
        shelf.into_iter().flat_map(move |shelf| {
            let namespace = first.namespace.clone();
            let range = (Bound::Included(first.clone()), Bound::<Name>::Unbounded);
            let objects = shelf.objects.range(range);
            objects.take_while(move |(name, _)| name.namespace == namespace)
        })
    }

    /// The objects whose controlling owner has that uid.
    pub fn controlled_by(&self, api: &Api, uid: &str) -> impl Iterator<Item = (&Name, &Object)> {
        let shelf = self.shelves.get(api);
        let found = shelf.and_then(|shelf| Some((shelf, shelf.controlled.get(uid)?)));
        found.into_iter().flat_map(|(shelf, names)| {
            let found = |(name, ()): (&Name, &())| shelf.objects.get_key_value(name);
            names.iter().filter_map(found)
        })
    }

    /// A watch of `api` begins anew: it will tell its initial state first.
    pub fn begin(&mut self, api: &Api) {
        if let Some(shelf) = self.shelves.get_mut(api) {
            shelf.told = Some(Map::new());
        }
    }

    /// Takes an event of the watch of `api`; what has changed by it is appended to `changes`.
    pub fn take(&mut self, api: &Api, event: &WatchEvent, changes: &mut Vec<Change>) {
        let Some(shelf) = self.shelves.get_mut(api) else {
            return;
        };
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                shelf.seen(object.revision());
                shelf.put(api, object, changes);
            }
            WatchEvent::Deleted(object) => {
                shelf.seen(object.revision());
                shelf.remove(api, &name_of(object), changes);
            }
            WatchEvent::Bookmark {
                revision,
                initial_events_end,
            } => {
                if *initial_events_end {
                    shelf.end_of_initial_state(api, changes);
                }
                shelf.revision = shelf.revision.max(*revision);
            }
        }
    }
}

impl Shelf {
    /// An event of that revision has been seen. Not so in an initial state, which comes in the
    /// order of names.
    fn seen(&mut self, revision: Revision) {
        if self.told.is_none() {
            self.revision = self.revision.max(revision);
        }
    }

    fn put(&mut self, api: &Api, object: &Object, changes: &mut Vec<Change>) {
        let name = name_of(object);
        if let Some(told) = &mut self.told {
            told.insert(name.clone(), ());
        }
        let old = self.objects.get(&name).cloned();
        if old.as_ref() == Some(object) {
            return;
        }
        if let Some(old) = &old {
            self.release(&name, old);
        }
        if let Some(owner) = object.meta().controller() {
            let uid: Arc<str> = owner.uid.as_str().into();
            let mut names = self.controlled.get(&uid).cloned().unwrap_or_default();
            names.insert(name.clone(), ());
            self.controlled.insert(uid, names);
        }
        self.objects.insert(name.clone(), object.clone());
        changes.push(Change {
            api: api.clone(),
            name,
            old,
            new: Some(object.clone()),
        });
    }

    fn remove(&mut self, api: &Api, name: &Name, changes: &mut Vec<Change>) {
        let Some(old) = self.objects.get(name).cloned() else {
            return;
        };
        self.release(name, &old);
        self.objects.remove(name);
        changes.push(Change {
            api: api.clone(),
            name: name.clone(),
            old: Some(old),
            new: None,
        });
    }

    fn release(&mut self, name: &Name, old: &Object) {
        let Some(OwnerReference { uid, .. }) = old.meta().controller() else {
            return;
        };
        let Some(names) = self.controlled.get_mut(uid.as_str()) else {
            return;
        };
        names.remove(name);
        if names.is_empty() {
            self.controlled.remove(uid.as_str());
        }
    }

    /// What the initial state has not told of is gone.
    fn end_of_initial_state(&mut self, api: &Api, changes: &mut Vec<Change>) {
        self.synced = true;
        let Some(told) = self.told.take() else {
            return;
        };
        let names = self.objects.iter().map(|(name, _)| name);
        let gone: Vec<Name> = names.filter(|it| !told.contains(*it)).cloned().collect();
        for name in gone {
            self.remove(api, &name, changes);
        }
    }
}

fn name_of(object: &Object) -> Name {
    let meta = object.meta();
    Name::new(&meta.namespace, &meta.name)
}
