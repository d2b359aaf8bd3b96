//! The garbage collector: what has lost all its owners goes, and nothing else.
//!
//! An owner is what an ownerReference names: API, name, uid, in the namespace of the object or
//! cluster-scoped. One that the view does not show may be too new for it, so the store is asked
//! before anything is deleted; since uids are never used twice, an owner that is gone stays gone.
//! And the delete has the uid and the resourceVersion that were looked at as preconditions, so that
//! an owner that was added meanwhile counts.
//!
//! Origin: `pkg/controller/garbagecollector/garbagecollector.go` and `graph_builder.go`.

mod dependents;

use super::{
    Answer, Api, Call, Change, Controller, DeleteOptions, Item, Name, Outcome, View, Watch,
    service_account,
};
use crate::{
    ambient::Ambient,
    config::User,
    object::{Meta, Object, OwnerReference},
    resource::split_api_version,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use dependents::Dependents;
use serde_json::{Value, json};

/// The finalizer of what is deleted with `propagationPolicy: Orphan`.
const ORPHAN: &str = "orphan";
/// The finalizer of what is deleted with `propagationPolicy: Foreground`.
const FOREGROUND: &str = "foregroundDeletion";

/// Looks at objects with owners, and at those that wait for it to be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GarbageCollector {
    resources: Arc<[Api]>,
    dependents: Dependents,
    /// Item → the owners that the store is asked for.
    asked: BTreeMap<Item, Vec<Owner>>,
    /// uid → the owners of that uid that the store does not have. Kept as long as somebody names
    /// the uid.
    absent: BTreeMap<String, BTreeSet<(Api, Name)>>,
}

/// What an ownerReference names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Owner {
    api: Api,
    name: Name,
    uid: String,
}

/// How it is with an owner.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is there.
    Solid,
    /// It is there, and waits for its dependents to go.
    Waiting,
    /// It is gone.
    Absent,
    /// The view doesn't show it.
    Unknown,
}

impl GarbageCollector {
    /// Collects among these resources: [`Api::deletable`] of what is served. Events take no part.
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = Api>) -> GarbageCollector {
        let collected = resources.into_iter().filter(|api| api.resource != "events");
        GarbageCollector {
            resources: collected.collect(),
            dependents: Dependents::default(),
            asked: BTreeMap::new(),
            absent: BTreeMap::new(),
        }
    }

    /// What an object is called in the queue.
    fn item(api: &Api, name: &Name) -> Item {
        let full = format!("{}.{}/{}", api.resource, api.group, name.name);
        Item::new(&name.namespace, &full)
    }

    /// The object that an item stands for.
    fn named(&self, item: &Item) -> Option<(&Api, Name)> {
        let (resource, name) = item.name.split_once('/')?;
        let (resource, group) = resource.split_once('.')?;
        let is_it = |api: &&Api| api.resource == resource && api.group == group;
        let api = self.resources.iter().find(is_it)?;
        Some((api, Name::new(&item.namespace, name)))
    }

    /// What a reference of an object in `namespace` names; `None` when that can't be: an unknown
    /// kind, or something in a namespace for an object that is in none.
    fn owner(&self, reference: &OwnerReference, namespace: &str) -> Option<Owner> {
        let (group, _) = split_api_version(&reference.api_version);
        let is_it = |api: &&Api| api.kind == reference.kind && api.group == group;
        let api = self.resources.iter().find(is_it)?;
        if api.namespaced && namespace.is_empty() {
            return None;
        }
        let namespace = if api.namespaced { namespace } else { "" };
        Some(Owner {
            api: api.clone(),
            name: Name::new(namespace, &reference.name),
            uid: reference.uid.clone(),
        })
    }

    fn state(&self, view: &View, owner: &Owner) -> State {
        let shown = view
            .get(&owner.api, &owner.name)
            .filter(|object| object.meta().uid == owner.uid);
        match shown {
            Some(object) if waits(object.meta(), FOREGROUND) => State::Waiting,
            Some(_) => State::Solid,
            None if self.is_absent(owner) => State::Absent,
            None => State::Unknown,
        }
    }

    fn is_absent(&self, owner: &Owner) -> bool {
        let coordinates = (owner.api.clone(), owner.name.clone());
        let absent = self.absent.get(&owner.uid);
        absent.is_some_and(|absent| absent.contains(&coordinates))
    }
}

