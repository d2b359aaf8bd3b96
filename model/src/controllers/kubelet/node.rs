//! The node itself: its registration, its status, its Lease
//! (`pkg/kubelet/kubelet_node_status.go`, `component-helpers/apimachinery/lease`).

use super::{Kubelet, runtime::Runtime};
use crate::{
    ambient::{Ambient, Time},
    controllers::{Call, Item, Name, Outcome, View, apis},
    kinds::document::{at, list, put, text},
    object::Object,
};
use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// `nodeLeaseDurationSeconds`
const LEASE_SECONDS: i64 = 40;
/// A quarter of it.
const RENEW_MICROSECONDS: i64 = 10_000_000;
/// `nodeStatusReportFrequency`
const REPORT_MICROSECONDS: i64 = 300_000_000;
const LEASES: &str = "kube-node-lease";

/// How much a node has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Capacity {
    /// `cpu`, as a quantity.
    pub cpu: String,
    /// `memory`, as a quantity.
    pub memory: String,
    /// `ephemeral-storage`, as a quantity.
    pub ephemeral_storage: String,
    /// The most pods that it runs.
    pub pods: u32,
}

impl Default for Capacity {
    /// 16 processors, 64 GiB, 110 pods.
    fn default() -> Capacity {
        Capacity {
            cpu: "16".to_string(),
            memory: "64Gi".to_string(),
            ephemeral_storage: "100Gi".to_string(),
            pods: 110,
        }
    }
}

impl<R: Runtime> Kubelet<R> {
    /// The item of the node and its status.
    pub(super) fn node_item(&self) -> Item {
        Name::new("", &self.name)
    }

    /// The item of the Lease.
    pub(super) fn lease_item(&self) -> Item {
        Name::new("", "")
    }

    /// Registers the node, and posts its status when that differs or has not been posted for five
    /// minutes.
    pub(super) fn post(&mut self, view: &View, ambient: &Ambient) -> Outcome {
        self.clean_up(view);
        let Some(node) = view.get(&apis::NODES, &self.node_item()) else {
            if self.registered {
                return Outcome::done();
            }
            let created = Call::create(&apis::NODES, "", &self.node(ambient.now));
            return Outcome::calls(vec![created]);
        };
        let node = node.json();
        let due = last_heartbeat(&node).map(|time| Time(time.0 + REPORT_MICROSECONDS));
        let mut conditions = conditions(&node, ambient.now);
        let now_due = due.is_none_or(|due| due <= ambient.now);
        if !now_due {
            conditions.retain(|it| differs(list(&node, &["status", "conditions"]), it));
        }
        let mut status = json!({});
        for (field, wanted) in [
            ("capacity", self.resources()),
            ("allocatable", self.resources()),
            ("addresses", self.addresses()),
            ("nodeInfo", self.info()),
        ] {
            if *at(&node, &["status", field]) != wanted {
                put(&mut status, field, wanted);
            }
        }
        if !conditions.is_empty() {
            put(&mut status, "conditions", conditions.into());
        }
        let next = Time(ambient.now.0 + REPORT_MICROSECONDS);
        let outcome = if status.as_object().is_some_and(|it| it.is_empty()) {
            Outcome::done()
        } else {
            let patch = json!({"status": status});
            let item = self.node_item();
            Outcome::calls(vec![Call::strategic_patch(
                &apis::NODES,
                &item,
                "status",
                &patch,
            )])
        };
        outcome.again_at(due.filter(|_| !now_due).unwrap_or(next))
    }

    /// Pods that the API does not show, but the runtime still has, are killed: the kubelet was not
    /// there when they were deleted.
    fn clean_up(&mut self, view: &View) {
        for (uid, name) in self.runtime.sandboxes() {
            let shown = view.get(&apis::PODS, &name);
            if shown.is_none_or(|pod| pod.meta().uid != uid) {
                self.runtime.remove(&uid);
                self.pods.remove(&uid);
            }
        }
    }

