//! The options of requests: `k8s.io/apimachinery/pkg/apis/meta/v1/validation` and
//! `pkg/apis/meta/internalversion/validation`.

use crate::{
    golang, limits,
    status::{FieldError, FieldErrorKind, Refusal, Status},
};
use alloc::{format, string::String, vec::Vec};
use serde_json::Value;

/// What `CreateOptions`, `UpdateOptions` and `PatchOptions` have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions<'a> {
    /// `fieldManager`; empty when it is not given.
    pub field_manager: &'a str,
    /// `dryRun`, all values.
    pub dry_run: &'a [String],
    /// `fieldValidation`; empty when it is not given.
    pub field_validation: &'a str,
}

/// `DeleteOptions`, as far as they can be wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeleteOptions<'a> {
    /// `dryRun`, all values.
    pub dry_run: &'a [String],
    /// `propagationPolicy`
    pub propagation_policy: Option<&'a str>,
    /// `orphanDependents`
    pub orphan_dependents: Option<bool>,
    /// `gracePeriodSeconds`
    pub grace_period_seconds: Option<i64>,
    /// `preconditions` are given.
    pub preconditions: bool,
    /// `ignoreStoreReadErrorWithClusterBreakingPotential`
    pub ignore_store_read_error: bool,
}

/// `ListOptions`, as far as they can be wrong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListOptions<'a> {
    /// `watch`
    pub watch: bool,
    /// `resourceVersion`; empty when it is not given.
    pub resource_version: &'a str,
    /// `resourceVersionMatch`; empty when it is not given.
    pub resource_version_match: &'a str,
    /// `continue`; empty when it is not given.
    pub continue_token: &'a str,
    /// `sendInitialEvents`
    pub send_initial_events: Option<bool>,
}

/// Checks `CreateOptions` (`ValidateCreateOptions`).
///
/// # Errors
/// 422 for `CreateOptions.meta.k8s.io ""`.
pub fn create(options: &WriteOptions) -> Result<(), Refusal> {
    refuse("CreateOptions", &write(options))
}

/// Checks `UpdateOptions` (`ValidateUpdateOptions`).
///
/// # Errors
/// 422 for `UpdateOptions.meta.k8s.io ""`.
pub fn update(options: &WriteOptions) -> Result<(), Refusal> {
    refuse("UpdateOptions", &write(options))
}

/// Checks `PatchOptions` (`ValidatePatchOptions`); `apply` tells a server-side apply.
///
/// # Errors
/// 422 for `PatchOptions.meta.k8s.io ""`.
pub fn patch(options: &WriteOptions, force: Option<bool>, apply: bool) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    if apply && options.field_manager.is_empty() {
        errors.push(FieldError::required(
            "fieldManager",
            "is required for apply patch",
        ));
    }
    if !apply && force.is_some() {
        let detail = "may not be specified for non-apply patch";
        errors.push(FieldError::forbidden("force", detail));
    }
    errors.extend(write(options));
    refuse("PatchOptions", &errors)
}

/// Checks `DeleteOptions` (`ValidateDeleteOptions`).
///
/// # Errors
/// 422 for `DeleteOptions.meta.k8s.io ""`.
pub fn delete(options: &DeleteOptions) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    if let Some(policy) = options.propagation_policy {
        let field = "propagationPolicy";
        if options.orphan_dependents.is_some() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(of_named_type(
                FieldErrorKind::Invalid,
                field,
                policy,
                detail,
            ));
        }
        if !matches!(policy, "Foreground" | "Background" | "Orphan") {
            // Upstream offers «nil» in this text, too.
            let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
            let kind = FieldErrorKind::NotSupported;
            errors.push(of_named_type(kind, field, policy, supported));
        }
    }
    dry_run(options.dry_run, &mut errors);
    if options.ignore_store_read_error {
        let field = "ignoreStoreReadErrorWithClusterBreakingPotential";
        for (given, other) in [
            (options.propagation_policy.is_some(), "propagationPolicy"),
            (options.orphan_dependents.is_some(), "orphanDependents"),
            (options.grace_period_seconds.is_some(), "gracePeriodSeconds"),
            (options.preconditions, "preconditions"),
        ] {
            if given {
                let detail = format!("cannot be set together with .{other}");
                errors.push(FieldError::invalid(field, &Value::Bool(true), detail));
            }
        }
    }
    refuse("DeleteOptions", &errors)
}

