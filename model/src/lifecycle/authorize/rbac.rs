//! RBAC: roles and bindings, as the watch cache has them.
//!
//! Origin: `plugin/pkg/auth/authorizer/rbac/rbac.go`, `pkg/registry/rbac/validation/rule.go`.

use super::Decision;
use crate::{
    cache::Cache,
    config::User,
    etcd::Key,
    golang::quote,
    lifecycle::attributes::Attributes,
    object::Object,
    policy::{Binding, Policy, RoleRef, Rule, Subject},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// What comes before a service account's namespace and name in its user name.
pub const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A role that a binding names and nobody has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// The lower-case kind.
    kind: &'static str,
    name: String,
}

/// What a user meets on the way through the bindings.
enum Met<'a> {
    /// A rule, by this binding and subject.
    Rule(&'a Rule, &'a Object, &'a Binding, &'a Subject),
    /// A binding whose role is not there.
    Nothing(Dangling),
}

/// Decides.
#[must_use]
pub fn authorize(user: &User, attributes: &Attributes, cache: &Cache) -> Decision {
    let mut allowed = None;
    let mut dangling: Vec<String> = Vec::new();
    visit(cache, user, &attributes.namespace, &mut |met| match met {
        Met::Rule(rule, object, binding, subject) if allows(rule, attributes) => {
            allowed = Some(described(object, binding, subject));
            false
        }
        Met::Rule(..) => true,
        Met::Nothing(role) => {
            dangling.push(role.to_string());
            true
        }
    });
    match allowed {
        Some(source) => Decision::Allow(format!("RBAC: allowed by {source}")),
        None if dangling.is_empty() => Decision::NoOpinion(String::new()),
        None => Decision::NoOpinion(format!("RBAC: {}", aggregate(dangling))),
    }
}

/// All rules that a user has in a namespace (empty: in the whole cluster alone), and the errors in
/// finding them.
#[must_use]
pub fn rules<'a>(cache: &'a Cache, user: &User, namespace: &str) -> (Vec<&'a Rule>, Vec<String>) {
    let mut rules = Vec::new();
    let mut errors = Vec::new();
    visit(cache, user, namespace, &mut |met| {
        match met {
            Met::Rule(rule, ..) => rules.push(rule),
            Met::Nothing(role) => errors.push(role.to_string()),
        }
        true
    });
    (rules, errors)
}

/// The rules of the role that a binding in `namespace` names.
///
/// # Errors
/// When there is no such role.
pub fn referenced<'a>(
    cache: &'a Cache,
    role: &RoleRef,
    namespace: &str,
) -> Result<&'a [Rule], Dangling> {
    let (kind, key) = if role.kind == "Role" {
        ("role", format!("/registry/roles/{namespace}/{}", role.name))
    } else {
        (
            "clusterrole",
            format!("/registry/clusterroles/{}", role.name),
        )
    };
    let entry = cache.get(&Key::from(key.as_str()));
    let policy = entry.and_then(|entry| entry.object()?.meta().policy.as_deref());
    match policy {
        Some(Policy::Role(role)) => Ok(&role.rules),
        _ => Err(Dangling {
            kind,
            name: role.name.clone(),
        }),
    }
}

/// Whether the rule allows it (`rbac.RuleAllows`).
#[must_use]
pub fn allows(rule: &Rule, attributes: &Attributes) -> bool {
    if !has(&rule.verbs, &attributes.verb) {
        return false;
    }
    if !attributes.is_resource {
        return rule
            .non_resource_urls
            .iter()
            .any(|url| covers_url(url, &attributes.path));
    }
    has(&rule.api_groups, &attributes.group)
        && allows_resource(rule, attributes)
        && (rule.resource_names.is_empty() || rule.resource_names.contains(&attributes.name))
}

/// Whether a rule's URL covers a path (or another rule's URL).
#[must_use]
pub fn covers_url(rule: &str, path: &str) -> bool {
    rule == path || rule.ends_with('*') && path.starts_with(rule.trim_end_matches('*'))
}

