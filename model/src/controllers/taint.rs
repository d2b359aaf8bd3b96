//! Taints of nodes and tolerations of pods (`component-helpers/scheduling/corev1/helpers.go`).

use crate::kinds::document::{list, number, text};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// What a pod puts up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Toleration {
    key: String,
    operator: String,
    value: String,
    effect: String,
    pub(super) seconds: Option<i64>,
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Taint {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) effect: String,
}

impl Toleration {
    pub(super) fn all(pod: &Value) -> Vec<Toleration> {
        let tolerations = list(pod, &["spec", "tolerations"]).iter();
        let read = |it: &Value| Toleration {
            key: text(it, &["key"]).to_string(),
            operator: text(it, &["operator"]).to_string(),
            value: text(it, &["value"]).to_string(),
            effect: text(it, &["effect"]).to_string(),
            seconds: number(it, &["tolerationSeconds"]),
        };
        tolerations.map(read).collect()
    }

    /// `Toleration.ToleratesTaint`
    pub(super) fn tolerates(&self, taint: &Taint) -> bool {
        if !self.effect.is_empty() && self.effect != taint.effect {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match self.operator.as_str() {
            "Exists" => true,
            "" | "Equal" => self.value == taint.value,
            _ => false,
        }
    }
}

impl Taint {
    pub(super) fn all(node: &Value) -> Vec<Taint> {
        let taints = list(node, &["spec", "taints"]).iter();
        let read = |it: &Value| Taint {
            key: text(it, &["key"]).to_string(),
            value: text(it, &["value"]).to_string(),
            effect: text(it, &["effect"]).to_string(),
        };
        taints.map(read).collect()
    }
}
