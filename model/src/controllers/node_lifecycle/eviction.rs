//! One pod on a node that is tainted, or lost.

use super::{NodeLifecycle, condition};
use crate::{
    ambient::{Ambient, Time},
    controllers::{
        Call, DeleteOptions, EventType, Item, Outcome, View, apis,
        taint::{Taint, Toleration},
    },
    kinds::document::text,
    object::Object,
};
use alloc::{format, vec, vec::Vec};
use serde_json::json;

/// When a pod has to go.
enum Stay {
    ForEver,
    Until(Time),
    No,
}

impl NodeLifecycle {
    /// Says that a pod of a lost node is not ready, once; deletes it when it does not put up with
    /// the node's taints, or not for so long.
    pub(super) fn evict(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::PODS, item) else {
            return Outcome::done();
        };
        let document = object.json();
        let mut calls = Vec::new();
        if self.unready.contains(item) {
            if text(condition(&document, "Ready"), &["status"]) == "True" {
                calls.push(unready(object, item, ambient));
            } else {
                self.unready.remove(item);
            }
        }
        let outcome = Outcome::calls(calls);
        let node = object.meta().fields.get("spec.nodeName");
        let node = node.and_then(|node| self.nodes.get(node.as_str()));
        let taints = node.map_or(&[][..], |node| &node.evicting);
        if taints.is_empty() || object.meta().deletion_timestamp.is_some() {
            self.since.remove(item);
            return outcome;
        }
        let since = *self.since.entry(item.clone()).or_insert(ambient.now);
        match stay(taints, &Toleration::all(&document), since) {
            Stay::ForEver => outcome,
            Stay::Until(time) if time > ambient.now => outcome.again_at(time),
            _ => {
                let mut calls = outcome.calls;
                calls.extend(self.removal(object, item, ambient));
                Outcome::calls(calls)
            }
        }
    }

    fn removal(&self, object: &Object, item: &Item, ambient: &Ambient) -> Vec<Call> {
        let uid = &object.meta().uid;
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
            "message": "Taint manager: deleting due to NoExecute taint",
            "lastTransitionTime": ambient.now.rfc3339(),
        });
        let patch = json!({"metadata": {"uid": uid}, "status": {"conditions": [condition]}});
        let message = format!("Marking for deletion Pod {item}");
        let about = (&apis::PODS, object);
        let kind = EventType::Normal;
        let options = DeleteOptions {
            uid,
            ..DeleteOptions::default()
        };
        vec![
            Call::strategic_patch(&apis::PODS, item, "status", &patch).optional(),
            self.recorder
                .event(about, kind, "TaintManagerEviction", &message, (ambient, 0)),
            Call::delete(&apis::PODS, item, uid, options),
        ]
    }
}

fn unready(object: &Object, item: &Item, ambient: &Ambient) -> Call {
    let condition = json!({
        "type": "Ready", "status": "False", "lastTransitionTime": ambient.now.rfc3339(),
    });
    let patch = json!({
        "metadata": {"uid": object.meta().uid}, "status": {"conditions": [condition]},
    });
    Call::strategic_patch(&apis::PODS, item, "status", &patch)
}

/// How long the pod may stay: every taint must be tolerated, and the shortest time counts.
fn stay(taints: &[Taint], tolerations: &[Toleration], since: Time) -> Stay {
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let Some(toleration) = tolerations.iter().find(|it| it.tolerates(taint)) else {
            return Stay::No;
        };
        shortest = [shortest, toleration.seconds].into_iter().flatten().min();
    }
    match shortest {
        None => Stay::ForEver,
        Some(seconds) => {
            let delay = seconds.max(0).saturating_mul(1_000_000);
            Stay::Until(Time(since.0.saturating_add(delay)))
        }
    }
}
