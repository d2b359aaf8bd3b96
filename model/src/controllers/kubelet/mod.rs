//! The kubelet of a simulated node: registers the node, keeps its heartbeat, and runs the pods that
//! are bound to it through a [`Runtime`].
//!
//! Not modelled: static pods, probes (a running container is ready unless the runtime says
//! otherwise), eviction under pressure, volumes, resizes, ephemeral containers; sidecars are
//! stopped together with the other containers.

mod container;
mod node;
mod pod;
mod runtime;
mod simulated;
mod status;

pub use node::Capacity;
pub use runtime::{
    ContainerConfig, ContainerStatus, Ended, Exit, PodConfig, Pull, Runtime, SandboxStatus,
};
pub use simulated::{PREFIX, SimulatedRuntime};

use super::{Answer, Call, Change, Controller, Item, Outcome, Recorder, View, Watch, apis};
use crate::{
    ambient::{Ambient, Time},
    config::{AddressRange, User},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

/// The kubelet of one node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kubelet<R> {
    name: String,
    index: u32,
    capacity: Capacity,
    recorder: Recorder,
    runtime: R,
    /// It has seen its Node: one that is deleted after that stays so until the kubelet is started
    /// anew, as upstream.
    registered: bool,
    /// It has been told that there is no Lease of its own.
    unleased: bool,
    /// By the uids of its pods.
    pods: BTreeMap<String, Memory>,
}

/// What a kubelet remembers of a pod: lost at its restart, which then only tries sooner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Memory {
    /// The containers whose images could not be pulled.
    pulls: BTreeMap<String, PullFailure>,
    /// That the containers are stopped has been told.
    killing: bool,
}

/// The last failure to pull an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PullFailure {
    failures: u32,
    until: Time,
    why: String,
}

impl<R: Runtime> Kubelet<R> {
    /// The kubelet of the node `name`, the `index`th of its cluster: that gives it its addresses
    /// (node 192.168.0.0/16, pods a /24 from 10.244.0.0 on). What `runtime` runs already is kept
    /// when the API still wants it.
    #[must_use]
    pub fn new(name: &str, index: u32, capacity: Capacity, runtime: R) -> Kubelet<R> {
        Kubelet {
            name: name.to_string(),
            index,
            capacity,
            recorder: Recorder {
                component: "kubelet",
                host: name.to_string(),
            },
            runtime,
            registered: false,
            unleased: false,
            pods: BTreeMap::new(),
        }
    }

    /// What runs its containers.
    #[must_use]
    pub fn runtime(&self) -> &R {
        &self.runtime
    }

    /// The same, to make containers crash.
    pub fn runtime_mut(&mut self) -> &mut R {
        &mut self.runtime
    }

    /// The kubelet stops; what it has started runs on.
    #[must_use]
    pub fn into_runtime(self) -> R {
        self.runtime
    }

    /// The addresses of the node's pods.
    fn network(&self) -> AddressRange {
        AddressRange {
            network: 0x0af4_0000_u32.wrapping_add(self.index << 8),
            prefix_length: 24,
        }
    }

    /// The node's own address.
    fn address(&self) -> String {
        let nodes = AddressRange {
            network: 0xc0a8_0000,
            prefix_length: 16,
        };
        runtime::address(nodes, self.index / 250 * 256 + self.index % 250 + 2)
    }
}

impl<R: Runtime> Controller for Kubelet<R> {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn user(&self) -> User {
        User {
            name: format!("system:node:{}", self.name),
            groups: ["system:nodes".into()].into(),
            ..User::default()
        }
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::selected(apis::PODS, format!("spec.nodeName={}", self.name)),
            Watch::selected(apis::NODES, format!("metadata.name={}", self.name)),
        ]
    }

    fn first(&self) -> Vec<Item> {
        vec![self.node_item(), self.lease_item()]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NODES && change.old.is_none() {
            self.registered = true;
            items.push(self.lease_item());
        }
        items.push(change.name.clone());
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        if *item == self.lease_item() {
            self.renew(view, ambient)
        } else if *item == self.node_item() {
            self.post(view, ambient)
        } else {
            self.sync(view, item, ambient)
        }
    }

    fn answered(&mut self, item: &Item, _call: &Call, answer: &Answer) {
        if *item == self.lease_item() {
            self.unleased = answer.code == 404;
        }
    }
}
