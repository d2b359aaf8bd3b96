//! What a node has, and what of it is taken.

use super::ask::{Amounts, Claim, Port, amounts};
use crate::{
    controllers::taint::Taint,
    kinds::document::{at, flag, strings},
};
use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use serde_json::Value;

/// A node, as far as scheduling goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NodeInfo {
    /// Nothing when there is no such node (any more), and pods claim to be on it.
    offer: Option<Offer>,
    /// Wider than one amount: sums must not overflow, since what is released is subtracted again.
    used: BTreeMap<String, i128>,
    usual: (i128, i128),
    pods: i64,
    ports: Vec<Port>,
    /// How many pods there are of an owner.
    owners: BTreeMap<Arc<str>, u32>,
}

/// What the Node object says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Offer {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) taints: Vec<Taint>,
    pub(super) unschedulable: bool,
    pub(super) allocatable: Amounts,
}

impl NodeInfo {
    /// Takes note of the Node object; true when something has changed that counts here.
    pub(super) fn seen(&mut self, node: &Value) -> bool {
        let labels = strings(node, &["metadata", "labels"]).into_iter();
        let offer = Offer {
            labels: labels
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
            taints: Taint::all(node),
            unschedulable: flag(node, &["spec", "unschedulable"]),
            allocatable: amounts(at(node, &["status", "allocatable"])),
        };
        let changed = self.offer.as_ref() != Some(&offer);
        self.offer = Some(offer);
        changed
    }

    /// The Node object is gone.
    pub(super) fn gone(&mut self) {
        self.offer = None;
    }

    pub(super) fn exists(&self) -> bool {
        self.offer.is_some()
    }

    /// What the Node object says, when there is one.
    pub(super) fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// Neither a Node nor pods.
    pub(super) fn is_nothing(&self) -> bool {
        self.offer.is_none() && self.pods == 0
    }

    pub(super) fn take(&mut self, claim: &Claim) {
        self.account(claim, 1);
        self.ports.extend(claim.ports.iter().cloned());
        if let Some(owner) = &claim.owner {
            *self.owners.entry(owner.clone()).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, claim: &Claim) {
        self.account(claim, -1);
        for port in &claim.ports {
            if let Some(index) = self.ports.iter().position(|it| it == port) {
                self.ports.remove(index);
            }
        }
        let Some(owner) = &claim.owner else { return };
        if let Some(count) = self.owners.get_mut(owner) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.owners.remove(owner);
            }
        }
    }

    fn account(&mut self, claim: &Claim, sign: i64) {
        self.pods += sign;
        let signed = |amount: i64| i128::from(sign) * i128::from(amount);
        self.usual.0 += signed(claim.usual.0);
        self.usual.1 += signed(claim.usual.1);
        for (name, amount) in &claim.requests {
            let used = self.used.entry(name.clone()).or_default();
            *used += signed(*amount);
            if *used == 0 {
                self.used.remove(name);
            }
        }
    }

    /// What is left of a resource, and what there is in all.
    pub(super) fn room(&self, resource: &str) -> (i128, i128) {
        let allocatable = self.offer.as_ref().map(|offer| &offer.allocatable);
        let all = allocatable.and_then(|it| it.get(resource)).copied();
        let all = i128::from(all.unwrap_or_default());
        let used = match resource {
            "pods" => self.pods.into(),
            resource => self.used.get(resource).copied().unwrap_or_default(),
        };
        (all - used, all)
    }

    /// Processor and memory in use, with something for containers that ask for nothing.
    pub(super) fn usual(&self) -> (i128, i128) {
        self.usual
    }

    pub(super) fn pods(&self) -> i64 {
        self.pods
    }

    pub(super) fn has_port(&self, wanted: &Port) -> bool {
        !self.ports.iter().any(|taken| taken.conflicts(wanted))
    }

    /// How many pods of that owner are here.
    pub(super) fn of_owner(&self, owner: &str) -> u32 {
        self.owners.get(owner).copied().unwrap_or_default()
    }
}