/// Checks `ListOptions` (`ValidateListOptions`, with watch lists on).
///
/// # Errors
/// 422 for `ListOptions.meta.k8s.io ""`.
pub fn list(options: &ListOptions) -> Result<(), Refusal> {
    let errors = if options.watch {
        watch_errors(options)
    } else {
        list_errors(options)
    };
    refuse("ListOptions", &errors)
}

const MATCH: &str = "resourceVersionMatch";

fn list_errors(options: &ListOptions) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut forbid = |field: &str, detail: &str| errors.push(FieldError::forbidden(field, detail));
    let matching = options.resource_version_match;
    if !matching.is_empty() {
        if options.resource_version.is_empty() {
            forbid(
                MATCH,
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if !options.continue_token.is_empty() {
            forbid(
                MATCH,
                "resourceVersionMatch is forbidden when continue is provided",
            );
        }
        if matching == "Exact" && options.resource_version == "0" {
            forbid(
                MATCH,
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            );
        }
    }
    if options.send_initial_events.is_some() {
        let detail = "sendInitialEvents is forbidden for list";
        forbid("sendInitialEvents", detail);
    }
    if !matches!(matching, "" | "Exact" | "NotOlderThan") {
        // Upstream has this behind the two first; never together with the third.
        let supported = "supported values: \"Exact\", \"NotOlderThan\", \"\"";
        let error = of_named_type(FieldErrorKind::NotSupported, MATCH, matching, supported);
        let last = usize::from(options.send_initial_events.is_some());
        errors.insert(errors.len() - last, error);
    }
    errors
}

fn watch_errors(options: &ListOptions) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let matching = options.resource_version_match;
    let initial = options.send_initial_events.is_some();
    if initial && matching != "NotOlderThan" {
        let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.push(FieldError::forbidden(MATCH, detail));
    }
    if matching.is_empty() {
        return errors;
    }
    if !initial {
        let detail =
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
        errors.push(FieldError::forbidden(MATCH, detail));
    }
    if matching != "NotOlderThan" {
        let supported = "supported values: \"NotOlderThan\"";
        let kind = FieldErrorKind::NotSupported;
        errors.push(of_named_type(kind, MATCH, matching, supported));
    }
    if !options.continue_token.is_empty() {
        let detail = "resourceVersionMatch is forbidden when continue is provided";
        errors.push(FieldError::forbidden(MATCH, detail));
    }
    errors
}

fn write(options: &WriteOptions) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let manager = options.field_manager;
    if manager.len() > limits::FIELD_MANAGER_BYTES {
        errors.push(FieldError::too_long(
            "fieldManager",
            limits::FIELD_MANAGER_BYTES,
        ));
    }
    for (position, character) in manager.char_indices() {
        if !golang::printable(character) {
            let code = character as u32;
            let detail = format!("invalid character U+{code:04X} (at position {position})");
            errors.push(FieldError::invalid_text("fieldManager", manager, detail));
        }
    }
    dry_run(options.dry_run, &mut errors);
    let validation = options.field_validation;
    if !matches!(validation, "" | "Ignore" | "Strict" | "Warn") {
        let supported = ["", "Ignore", "Strict", "Warn"];
        let value = Value::from(validation);
        errors.push(FieldError::not_supported(
            "fieldValidation",
            &value,
            &supported,
        ));
    }
    errors
}

fn dry_run(values: &[String], errors: &mut Vec<FieldError>) {
    if values.iter().any(|value| value != "All") {
        let values = Value::from(values.to_vec());
        errors.push(FieldError::not_supported("dryRun", &values, &["All"]));
    }
}

