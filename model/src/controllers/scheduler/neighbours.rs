//! Which pods a pod wants to be with, or not: affinity, anti-affinity and spread over the domains
//! of a topology (`plugins/interpodaffinity`, `plugins/podtopologyspread`).

use super::{ask::Ask, node::Offer, verdict::Verdict};
use crate::{
    kinds::document::{at, list, number, text, texts},
    selector::LabelSelector,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// The labels of pods or nodes.
pub(super) type Labels = BTreeMap<String, String>;

/// A term of pod affinity or anti-affinity that is required.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PodTerm {
    topology_key: String,
    namespaces: Vec<String>,
    /// `namespaceSelector: {}`; others select nothing here.
    everywhere: bool,
    selector: LabelSelector,
}

/// A topology spread constraint that must hold.
#[derive(Clone, Debug)]
pub(super) struct SpreadTerm {
    topology_key: String,
    selector: LabelSelector,
    /// The labels that counted pods must share with the pod.
    keys: Vec<String>,
    max_skew: i64,
    min_domains: usize,
    honors_affinity: bool,
    honors_taints: bool,
}

impl PodTerm {
    /// Those of `podAffinity` or `podAntiAffinity`.
    pub(super) fn all(pod: &Value, which: &str) -> Vec<PodTerm> {
        let terms = [
            "spec",
            "affinity",
            which,
            "requiredDuringSchedulingIgnoredDuringExecution",
        ];
        let own = text(pod, &["metadata", "namespace"]);
        let read = |term: &Value| {
            let selector = at(term, &["namespaceSelector"]);
            let mut namespaces: Vec<String> = texts(term, &["namespaces"])
                .into_iter()
                .map(String::from)
                .collect();
            if namespaces.is_empty() && selector.is_null() {
                namespaces.push(own.to_string());
            }
            PodTerm {
                topology_key: text(term, &["topologyKey"]).to_string(),
                namespaces,
                everywhere: selector.as_object().is_some_and(serde_json::Map::is_empty),
                selector: selector_of(term),
            }
        };
        list(pod, &terms).iter().map(read).collect()
    }

    fn matches(&self, namespace: &str, labels: &Labels) -> bool {
        let there = self.everywhere || self.namespaces.iter().any(|it| it == namespace);
        there && self.selector.matches(labels)
    }
}

impl SpreadTerm {
    pub(super) fn all(pod: &Value) -> Vec<SpreadTerm> {
        let terms = list(pod, &["spec", "topologySpreadConstraints"]).iter();
        let hard = terms.filter(|it| text(it, &["whenUnsatisfiable"]) != "ScheduleAnyway");
        let read = |term: &Value| SpreadTerm {
            topology_key: text(term, &["topologyKey"]).to_string(),
            selector: selector_of(term),
            keys: texts(term, &["matchLabelKeys"])
                .into_iter()
                .map(String::from)
                .collect(),
            max_skew: number(term, &["maxSkew"]).unwrap_or(1),
            min_domains: number(term, &["minDomains"])
                .and_then(|it| usize::try_from(it).ok())
                .unwrap_or(1),
            honors_affinity: text(term, &["nodeAffinityPolicy"]) != "Ignore",
            honors_taints: text(term, &["nodeTaintsPolicy"]) == "Honor",
        };
        hard.map(read).collect()
    }

    fn counts(&self, ask: &Ask, labels: &Labels) -> bool {
        let shared = |key: &String| labels.get(key) == ask.labels.get(key);
        self.selector.matches(labels) && self.keys.iter().all(shared)
    }
}

/// What is not a selector selects nothing.
fn selector_of(term: &Value) -> LabelSelector {
    let selector = LabelSelector::from_json(at(term, &["labelSelector"]));
    selector.unwrap_or_else(|_| LabelSelector::nothing())
}

/// A pod that has a node.
pub(super) struct Neighbour<'a> {
    pub(super) namespace: &'a str,
    pub(super) labels: &'a Labels,
    pub(super) node: &'a Offer,
    /// It is being deleted.
    pub(super) leaving: bool,
    /// What it does not want to be with.
    pub(super) repels: &'a [PodTerm],
}

/// What a pod's terms come to, given where the other pods are.
#[derive(Default)]
pub(super) struct Neighbours {
    /// Domains (topology key and value) in which there is a pod that the pod wants to be with, for
    /// each of its terms.
    wanted: Vec<(String, BTreeSet<String>)>,
    /// The pod is the first of those that want to be together.
    first: bool,
    /// Domains with a pod that it does not want to be with.
    avoided: BTreeSet<(String, String)>,
    /// Domains with a pod that does not want to be with it.
    repelled: BTreeSet<(String, String)>,
    spread: Vec<Spread>,
}

/// How pods are spread over the domains of a key.
struct Spread {
    key: String,
    counts: BTreeMap<String, i64>,
    least: i64,
    own: i64,
    max_skew: i64,
}

