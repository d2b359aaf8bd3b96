//! Who may do what, and what is admitted: RBAC, certificates, admission.

use super::{age, cells::Printer, cells::name_and_creation, labels, read, text};
use crate::ambient::Time;
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

pub(super) fn rbac(plural: &str) -> Option<Printer> {
    Some(match plural {
        "clusterrolebindings" | "rolebindings" => binding,
        "clusterroles" | "roles" => name_and_creation,
        _ => return None,
    })
}

pub(super) fn admission(plural: &str) -> Option<Printer> {
    Some(match plural {
        "mutatingadmissionpolicies" => mutating_policy,
        "mutatingadmissionpolicybindings" | "validatingadmissionpolicybindings" => policy_binding,
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => webhooks,
        "validatingadmissionpolicies" => validating_policy,
        _ => return None,
    })
}

/// Name, role, age; wide: users, groups and service accounts.
fn binding(object: &Value, now: Time) -> Vec<Value> {
    let role = format!(
        "{}/{}",
        read::string(object, "/roleRef/kind"),
        read::string(object, "/roleRef/name")
    );
    [
        read::name(object),
        text(role),
        age::age(object, now),
        text(subjects(object, "User")),
        text(subjects(object, "Group")),
        text(subjects(object, "ServiceAccount")),
    ]
    .into()
}

fn subjects(binding: &Value, kind: &str) -> String {
    let subjects: Vec<String> = read::list(binding, "/subjects")
        .iter()
        .filter(|subject| subject["kind"] == kind)
        .map(|subject| {
            let name = read::string(subject, "/name");
            match kind {
                "ServiceAccount" => format!("{}/{name}", read::string(subject, "/namespace")),
                _ => name.into(),
            }
        })
        .collect();
    subjects.join(", ")
}

/// Name, age, signer, requestor, duration, condition.
pub(super) fn signing_request(object: &Value, now: Time) -> Vec<Value> {
    let duration = match object["spec"]["expirationSeconds"].as_i64() {
        None => "<none>".into(),
        Some(seconds) => age::human_duration(seconds.saturating_mul(1_000_000)),
    };
    let has = |kind| read::condition(object, kind).is_some();
    let mut condition = String::from(if has("Denied") {
        "Denied"
    } else if has("Approved") {
        "Approved"
    } else {
        "Pending"
    });
    if has("Failed") {
        condition += ",Failed";
    }
    if !read::string(object, "/status/certificate").is_empty() {
        condition += ",Issued";
    }
    [
        read::name(object),
        age::age(object, now),
        text(read::string_or(object, "/spec/signerName", "<none>")),
        text(read::string(object, "/spec/username")),
        text(duration),
        text(condition),
    ]
    .into()
}

fn webhooks(object: &Value, now: Time) -> Vec<Value> {
    counted(object, "/webhooks", now)
}

fn counted(object: &Value, pointer: &str, now: Time) -> Vec<Value> {
    [
        read::name(object),
        read::list(object, pointer).len().into(),
        age::age(object, now),
    ]
    .into()
}

fn mutating_policy(object: &Value, now: Time) -> Vec<Value> {
    policy(object, "/spec/mutations", now)
}

fn validating_policy(object: &Value, now: Time) -> Vec<Value> {
    policy(object, "/spec/validations", now)
}

fn policy(object: &Value, steps: &str, now: Time) -> Vec<Value> {
    let parameters = match read::present(object, "/spec/paramKind") {
        None => "<unset>".into(),
        Some(kind) => format!(
            "{}/{}",
            read::string(kind, "/apiVersion"),
            read::string(kind, "/kind")
        ),
    };
    let mut cells = counted(object, steps, now);
    cells.insert(2, text(parameters));
    cells
}

fn policy_binding(object: &Value, now: Time) -> Vec<Value> {
    let name = read::string(object, "/spec/paramRef/name");
    let parameters = if name.is_empty() {
        let selector = read::present(object, "/spec/paramRef/selector");
        selector.map_or_else(|| "<unset>".into(), labels::generated)
    } else {
        // Whether the parameter is in a namespace can't be told from here.
        let namespace = read::string_or(object, "/spec/paramRef/namespace", "*");
        format!("{namespace}/{name}")
    };
    [
        read::name(object),
        text(read::string(object, "/spec/policyName")),
        text(parameters),
        age::age(object, now),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use crate::table::check::check;
    use serde_json::json;

    fn object(mut rest: serde_json::Value) -> serde_json::Value {
        rest["metadata"] = json!({"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z"});
        rest
    }

    #[test]
    fn bindings_have_subjects() {
        for plural in ["rolebindings", "clusterrolebindings"] {
            check(
                "rbac.authorization.k8s.io",
                plural,
                object(
                    json!({"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [
                    {"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"},
                    {"kind": "ServiceAccount", "namespace": "d", "name": "s"},
                    {"kind": "User", "name": "v"}]}),
                ),
                json!(["n", "ClusterRole/admin", "10m", "u, v", "g", "d/s"]),
            );
        }
        for plural in ["roles", "clusterroles"] {
            check(
                "rbac.authorization.k8s.io",
                plural,
                object(json!({})),
                json!(["n", "2026-01-01T00:00:00Z"]),
            );
        }
    }

    #[test]
    fn signing_requests_have_a_condition() {
        let csr = |status| {
            object(json!({"spec": {"signerName": "s", "username": "u",
            "expirationSeconds": 3600}, "status": status}))
        };
        for (status, expected) in [
            (json!({}), "Pending"),
            (
                json!({"conditions": [{"type": "Approved"}], "certificate": "Mw=="}),
                "Approved,Issued",
            ),
            (
                json!({"conditions": [{"type": "Approved"}, {"type": "Failed"}]}),
                "Approved,Failed",
            ),
            (
                json!({"conditions": [{"type": "Approved"}, {"type": "Denied"}]}),
                "Denied",
            ),
        ] {
            check(
                "certificates.k8s.io",
                "certificatesigningrequests",
                csr(status),
                json!(["n", "10m", "s", "u", "60m", expected]),
            );
        }
        check(
            "certificates.k8s.io",
            "certificatesigningrequests",
            object(json!({})),
            json!(["n", "10m", "<none>", "", "<none>", "Pending"]),
        );
    }

    #[test]
    fn admission_counts_and_names_parameters() {
        let group = "admissionregistration.k8s.io";
        for plural in [
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
        ] {
            check(
                group,
                plural,
                object(json!({"webhooks": [{}, {}]})),
                json!(["n", 2, "10m"]),
            );
        }
        check(
            group,
            "validatingadmissionpolicies",
            object(json!({"spec": {"validations": [{}],
                "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}})),
            json!(["n", 1, "v1/ConfigMap", "10m"]),
        );
        check(
            group,
            "mutatingadmissionpolicies",
            object(json!({"spec": {"mutations": [{}, {}]}})),
            json!(["n", 2, "<unset>", "10m"]),
        );
        for (reference, expected) in [
            (json!(null), "<unset>"),
            (json!({"name": "p"}), "*/p"),
            (json!({"name": "p", "namespace": "d"}), "d/p"),
            (
                json!({"selector": {}}),
                "&LabelSelector{MatchLabels:map[string]string{},\
                MatchExpressions:[]LabelSelectorRequirement{},}",
            ),
        ] {
            for plural in [
                "validatingadmissionpolicybindings",
                "mutatingadmissionpolicybindings",
            ] {
                check(
                    group,
                    plural,
                    object(json!({"spec": {"policyName": "q", "paramRef": reference}})),
                    json!(["n", "q", expected, "10m"]),
                );
            }
        }
    }
}
