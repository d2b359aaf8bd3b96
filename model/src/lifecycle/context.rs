//! What every phase of one request knows.

use super::{
    Effect, Stage,
    attributes::Attributes,
    audit,
    negotiate::Accepted,
    query::Query,
    route::{Endpoint, Target},
};
use crate::{
    ambient::{Ambient, Time},
    config::{Config, User},
    status::Refusal,
    wire::Response,
};
use alloc::string::String;

/// The facts of a request that do not change while it is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    /// What it is about, as authorizers see it.
    pub attributes: Attributes,
    /// Its query.
    pub query: Query,
    /// Who asks, or whom that user impersonates: who is authorized.
    pub user: User,
    /// Who asks, when that user impersonates another.
    pub impersonator: Option<User>,
    /// What the authorizers said.
    pub decision: Option<audit::Decision>,
    /// The HTTP method.
    pub method: String,
    /// The `Accept` header.
    pub accept: String,
    /// The endpoint; `Path` until it has been routed.
    pub target: Target,
    /// How the answer is written.
    pub accepted: Accepted,
    /// The `Content-Type` of its body.
    pub content_type: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The address that it came from.
    pub source: String,
    /// The number that ties its audit events together.
    pub audit_id: String,
    /// When it came in.
    pub received: Time,
}

/// What a step works with.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The request.
    pub context: &'a Context,
    /// The endpoint that it was routed to.
    pub endpoint: &'a Endpoint,
    /// What the administrator has decided.
    pub config: &'a Config,
    /// Clock and randomness of this step.
    pub ambient: &'a Ambient,
}

/// What a step inside the machine came to; a refusal is the error.
pub type Progress = Result<Turn, Refusal>;

/// On, or done.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "each step moves one of them; a box would be one more allocation a step"
)]
pub enum Turn {
    /// Needs the outside.
    Wait(Stage, Effect),
    /// The answer.
    Reply(Response),
}

impl Scene<'_> {
    /// The namespace in the path; empty for cluster-scoped resources and lists of everything.
    #[must_use]
    pub fn namespace(&self) -> &str {
        if self.endpoint.resource.namespaced {
            &self.context.attributes.namespace
        } else {
            ""
        }
    }

    /// The name in the path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.context.attributes.name
    }

    /// The subresource, when there is one.
    #[must_use]
    pub fn subresource(&self) -> Option<&str> {
        Some(self.endpoint.subresource.as_str()).filter(|name| !name.is_empty())
    }
}
