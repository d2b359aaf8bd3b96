//! Audit events as values (<https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>).

use super::{authorize, context::Context};
use crate::{ambient::Time, config::User};
use alloc::{string::String, sync::Arc};
use serde_json::{Value, json};

/// At which point of a request's life an event was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The request has come in.
    RequestReceived,
    /// A watch has been granted and goes on.
    ResponseStarted,
    /// The answer is complete.
    ResponseComplete,
}

/// What the authorizers said, and why when there is more to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    /// The request was allowed.
    pub allowed: bool,
    /// Why.
    pub reason: String,
}

impl Decision {
    /// The decision as it is logged.
    #[must_use]
    pub fn of(decision: &authorize::Decision) -> Option<Decision> {
        let (allowed, reason) = match decision {
            authorize::Decision::Allow(reason) => (true, reason),
            authorize::Decision::Deny(reason) | authorize::Decision::NoOpinion(reason) => {
                (false, reason)
            }
        };
        let reason = reason.clone();
        Some(Decision { allowed, reason })
    }
}

/// What happened, for the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// At which point.
    pub stage: Stage,
    /// The request: who asked for what.
    pub context: Arc<Context>,
    /// The HTTP code, once there is one.
    pub code: Option<u16>,
    /// When.
    pub at: Time,
}

impl Event {
    /// The event as `audit.k8s.io/v1` has it, at level `Metadata`.
    #[must_use]
    pub fn json(&self) -> Value {
        let context = &self.context;
        let attributes = &context.attributes;
        let mut uri = attributes.path.clone();
        let query = context.query.encode();
        if !query.is_empty() {
            uri.push('?');
            uri.push_str(&query);
        }
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
            "auditID": context.audit_id, "stage": self.word(), "requestURI": uri,
            "verb": attributes.verb,
            "user": user(context.impersonator.as_ref().unwrap_or(&context.user)), "sourceIPs": [context.source],
            "userAgent": context.user_agent,
            "requestReceivedTimestamp": context.received.rfc3339_micro(),
            "stageTimestamp": self.at.rfc3339_micro(),
        });
        if attributes.is_resource {
            event["objectRef"] = json!({
                "resource": attributes.resource, "namespace": attributes.namespace,
                "name": attributes.name, "subresource": attributes.subresource,
                "apiVersion": attributes.version, "apiGroup": attributes.group,
            });
        }
        if let Some(code) = self.code {
            event["responseStatus"] = json!({"metadata": {}, "code": code});
        }
        if context.impersonator.is_some() {
            event["impersonatedUser"] = user(&context.user);
        }
        // The event of its coming in was made before anything was decided.
        if let (Some(decision), Some(_)) = (&context.decision, self.code) {
            let word = if decision.allowed { "allow" } else { "forbid" };
            event["annotations"] = json!({
                "authorization.k8s.io/decision": word,
                "authorization.k8s.io/reason": decision.reason,
            });
        }
        event
    }

    fn word(&self) -> &'static str {
        match self.stage {
            Stage::RequestReceived => "RequestReceived",
            Stage::ResponseStarted => "ResponseStarted",
            Stage::ResponseComplete => "ResponseComplete",
        }
    }
}

fn user(user: &User) -> Value {
    json!({"username": user.name, "uid": user.uid, "groups": user.groups, "extra": user.extra})
}
