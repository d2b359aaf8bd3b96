//! One pod's way on its node: started, kept running, stopped
//! (`pkg/kubelet/kubelet.go`, `SyncPod` and `SyncTerminatingPod`).

use super::{
    Kubelet, Memory,
    container::{Kind, Spec},
    runtime::{PodConfig, Runtime, SandboxStatus},
    status,
};
use crate::{
    ambient::{Ambient, Time},
    controllers::{Call, DeleteOptions, EventType, Item, Outcome, Recorder, View, apis},
    kinds::document::{at, flag, list, number, text},
    object::Object,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use serde_json::{Value, json};

/// A look at one pod: what is done with its containers, and what is told of it.
pub(super) struct Look<'a, R> {
    pub(super) runtime: &'a mut R,
    pub(super) memory: &'a mut Memory,
    pub(super) pod: PodConfig<'a>,
    pub(super) document: &'a Value,
    pub(super) now: Time,
    /// Why a container waits: reason and message.
    pub(super) waiting: BTreeMap<String, (&'static str, String)>,
    /// When to look again.
    pub(super) again: Option<Time>,
    object: &'a Object,
    recorder: &'a Recorder,
    ambient: &'a Ambient,
    events: Vec<Call>,
}

impl<R: Runtime> Kubelet<R> {
    /// Brings the runtime to what the pod asks for, and the pod's status to what the runtime has.
    pub(super) fn sync(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::PODS, item) else {
            self.forget(item, "");
            return Outcome::done();
        };
        let uid = &object.meta().uid;
        if self.runtime.status(uid, ambient.now).is_none() {
            self.forget(item, uid);
        }
        let document = object.json();
        let host_address = self.address();
        let mut look = Look {
            pod: PodConfig {
                uid,
                name: item,
                annotations: at(&document, &["metadata", "annotations"]),
                network: self.network(),
                host_network: flag(&document, &["spec", "hostNetwork"]),
            },
            runtime: &mut self.runtime,
            memory: self.pods.entry(uid.clone()).or_default(),
            document: &document,
            now: ambient.now,
            waiting: BTreeMap::new(),
            again: None,
            object,
            recorder: &self.recorder,
            ambient,
            events: Vec::new(),
        };
        let deleted = object.meta().deletion_timestamp.is_some();
        let grace = if deleted {
            number(&document, &["metadata", "deletionGracePeriodSeconds"])
        } else if look.finished() {
            number(&document, &["spec", "terminationGracePeriodSeconds"])
        } else {
            None
        };
        if deleted || look.finished() {
            look.stop(grace.unwrap_or(30));
        } else {
            look.run();
        }
        look.outcome(deleted, &host_address)
    }

    /// Kills what runs under that name but for another pod than that of `uid`: it has been deleted
    /// by force, or while nobody was looking.
    fn forget(&mut self, item: &Item, uid: &str) {
        for (other, name) in self.runtime.sandboxes() {
            if name == *item && other != uid {
                self.runtime.remove(&other);
            }
        }
        let runtime = &self.runtime;
        if uid.is_empty() {
            let known = runtime.sandboxes();
            self.pods
                .retain(|uid, _| known.iter().any(|(other, _)| other == uid));
        }
    }
}

impl<'a, R: Runtime> Look<'a, R> {
    /// The pod has come to its end: nothing of it may run any more.
    fn finished(&self) -> bool {
        let phase = text(self.document, &["status", "phase"]);
        matches!(phase, "Failed" | "Succeeded")
    }

    /// What the runtime has of the pod.
    pub(super) fn sandbox(&self) -> Option<SandboxStatus> {
        self.runtime.status(self.pod.uid, self.now)
    }