fn allows_resource(rule: &Rule, attributes: &Attributes) -> bool {
    let (resource, subresource) = (&attributes.resource, &attributes.subresource);
    rule.resources.iter().any(|allowed| {
        if allowed == "*" {
            return true;
        }
        match allowed.split_once('/') {
            None => subresource.is_empty() && allowed == resource,
            Some((of, sub)) => {
                !subresource.is_empty() && sub == subresource && (of == "*" || of == resource)
            }
        }
    })
}

fn has(allowed: &[String], asked: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == asked)
}

/// Shows every rule that applies to the user until it is told to stop (`VisitRulesFor`): those of
/// the cluster first, in the order of the bindings' keys.
fn visit<'a>(
    cache: &'a Cache,
    user: &User,
    namespace: &str,
    visitor: &mut dyn FnMut(Met<'a>) -> bool,
) {
    let mut through = |collection: &str, namespace: &str| {
        for (_, object) in cache.list(collection, &[]) {
            let Some(Policy::Binding(binding)) = object.meta().policy.as_deref() else {
                continue;
            };
            let mut subjects = binding.subjects.iter();
            let Some(subject) = subjects.find(|subject| applies(user, subject, namespace)) else {
                continue;
            };
            let goes_on = match referenced(cache, &binding.role_ref, namespace) {
                Ok(rules) => rules
                    .iter()
                    .all(|rule| visitor(Met::Rule(rule, object, binding, subject))),
                Err(dangling) => visitor(Met::Nothing(dangling)),
            };
            if !goes_on {
                return false;
            }
        }
        true
    };
    if through("/registry/clusterrolebindings/", "") && !namespace.is_empty() {
        let collection = format!("/registry/rolebindings/{namespace}/");
        through(&collection, namespace);
    }
}

/// Whether the user is the subject of a binding in `namespace` (`appliesToUser`).
fn applies(user: &User, subject: &Subject, namespace: &str) -> bool {
    match subject.kind.as_str() {
        "User" => user.name == subject.name,
        "Group" => user.groups.contains(&subject.name),
        "ServiceAccount" => {
            let home = if subject.namespace.is_empty() {
                namespace
            } else {
                &subject.namespace
            };
            let account = user.name.strip_prefix(SERVICE_ACCOUNT);
            !home.is_empty()
                && account.and_then(|account| account.split_once(':'))
                    == Some((home, subject.name.as_str()))
        }
        _ => false,
    }
}

/// `RoleBinding "b/n" of Role "r" to User "u"`
fn described(object: &Object, binding: &Binding, subject: &Subject) -> String {
    let meta = object.meta();
    let (kind, name) = if meta.namespace.is_empty() {
        ("ClusterRoleBinding", meta.name.clone())
    } else {
        ("RoleBinding", format!("{}/{}", meta.name, meta.namespace))
    };
    let role = &binding.role_ref;
    let whom = if subject.kind == "ServiceAccount" {
        let home = if subject.namespace.is_empty() {
            &meta.namespace
        } else {
            &subject.namespace
        };
        format!("{}/{home}", subject.name)
    } else {
        subject.name.clone()
    };
    format!(
        "{kind} {} of {} {} to {} {}",
        quote(&name),
        role.kind,
        quote(&role.name),
        subject.kind,
        quote(&whom)
    )
}

/// Several errors as one (`utilerrors.NewAggregate`): each once, and brackets around more than one.
#[must_use]
pub fn aggregate(errors: Vec<String>) -> String {
    let mut once: Vec<String> = Vec::new();
    for error in errors {
        if !once.contains(&error) {
            once.push(error);
        }
    }
    if once.len() == 1 {
        once.remove(0)
    } else {
        format!("[{}]", once.join(", "))
    }
}

