//! Where traffic goes: Endpoints, EndpointSlices, Ingresses, NetworkPolicies.
//!
//! Origin: `pkg/apis/{core,discovery,networking}/{v1/defaults.go,validation}`.

mod endpoints;
mod ingress;
mod policy;
mod slice;

use super::{
    document::{at, fill, items, object, put},
    findings::Findings,
};
use crate::{resource::Resource, status::FieldError};
use alloc::vec::Vec;
use serde_json::{Value, json};

pub(super) fn default(resource: &Resource, document: &mut Value) {
    match resource.plural.as_str() {
        "endpoints" => {
            for subset in items(document, "subsets") {
                for port in items(subset, "ports") {
                    fill(port, "protocol", "TCP");
                }
            }
        }
        "endpointslices" => {
            for port in items(document, "ports") {
                if at(port, &["name"]).is_null() {
                    put(port, "name", json!(""));
                }
                fill(port, "protocol", "TCP");
            }
        }
        "ingressclasses" => {
            let parameters = super::document::existing(object(document, "spec"), "parameters");
            if let Some(parameters) = parameters {
                fill(parameters, "scope", "Cluster");
            }
        }
        "networkpolicies" => policy::default(object(document, "spec")),
        _ => {}
    }
}

pub(super) fn validate(resource: &Resource, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut findings = Findings::default();
    match resource.plural.as_str() {
        "endpoints" => endpoints::validate(new, &mut findings),
        "endpointslices" => slice::validate(new, old, &mut findings),
        "ingresses" => ingress::validate(new, &mut findings),
        "ingressclasses" => ingress::validate_class(new, old, &mut findings),
        "networkpolicies" => policy::validate(at(new, &["spec"]), &mut findings),
        _ => {}
    }
    findings.finish()
}

#[cfg(test)]
mod tests {
    use super::{default, validate};
    use crate::resource::Resources;
    use alloc::{string::ToString, vec::Vec};
    use serde_json::Value;

    /// Defaults the object, validates it and compares the texts.
    pub(super) fn check(name: (&str, &str), mut new: Value, old: Option<Value>, expected: &[&str]) {
        let resources = Resources::built_in();
        let resource = resources.find(name.0, "v1", name.1).unwrap();
        default(resource, &mut new);
        let old = old.map(|mut old| {
            default(resource, &mut old);
            old
        });
        let errors = validate(resource, &new, old.as_ref());
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{new}");
    }
}
