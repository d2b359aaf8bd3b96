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
            let added = events.len() > before;
            if added && before > 0 && events.len() > max_events {
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

#[cfg(test)]
mod tests {
    use super::super::fixture::{delete, key, put, told};
    use super::{KeyRange, Revision, Store, WatchRequest, WatchResponse, Watcher};
    use alloc::{string::String, string::ToString, vec, vec::Vec};

    fn from(revision: u64) -> WatchRequest {
        WatchRequest::new(KeyRange::all(), Revision(revision))
    }

    /// Everything there is to tell now, an answer a line.
    fn drain(watcher: &mut Watcher, store: &Store, max_events: usize) -> Vec<String> {
        let next = || watcher.poll(store, max_events);
        let answers = core::iter::from_fn(next);
        answers.map(|answer| told(&answer.events)).collect()
    }

    fn check(request: WatchRequest, store: &Store, max_events: usize, expected: &[&str]) {
        let (mut watcher, created) = Watcher::create(request, store);
        assert!(created.created && !created.canceled);
        assert_eq!(created.revision, store.revision());
        assert_eq!(drain(&mut watcher, store, max_events), expected);
        assert!(watcher.in_step(store));
    }

    /// 2 a=1; 3 a=2, b=1; 4 -a; 5 c=1.
    fn store() -> Store {
        let mut store = Store::new().with(&[put("a", "1")]);
        store.together(vec![put("a", "2"), put("b", "1")]).unwrap();
        store.with(&[delete(key("a")), put("c", "1")])
    }

    #[test]
    fn events_are_told_from_any_revision_that_is_left() {
        check(
            from(1),
            &store(),
            100,
            &["2 a=1, 3 a=2, 3 b=1, 4 -a, 5 c=1"],
        );
        check(from(3), &store(), 100, &["3 a=2, 3 b=1, 4 -a, 5 c=1"]);
        check(from(4), &store().compacted_at(4), 100, &["4 -a, 5 c=1"]);
        check(from(0), &store(), 100, &[]);
        check(
            WatchRequest {
                keys: key("a"),
                ..from(2)
            },
            &store(),
            100,
            &["2 a=1, 3 a=2, 4 -a"],
        );
    }

    #[test]
    fn a_revision_is_never_split() {
        check(
            from(2),
            &store(),
            1,
            &["2 a=1", "3 a=2, 3 b=1", "4 -a", "5 c=1"],
        );
        check(
            from(2),
            &store(),
            0,
            &["2 a=1", "3 a=2, 3 b=1", "4 -a", "5 c=1"],
        );
        check(
            from(2),
            &store(),
            2,
            &["2 a=1", "3 a=2, 3 b=1", "4 -a, 5 c=1"],
        );
        check(
            from(2),
            &store(),
            3,
            &["2 a=1, 3 a=2, 3 b=1", "4 -a, 5 c=1"],
        );
    }

    #[test]
    fn previous_values_and_filters() {
        let previous = WatchRequest {
            previous: true,
            ..from(2)
        };
        check(
            previous.clone(),
            &store(),
            9,
            &["2 a=1, 3 a=2 [1], 3 b=1, 4 -a [2], 5 c=1"],
        );
        let late = WatchRequest {
            start: Revision(4),
            ..previous
        };
        check(late, &store().compacted_at(4), 9, &["4 -a, 5 c=1"]);
        check(
            WatchRequest {
                no_put: true,
                ..from(2)
            },
            &store(),
            9,
            &["4 -a"],
        );
        let no_delete = WatchRequest {
            no_delete: true,
            ..from(2)
        };
        check(
            no_delete.clone(),
            &store(),
            9,
            &["2 a=1, 3 a=2, 3 b=1, 5 c=1"],
        );
        check(
            WatchRequest {
                no_put: true,
                ..no_delete
            },
            &store(),
            9,
            &[],
        );
    }

    #[test]
    fn a_compacted_start_is_canceled_with_the_revision_to_go_on_from() {
        let store = store().compacted_at(4);
        let (mut watcher, created) = Watcher::create(from(3), &store);
        assert!(created.created && !created.canceled);
        let expected = WatchResponse {
            canceled: true,
            compacted: Some(Revision(4)),
            ..WatchResponse::at(Revision(0))
        };
        assert_eq!(watcher.poll(&store, 9), Some(expected));
        assert!(watcher.canceled() && !watcher.in_step(&store));
        assert_eq!(watcher.poll(&store, 9), None);
        assert_eq!(watcher.progress(&store), None);
    }

    #[test]
    fn a_watch_that_is_in_step_outlives_any_compaction() {
        let store = store();
        let (mut watcher, _) = Watcher::create(from(2), &store);
        drain(&mut watcher, &store, 9);
        let store = store.compacted_at(5).with(&[put("d", "1")]);
        assert_eq!(drain(&mut watcher, &store, 9), ["6 d=1"]);
    }

    #[test]
    fn a_range_without_keys_is_over_at_once() {
        let keys = KeyRange::Between("b".into(), "a".into());
        let (mut watcher, answer) = Watcher::create(WatchRequest { keys, ..from(2) }, &store());
        assert!(answer.created && answer.canceled);
        assert_eq!(answer.reason, "mvcc: watcher range is empty".to_string());
        assert_eq!(watcher.poll(&store(), 9), None);
    }

    /// etcd issue 20221: neither events nor progress before a start in the future.
    #[test]
    fn a_start_in_the_future_is_waited_for() {
        let store = store();
        let (mut watcher, _) = Watcher::create(from(7), &store);
        assert_eq!(watcher.progress(&store), None);
        let store = store.with(&[put("d", "1")]);
        assert_eq!(drain(&mut watcher, &store, 9), [""; 0]);
        assert_eq!(watcher.progress(&store), None);
        let store = store.compacted_at(6).with(&[put("d", "2")]);
        assert_eq!(drain(&mut watcher, &store, 9), ["7 d=2"]);
        assert_eq!(watcher.progress(&store).unwrap().revision, Revision(7));
    }

    /// etcd issue 15220: progress never runs ahead of events that are still to come.
    #[test]
    fn progress_tells_only_what_was_delivered() {
        let store = store();
        let (mut watcher, _) = Watcher::create(from(2), &store);
        assert_eq!(watcher.progress(&store), None);
        watcher.poll(&store, 1);
        assert_eq!(watcher.progress(&store), None);
        drain(&mut watcher, &store, 9);
        let progress = watcher.progress(&store).unwrap();
        assert!(progress.is_progress());
        assert_eq!(progress.revision, Revision(5));
    }

    #[test]
    fn a_watch_without_events_makes_progress_too() {
        let store = store();
        let nothing = WatchRequest {
            keys: key("x"),
            ..from(2)
        };
        let (mut watcher, _) = Watcher::create(nothing, &store);
        assert_eq!(watcher.poll(&store, 9), None);
        assert_eq!(watcher.next(), Revision(6));
        assert_eq!(watcher.progress(&store).unwrap().revision, Revision(5));
    }

    #[test]
    fn a_tick_tells_the_progress_unless_events_did() {
        let store = store();
        let (mut silent, _) = Watcher::create(from(0), &store);
        assert_eq!(silent.tick(&store), None);
        let (mut watcher, _) = Watcher::create(
            WatchRequest {
                progress: true,
                ..from(5)
            },
            &store,
        );
        assert_eq!(watcher.tick(&store), None, "not in step");
        drain(&mut watcher, &store, 9);
        assert_eq!(
            watcher.tick(&store),
            None,
            "an event came since the last tick"
        );
        assert_eq!(watcher.tick(&store).unwrap().revision, Revision(5));
    }

    #[test]
    fn fragments_are_marked_until_the_last() {
        let mut store = Store::new();
        store
            .together(vec![put("a", "11"), put("b", "22"), put("c", "3")])
            .unwrap();
        let (mut watcher, _) = Watcher::create(from(2), &store);
        let answer = watcher.poll(&store, 1).unwrap();
        assert_eq!(answer.clone().fragments(100), vec![answer.clone()]);
        let pieces = answer.clone().fragments(5);
        let marks: Vec<_> = pieces.iter().map(|piece| piece.fragment).collect();
        assert_eq!(marks, [true, false]);
        assert_eq!(
            answer.clone().fragments(0).len(),
            3,
            "an event is never split"
        );
        let events: Vec<_> = pieces.into_iter().flat_map(|piece| piece.events).collect();
        assert_eq!(events, answer.events);
    }
}
