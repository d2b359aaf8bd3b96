//! The quota controller: `status.used` of ResourceQuotas is what the namespace really uses.
//!
//! It only counts: no admission plugin refuses what is too much.
//!
//! Origin: `pkg/controller/resourcequota/resource_quota_controller.go`, `pkg/quota/v1/evaluator/core`.

mod pods;

use super::{
    Api, Call, Change, Controller, Item, Name, Outcome, View, Watch, apis, controller_manager,
    service_account,
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::{
        document::{at, list, members, number, put, same, text},
        quantity::Sum,
    },
    map::Map,
    object::Object,
};
use alloc::{format, sync::Arc, vec, vec::Vec};
use pods::Usage;
use serde_json::{Map as Members, Value, json};

/// Looks at ResourceQuotas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceQuotas {
    resources: Arc<[Api]>,
    /// What the pods use that have not run to their end.
    pods: Map<Name, Arc<Usage>>,
}

impl ResourceQuotas {
    /// Counts objects of these resources: [`Api::deletable`] of what is served (those without
    /// namespace are left out).
    #[must_use]
    pub fn new(resources: impl IntoIterator<Item = Api>) -> ResourceQuotas {
        let namespaced = resources.into_iter().filter(|api| api.namespaced);
        ResourceQuotas {
            resources: namespaced.collect(),
            pods: Map::new(),
        }
    }
}

impl Controller for ResourceQuotas {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches_as(&self) -> User {
        controller_manager()
    }

    fn watches(&self) -> Vec<Watch> {
        self.resources.iter().cloned().map(Watch::all).collect()
    }

    fn observe(&mut self, view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::RESOURCE_QUOTAS {
            items.push(change.name.clone());
        }
        // Of most kinds only the number counts.
        let mut counts = change.old.is_none() || change.new.is_none();
        if change.api == apis::PODS {
            counts |= self.pod(change);
        }
        if matches!(
            change.api.resource.as_ref(),
            "services" | "persistentvolumeclaims"
        ) {
            let spec = |object: &Object| at(&object.json(), &["spec"]).clone();
            counts |= change.old.as_ref().map(spec) != change.new.as_ref().map(spec);
        }
        if counts {
            let quotas = view.in_namespace(&apis::RESOURCE_QUOTAS, &change.name.namespace);
            items.extend(quotas.map(|(name, _)| name.clone()));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let Some(mut quota) = view.json(&apis::RESOURCE_QUOTAS, item) else {
            return Outcome::done();
        };
        let mut used = Members::new();
        for (resource, _) in members(&quota, &["spec", "hard"]) {
            if let Some(sum) = self.used(view, &quota, &item.namespace, resource) {
                used.insert(resource.into(), sum.text().into());
            }
        }
        let status = json!({"hard": at(&quota, &["spec", "hard"]), "used": used});
        if same(at(&quota, &["status"]), &status) {
            return Outcome::done();
        }
        put(&mut quota, "status", status);
        Outcome::calls(vec![Call::update_status(&apis::RESOURCE_QUOTAS, &quota)])
    }
}

impl ResourceQuotas {
    /// True when what the pod uses has changed.
    fn pod(&mut self, change: &Change) -> bool {
        let old = self.pods.get(&change.name).cloned();
        let new = change.new.as_ref().and_then(Usage::read).map(Arc::new);
        let changed = old != new;
        match new {
            Some(new) if changed => self.pods.insert(change.name.clone(), new),
            Some(_) => {}
            None => {
                self.pods.remove(&change.name);
            }
        }
        changed
    }

    /// How much of a resource is used; `None` when it is none that is known.
    fn used(&self, view: &View, quota: &Value, namespace: &str, resource: &str) -> Option<Sum> {
        let objects = |api: &Api| Sum::of(view.in_namespace(api, namespace).count());
        if let Some(counted) = resource.strip_prefix("count/") {
            let is_it = |api: &&Api| {
                let full = format!("{}.{}", api.resource, api.group);
                full.trim_end_matches('.') == counted
            };
            return self.resources.iter().find(is_it).map(objects);
        }
        match resource {
            "services" => Some(objects(&apis::SERVICES)),
            "configmaps" => Some(objects(&apis::CONFIG_MAPS)),
            "secrets" => Some(objects(&apis::SECRETS)),
            "replicationcontrollers" => Some(objects(&apis::REPLICATION_CONTROLLERS)),
            "resourcequotas" => Some(objects(&apis::RESOURCE_QUOTAS)),
            "persistentvolumeclaims" => Some(objects(&apis::PERSISTENT_VOLUME_CLAIMS)),
            "services.nodeports" => Some(services(view, namespace, node_ports)),
            "services.loadbalancers" => Some(services(view, namespace, |service| {
                usize::from(text(service, &["spec", "type"]) == "LoadBalancer")
            })),
            "requests.storage" => Some(storage(view, namespace, None)),
            _ => match resource.split_once(".storageclass.storage.k8s.io/") {
                Some((class, "requests.storage")) => Some(storage(view, namespace, Some(class))),
                Some((class, "persistentvolumeclaims")) => {
                    let count = claims(view, namespace, Some(class)).count();
                    Some(Sum::of(count))
                }
                Some(_) => None,
                None => self.of_pods(view, quota, namespace, resource),
            },
        }
    }

    /// What those pods use that the quota's scopes take.
    fn of_pods(&self, view: &View, quota: &Value, namespace: &str, resource: &str) -> Option<Sum> {
        let resource = pods::resource(resource)?;
        let mut sum = Sum::default();
        for (name, _) in view.in_namespace(&apis::PODS, namespace) {
            if let Some(usage) = self.pods.get(name).filter(|usage| usage.is_in(quota)) {
                sum.add(&usage.of(&resource));
            }
        }
        Some(sum)
    }
}

fn services(view: &View, namespace: &str, count: fn(&Value) -> usize) -> Sum {
    let services = view.in_namespace(&apis::SERVICES, namespace);
    Sum::of(services.map(|(_, service)| count(&service.json())).sum())
}

/// The node ports that a Service has (`serviceEvaluator.Usage`).
fn node_ports(service: &Value) -> usize {
    let ports = list(service, &["spec", "ports"]);
    match text(service, &["spec", "type"]) {
        "NodePort" => ports.len(),
        "LoadBalancer" => {
            let has = |port: &&Value| number(port, &["nodePort"]).is_some_and(|it| it != 0);
            ports.iter().filter(has).count()
        }
        _ => 0,
    }
}

fn claims<'a>(
    view: &'a View,
    namespace: &str,
    class: Option<&'a str>,
) -> impl Iterator<Item = Value> {
    let claims = view.in_namespace(&apis::PERSISTENT_VOLUME_CLAIMS, namespace);
    claims.map(|(_, claim)| claim.json()).filter(move |claim| {
        class.is_none_or(|it| text(claim, &["spec", "storageClassName"]) == it)
    })
}

fn storage(view: &View, namespace: &str, class: Option<&str>) -> Sum {
    let mut sum = Sum::default();
    for claim in claims(view, namespace, class) {
        sum.add(&Sum::read(at(
            &claim,
            &["spec", "resources", "requests", "storage"],
        )));
    }
    sum
}
