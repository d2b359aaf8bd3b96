//! One container: started, started again after a while, or never
//! (`pkg/kubelet/kuberuntime/kuberuntime_manager.go`, `pkg/kubelet/images/image_manager.go`).

use super::{
    PullFailure,
    pod::Look,
    runtime::{ContainerConfig, ContainerStatus, Exit, Pull, Runtime},
};
use crate::{
    ambient::Time,
    controllers::EventType::{Normal, Warning},
    kinds::document::{list, text},
};
use alloc::{borrow::ToOwned, format, string::String};
use serde_json::Value;

/// The first delay before a container or a pull is tried again, in seconds; it doubles.
const BACK_OFF_SECONDS: i64 = 10;
/// The longest.
const LONGEST_BACK_OFF_SECONDS: i64 = 300;
/// A container that has run for twice that long begins anew.
const CALM_MICROSECONDS: i64 = 2 * LONGEST_BACK_OFF_SECONDS * 1_000_000;

/// A container as the pod has it.
#[derive(Clone, Copy)]
pub(super) struct Spec<'a> {
    pub(super) name: &'a str,
    pub(super) image: &'a str,
    pub(super) kind: Kind,
}

/// What a container is in its pod.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Must end before the next is started.
    Init,
    /// Must be running before the next is started, and goes on.
    Sidecar,
    /// What the pod is for.
    Main,
}

impl<'a> Spec<'a> {
    pub(super) fn of(container: &'a Value, kind: Kind) -> Spec<'a> {
        Spec {
            name: text(container, &["name"]),
            image: text(container, &["image"]),
            kind,
        }
    }

    fn config(&self, attempt: u32, crashes: u32) -> ContainerConfig<'a> {
        ContainerConfig {
            name: self.name,
            image: self.image,
            init: self.kind != Kind::Main,
            attempt,
            crashes,
        }
    }
}

/// How long to wait after so many failures one after another: the first is free.
fn back_off_seconds(failures: u32) -> i64 {
    match failures {
        0 => 0,
        _ => (BACK_OFF_SECONDS << (failures - 1).min(10)).min(LONGEST_BACK_OFF_SECONDS),
    }
}

fn later(time: Time, seconds: i64) -> Time {
    Time(time.0.saturating_add(seconds * 1_000_000))
}

impl<R: Runtime> Look<'_, R> {
    /// Starts the container when it has not been, or has ended and is to be started again.
    pub(super) fn keep(&mut self, container: &Spec<'_>, restart: impl Fn(i32) -> bool) {
        let sandbox = self.sandbox();
        match sandbox.and_then(|mut it| it.containers.remove(container.name)) {
            None => self.launch(container, 0, 0),
            Some(status) => match status.exit.clone() {
                None => self.look_at(status.due),
                Some(exit) if restart(exit.code) => self.again(container, &status, &exit),
                Some(_) => {}
            },
        }
    }

    fn again(&mut self, container: &Spec<'_>, status: &ContainerStatus, exit: &Exit) {
        let calm = exit.time.0.saturating_sub(status.started.0) >= CALM_MICROSECONDS;
        let crashes = if calm { 0 } else { status.crashes };
        let seconds = back_off_seconds(crashes);
        let due = later(exit.time, seconds);
        if due <= self.now {
            self.launch(container, status.attempt + 1, crashes + 1);
            return;
        }
        let (name, pod) = (container.name, self.long_name());
        let length = length(seconds);
        if self.shown(name) != "CrashLoopBackOff" {
            let message = format!("Back-off restarting failed container {name} in pod {pod}");
            self.event(Warning, "BackOff", &message);
        }
        let message = format!("back-off {length} restarting failed container={name} pod={pod}");
        self.wait(container, "CrashLoopBackOff", message);
        self.look_at(Some(due));
    }

    /// Pulls the image and starts the container.
    fn launch(&mut self, container: &Spec<'_>, attempt: u32, crashes: u32) {
        let (name, image) = (container.name, container.image);
        let failure = self.memory.pulls.get(name);
        if let Some(failure) = failure.filter(|it| it.until > self.now).cloned() {
            let message = format!("Back-off pulling image \"{image}\"");
            if self.shown(name) != "ImagePullBackOff" {
                self.event(Normal, "BackOff", &message);
                self.event(Warning, "Failed", "Error: ImagePullBackOff");
            }
            let message = format!("{message}: ErrImagePull: {}", failure.why);
            self.wait(container, "ImagePullBackOff", message);
            self.look_at(Some(failure.until));
            return;
        }
        let config = container.config(attempt, crashes);
        match self.runtime.pull(&self.pod, &config, self.now) {
            Pull::Present => {
                let message = format!(
                    "Container image \"{image}\" already present on machine and can be accessed \
                     by the pod"
                );
                self.event(Normal, "Pulled", &message);
            }
            Pull::Pulled(took) => {
                let took = duration(took);
                let message = format!(
                    "Successfully pulled image \"{image}\" in {took} ({took} including waiting). \
                     Image size: 1000000 bytes."
                );
                self.event(Normal, "Pulled", &message);
            }
            Pull::Pulling { until, began } => {
                if began {
                    self.event(Normal, "Pulling", &format!("Pulling image \"{image}\""));
                }
                self.look_at(Some(until));
                return;
            }
            Pull::Failed(why) => {
                self.pull_failed(container, why);
                return;
            }
        }
        self.memory.pulls.remove(name);
        self.runtime.start(&self.pod, &config, self.now);
        self.event(Normal, "Created", "Container created");
        self.event(Normal, "Started", "Container started");
        let sandbox = self.sandbox();
        let started = sandbox.and_then(|mut it| it.containers.remove(name));
        self.look_at(started.and_then(|it| it.due));
    }

    fn pull_failed(&mut self, container: &Spec<'_>, why: String) {
        let image = container.image;
        let message = format!("Failed to pull image \"{image}\": {why}");
        self.event(Warning, "Failed", &message);
        self.event(Warning, "Failed", "Error: ErrImagePull");
        let before = self.memory.pulls.get(container.name);
        let failures = before.map_or(0, |it| it.failures) + 1;
        let until = later(self.now, back_off_seconds(failures));
        self.look_at(Some(until));
        self.wait(container, "ErrImagePull", why.clone());
        let failure = PullFailure {
            failures,
            until,
            why,
        };
        self.memory.pulls.insert(container.name.to_owned(), failure);
    }

    fn wait(&mut self, container: &Spec<'_>, reason: &'static str, message: String) {
        self.waiting
            .insert(container.name.to_owned(), (reason, message));
    }

    /// The reason for which the container waits in the status that the API has.
    fn shown(&self, name: &str) -> &str {
        ["containerStatuses", "initContainerStatuses"]
            .iter()
            .flat_map(|field| list(self.document, &["status", field]))
            .find(|it| text(it, &["name"]) == name)
            .map(|it| text(it, &["state", "waiting", "reason"]))
            .unwrap_or_default()
    }
}

/// Seconds as Go prints a duration.
fn length(seconds: i64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

/// Microseconds as Go prints a duration, to the millisecond.
fn duration(microseconds: i64) -> String {
    let milliseconds = microseconds / 1_000;
    match (milliseconds / 1_000, milliseconds % 1_000) {
        (0, rest) => format!("{rest}ms"),
        (seconds, 0) => length(seconds),
        (seconds, rest) => {
            let rest = format!("{rest:03}");
            format!("{seconds}.{}s", rest.trim_end_matches('0'))
        }
    }
}
