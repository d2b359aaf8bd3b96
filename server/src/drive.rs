//! One request: the loop that performs what the core asks for.

use crate::{
    ambient::ambient,
    decode::{self, Peer, Shown},
    encode::{self, Answer, Body},
    metrics::{Counted, Labels},
    seen::{Panicked, Seen},
    server::Core,
    store::{StoreError, leases},
    stream,
};
use hyper::{Request, Response, StatusCode, body::Incoming};
use model::{
    ambient::Ambient,
    etcd::Txn,
    lifecycle::{
        self, Effect, Event, Next, Step,
        attributes::Attributes,
        query::{Query, unescape},
    },
    limits::FRESHNESS_WAIT_MILLISECONDS,
    status::{Reason, Status},
    wire::{self, BodyError, Head},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

/// Answers one request. If it is dropped before it is done (the client is gone), what was not
/// begun to be committed is given up.
pub(crate) async fn serve(
    core: Arc<Core>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> Response<Body> {
    let received = Instant::now();
    let (parts, body) = request.into_parts();
    let Some(mut head) = decode::head(&parts, &peer) else {
        return Answer::text(400, "400 Bad Request: a header is not UTF-8").into_http("");
    };
    if let Some(accounts) = &core.config.authentication.accounts {
        let authorization = head.header("authorization");
        head.verified = core.verified_tokens.of(accounts, authorization);
    }
    let accept_encoding = head.header("accept-encoding").to_owned();
    let query = Query::parse(&head.query);
    let Some(path) = unescape(&head.path, false) else {
        return Answer::text(400, "400 Bad Request").into_http("");
    };
    let attributes = Attributes::of(&head, &path, &query);
    let labels = Labels::of(
        &head.method,
        &attributes,
        &query,
        head.header("content-type"),
        &core.config.resources,
    );
    let long_running = is_long_running(&attributes);
    let admitted = match admit(&core, &peer, &head, &attributes, &query, long_running) {
        Ok(admitted) => admitted,
        Err(refused) => {
            core.metrics
                .answered(&labels, refused.code, received.elapsed());
            return refused.into_http(&accept_encoding);
        }
    };
    let run = Run {
        content_type: head.header("content-type").to_owned(),
        deadline: received + admitted.timeout,
        body: Some(body),
        abandoned: Arc::new(AtomicBool::new(false)),
        labels: labels.clone(),
        core: Arc::clone(&core),
        stopping: *core.stopping.borrow(),
    };
    let abandoned = Arc::clone(&run.abandoned);
    // A commit that has begun is seen to its end, audit included, whether the client waits or not.
    let mut work = Seen::to_its_end(async move {
        let response = run.drive(head, &accept_encoding).await;
        drop(admitted);
        response
    });
    // Dropped before the work, so that this knows when it goes on alone.
    let abandon = Abandon(abandoned);
    let response = (&mut work).await.unwrap_or_else(|Panicked| {
        let text = "This request caused apiserver to panic. Look in the logs for details.";
        Answer::text(500, text).into_http("")
    });
    drop(abandon);
    if !long_running || response.status() != StatusCode::OK {
        core.metrics
            .answered(&labels, response.status().as_u16(), received.elapsed());
    }
    response
}

/// Tells a request that nobody waits for the answer.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// kube-apiserver's `BasicLongRunningRequestCheck`, as it is set up there.
fn is_long_running(attributes: &Attributes) -> bool {
    const SUBRESOURCES: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];
    matches!(attributes.verb.as_str(), "watch" | "proxy")
        || (attributes.is_resource && SUBRESOURCES.contains(&attributes.subresource.as_str()))
}

/// What a request that may go on was given.
struct Admitted {
    timeout: Duration,
    /// Held until the answer is ready; nothing for long-running requests, which are not limited.
    _place: Option<OwnedSemaphorePermit>,
    _counted: Option<Counted>,
}

fn admit(
    core: &Core,
    peer: &Peer,
    head: &Head,
    attributes: &Attributes,
    query: &Query,
    long_running: bool,
) -> Result<Admitted, Answer> {
    if matches!(peer.certificate, Shown::Bad) && !has_bearer_token(head) {
        return Err(Answer::status(&Status::new(
            Reason::Unauthorized,
            "Unauthorized",
        )));
    }
    if long_running {
        return Ok(Admitted {
            timeout: core.request_timeout,
            _place: None,
            _counted: None,
        });
    }
    let timeout = timeout(query.text("timeout"), core.request_timeout)
        .map_err(|why| Answer::status(&Status::bad_request(why)))?;
    let (kind, places) = if attributes.read_only() {
        ("readOnly", &core.read_only)
    } else {
        ("mutating", &core.mutating)
    };
    let place = match places {
        None => None,
        Some(places) => match Arc::clone(places).try_acquire_owned() {
            Ok(place) => Some(place),
            // A superuser always gets an answer (`WithMaxInFlightLimit`).
            Err(_) if is_master(head) => None,
            Err(_) => {
                core.metrics.rejected(kind);
                return Err(Answer::too_many());
            }
        },
    };
    Ok(Admitted {
        timeout,
        _place: place,
        _counted: Some(core.metrics.in_flight(kind)),
    })
}

fn is_master(head: &Head) -> bool {
    head.certificate.as_ref().is_some_and(|certificate| {
        certificate
            .organizations
            .iter()
            .any(|group| group == "system:masters")
    })
}

fn has_bearer_token(head: &Head) -> bool {
    let (scheme, token) = head
        .header("authorization")
        .split_once(' ')
        .unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()
}

/// The time that a request has: what it asks for, if that is less than the server's.
fn timeout(asked: &str, most: Duration) -> Result<Duration, String> {
    if asked.is_empty() {
        return Ok(most);
    }
    let asked = crate::duration::parse(asked)
        .map_err(|why| format!("invalid timeout specified in the request URL - {why}"))?;
    Ok(asked
        .filter(|asked| !asked.is_zero() && *asked < most)
        .unwrap_or(most))
}

/// A request on its way.
struct Run {
    core: Arc<Core>,
    labels: Labels,
    content_type: String,
    deadline: Instant,
    body: Option<Incoming>,
    abandoned: Arc<AtomicBool>,
    stopping: bool,
}

impl Run {
    async fn drive(mut self, head: Head, accept_encoding: &str) -> Response<Body> {
        let mut step = lifecycle::begin(&head, &self.core.config, &self.ambient());
        loop {
            self.core.audit.write(&step.audit);
            self.core.trace.step(&step);
            let Step { next, .. } = step;
            let (in_flight, effect) = match next {
                Next::Done(response) => return self.answer(response, accept_encoding),
                Next::Wait(in_flight, effect) => (in_flight, effect),
            };
            let deadline = self.deadline;
            let event = match timeout_at(deadline, self.perform(effect)).await {
                Ok(event) => event,
                Err(_) => Event::Deadline,
            };
            step = in_flight.resume(event, &self.core.config, &self.ambient());
        }
    }

    fn ambient(&self) -> Ambient {
        ambient(self.stopping, self.core.store.failed())
    }

    async fn perform(&mut self, effect: Effect) -> Event {
        match effect {
            Effect::Body { limit } => Event::Body(match self.body.take() {
                Some(body) => decode::body(body, limit, &self.content_type).await,
                None => Err(BodyError::Cut),
            }),
            Effect::Commit(_) | Effect::CommitForAWhile(..)
                if self.abandoned.load(Ordering::Relaxed) =>
            {
                Event::Deadline
            }
            effect => perform(&self.core, effect).await,
        }
    }

    fn answer(self, response: wire::Response, accept_encoding: &str) -> Response<Body> {
        let wire::Response {
            code,
            headers,
            body,
        } = response;
        if let Some((content_type, bytes)) = encode::body(&body) {
            return Answer {
                code,
                headers,
                content_type,
                bytes,
            }
            .into_http(accept_encoding);
        }
        match body {
            wire::Body::Watch(watch) => {
                let body = stream::body(Arc::clone(&self.core), *watch, self.labels);
                encode::head(code, &headers, stream::CONTENT_TYPE, body)
            }
            other => {
                let (code, content_type, bytes) = match other {
                    wire::Body::OpenApi(name) => {
                        (code, "application/json", self.core.described(name))
                    }
                    wire::Body::Debug(asked) => self.core.debugged(&asked),
                    _ => (
                        code,
                        "text/plain; version=0.0.4; charset=utf-8",
                        self.core.metrics_text(),
                    ),
                };
                let content_type = content_type.to_owned();
                Answer {
                    code,
                    headers,
                    content_type,
                    bytes,
                }
                .into_http(accept_encoding)
            }
        }
    }
}

/// Does what the core wants done with store and cache. The body of a request is its connection's.
pub(crate) async fn perform(core: &Core, effect: Effect) -> Event {
    let store = &core.store;
    match effect {
        Effect::Body { .. } => Event::Body(Err(BodyError::Cut)),
        Effect::Cache { at_least } => {
            let patience = Duration::from_millis(FRESHNESS_WAIT_MILLISECONDS);
            Event::Cache(store.reached(at_least, patience).await)
        }
        Effect::Revision => match store.revision().await {
            Ok(revision) => Event::Revision(revision),
            Err(why) => unavailable(&why),
        },
        Effect::Read(range) => {
            let began = Instant::now();
            let found = store.range(&range).await;
            core.metrics.store("list", began.elapsed());
            match found {
                Ok(found) => Event::Read(Ok(found)),
                Err(StoreError::Refused(why)) => Event::Read(Err(why)),
                Err(why) => unavailable(&why),
            }
        }
        Effect::Commit(txn) => commit(core, txn).await,
        Effect::CommitForAWhile(mut txn, seconds) => match core.leases.get(store, seconds).await {
            Ok(lease) => {
                leases::attach(&mut txn, lease);
                commit(core, txn).await
            }
            Err(why) => unavailable(&why),
        },
    }
}

async fn commit(core: &Core, txn: Txn) -> Event {
    let began = Instant::now();
    let committed = core.store.commit(txn).await;
    core.metrics.store("txn", began.elapsed());
    match committed {
        Ok(response) => Event::Committed(Ok(response)),
        Err(StoreError::Refused(why)) => Event::Committed(Err(why)),
        Err(why) => unavailable(&why),
    }
}

fn unavailable(why: &StoreError) -> Event {
    Event::Unavailable(match why {
        StoreError::Refused(why) => why.to_string(),
        StoreError::Unavailable(why) => why.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::timeout;
    use std::time::Duration;

    #[test]
    fn a_request_may_ask_for_less_time_but_not_for_more() {
        let most = Duration::from_secs(60);
        assert_eq!(timeout("", most), Ok(most));
        assert_eq!(timeout("1.5s", most), Ok(Duration::from_millis(1500)));
        assert_eq!(timeout("0s", most), Ok(most));
        assert_eq!(timeout("2h", most), Ok(most));
        assert_eq!(timeout("-5s", most), Ok(most));
        let why = timeout("soon", most).unwrap_err();
        assert_eq!(
            why,
            "invalid timeout specified in the request URL - time: invalid duration \"soon\""
        );
    }
}
