//! Requests that this process sends to itself: through the same lifecycle as any other, without a
//! connection (kube-apiserver has a loopback client for them).

use crate::{ambient::ambient, drive, server::Core};
use model::{
    frozen::Frozen,
    lifecycle::{self, Effect, Event, Next},
    wire::{Head, Response},
};
use tokio::time::{Instant, timeout_at};

/// Sends a request, with the time that every request has.
pub(crate) async fn send(core: &Core, head: &Head, body: Vec<u8>) -> Response {
    let body = Frozen::from(body);
    let deadline = Instant::now() + core.request_timeout;
    let mut step = lifecycle::begin(head, &core.config, &ambient(false, core.store.failed()));
    loop {
        core.audit.write(&step.audit);
        core.trace.step(&step);
        let (request, effect) = match step.next {
            Next::Done(response) => return response,
            Next::Wait(request, effect) => (request, effect),
        };
        let event = match effect {
            Effect::Body { .. } => Event::Body(Ok(body.clone())),
            effect => timeout_at(deadline, drive::perform(core, effect))
                .await
                .unwrap_or(Event::Deadline),
        };
        step = request.resume(event, &core.config, &ambient(false, core.store.failed()));
    }
}
