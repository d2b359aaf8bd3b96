//! Watches: a cursor over the store's history.
//!
//! A watcher is polled: it holds no events, so a slow one costs nothing but the risk that its next
//! revision is compacted meanwhile, in which case it is canceled. What etcd's server pushes into a
//! channel is here what [`Watcher::poll`] answers.

use super::{Error, EventKind, KeyRange, Revision, Store, StoreEvent};
use alloc::{string::String, string::ToString, vec::Vec};

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchRequest {
    /// Which keys.
    pub keys: KeyRange,
    /// From which revision on (included), in the past or in the future; 0 is what comes next.
    pub start: Revision,
    /// Tell what was there before each event.
    pub previous: bool,
    /// Leave puts out.
    pub no_put: bool,
    /// Leave deletes out.
    pub no_delete: bool,
    /// Tell the progress at each [`Watcher::tick`] that no event has preceded.
    pub progress: bool,
    /// A large answer may be sent in pieces ([`WatchResponse::fragments`]).
    pub fragment: bool,
}

impl WatchRequest {
    /// Every event of `keys` from `start` on, and nothing else.
    #[must_use]
    pub fn new(keys: KeyRange, start: Revision) -> WatchRequest {
        WatchRequest {
            keys,
            start,
            previous: false,
            no_put: false,
            no_delete: false,
            progress: false,
            fragment: false,
        }
    }
}

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchResponse {
    /// The store's revision when it was made. Without events, `created` and `canceled`: everything
    /// up to it has been delivered. 0 when the watch is canceled by a compaction (as in etcd).
    pub revision: Revision,
    /// The watch has begun: the first answer.
    pub created: bool,
    /// The watch is over: the last answer.
    pub canceled: bool,
    /// The compacted revision, when it is over because the next one is gone: the oldest at which a
    /// new watch can begin.
    pub compacted: Option<Revision>,
    /// Why it is over, when it is not for a compaction.
    pub reason: String,
    /// More pieces of the same answer follow.
    pub fragment: bool,
    /// What happened, in order; a revision's events are all in one answer.
    pub events: Vec<StoreEvent>,
}

/// A watch and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watcher {
    request: WatchRequest,
    /// Everything below has been delivered.
    next: Revision,
    /// No event since the last tick.
    quiet: bool,
    canceled: bool,
}

impl Watcher {
    /// Begins a watch; the answer is the first that the client gets.
    ///
    /// A start below the compacted revision is an error only at the first poll (as in etcd); keys
    /// that cannot exist are one here: then the watch is over at once.
    #[must_use]
    pub fn create(request: WatchRequest, store: &Store) -> (Watcher, WatchResponse) {
        let impossible = matches!(&request.keys, KeyRange::Between(start, end) if start >= end);
        let response = WatchResponse {
            created: true,
            canceled: impossible,
            reason: if impossible {
                "mvcc: watcher range is empty".to_string()
            } else {
                String::new()
            },
            ..WatchResponse::at(store.revision())
        };
        let next = match request.start {
            Revision(0) => store.revision().next(),
            start => start,
        };
        let watcher = Watcher {
            request,
            next,
            quiet: true,
            canceled: impossible,
        };
        (watcher, response)
    }

    /// What it was made for.
    #[must_use]
    pub fn request(&self) -> &WatchRequest {
        &self.request
    }

    /// The revision from which a new watch would go on where this one is.
    #[must_use]
    pub fn next(&self) -> Revision {
        self.next
    }

    /// True when the watch is over.
    #[must_use]
    pub fn canceled(&self) -> bool {
        self.canceled
    }

    /// True when everything that has happened was delivered.
    #[must_use]
    pub fn in_step(&self, store: &Store) -> bool {
        !self.canceled && self.next > store.revision()
    }

