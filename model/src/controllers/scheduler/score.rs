//! Which of the nodes that would do is best.

use super::{ask::Ask, node::NodeInfo};
use alloc::{sync::Arc, vec::Vec};

/// The weights of the default profile (`default_plugins.go`).
const TAINTS: i64 = 3;
const SPREAD: i64 = 2;
const AFFINITY: i64 = 2;
const ALLOCATION: i64 = 1;
const MOST: i64 = 100;

/// The best node; among equals the emptier one, then one that differs from pod to pod.
pub(super) fn best(ask: &Ask, nodes: &[(&Arc<str>, &NodeInfo)]) -> Option<Arc<str>> {
    let raw: Vec<Raw> = nodes
        .iter()
        .map(|(name, node)| Raw::of(ask, name, node))
        .collect();
    let most = |of: fn(&Raw) -> i64| raw.iter().map(of).max().unwrap_or_default();
    let (taints, owned, liked) = (
        most(|raw| raw.taints),
        most(|raw| raw.owned),
        most(|raw| raw.liked),
    );
    let fewer = |value: i64, most: i64| match most {
        0 => MOST,
        most => (most - value) * MOST / most,
    };
    let more = |value: i64, most: i64| match most {
        0 => 0,
        most => value * MOST / most,
    };
    let scored = nodes.iter().zip(&raw).map(|((name, node), raw)| {
        let score = TAINTS * fewer(raw.taints, taints)
            + SPREAD * fewer(raw.owned, owned)
            + AFFINITY * more(raw.liked, liked)
            + ALLOCATION * raw.free;
        ((score, -node.pods(), ask.digest(name)), *name)
    });
    scored.max().map(|(_, name)| name.clone())
}

/// A node's points before they are made comparable.
struct Raw {
    /// Taints with PreferNoSchedule that the pod does not tolerate.
    taints: i64,
    /// Pods of the same owner.
    owned: i64,
    /// The weights of preferred node affinity that hold.
    liked: i64,
    /// What would be left, in hundredths.
    free: i64,
}

impl Raw {
    fn of(ask: &Ask, name: &str, node: &NodeInfo) -> Raw {
        let offer = node.offer();
        let taints = offer.into_iter().flat_map(|offer| &offer.taints);
        let unwanted = taints.filter(|it| it.effect == "PreferNoSchedule" && !ask.tolerates(it));
        let liked = ask
            .preferred
            .iter()
            .filter(|(_, terms)| offer.is_some_and(|offer| terms.match_node(name, &offer.labels)));
        let owner = ask.claim.owner.as_ref();
        let (cpu, memory) = node.usual();
        let left = |resource: &str, used: i128, more: i64| {
            let (all, used) = (node.room(resource).1, used + i128::from(more));
            let free = match all > used {
                true => (all - used) * i128::from(MOST) / all,
                false => 0,
            };
            i64::try_from(free).unwrap_or(MOST)
        };
        Raw {
            taints: i64::try_from(unwanted.count()).unwrap_or(i64::MAX),
            owned: owner.map_or(0, |owner| node.of_owner(owner).into()),
            liked: liked.map(|(weight, _)| weight).sum(),
            free: (left("cpu", cpu, ask.claim.usual.0) + left("memory", memory, ask.claim.usual.1))
                / 2,
        }
    }
}
