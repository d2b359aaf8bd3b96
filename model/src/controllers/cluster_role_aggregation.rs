//! The aggregation of ClusterRoles: one with an aggregationRule has the rules of those that its
//! selectors take.
//!
//! Origin: `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use super::{Call, Change, Controller, Item, Name, Outcome, View, Watch, apis, service_account};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, list, put, same},
    object::Object,
    selector::LabelSelector,
};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use serde_json::Value;

/// Looks at ClusterRoles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClusterRoleAggregation {
    /// The roles that are aggregated, and from what.
    aggregated: BTreeMap<Name, Vec<LabelSelector>>,
}

impl Controller for ClusterRoleAggregation {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::all(apis::CLUSTER_ROLES)]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        let selectors = change.new.as_ref().map(selectors).unwrap_or_default();
        if selectors.is_empty() {
            self.aggregated.remove(&change.name);
        } else {
            self.aggregated.insert(change.name.clone(), selectors);
        }
        for (name, selectors) in &self.aggregated {
            let mut states = change.states();
            if *name == change.name || states.any(|role| takes(selectors, role)) {
                items.push(name.clone());
            }
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let selectors = self.aggregated.get(item);
        let Some((selectors, mut role)) = selectors.zip(view.json(&apis::CLUSTER_ROLES, item))
        else {
            return Outcome::done();
        };
        let mut rules: Vec<Value> = Vec::new();
        for (name, other) in view.list(&apis::CLUSTER_ROLES) {
            if name == item || !takes(selectors, other) {
                continue;
            }
            for rule in list(&other.json(), &["rules"]) {
                if !rules.iter().any(|there| same(there, rule)) {
                    rules.push(rule.clone());
                }
            }
        }
        let rules = Value::from(rules);
        if same(at(&role, &["rules"]), &rules) {
            return Outcome::done();
        }
        put(&mut role, "rules", rules);
        Outcome::calls(vec![Call::update(&apis::CLUSTER_ROLES, &role)])
    }
}

/// What a role is aggregated from; a selector that cannot be read takes nothing.
fn selectors(role: &Object) -> Vec<LabelSelector> {
    let role = role.json();
    list(&role, &["aggregationRule", "clusterRoleSelectors"])
        .iter()
        .filter_map(|selector| LabelSelector::from_json(selector).ok())
        .collect()
}

fn takes(selectors: &[LabelSelector], role: &Object) -> bool {
    let labels = &role.meta().labels;
    selectors.iter().any(|selector| selector.matches(labels))
}
