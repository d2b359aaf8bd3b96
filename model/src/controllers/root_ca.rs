//! The publisher of the root certificate: each namespace has a ConfigMap `kube-root-ca.crt`, by
//! which its pods know the API server.
//!
//! Origin: `pkg/controller/certificates/rootcacertpublisher/publisher.go`.

use super::{
    Call, Change, Controller, Item, Name, Outcome, View, Watch, apis, controller_manager,
    service_account, service_account::takes_content,
};
use crate::{
    ambient::Ambient,
    config::User,
    kinds::document::{at, put, same},
};
use alloc::{string::String, vec, vec::Vec};
use serde_json::json;

const NAME: &str = "kube-root-ca.crt";

/// Looks at namespaces.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RootCertificates {
    pem: String,
}

impl RootCertificates {
    /// Publishes these certificates, in PEM.
    #[must_use]
    pub fn new(pem: String) -> RootCertificates {
        RootCertificates { pem }
    }
}

impl Controller for RootCertificates {
    fn name(&self) -> &'static str {
        "root-ca-cert-publisher"
    }

    fn user(&self) -> User {
        service_account(self.name())
    }

    fn watches_as(&self) -> User {
        controller_manager()
    }

    fn watches(&self) -> Vec<Watch> {
        vec![
            Watch::all(apis::NAMESPACES),
            Watch::selected(apis::CONFIG_MAPS, alloc::format!("metadata.name={NAME}")),
        ]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NAMESPACES && change.new.is_some() {
            items.push(change.name.clone());
        } else if change.api == apis::CONFIG_MAPS {
            items.push(Name::new("", &change.name.namespace));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        if !takes_content(view, item) {
            return Outcome::done();
        }
        let data = json!({"ca.crt": self.pem});
        let there = Name::new(&item.name, NAME);
        let call = match view.json(&apis::CONFIG_MAPS, &there) {
            Some(map) if same(at(&map, &["data"]), &data) => return Outcome::done(),
            Some(mut map) => {
                put(&mut map, "data", data);
                Call::update(&apis::CONFIG_MAPS, &map)
            }
            None => {
                let map = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {
                        "name": NAME, "namespace": &*item.name,
                        "annotations": {"kubernetes.io/description": DESCRIPTION},
                    },
                    "data": data,
                });
                Call::create(&apis::CONFIG_MAPS, &item.name, &map)
            }
        };
        Outcome::calls(vec![call])
    }
}

/// The annotation that the real publisher writes.
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when \
    using internal endpoints such as the internal service IP or kubernetes.default.svc. No other \
    usage is guaranteed across distributions of Kubernetes clusters.";
