//! Which nodes a set's pods suit (`NodeShouldRunDaemonPod`).

use super::super::{
    scheduler::Terms,
    taint::{Taint, Toleration},
};
use crate::{
    kinds::document::{at, flag, list, member, object, put, strings, text},
    object::Object,
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// What of a node matters to DaemonSets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    labels: BTreeMap<String, String>,
    taints: Vec<Taint>,
}

/// What a set asks of nodes.
pub(super) struct Wish {
    node_name: String,
    selector: Vec<(String, String)>,
    required: Option<Terms>,
    tolerations: Vec<Toleration>,
}

/// Whether the set's pod may start on a node, and whether it may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) start: bool,
    pub(super) stay: bool,
}

impl Node {
    pub(super) fn read(object: &Object) -> Node {
        Node {
            labels: object.meta().labels.clone(),
            taints: Taint::all(&object.json()),
        }
    }
}

impl Wish {
    /// What the pods of this template ask.
    pub(super) fn read(template: &Value) -> Wish {
        let spec = at(template, &["spec"]);
        let path = ["affinity", "nodeAffinity", REQUIRED];
        let required = at(spec, &path);
        let mut pod = json!({"spec": spec});
        put_tolerations(&mut pod["spec"]);
        Wish {
            node_name: text(spec, &["nodeName"]).to_string(),
            selector: strings(spec, &["nodeSelector"])
                .into_iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            required: (!required.is_null())
                .then(|| Terms::read(list(required, &["nodeSelectorTerms"]))),
            tolerations: Toleration::all(&pod),
        }
    }

    pub(super) fn fit(&self, name: &str, node: &Node) -> Fit {
        let named = self.node_name.is_empty() || self.node_name == name;
        let has = |(key, value): &(String, String)| node.labels.get(key) == Some(value);
        let required = self.required.as_ref();
        let selected = self.selector.iter().all(has)
            && required.is_none_or(|terms| terms.match_node(name, &node.labels));
        let repelled = |effects: &[&str]| {
            let mut taints = node.taints.iter();
            taints.any(|taint| {
                let tolerated = || self.tolerations.iter().any(|it| it.tolerates(taint));
                effects.contains(&taint.effect.as_str()) && !tolerated()
            })
        };
        Fit {
            start: named && selected && !repelled(&["NoSchedule", "NoExecute"]),
            stay: named && selected && !repelled(&["NoExecute"]),
        }
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// What every pod of a DaemonSet puts up with (`AddOrUpdateDaemonPodTolerations`).
fn put_tolerations(spec: &mut Value) {
    let network = flag(spec, &["hostNetwork"]).then_some(("network-unavailable", "NoSchedule"));
    let tolerations = [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ];
    let mut all = list(spec, &["tolerations"]).to_vec();
    for (key, effect) in tolerations.into_iter().chain(network) {
        let key = alloc::format!("node.kubernetes.io/{key}");
        let new = json!({"key": key, "operator": "Exists", "effect": effect});
        if !all.contains(&new) {
            all.push(new);
        }
    }
    put(spec, "tolerations", json!(all));
}

/// Makes a template one for the pod of a node: the scheduler can bind it nowhere else
/// (`ReplaceDaemonSetPodNodeNameNodeAffinity`).
pub(super) fn put_node(template: &mut Value, name: &str) {
    let spec = object(template, "spec");
    put_tolerations(spec);
    let fields = json!([{"key": "metadata.name", "operator": "In", "values": [name]}]);
    let affinity = object(object(spec, "affinity"), "nodeAffinity");
    let terms = member(object(affinity, REQUIRED), "nodeSelectorTerms");
    match terms {
        Value::Array(terms) if !terms.is_empty() => {
            for term in terms {
                put(term, "matchFields", fields.clone());
            }
        }
        terms => *terms = json!([{"matchFields": fields}]),
    }
}

/// The node of a pod, bound or only meant for it (`GetTargetNodeName`).
pub(super) fn node_of(pod: &Object) -> String {
    let bound = pod.meta().fields.get("spec.nodeName");
    if let Some(bound) = bound.filter(|name| !name.is_empty()) {
        return bound.clone();
    }
    let pod = pod.json();
    let path = [
        "spec",
        "affinity",
        "nodeAffinity",
        REQUIRED,
        "nodeSelectorTerms",
    ];
    let mut fields = list(&pod, &path)
        .iter()
        .flat_map(|term| list(term, &["matchFields"]));
    let named = fields.find(|field| text(field, &["key"]) == "metadata.name");
    let name = named.and_then(|field| list(field, &["values"]).first()?.as_str());
    name.unwrap_or_default().to_string()
}
