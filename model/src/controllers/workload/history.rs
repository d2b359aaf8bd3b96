//! ControllerRevisions: the templates that a DaemonSet or StatefulSet has had.
//!
//! Origin: `pkg/controller/history`.

use super::{Orphans, Owner, claim, cut, hash};
use crate::{
    controllers::{Call, DeleteOptions, Name, View, apis},
    kinds::document::{at, number, put, remove, same, text},
    object::Object,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// What of a set's name is in its revisions' names (`ControllerRevisionName`).
const LONGEST_PREFIX: usize = 223;

/// A template, and when it was the newest.
#[derive(Clone, Debug, Default)]
pub(in crate::controllers) struct Revision {
    pub(in crate::controllers) name: String,
    pub(in crate::controllers) number: i64,
    /// What the label of the set's pods can say of it.
    pub(in crate::controllers) hash: String,
    pub(in crate::controllers) template: Value,
    uid: String,
}

/// All of them, and what makes them so.
#[derive(Default)]
pub(in crate::controllers) struct History {
    /// The oldest first, without the current one.
    pub(in crate::controllers) old: Vec<Revision>,
    /// The one that has the set's template; none when its name is taken by something else, which
    /// the set has to count as a collision.
    pub(in crate::controllers) current: Option<Revision>,
    pub(in crate::controllers) calls: Vec<Call>,
}

/// The history of a set whose revisions carry their hash in `label`.
pub(in crate::controllers) fn history(
    view: &View,
    (owner, set): (Owner<'_>, &Value),
    orphans: &Orphans,
    label: &str,
) -> History {
    let claimed = claim(view, owner, &apis::CONTROLLER_REVISIONS, orphans, |_| true);
    let read = |object: &&Object| Revision::read(&object.json(), label);
    let mut old: Vec<Revision> = claimed.objects.iter().map(read).collect();
    old.sort_by(|one, other| (one.number, &one.name).cmp(&(other.number, &other.name)));
    let mut history = History {
        calls: claimed.calls,
        ..History::default()
    };
    let template = at(set, &["spec", "template"]);
    let found = old.iter().rposition(|one| same(&one.template, template));
    let mut current = found.map(|found| old.remove(found));
    let last = old.last().map_or(0, |last| last.number);
    let next = last.saturating_add(1);
    match &mut current {
        Some(current) if current.number < next => {
            let name = Name::new(&owner.object.meta().namespace, &current.name);
            let patch = json!({"revision": next});
            let call = Call::merge_patch(&apis::CONTROLLER_REVISIONS, &name, "", &patch);
            history.calls.push(call);
            current.number = next;
        }
        Some(_) => {}
        None => current = make(view, (owner, set), (label, next), &mut history.calls),
    }
    history.old = old;
    history.current = current;
    history
}

fn make(
    view: &View,
    (owner, set): (Owner<'_>, &Value),
    (label, number): (&str, i64),
    calls: &mut Vec<Call>,
) -> Option<Revision> {
    let meta = owner.object.meta();
    let template = at(set, &["spec", "template"]);
    let collisions = collisions(set);
    let hash = hash(template, collisions);
    let name = format!("{}-{hash}", cut(&meta.name, LONGEST_PREFIX));
    let full = Name::new(&meta.namespace, &name);
    if view.get(&apis::CONTROLLER_REVISIONS, &full).is_some() {
        return None;
    }
    let mut data = template.clone();
    put(&mut data, "$patch", json!("replace"));
    let mut labels = at(template, &["metadata", "labels"]).clone();
    put(&mut labels, label, json!(hash));
    let mut metadata = json!({
        "name": name, "namespace": meta.namespace, "labels": labels,
        "ownerReferences": [owner.reference()],
    });
    let annotations = at(set, &["metadata", "annotations"]).clone();
    put(&mut metadata, "annotations", annotations);
    let revision = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": metadata,
        "revision": number, "data": {"spec": {"template": data}},
    });
    let call = Call::create(&apis::CONTROLLER_REVISIONS, &meta.namespace, &revision);
    calls.push(call);
    Some(Revision::read(&revision, label))
}

/// `status.collisionCount`
pub(in crate::controllers) fn collisions(set: &Value) -> i64 {
    number(set, &["status", "collisionCount"]).unwrap_or_default()
}

impl Revision {
    fn read(document: &Value, label: &str) -> Revision {
        let mut template = at(document, &["data", "spec", "template"]).clone();
        remove(&mut template, "$patch");
        let read = |path: &[&str]| text(document, path).to_string();
        Revision {
            name: read(&["metadata", "name"]),
            number: number(document, &["revision"]).unwrap_or_default(),
            hash: read(&["metadata", "labels", label]),
            template,
            uid: read(&["metadata", "uid"]),
        }
    }
}

impl History {
    /// The oldest beyond `limit` go, but for those that `used` holds for.
    pub(in crate::controllers) fn surplus(
        &self,
        namespace: &str,
        limit: i64,
        used: impl Fn(&Revision) -> bool,
    ) -> Vec<Call> {
        let surplus = super::count(&self.old) - limit;
        let unused = self.old.iter().filter(|one| !used(one));
        let surplus = usize::try_from(surplus).unwrap_or_default();
        let delete = |one: &Revision| {
            let options = DeleteOptions {
                uid: &one.uid,
                ..DeleteOptions::default()
            };
            let name = Name::new(namespace, &one.name);
            Call::delete(&apis::CONTROLLER_REVISIONS, &name, &one.uid, options)
        };
        unused.take(surplus).map(delete).collect()
    }
}
