//! One node: whether it is heard of, and the taints that follow from its conditions.

use super::{LEASES, NO_EXECUTE, NodeLifecycle, condition};
use crate::{
    ambient::{Ambient, Time},
    controllers::{Call, EventType, Item, Name, Outcome, View, apis},
    kinds::document::{at, flag, list, text},
    object::Object,
};
use alloc::{format, string::ToString, vec, vec::Vec};
use serde_json::{Value, json};

/// `--node-monitor-grace-period`: a kubelet that is not heard of for so long is lost.
const GRACE_MICROSECONDS: i64 = 40_000_000;
/// `--node-monitor-period`
const PERIOD_MICROSECONDS: i64 = 5_000_000;
/// The conditions that only the kubelet can know.
const KUBELETS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Conditions that keep new pods away when they are true, and their taints.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

impl NodeLifecycle {
    /// Looks whether the node is heard of, and keeps its taints.
    pub(super) fn watch_over(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::NODES, item) else {
            return Outcome::done();
        };
        let document = object.json();
        let lease = view.get(&apis::LEASES, &Name::new(LEASES, &item.name));
        let heartbeat = text(condition(&document, "Ready"), &["lastHeartbeatTime"]);
        let sign = (lease.map(Object::revision), heartbeat.to_string());
        let node = self.nodes.entry(item.name.clone()).or_default();
        if node.sign != sign {
            node.sign = sign;
            node.heard = Some(ambient.now);
        }
        let heard = *node.heard.get_or_insert(ambient.now);
        let due = due(heard);
        let mut calls = Vec::new();
        if due <= ambient.now {
            calls.extend(self.lost(object, &document, ambient));
        }
        if calls.is_empty() {
            calls.extend(self.taint(object, &document, ambient));
        }
        let outcome = Outcome::calls(calls);
        if due > ambient.now {
            outcome.again_at(due)
        } else if self.any_heard(ambient.now) {
            outcome
        } else {
            // Another node that is heard of again makes this one the one that is lost.
            outcome.again_at(Time(ambient.now.0.saturating_add(PERIOD_MICROSECONDS)))
        }
    }

    /// A node is well, as far as is known.
    fn any_heard(&self, now: Time) -> bool {
        let mut nodes = self.nodes.values();
        nodes.any(|node| node.ready && node.heard.is_none_or(|heard| due(heard) > now))
    }

    /// Nobody knows how the node is.
    fn lost(&self, object: &Object, document: &Value, ambient: &Ambient) -> Vec<Call> {
        let now = ambient.now.rfc3339();
        let unknown = KUBELETS.iter().filter_map(|kind| {
            let old = condition(document, kind);
            let (reason, message) = match old.is_null() {
                true => (
                    "NodeStatusNeverUpdated",
                    "Kubelet never posted node status.",
                ),
                false => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            };
            (text(old, &["status"]) != "Unknown").then(|| {
                json!({
                    "type": kind, "status": "Unknown", "reason": reason, "message": message,
                    "lastTransitionTime": now,
                    "lastHeartbeatTime": at(old, &["lastHeartbeatTime"]),
                })
            })
        });
        let unknown: Vec<Value> = unknown.collect();
        if unknown.is_empty() {
            return Vec::new();
        }
        let patch = json!({
            // What the kubelet has posted meanwhile is not to be lost.
            "metadata": {"resourceVersion": format!("{}", object.revision())},
            "status": {"conditions": unknown},
        });
        let name = &object.meta().name;
        let item = Name::new("", name);
        let message = format!("Node {name} status is now: NodeNotReady");
        let about = (&apis::NODES, object);
        let kind = EventType::Normal;
        vec![
            Call::strategic_patch(&apis::NODES, &item, "status", &patch),
            self.recorder
                .event(about, kind, "NodeNotReady", &message, (ambient, 0)),
        ]
    }

    /// Brings the taints that are this controller's to what the conditions say.
    fn taint(&self, object: &Object, document: &Value, ambient: &Ambient) -> Option<Call> {
        let wanted = self.wanted(document, ambient.now);
        let old = list(document, &["spec", "taints"]);
        let mut taints: Vec<Value> = old
            .iter()
            .filter(|it| {
                let (key, effect) = (text(it, &["key"]), text(it, &["effect"]));
                !is_ours(key, effect) || wanted.contains(&(key, effect))
            })
            .cloned()
            .collect();
        for (key, effect) in wanted {
            let there = |it: &Value| text(it, &["key"]) == key && text(it, &["effect"]) == effect;
            if !old.iter().any(there) {
                let now = ambient.now.rfc3339();
                taints.push(json!({"key": key, "effect": effect, "timeAdded": now}));
            }
        }
        if taints == old {
            return None;
        }
        let taints = match taints.is_empty() {
            true => Value::Null,
            false => taints.into(),
        };
        let patch = json!({
            "metadata": {"resourceVersion": format!("{}", object.revision())},
            "spec": {"taints": taints},
        });
        let name = Name::new("", &object.meta().name);
        Some(Call::merge_patch(&apis::NODES, &name, "", &patch))
    }

    /// Key and effect of the taints that the node is to have.
    fn wanted(&self, document: &Value, now: Time) -> Vec<(&'static str, &'static str)> {
        let mut wanted = Vec::new();
        let status = |kind: &str| text(condition(document, kind), &["status"]);
        let key = match status("Ready") {
            "True" => None,
            "Unknown" => Some(UNREACHABLE),
            _ => Some(NOT_READY),
        };
        if let Some(key) = key {
            wanted.push((key, "NoSchedule"));
            if self.any_heard(now) {
                wanted.push((key, NO_EXECUTE));
            }
        }
        let pressed = PRESSURES.iter().filter(|(kind, _)| status(kind) == "True");
        wanted.extend(pressed.map(|(_, key)| (*key, "NoSchedule")));
        if flag(document, &["spec", "unschedulable"]) {
            wanted.push((UNSCHEDULABLE, "NoSchedule"));
        }
        wanted
    }
}

/// When a node is given up.
fn due(heard: Time) -> Time {
    Time(heard.0.saturating_add(GRACE_MICROSECONDS))
}

/// The taint follows from conditions and nothing else.
fn is_ours(key: &str, effect: &str) -> bool {
    match effect {
        NO_EXECUTE => key == UNREACHABLE || key == NOT_READY,
        "NoSchedule" => {
            let pressure = PRESSURES.iter().any(|(_, it)| *it == key);
            pressure || [UNREACHABLE, NOT_READY, UNSCHEDULABLE].contains(&key)
        }
        _ => false,
    }
}
