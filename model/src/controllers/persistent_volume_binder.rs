//! The binder of persistent volumes: a claim gets the smallest volume that does.
//!
//! A volume is bound first, by its claimRef with the claim's uid: of two claims only one can win
//! that write. Then the claim is. All classes are bound at once, also those that ask to wait for
//! the first consumer; nothing is provisioned.
//!
//! Origin: `pkg/controller/volume/persistentvolume/pv_controller.go`, `index.go`.

mod fit;

use super::{
    Call, Change, Controller, DeleteOptions, Item, Name, Outcome, View, Watch, apis,
    service_account,
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::document::{at, put, same, text},
    object::Object,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec,
    vec::Vec,
};
use fit::fits;
use serde_json::{Value, json};

/// The annotation of a claim that is bound altogether.
const COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The annotation of what this controller has bound, and nobody by hand.
const BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// When the view of the other resource is too old to decide, it is looked at again after this long.
const WAIT_MICROSECONDS: i64 = 1_000_000;

/// Looks at claims (items with a namespace) and volumes (items without).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PersistentVolumeBinder {
    /// Volumes that nothing claims, by class: where a claim looks.
    free: BTreeMap<String, BTreeSet<Name>>,
    /// uid of a claim → the volume that is bound to it.
    bound: BTreeMap<String, Name>,
    /// Claims without a volume.
    waiting: BTreeSet<Name>,
}

impl Controller for PersistentVolumeBinder {
    fn name(&self) -> &'static str {
        "persistent-volume-binder"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::all(apis::PERSISTENT_VOLUMES),
            Watch::all(apis::PERSISTENT_VOLUME_CLAIMS),
        ]
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        items.push(change.name.clone());
        let document = change.new.as_ref().map(Object::json).unwrap_or_default();
        if change.api == apis::PERSISTENT_VOLUMES {
            self.volume(change, &document);
            // Whoever claims it, or could.
            let claim = claim_of(&document);
            match claim {
                Some(claim) => items.push(claim),
                None if change.new.is_some() => items.extend(self.waiting.iter().cloned()),
                None => {
                    let old = change.old.as_ref().map(Object::json).unwrap_or_default();
                    items.extend(claim_of(&old));
                }
            }
        } else {
            let volume = text(&document, &["spec", "volumeName"]);
            if change.new.is_some() && volume.is_empty() {
                self.waiting.insert(change.name.clone());
            } else {
                self.waiting.remove(&change.name);
            }
            let old = change.old.as_ref().map(Object::json).unwrap_or_default();
            for volume in [volume, text(&old, &["spec", "volumeName"])] {
                let name = Name::new("", volume);
                if view.get(&apis::PERSISTENT_VOLUMES, &name).is_some() {
                    items.push(name);
                }
            }
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        if item.namespace.is_empty() {
            self.look_at_volume(view, item, ambient)
        } else {
            self.look_at_claim(view, item, ambient)
        }
    }
}

/// The claim that a volume is reserved for.
fn claim_of(volume: &Value) -> Option<Name> {
    let of = |field: &str| text(volume, &["spec", "claimRef", field]);
    (!of("name").is_empty()).then(|| Name::new(of("namespace"), of("name")))
}

fn class(document: &Value) -> &str {
    text(document, &["spec", "storageClassName"])
}

impl PersistentVolumeBinder {
    fn volume(&mut self, change: &Change, document: &Value) {
        for free in self.free.values_mut() {
            free.remove(&change.name);
        }
        self.free.retain(|_, free| !free.is_empty());
        let old = change.old.as_ref().map(Object::json).unwrap_or_default();
        self.bound.remove(text(&old, &["spec", "claimRef", "uid"]));
        let uid = text(document, &["spec", "claimRef", "uid"]);
        if !uid.is_empty() {
            self.bound.insert(uid.into(), change.name.clone());
        }
        let goes = |object: &Object| object.meta().deletion_timestamp.is_some();
        let there = change.new.as_ref().is_some_and(|object| !goes(object));
        if there && uid.is_empty() {
            let of_class = self.free.entry(class(document).into()).or_default();
            of_class.insert(change.name.clone());
        }
    }

