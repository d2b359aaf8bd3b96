//! Collecting what is wrong, in the order in which it is found.

use crate::status::{FieldError, FieldErrorKind};
use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// The field errors of one validation.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<FieldError>);

impl Findings {
    /// What was found.
    pub(super) fn finish(self) -> Vec<FieldError> {
        self.0
    }

    pub(super) fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    pub(super) fn extend(&mut self, errors: impl IntoIterator<Item = FieldError>) {
        self.0.extend(errors);
    }

    pub(super) fn required(&mut self, field: impl Into<String>) {
        self.push(FieldError::required(field, ""));
    }

    pub(super) fn required_because(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.push(FieldError::required(field, why));
    }

    pub(super) fn forbidden(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.push(FieldError::forbidden(field, why));
    }

    pub(super) fn invalid(
        &mut self,
        field: impl Into<String>,
        value: impl Into<Value>,
        why: impl Into<String>,
    ) {
        self.push(FieldError::invalid(field, &value.into(), why));
    }

    /// One error for each complaint about the same text.
    pub(super) fn invalid_text(
        &mut self,
        field: impl Into<String>,
        text: &str,
        wrong: Vec<String>,
    ) {
        let field = field.into();
        self.extend(
            wrong
                .into_iter()
                .map(|why| FieldError::invalid_text(field.clone(), text, why)),
        );
    }

    pub(super) fn duplicate(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.push(FieldError::duplicate(field, &value.into()));
    }

    pub(super) fn not_found(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.push(FieldError::not_found(field, &value.into()));
    }

    pub(super) fn not_supported(
        &mut self,
        field: impl Into<String>,
        value: impl Into<Value>,
        supported: &[&str],
    ) {
        self.push(FieldError::not_supported(field, &value.into(), supported));
    }

    /// A word that must be one of a few: missing, it is required.
    pub(super) fn one_of(&mut self, field: impl Into<String>, word: &str, supported: &[&str]) {
        if word.is_empty() {
            self.required(field);
        } else if !supported.contains(&word) {
            self.not_supported(field, word, supported);
        }
    }

    /// A number that must not be negative (`ValidateNonnegativeField`).
    pub(super) fn not_negative(&mut self, field: impl Into<String>, number: Option<i64>) {
        if let Some(number) = number.filter(|number| *number < 0) {
            self.invalid(field, number, NOT_NEGATIVE);
        }
    }

    /// A field that stays what it was (`ValidateImmutableField`).
    pub(super) fn immutable(&mut self, field: impl Into<String>, new: &Value, old: &Value) {
        if !super::document::same(new, old) {
            self.push(FieldError::invalid(field, new, IMMUTABLE));
        }
    }

    /// An error of a kind without a value.
    pub(super) fn without_value(
        &mut self,
        kind: FieldErrorKind,
        field: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.push(FieldError::without_value(kind, field, why));
    }
}

/// What `ValidateNonnegativeField` says.
pub(super) const NOT_NEGATIVE: &str = "must be greater than or equal to 0";
/// What `ValidateImmutableField` says.
pub(super) const IMMUTABLE: &str = "field is immutable";
