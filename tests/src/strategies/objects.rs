//! Random objects: valid ones of several kinds, which shrink to tiny ones, and broken ones.
//!
//! Names, labels and the like are drawn from small pools, so that objects often meet.

mod broken;
mod workload;

pub use broken::{any_json, broken};

use proptest::{
    collection::{btree_map, vec},
    option::{self, weighted},
    prelude::*,
};
use serde_json::{Map, Value, json};

/// A kind of object that there are strategies for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// `Deployment`
    pub kind: &'static str,
    /// `apps/v1`
    pub api_version: &'static str,
    /// `deployments`
    pub plural: &'static str,
    /// It lives in a namespace.
    pub namespaced: bool,
    /// Its subresources that answer.
    pub subresources: &'static [&'static str],
}

impl Kind {
    /// `/apis/apps/v1/namespaces/NAMESPACE/deployments`; the namespace is passed over where there
    /// is none, and an empty one is all of them.
    #[must_use]
    pub fn collection(&self, namespace: &str) -> String {
        let root = if self.api_version.contains('/') {
            "/apis"
        } else {
            "/api"
        };
        let (version, plural) = (self.api_version, self.plural);
        if self.namespaced && !namespace.is_empty() {
            format!("{root}/{version}/namespaces/{namespace}/{plural}")
        } else {
            format!("{root}/{version}/{plural}")
        }
    }

    /// The path of one object.
    #[must_use]
    pub fn path(&self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }
}

/// ConfigMaps: the plainest kind.
pub const CONFIG_MAPS: Kind = Kind {
    kind: "ConfigMap",
    api_version: "v1",
    plural: "configmaps",
    namespaced: true,
    subresources: &[],
};

/// Deployments: with a spec, a status, a generation and a scale.
pub const DEPLOYMENTS: Kind = Kind {
    kind: "Deployment",
    api_version: "apps/v1",
    plural: "deployments",
    namespaced: true,
    subresources: &["status", "scale"],
};

/// Namespaces: they hold the others.
pub const NAMESPACES: Kind = Kind {
    kind: "Namespace",
    api_version: "v1",
    plural: "namespaces",
    namespaced: false,
    subresources: &["status", "finalize"],
};

/// The kinds that there are strategies for; the plainest first.
pub const KINDS: [Kind; 9] = [
    CONFIG_MAPS,
    Kind {
        kind: "Secret",
        plural: "secrets",
        ..CONFIG_MAPS
    },
    Kind {
        kind: "Pod",
        plural: "pods",
        subresources: &["status", "binding"],
        ..CONFIG_MAPS
    },
    DEPLOYMENTS,
    Kind {
        kind: "Service",
        plural: "services",
        subresources: &["status"],
        ..CONFIG_MAPS
    },
    NAMESPACES,
    Kind {
        kind: "Node",
        plural: "nodes",
        subresources: &["status"],
        ..NAMESPACES
    },
    Kind {
        kind: "Lease",
        api_version: "coordination.k8s.io/v1",
        plural: "leases",
        ..CONFIG_MAPS
    },
    Kind {
        kind: "PodDisruptionBudget",
        api_version: "policy/v1",
        plural: "poddisruptionbudgets",
        subresources: &["status"],
        ..CONFIG_MAPS
    },
];

/// One of [`KINDS`].
pub fn kind() -> impl Strategy<Value = Kind> + Clone {
    proptest::sample::select(&KINDS[..])
}

/// A valid object of a kind, of that name. Its namespace is the path's.
pub fn object(kind: Kind, name: &str) -> BoxedStrategy<Value> {
    let content = match kind.kind {
        "ConfigMap" => config_map(),
        "Secret" => secret(),
        "Pod" => workload::pod(),
        "Deployment" => workload::deployment(),
        "Service" => service(),
        "Namespace" => Just(json!({})).boxed(),
        "Node" => node(),
        "Lease" => lease(),
        _ => workload::disruption_budget(),
    };
    let name = name.to_owned();
    (content, metadata())
        .prop_map(move |(mut object, mut metadata)| {
            metadata.insert("name".into(), name.as_str().into());
            object["kind"] = kind.kind.into();
            object["apiVersion"] = kind.api_version.into();
            object["metadata"] = metadata.into();
            object
        })
        .boxed()
}

/// A status of a kind, as a controller or kubelet writes it: to be merged over an object for its
/// `/status`.
pub fn status(kind: Kind) -> BoxedStrategy<Value> {
    let number = 0_i64..4;
    match kind.kind {
        "Pod" => {
            let phase = prop_oneof![Just("Pending"), Just("Running"), Just("Succeeded")];
            phase
                .prop_map(|phase| json!({"status": {"phase": phase}}))
                .boxed()
        }
        "Deployment" => (number.clone(), number)
            .prop_map(|(seen, replicas)| {
                json!({"status": {"observedGeneration": seen, "replicas": replicas}})
            })
            .boxed(),
        "Service" => (1_u8..4)
            .prop_map(|last| {
                let address = format!("192.0.2.{last}");
                json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
            })
            .boxed(),
        "Node" => (1_u8..9)
            .prop_map(|cpus| json!({"status": {"capacity": {"cpu": cpus.to_string()}}}))
            .boxed(),
        "PodDisruptionBudget" => number
            .prop_map(|healthy| {
                json!({"status": {"currentHealthy": healthy, "desiredHealthy": 1,
                    "disruptionsAllowed": 0, "expectedPods": 3, "observedGeneration": 1}})
            })
            .boxed(),
        _ => Just(json!({"status": {}})).boxed(),
    }
}

