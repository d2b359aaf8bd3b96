//! The disruption controller: how many pods of a PodDisruptionBudget may go now.
//!
//! Origin: `pkg/controller/disruption/disruption.go`.

use super::{
    Api, Call, Change, Controller, EventType, Item, Name, Outcome, Recorder, View, Watch, apis,
    backends::is_ready,
    service_account,
    workload::{Rounding, scaled},
};
use crate::{
    ambient::{Ambient, Time},
    config::User,
    kinds::document::{at, list, members, number, put, same, text},
    map::Map,
    object::{Object, OwnerReference},
    selector::LabelSelector,
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// A pod that was evicted this long ago and is still there is not going (`DeletionTimeout`).
const DELETION_MICROSECONDS: i64 = 120_000_000;

/// What has a scale, and so says how many pods there should be.
const SCALED: [Api; 4] = [
    apis::DEPLOYMENTS,
    apis::REPLICA_SETS,
    apis::REPLICATION_CONTROLLERS,
    apis::STATEFUL_SETS,
];

/// Looks at PodDisruptionBudgets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disruptions {
    /// Budget → whom it covers.
    selectors: BTreeMap<Name, LabelSelector>,
    /// The pods that are ready.
    ready: Map<Name, ()>,
}

impl Controller for Disruptions {
    fn name(&self) -> &'static str {
        "disruption-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    /// Its role has no pods: kube-controller-manager's controllers share their watches.
    fn watches_as(&self) -> User {
        super::controller_manager()
    }

    fn watches(&self) -> Vec<Watch> {
        let scaled = SCALED.into_iter().map(Watch::all);
        [apis::POD_DISRUPTION_BUDGETS, apis::PODS]
            .into_iter()
            .map(Watch::all)
            .chain(scaled)
            .collect()
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::POD_DISRUPTION_BUDGETS {
            self.budget(change);
            items.push(change.name.clone());
        } else if change.api == apis::PODS {
            self.pod(change, items);
        } else if replicas(change.old.as_ref()) != replicas(change.new.as_ref()) {
            let namespace = &change.name.namespace;
            items.extend(self.in_namespace(namespace).map(|(name, _)| name.clone()));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, ambient: &Ambient) -> Outcome {
        let Some(object) = view.get(&apis::POD_DISRUPTION_BUDGETS, item) else {
            return Outcome::done();
        };
        let Some(selector) = self.selectors.get(item) else {
            return Outcome::done();
        };
        let budget = object.json();
        let pods: Vec<(&Name, &Object)> = view
            .in_namespace(&apis::PODS, &item.namespace)
            .filter(|(_, pod)| selector.matches(&pod.meta().labels))
            .collect();
        let disrupted = Disrupted::of(&budget, &pods, ambient.now);
        let healthy = |(name, pod): &&(&Name, &Object)| {
            let going = pod.meta().deletion_timestamp.is_some();
            !going && !disrupted.pods.contains_key(&*name.name) && self.ready.contains(*name)
        };
        let current = i64::try_from(pods.iter().filter(healthy).count()).unwrap_or(i64::MAX);
        let old = at(&budget, &["status"]);
        let status = match expected(view, &budget, &pods) {
            Ok(expected) => Figures {
                current,
                ..expected
            }
            .status(&budget, &disrupted, ambient),
            Err(why) => failed(&budget, &why, ambient),
        };
        let mut outcome = Outcome::done();
        if !same(old, &status) {
            let mut changed = budget.clone();
            put(&mut changed, "status", status);
            let call = Call::update_status(&apis::POD_DISRUPTION_BUDGETS, &changed);
            outcome.calls.push(call);
            if pods.is_empty() && number(old, &["observedGeneration"]).is_none() {
                outcome.calls.push(no_pods(object, ambient));
            }
        }
        match disrupted.recheck {
            Some(time) => outcome.again_at(time),
            None => outcome,
        }
    }
}

fn no_pods(budget: &Object, ambient: &Ambient) -> Call {
    let recorder = Recorder::new("controllermanager");
    let about = (&apis::POD_DISRUPTION_BUDGETS, budget);
    let message = "No matching pods found";
    recorder.event(about, EventType::Normal, "NoPods", message, (ambient, 0))
}

impl Disruptions {
    fn budget(&mut self, change: &Change) {
        let selector = change.new.as_ref().and_then(|object| {
            LabelSelector::from_json(at(&object.json(), &["spec", "selector"])).ok()
        });
        match selector {
            Some(selector) => self.selectors.insert(change.name.clone(), selector),
            None => self.selectors.remove(&change.name),
        };
    }

