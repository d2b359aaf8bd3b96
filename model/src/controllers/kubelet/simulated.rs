//! A container runtime that runs nothing: it keeps what would run, and a pod's annotations say how
//! that behaves. Without any, containers start at once, are ready and run for ever; init containers
//! end with success at once.
//!
//! | annotation `runtime.trueplane.dev/…` | meaning |
//! | --- | --- |
//! | `start-delay: 2s` | the image is pulled for so long before the first start |
//! | `image-pull-error: TEXT` | the image cannot be pulled, for that reason |
//! | `run-for: 10s` | a container ends after so long, with `exit-code` or 0 |
//! | `crash-after: 10s` | the same, with `exit-code` or 1 |
//! | `exit-code: 3` | the code; without a time, the container ends at once |
//! | `crash-times: 2` | only so many attempts end; the one after them runs for ever |
//! | `not-ready: true` | a running container is not ready |
//! | `ready-after: 5s` | nor is it before so long |
//! | `stop-delay: 20s` | when asked to stop, a container ends after so long; past the grace period it is killed, with code 137 |
//!
//! They are about all containers but init containers; with `.NAME` behind (`run-for.db`), about the
//! (init) container of that name. Durations are numbers with `ms`, `s`, `m` or `h`. They are read
//! when something is done, so `kubectl annotate` steers pods that run: readiness at once, the rest
//! at the next start or pull.

use super::runtime::{
    ContainerConfig, ContainerStatus, Ended, Exit, PodConfig, Pull, Runtime, SandboxStatus, address,
};
use crate::{ambient::Time, controllers::Name, kinds::document::at};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the annotations begin with.
pub const PREFIX: &str = "runtime.trueplane.dev/";

/// The simulated runtime of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SimulatedRuntime {
    sandboxes: BTreeMap<String, Sandbox>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sandbox {
    name: Name,
    /// The number of the address in the node's range; 0 when it has none of its own.
    host: u32,
    address: String,
    /// The pod has come to its end: when its containers have too, its address is free.
    over: bool,
    /// When the pull of a container's image began.
    pulls: BTreeMap<String, Time>,
    containers: BTreeMap<String, Container>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Container {
    image: String,
    attempt: u32,
    crashes: u32,
    started: Time,
    /// How and when it ends, as far as that is decided.
    end: Option<Exit>,
    last: Option<Ended>,
}

impl SimulatedRuntime {
    /// A runtime without pods.
    #[must_use]
    pub fn new() -> SimulatedRuntime {
        SimulatedRuntime::default()
    }

    /// A running container ends now with that code, as if it had crashed.
    pub fn crash(&mut self, uid: &str, container: &str, code: i32, now: Time) {
        let sandbox = self.sandboxes.get_mut(uid);
        if let Some(it) = sandbox.and_then(|it| it.containers.get_mut(container)) {
            it.end_by(Exit { time: now, code });
        }
    }
}

/// The last address of a node's pods.
const MOST_HOSTS: u32 = 254;

impl Sandbox {
    fn has_address(&self, now: Time) -> bool {
        let mut containers = self.containers.values();
        !self.over || containers.any(|container| container.ended(now).is_none())
    }
}

impl Container {
    fn end_by(&mut self, exit: Exit) {
        if self.end.as_ref().is_none_or(|end| end.time > exit.time) {
            self.end = Some(exit);
        }
    }

    fn ended(&self, now: Time) -> Option<&Exit> {
        self.end.as_ref().filter(|end| end.time <= now)
    }
}

impl Runtime for SimulatedRuntime {
    fn version(&self) -> (&'static str, &'static str) {
        ("simulated", "1.0")
    }

    fn sandboxes(&self) -> Vec<(String, Name)> {
        let sandboxes = self.sandboxes.iter();
        let names = sandboxes.map(|(uid, sandbox)| (uid.clone(), sandbox.name.clone()));
        names.collect()
    }

    fn status(&self, uid: &str, now: Time) -> Option<SandboxStatus> {
        let sandbox = self.sandboxes.get(uid)?;
        let containers = sandbox.containers.iter().map(|(name, container)| {
            let status = ContainerStatus {
                id: id(uid, name, container.attempt),
                image_id: image_id(&container.image),
                attempt: container.attempt,
                crashes: container.crashes,
                started: container.started,
                exit: container.ended(now).cloned(),
                last: container.last.clone(),
                due: container.end.as_ref().map(|end| end.time),
            };
            (name.clone(), status)
        });
        Some(SandboxStatus {
            address: sandbox.address.clone(),
            containers: containers.collect(),
        })
    }

    fn run_sandbox(&mut self, pod: &PodConfig<'_>, now: Time) {
        if self.sandboxes.contains_key(pod.uid) {
            return;
        }
        let (mut host, mut text) = (0, String::new());
        if !pod.host_network {
            // The network's own address and the bridge's are not given to pods.
            let sandboxes = self.sandboxes.values().filter(|it| it.has_address(now));
            let used: BTreeSet<u32> = sandboxes.map(|other| other.host).collect();
            host = (2..MOST_HOSTS)
                .find(|it| !used.contains(it))
                .unwrap_or(MOST_HOSTS);
            text = address(pod.network, host);
        }
        let sandbox = Sandbox {
            name: pod.name.clone(),
            host,
            address: text,
            over: false,
            pulls: BTreeMap::new(),
            containers: BTreeMap::new(),
        };
        self.sandboxes.insert(pod.uid.to_owned(), sandbox);
    }

    fn pull(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) -> Pull {
        let steering = Steering::of(pod, container.name, container.init);
        if let Some(why) = steering.text("image-pull-error") {
            return Pull::Failed(why.to_owned());
        }
        let first = container.attempt == 0;
        let (Some(delay), Some(sandbox), true) = (
            steering.duration("start-delay"),
            self.sandboxes.get_mut(pod.uid),
            first,
        ) else {
            return Pull::Present;
        };
        let began = !sandbox.pulls.contains_key(container.name);
        let since = *sandbox
            .pulls
            .entry(container.name.to_owned())
            .or_insert(now);
        let until = Time(since.0.saturating_add(delay));
        if until <= now {
            Pull::Pulled(delay)
        } else {
            Pull::Pulling { until, began }
        }
    }

    fn start(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) {
        let Some(sandbox) = self.sandboxes.get_mut(pod.uid) else {
            return;
        };
        let before = sandbox.containers.get(container.name);
        let last = match before {
            Some(before) => match before.ended(now) {
                Some(exit) => Some(Ended {
                    id: id(pod.uid, container.name, before.attempt),
                    started: before.started,
                    exit: exit.clone(),
                }),
                None => return,
            },
            None => None,
        };
        let started = Container {
            image: container.image.to_owned(),
            attempt: container.attempt,
            crashes: container.crashes,
            started: now,
            end: Steering::of(pod, container.name, container.init).end(container.attempt, now),
            last,
        };
        let name = container.name.to_owned();
        sandbox.containers.insert(name, started);
    }

    fn ready(&self, pod: &PodConfig<'_>, container: &str, now: Time) -> (bool, Option<Time>) {
        let steering = Steering::of(pod, container, false);
        if steering.text("not-ready") == Some("true") {
            return (false, None);
        }
        let sandbox = self.sandboxes.get(pod.uid);
        let started = sandbox.and_then(|it| Some(it.containers.get(container)?.started));
        match (started, steering.duration("ready-after")) {
            (Some(started), Some(delay)) => {
                let time = Time(started.0.saturating_add(delay));
                (time <= now, (time > now).then_some(time))
            }
            (started, _) => (started.is_some(), None),
        }
    }

    fn stop(&mut self, pod: &PodConfig<'_>, container: &str, grace_seconds: i64, now: Time) {
        let steering = Steering::of(pod, container, false);
        let takes = steering.duration("stop-delay").unwrap_or_default();
        let grace = grace_seconds.saturating_mul(1_000_000).max(0);
        let Some(sandbox) = self.sandboxes.get_mut(pod.uid) else {
            return;
        };
        sandbox.over = true;
        let Some(it) = sandbox.containers.get_mut(container) else {
            return;
        };
        let (after, code) = if takes <= grace {
            (takes, 0)
        } else {
            (grace, 137)
        };
        it.end_by(Exit {
            time: Time(now.0.saturating_add(after)),
            code,
        });
    }

    fn remove(&mut self, uid: &str) {
        self.sandboxes.remove(uid);
    }
}

/// What a pod's annotations say about a container.
struct Steering<'a> {
    annotations: &'a Value,
    container: &'a str,
    init: bool,
}

