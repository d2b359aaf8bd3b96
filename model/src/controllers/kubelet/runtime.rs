//! What a kubelet runs containers with: the container runtime interface, as much of it as is used.
//!
//! A runtime outlives the kubelet: one that is started anew finds its containers running
//! (`k8s.io/cri-api/pkg/apis/services.go`).

use crate::{ambient::Time, config::AddressRange, controllers::Name};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// What is said about a pod with each request for it.
#[derive(Clone, Copy, Debug)]
pub struct PodConfig<'a> {
    /// The pod's uid: what a sandbox is known by.
    pub uid: &'a str,
    /// Its namespace and name.
    pub name: &'a Name,
    /// Its annotations.
    pub annotations: &'a Value,
    /// The addresses of this node's pods.
    pub network: AddressRange,
    /// The pod has the node's address: none of its own.
    pub host_network: bool,
}

/// What is said about a container that is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerConfig<'a> {
    /// Its name in the pod.
    pub name: &'a str,
    /// Its image.
    pub image: &'a str,
    /// It runs before the others and must end.
    pub init: bool,
    /// How often it has been started before.
    pub attempt: u32,
    /// How many of the attempts before this one ended one soon after another. The runtime keeps
    /// it with the container, as it does annotations.
    pub crashes: u32,
}

/// How a pull of an image stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pull {
    /// The image was there.
    Present,
    /// It is on its way until that time.
    Pulling {
        /// When to ask again.
        until: Time,
        /// This request began it.
        began: bool,
    },
    /// It has come, after so many microseconds.
    Pulled(i64),
    /// It cannot be had, for that reason.
    Failed(String),
}

/// What a runtime knows about a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SandboxStatus {
    /// The pod's address; empty when it has the node's.
    pub address: String,
    /// Its containers by their names, those that have been started.
    pub containers: BTreeMap<String, ContainerStatus>,
}

/// What a runtime knows about a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerStatus {
    /// Its id, with the runtime's name: `simulated://…`.
    pub id: String,
    /// The image's id.
    pub image_id: String,
    /// As it was started with.
    pub attempt: u32,
    /// As it was started with.
    pub crashes: u32,
    /// When it was started.
    pub started: Time,
    /// How it ended, when it has.
    pub exit: Option<Exit>,
    /// The attempt before.
    pub last: Option<Ended>,
    /// When something is going to change by itself, as far as the runtime knows.
    pub due: Option<Time>,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exit {
    /// When.
    pub time: Time,
    /// The exit code.
    pub code: i32,
}

/// A container that is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// Its id.
    pub id: String,
    /// When it was started.
    pub started: Time,
    /// How it ended.
    pub exit: Exit,
}

impl Exit {
    /// The reason that a container status shows.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.code {
            0 => "Completed",
            _ => "Error",
        }
    }
}

impl ContainerStatus {
    /// It has not ended.
    #[must_use]
    pub fn running(&self) -> bool {
        self.exit.is_none()
    }
}

/// What runs containers on one node.
pub trait Runtime {
    /// The name before an id, and its version: `simulated` and `1.0`.
    fn version(&self) -> (&'static str, &'static str);

    /// The uids and names of the pods that it knows, running or not.
    fn sandboxes(&self) -> Vec<(String, Name)>;

    /// What it knows about a pod.
    fn status(&self, uid: &str, now: Time) -> Option<SandboxStatus>;

    /// Makes the pod's sandbox, with its address. One that is there stays as it is.
    fn run_sandbox(&mut self, pod: &PodConfig<'_>, now: Time);

    /// Sees to it that a container's image is there.
    fn pull(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time) -> Pull;

    /// Starts a container. One that is running is left alone: there is never a second instance.
    fn start(&mut self, pod: &PodConfig<'_>, container: &ContainerConfig<'_>, now: Time);

    /// Whether a running container is ready, and when that is going to change by itself.
    fn ready(&self, pod: &PodConfig<'_>, container: &str, now: Time) -> (bool, Option<Time>);

    /// The pod has come to its end: asks a container to stop, if it runs; what has not ended after
    /// the grace period is killed.
    fn stop(&mut self, pod: &PodConfig<'_>, container: &str, grace_seconds: i64, now: Time);

    /// Kills what runs of a pod and forgets it.
    fn remove(&mut self, uid: &str);
}

/// The `n`th host's address in a range, in text.
#[must_use]
pub(super) fn address(range: AddressRange, host: u32) -> String {
    core::net::Ipv4Addr::from(range.network.wrapping_add(host)).to_string()
}
