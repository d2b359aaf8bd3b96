//! The service-account controller: each namespace has a ServiceAccount `default`.
//!
//! Origin: `pkg/controller/serviceaccount/serviceaccounts_controller.go`.

use super::{
    Call, Change, Controller, Item, Name, Outcome, View, Watch, apis, controller_manager,
    service_account,
};
use crate::{ambient::Ambient, config::User};
use alloc::{vec, vec::Vec};
use serde_json::json;

const ACCOUNT: &str = "default";

/// Looks at namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceAccounts;

impl Controller for ServiceAccounts {
    fn name(&self) -> &'static str {
        "service-account-controller"
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
            Watch::selected(
                apis::SERVICE_ACCOUNTS,
                alloc::format!("metadata.name={ACCOUNT}"),
            ),
        ]
    }

    fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
        if change.api == apis::NAMESPACES && change.new.is_some() {
            items.push(change.name.clone());
        } else if change.api == apis::SERVICE_ACCOUNTS && change.new.is_none() {
            items.push(Name::new("", &change.name.namespace));
        }
    }

    fn reconcile(&mut self, view: &View, item: &Item, _ambient: &Ambient) -> Outcome {
        let namespace = &item.name;
        let there = Name::new(namespace, ACCOUNT);
        if !takes_content(view, item) || view.get(&apis::SERVICE_ACCOUNTS, &there).is_some() {
            return Outcome::done();
        }
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": &**namespace},
        });
        Outcome::calls(vec![Call::create(
            &apis::SERVICE_ACCOUNTS,
            namespace,
            &account,
        )])
    }
}

/// A namespace is there and is not being deleted: things can be created in it.
pub(super) fn takes_content(view: &View, namespace: &Item) -> bool {
    view.get(&apis::NAMESPACES, namespace)
        .is_some_and(|object| object.meta().deletion_timestamp.is_none())
}