/// It is being deleted, and waits for that finalizer.
fn waits(meta: &Meta, finalizer: &str) -> bool {
    meta.deletion_timestamp.is_some() && meta.finalizers.iter().any(|it| it == finalizer)
}

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        self.resources.iter().cloned().map(Watch::all).collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if same_for_owners(change) {
            return;
        }
        let item = GarbageCollector::item(&change.api, &change.name);
        let unnamed = self.dependents.observe(&item, change);
        for uid in unnamed {
            self.absent.remove(&uid);
        }
        // What depended on what was there.
        if let Some(old) = &change.old {
            let gone = change.new.as_ref().map(|new| &new.meta().uid) != Some(&old.meta().uid);
            if gone {
                items.extend(self.dependents.of(&old.meta().uid).cloned());
            }
        }
        if let Some(new) = &change.new {
            let meta = new.meta();
            if waits(meta, FOREGROUND) {
                items.extend(self.dependents.of(&meta.uid).cloned());
            }
            if !meta.owner_references.is_empty() || meta.deletion_timestamp.is_some() {
                items.push(item);
            }
        }
        // Owners that wait for it.
        for object in change.states() {
            let meta = object.meta();
            for reference in &meta.owner_references {
                let Some(owner) = self.owner(reference, &meta.namespace) else {
                    continue;
                };
                let shown = view.get(&owner.api, &owner.name);
                if shown.is_some_and(|it| it.meta().deletion_timestamp.is_some()) {
                    items.push(GarbageCollector::item(&owner.api, &owner.name));
                }
            }
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        self.asked.remove(item);
        let Some((api, name)) = self.named(item) else {
            return Outcome::done();
        };
        let Some(object) = view.get(api, &name) else {
            return Outcome::done();
        };
        let meta = object.meta();
        if waits(meta, ORPHAN) {
            return Outcome::calls(self.orphan(view, api, object));
        }
        if waits(meta, FOREGROUND) {
            return Outcome::calls(self.finish_foreground(view, api, object));
        }
        if meta.deletion_timestamp.is_some() || meta.owner_references.is_empty() {
            return Outcome::done();
        }
        let owners = meta.owner_references.iter();
        let owners = owners.map(|reference| self.owner(reference, &meta.namespace));
        // An owner that cannot be told from one that is there is there.
        let Some(owners) = owners.collect::<Option<Vec<Owner>>>() else {
            return Outcome::done();
        };
        let states: Vec<State> = owners.iter().map(|it| self.state(view, it)).collect();
        if states.contains(&State::Unknown) {
            let unknown = owners.into_iter().zip(states);
            let unknown = unknown.filter(|(_, state)| *state == State::Unknown);
            let unknown: Vec<Owner> = unknown.map(|(owner, _)| owner).collect();
            let calls = unknown.iter().map(|it| Call::get(&it.api, &it.name));
            let outcome = Outcome::calls(calls.collect()).again_at(ambient.now);
            self.asked.insert(item.clone(), unknown);
            return outcome;
        }
        Outcome::calls(self.collect(view, (api, &name), object, &states))
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        if call.method != "GET" || !(answer.succeeded() || answer.code == 404) {
            return;
        }
        for owner in self.asked.get(item).into_iter().flatten() {
            let is_it = owner.api.path(&owner.name, "") == call.path;
            // Somebody may have taken the reference away meanwhile.
            let named = self.dependents.of(&owner.uid).next().is_some();
            if is_it && named && answer.uid != owner.uid {
                let absent = self.absent.entry(owner.uid.clone()).or_default();
                absent.insert((owner.api.clone(), owner.name.clone()));
            }
        }
    }
}

