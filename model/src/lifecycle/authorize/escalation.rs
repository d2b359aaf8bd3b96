//! Nobody grants what they don't have: roles and bindings are looked through before they are
//! written.
//!
//! Origin: `pkg/registry/rbac/*/policybased/storage.go`, `pkg/registry/rbac/escalation_check.go`,
//! `pkg/registry/rbac/validation/{rule,policy_compact}.go`,
//! `component-helpers/auth/rbac/validation/policy_comparator.go`.

use super::{authorize, is_master, rbac};
use crate::{
    cache::Cache,
    golang::quote,
    kinds::document::text,
    lifecycle::{attributes::Attributes, context::Scene, document::meta_text},
    policy::{Binding, GROUP, Role, RoleRef, Rule},
    status::{Refusal, Status},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec,
    vec::Vec,
};
use serde::Deserialize;
use serde_json::Value;

/// The request writes roles or bindings, and not for somebody who may do everything: it needs the
/// cache.
#[must_use]
pub fn guards(scene: &Scene<'_>) -> bool {
    scene.endpoint.resource.group == GROUP && !is_master(&scene.context.user)
}

/// Refuses a role or binding that would give more than the user has.
///
/// # Errors
/// 403, which names what is missing; 404 when a binding's role is not there.
pub fn refuse(
    scene: &Scene<'_>,
    cache: &Cache,
    new: &Value,
    old: Option<&Value>,
) -> Result<(), Refusal> {
    if !guards(scene) || old.is_some_and(|old| differs_for_collector_alone(new, old)) {
        return Ok(());
    }
    let grant = Grant { scene, cache, new };
    if scene.endpoint.resource.plural.ends_with("bindings") {
        grant.binding()
    } else {
        grant.role(old)
    }
}

/// A role or binding that is about to be written.
struct Grant<'a> {
    scene: &'a Scene<'a>,
    cache: &'a Cache,
    new: &'a Value,
}

impl Grant<'_> {
    fn role(&self, old: Option<&Value>) -> Result<(), Refusal> {
        if self.may(
            "escalate",
            &self.scene.endpoint.resource.plural,
            self.scene.name(),
        ) {
            return Ok(());
        }
        let role = Role::deserialize(self.new)
            .map_err(|why| Status::internal(&format!("the rules cannot be read: {why}")))?;
        self.confirm(&role.rules)?;
        // It gathers whatever others put into their roles.
        let aggregates = |role: &Value| {
            let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
            selectors.is_some_and(|selectors| !selectors.is_empty())
        };
        if aggregates(self.new) || old.is_some_and(aggregates) {
            let everything = everything();
            self.confirm(&everything).map_err(|_| {
                self.forbidden("must have cluster-admin privileges to use the aggregationRule")
            })?;
        }
        Ok(())
    }

    fn binding(&self) -> Result<(), Refusal> {
        let role = self.role_ref();
        let plural = if role.kind == "Role" {
            "roles"
        } else {
            "clusterroles"
        };
        if self.may("bind", plural, &role.name) {
            return Ok(());
        }
        let resource = &self.scene.endpoint.resource;
        let rules = rbac::referenced(self.cache, &role, self.scene.namespace())
            .map_err(|_| Status::not_found(&resource.group, &resource.plural, &role.name))?;
        self.confirm(rules)
    }

    fn role_ref(&self) -> RoleRef {
        let binding = Binding::deserialize(self.new).unwrap_or_default();
        binding.role_ref
    }

    /// The authorizers allow this verb, which stands for all rules of the role.
    fn may(&self, verb: &str, plural: &str, name: &str) -> bool {
        let attributes = Attributes {
            is_resource: true,
            verb: verb.into(),
            group: GROUP.into(),
            version: "*".into(),
            namespace: self.scene.namespace().into(),
            resource: plural.into(),
            name: name.into(),
            ..Attributes::default()
        };
        let modes = &self.scene.config.authorization;
        let user = &self.scene.context.user;
        authorize(user, &attributes, modes, Some(self.cache)).allows()
    }

    /// The user has all these rules already (`ConfirmNoEscalation`).
    fn confirm(&self, rules: &[Rule]) -> Result<(), Refusal> {
        let user = &self.scene.context.user;
        let (held, errors) = rbac::rules(self.cache, user, self.scene.namespace());
        let missing = missing(&held, rules);
        if missing.is_empty() {
            return Ok(());
        }
        let described: BTreeSet<String> = compact(missing).iter().map(describe).collect();
        let described = Vec::from_iter(described).join("\n");
        let mut why = format!(
            "user {} (groups={}) is attempting to grant RBAC permissions not currently \
             held:\n{described}",
            quote(&user.name),
            quoted(&user.groups),
        );
        if !errors.is_empty() {
            why.push_str(&format!(
                "; resolution errors: [{}]",
                rbac::aggregate(errors)
            ));
        }
        Err(self.forbidden(&why))
    }

    fn forbidden(&self, why: &str) -> Refusal {
        let resource = &self.scene.endpoint.resource;
        let name = text(self.new, &["metadata", "name"]);
        Status::forbidden(&resource.group, &resource.plural, name, why)
    }
}

