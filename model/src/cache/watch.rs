//! Watches: cursors over the history.

use super::{Cache, Change, Entry, Shelf, list::objects_in};
use crate::{
    etcd::{Key, Revision},
    map::Map,
    object::Object,
    selector::{FieldSelector, LabelSelector},
};
use alloc::{string::String, vec::Vec};
use core::{fmt, ops::Bound};

/// Which keys a watch is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All keys that begin so ([`crate::registry::collection`]).
    Collection(String),
    /// One key.
    Single(Key),
}

/// Which objects a watch or list shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All.
    #[default]
    Everything,
    /// Those that both selectors take.
    Selected(LabelSelector, FieldSelector),
}

impl Filter {
    /// True when `object` is shown.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        match self {
            Filter::Everything => true,
            Filter::Selected(labels, fields) => {
                labels.matches(&object.meta().labels) && fields.matches(object.meta())
            }
        }
    }
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WatchRequest {
    /// Which keys.
    pub scope: Scope,
    /// Which objects.
    pub filter: Filter,
    /// `resourceVersion`: only what is newer is sent. 0 is "any": unset or "0".
    pub start: Revision,
    /// `sendInitialEvents`; with `true` the caller has waited until the cache has reached
    /// `start`.
    pub send_initial_events: Option<bool>,
    /// `allowWatchBookmarks`
    pub allow_bookmarks: bool,
}

/// Why a watch cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// Events after `start` may be gone: 410, as an ERROR event.
    Expired {
        /// What was asked for.
        start: Revision,
        /// The oldest that would do.
        oldest: Revision,
    },
    /// The initial state was asked for at a revision that the cache has not reached.
    NotReached {
        /// What was asked for.
        start: Revision,
        /// The cache's.
        current: Revision,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Expired { start, oldest } => {
                write!(f, "too old resource version: {start} ({oldest})")
            }
            Refused::NotReached { start, current } => {
                write!(f, "Too large resource version: {start}, current: {current}")
            }
        }
    }
}

/// Why a watch ends: the stream is closed, and the client comes back with the last
/// resourceVersion that it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WatcherEnded {
    /// It was too slow: events that it has not seen have left the window (rule: a slow watcher
    /// is closed, never skipped past; `cacher.go`).
    TooSlow,
    /// The cache was filled anew.
    Relisted,
}

/// One line of a watch, before it is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WatchEvent {
    /// The object has come to be, or has entered the selection.
    Added(Object),
    /// The object has changed.
    Modified(Object),
    /// The object is gone or has left the selection: its last matching state, at the revision of
    /// the change (`cache_watcher.go`).
    Deleted(Object),
    /// Everything up to here has been sent: an object with nothing but kind, apiVersion and this
    /// resourceVersion.
    Bookmark {
        /// Up to where.
        revision: Revision,
        /// The first after `sendInitialEvents`: annotated `k8s.io/initial-events-end: "true"`.
        initial_events_end: bool,
    },
}

/// A cursor over the cache: what one client has been sent. It holds no events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watcher {
    generation: u64,
    scope: Scope,
    filter: Filter,
    bookmarks: bool,
    /// Bookmarks at or below this say nothing that the client does not know.
    start: Revision,
    /// Everything up to here, this included, has been sent: a revision and the number of an
    /// event in it, [`WHOLE`] for all of them.
    sent: (Revision, u32),
    initial: Option<Initial>,
}

/// Above the number of every event in a revision.
const WHOLE: u32 = u32::MAX;

/// The synthetic events of a watch that begins with the state at its start.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Initial {
    objects: Map<Key, Entry>,
    /// The next key to look at; empty at first.
    from: Vec<u8>,
    /// A bookmark is to follow them.
    bookmark: bool,
}

impl Cache {
    /// Begins a watch.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn watch(&self, request: WatchRequest) -> Result<Watcher, Refused> {
        let start = request.start;
        let with_state = request
            .send_initial_events
            .unwrap_or(start == Revision::default());
        let shelf = self.shelf(request.scope.text());
        let oldest = self.oldest_start(shelf);
        if with_state && start > self.revision {
            let current = self.revision;
            return Err(Refused::NotReached { start, current });
        }
        let from_now = with_state || start == Revision::default();
        if !from_now && start < oldest {
            return Err(Refused::Expired { start, oldest });
        }
        let start = if from_now { self.revision } else { start };
        let initial = with_state.then(|| Initial {
            objects: shelf.map(|shelf| shelf.objects.clone()).unwrap_or_default(),
            from: Vec::new(),
            bookmark: request.send_initial_events == Some(true) && request.allow_bookmarks,
        });
        Ok(Watcher {
            generation: self.generation,
            scope: request.scope,
            filter: request.filter,
            bookmarks: request.allow_bookmarks,
            start,
            sent: (start, WHOLE),
            initial,
        })
    }
}

