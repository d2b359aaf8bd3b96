//! Adoption and release: which objects belong to a controller's object.
//!
//! Origin: `pkg/controller/controller_ref_manager.go`.

use super::super::{Api, Call, Change, Item, Name, View};
use crate::{
    kinds::document::at,
    object::{Meta, Object},
    selector::LabelSelector,
};
use alloc::{borrow::ToOwned, collections::BTreeSet, string::String, vec::Vec};
use core::ops::Bound;
use serde_json::{Value, json};

/// The objects of a resource that nothing controls: those that may be adopted. A fold over what has
/// been observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::controllers) struct Orphans(BTreeSet<Name>);

impl Orphans {
    /// Takes a change of the resource.
    pub(in crate::controllers) fn observe(&mut self, change: &Change) {
        let orphan = change.new.as_ref().is_some_and(is_orphan);
        if orphan {
            self.0.insert(change.name.clone());
        } else {
            self.0.remove(&change.name);
        }
    }

    fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Name> {
        let first = Bound::Included(Name::new(namespace, ""));
        let names = self.0.range((first, Bound::Unbounded));
        names.take_while(move |name| &*name.namespace == namespace)
    }
}

fn is_orphan(object: &Object) -> bool {
    object.meta().controller().is_none()
}

/// The items that a change of a dependent concerns: its controllers before and after, if they are
/// of the kind of `owners`; and of one that nothing controls, all whose selector takes it, when its
/// labels or its owner have changed.
pub(in crate::controllers) fn items_of(
    view: &View,
    owners: &Api,
    change: &Change,
    items: &mut Vec<Item>,
) {
    for state in change.states() {
        let controller = state.meta().controller();
        let Some(owner) = controller.filter(|owner| owner.kind == owners.kind) else {
            continue;
        };
        let item = Name::new(&state.meta().namespace, &owner.name);
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let Some(new) = change.new.as_ref().filter(|new| is_orphan(new)) else {
        return;
    };
    let known = change.old.as_ref().is_some_and(|old| {
        is_orphan(old)
            && old.meta().labels == new.meta().labels
            && old.meta().deletion_timestamp == new.meta().deletion_timestamp
    });
    if known {
        return;
    }
    for (name, owner) in view.in_namespace(owners, &new.meta().namespace) {
        if selector_of(&owner.json()).matches(&new.meta().labels) {
            items.push(name.clone());
        }
    }
}

/// `spec.selector`, as a label selector or as the map that ReplicationControllers have; what is
/// none selects nothing.
pub(in crate::controllers) fn selector_of(object: &Value) -> LabelSelector {
    let selector = at(object, &["spec", "selector"]);
    let parsed = match selector.as_object() {
        None => return LabelSelector::nothing(),
        Some(members) if members.is_empty() => return LabelSelector::nothing(),
        Some(members) if members.values().all(Value::is_string) => {
            LabelSelector::from_json(&json!({"matchLabels": selector}))
        }
        Some(_) => LabelSelector::from_json(selector),
    };
    parsed.unwrap_or_else(|_| LabelSelector::nothing())
}

/// The object that adopts.
#[derive(Clone, Copy)]
pub(in crate::controllers) struct Owner<'a> {
    pub(in crate::controllers) api: &'a Api,
    pub(in crate::controllers) object: &'a Object,
}

/// What a Job puts on its pods, so that none goes uncounted.
pub(in crate::controllers) const JOB_TRACKING: &str = "batch.kubernetes.io/job-tracking";

impl Owner<'_> {
    /// The `ownerReferences` entry of what it controls.
    pub(in crate::controllers) fn reference(&self) -> Value {
        let meta = self.object.meta();
        json!({
            "apiVersion": self.api.api_version(), "kind": self.api.kind,
            "name": meta.name, "uid": meta.uid,
            "controller": true, "blockOwnerDeletion": true,
        })
    }

    fn meta(&self) -> &Meta {
        self.object.meta()
    }
}

/// What belongs to an owner, and the calls that make it so.
#[derive(Default)]
pub(in crate::controllers) struct Claimed<'a> {
    pub(in crate::controllers) objects: Vec<&'a Object>,
    pub(in crate::controllers) calls: Vec<Call>,
}

/// Which objects of `api` belong to `owner`: those that it controls and whose labels its selector
/// takes. Others that it controls are released; orphans that the selector takes are adopted.
///
/// Before anything is adopted, a write that changes nothing asks the store whether the owner is
/// still as it has been seen: who adopts for an owner that is going away undoes the orphaning of
/// its dependents (upstream reads the owner once more, `RecheckDeletionTimestamp`).
pub(in crate::controllers) fn claim<'a>(
    view: &'a View,
    owner: Owner<'_>,
    api: &Api,
    orphans: &Orphans,
    adoptable: impl Fn(&Object) -> bool,
) -> Claimed<'a> {
    let document = owner.object.json();
    let selector = selector_of(&document);
    let going = owner.meta().deletion_timestamp.is_some();
    let mut claimed = Claimed::default();
    for (name, object) in view.controlled_by(api, &owner.meta().uid) {
        if selector.matches(&object.meta().labels) {
            claimed.objects.push(object);
        } else if !going {
            claimed.calls.push(release(api, name, object, owner));
        }
    }
    if going {
        return claimed;
    }
    let names = orphans.in_namespace(&owner.meta().namespace);
    let found = names.filter_map(|name| Some((name, view.get(api, name)?)));
    let wanted = found.filter(|(_, object)| {
        is_orphan(object)
            && object.meta().deletion_timestamp.is_none()
            && selector.matches(&object.meta().labels)
            && adoptable(object)
    });
    let adopted: Vec<(&Name, &Object)> = wanted.collect();
    if !adopted.is_empty() {
        claimed
            .calls
            .push(Call::update_status(owner.api, &document));
    }
    for (name, object) in adopted {
        let mut patch = json!({"metadata": {
            "uid": object.meta().uid, "ownerReferences": [owner.reference()],
        }});
        if owner.api.kind == "Job" {
            patch["metadata"]["finalizers"] = json!([JOB_TRACKING]);
        }
        claimed
            .calls
            .push(Call::strategic_patch(api, name, "", &patch));
        claimed.objects.push(object);
    }
    claimed
}

fn release(api: &Api, name: &Name, object: &Object, owner: Owner<'_>) -> Call {
    let uid: String = owner.meta().uid.to_owned();
    let patch = json!({"metadata": {
        "uid": object.meta().uid, "ownerReferences": [{"$patch": "delete", "uid": uid}],
    }});
    Call::strategic_patch(api, name, "", &patch)
}
