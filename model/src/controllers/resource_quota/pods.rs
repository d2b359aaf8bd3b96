//! What a pod counts for in a quota.
//!
//! Origin: `pkg/quota/v1/evaluator/core/pods.go`.

use crate::{
    kinds::{
        document::{at, list, members, text, texts},
        quantity::Sum,
    },
    object::Object,
};
use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
};
use serde_json::Value;

/// A resource of pods as quotas name it.
pub(super) enum Resource {
    Pods,
    Requests(String),
    Limits(String),
}

/// Reads the name of a resource of pods; `None` when it is none.
pub(super) fn resource(name: &str) -> Option<Resource> {
    if let Some(limited) = name.strip_prefix("limits.") {
        return Some(Resource::Limits(limited.to_owned()));
    }
    let asked = name.strip_prefix("requests.").unwrap_or(name);
    match name {
        "pods" => Some(Resource::Pods),
        "cpu" | "memory" | "ephemeral-storage" => Some(Resource::Requests(name.to_owned())),
        _ if asked != name || name.starts_with("hugepages-") => {
            Some(Resource::Requests(asked.to_owned()))
        }
        _ => None,
    }
}

/// What a pod uses that has not run to its end, and what scopes ask for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Usage {
    requests: BTreeMap<String, Sum>,
    limits: BTreeMap<String, Sum>,
    /// It is to end at some time.
    bounded: bool,
    best_effort: bool,
    priority_class: String,
    /// It wants to be near or far from pods of other namespaces.
    looks_abroad: bool,
}

impl Usage {
    pub(super) fn read(object: &Object) -> Option<Usage> {
        let pod = object.json();
        if matches!(text(&pod, &["status", "phase"]), "Succeeded" | "Failed") {
            return None;
        }
        Some(Usage {
            requests: resources(&pod, "requests"),
            limits: resources(&pod, "limits"),
            bounded: at(&pod, &["spec", "activeDeadlineSeconds"]).is_i64(),
            best_effort: text(&pod, &["status", "qosClass"]) == "BestEffort",
            priority_class: text(&pod, &["spec", "priorityClassName"]).to_owned(),
            looks_abroad: looks_abroad(&pod),
        })
    }

    pub(super) fn of(&self, resource: &Resource) -> Sum {
        let found = match resource {
            Resource::Pods => return Sum::of(1),
            Resource::Requests(name) => self.requests.get(name),
            Resource::Limits(name) => self.limits.get(name),
        };
        found.cloned().unwrap_or_default()
    }

    /// All scopes of the quota take it.
    pub(super) fn is_in(&self, quota: &Value) -> bool {
        let scopes = texts(quota, &["spec", "scopes"]);
        let expressions = list(quota, &["spec", "scopeSelector", "matchExpressions"]);
        scopes
            .into_iter()
            .all(|scope| self.has(scope, "Exists", &[]))
            && expressions.iter().all(|one| {
                let values = texts(one, &["values"]);
                self.has(text(one, &["scopeName"]), text(one, &["operator"]), &values)
            })
    }

    fn has(&self, scope: &str, operator: &str, values: &[&str]) -> bool {
        match scope {
            "Terminating" => self.bounded,
            "NotTerminating" => !self.bounded,
            "BestEffort" => self.best_effort,
            "NotBestEffort" => !self.best_effort,
            "CrossNamespacePodAffinity" => self.looks_abroad,
            "PriorityClass" => {
                let class = self.priority_class.as_str();
                match operator {
                    "In" => values.contains(&class),
                    "NotIn" => !values.contains(&class),
                    "DoesNotExist" => class.is_empty(),
                    _ => !class.is_empty(),
                }
            }
            _ => false,
        }
    }
}

/// The most that the pod has at a time: what runs together, or one that begins it with the
/// sidecars before it; and what the pod itself costs (`PodRequests`).
fn resources(pod: &Value, field: &str) -> BTreeMap<String, Sum> {
    let mut together: BTreeMap<String, Sum> = BTreeMap::new();
    let mut most: BTreeMap<String, Sum> = BTreeMap::new();
    for container in list(pod, &["spec", "initContainers"]) {
        let own = of(container, &["resources", field]);
        if text(container, &["restartPolicy"]) == "Always" {
            add(&mut together, &own);
            continue;
        }
        let mut now = together.clone();
        add(&mut now, &own);
        keep_most(&mut most, &now);
    }
    for container in list(pod, &["spec", "containers"]) {
        add(&mut together, &of(container, &["resources", field]));
    }
    keep_most(&mut most, &together);
    add(&mut most, &of(pod, &["spec", "overhead"]));
    most
}

fn of(value: &Value, path: &[&str]) -> BTreeMap<String, Sum> {
    let each = members(value, path);
    each.map(|(name, amount)| (name.to_string(), Sum::read(amount)))
        .collect()
}

fn add(all: &mut BTreeMap<String, Sum>, other: &BTreeMap<String, Sum>) {
    for (name, amount) in other {
        all.entry(name.clone()).or_default().add(amount);
    }
}

fn keep_most(all: &mut BTreeMap<String, Sum>, other: &BTreeMap<String, Sum>) {
    for (name, amount) in other {
        let most = all.entry(name.clone()).or_default();
        if amount > most {
            *most = amount.clone();
        }
    }
}

fn looks_abroad(pod: &Value) -> bool {
    ["podAffinity", "podAntiAffinity"].iter().any(|kind| {
        let affinity = at(pod, &["spec", "affinity", kind]);
        let required = list(
            affinity,
            &["requiredDuringSchedulingIgnoredDuringExecution"],
        )
        .iter();
        let preferred = list(
            affinity,
            &["preferredDuringSchedulingIgnoredDuringExecution"],
        )
        .iter();
        let mut terms = required.chain(preferred.map(|one| at(one, &["podAffinityTerm"])));
        terms.any(|term| {
            !list(term, &["namespaces"]).is_empty() || !at(term, &["namespaceSelector"]).is_null()
        })
    })
}
