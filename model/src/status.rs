//! Why a request was refused: Kubernetes' `Status`, and the only table of HTTP codes.
//!
//! Reasons and texts are those of `k8s.io/apimachinery/pkg/api/errors`.

mod field;

pub use field::{FieldError, FieldErrorKind};

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Value, json};

/// `metav1.StatusReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No reason is given (the field is left out).
    Unknown,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 409
    AlreadyExists,
    /// 409
    Conflict,
    /// 410
    Gone,
    /// 422
    Invalid,
    /// 504: retry against another server or later.
    ServerTimeout,
    /// 504
    Timeout,
    /// 429
    TooManyRequests,
    /// 400
    BadRequest,
    /// 405
    MethodNotAllowed,
    /// 406
    NotAcceptable,
    /// 413
    RequestEntityTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 500
    InternalError,
    /// 410
    Expired,
    /// 503
    ServiceUnavailable,
    /// 501: what kube-apiserver serves and this server does not yet.
    NotImplemented,
}

impl Reason {
    /// The HTTP code. Total, and the only such table.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Reason::Unauthorized => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Gone | Reason::Expired => 410,
            Reason::Invalid => 422,
            Reason::Timeout => 504,
            Reason::TooManyRequests => 429,
            Reason::BadRequest => 400,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Unknown | Reason::InternalError | Reason::ServerTimeout => 500,
            Reason::ServiceUnavailable => 503,
            Reason::NotImplemented => 501,
        }
    }

    /// The word in a `Status`; empty for [`Reason::Unknown`].
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Reason::Unknown => String::new(),
            other => format!("{other:?}"),
        }
    }
}

/// One entry of `details.causes`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cause {
    /// `FieldValueInvalid` and its like.
    pub reason: String,
    /// For people.
    pub message: String,
    /// The field's path: `spec.containers[0].name`.
    pub field: String,
}

/// `details` of a `Status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Its kind or resource, as the real server has it in this error.
    pub kind: String,
    /// Its uid.
    pub uid: String,
    /// What is wrong in detail.
    pub causes: Vec<Cause>,
    /// When to try again.
    pub retry_after_seconds: u32,
}

/// A failure as the client sees it. Boxed in results: see [`Refusal`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// The HTTP code.
    pub code: u16,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// The object concerned; the field is left out when `None`.
    pub details: Option<Details>,
    /// `metadata.continue`: how to go on with a list whose pages have expired; mostly empty.
    pub continue_token: String,
}

/// The error type of the core.
pub type Refusal = alloc::boxed::Box<Status>;

/// The group and plural name of a resource, as error texts name it: `deployments.apps`.
#[must_use]
pub fn qualified(group: &str, name: &str) -> String {
    if group.is_empty() {
        name.to_string()
    } else {
        format!("{name}.{group}")
    }
}

