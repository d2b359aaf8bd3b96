//! One request's way: authenticate → impersonate → authorize → read the body → decode → admit → validate →
//! store → respond, with audit events on the way.
//!
//! It is a resumable machine: where it needs the outside it stops with an [`Effect`], and goes on
//! with the [`Event`] that answers it. Between the two another request may run: that gap is where
//! the bugs of control planes live, and the checker sees it.

pub mod account;
pub mod admit;
pub mod attributes;
pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod collection;
pub mod context;
pub mod create;
pub mod delete;
pub mod document;
pub mod entry;
pub mod eviction;
pub mod impersonate;
pub mod negotiate;
pub mod options;
pub mod paths;
pub mod query;
pub mod read;
pub mod respond;
pub mod review;
pub mod route;
pub mod storage;
pub mod subresource;
pub mod token_request;
pub mod update;
pub mod validate;
pub mod watch;

use crate::{
    ambient::Ambient,
    cache::Cache,
    config::Config,
    etcd::{self, Range, RangeResponse, Revision, Txn, TxnResponse},
    frozen::Frozen,
    kinds, limits,
    status::{Reason, Refusal, Status},
    table::{Form, IncludeObject},
    wire::{Body, BodyError, Head, Response},
};
use alloc::{format, string::String, string::ToString, sync::Arc, vec, vec::Vec};
use attributes::Attributes;
use context::{Context, Progress, Scene, Turn};
use entry::Entry;
use negotiate::{Accepted, Offer};
use query::Query;
use route::{Action, Endpoint, Target};

/// What the core wants done. The driver does it and calls [`InFlight::resume`] with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the request's body, at most so many bytes. Reads nothing shared.
    Body {
        /// Above this many bytes the answer is [`BodyError::TooLarge`].
        limit: usize,
    },
    /// A snapshot of this server's watch cache, once it has reached the revision; when it does not
    /// within [`crate::limits::FRESHNESS_WAIT_MILLISECONDS`], as it is. With revision 0, at once.
    Cache {
        /// The revision that the snapshot must have reached.
        at_least: Revision,
    },
    /// The store's newest revision, by a linearizable read.
    Revision,
    /// A linearizable read of the store.
    Read(Range),
    /// A transaction: answered only when it is durable.
    Commit(Txn),
    /// The same for what does not last: what it writes goes with a lease that lives so many seconds
    /// or a little longer. Which one is the driver's to say: many objects share one.
    CommitForAWhile(Txn, u64),
}

/// What the outside answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// To [`Effect::Body`]: JSON, patch bytes, or Kubernetes' protobuf.
    Body(Result<Frozen, BodyError>),
    /// To [`Effect::Cache`].
    Cache(Cache),
    /// To [`Effect::Revision`].
    Revision(Revision),
    /// To [`Effect::Read`].
    Read(Result<RangeResponse, etcd::Error>),
    /// To [`Effect::Commit`] and [`Effect::CommitForAWhile`].
    Committed(Result<TxnResponse, etcd::Error>),
    /// To any effect on the store: it cannot be reached, or whether the commit happened is not
    /// known. The text is for people.
    Unavailable(String),
    /// The request's time is over (`--request-timeout`).
    Deadline,
}

/// What a step of the machine came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Audit events that this step has made, oldest first: to be logged before the answer goes
    /// out.
    pub audit: Vec<audit::Event>,
    /// On, or done.
    pub next: Next,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::large_enum_variant,
    reason = "each step moves one of them; a box would be one more allocation a step"
)]
pub enum Next {
    /// Do this, then resume.
    Wait(InFlight, Effect),
    /// Answer this.
    Done(Response),
}

/// A request between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InFlight {
    context: Arc<Context>,
    stage: Stage,
}

/// Where a request waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before it is let in.
    Entry(Entry),
    /// For its body.
    Body,
    /// In a question about somebody's rights.
    Review(review::Review),
    /// In a question about a token.
    TokenReview(review::TokenReview),
    /// In the making of a token.
    TokenRequest(token_request::TokenRequest),
    /// In a create.
    Create(create::Create),
    /// In an update, patch or binding.
    Update(update::Update),
    /// In an eviction.
    Evict(eviction::Evict),
    /// In a delete.
    Delete(delete::Delete),
    /// In the delete of a collection.
    DeleteCollection(collection::DeleteCollection),
    /// In a get.
    Get(read::Get),
    /// In a list.
    List(read::List),
    /// Before a watch.
    Watch(watch::Start),
}

/// Begins a request.
#[must_use]
pub fn begin(head: &Head, config: &Config, ambient: &Ambient) -> Step {
    let mut context = received(head, ambient);
    let progress = entry::begin(head, &mut context, config, ambient);
    entered(context, progress, ambient)
}