    /// What is new, or that the watch is over; `None` when there is nothing to tell.
    ///
    /// About `max_events` events: whole revisions, one at least.
    pub fn poll(&mut self, store: &Store, max_events: usize) -> Option<WatchResponse> {
        if self.canceled {
            return None;
        }
        let after = Revision(self.next.0.saturating_sub(1));
        let revisions = match store.events(after) {
            Ok(revisions) => revisions,
            Err(Error::Compacted(compacted)) => return Some(self.cancel(compacted)),
            Err(_) => return None,
        };
        let mut events = Vec::new();
        let mut reached = store.revision().next();
        for (revision, happened) in revisions {
            let wanted = happened.iter().filter(|event| self.wants(event));
            let before = events.len();
            events.extend(wanted.map(|event| self.shown(event)));
            if before > 0 && events.len() > max_events {
                events.truncate(before);
                reached = revision;
                break;
            }
        }
        self.next = self.next.max(reached);
        if events.is_empty() {
            return None;
        }
        self.quiet = false;
        Some(WatchResponse {
            events,
            ..WatchResponse::at(store.revision())
        })
    }

    /// Answers a request for progress: at the store's revision when everything up to it has been
    /// delivered, else nothing. Nothing either before a start in the future (etcd issue 20221).
    #[must_use]
    pub fn progress(&self, store: &Store) -> Option<WatchResponse> {
        let begun = store.revision() >= self.request.start;
        (begun && self.in_step(store)).then(|| WatchResponse::at(store.revision()))
    }

    /// The driver's timer went off (etcd's is ten minutes; `--experimental-watch-progress-notify-interval`):
    /// tells the progress when it is wanted and no event has told it since the last tick.
    pub fn tick(&mut self, store: &Store) -> Option<WatchResponse> {
        let quiet = core::mem::replace(&mut self.quiet, true);
        if self.request.progress && quiet {
            self.progress(store)
        } else {
            None
        }
    }

    fn cancel(&mut self, compacted: Revision) -> WatchResponse {
        self.canceled = true;
        WatchResponse {
            canceled: true,
            compacted: Some(compacted),
            ..WatchResponse::at(Revision(0))
        }
    }

    fn wants(&self, event: &StoreEvent) -> bool {
        let filtered = match event.kind {
            EventKind::Put => self.request.no_put,
            EventKind::Delete => self.request.no_delete,
        };
        !filtered && self.request.keys.contains(&event.kv.key)
    }

    fn shown(&self, event: &StoreEvent) -> StoreEvent {
        let previous = event.previous.as_ref().filter(|_| self.request.previous);
        StoreEvent {
            kind: event.kind,
            kv: event.kv.clone(),
            previous: previous.cloned(),
        }
    }
}

impl WatchResponse {
    /// An answer without anything in it: progress.
    fn at(revision: Revision) -> WatchResponse {
        WatchResponse {
            revision,
            created: false,
            canceled: false,
            compacted: None,
            reason: String::new(),
            fragment: false,
            events: Vec::new(),
        }
    }

    /// True when it tells that everything up to `revision` has been delivered, and nothing else.
    #[must_use]
    pub fn is_progress(&self) -> bool {
        !self.created && !self.canceled && self.events.is_empty()
    }

    /// The answer in pieces of at most `limit` bytes of keys and values each, one event at least.
    /// All but the last say that more follow, and a client puts them together again before it looks
    /// at them: so even a revision in pieces is seen whole.
    #[must_use]
    pub fn fragments(mut self, limit: usize) -> Vec<WatchResponse> {
        let mut pieces = Vec::new();
        let mut events = core::mem::take(&mut self.events).into_iter().peekable();
        loop {
            let mut piece = self.clone();
            let mut bytes = 0_usize;
            while let Some(event) = events.next_if(|event| {
                let first = bytes == 0;
                bytes = bytes.saturating_add(size(event));
                first || bytes <= limit
            }) {
                piece.events.push(event);
            }
            piece.fragment = events.peek().is_some();
            let last = !piece.fragment;
            pieces.push(piece);
            if last {
                return pieces;
            }
        }
    }
}

/// The bytes of an event's keys and values.
fn size(event: &StoreEvent) -> usize {
    let kvs = core::iter::once(&event.kv).chain(&event.previous);
    kvs.map(|kv| kv.key.bytes().len() + kv.value.bytes().len())
        .sum()
}
