//! Controllers: clients of the API server that turn what they have seen into requests.
//!
//! A [`Controller`] decides; a [`Worker`] around it keeps its [`View`] of the API, its work queue,
//! its back-off and the rule that an item is not looked at again before the view shows what was
//! last written for it. Both are deterministic machines: the server's driver feeds a worker from
//! real watches and sends its calls through the lifecycle, the checker does the same in every order
//! and with every delay.
//!
//! **Architecture invariant:** a controller reads nothing but its view and the clock it is given,
//! and changes the world by nothing but calls (a kubelet's container runtime is the one exception).
//! It has the rights of its user and no others.

pub mod apis;
pub mod cluster_role_aggregation;
pub mod cron_job;
pub mod daemon_set;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod endpoints;
pub mod garbage_collector;
pub mod job;
pub mod kubelet;
pub mod leader;
pub mod namespace;
pub mod node_lifecycle;
pub mod persistent_volume_binder;
pub mod pod_garbage_collector;
pub mod proxy;
pub mod replica_set;
pub mod resource_quota;
pub mod root_ca;
pub mod scheduler;
pub mod service_account;
pub mod stateful_set;
pub mod ttl_after_finished;

mod api;
mod backends;
mod call;
mod event;
mod queue;
mod taint;
mod view;
mod worker;
mod workload;

#[cfg(test)]
mod tests;

pub use api::{Api, Name, Watch};
pub use call::{Answer, Awaited, Call, DeleteOptions};
pub use event::{EventType, Recorder};
pub use queue::Item;
pub use view::{Change, View};
pub use worker::{Todo, Worker};

use crate::{
    ambient::{Ambient, Time},
    config::User,
};
use alloc::{boxed::Box, vec::Vec};

/// A controller: what it wants to see, what it looks at when something changes, what it does about
/// it.
pub trait Controller {
    /// Its name: `deployment-controller`.
    fn name(&self) -> &'static str;

    /// Who it is for authentication and authorization.
    fn user(&self) -> User;

    /// Who it watches as: where its own user may only write, the manager of all controllers, whose
    /// watches kube-controller-manager's controllers share.
    fn watches_as(&self) -> User {
        self.user()
    }

    /// What it watches. [`Controller::reconcile`] is not called before all of it has been listed.
    fn watches(&self) -> Vec<Watch>;

    /// What it looks at first, even if nothing that it watches is there.
    fn first(&self) -> Vec<Item> {
        Vec::new()
    }

    /// Something that it watches has changed, and `view` shows it: the items that have to be looked
    /// at because of that go into `items`.
    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>);

    /// Looks at an item: the calls that bring the world nearer to what it should be. They are sent
    /// one after another until one fails; then, or when the item changes, it is looked at again.
    ///
    /// It must be level-based: what it does follows from the state that it sees, not from how it
    /// came about; anything may have been done already, and calls may have been lost.
    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome;

    /// A call that a look at `item` has sent was answered, or will not be (code 0). For those who
    /// ask the store itself, or want to know why something failed; what is remembered of it must be
    /// such that it can be lost, since it is at a restart.
    fn answered(&mut self, _item: &Item, _call: &Call, _answer: &Answer) {}
}

/// What a look at an item came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// What is to be sent, in order.
    pub calls: Vec<Call>,
    /// When the item is to be looked at again even if nothing changes.
    pub again: Option<Time>,
}

impl Outcome {
    /// Nothing is to be done.
    #[must_use]
    pub fn done() -> Outcome {
        Outcome::default()
    }

    /// These calls are to be sent.
    #[must_use]
    pub fn calls(calls: Vec<Call>) -> Outcome {
        Outcome { calls, again: None }
    }

    /// The same, and another look at `time`.
    #[must_use]
    pub fn again_at(mut self, time: Time) -> Outcome {
        self.again = Some(self.again.map_or(time, |other| other.min(time)));
        self
    }
}

impl<C: Controller + ?Sized> Controller for Box<C> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn user(&self) -> User {
        (**self).user()
    }

    fn watches_as(&self) -> User {
        (**self).watches_as()
    }

    fn watches(&self) -> Vec<Watch> {
        (**self).watches()
    }

    fn first(&self) -> Vec<Item> {
        (**self).first()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        (**self).observe(view, change, items);
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        (**self).reconcile(view, item, ambient)
    }

    fn answered(&mut self, item: &Item, call: &Call, answer: &Answer) {
        (**self).answered(item, call, answer);
    }
}

/// The user of a controller that runs as a service account of `kube-system`, as
/// kube-controller-manager's do with `--use-service-account-credentials`; the bootstrap roles
/// `system:controller:…` are bound to them.
#[must_use]
pub fn service_account(name: &str) -> User {
    const NAMESPACE: &str = "kube-system";
    User {
        name: alloc::format!("system:serviceaccount:{NAMESPACE}:{name}"),
        groups: [
            "system:serviceaccounts".into(),
            alloc::format!("system:serviceaccounts:{NAMESPACE}"),
        ]
        .into(),
        ..User::default()
    }
}

/// The user `system:kube-controller-manager`, who may list and watch everything.
#[must_use]
pub fn controller_manager() -> User {
    User {
        name: "system:kube-controller-manager".into(),
        ..User::default()
    }
}