/// What `wanted` permits beyond what is `held`, broken down to single verbs, resources and names.
#[must_use]
pub fn missing(held: &[&Rule], wanted: &[Rule]) -> Vec<Rule> {
    let parts = wanted.iter().flat_map(break_down);
    parts
        .filter(|part| !held.iter().any(|rule| covers(rule, part)))
        .collect()
}

fn break_down(rule: &Rule) -> Vec<Rule> {
    let mut parts = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let part = Rule {
                    verbs: vec![verb.clone()],
                    api_groups: vec![group.clone()],
                    resources: vec![resource.clone()],
                    ..Rule::default()
                };
                let named = rule.resource_names.iter().map(|name| Rule {
                    resource_names: vec![name.clone()],
                    ..part.clone()
                });
                let before = parts.len();
                parts.extend(named);
                if parts.len() == before {
                    parts.push(part);
                }
            }
        }
    }
    for url in &rule.non_resource_urls {
        for verb in &rule.verbs {
            parts.push(Rule {
                verbs: vec![verb.clone()],
                non_resource_urls: vec![url.clone()],
                ..Rule::default()
            });
        }
    }
    parts
}

/// Whether a rule covers a part of another.
fn covers(rule: &Rule, part: &Rule) -> bool {
    let has = |set: &[String], word: &str| set.iter().any(|one| one == word);
    let all =
        |set: &[String], of: &[String]| has(set, "*") || of.iter().all(|word| set.contains(word));
    let resource = |wanted: &String| {
        has(&rule.resources, wanted)
            || wanted
                .split_once('/')
                .is_some_and(|(_, sub)| has(&rule.resources, &format!("*/{sub}")))
    };
    let url = |wanted: &String| {
        let mut urls = rule.non_resource_urls.iter();
        urls.any(|url| rbac::covers_url(url, wanted))
    };
    let names = rule.resource_names.is_empty()
        || !part.resource_names.is_empty()
            && part
                .resource_names
                .iter()
                .all(|name| rule.resource_names.contains(name));
    all(&rule.verbs, &part.verbs)
        && all(&rule.api_groups, &part.api_groups)
        && (has(&rule.resources, "*") || part.resources.iter().all(resource))
        && names
        && part.non_resource_urls.iter().all(url)
}

/// Puts rules for one resource that differ in their verbs alone together.
fn compact(rules: Vec<Rule>) -> Vec<Rule> {
    let mut compacted = Vec::new();
    let mut simple: BTreeMap<(String, String), Rule> = BTreeMap::new();
    for rule in rules {
        match (rule.api_groups.as_slice(), rule.resources.as_slice()) {
            ([group], [resource]) if rule.resource_names.is_empty() => {
                let key = (group.clone(), resource.clone());
                match simple.get_mut(&key) {
                    Some(known) => known.verbs.extend(rule.verbs),
                    None => {
                        simple.insert(key, rule);
                    }
                }
            }
            _ => compacted.push(rule),
        }
    }
    compacted.extend(simple.into_values());
    compacted
}