impl Status {
    /// A failure with the reason's own code.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Refusal {
        Refusal::new(Status {
            code: reason.code(),
            reason,
            message: message.into(),
            details: None,
            continue_token: String::new(),
        })
    }

    /// 400.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Refusal {
        Status::new(Reason::BadRequest, message)
    }

    /// 404: `pods "a" not found`.
    #[must_use]
    pub fn not_found(group: &str, resource: &str, name: &str) -> Refusal {
        let message = format!("{} \"{name}\" not found", qualified(group, resource));
        Status::new(Reason::NotFound, message).about(group, resource, name)
    }

    /// 409: `pods "a" already exists`.
    #[must_use]
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Refusal {
        let message = format!("{} \"{name}\" already exists", qualified(group, resource));
        Status::new(Reason::AlreadyExists, message).about(group, resource, name)
    }

    /// 409 when every name that was generated is taken (`NewGenerateNameConflict`).
    #[must_use]
    pub fn generated_name_taken(group: &str, resource: &str, name: &str) -> Refusal {
        let whose = qualified(group, resource);
        let message = format!(
            "{whose} \"{name}\" already exists, the server was not able to generate a unique name \
             for the object"
        );
        let mut status = Status::new(Reason::AlreadyExists, message).about(group, resource, name);
        status.details.get_or_insert_default().retry_after_seconds = 1;
        status
    }

    /// A code without a reason, as errors have it that upstream's storage layer makes with
    /// `fmt.Errorf`.
    #[must_use]
    pub fn unreasoned(code: u16, message: impl Into<String>) -> Refusal {
        let mut status = Status::new(Reason::Unknown, message);
        status.code = code;
        status
    }

    /// 409: `Operation cannot be fulfilled on pods "a": …`.
    #[must_use]
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Refusal {
        let whose = qualified(group, resource);
        let message = format!("Operation cannot be fulfilled on {whose} \"{name}\": {why}");
        Status::new(Reason::Conflict, message).about(group, resource, name)
    }

    /// 403: `pods "a" is forbidden: …`.
    #[must_use]
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Refusal {
        let whose = qualified(group, resource);
        let message = if name.is_empty() {
            format!("{whose} is forbidden: {why}")
        } else {
            format!("{whose} \"{name}\" is forbidden: {why}")
        };
        Status::new(Reason::Forbidden, message).about(group, resource, name)
    }

    /// 422 with one cause a field error: `Pod "a" is invalid: …`.
    #[must_use]
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Refusal {
        let all = FieldError::join(errors);
        let message = format!("{} \"{name}\" is invalid: {all}", qualified(group, kind));
        let mut status = Status::new(Reason::Invalid, message).about(group, kind, name);
        if let Some(details) = &mut status.details {
            details.causes = errors.iter().map(FieldError::cause).collect();
        }
        status
    }

    /// 500: `Internal error occurred: …`.
    #[must_use]
    pub fn internal(why: &str) -> Refusal {
        let message = format!("Internal error occurred: {why}");
        let mut status = Status::new(Reason::InternalError, message);
        let cause = Cause {
            reason: String::new(),
            message: why.into(),
            field: String::new(),
        };
        status.details = Some(Details {
            causes: [cause].into(),
            ..Details::default()
        });
        status
    }

    /// Names the object that this is about.
    #[must_use]
    pub fn about(mut self, group: &str, kind: &str, name: &str) -> Refusal {
        let details = self.details.get_or_insert_default();
        details.group = group.into();
        details.kind = kind.into();
        details.name = name.into();
        Refusal::new(self)
    }

    /// The `Status` object.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if self.reason != Reason::Unknown {
            body["reason"] = Value::String(self.reason.word());
        }
        if let Some(details) = &self.details {
            body["details"] = details.json();
        }
        if !self.continue_token.is_empty() {
            body["metadata"]["continue"] = Value::String(self.continue_token.clone());
        }
        body
    }
}

impl Details {
    fn json(&self) -> Value {
        let mut body = serde_json::Map::new();
        for (field, text) in [
            ("name", &self.name),
            ("group", &self.group),
            ("kind", &self.kind),
            ("uid", &self.uid),
        ] {
            if !text.is_empty() {
                body.insert(field.into(), Value::String(text.clone()));
            }
        }
        if !self.causes.is_empty() {
            body.insert(
                "causes".into(),
                self.causes.iter().map(Cause::json).collect(),
            );
        }
        if self.retry_after_seconds > 0 {
            body.insert("retryAfterSeconds".into(), self.retry_after_seconds.into());
        }
        Value::Object(body)
    }
}

impl Cause {
    fn json(&self) -> Value {
        let mut body = serde_json::Map::new();
        for (field, text) in [
            ("reason", &self.reason),
            ("message", &self.message),
            ("field", &self.field),
        ] {
            if !text.is_empty() {
                body.insert(field.into(), Value::String(text.clone()));
            }
        }
        Value::Object(body)
    }
}
