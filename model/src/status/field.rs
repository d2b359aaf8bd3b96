//! What is wrong with one field: `k8s.io/apimachinery/pkg/util/validation/field/errors.go`.

use super::Cause;
use crate::golang;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldError {
    /// The field's path: `spec.containers[0].name`.
    pub field: String,
    /// The kind of error.
    pub kind: FieldErrorKind,
    /// The value as the text shows it (already quoted), when it does.
    pub value: String,
    /// The rest of the text.
    pub detail: String,
}

/// `field.ErrorType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// `Required value`
    Required,
    /// `Invalid value`
    Invalid,
    /// `Unsupported value`
    NotSupported,
    /// `Duplicate value`
    Duplicate,
    /// `Forbidden`
    Forbidden,
    /// `Too long`
    TooLong,
    /// `Too many`
    TooMany,
    /// `Not found`
    NotFound,
    /// `Internal error`
    Internal,
    /// `Invalid value` of a wrong type.
    TypeInvalid,
}

impl FieldErrorKind {
    fn text(self) -> &'static str {
        match self {
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => "Invalid value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::NotFound => "Not found",
            FieldErrorKind::Internal => "Internal error",
        }
    }

    fn reason(self) -> &'static str {
        match self {
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::NotFound => "FieldValueNotFound",
            FieldErrorKind::Internal => "InternalError",
            FieldErrorKind::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
}

impl FieldError {
    /// `field: Required value: detail`.
    #[must_use]
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError::without_value(FieldErrorKind::Required, field, detail)
    }

    /// `field: Forbidden: detail`.
    #[must_use]
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError::without_value(FieldErrorKind::Forbidden, field, detail)
    }

    /// `field: Invalid value: value: detail`.
    #[must_use]
    pub fn invalid(
        field: impl Into<String>,
        value: &Value,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError::with_value(FieldErrorKind::Invalid, field, value, detail)
    }

    /// `field: Invalid value: "text": detail`.
    #[must_use]
    pub fn invalid_text(
        field: impl Into<String>,
        text: &str,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError {
            field: field.into(),
            kind: FieldErrorKind::Invalid,
            value: golang::quote(text),
            detail: detail.into(),
        }
    }

    /// `field: Unsupported value: "value": supported values: "A", "B"`.
    #[must_use]
    pub fn not_supported(
        field: impl Into<String>,
        value: &Value,
        supported: &[&str],
    ) -> FieldError {
        let quoted: Vec<String> = supported.iter().map(|word| golang::quote(word)).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        FieldError::with_value(FieldErrorKind::NotSupported, field, value, detail)
    }

    /// `field: Duplicate value: value`.
    #[must_use]
    pub fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::with_value(FieldErrorKind::Duplicate, field, value, "")
    }

    /// `field: Not found: value`.
    #[must_use]
    pub fn not_found(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::with_value(FieldErrorKind::NotFound, field, value, "")
    }

    /// `field: Too long: may not be more than 63 bytes`; the value is left out.
    #[must_use]
    pub fn too_long(field: impl Into<String>, bytes: usize) -> FieldError {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {bytes} {unit}");
        FieldError::without_value(FieldErrorKind::TooLong, field, detail)
    }

    /// `field: Too many: 9: must have at most 8 items`.
    #[must_use]
    pub fn too_many(field: impl Into<String>, actual: usize, most: usize) -> FieldError {
        let unit = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {unit}");
        FieldError::with_value(FieldErrorKind::TooMany, field, &Value::from(actual), detail)
    }

    /// An error of a kind that shows the value: text as Go's `%q`, numbers and truth values plain,
    /// the rest as JSON.
    #[must_use]
    pub fn with_value(
        kind: FieldErrorKind,
        field: impl Into<String>,
        value: &Value,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError {
            field: field.into(),
            kind,
            value: match value {
                Value::String(text) => golang::quote(text),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => golang::json(value),
            },
            detail: detail.into(),
        }
    }

    /// An error of a kind that does not show the value.
    #[must_use]
    pub fn without_value(
        kind: FieldErrorKind,
        field: impl Into<String>,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError {
            field: field.into(),
            kind,
            value: String::new(),
            detail: detail.into(),
        }
    }

    /// The text without the field.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = String::from(self.kind.text());
        for part in [&self.value, &self.detail] {
            if !part.is_empty() {
                text.push_str(": ");
                text.push_str(part);
            }
        }
        text
    }

    /// The entry of `details.causes`.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause {
            reason: self.kind.reason().into(),
            message: self.message(),
            field: self.field.clone(),
        }
    }

    /// What `ErrorList.ToAggregate().Error()` says: each text once, in brackets when there are
    /// several.
    #[must_use]
    pub fn join(errors: &[FieldError]) -> String {
        let mut texts: Vec<String> = Vec::new();
        for text in errors.iter().map(ToString::to_string) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        }
    }
}

impl core::fmt::Display for FieldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.field, self.message())
    }
}

#[cfg(test)]
mod tests {
    use super::FieldError;
    use alloc::string::ToString;
    use serde_json::json;

    #[test]
    fn the_texts_are_the_real_ones() {
        for (error, expected) in [
            (FieldError::required("a.b", ""), "a.b: Required value"),
            (
                FieldError::required("a", "must be set"),
                "a: Required value: must be set",
            ),
            (FieldError::forbidden("a", "no"), "a: Forbidden: no"),
            (
                FieldError::invalid("a", &json!("x\"\u{7}"), "bad"),
                r#"a: Invalid value: "x\"\a": bad"#,
            ),
            (
                FieldError::invalid("a", &json!(0), "bad"),
                "a: Invalid value: 0: bad",
            ),
            (
                FieldError::invalid("a", &json!({"b": ["<"]}), "bad"),
                r#"a: Invalid value: {"b":["\u003c"]}: bad"#,
            ),
            (
                FieldError::invalid("a", &json!(null), "bad"),
                "a: Invalid value: null: bad",
            ),
            (
                FieldError::not_supported("a", &json!("C"), &["A", "B", ""]),
                r#"a: Unsupported value: "C": supported values: "A", "B", """#,
            ),
            (
                FieldError::duplicate("a", &json!("x")),
                r#"a: Duplicate value: "x""#,
            ),
            (
                FieldError::not_found("a", &json!("x")),
                r#"a: Not found: "x""#,
            ),
            (
                FieldError::too_long("a", 253),
                "a: Too long: may not be more than 253 bytes",
            ),
            (
                FieldError::too_many("a", 3, 1),
                "a: Too many: 3: must have at most 1 item",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