    fn look_at_claim(&self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::PERSISTENT_VOLUME_CLAIMS, item) else {
            return Outcome::done();
        };
        if object.meta().deletion_timestamp.is_some() {
            return Outcome::done();
        }
        let claim = object.json();
        let named = text(&claim, &["spec", "volumeName"]);
        if named.is_empty() {
            let Some(volume) = self.choose(view, item, object, &claim) else {
                return Outcome::calls(claim_phase(&claim, "Pending", None));
            };
            return bind(&claim, object, &volume);
        }
        let name = Name::new("", named);
        let Some(volume) = view.json(&apis::PERSISTENT_VOLUMES, &name) else {
            if !at(&claim, &["metadata", "annotations", COMPLETED]).is_string() {
                return Outcome::calls(claim_phase(&claim, "Pending", None));
            }
            // The volume was there when the claim was bound: is it gone, or not seen yet?
            if view.revision(&apis::PERSISTENT_VOLUMES) < Some(object.revision()) {
                return wait(ambient);
            }
            return Outcome::calls(claim_phase(&claim, "Lost", None));
        };
        match text(&volume, &["spec", "claimRef", "uid"]) {
            uid if uid == object.meta().uid => bind(&claim, object, &volume),
            "" if claim_of(&volume).is_none_or(|claim| claim == *item) => {
                bind(&claim, object, &volume)
            }
            // Somebody else's.
            _ => Outcome::calls(claim_phase(&claim, "Pending", None)),
        }
    }

    /// The volume that is this claim's already, or the smallest free one that does
    /// (`findMatchingVolume`).
    fn choose(&self, view: &View, item: &Item, claim: &Object, document: &Value) -> Option<Value> {
        let free = self.free.get(class(document));
        let names = free.into_iter().flatten();
        let volumes = names.filter_map(|name| view.json(&apis::PERSISTENT_VOLUMES, name));
        let mut fitting: Vec<_> = volumes
            .filter(|volume| claim_of(volume).is_none_or(|it| it == *item))
            .filter_map(|volume| Some((fits(&volume, document)?, volume)))
            .collect();
        // One that is reserved for it first, then by size, then by name.
        fitting.sort_by_key(|(size, volume)| (claim_of(volume).is_none(), *size));
        let mine = self.bound_to(view, &claim.meta().uid);
        mine.or_else(|| fitting.into_iter().next().map(|(_, volume)| volume))
    }

    /// The volume that was bound to the claim before the claim was: the second write is missing.
    fn bound_to(&self, view: &View, uid: &str) -> Option<Value> {
        view.json(&apis::PERSISTENT_VOLUMES, self.bound.get(uid)?)
    }

    fn look_at_volume(&self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::PERSISTENT_VOLUMES, item) else {
            return Outcome::done();
        };
        let volume = object.json();
        let uid = text(&volume, &["spec", "claimRef", "uid"]);
        let Some(claim) = claim_of(&volume).filter(|_| !uid.is_empty()) else {
            return Outcome::calls(volume_phase(&volume, "Available"));
        };
        let shown = view.get(&apis::PERSISTENT_VOLUME_CLAIMS, &claim);
        if shown.is_some_and(|it| it.meta().uid == uid) {
            return Outcome::calls(volume_phase(&volume, "Bound"));
        }
        // The claim was there when the volume was bound: is it gone, or not seen yet?
        if view.revision(&apis::PERSISTENT_VOLUME_CLAIMS) < Some(object.revision()) {
            return wait(ambient);
        }
        let mut calls = volume_phase(&volume, "Released");
        let deletes = text(&volume, &["spec", "persistentVolumeReclaimPolicy"]) == "Delete";
        if deletes && calls.is_empty() && object.meta().deletion_timestamp.is_none() {
            let options = DeleteOptions {
                uid: &object.meta().uid,
                resource_version: Some(object.revision()),
                ..DeleteOptions::default()
            };
            calls.push(Call::delete(
                &apis::PERSISTENT_VOLUMES,
                item,
                options.uid,
                options,
            ));
        }
        Outcome::calls(calls)
    }
}

fn wait(ambient: &Ambient) -> Outcome {
    Outcome::done().again_at(Time(ambient.now.0.saturating_add(WAIT_MICROSECONDS)))
}

/// What is missing of volume and claim being bound to each other, in order.
fn bind(claim: &Value, object: &Object, volume: &Value) -> Outcome {
    let (meta, mut calls) = (object.meta(), Vec::new());
    if text(volume, &["spec", "claimRef", "uid"]) != meta.uid {
        let mut volume = volume.clone();
        if claim_of(&volume).is_none() {
            annotate(&mut volume, BY_CONTROLLER);
        }
        volume["spec"]["claimRef"] = json!({
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": meta.namespace,
            "name": meta.name, "uid": meta.uid, "resourceVersion": object.revision().to_string(),
        });
        calls.push(Call::update(&apis::PERSISTENT_VOLUMES, &volume));
        // The rest when the volume is seen to be bound.
        return Outcome::calls(calls);
    }
    let name = text(volume, &["metadata", "name"]);
    if text(claim, &["metadata", "annotations", COMPLETED]) != "yes"
        || text(claim, &["spec", "volumeName"]) != name
    {
        let mut claim = claim.clone();
        if text(&claim, &["spec", "volumeName"]).is_empty() {
            annotate(&mut claim, BY_CONTROLLER);
        }
        annotate(&mut claim, COMPLETED);
        claim["spec"]["volumeName"] = name.into();
        calls.push(Call::update(&apis::PERSISTENT_VOLUME_CLAIMS, &claim));
        return Outcome::calls(calls);
    }
    Outcome::calls(claim_phase(claim, "Bound", Some(volume)))
}

fn annotate(document: &mut Value, annotation: &str) {
    let metadata = &mut document["metadata"];
    if !metadata["annotations"].is_object() {
        metadata["annotations"] = json!({});
    }
    metadata["annotations"][annotation] = "yes".into();
}

/// The write of a claim's status; none when it is so. A bound one has what its volume has.
fn claim_phase(claim: &Value, phase: &str, volume: Option<&Value>) -> Vec<Call> {
    let mut status = at(claim, &["status"]).clone();
    put(&mut status, "phase", phase.into());
    let of = |field: &str| volume.map_or(Value::Null, |it| at(it, &["spec", field]).clone());
    put(&mut status, "accessModes", of("accessModes"));
    put(&mut status, "capacity", of("capacity"));
    if same(at(claim, &["status"]), &status) {
        return Vec::new();
    }
    let mut claim = claim.clone();
    put(&mut claim, "status", status);
    vec![Call::update_status(&apis::PERSISTENT_VOLUME_CLAIMS, &claim)]
}

fn volume_phase(volume: &Value, phase: &str) -> Vec<Call> {
    if text(volume, &["status", "phase"]) == phase {
        return Vec::new();
    }
    let mut volume = volume.clone();
    volume["status"]["phase"] = phase.into();
    vec![Call::update_status(&apis::PERSISTENT_VOLUMES, &volume)]
}