impl InFlight {
    /// Goes on with what the outside answered.
    #[must_use]
    pub fn resume(self, event: Event, config: &Config, ambient: &Ambient) -> Step {
        let InFlight { context, stage } = self;
        if let Stage::Entry(entry) = stage {
            let mut context = Arc::unwrap_or_clone(context);
            let progress = answered(event)
                .and_then(|event| entry.resume(event, &mut context, config, ambient));
            return entered(context, progress, ambient);
        }
        let progress = match &context.target {
            Target::Resource(endpoint) => {
                let scene = Scene {
                    context: &context,
                    endpoint,
                    config,
                    ambient,
                };
                advance(stage, event, &scene)
            }
            Target::Path => Err(unexpected_event(&stage, &event)),
        };
        finish(context, progress, ambient)
    }

    /// The facts of the request, for logs and metrics.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }
}

/// Finds the endpoint of a request that has been let in, and begins there.
fn route_request(context: &mut Context, config: &Config, ambient: &Ambient) -> Progress {
    let watch = context.query.flag("watch");
    context.target = route::route(
        &context.attributes,
        &context.method,
        watch,
        &config.resources,
    )?;
    review::redirect_bindings(&mut context.target, &config.resources);
    let Target::Resource(endpoint) = context.target.clone() else {
        return paths::answer(context, config, ambient).map(Turn::Reply);
    };
    refuse_unserved(&endpoint)?;
    if endpoint.action == Action::Patch {
        update::patch_format(&context.content_type)?;
    }
    context.accepted = negotiate::negotiate(&context.accept, offer(&endpoint))
        .map_err(|refusal| refusal.about("", "", ""))?;
    if context.accepted.form == Form::Table {
        let include = IncludeObject::parse(context.query.text("includeObject"));
        context.accepted.include = include.map_err(Status::bad_request)?;
    }
    if endpoint.action == Action::Create {
        negotiate::check_content_type(&context.content_type)?;
    }
    let scene = Scene {
        context,
        endpoint: &endpoint,
        config,
        ambient,
    };
    match endpoint.action {
        Action::Get => read::begin_get(&scene),
        Action::List => read::begin_list(&scene),
        Action::Watch => watch::begin(&scene),
        _ => {
            let limit = limits::REQUEST_BODY_BYTES;
            Ok(Turn::Wait(Stage::Body, Effect::Body { limit }))
        }
    }
}

fn advance(stage: Stage, event: Event, scene: &Scene<'_>) -> Progress {
    let event = answered(event)?;
    match stage {
        Stage::Entry(_) => unexpected(stage, event),
        Stage::Body => body(event, scene),
        Stage::Review(review) => review.resume(event, scene),
        Stage::TokenReview(review) => review.resume(event, scene),
        Stage::TokenRequest(request) => request.resume(event, scene),
        Stage::Create(create) => create.resume(event, scene),
        Stage::Update(update) => update.resume(event, scene),
        Stage::Evict(evict) => evict.resume(event, scene),
        Stage::Delete(delete) => delete.resume(event, scene),
        Stage::DeleteCollection(collection) => collection.resume(event, scene),
        Stage::Get(get) => get.resume(event, scene),
        Stage::List(list) => list.resume(event, scene),
        Stage::Watch(watch) => watch.resume(event, scene),
    }
}

/// What the outside answered, when it did.
fn answered(event: Event) -> Result<Event, Refusal> {
    match event {
        Event::Deadline => Err(deadline()),
        // As the real server passes on what it has no name for (`ErrorToAPIStatus`).
        Event::Unavailable(why) => Err(Status::unreasoned(500, why)),
        event => Ok(event),
    }
}

fn body(event: Event, scene: &Scene<'_>) -> Progress {
    let Event::Body(body) = event else {
        return unexpected(Stage::Body, event);
    };
    let body = body.map_err(|error| body_error(&error))?;
    match scene.endpoint.action {
        Action::Create if review::is_one(scene.endpoint) => review::begin(scene, body.bytes()),
        Action::Create if token_request::is_one(scene.endpoint) => {
            token_request::begin(scene, body.bytes())
        }
        Action::Create if eviction::is_one(scene.endpoint) => eviction::begin(scene, body.bytes()),
        Action::Create if review::is_binding(scene.endpoint) => {
            update::begin_binding(scene, body.bytes())
        }
        Action::Create => create::begin(scene, body.bytes()),
        Action::Update => update::begin_replace(scene, body.bytes()),
        Action::Patch => update::begin_patch(scene, body.bytes()),
        Action::Delete => delete::begin(scene, body.bytes()),
        Action::DeleteCollection => collection::begin(scene, body.bytes()),
        Action::Get | Action::List | Action::Watch => {
            unexpected(Stage::Body, Event::Body(Ok(body)))
        }
    }
}