    /// Renews the Lease every ten seconds: the node is alive. The role of nodes has no right to
    /// watch Leases: that there is none is what a renewal was answered.
    pub(super) fn renew(&mut self, view: &View, ambient: &Ambient) -> Outcome {
        let Some(node) = view.get(&apis::NODES, &self.node_item()) else {
            return Outcome::done();
        };
        let name = Name::new(LEASES, &self.name);
        let spec = json!({
            "holderIdentity": self.name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": ambient.now.rfc3339_micro(),
        });
        let call = if self.unleased {
            Call::create(&apis::LEASES, LEASES, &self.lease(node, &spec))
        } else {
            let renewal = json!({"spec": spec});
            Call::merge_patch(&apis::LEASES, &name, "", &renewal)
        };
        Outcome::calls(vec![call]).again_at(Time(ambient.now.0 + RENEW_MICROSECONDS))
    }

    fn lease(&self, node: &Object, spec: &Value) -> Value {
        let owner = json!({
            "apiVersion": "v1", "kind": "Node", "name": self.name, "uid": node.meta().uid,
        });
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": LEASES, "ownerReferences": [owner]},
            "spec": spec,
        })
    }

    fn node(&self, now: Time) -> Value {
        let network = self.network();
        let range = format!(
            "{}/{}",
            super::runtime::address(network, 0),
            network.prefix_length
        );
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": self.name,
                "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
                "labels": {
                    "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
                    "kubernetes.io/hostname": self.name,
                },
            },
            "spec": {
                "podCIDR": range, "podCIDRs": [range],
                "providerID": format!("trueplane://{}", self.name),
            },
            "status": {
                "capacity": self.resources(),
                "allocatable": self.resources(),
                "addresses": self.addresses(),
                "conditions": conditions(&Value::Null, now),
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10_250}},
                "nodeInfo": self.info(),
            },
        })
    }

    fn resources(&self) -> Value {
        let Capacity {
            cpu,
            memory,
            ephemeral_storage,
            pods,
        } = &self.capacity;
        json!({
            "cpu": cpu, "memory": memory, "ephemeral-storage": ephemeral_storage,
            "pods": pods.to_string(),
        })
    }

    fn addresses(&self) -> Value {
        json!([
            {"type": "InternalIP", "address": self.address()},
            {"type": "Hostname", "address": self.name},
        ])
    }

    fn info(&self) -> Value {
        let digest: String = Sha256::digest(self.name.as_bytes())
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (runtime, version) = self.runtime.version();
        json!({
            "machineID": digest, "systemUUID": digest, "bootID": digest,
            "kernelVersion": "6.1.0", "osImage": "Trueplane simulated node",
            "containerRuntimeVersion": format!("{runtime}://{version}"),
            "kubeletVersion": "v1.36.2", "kubeProxyVersion": "",
            "operatingSystem": "linux", "architecture": "amd64",
        })
    }
}

fn last_heartbeat(node: &Value) -> Option<Time> {
    let conditions = list(node, &["status", "conditions"]).iter();
    let ready = conditions.filter(|it| text(it, &["type"]) == "Ready");
    let times = ready.filter_map(|it| Time::parse(text(it, &["lastHeartbeatTime"])));
    times.max()
}

/// The conditions of a healthy node; the time of the last transition is kept where the status is
/// what it was.
fn conditions(node: &Value, now: Time) -> Vec<Value> {
    const ALL: [(&str, &str, &str, &str); 4] = [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        ),
    ];
    let old = list(node, &["status", "conditions"]);
    let condition = |(name, status, reason, message): (&str, &str, &str, &str)| {
        let before = old.iter().find(|it| text(it, &["type"]) == name);
        let kept = before.filter(|it| text(it, &["status"]) == status);
        let since = kept.map(|it| text(it, &["lastTransitionTime"]).to_string());
        json!({
            "type": name, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now.rfc3339(),
            "lastTransitionTime": since.unwrap_or_else(|| now.rfc3339()),
        })
    };
    ALL.into_iter().map(condition).collect()
}

/// The node's conditions don't show it yet.
fn differs(old: &[Value], wanted: &Value) -> bool {
    let same = |it: &&Value| {
        ["type", "status", "reason", "message"]
            .iter()
            .all(|field| at(it, &[field]) == at(wanted, &[field]))
    };
    !old.iter().any(|it| same(&it))
}
