//! A granted watch as a stream of bytes: pulled by the connection, so that a client that does not
//! read costs no more than what is already on its way.

use crate::{
    ambient::{ambient, now},
    encode::Body,
    limits::{BOOKMARK, WATCH_BYTES, WATCH_EVENTS},
    metrics::{Counted, Labels},
    server::Core,
    yaml,
};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use model::{
    ambient::Time,
    cache::WatchEvent,
    wire::{Encoding, Watch},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};

/// The content type of a watch (`application/json;stream=watch` is what clients may ask for; the
/// real server answers this).
pub(crate) const CONTENT_TYPE: &str = "application/json";

/// The body of a watch.
pub(crate) fn body(core: Arc<Core>, watch: Watch, labels: Labels) -> Body {
    let until = watch
        .until
        .unwrap_or_else(|| random_end(core.min_request_timeout));
    let remaining = u64::try_from(until.0.saturating_sub(now().0)).unwrap_or_default();
    let mut bookmarks = interval_at(Instant::now() + BOOKMARK, BOOKMARK);
    bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = Stream {
        changes: core.store.changes(&watch.resource.prefix),
        draining: core.draining.subscribe(),
        began: Instant::now(),
        end: Instant::now() + Duration::from_micros(remaining),
        counted: core.metrics.watching(&labels),
        pending: Vec::new(),
        bookmarks,
        core,
        watch,
        labels,
    };
    let frames = stream::unfold(stream, |mut stream| async {
        let bytes = stream.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(bytes))), stream))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Between one and two `--min-request-timeout`s from now, so that not all watches end at once.
fn random_end(minimum: Duration) -> Time {
    let minimum = i64::try_from(minimum.as_micros())
        .unwrap_or(i64::MAX / 4)
        .max(1);
    // The remainder is less than the minimum, so it fits.
    let more = (crate::ambient::seed() % minimum.unsigned_abs() as u128) as i64;
    Time(now().0.saturating_add(minimum).saturating_add(more))
}

struct Stream {
    core: Arc<Core>,
    watch: Watch,
    labels: Labels,
    /// Taken from the cache and not yet written, the next one last.
    pending: Vec<WatchEvent>,
    changes: Receiver<()>,
    draining: Receiver<bool>,
    bookmarks: Interval,
    began: Instant,
    end: Instant,
    /// Held while the watch lives.
    #[expect(dead_code, reason = "what counts is when it is dropped")]
    counted: Counted,
}

impl Stream {
    /// The next bytes; `None` at the end of the watch: its time is over, the server drains, or the
    /// client was too slow (it comes back with the last resourceVersion that it saw).
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            // Marked before the poll, so that no change between poll and wait is missed.
            self.changes.borrow_and_update();
            if *self.draining.borrow() || Instant::now() >= self.end {
                return None;
            }
            let bytes = self.poll()?;
            if !bytes.is_empty() {
                return Some(bytes);
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                _ = self.draining.changed() => {}
                () = sleep_until(self.end) => {}
                _ = self.bookmarks.tick() => {
                    let bytes = self.bookmark()?;
                    if !bytes.is_empty() {
                        return Some(bytes);
                    }
                }
            }
        }
    }

    /// Events that the cache has by now, up to the limit of one write; `None` when the watch is
    /// over.
    fn poll(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut sent = 0;
        while bytes.len() < WATCH_BYTES {
            if self.pending.is_empty() {
                let cache = self.core.store.cache();
                let events = self.watch.watcher.poll(&cache, WATCH_EVENTS);
                self.pending = events
                    .inspect_err(|why| tracing::info!(?why, "a watch ends"))
                    .ok()?;
                self.pending.reverse();
            }
            let Some(event) = self.pending.pop() else {
                break;
            };
            self.write(&event, &mut bytes);
            sent += 1;
        }
        self.core.metrics.sent(&self.labels, sent);
        Some(bytes)
    }

    /// What has happened, then a bookmark if one was asked for.
    fn bookmark(&mut self) -> Option<Vec<u8>> {
        let mut bytes = self.poll()?;
        if self.pending.is_empty()
            && let Some(event) = self.watch.watcher.bookmark()
        {
            self.write(&event, &mut bytes);
        }
        Some(bytes)
    }

    fn write(&mut self, event: &WatchEvent, out: &mut Vec<u8>) {
        let line = self.watch.encode(event, &ambient(false, false));
        match self.watch.encoding {
            Encoding::Json => out.extend_from_slice(&line),
            Encoding::Yaml => {
                out.extend_from_slice(b"---\n");
                out.extend(yaml::from_json(&line));
            }
        }
    }
}

impl Drop for Stream {
    /// As in the real server, a watch is a request that is counted when it ends.
    fn drop(&mut self) {
        let ended = self.watch.ended(&ambient(false, false));
        self.core.audit.write(ended.as_slice());
        let took = self.began.elapsed();
        self.core.metrics.answered(&self.labels, 200, took);
    }
}