    fn pod(&mut self, change: &Change, items: &mut Vec<Item>) {
        let ready = change.new.as_ref().is_some_and(|pod| is_ready(&pod.json()));
        let before = self.ready.contains(&change.name);
        if ready && !before {
            self.ready.insert(change.name.clone(), ());
        } else if !ready {
            self.ready.remove(&change.name);
        }
        let facts = |pod: &Object| {
            let meta = pod.meta();
            let owner = meta.controller().map(|owner| owner.uid.clone());
            (
                meta.uid.clone(),
                meta.labels.clone(),
                meta.deletion_timestamp.is_some(),
                owner,
            )
        };
        let same = change.old.as_ref().map(facts) == change.new.as_ref().map(facts);
        if same && ready == before {
            return;
        }
        for pod in change.states() {
            let labels = &pod.meta().labels;
            let covering = self
                .in_namespace(&change.name.namespace)
                .filter(|(_, selector)| selector.matches(labels));
            items.extend(covering.map(|(name, _)| name.clone()));
        }
    }

    fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = (&Name, &LabelSelector)> {
        let first = Name::new(namespace, "");
        let namespace = first.namespace.clone();
        let all = self.selectors.range(first..);
        all.take_while(move |(name, _)| name.namespace == namespace)
    }
}

/// `spec.replicas`; the default is 1, as the API server fills it in.
fn replicas(object: Option<&Object>) -> Option<i64> {
    object.map(|object| number(&object.json(), &["spec", "replicas"]).unwrap_or(1))
}

/// The evicted pods that are still to go (`buildDisruptedPodMap`).
struct Disrupted {
    pods: BTreeMap<String, String>,
    /// When the first of them should be gone.
    recheck: Option<Time>,
}

impl Disrupted {
    fn of(budget: &Value, pods: &[(&Name, &Object)], now: Time) -> Disrupted {
        let mut disrupted = Disrupted {
            pods: BTreeMap::new(),
            recheck: None,
        };
        for (name, since) in members(budget, &["status", "disruptedPods"]) {
            let pod = pods.iter().find(|(it, _)| &*it.name == name);
            let stays = pod.is_some_and(|(_, pod)| pod.meta().deletion_timestamp.is_none());
            let since = since.as_str().unwrap_or_default();
            let Some(at) = Time::parse(since).filter(|_| stays) else {
                continue;
            };
            let end = Time(at.0.saturating_add(DELETION_MICROSECONDS));
            if end <= now {
                continue;
            }
            disrupted.recheck = Some(disrupted.recheck.map_or(end, |other| other.min(end)));
            disrupted.pods.insert(name.to_owned(), since.to_owned());
        }
        disrupted
    }
}

struct Figures {
    expected: i64,
    desired: i64,
    current: i64,
}

impl Figures {
    /// `updatePdbStatus`
    fn status(&self, budget: &Value, disrupted: &Disrupted, ambient: &Ambient) -> Value {
        let allowed = match self.expected {
            ..=0 => 0,
            _ => self.current.saturating_sub(self.desired).max(0),
        };
        let mut status = json!({
            "currentHealthy": self.current, "desiredHealthy": self.desired,
            "expectedPods": self.expected, "disruptionsAllowed": allowed,
            "observedGeneration": generation(budget),
        });
        if !disrupted.pods.is_empty() {
            status["disruptedPods"] = json!(disrupted.pods);
        }
        let condition = match allowed {
            0 => ("False", "InsufficientPods", ""),
            _ => ("True", "SufficientPods", ""),
        };
        status["conditions"] = conditions(budget, condition, ambient);
        status
    }
}

fn generation(budget: &Value) -> i64 {
    number(budget, &["metadata", "generation"]).unwrap_or_default()
}

/// No disruption is allowed as long as it cannot be said how many may be (`failSafe`).
fn failed(budget: &Value, why: &str, ambient: &Ambient) -> Value {
    let mut status = at(budget, &["status"]).clone();
    put(&mut status, "disruptionsAllowed", json!(0));
    put(&mut status, "observedGeneration", json!(generation(budget)));
    let condition = ("False", "SyncFailed", why);
    put(
        &mut status,
        "conditions",
        conditions(budget, condition, ambient),
    );
    status
}

/// The conditions, with DisruptionAllowed as it is now.
fn conditions(
    budget: &Value,
    (truth, reason, message): (&str, &str, &str),
    now: &Ambient,
) -> Value {
    const KIND: &str = "DisruptionAllowed";
    let mut conditions = list(budget, &["status", "conditions"]).to_vec();
    let place = conditions
        .iter()
        .position(|one| text(one, &["type"]) == KIND);
    let since = place
        .map(|place| &conditions[place])
        .filter(|one| text(one, &["status"]) == truth)
        .map(|one| at(one, &["lastTransitionTime"]).clone());
    let condition = json!({
        "type": KIND, "status": truth, "reason": reason, "message": message,
        "observedGeneration": generation(budget),
        "lastTransitionTime": since.unwrap_or_else(|| now.now.rfc3339().into()),
    });
    match place {
        Some(place) => conditions[place] = condition,
        None => conditions.push(condition),
    }
    conditions.into()
}

/// How many pods there should be, and how many must be healthy (`getExpectedPodCount`).
fn expected(view: &View, budget: &Value, pods: &[(&Name, &Object)]) -> Result<Figures, String> {
    let most_unavailable = at(budget, &["spec", "maxUnavailable"]);
    let least_available = at(budget, &["spec", "minAvailable"]);
    let (expected, desired) = if !most_unavailable.is_null() {
        let expected = scale(view, pods)?;
        let unavailable = scaled(most_unavailable, expected, Rounding::Up);
        (expected, expected.saturating_sub(unavailable).max(0))
    } else if let Some(least) = least_available.as_i64() {
        (i64::try_from(pods.len()).unwrap_or(i64::MAX), least)
    } else if least_available.is_null() {
        (0, 0)
    } else {
        let expected = scale(view, pods)?;
        (expected, scaled(least_available, expected, Rounding::Up))
    };
    Ok(Figures {
        expected,
        desired,
        current: 0,
    })
}

/// The sum of the scales of what controls these pods (`getExpectedScale`).
fn scale(view: &View, pods: &[(&Name, &Object)]) -> Result<i64, String> {
    let mut scales: BTreeMap<String, i64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (name, pod) in pods {
        // Pods that nothing controls don't count.
        let Some(owner) = pod.meta().controller() else {
            continue;
        };
        if !seen.insert(owner.uid.as_str()) {
            continue;
        }
        let found = top(view, &name.namespace, owner, 0);
        let (uid, scale) = found
            .ok_or_else(|| format!("found no controllers for pod {:?}", name.name.to_string()))?;
        scales.insert(uid, scale);
    }
    Ok(scales.into_values().fold(0, i64::saturating_add))
}

/// Owners of owners are followed this far: they may be written so that they form a circle.
const DEEPEST: u32 = 4;

/// The topmost owner with a scale: the Deployment of a ReplicaSet.
fn top(view: &View, namespace: &str, owner: &OwnerReference, depth: u32) -> Option<(String, i64)> {
    let api = SCALED
        .into_iter()
        .find(|api| api.kind == owner.kind && api.api_version() == owner.api_version)?;
    let object = view.get(&api, &Name::new(namespace, &owner.name))?;
    let meta = object.meta();
    if meta.uid != owner.uid {
        return None;
    }
    let above = meta.controller().filter(|_| depth < DEEPEST);
    let above = above.and_then(|it| top(view, namespace, it, depth + 1));
    above.or_else(|| Some((meta.uid.clone(), replicas(Some(object))?)))
}
