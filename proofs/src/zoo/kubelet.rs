//! What really runs on a node, whatever its kubelet believes.

use model::{
    ambient::Time,
    controllers::{
        Name,
        kubelet::{ContainerConfig, PodConfig, Pull, Runtime, SandboxStatus},
    },
};
use std::collections::BTreeMap;

/// A runtime, and a count of the instances that it has started and not ended, by the uid of the pod
/// and the container's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger<R> {
    runtime: R,
    instances: BTreeMap<(String, String), u8>,
}

impl<R: Runtime> Ledger<R> {
    /// Of a runtime that runs nothing yet.
    #[must_use]
    pub fn new(runtime: R) -> Ledger<R> {
        Ledger {
            runtime,
            instances: BTreeMap::new(),
        }
    }

    /// How many instances of each container run.
    pub fn instances(&self) -> impl Iterator<Item = (&(String, String), u8)> {
        self.instances.iter().map(|(name, count)| (name, *count))
    }

    /// The fault: what runs goes on, and the kubelet is given a runtime that knows nothing of it.
    #[must_use]
    pub fn forgetting(&self, runtime: R) -> Ledger<R> {
        Ledger {
            runtime,
            instances: self.instances.clone(),
        }
    }

    fn runs(&self, uid: &str, container: &str, now: Time) -> bool {
        let status = self.runtime.status(uid, now);
        status.is_some_and(|it| it.containers.get(container).is_some_and(|it| it.running()))
    }

    fn count(&mut self, uid: &str, container: &str, change: i8) {
        let name = (uid.to_owned(), container.to_owned());
        let count = self.instances.entry(name.clone()).or_default();
        *count = count.saturating_add_signed(change);
        if *count == 0 {
            self.instances.remove(&name);
        }
    }
}

impl<R: Runtime> Runtime for Ledger<R> {
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
        self.runtime.run_sandbox(pod, now);
    }

    fn pull(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) -> Pull {
        self.runtime.pull(pod, container, now)
    }

    fn start(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) {
        let before = self.runs(pod.uid, container.name, now);
        self.runtime.start(pod, container, now);
        if !before {
            self.count(pod.uid, container.name, 1);
        }
    }

    fn ready(&self, pod: &PodConfig<'_>, container: &str, now: Time) -> (bool, Option<Time>) {
        self.runtime.ready(pod, container, now)
    }

    fn stop(&mut self, pod: &PodConfig<'_>, container: &str, grace_seconds: i64, now: Time) {
        let before = self.runs(pod.uid, container, now);
        self.runtime.stop(pod, container, grace_seconds, now);
        if before && !self.runs(pod.uid, container, now) {
            self.count(pod.uid, container, -1);
        }
    }

    fn remove(&mut self, uid: &str) {
        self.runtime.remove(uid);
        self.instances.retain(|(of, _), _| of != uid);
    }
}
