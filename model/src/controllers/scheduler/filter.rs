//! Whether a pod can be on a node: the filters in upstream's order, of which the first that says no
//! decides (`pkg/scheduler/framework/plugins`).

use super::{
    ask::Ask,
    neighbours::Neighbours,
    node::{NodeInfo, Offer},
    verdict::Verdict,
};
use crate::controllers::taint::Taint;
use alloc::{format, string::ToString, vec::Vec};

pub(super) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// # Errors
/// Why it cannot.
pub(super) fn check(
    ask: &Ask,
    name: &str,
    node: &NodeInfo,
    neighbours: &Neighbours,
) -> Result<(), Verdict> {
    let Some(offer) = node.offer() else {
        return Err(Verdict::never("node not found"));
    };
    if offer.unschedulable && !tolerates_cordon(ask) {
        return Err(Verdict::never("node(s) were unschedulable"));
    }
    if !tolerated(ask, offer) {
        return Err(Verdict::never("node(s) had untolerated taint(s)"));
    }
    if !selected(ask, name, offer) {
        let why = "node(s) didn't match Pod's node affinity/selector";
        return Err(Verdict::never(why));
    }
    if !ask.claim.ports.iter().all(|port| node.has_port(port)) {
        let why = "node(s) didn't have free ports for the requested pod ports";
        return Err(Verdict::now(why));
    }
    fits(ask, node)?;
    neighbours.check(offer)
}

/// The taints that keep pods away are tolerated.
pub(super) fn tolerated(ask: &Ask, offer: &Offer) -> bool {
    let repels = |taint: &&Taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute");
    let mut taints = offer.taints.iter().filter(repels);
    taints.all(|taint| ask.tolerates(taint))
}

fn tolerates_cordon(ask: &Ask) -> bool {
    ask.tolerates(&Taint {
        key: UNSCHEDULABLE.to_string(),
        value: "".to_string(),
        effect: "NoSchedule".to_string(),
    })
}

/// `nodeSelector` and required node affinity.
pub(super) fn selected(ask: &Ask, name: &str, offer: &Offer) -> bool {
    let mut labels = ask.node_selector.iter();
    labels.all(|(key, value)| offer.labels.get(key) == Some(value))
        && ask
            .required
            .as_ref()
            .is_none_or(|terms| terms.match_node(name, &offer.labels))
}

/// The node has room.
fn fits(ask: &Ask, node: &NodeInfo) -> Result<(), Verdict> {
    let mut reasons = Vec::new();
    let mut hopeless = false;
    let (free, all) = node.room("pods");
    if free < 1 {
        reasons.push("Too many pods".to_string());
        hopeless |= all < 1;
    }
    for (resource, amount) in &ask.claim.requests {
        let ((free, all), amount) = (node.room(resource), i128::from(*amount));
        if amount > 0 && amount > free {
            reasons.push(format!("Insufficient {resource}"));
            hopeless |= amount > all;
        }
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Verdict { reasons, hopeless }),
    }
}