impl<'a> Steering<'a> {
    fn of(pod: &PodConfig<'a>, container: &'a str, init: bool) -> Steering<'a> {
        Steering {
            annotations: pod.annotations,
            container,
            init,
        }
    }

    fn text(&self, what: &str) -> Option<&'a str> {
        let own = format!("{PREFIX}{what}.{}", self.container);
        let own = at(self.annotations, &[&own]).as_str();
        let general = format!("{PREFIX}{what}");
        own.or_else(|| {
            at(self.annotations, &[&general])
                .as_str()
                .filter(|_| !self.init)
        })
    }

    fn duration(&self, what: &str) -> Option<i64> {
        self.text(what).and_then(microseconds)
    }

    fn number(&self, what: &str) -> Option<u32> {
        self.text(what).and_then(|text| text.parse().ok())
    }

    /// How and when an attempt that is started now ends.
    fn end(&self, attempt: u32, now: Time) -> Option<Exit> {
        let code = self.text("exit-code").and_then(|text| text.parse().ok());
        let after = |delay: i64| Time(now.0.saturating_add(delay));
        if self
            .number("crash-times")
            .is_some_and(|times| attempt >= times)
        {
            return None;
        }
        let (delay, code) = if let Some(delay) = self.duration("crash-after") {
            (delay, code.unwrap_or(1))
        } else if let Some(delay) = self.duration("run-for") {
            (delay, code.unwrap_or(0))
        } else if let Some(code) = code {
            (0, code)
        } else if self.init {
            (0, 0)
        } else {
            return None;
        };
        Some(Exit {
            time: after(delay),
            code,
        })
    }
}

/// `500ms`, `2s`, `1m`, `1h` as microseconds.
fn microseconds(text: &str) -> Option<i64> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 1_000,
        "" | "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(factor)
}

fn id(uid: &str, container: &str, attempt: u32) -> String {
    format!(
        "simulated://{}",
        digest(&format!("{uid}/{container}/{attempt}"))
    )
}

fn image_id(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    format!("{name}@sha256:{}", digest(image))
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
