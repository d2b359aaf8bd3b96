//! Eviction: whether disruption budgets let a pod go.
//!
//! Origin: `pkg/registry/core/pod/storage/eviction.go` (`EvictionREST`). What is decided here is
//! carried out by the lifecycle: the budget's new status, then the pod's delete.

use super::{
    document::{at, list, member, number, object, put, text},
    labels,
    pod::set_condition,
};
use crate::{
    ambient::Ambient,
    limits::BUDGET_WAIT_SECONDS,
    status::{Cause, Details, Reason, Refusal, Status},
};
use alloc::{format, string::String};
use serde_json::{Value, json};

/// What has to be written before the pod is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing: no budget covers the pod, or it does not count.
    Delete,
    /// The new content of the budget at this place in the list, through its subresource `status`:
    /// one disruption less, and the pod noted.
    DeleteAfter(usize, Value),
}

/// Decides on the eviction of a pod; `budgets` are the PodDisruptionBudgets of its namespace.
///
/// # Errors
/// 429 when a budget does not allow it (now), 500 when several budgets cover the pod.
pub fn decide(pod: &Value, budgets: &[Value], ambient: &Ambient) -> Result<Decision, Refusal> {
    let finished = matches!(
        text(pod, &["status", "phase"]),
        "Succeeded" | "Failed" | "Pending"
    );
    let going = !at(pod, &["metadata", "deletionTimestamp"]).is_null();
    if finished || going {
        return Ok(Decision::Delete);
    }
    let pod_labels = at(pod, &["metadata", "labels"]);
    let covers = |budget: &Value| {
        labels::matches(at(budget, &["spec", "selector"]), pod_labels) == Some(true)
    };
    let mut covering = budgets
        .iter()
        .enumerate()
        .filter(|(_, budget)| covers(budget));
    let Some((index, budget)) = covering.next() else {
        return Ok(Decision::Delete);
    };
    if covering.next().is_some() {
        let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                   does not support.";
        return Err(Status::internal(why));
    }
    let ready = list(pod, &["status", "conditions"])
        .iter()
        .any(|one| text(one, &["type"]) == "Ready" && text(one, &["status"]) == "True");
    if !ready {
        let always = text(budget, &["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow";
        let wanted = count(budget, "desiredHealthy");
        let healthy = wanted > 0 && count(budget, "currentHealthy") >= wanted;
        if always || healthy {
            return Ok(Decision::Delete);
        }
    }
    let name = text(pod, &["metadata", "name"]);
    disrupt(budget, name, ambient).map(|budget| Decision::DeleteAfter(index, budget))
}

fn count(budget: &Value, field: &str) -> i64 {
    number(budget, &["status", field]).unwrap_or_default()
}

/// `checkAndDecrement`.
fn disrupt(budget: &Value, pod: &str, ambient: &Ambient) -> Result<Value, Refusal> {
    let name = text(budget, &["metadata", "name"]);
    let generation = number(budget, &["metadata", "generation"]).unwrap_or_default();
    if count(budget, "observedGeneration") < generation {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refusal(why, BUDGET_WAIT_SECONDS));
    }
    let allowed = count(budget, "disruptionsAllowed");
    if allowed < 0 {
        return Err(refusal("pdb disruptions allowed is negative".into(), 0));
    }
    if allowed == 0 {
        let why = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            count(budget, "desiredHealthy"),
            count(budget, "currentHealthy")
        );
        return Err(refusal(why, 0));
    }
    let mut changed = budget.clone();
    let status = object(&mut changed, "status");
    put(status, "disruptionsAllowed", json!(allowed - 1));
    *member(object(status, "disruptedPods"), pod) = json!(ambient.now.rfc3339());
    if allowed == 1 {
        insufficient(status, generation, ambient);
    }
    Ok(changed)
}

