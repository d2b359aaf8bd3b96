//! The objects that every cluster has from its first moment (`data/bootstrap.jsonl`, read off a
//! fresh kube-apiserver 1.36), and what becomes of them when somebody has changed them.
//!
//! Origin: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy`,
//! `component-helpers/auth/rbac/reconciliation`, `pkg/registry/flowcontrol/ensurer`.

use crate::{
    kinds::document::{list, text},
    lifecycle::authorize::escalation::missing,
    policy::{Role, Rule},
};
use alloc::{string::String, vec::Vec};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const OBJECTS: &str = include_str!("../data/bootstrap.jsonl");

/// Somebody who sets this to `false` on a role or binding keeps it as it is.
const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";
/// A flow schema or priority level with this is the server's to write.
const OWNED: &str = "apf.kubernetes.io/autoupdate-spec";

/// The objects, namespaces first.
#[must_use]
pub fn objects() -> Vec<Value> {
    let lines = OBJECTS.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// What an object that is there becomes when the server starts; `None` when it stays as it is.
/// What somebody has added is kept, and what is missing comes back.
#[must_use]
pub fn reconcile(existing: &Value, expected: &Value) -> Option<Value> {
    let mut new = existing.clone();
    let annotation = |name: &str| text(existing, &["metadata", "annotations", name]);
    match text(expected, &["kind"]) {
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => {
            if annotation(AUTOUPDATE) == "false" {
                return None;
            }
            add_metadata(&mut new, expected);
            add_rules(&mut new, expected);
            add_subjects(&mut new, expected);
        }
        "FlowSchema" | "PriorityLevelConfiguration" => {
            let name = text(expected, &["metadata", "name"]);
            let mandatory = matches!(name, "exempt" | "catch-all");
            if mandatory || annotation(OWNED) == "true" {
                new["spec"] = covering(&existing["spec"], &expected["spec"]);
            }
        }
        _ => {}
    }
    (new != *existing).then_some(new)
}

fn add_metadata(new: &mut Value, expected: &Value) {
    for member in ["labels", "annotations"] {
        let Some(wanted) = expected["metadata"][member].as_object() else {
            continue;
        };
        let there = &mut new["metadata"][member];
        if !there.is_object() {
            *there = Value::Object(Map::new());
        }
        for (name, value) in wanted {
            if there.get(name).is_none() {
                there[name] = value.clone();
            }
        }
    }
}

fn add_rules(new: &mut Value, expected: &Value) {
    if text(expected, &["kind"]).ends_with("Binding") {
        return;
    }
    let role = |document: &Value| Role::deserialize(document).unwrap_or_default();
    let (held, wanted) = (role(new), role(expected));
    let held: Vec<&Rule> = held.rules.iter().collect();
    let missing = missing(&held, &wanted.rules);
    if !missing.is_empty() {
        let mut rules = Vec::from(list(new, &["rules"]));
        rules.extend(missing.iter().map(document));
        new["rules"] = rules.into();
    }
    if new.get("aggregationRule").is_none()
        && let Some(rule) = expected.get("aggregationRule")
    {
        new["aggregationRule"] = rule.clone();
    }
}

fn add_subjects(new: &mut Value, expected: &Value) {
    let mut subjects = Vec::from(list(new, &["subjects"]));
    let before = subjects.len();
    for subject in list(expected, &["subjects"]) {
        if !subjects.contains(subject) {
            subjects.push(subject.clone());
        }
    }
    if subjects.len() > before {
        new["subjects"] = subjects.into();
    }
}

fn document(rule: &Rule) -> Value {
    let members = [
        ("verbs", &rule.verbs),
        ("apiGroups", &rule.api_groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.resource_names),
        ("nonResourceURLs", &rule.non_resource_urls),
    ];
    let set = members.into_iter().filter(|(_, words)| !words.is_empty());
    let members = set.map(|(name, words)| (String::from(name), json!(words)));
    Value::Object(members.collect())
}

/// `existing` with what `expected` says; what that leaves to defaults stays.
fn covering(existing: &Value, expected: &Value) -> Value {
    match (existing, expected) {
        (Value::Object(there), Value::Object(wanted)) => {
            let mut both = there.clone();
            for (name, value) in wanted {
                let value = covering(there.get(name).unwrap_or(&Value::Null), value);
                both.insert(name.clone(), value);
            }
            Value::Object(both)
        }
        _ => expected.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{OBJECTS, objects, reconcile};
    use serde_json::{Value, json};

    fn named(kind: &str, name: &str) -> Value {
        let mut all = objects().into_iter();
        let is = |it: &Value| it["kind"] == kind && it["metadata"]["name"] == name;
        all.find(is).unwrap()
    }

    #[test]
    fn every_line_is_an_object() {
        assert_eq!(objects().len(), OBJECTS.lines().count());
    }

    #[test]
    fn what_was_taken_away_comes_back_and_what_was_added_stays() {
        let expected = named("ClusterRole", "system:basic-user");
        assert_eq!(reconcile(&expected, &expected), None);
        let mut changed = expected.clone();
        let own = json!({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]});
        changed["rules"] = json!([own]);
        let repaired = reconcile(&changed, &expected).unwrap();
        assert_eq!(repaired["rules"][0], own);
        assert_eq!(reconcile(&repaired, &expected), None);
        changed["metadata"]["annotations"][super::AUTOUPDATE] = "false".into();
        assert_eq!(reconcile(&changed, &expected), None);

        let expected = named("ClusterRoleBinding", "system:discovery");
        let mut changed = expected.clone();
        changed["subjects"] = json!([]);
        assert_eq!(reconcile(&changed, &expected), Some(expected));
    }

    #[test]
    fn flow_schemas_are_the_servers_until_somebody_takes_them() {
        let expected = named("FlowSchema", "service-accounts");
        let mut changed = expected.clone();
        changed["spec"]["matchingPrecedence"] = 1.into();
        assert_eq!(reconcile(&changed, &expected), Some(expected.clone()));
        changed["metadata"]["annotations"][super::OWNED] = "false".into();
        assert_eq!(reconcile(&changed, &expected), None);
    }
}