/// Metadata but for the name: labels, annotations, seldom finalizers and owners.
pub fn metadata() -> BoxedStrategy<Map<String, Value>> {
    let owner = Just(
        json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "a",
        "uid": "11111111-2222-4333-8444-555555555555"}]),
    );
    let members = (
        weighted(0.5, labels()),
        weighted(
            0.2,
            btree_map(word(&["example.com/note", "note"]), text(), 1..=2),
        ),
        weighted(0.15, finalizers()),
        weighted(0.1, owner),
    );
    members
        .prop_map(|(labels, annotations, finalizers, owners)| {
            let mut metadata = Map::new();
            let mut put = |name: &str, value: Option<Value>| {
                metadata.extend(value.map(|value| (name.to_owned(), value)));
            };
            put("labels", labels.map(|labels| json!(labels)));
            put("annotations", annotations.map(|them| json!(them)));
            put("finalizers", finalizers.map(|them| json!(them)));
            put("ownerReferences", owners);
            metadata
        })
        .boxed()
}

/// Labels.
pub fn labels() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> + Clone {
    btree_map(
        word(&["app", "tier", "example.com/track"]),
        word(&["x", "y", ""]),
        1..=2,
    )
}

/// Finalizers.
pub fn finalizers() -> impl Strategy<Value = Vec<String>> + Clone {
    prop_oneof![
        4 => Just(vec!["example.com/hold".to_owned()]),
        1 => Just(vec!["example.com/hold".to_owned(), "example.com/keep".to_owned()]),
        1 => Just(vec!["foregroundDeletion".to_owned()]),
    ]
}

/// One of some words; the first is the simplest.
pub fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    proptest::sample::select(words).prop_map(str::to_owned)
}

/// A short text, seldom one that is hard to escape.
pub fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        6 => word(&["", "1", "2", "value"]),
        1 => word(&["\u{e9}\u{1f600}", "a\nb: c\n", "<&>\"\\\u{2028}", "\u{1}\t", "no", "0x1F", "- a"]),
    ]
}

fn config_map() -> BoxedStrategy<Value> {
    let data = btree_map(word(&["k", "k.txt", "_k-2"]), text(), 0..=2);
    let binary = btree_map(word(&["b"]), word(&["", "AAECAw=="]), 1..=1);
    (
        weighted(0.7, data),
        weighted(0.1, binary),
        weighted(0.1, any::<bool>()),
    )
        .prop_map(|(data, binary, immutable)| {
            let members = [
                ("data", data.map(|them| json!(them))),
                ("binaryData", binary.map(|them| json!(them))),
                ("immutable", immutable.map(Value::from)),
            ];
            present(members)
        })
        .boxed()
}

fn secret() -> BoxedStrategy<Value> {
    let data = btree_map(
        word(&["k", "tls.crt"]),
        word(&["", "AAECAw==", "dg=="]),
        0..=2,
    );
    let plain = btree_map(word(&["k"]), text(), 1..=1);
    (
        weighted(0.6, data),
        weighted(0.2, plain),
        weighted(0.2, word(&["Opaque", "example.com/mine"])),
    )
        .prop_map(|(data, plain, kind)| {
            let members = [
                ("data", data.map(|them| json!(them))),
                ("stringData", plain.map(|them| json!(them))),
                ("type", kind.map(Value::from)),
            ];
            present(members)
        })
        .boxed()
}

fn service() -> BoxedStrategy<Value> {
    let port = (1_u16..4, word(&["TCP", "UDP"]), option::of(8000_u16..8003));
    let shape = prop_oneof![
        4 => Just(json!({})),
        2 => Just(json!({"clusterIP": "None"})),
        1 => Just(json!({"type": "NodePort"})),
        1 => Just(json!({"type": "ExternalName", "externalName": "example.com"})),
        1 => Just(json!({"sessionAffinity": "ClientIP"})),
    ];
    (shape, vec(port, 1..=2), option::of(labels()))
        .prop_map(|(mut spec, ports, selector)| {
            let many = ports.len() > 1;
            let ports = ports.into_iter().enumerate().map(|(index, port)| {
                let (number, protocol, target) = port;
                let mut port = json!({"port": 80 + 10 * number, "protocol": protocol});
                if many {
                    port["name"] = format!("p{index}").into();
                    port["port"] = (80 + 100 * index as u16 + number).into();
                }
                if let Some(target) = target {
                    port["targetPort"] = target.into();
                }
                port
            });
            spec["ports"] = ports.collect();
            if let Some(selector) = selector {
                spec["selector"] = json!(selector);
            }
            json!({"spec": spec})
        })
        .boxed()
}

fn node() -> BoxedStrategy<Value> {
    let taint = (
        word(&["example.com/t", "u"]),
        word(&["NoSchedule", "NoExecute"]),
    );
    (any::<bool>(), option::of(taint))
        .prop_map(|(unschedulable, taint)| {
            let mut spec = json!({});
            if unschedulable {
                spec["unschedulable"] = true.into();
            }
            if let Some((key, effect)) = taint {
                spec["taints"] = json!([{"key": key, "effect": effect}]);
            }
            json!({"spec": spec})
        })
        .boxed()
}

fn lease() -> BoxedStrategy<Value> {
    let moment = word(&["2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:06.000000Z"]);
    (
        weighted(0.7, word(&["me", "you"])),
        weighted(0.5, 1_i64..4),
        weighted(0.5, moment),
    )
        .prop_map(|(holder, seconds, renewed)| {
            let members = [
                ("holderIdentity", holder.map(Value::from)),
                ("leaseDurationSeconds", seconds.map(Value::from)),
                ("renewTime", renewed.map(Value::from)),
            ];
            json!({"spec": present(members)})
        })
        .boxed()
}

/// The members that are there.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(members.collect())
}
