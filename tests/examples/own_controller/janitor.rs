//! A controller as a user would write it: the claims of a pod go when the pod has gone.
//!
//! [`Janitor::hasty`] has a mistake that is often made: it takes what its cache does not show for
//! what is not there. But each watch lags on its own, and a claim can be seen before its pod is
//! (as in kubernetes-retired/cassandra-operator and others that Sieve found). [`Janitor::careful`]
//! asks the API server before it deletes. That is enough when names of pods are not used again,
//! since a claim is made after its pod.

use model::{
    ambient::Ambient,
    config::User,
    controllers::{
        Answer, Call, Change, Controller, DeleteOptions, Item, Outcome, View, Watch, apis,
        service_account,
    },
};
use std::collections::BTreeSet;

/// The label of a claim that names its pod.
pub(crate) const POD: &str = "example.com/pod";

/// Deletes claims whose pod has gone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Janitor {
    asks: bool,
    /// The pods that are not there, as the API server has said.
    gone: BTreeSet<Item>,
}

impl Janitor {
    /// With the mistake.
    pub(crate) fn hasty() -> Janitor {
        Janitor {
            asks: false,
            gone: BTreeSet::new(),
        }
    }

    /// Without it.
    pub(crate) fn careful() -> Janitor {
        Janitor {
            asks: true,
            ..Janitor::hasty()
        }
    }
}

impl Controller for Janitor {
    fn name(&self) -> &'static str {
        "janitor"
    }

    fn user(&self) -> User {
        service_account("janitor")
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::all(apis::PODS),
            Watch::all(apis::PERSISTENT_VOLUME_CLAIMS),
        ]
    }

    /// The items are the pods.
    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::PODS {
            items.push(change.name.clone());
            return;
        }
        let pods = change
            .states()
            .filter_map(|claim| claim.meta().labels.get(POD));
        items.extend(pods.map(|pod| Item::new(&change.name.namespace, pod)));
    }

    fn reconcile(&mut self, view: &View, pod: &Item, ambient: &Ambient) -> Outcome {
        let claims = apis::PERSISTENT_VOLUME_CLAIMS;
        let of_pod = view
            .in_namespace(&claims, &pod.namespace)
            .filter(|(_, claim)| {
                claim.meta().labels.get(POD).map(String::as_str) == Some(&*pod.name)
            });
        let deletes: Vec<Call> = of_pod
            .filter(|(_, claim)| claim.meta().deletion_timestamp.is_none())
            .map(|(name, claim)| {
                let uid = claim.meta().uid.as_str();
                let options = DeleteOptions {
                    uid,
                    ..DeleteOptions::default()
                };
                Call::delete(&claims, name, uid, options)
            })
            .collect();
        if deletes.is_empty() || view.get(&apis::PODS, pod).is_some() {
            self.gone.remove(pod);
            return Outcome::done();
        }
        if self.asks && !self.gone.contains(pod) {
            let asks = Outcome::calls(vec![Call::get(&apis::PODS, pod)]);
            return asks.again_at(ambient.now);
        }
        Outcome::calls(deletes)
    }

    fn answered(&mut self, pod: &Item, call: &Call, answer: &Answer) {
        if call.method == "GET" && answer.code == 404 {
            self.gone.insert(pod.clone());
        }
    }
}