impl Neighbours {
    /// Looks at every pod that has a node, and every node that pods may be spread over.
    pub(super) fn of<'a>(
        ask: &Ask,
        pods: impl Iterator<Item = Neighbour<'a>>,
        nodes: impl Iterator<Item = (&'a str, &'a Offer)>,
    ) -> Neighbours {
        let wanted = ask.together.iter();
        let mut found = Neighbours {
            wanted: wanted
                .map(|term| (term.topology_key.clone(), BTreeSet::new()))
                .collect(),
            first: ask
                .together
                .iter()
                .all(|term| term.matches(&ask.namespace, &ask.labels)),
            spread: ask
                .spread
                .iter()
                .map(|term| Spread::of(ask, term))
                .collect(),
            ..Neighbours::default()
        };
        for (name, node) in nodes {
            found.count_node(ask, name, node);
        }
        for pod in pods {
            found.count_pod(ask, &pod);
        }
        for (spread, term) in found.spread.iter_mut().zip(&ask.spread) {
            let least = spread.counts.values().min().copied();
            let enough = spread.counts.len() >= term.min_domains;
            spread.least = least.filter(|_| enough).unwrap_or_default();
        }
        found
    }

    /// A domain counts when a node of it has all keys and suits the pod otherwise.
    fn count_node(&mut self, ask: &Ask, name: &str, node: &Offer) {
        let has_all = ask
            .spread
            .iter()
            .all(|it| node.labels.contains_key(&it.topology_key));
        for (spread, term) in self.spread.iter_mut().zip(&ask.spread) {
            let selected = !term.honors_affinity || super::filter::selected(ask, name, node);
            let tolerated = !term.honors_taints || super::filter::tolerated(ask, node);
            if let Some(domain) = node.labels.get(&spread.key)
                && has_all
                && selected
                && tolerated
            {
                spread.counts.entry(domain.clone()).or_default();
            }
        }
    }

    fn count_pod(&mut self, ask: &Ask, pod: &Neighbour<'_>) {
        let domain = |key: &String| pod.node.labels.get(key).cloned();
        let (namespace, labels) = (pod.namespace, pod.labels);
        // Upstream: a pod counts for affinity when it matches all terms.
        if !ask.together.is_empty() && ask.together.iter().all(|it| it.matches(namespace, labels)) {
            self.first = false;
            for (key, domains) in &mut self.wanted {
                domains.extend(domain(key));
            }
        }
        for term in ask.apart.iter().filter(|it| it.matches(namespace, labels)) {
            let key = &term.topology_key;
            self.avoided
                .extend(domain(key).map(|value| (key.clone(), value)));
        }
        let hostile = pod.repels.iter();
        for term in hostile.filter(|it| it.matches(&ask.namespace, &ask.labels)) {
            let key = &term.topology_key;
            self.repelled
                .extend(domain(key).map(|value| (key.clone(), value)));
        }
        if pod.leaving || namespace != ask.namespace {
            return;
        }
        for (spread, term) in self.spread.iter_mut().zip(&ask.spread) {
            if let Some(count) = domain(&spread.key).and_then(|it| spread.counts.get_mut(&it)) {
                *count += i64::from(term.counts(ask, labels));
            }
        }
    }

    /// # Errors
    /// Why the pod cannot be on that node.
    pub(super) fn check(&self, node: &Offer) -> Result<(), Verdict> {
        for spread in &self.spread {
            let Some(domain) = node.labels.get(&spread.key) else {
                let why = "node(s) didn't match pod topology spread constraints (missing \
                           required label)";
                return Err(Verdict::never(why));
            };
            let count = spread.counts.get(domain).copied().unwrap_or_default();
            if count + spread.own - spread.least > spread.max_skew {
                let why = "node(s) didn't match pod topology spread constraints";
                return Err(Verdict::now(why));
            }
        }
        let suits = self.wanted.iter().all(|(key, domains)| {
            let domain = node.labels.get(key);
            domain.is_some_and(|domain| self.first || domains.contains(domain))
        });
        if !suits {
            return Err(Verdict::never("node(s) didn't match pod affinity rules"));
        }
        let inside = |domains: &BTreeSet<(String, String)>| {
            domains
                .iter()
                .any(|(key, value)| node.labels.get(key) == Some(value))
        };
        if inside(&self.avoided) {
            return Err(Verdict::now("node(s) didn't match pod anti-affinity rules"));
        }
        if inside(&self.repelled) {
            let why = "node(s) didn't satisfy existing pods anti-affinity rules";
            return Err(Verdict::now(why));
        }
        Ok(())
    }
}

impl Spread {
    fn of(ask: &Ask, term: &SpreadTerm) -> Spread {
        Spread {
            key: term.topology_key.clone(),
            counts: BTreeMap::new(),
            least: 0,
            own: i64::from(term.counts(ask, &ask.labels)),
            max_skew: term.max_skew,
        }
    }
}