impl Watcher {
    /// The next events, at most `max` of them, none when there is nothing to send now. O(1) when
    /// the cache has not moved.
    ///
    /// # Errors
    /// When the watch is over. What was sent before is whole and in order.
    pub fn poll(&mut self, cache: &Cache, max: usize) -> Result<Vec<WatchEvent>, WatcherEnded> {
        if self.generation != cache.generation {
            return Err(WatcherEnded::Relisted);
        }
        let mut events = Vec::new();
        if self.initial.is_none() && self.whole() >= cache.revision {
            return Ok(events);
        }
        let shelf = cache.shelf(self.scope.text());
        let evicted = shelf.and_then(|shelf| shelf.evicted).unwrap_or_default();
        if self.whole() < evicted {
            return Err(WatcherEnded::TooSlow);
        }
        if self.poll_initial(max, &mut events) {
            self.poll_history(cache.revision, shelf, max, &mut events);
        }
        Ok(events)
    }

    /// A bookmark for now, when bookmarks were asked for and it tells the client something: to be
    /// called when the driver's timer for it fires, after a poll. There is none in the middle of
    /// what is to be sent: it would be ahead of what comes or behind what was sent.
    #[must_use]
    pub fn bookmark(&self) -> Option<WatchEvent> {
        let (revision, number) = self.sent;
        let told = self.bookmarks && self.initial.is_none() && number == WHOLE;
        (told && revision > self.start).then_some(WatchEvent::Bookmark {
            revision,
            initial_events_end: false,
        })
    }

    /// Every event up to this revision has been sent.
    fn whole(&self) -> Revision {
        match self.sent {
            (revision, WHOLE) => revision,
            (revision, _) => Revision(revision.0.saturating_sub(1)),
        }
    }

    /// Sends initial events; true when none is left.
    fn poll_initial(&mut self, max: usize, events: &mut Vec<WatchEvent>) -> bool {
        let Some(initial) = &mut self.initial else {
            return true;
        };
        let mut next = None;
        for (key, object) in objects_in(&initial.objects, self.scope.text(), &initial.from) {
            if events.len() >= max {
                next = Some(key.bytes().to_vec());
                break;
            }
            if self.scope.contains(key) && self.filter.matches(object) {
                events.push(WatchEvent::Added(object.clone()));
            }
        }
        if next.is_none() && initial.bookmark && events.len() >= max {
            // No key of UTF-8 text is above this: only the bookmark is left.
            next = Some([self.scope.text().as_bytes(), &[u8::MAX]].concat());
        }
        if let Some(next) = next {
            initial.from = next;
            return false;
        }
        if initial.bookmark {
            events.push(WatchEvent::Bookmark {
                revision: self.start,
                initial_events_end: true,
            });
        }
        self.initial = None;
        true
    }

    fn poll_history(
        &mut self,
        now: Revision,
        shelf: Option<&Shelf>,
        max: usize,
        events: &mut Vec<WatchEvent>,
    ) {
        let later = (
            Bound::Excluded(self.sent),
            Bound::<(Revision, u32)>::Unbounded,
        );
        for (at, change) in shelf
            .into_iter()
            .flat_map(|shelf| shelf.history.range(later))
        {
            if events.len() >= max {
                return;
            }
            if self.scope.contains(&change.key) {
                events.extend(change.seen_through(&self.filter, at.0));
            }
            self.sent = *at;
        }
        self.sent = self.sent.max((now, WHOLE));
    }
}

impl Change {
    /// What a watcher with this filter is told of it.
    fn seen_through(&self, filter: &Filter, revision: Revision) -> Option<WatchEvent> {
        let shown = |entry: &Option<Entry>| {
            let object = entry.as_ref().and_then(Entry::object);
            object.filter(|object| filter.matches(object)).cloned()
        };
        match (shown(&self.previous), shown(&self.current)) {
            (None, Some(current)) => Some(WatchEvent::Added(current)),
            (Some(_), Some(current)) => Some(WatchEvent::Modified(current)),
            (Some(previous), None) => Some(WatchEvent::Deleted(previous.at(revision))),
            (None, None) => None,
        }
    }
}

impl Scope {
    /// True when `key` is one of them.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        match self {
            Scope::Collection(prefix) => key.bytes().starts_with(prefix.as_bytes()),
            Scope::Single(single) => key == single,
        }
    }

    /// What all keys begin with. A key that is not text names nothing that is served.
    fn text(&self) -> &str {
        match self {
            Scope::Collection(prefix) => prefix,
            Scope::Single(key) => key.text().unwrap_or_default(),
        }
    }
}
