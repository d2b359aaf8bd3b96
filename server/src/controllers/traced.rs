//! What happens on a node without a request: containers start and stop, a proxy forwards to others
//! than before. The trace is told of it.

use crate::trace::{Entry, Trace, What};
use model::{
    ambient::{Ambient, Time},
    config::User,
    controllers::{
        Change, Controller, Item, Name, Outcome, View, Watch,
        kubelet::{ContainerConfig, PodConfig, Pull, Runtime, SandboxStatus},
        proxy::Proxy,
    },
};
use std::{collections::BTreeSet, sync::Arc};

/// A container runtime whose doings are remembered.
pub(super) struct TracedRuntime<R> {
    pub(super) runtime: R,
    pub(super) node: String,
    pub(super) trace: Arc<Trace>,
}

impl<R> TracedRuntime<R> {
    fn did(&self, uid: &str, done: String, at: Time) {
        let what = What::Runtime {
            node: self.node.clone(),
            uid: uid.to_owned(),
            done,
        };
        self.trace.add(Entry { at, what });
    }
}

impl<R: Runtime> Runtime for TracedRuntime<R> {
    fn version(&self) -> (&'static str, &'static str) {
        self.runtime.version()
    }

    fn sandboxes(&self) -> Vec<(String, Name)> {
        self.runtime.sandboxes()
    }

    fn status(&self, uid: &str, now: Time) -> Option<SandboxStatus> {
        self.runtime.status(uid, now)
    }

    fn run_sandbox(&mut self, pod: &PodConfig<'_>, now: Time) {
        if self.runtime.status(pod.uid, now).is_none() {
            self.did(pod.uid, "run sandbox".to_owned(), now);
        }
        self.runtime.run_sandbox(pod, now);
    }

    fn pull(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) -> Pull {
        self.runtime.pull(pod, container, now)
    }

    fn start(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) {
        self.did(pod.uid, format!("start container {}", container.name), now);
        self.runtime.start(pod, container, now);
    }

    fn ready(&self, pod: &PodConfig<'_>, container: &str, now: Time) -> (bool, Option<Time>) {
        self.runtime.ready(pod, container, now)
    }

    fn stop(&mut self, pod: &PodConfig<'_>, container: &str, grace_seconds: i64, now: Time) {
        self.did(pod.uid, format!("stop container {container}"), now);
        self.runtime.stop(pod, container, grace_seconds, now);
    }

    fn remove(&mut self, uid: &str) {
        self.runtime.remove(uid);
    }
}

/// A proxy whose table can be asked for, and whose changes are remembered.
pub(super) struct TracedProxy {
    pub(super) proxy: Proxy,
    pub(super) trace: Arc<Trace>,
}

impl TracedProxy {
    /// Where the connections to a Service go, without repetitions.
    fn endpoints(&self, service: &Item) -> Vec<String> {
        let rules = self.proxy.table().of(service).iter();
        let endpoints: BTreeSet<String> = rules.flat_map(|it| it.endpoints.clone()).collect();
        endpoints.into_iter().collect()
    }
}

impl Controller for TracedProxy {
    fn name(&self) -> &'static str {
        self.proxy.name()
    }

    fn user(&self) -> User {
        self.proxy.user()
    }

    fn watches(&self) -> Vec<Watch> {
        self.proxy.watches()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        self.proxy.observe(view, change, items);
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let before = self.endpoints(item);
        let outcome = self.proxy.reconcile(view, item, ambient);
        let addresses = self.endpoints(item);
        if addresses != before {
            let what = What::Rules {
                node: self.proxy.node().to_owned(),
                service: item.to_string(),
                addresses,
            };
            let at = ambient.now;
            self.trace.add(Entry { at, what });
        }
        let table = self.proxy.table().to_string();
        self.trace.set_table(self.proxy.node(), table);
        outcome
    }
}
