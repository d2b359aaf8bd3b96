//! The namespace controller: a namespace that is being deleted is emptied, then it may go.
//!
//! What is left is asked of the store, by deleting it, and not of the view alone, which may lag
//! behind: the namespace goes when every resource has answered that there is nothing. Pods go
//! first, so that what protects them (NetworkPolicies) stays until they are gone (KEP-5080).
//!
//! Origin: `pkg/controller/namespace/deletion/namespaced_resources_deleter.go`.

mod conditions;

use super::{
    Answer, Api, Call, Change, Controller, Item, Outcome, View, Watch, apis, service_account,
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::{
        document::{list, put},
        namespace::FINALIZER,
    },
};
use alloc::{collections::BTreeMap, string::String, sync::Arc, vec, vec::Vec};
use conditions::Remaining;
use serde_json::{Value, json};

/// After the second time that a resource was not empty, it is asked again after this long.
const WAIT_MICROSECONDS: i64 = 1_000_000;

/// Looks at namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespaces {
    resources: Arc<[Api]>,
    /// Namespace → what is known of its end.
    sweeps: BTreeMap<Item, Sweep>,
}

/// How far the end of a namespace is. All of it is lost at a restart, and asked again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sweep {
    /// The uid of the namespace: one of the same name may come after it.
    uid: String,
    /// The store has been asked whether that namespace is still there; false when it is not.
    live: Option<bool>,
    asked: BTreeMap<Api, Asked>,
}

/// A resource whose objects in the namespace were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    at: Time,
    found: Found,
    /// How often it was asked without being empty.
    tries: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Found {
    /// No answer yet.
    Unknown,
    Empty,
    /// There was something; now it is gone or marked for deletion.
    Left,
    Failed(String),
}

impl Namespaces {
    /// Empties namespaces of these resources: [`Api::deletable`] of what is served (those without
    /// namespace are left out).
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = Api>) -> Namespaces {
        let namespaced = resources.into_iter().filter(|api| api.namespaced);
        Namespaces {
            resources: namespaced.collect(),
            sweeps: BTreeMap::new(),
        }
    }
}

impl Controller for Namespaces {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        let namespaces = core::iter::once(Watch::all(apis::NAMESPACES));
        namespaces
            .chain(self.resources.iter().cloned().map(Watch::all))
            .collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NAMESPACES {
            items.push(change.name.clone());
            return;
        }
        let namespace = Item::new("", &change.name.namespace);
        let object = view.get(&apis::NAMESPACES, &namespace);
        if object.is_some_and(|object| object.meta().deletion_timestamp.is_some()) {
            items.push(namespace);
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let going = view
            .get(&apis::NAMESPACES, item)
            .filter(|object| object.meta().deletion_timestamp.is_some());
        let Some(object) = going else {
            self.sweeps.remove(item);
            return Outcome::done();
        };
        let namespace = object.json();
        if !list(&namespace, &["spec", "finalizers"]).contains(&json!(FINALIZER)) {
            return Outcome::done();
        }
        let uid = &object.meta().uid;
        let sweep = self
            .sweeps
            .entry(item.clone())
            .or_insert_with(|| Sweep::new(uid));
        if sweep.uid != *uid {
            *sweep = Sweep::new(uid);
        }
        match sweep.live {
            None => {
                let call = Call::get(&apis::NAMESPACES, item);
                return Outcome::calls(vec![call]).again_at(ambient.now);
            }
            // The view will show it.
            Some(false) => return Outcome::done(),
            Some(true) => {}
        }
        let remaining = Remaining::of(view, &self.resources, &item.name);
        sweep.go_on(
            &self.resources,
            &remaining,
            &namespace,
            item,
            object.revision(),
            ambient,
        )
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        let Some(sweep) = self.sweeps.get_mut(item) else {
            return;
        };
        if call.method == "GET" {
            let told = answer.succeeded() || answer.code == 404;
            sweep.live = told.then(|| answer.uid == sweep.uid);
            return;
        }
        let collection = call.about.collection(&item.name);
        let asked = sweep.asked.get_mut(&call.about);
        let Some(asked) = asked.filter(|_| call.method == "DELETE" && call.path == collection)
        else {
            return;
        };
        asked.found = match answer.succeeded() {
            true if answer.items == 0 => Found::Empty,
            true => Found::Left,
            false => Found::Failed(answer.why.clone()),
        };
        asked.tries = match asked.found {
            Found::Empty => 0,
            _ => asked.tries.saturating_add(1),
        };
    }
}

impl Sweep {
    fn new(uid: &str) -> Sweep {
        Sweep {
            uid: uid.into(),
            live: None,
            asked: BTreeMap::new(),
        }
    }

    fn go_on(
        &mut self,
        resources: &[Api],
        remaining: &Remaining,
        namespace: &Value,
        item: &Item,
        seen: crate::etcd::Revision,
        ambient: &Ambient,
    ) -> Outcome {
        let wanted: Vec<&Api> = if remaining.is_empty() {
            let not_empty = |api: &&Api| !self.is_empty(api);
            resources.iter().filter(not_empty).collect()
        } else {
            remaining.to_delete().collect()
        };
        if remaining.is_empty() && wanted.is_empty() {
            return Outcome::calls(vec![finalize(namespace, item, seen)]);
        }
        let mut outcome = Outcome::done();
        let mut failures = Vec::new();
        for api in wanted {
            match self.asked.get(api) {
                Some(asked) if asked.due() > ambient.now => outcome = outcome.again_at(asked.due()),
                _ => outcome.calls.push(self.ask(api, item, ambient.now)),
            }
        }
        for (api, asked) in &self.asked {
            if let (Found::Failed(why), true) = (&asked.found, asked.tries > 1) {
                failures.push((api, why.as_str()));
            }
        }
        if outcome.calls.is_empty() || !failures.is_empty() {
            let status = conditions::update(namespace, remaining, &failures, ambient);
            outcome.calls.splice(0..0, status);
        }
        if outcome.calls.iter().any(|call| call.method == "DELETE") {
            outcome = outcome.again_at(ambient.now);
        }
        outcome
    }

    fn is_empty(&self, api: &Api) -> bool {
        let asked = self.asked.get(api);
        asked.is_some_and(|asked| asked.found == Found::Empty)
    }

    /// Deletes the objects of a resource. When that fails, the others are deleted all the same.
    fn ask(&mut self, api: &Api, item: &Item, now: Time) -> Call {
        let asked = self.asked.entry(api.clone()).or_insert(Asked {
            at: now,
            found: Found::Unknown,
            tries: 0,
        });
        asked.at = now;
        asked.found = Found::Unknown;
        Call::delete_collection(api, &item.name).optional()
    }
}

impl Asked {
    /// When it may be asked again: the second time at once, since what was there has gone
    /// meanwhile, mostly.
    fn due(&self) -> Time {
        match self.tries {
            0 | 1 => self.at,
            _ => Time(self.at.0.saturating_add(WAIT_MICROSECONDS)),
        }
    }
}

/// Takes the finalizer of the content away: with the last one the namespace goes.
fn finalize(namespace: &Value, item: &Item, seen: crate::etcd::Revision) -> Call {
    let mut namespace = namespace.clone();
    let mut finalizers = list(&namespace, &["spec", "finalizers"]).to_vec();
    finalizers.retain(|it| it != FINALIZER);
    put(&mut namespace["spec"], "finalizers", finalizers.into());
    Call {
        awaited: Some(super::Awaited::Newer(item.clone(), seen)),
        ..Call::put(&apis::NAMESPACES, item, "finalize", &namespace)
    }
}
