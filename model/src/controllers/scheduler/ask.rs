//! What a pod asks of a node.

use super::{
    neighbours::{Labels, PodTerm, SpreadTerm},
    selector::Terms,
};
use crate::controllers::taint::{Taint, Toleration};
use crate::kinds::{
    document::{at, list, members, number, strings, text},
    quantity::Quantity,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use serde_json::Value;

/// Amounts by the names of resources: `cpu` in thousandths, everything else in whole units.
pub(super) type Amounts = BTreeMap<String, i64>;

/// What the score counts for a container that asks for no processor: a tenth of one.
const USUAL_CPU: i64 = 100;
/// The same for memory.
const USUAL_MEMORY: i64 = 200 * 1024 * 1024;

/// What a pod takes of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub(super) requests: Amounts,
    /// Processor and memory with something for containers that ask for nothing: for the score.
    pub(super) usual: (i64, i64),
    pub(super) ports: Vec<Port>,
    /// The uid of the controlling owner.
    pub(super) owner: Option<Arc<str>>,
}

/// A port of the node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Port {
    pub(super) protocol: String,
    pub(super) address: String,
    pub(super) number: i64,
}

impl Port {
    /// Both cannot be had at once.
    pub(super) fn conflicts(&self, other: &Port) -> bool {
        let everywhere = |port: &Port| port.address == "0.0.0.0";
        let same_address = self.address == other.address || everywhere(self) || everywhere(other);
        self.number == other.number && self.protocol == other.protocol && same_address
    }
}

/// A pod that wants a node.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) uid: String,
    pub(super) claim: Claim,
    pub(super) tolerations: Vec<Toleration>,
    /// `spec.nodeSelector`
    pub(super) node_selector: Vec<(String, String)>,
    /// What node affinity requires.
    pub(super) required: Option<Terms>,
    /// What it prefers, with weights.
    pub(super) preferred: Vec<(i64, Terms)>,
    pub(super) namespace: String,
    pub(super) labels: Labels,
    /// The pods that it must be with.
    pub(super) together: Vec<PodTerm>,
    /// Those that it must not be with.
    pub(super) apart: Vec<PodTerm>,
    /// How it must be spread.
    pub(super) spread: Vec<SpreadTerm>,
    /// `spec.preemptionPolicy` is `Never`.
    pub(super) never_preempts: bool,
}

impl Ask {
    pub(super) fn of(pod: &Value) -> Ask {
        let affinity = at(pod, &["spec", "affinity", "nodeAffinity"]);
        let required = at(
            affinity,
            &["requiredDuringSchedulingIgnoredDuringExecution"],
        );
        let preferred = list(
            affinity,
            &["preferredDuringSchedulingIgnoredDuringExecution"],
        );
        let owners = list(pod, &["metadata", "ownerReferences"]).iter();
        let mut owners = owners.filter(|it| at(it, &["controller"]) == &Value::Bool(true));
        let spec = at(pod, &["spec"]);
        let all = requests(spec, &|container| {
            amounts(at(container, &["resources", "requests"]))
        });
        let usual = requests(spec, &usual);
        Ask {
            uid: text(pod, &["metadata", "uid"]).to_string(),
            claim: Claim {
                requests: all,
                usual: (
                    usual.get("cpu").copied().unwrap_or_default(),
                    usual.get("memory").copied().unwrap_or_default(),
                ),
                ports: ports(spec),
                owner: owners.next().map(|it| text(it, &["uid"]).into()),
            },
            tolerations: Toleration::all(pod),
            node_selector: strings(spec, &["nodeSelector"])
                .into_iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            required: (!required.is_null())
                .then(|| Terms::read(list(required, &["nodeSelectorTerms"]))),
            preferred: preferred
                .iter()
                .map(|it| {
                    let weight = number(it, &["weight"]).unwrap_or_default();
                    let term = at(it, &["preference"]);
                    (weight, Terms::read(core::slice::from_ref(term)))
                })
                .collect(),
            namespace: text(pod, &["metadata", "namespace"]).to_string(),
            labels: strings(pod, &["metadata", "labels"])
                .into_iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            together: PodTerm::all(pod, "podAffinity"),
            apart: PodTerm::all(pod, "podAntiAffinity"),
            spread: SpreadTerm::all(pod),
            never_preempts: text(spec, &["preemptionPolicy"]) == "Never",
        }
    }

    /// A number that is this pod's, and with a node's name this pair's.
    pub(super) fn digest(&self, node: &str) -> u32 {
        let digest = xxhash_rust::xxh3::xxh3_64(format!("{}/{node}", self.uid).as_bytes());
        (digest >> 32) as u32
    }

    /// Where it may go depends on where other pods are.
    pub(super) fn is_sociable(&self) -> bool {
        !self.together.is_empty() || !self.apart.is_empty() || !self.spread.is_empty()
    }

    pub(super) fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|it| it.tolerates(taint))
    }
}

/// The node's ports that the pod's containers want.
fn ports(spec: &Value) -> Vec<Port> {
    let containers = list(spec, &["containers"]).iter();
    let ports = containers.flat_map(|container| list(container, &["ports"]));
    let wanted = ports.filter_map(|port| {
        let or = |field: &str, default: &str| match text(port, &[field]) {
            "" => default.to_string(),
            text => text.to_string(),
        };
        Some(Port {
            protocol: or("protocol", "TCP"),
            address: or("hostIP", "0.0.0.0"),
            number: number(port, &["hostPort"]).filter(|port| *port > 0)?,
        })
    });
    wanted.collect()
}

/// `resourcehelper.PodRequests`: the containers' and sidecars' together, or what an init container
/// needs beside the sidecars before it when that is more; what is said of the pod as a whole; the
/// overhead.
fn requests(spec: &Value, of: &dyn Fn(&Value) -> Amounts) -> Amounts {
    let mut sum = Amounts::new();
    for container in list(spec, &["containers"]) {
        add(&mut sum, &of(container));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in list(spec, &["initContainers"]) {
        let mut wanted = of(container);
        if text(container, &["restartPolicy"]) == "Always" {
            add(&mut sum, &wanted);
            add(&mut sidecars, &wanted);
            wanted.clone_from(&sidecars);
        } else {
            add(&mut wanted, &sidecars);
        }
        at_least(&mut most, &wanted);
    }
    at_least(&mut sum, &most);
    for (name, amount) in amounts(at(spec, &["resources", "requests"])) {
        sum.insert(name, amount);
    }
    add(&mut sum, &amounts(at(spec, &["overhead"])));
    sum
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let total = sum.entry(name.clone()).or_default();
        *total = total.saturating_add(*amount);
    }
}

fn at_least(amounts: &mut Amounts, least: &Amounts) {
    for (name, least) in least {
        let amount = amounts.entry(name.clone()).or_default();
        *amount = (*amount).max(*least);
    }
}

/// What a container asks for, and something where it asks for nothing
/// (`GetNonzeroRequestForResource`).
fn usual(container: &Value) -> Amounts {
    let mut asked = amounts(at(container, &["resources", "requests"]));
    asked.entry("cpu".to_string()).or_insert(USUAL_CPU);
    asked.entry("memory".to_string()).or_insert(USUAL_MEMORY);
    asked
}

/// The quantities of a document, rounded up.
pub(super) fn amounts(document: &Value) -> Amounts {
    let quantities = members(document, &[]).filter_map(|(name, value)| {
        let quantity = Quantity::parse(value)?;
        let amount = match name {
            "cpu" => quantity.thousandths(),
            _ => quantity.whole(),
        };
        Some((name.to_string(), amount))
    });
    quantities.collect()
}
