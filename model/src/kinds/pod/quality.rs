//! Quality of service (`pkg/apis/core/helper/qos/qos.go`).

use crate::kinds::{
    document::{at, list, members},
    quantity::{Quantity, quantity},
};
use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Ordering;
use serde_json::Value;

type Amounts<'a> = BTreeMap<&'a str, Quantity>;

/// `Guaranteed` when every container's limits of CPU and memory equal its requests, `BestEffort`
/// when nothing is asked for, else `Burstable`.
pub(super) fn class(pod: &Value) -> &'static str {
    let spec = at(pod, &["spec"]);
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut all_limited = true;
    if at(spec, &["resources"]).is_object() {
        add(&mut requests, at(spec, &["resources", "requests"]));
        let limited = add(&mut limits, at(spec, &["resources", "limits"]));
        all_limited = limited.len() == 2;
    } else {
        let containers = list(spec, &["containers"]).iter();
        for container in containers.chain(list(spec, &["initContainers"])) {
            add(&mut requests, at(container, &["resources", "requests"]));
            let limited = add(&mut limits, at(container, &["resources", "limits"]));
            all_limited &= limited.len() == 2;
        }
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if all_limited && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds what is more than nothing of CPU and memory; which of the two there was.
fn add<'a>(sums: &mut Amounts<'a>, amounts: &'a Value) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for (name, _) in members(amounts, &[]) {
        let Some(amount) = quantity(amounts, &[name]) else {
            continue;
        };
        if matches!(name, "cpu" | "memory") && amount.sign() == Ordering::Greater {
            found.insert(name);
            let sum = sums.get(name).map_or(amount, |sum| sum.plus(amount));
            sums.insert(name, sum);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::class;
    use serde_json::{Value, json};

    fn check(resources: &Value, expected: &str) {
        let pod = json!({"spec": {"containers": [{"resources": resources}]}});
        assert_eq!(class(&pod), expected, "{resources}");
    }

    #[test]
    fn quality_of_service_follows_requests_and_limits() {
        check(&json!({}), "BestEffort");
        check(&json!({"requests": {"cpu": "0"}}), "BestEffort");
        check(&json!({"requests": {"cpu": "1"}}), "Burstable");
        let amounts = json!({"cpu": "1", "memory": "1Gi"});
        check(
            &json!({"limits": amounts, "requests": {"cpu": "1000m", "memory": "1024Mi"}}),
            "Guaranteed",
        );
        check(
            &json!({"limits": amounts, "requests": {"cpu": "1", "memory": "1"}}),
            "Burstable",
        );
        check(
            &json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
            "Burstable",
        );
    }
}
