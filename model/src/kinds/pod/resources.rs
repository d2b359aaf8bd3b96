//! What containers ask for (`ValidateContainerResourceRequirements`).

use crate::{
    kinds::{
        document::{at, members},
        findings::{Findings, NOT_NEGATIVE},
        quantity::{Quantity, quantity},
    },
    validation::name::label_key,
};
use alloc::format;
use core::cmp::Ordering;
use serde_json::Value;

pub(super) fn validate(container: &Value, path: &str, findings: &mut Findings) {
    let path = format!("{path}.resources");
    for list in ["limits", "requests"] {
        let amounts = at(container, &["resources", list]);
        for (name, amount) in members(amounts, &[]) {
            let field = format!("{path}.{list}[{name}]");
            resource_name(name, &field, findings);
            resource_amount(name, amount, &field, findings);
        }
    }
    let (limits, requests) = (
        at(container, &["resources", "limits"]),
        at(container, &["resources", "requests"]),
    );
    for (name, request) in members(requests, &[]) {
        let (Some(asked), Some(most)) = (quantity(requests, &[name]), quantity(limits, &[name]))
        else {
            continue;
        };
        let limit = crate::golang::print(at(limits, &[name]));
        if asked > most {
            let why = format!("must be less than or equal to {name} limit of {limit}");
            findings.invalid(format!("{path}.requests"), request.clone(), why);
        } else if asked != most && !may_be_overcommitted(name) {
            let why = format!("must be equal to {name} limit of {limit}");
            findings.invalid(format!("{path}.requests"), request.clone(), why);
        }
    }
}

fn may_be_overcommitted(name: &str) -> bool {
    !name.contains('/') && !name.starts_with("hugepages-")
}

fn resource_name(name: &str, field: &str, findings: &mut Findings) {
    findings.invalid_text(field, name, label_key(name));
    let standard = matches!(name, "cpu" | "memory" | "ephemeral-storage" | "storage")
        || name.starts_with("hugepages-");
    if !name.contains('/') {
        if !standard {
            let why = "must be a standard resource type or fully qualified";
            findings.invalid(field, name, why);
        }
        if !standard || name == "storage" {
            findings.invalid(field, name, "must be a standard resource for containers");
        }
    }
}

fn resource_amount(name: &str, amount: &Value, field: &str, findings: &mut Findings) {
    let Some(parsed) = Quantity::parse(amount) else {
        return;
    };
    if parsed.sign() == Ordering::Less {
        findings.invalid(field, amount.clone(), NOT_NEGATIVE);
    }
    if name.contains('/') && !parsed.is_whole() {
        findings.invalid(field, amount.clone(), "must be an integer");
    }
}