    /// The containers, init containers first.
    pub(super) fn containers(&self) -> Vec<Spec<'a>> {
        let document = self.document;
        let init = list(document, &["spec", "initContainers"]).iter();
        let init = init.map(|container| {
            let sidecar = text(container, &["restartPolicy"]) == "Always";
            Spec::of(container, if sidecar { Kind::Sidecar } else { Kind::Init })
        });
        let main = list(document, &["spec", "containers"]).iter();
        init.chain(main.map(|container| Spec::of(container, Kind::Main)))
            .collect()
    }

    /// Starts what is to run and does not.
    fn run(&mut self) {
        self.runtime.run_sandbox(&self.pod, self.now);
        let policy = text(self.document, &["spec", "restartPolicy"]);
        let containers = self.containers();
        let sandbox = self.sandbox();
        let begun = sandbox.is_some_and(|sandbox| {
            let mut main = containers.iter().filter(|it| it.kind == Kind::Main);
            main.any(|it| sandbox.containers.contains_key(it.name))
        });
        for container in &containers {
            let go_on = match container.kind {
                Kind::Main => {
                    self.keep(container, |code| {
                        policy == "Always" || (policy == "OnFailure" && code != 0)
                    });
                    true
                }
                Kind::Sidecar => {
                    self.keep(container, |_| true);
                    begun || self.is(container, |code| code.is_none())
                }
                // Once the main containers have begun, what was before them is over.
                Kind::Init if begun => true,
                Kind::Init => {
                    self.keep(container, |code| policy != "Never" && code != 0);
                    self.is(container, |code| code == Some(0))
                }
            };
            if !go_on {
                break;
            }
        }
    }

    /// A container has been started, and its exit code (none while it runs) is so.
    fn is(&self, container: &Spec<'_>, so: impl Fn(Option<i32>) -> bool) -> bool {
        let sandbox = self.sandbox();
        let status = sandbox.and_then(|mut it| it.containers.remove(container.name));
        status.is_some_and(|it| so(it.exit.map(|exit| exit.code)))
    }

    /// Stops what runs.
    fn stop(&mut self, grace_seconds: i64) {
        let Some(sandbox) = self.sandbox() else {
            return;
        };
        let told = core::mem::replace(&mut self.memory.killing, true);
        for (name, status) in &sandbox.containers {
            if status.running() && !told {
                let message = format!("Stopping container {name}");
                self.event(EventType::Normal, "Killing", &message);
            }
            self.runtime.stop(&self.pod, name, grace_seconds, self.now);
        }
        let Some(sandbox) = self.sandbox() else {
            return;
        };
        for status in sandbox.containers.values().filter(|it| it.running()) {
            self.look_at(status.due);
        }
    }

    /// The pod's status as it is now, the events, and when nothing of a deleted pod is left, its
    /// removal.
    fn outcome(mut self, deleted: bool, host_address: &str) -> Outcome {
        let wanted = status::wanted(&mut self, deleted, host_address);
        let running = self
            .sandbox()
            .is_some_and(|sandbox| sandbox.containers.values().any(|it| it.running()));
        let mut calls = Vec::new();
        if let Some(status) = wanted {
            let patch = json!({"metadata": {"uid": self.pod.uid}, "status": status});
            let name = self.pod.name;
            calls.push(Call::strategic_patch(&apis::PODS, name, "status", &patch));
        } else if deleted && !running {
            calls.extend(self.removal());
        }
        calls.append(&mut self.events);
        let outcome = Outcome::calls(calls);
        match self.again {
            Some(time) => outcome.again_at(time),
            None => outcome,
        }
    }

    /// Nothing runs any more: the API may forget the pod. When it has been told so already, only
    /// finalizers keep the pod.
    fn removal(&self) -> Option<Call> {
        let grace = number(self.document, &["metadata", "deletionGracePeriodSeconds"]);
        if grace == Some(0) {
            return None;
        }
        let options = DeleteOptions {
            uid: self.pod.uid,
            grace_seconds: Some(0),
            ..DeleteOptions::default()
        };
        let call = Call::delete(&apis::PODS, self.pod.name, self.pod.uid, options);
        Some(Call {
            // It is marked already: only the next state shows that this has been done.
            awaited: Some(crate::controllers::Awaited::Newer(
                self.pod.name.clone(),
                self.object.revision(),
            )),
            ..call
        })
    }

    pub(super) fn look_at(&mut self, time: Option<Time>) {
        self.again = [self.again, time].into_iter().flatten().min();
    }

    pub(super) fn event(&mut self, kind: EventType, reason: &str, message: &str) {
        let number = u32::try_from(self.events.len()).unwrap_or_default();
        let about = (&apis::PODS, self.object);
        let time = (self.ambient, number);
        self.events
            .push(self.recorder.event(about, kind, reason, message, time));
    }

    /// `name_namespace(uid)`, as messages have it.
    pub(super) fn long_name(&self) -> String {
        let name = self.pod.name;
        format!("{}_{}({})", name.name, name.namespace, self.pod.uid)
    }
}