impl GarbageCollector {
    /// All owners are known (`attemptToDeleteItem`).
    fn collect(
        &self,
        view: &View,
        (api, name): (&Api, &Name),
        object: &Object,
        states: &[State],
    ) -> Vec<Call> {
        let meta = object.meta();
        if states.contains(&State::Solid) {
            if states.iter().all(|state| *state == State::Solid) {
                return Vec::new();
            }
            let mut states = states.iter();
            let solid = |_: &Value| states.next() == Some(&State::Solid);
            return vec![change_owners(api, name, object, solid, |_| {})];
        }
        let mut calls = Vec::new();
        let dependents = self.objects(view, &meta.uid);
        let policy = if states.contains(&State::Waiting) && !dependents.is_empty() {
            // Two that wait for each other would wait for ever.
            let circle = dependents
                .iter()
                .any(|(_, _, dependent)| waits(dependent.meta(), FOREGROUND));
            let blocks = meta
                .owner_references
                .iter()
                .any(|it| it.block_owner_deletion);
            if circle && blocks {
                return vec![change_owners(
                    api,
                    name,
                    object,
                    |_| true,
                    |owner| {
                        owner["blockOwnerDeletion"] = false.into();
                    },
                )];
            }
            "Foreground"
        } else if meta.finalizers.iter().any(|it| it == ORPHAN) {
            "Orphan"
        } else if meta.finalizers.iter().any(|it| it == FOREGROUND) {
            "Foreground"
        } else {
            "Background"
        };
        let options = DeleteOptions {
            uid: &meta.uid,
            resource_version: Some(object.revision()),
            propagation: policy,
            grace_seconds: None,
        };
        calls.push(Call::delete(api, name, &meta.uid, options));
        calls
    }

    /// Takes the owner out of its dependents, then its finalizer away.
    fn orphan(&self, view: &View, api: &Api, object: &Object) -> Vec<Call> {
        let uid = &object.meta().uid;
        let free = |(api, name, dependent): (&Api, Name, &Object)| {
            let others = |owner: &Value| owner["uid"] != uid.as_str();
            change_owners(api, &name, dependent, others, |_| {})
        };
        let mut calls: Vec<Call> = self.objects(view, uid).into_iter().map(free).collect();
        calls.push(drop_finalizer(api, object, ORPHAN));
        calls
    }

    /// When nothing blocks it any more, its finalizer goes.
    fn finish_foreground(&self, view: &View, api: &Api, object: &Object) -> Vec<Call> {
        let uid = &object.meta().uid;
        let blocks = self.objects(view, uid).iter().any(|(_, _, dependent)| {
            let owners = dependent.meta().owner_references.iter();
            let mut blocking = owners.filter(|it| it.block_owner_deletion);
            blocking.any(|it| it.uid == *uid)
        });
        if blocks {
            Vec::new()
        } else {
            vec![drop_finalizer(api, object, FOREGROUND)]
        }
    }

    /// The dependents that the view shows, of an owner that it shows too.
    fn objects<'a>(&'a self, view: &'a View, uid: &str) -> Vec<(&'a Api, Name, &'a Object)> {
        let items = self.dependents.of(uid);
        let objects = items.filter_map(|item| {
            let (api, name) = self.named(item)?;
            let object = view.get(api, &name)?;
            Some((api, name, object))
        });
        objects.collect()
    }
}

/// Nothing that decides on who goes has changed.
fn same_for_owners(change: &Change) -> bool {
    let facts = |object: &Object| {
        let meta = object.meta();
        (
            meta.uid.clone(),
            meta.owner_references.clone(),
            meta.finalizers.clone(),
            meta.deletion_timestamp.is_some(),
        )
    };
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => facts(old) == facts(new),
        _ => false,
    }
}

/// Keeps some of an object's owners, as they were seen or not at all.
fn change_owners(
    api: &Api,
    name: &Name,
    object: &Object,
    keep: impl FnMut(&Value) -> bool,
    change: impl Fn(&mut Value),
) -> Call {
    let mut document = object.json();
    let mut owners = match document["metadata"]["ownerReferences"].take() {
        Value::Array(owners) => owners,
        _ => Vec::new(),
    };
    owners.retain(keep);
    owners.iter_mut().for_each(change);
    patch(api, name, object, json!({"ownerReferences": owners}))
}

fn drop_finalizer(api: &Api, object: &Object, finalizer: &str) -> Call {
    let meta = object.meta();
    let name = Name::new(&meta.namespace, &meta.name);
    let mut finalizers = meta.finalizers.clone();
    finalizers.retain(|it| it != finalizer);
    patch(api, &name, object, json!({"finalizers": finalizers}))
}

/// Changes the metadata of exactly what was seen.
fn patch(api: &Api, name: &Name, object: &Object, mut metadata: Value) -> Call {
    metadata["uid"] = object.meta().uid.as_str().into();
    metadata["resourceVersion"] = format!("{}", object.revision()).into();
    Call::merge_patch(api, name, "", &json!({"metadata": metadata}))
}
