//! The defaults of what configures the API server itself: webhooks, policies, definitions,
//! APIServices, flow control.
//!
//! Origin: `pkg/apis/{admissionregistration,flowcontrol}/v1/defaults.go`,
//! `apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go`,
//! `kube-aggregator/pkg/apis/apiregistration/v1/defaults.go`. Their validation is not here.

use super::document::{at, existing, fill, items, member, object, put, text};
use crate::resource::Resource;
use alloc::format;
use serde_json::{Value, json};

pub(super) fn default(resource: &Resource, document: &mut Value) {
    match resource.plural.as_str() {
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
            for hook in items(document, "webhooks") {
                webhook(hook);
                if resource.plural.starts_with("mutating") {
                    fill(hook, "reinvocationPolicy", "Never");
                }
            }
        }
        "validatingadmissionpolicies" | "mutatingadmissionpolicies" => {
            let spec = object(document, "spec");
            fill(spec, "failurePolicy", "Fail");
            if let Some(matched) = existing(spec, "matchConstraints") {
                match_resources(matched);
            }
        }
        "validatingadmissionpolicybindings" | "mutatingadmissionpolicybindings" => {
            if let Some(matched) = existing(object(document, "spec"), "matchResources") {
                match_resources(matched);
            }
        }
        "customresourcedefinitions" => definition(object(document, "spec")),
        "apiservices" => {
            if let Some(service) = existing(object(document, "spec"), "service") {
                fill(service, "port", 443);
            }
        }
        "flowschemas" => {
            let precedence = member(object(document, "spec"), "matchingPrecedence");
            if precedence.is_null() || *precedence == json!(0) {
                *precedence = json!(1000);
            }
        }
        "prioritylevelconfigurations" => priority_level(object(document, "spec")),
        _ => {}
    }
}

fn webhook(hook: &mut Value) {
    fill(hook, "failurePolicy", "Fail");
    fill(hook, "timeoutSeconds", 10);
    match_selectors(hook);
    for rule in items(hook, "rules") {
        fill(rule, "scope", "*");
    }
    if let Some(service) = existing(object(hook, "clientConfig"), "service") {
        fill(service, "port", 443);
    }
}

fn match_selectors(holder: &mut Value) {
    fill(holder, "matchPolicy", "Equivalent");
    object(holder, "namespaceSelector");
    object(holder, "objectSelector");
}

fn match_resources(matched: &mut Value) {
    match_selectors(matched);
    for rules in ["resourceRules", "excludeResourceRules"] {
        for rule in items(matched, rules) {
            fill(rule, "scope", "*");
        }
    }
}

fn definition(spec: &mut Value) {
    let names = object(spec, "names");
    let kind = text(names, &["kind"]);
    let (singular, list) = (kind.to_lowercase(), format!("{kind}List"));
    if !kind.is_empty() {
        fill(names, "singular", singular);
        fill(names, "listKind", list);
    }
    let conversion = object(spec, "conversion");
    fill(conversion, "strategy", "None");
    if let Some(hook) = existing(conversion, "webhook")
        && let Some(client) = existing(hook, "clientConfig")
        && let Some(service) = existing(client, "service")
    {
        fill(service, "port", 443);
    }
}

fn priority_level(spec: &mut Value) {
    if let Some(exempt) = existing(spec, "exempt") {
        fill(exempt, "nominalConcurrencyShares", 0);
        fill(exempt, "lendablePercent", 0);
    }
    if let Some(limited) = existing(spec, "limited") {
        fill(limited, "nominalConcurrencyShares", 30);
        fill(limited, "lendablePercent", 0);
        if let Some(queuing) = existing(object(limited, "limitResponse"), "queuing") {
            for (field, default) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] {
                if at(queuing, &[field]).as_i64().unwrap_or_default() == 0 {
                    put(queuing, field, json!(default));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::default;
    use crate::resource::Resources;
    use serde_json::{Value, json};

    fn check(name: (&str, &str), mut document: Value, expected: &Value) {
        let resources = Resources::built_in();
        default(resources.find(name.0, "v1", name.1).unwrap(), &mut document);
        assert_eq!(document, *expected);
    }

    #[test]
    fn registrations_get_their_defaults() {
        let hook = json!({"webhooks": [{"name": "a", "clientConfig": {"service": {"name": "s"}}, "rules": [{}]}]});
        check(
            (
                "admissionregistration.k8s.io",
                "mutatingwebhookconfigurations",
            ),
            hook,
            &json!({"webhooks": [{
                "name": "a", "clientConfig": {"service": {"name": "s", "port": 443}},
                "rules": [{"scope": "*"}], "failurePolicy": "Fail", "matchPolicy": "Equivalent",
                "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10,
                "reinvocationPolicy": "Never",
            }]}),
        );
        let names = json!({"spec": {"names": {"kind": "Widget", "plural": "widgets"}}});
        check(
            ("apiextensions.k8s.io", "customresourcedefinitions"),
            names,
            &json!({"spec": {
                "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
                "conversion": {"strategy": "None"},
            }}),
        );
        let level =
            json!({"spec": {"limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}});
        check(
            (
                "flowcontrol.apiserver.k8s.io",
                "prioritylevelconfigurations",
            ),
            level,
            &json!({"spec": {"limited": {
                "nominalConcurrencyShares": 30, "lendablePercent": 0,
                "limitResponse": {"type": "Queue", "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}},
            }}}),
        );
    }
}