/// An error whose value is of a named string type in Go: it is shown as JSON, not as `%q`.
fn of_named_type(kind: FieldErrorKind, field: &str, value: &str, detail: &str) -> FieldError {
    FieldError {
        field: field.into(),
        kind,
        value: golang::json(&Value::from(value)),
        detail: detail.into(),
    }
}

fn refuse(kind: &str, errors: &[FieldError]) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid("meta.k8s.io", kind, "", errors))
}

#[cfg(test)]
mod tests {
    use super::{DeleteOptions, ListOptions, WriteOptions, create, delete, list, patch, update};
    use crate::status::Refusal;
    use alloc::{string::String, vec};

    fn check(found: Result<(), Refusal>, expected: &str) {
        let refusal = found.unwrap_err();
        assert_eq!((refusal.code, refusal.message.as_str()), (422, expected));
    }

    #[test]
    fn options_of_writes_are_checked() {
        let mut options = WriteOptions::default();
        assert!(create(&options).is_ok());
        options.field_validation = "Sometimes";
        check(
            create(&options),
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Sometimes\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
        );
        options = WriteOptions::default();
        let values = vec![String::from("All"), String::from("Some")];
        options.dry_run = &values;
        check(
            update(&options),
            "UpdateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"All\",\"Some\"]: supported values: \"All\"",
        );
        options = WriteOptions::default();
        check(
            patch(&options, Some(true), true),
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        );
        check(
            patch(&options, Some(false), false),
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        );
        options.field_manager = "ü\u{7}";
        check(
            patch(&options, None, false),
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"ü\\a\": invalid character U+0007 (at position 2)",
        );
        let long = "m".repeat(129);
        options.field_manager = &long;
        check(
            create(&options),
            "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes",
        );
    }

    #[test]
    fn options_of_deletes_are_checked() {
        let mut options = DeleteOptions {
            propagation_policy: Some("Orphan"),
            ..DeleteOptions::default()
        };
        assert!(delete(&options).is_ok());
        options.orphan_dependents = Some(true);
        check(
            delete(&options),
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set",
        );
        options = DeleteOptions::default();
        options.propagation_policy = Some("Sideways");
        check(
            delete(&options),
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Sideways\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
        );
        options = DeleteOptions::default();
        options.ignore_store_read_error = true;
        options.preconditions = true;
        check(
            delete(&options),
            "DeleteOptions.meta.k8s.io \"\" is invalid: ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true: cannot be set together with .preconditions",
        );
    }

    #[test]
    fn options_of_lists_are_checked() {
        let options =
            |resource_version: &'static str, resource_version_match: &'static str| ListOptions {
                resource_version,
                resource_version_match,
                ..ListOptions::default()
            };
        let refused = |options: ListOptions, errors: &str| {
            let text = alloc::format!("ListOptions.meta.k8s.io \"\" is invalid: {errors}");
            check(list(&options), &text);
        };
        for (version, matching) in [("", ""), ("5", "Exact"), ("0", "NotOlderThan")] {
            assert!(list(&options(version, matching)).is_ok());
        }
        let unless = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
        refused(options("", "NotOlderThan"), unless);
        refused(options("", "Exact"), unless);
        refused(
            options("0", "Exact"),
            "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        );
        let unsupported = "resourceVersionMatch: Unsupported value: \"Whatever\": supported values: \"Exact\", \"NotOlderThan\", \"\"";
        refused(options("5", "Whatever"), unsupported);
        let mut all = options("", "Whatever");
        all.send_initial_events = Some(false);
        let initial = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list";
        let text = alloc::format!("[{unless}, {unsupported}, {initial}]");
        refused(all, &text);
        let mut watch = options("", "NotOlderThan");
        watch.watch = true;
        refused(
            watch,
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        );
        watch.send_initial_events = Some(true);
        assert!(list(&watch).is_ok());
        watch.resource_version_match = "";
        refused(
            watch,
            "resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        );
    }
}