/// `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}` (`rbacv1helpers.CompactString`)
fn describe(rule: &Rule) -> String {
    let parts = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ];
    let parts = parts.iter().filter(|(_, words)| !words.is_empty());
    let parts = parts.map(|(name, words)| format!("{name}:{}", quoted(words)));
    format!("{{{}}}", Vec::from_iter(parts).join(", "))
}

/// A list of strings as `%q` prints it.
fn quoted(words: &[String]) -> String {
    let words = words.iter().map(|word| quote(word));
    format!("[{}]", Vec::from_iter(words).join(" "))
}

/// `*` on everything: what somebody needs who lets a role gather rules.
fn everything() -> [Rule; 2] {
    let star = || vec![String::from("*")];
    [
        Rule {
            verbs: star(),
            api_groups: star(),
            resources: star(),
            ..Rule::default()
        },
        Rule {
            verbs: star(),
            non_resource_urls: star(),
            ..Rule::default()
        },
    ]
}

/// Only finalizers and owners change: what the garbage collector must be able to do
/// (`IsOnlyMutatingGCFields`).
fn differs_for_collector_alone(new: &Value, old: &Value) -> bool {
    let bare = |document: &Value| {
        let mut document = document.clone();
        if let Some(metadata) = document["metadata"].as_object_mut() {
            for member in [
                "finalizers",
                "ownerReferences",
                "resourceVersion",
                "selfLink",
                "managedFields",
            ] {
                metadata.remove(member);
            }
        }
        document
    };
    meta_text(new, "uid") == meta_text(old, "uid") && bare(new) == bare(old)
}

#[cfg(test)]
mod tests {
    use super::{compact, describe, missing};
    use crate::policy::Role;
    use alloc::vec::Vec;
    use serde_json::{Value, json};

    fn check(held: Value, wanted: Value, expected: &[&str]) {
        let role =
            |rules: Value| -> Role { serde_json::from_value(json!({"rules": rules})).unwrap() };
        let (held, wanted) = (role(held), role(wanted));
        let held: Vec<_> = held.rules.iter().collect();
        let missing = compact(missing(&held, &wanted.rules));
        let described: Vec<_> = missing.iter().map(describe).collect();
        assert_eq!(described, expected, "{wanted:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let maps =
            |verbs: Value| json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs});
        check(
            json!([maps(json!(["get", "list"]))]),
            json!([maps(json!(["get"]))]),
            &[],
        );
        check(
            json!([maps(json!(["get"]))]),
            json!([maps(json!(["get", "create", "list"]))]),
            &[r#"{APIGroups:[""], Resources:["configmaps"], Verbs:["create" "list"]}"#],
        );
        let mut named = maps(json!(["get"]));
        named["resourceNames"] = json!(["a"]);
        check(json!([maps(json!(["*"]))]), json!([named]), &[]);
        check(
            json!([named]),
            json!([maps(json!(["get"]))]),
            &[r#"{APIGroups:[""], Resources:["configmaps"], Verbs:["get"]}"#],
        );
        check(
            json!([{"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]}]),
            json!([{"apiGroups": ["apps"], "resources": ["deployments/scale", "deployments"], "verbs": ["get"]}]),
            &[r#"{APIGroups:["apps"], Resources:["deployments"], Verbs:["get"]}"#],
        );
        check(
            json!([{"nonResourceURLs": ["/healthz/*"], "verbs": ["get"]}]),
            json!([{"nonResourceURLs": ["/healthz/a", "/metrics"], "verbs": ["get"]}]),
            &[r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#],
        );
    }
}