impl core::fmt::Display for Dangling {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Dangling { kind, name } = self;
        write!(
            f,
            "{kind}.rbac.authorization.k8s.io {} not found",
            quote(name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{allows, authorize};
    use crate::{
        cache::Cache,
        config::User,
        etcd::{Key, KeyValue, LeaseId, Revision},
        lifecycle::{attributes::Attributes, authorize::Decision},
        object::freeze,
        policy::Rule,
    };
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn attributes(verb: &str, namespace: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            is_resource: !resource.is_empty(),
            verb: verb.into(),
            namespace: namespace.into(),
            resource: resource.into(),
            subresource: subresource.into(),
            name: name.into(),
            ..Attributes::default()
        }
    }

    #[test]
    fn rules_are_patterns() {
        let check = |resources: Value, resource: &str, expected: bool| {
            let rule = json!({"apiGroups": [""], "resources": resources, "verbs": ["get"]});
            let rule: Rule = serde_json::from_value(rule).unwrap();
            let asked = attributes("get", "n", resource, "a");
            assert_eq!(allows(&rule, &asked), expected, "{rule:?} {resource}");
        };
        check(json!(["pods"]), "pods", true);
        check(json!(["pods"]), "pods/log", false);
        check(json!(["pods/log"]), "pods", false);
        check(json!(["*/scale"]), "deployments/scale", true);
        check(json!(["*/scale"]), "deployments/status", false);
        check(json!(["*"]), "pods/log", true);
        check(json!(["pods/*"]), "pods/log", false);
        let path = |url: &str, path: &str| {
            let rule = json!({"nonResourceURLs": [url], "verbs": ["get"]});
            let rule: Rule = serde_json::from_value(rule).unwrap();
            let mut asked = attributes("get", "", "", "");
            asked.path = path.into();
            allows(&rule, &asked)
        };
        assert!(path("/healthz/*", "/healthz/ping") && path("*", "/x"));
        assert!(!path("/healthz", "/healthz/ping") && !path("/a*b", "/ab"));
    }

    fn cache(objects: &[(&str, Value)]) -> Cache {
        let kvs: Vec<KeyValue> = objects
            .iter()
            .map(|(key, value)| KeyValue {
                key: Key::from(*key),
                create_revision: Revision(2),
                mod_revision: Revision(2),
                version: 1,
                lease: LeaseId(0),
                value: {
                    let mut value = value.clone();
                    value["kind"] = "A".into();
                    value["apiVersion"] = "v1".into();
                    freeze(&value)
                },
            })
            .collect();
        Cache::restore(16, Revision(2), &kvs)
    }

    #[test]
    fn bindings_say_who_and_where_and_missing_roles_are_named() {
        let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]);
        let binding = |name: &str, kind: &str, role: &str, subject: Value| {
            json!({
                "metadata": {"name": name, "namespace": "n"}, "subjects": [subject],
                "roleRef": {"kind": kind, "name": role},
            })
        };
        let account = json!({"kind": "ServiceAccount", "name": "robot"});
        let group = json!({"kind": "Group", "name": "dev"});
        let cache = cache(&[
            (
                "/registry/clusterroles/reads",
                json!({"metadata": {"name": "reads"}, "rules": rules}),
            ),
            (
                "/registry/rolebindings/n/a",
                binding("a", "ClusterRole", "reads", account),
            ),
            (
                "/registry/rolebindings/n/b",
                binding("b", "Role", "gone", group.clone()),
            ),
            (
                "/registry/rolebindings/n/c",
                binding("c", "ClusterRole", "gone", group),
            ),
        ]);
        let user = |name: &str, group: &str| User {
            name: name.into(),
            groups: [group.into()].into(),
            ..User::default()
        };
        let robot = user("system:serviceaccount:n:robot", "");
        let asked = |namespace| attributes("get", namespace, "pods", "p");
        let why = "RBAC: allowed by RoleBinding \"a/n\" of ClusterRole \"reads\" to \
                   ServiceAccount \"robot/n\"";
        let decision = authorize(&robot, &asked("n"), &cache);
        assert_eq!(decision, Decision::Allow(why.to_string()));
        for (who, namespace) in [
            (&robot, "m"),
            (&robot, ""),
            (&user("robot", ""), "n"),
            (&user("system:serviceaccount:m:robot", ""), "n"),
        ] {
            let decision = authorize(who, &asked(namespace), &cache);
            assert!(!decision.allows(), "{who:?} {namespace}");
        }
        let decision = authorize(&user("u", "dev"), &asked("n"), &cache);
        let why = "RBAC: [role.rbac.authorization.k8s.io \"gone\" not found, \
                   clusterrole.rbac.authorization.k8s.io \"gone\" not found]";
        assert_eq!(decision, Decision::NoOpinion(why.to_string()));
    }
}
