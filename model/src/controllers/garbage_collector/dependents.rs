//! Who names whom as an owner.

use crate::{
    controllers::{Change, Item},
    map::Map,
    object::Object,
};
use alloc::{
    collections::BTreeSet,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

/// A fold over all objects: uid of an owner → what names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Dependents(Map<Arc<str>, Map<Item, ()>>);

impl Dependents {
    /// Takes a change; the uids that nobody names any more because of it.
    pub(super) fn observe(&mut self, item: &Item, change: &Change) -> Vec<String> {
        let (old, new) = (owners(change.old.as_ref()), owners(change.new.as_ref()));
        for uid in new.difference(&old) {
            let mut items = self.0.get(*uid).cloned().unwrap_or_default();
            items.insert(item.clone(), ());
            self.0.insert((*uid).into(), items);
        }
        let mut unnamed = Vec::new();
        for uid in old.difference(&new) {
            let Some(items) = self.0.get_mut(*uid) else {
                continue;
            };
            items.remove(item);
            if items.is_empty() {
                self.0.remove(*uid);
                unnamed.push((*uid).to_string());
            }
        }
        unnamed
    }

    /// What names that uid.
    pub(super) fn of(&self, uid: &str) -> impl Iterator<Item = &Item> {
        let items = self.0.get(uid);
        items
            .into_iter()
            .flat_map(|items| items.iter().map(|(item, ())| item))
    }
}

fn owners(object: Option<&Object>) -> BTreeSet<&str> {
    let owners = object.map(|object| object.meta().owner_references.as_slice());
    let owners = owners.unwrap_or_default().iter();
    owners.map(|owner| owner.uid.as_str()).collect()
}