/// The condition that says that no further disruption is allowed.
fn insufficient(status: &mut Value, generation: i64, ambient: &Ambient) {
    const KIND: &str = "DisruptionAllowed";
    let conditions = member(status, "conditions");
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    let old = conditions
        .iter_mut()
        .find(|one| text(one, &["type"]) == KIND);
    let since = old
        .as_ref()
        .filter(|one| text(one, &["status"]) == "False")
        .map(|one| at(one, &["lastTransitionTime"]).clone());
    let condition = json!({
        "type": KIND, "status": "False", "observedGeneration": generation, "message": "",
        "reason": "InsufficientPods",
        "lastTransitionTime": since.unwrap_or_else(|| json!(ambient.now.rfc3339())),
    });
    match old {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}

/// 429; `wait` is 0 when the answer will not change by itself soon.
fn refusal(why: String, wait: u32) -> Refusal {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    let cause = Cause {
        reason: "DisruptionBudget".into(),
        message: why,
        field: String::new(),
    };
    let causes = [cause].into();
    status.details = Some(Details {
        causes,
        retry_after_seconds: wait,
        ..Details::default()
    });
    status
}

/// Notes on a pod, before it is deleted, that it is evicted (condition DisruptionTarget).
pub fn mark(pod: &mut Value, ambient: &Ambient) {
    let condition = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    });
    set_condition(pod, condition, &ambient.now.rfc3339());
}

#[cfg(test)]
mod tests {
    use super::{Decision, decide, mark};
    use crate::ambient::Ambient;
    use serde_json::{Value, json};

    fn pod() -> Value {
        json!({
            "metadata": {"name": "p", "labels": {"app": "x"}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        })
    }

    fn budget(status: Value) -> Value {
        json!({
            "metadata": {"name": "b", "generation": 1},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}},
            "status": status,
        })
    }

    fn check(budgets: &[Value], expected: Result<Option<Value>, (u16, &str, u32)>) {
        match (decide(&pod(), budgets, &Ambient::default()), expected) {
            (Ok(Decision::Delete), Ok(None)) => {}
            (Ok(Decision::DeleteAfter(0, budget)), Ok(Some(status))) => {
                assert_eq!(budget["status"], status);
            }
            (Err(status), Err((code, why, wait))) => {
                let details = status.details.as_ref().unwrap();
                assert_eq!(status.code, code);
                assert_eq!(
                    (
                        details.causes[0].message.as_str(),
                        details.retry_after_seconds
                    ),
                    (why, wait)
                );
            }
            (decision, expected) => panic!("{decision:?} and not {expected:?}"),
        }
    }

    #[test]
    fn a_budget_is_used_up() {
        check(&[], Ok(None));
        check(
            &[budget(json!({}))],
            Err((
                429,
                "The disruption budget b is still being processed by the server.",
                10,
            )),
        );
        let none = json!({"observedGeneration": 1, "desiredHealthy": 1, "currentHealthy": 1});
        check(
            &[budget(none)],
            Err((
                429,
                "The disruption budget b needs 1 healthy pods and has 1 currently",
                0,
            )),
        );
        let one = json!({"observedGeneration": 1, "desiredHealthy": 1, "disruptionsAllowed": 1});
        check(
            &[budget(one.clone())],
            Ok(Some(json!({
                "observedGeneration": 1, "desiredHealthy": 1, "disruptionsAllowed": 0,
                "disruptedPods": {"p": "1970-01-01T00:00:00Z"},
                "conditions": [{
                    "type": "DisruptionAllowed", "status": "False", "observedGeneration": 1,
                    "message": "", "reason": "InsufficientPods",
                    "lastTransitionTime": "1970-01-01T00:00:00Z",
                }],
            }))),
        );
        check(
            &[budget(one.clone()), budget(one)],
            Err((
                500,
                "This pod has more than one \
            PodDisruptionBudget, which the eviction subresource does not support.",
                0,
            )),
        );
    }

    #[test]
    fn an_evicted_pod_says_so() {
        let mut pod = pod();
        mark(&mut pod, &Ambient::default());
        assert_eq!(
            pod["status"]["conditions"][1]["reason"],
            "EvictionByEvictionAPI"
        );
    }
}
