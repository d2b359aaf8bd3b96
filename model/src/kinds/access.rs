//! Roles and bindings.
//!
//! Origin: `pkg/apis/rbac/v1/defaults.go`, `pkg/apis/rbac/validation/validation.go`. What a client
//! may grant is authorization's to decide.

use super::{
    document::{at, existing, fill, items, list, text},
    findings::Findings,
};
use crate::{
    resource::Resource,
    status::FieldError,
    validation::name::{dns_subdomain, path_segment},
};
use alloc::{format, vec::Vec};
use serde_json::Value;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn default(_resource: &Resource, document: &mut Value) {
    if let Some(role) = existing(document, "roleRef") {
        fill(role, "apiGroup", GROUP);
    }
    for subject in items(document, "subjects") {
        if matches!(text(subject, &["kind"]), "User" | "Group") {
            fill(subject, "apiGroup", GROUP);
        }
    }
}

pub(super) fn validate(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut findings = Findings::default();
    if resource.plural.ends_with("roles") {
        for (index, one) in list(new, &["rules"]).iter().enumerate() {
            rule(
                one,
                resource.namespaced,
                &format!("rules[{index}]"),
                &mut findings,
            );
        }
        return findings.finish();
    }
    role_reference(at(new, &["roleRef"]), resource.namespaced, &mut findings);
    for (index, one) in list(new, &["subjects"]).iter().enumerate() {
        subject(
            one,
            resource.namespaced,
            &format!("subjects[{index}]"),
            &mut findings,
        );
    }
    if let Some(old) = old
        && at(new, &["roleRef"]) != at(old, &["roleRef"])
    {
        // The internal type is shown, whose fields have no JSON names.
        let role = at(new, &["roleRef"]);
        let mut error = FieldError::invalid("roleRef", role, "cannot change roleRef");
        error.value = format!(
            "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
            at(role, &["apiGroup"]),
            at(role, &["kind"]),
            at(role, &["name"])
        );
        findings.push(error);
    }
    findings.finish()
}

/// `ValidatePolicyRule`.
fn rule(rule: &Value, namespaced: bool, path: &str, findings: &mut Findings) {
    if list(rule, &["verbs"]).is_empty() {
        let why = "verbs must contain at least one value";
        findings.required_because(format!("{path}.verbs"), why);
    }
    let urls = at(rule, &["nonResourceURLs"]);
    let (groups, resources) = (list(rule, &["apiGroups"]), list(rule, &["resources"]));
    if !list(urls, &[]).is_empty() {
        let names = list(rule, &["resourceNames"]);
        let field = format!("{path}.nonResourceURLs");
        if namespaced {
            let why = "namespaced rules cannot apply to non-resource URLs";
            findings.invalid(field.clone(), urls.clone(), why);
        }
        if !groups.is_empty() || !resources.is_empty() || !names.is_empty() {
            let why = "rules cannot apply to both regular resources and non-resource URLs";
            findings.invalid(field, urls.clone(), why);
        }
        return;
    }
    if groups.is_empty() {
        let why = "resource rules must supply at least one api group";
        findings.required_because(format!("{path}.apiGroups"), why);
    }
    if resources.is_empty() {
        let why = "resource rules must supply at least one resource";
        findings.required_because(format!("{path}.resources"), why);
    }
}

fn role_reference(role: &Value, namespaced: bool, findings: &mut Findings) {
    let group = text(role, &["apiGroup"]);
    if group != GROUP {
        findings.not_supported("roleRef.apiGroup", group, &[GROUP]);
    }
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    let kind = text(role, &["kind"]);
    if !kinds.contains(&kind) {
        findings.not_supported("roleRef.kind", kind, kinds);
    }
    let name = text(role, &["name"]);
    if name.is_empty() {
        findings.required("roleRef.name");
    } else {
        findings.invalid_text("roleRef.name", name, path_segment(name));
    }
}

fn subject(subject: &Value, namespaced: bool, path: &str, findings: &mut Findings) {
    let name = text(subject, &["name"]);
    if name.is_empty() {
        findings.required(format!("{path}.name"));
    }
    let group = text(subject, &["apiGroup"]);
    match text(subject, &["kind"]) {
        "ServiceAccount" => {
            if !name.is_empty() {
                findings.invalid_text(format!("{path}.name"), name, dns_subdomain(name));
            }
            if !group.is_empty() {
                findings.not_supported(format!("{path}.apiGroup"), group, &[""]);
            }
            if !namespaced && text(subject, &["namespace"]).is_empty() {
                findings.required(format!("{path}.namespace"));
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                findings.not_supported(format!("{path}.apiGroup"), group, &[GROUP]);
            }
        }
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            findings.not_supported(format!("{path}.kind"), other, &kinds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{default, validate};
    use crate::resource::Resources;
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(plural: &str, mut new: Value, old: Option<Value>, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources.find(super::GROUP, "v1", plural).unwrap();
        default(resource, &mut new);
        let old = old.map(|mut old| {
            default(resource, &mut old);
            old
        });
        let errors = validate(resource, &new, old.as_ref());
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{new}");
    }

    #[test]
    fn rules_apply_to_something() {
        check(
            "roles",
            json!({"rules": [{"nonResourceURLs": ["/x"]}, {}]}),
            None,
            &[
                "rules[0].verbs: Required value: verbs must contain at least one value",
                "rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to \
             non-resource URLs",
                "rules[1].verbs: Required value: verbs must contain at least one value",
                "rules[1].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[1].resources: Required value: resource rules must supply at least one resource",
            ],
        );
    }

    #[test]
    fn a_binding_keeps_its_role() {
        let binding = |role: &str| {
            json!({
                "roleRef": {"kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "b"}],
            })
        };
        check("rolebindings", binding("a"), None, &[]);
        check(
            "rolebindings",
            binding("b"),
            Some(binding("a")),
            &[
                "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\
             \"ClusterRole\",\"Name\":\"b\"}: cannot change roleRef",
            ],
        );
        check(
            "clusterrolebindings",
            binding("a"),
            None,
            &["subjects[1].namespace: Required value"],
        );
    }
}