/// A request is told to have come in when it is known who asks.
fn entered(context: Context, progress: Progress, ambient: &Ambient) -> Step {
    let outside = matches!(progress, Ok(Turn::Wait(Stage::Entry(_), _)));
    let context = Arc::new(context);
    let mut step = finish(context.clone(), progress, ambient);
    if !outside {
        let at = context.received;
        let received = audit::Event {
            stage: audit::Stage::RequestReceived,
            context,
            code: None,
            at,
        };
        step.audit.insert(0, received);
    }
    step
}

/// Every answer leaves here, with its audit event.
fn finish(context: Arc<Context>, progress: Progress, ambient: &Ambient) -> Step {
    let answer = match progress {
        Ok(Turn::Wait(stage, effect)) => {
            let next = Next::Wait(InFlight { context, stage }, effect);
            return Step {
                audit: Vec::new(),
                next,
            };
        }
        Ok(Turn::Reply(answer)) => answer,
        Err(refusal) => respond::refusal(&context.accepted, &refusal),
    };
    let mut answer = answer;
    answer.headers.push(("audit-id", context.audit_id.clone()));
    answer.headers.extend(deprecation(&context.target));
    let stage = match &mut answer.body {
        Body::Watch(watch) => {
            watch.context = Some(context.clone());
            audit::Stage::ResponseStarted
        }
        _ => audit::Stage::ResponseComplete,
    };
    let event = audit::Event {
        stage,
        context,
        code: Some(answer.code),
        at: ambient.now,
    };
    Step {
        audit: vec![event],
        next: Next::Done(answer),
    }
}

/// The warning that every answer of a deprecated resource carries.
fn deprecation(target: &Target) -> Vec<(&'static str, String)> {
    let Target::Resource(endpoint) = target else {
        return Vec::new();
    };
    let warning = kinds::traits(&endpoint.resource).deprecated;
    respond::warning_headers(&Vec::from_iter(warning.map(ToString::to_string)))
}

fn received(head: &Head, ambient: &Ambient) -> Context {
    let query = Query::parse(&head.query);
    let path = query::unescape(&head.path, false).unwrap_or_else(|| head.path.clone());
    let attributes = Attributes::of(head, &path, &query);
    let told = head.header("audit-id");
    Context {
        attributes,
        query,
        user: crate::config::User::default(),
        impersonator: None,
        decision: None,
        method: head.method.clone(),
        accept: head.header("accept").to_string(),
        target: Target::Path,
        accepted: Accepted::default(),
        content_type: head.header("content-type").to_string(),
        user_agent: head.header("user-agent").to_string(),
        source: head.source.clone(),
        audit_id: if told.is_empty() {
            ambient.uid()
        } else {
            told.to_string()
        },
        received: ambient.now,
    }
}

fn offer(endpoint: &Endpoint) -> Offer {
    match endpoint.action {
        Action::List | Action::DeleteCollection => Offer::Collection,
        _ if endpoint.resource.stored() => Offer::Object,
        _ => Offer::Document,
    }
}

/// Subresources that discovery names because clients expect them, and that need a kubelet or a
/// controller which is not there yet.
fn refuse_unserved(endpoint: &Endpoint) -> Result<(), Refusal> {
    let resource = endpoint.resource.plural.as_str();
    let subresource = endpoint.subresource.as_str();
    match (resource, subresource) {
        (_, "attach" | "exec" | "log" | "portforward" | "proxy") | ("componentstatuses", _) => {
            Err(Status::new(
                Reason::NotImplemented,
                format!("{resource}/{subresource} is not served by this server yet"),
            ))
        }
        _ => Ok(()),
    }
}

fn body_error(error: &BodyError) -> Refusal {
    match error {
        BodyError::TooLarge => Status::new(
            Reason::RequestEntityTooLarge,
            format!(
                "Request entity too large: limit is {}",
                limits::REQUEST_BODY_BYTES
            ),
        ),
        BodyError::Malformed(why) => Status::bad_request(why.clone()),
        BodyError::Cut => Status::bad_request("the body of the request could not be read"),
    }
}

fn deadline() -> Refusal {
    Status::new(
        Reason::Timeout,
        "Timeout: request did not complete within the allotted timeout",
    )
}

/// What the store refused, where it was not foreseen.
fn store_error(error: etcd::Error) -> Refusal {
    Status::internal(&error.to_string())
}

/// The driver answered another effect than was asked for: a bug, and no panic.
fn unexpected(stage: Stage, event: Event) -> Progress {
    Err(unexpected_event(&stage, &event))
}

fn unexpected_event(_stage: &Stage, event: &Event) -> Refusal {
    let kind = match event {
        Event::Body(_) => "a body",
        Event::Cache(_) => "a cache",
        Event::Revision(_) => "a revision",
        Event::Read(_) => "a read",
        Event::Committed(_) => "a commit",
        Event::Unavailable(_) | Event::Deadline => "an end",
    };
    Status::internal(&format!(
        "the driver answered {kind} that was not asked for"
    ))
}
