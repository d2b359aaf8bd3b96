//! Faults around the watch cache: published bugs of kube-apiserver's cacher, and some of our own.
//!
//! [`Cacher`] is how the world calls the core. Without a fault each of its functions is the core's
//! and nothing else.

use crate::worlds::watch_cache::PODS;
use model::{
    cache::{Cache, Gap, Refused, Scope, WatchEvent, WatchRequest, Watcher, WatcherEnded},
    etcd::{EventKind, Revision, StoreEvent},
    object::Object,
};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// k8s#24004: a watch at N is told the event at N again.
    TellsTheStartAgain,
    /// k8s#49956: just after a list, a start one below the list's revision is taken.
    EmptyHistoryIsOffByOne,
    /// k8s#58545: DELETED carries the resourceVersion that the object had before.
    DeletedAtTheOldRevision,
    /// k8s#116122: a watch lives on in a cache that has been filled anew.
    OutlivesARelist,
    /// k8s PR#73845: what was buffered while the initial events were sent is replayed.
    ReplaysWhatWasBuffered,
    /// A bookmark carries the cache's revision, whatever was sent (as etcd#15220 in the store).
    BookmarkRunsAhead,
    /// A start that has left the window is taken.
    ForgetsThatItExpired,
    /// A slow watch goes on from now.
    SkipsWhatASlowWatchMissed,
    /// A list is answered at once.
    ListsWithoutWaiting,
    /// Deletions are dropped on their way into the cache (as etcd#18089 in the store).
    DropsDeletions,
    /// A snapshot shows the revision after the one asked for.
    SnapshotIsOffByOne,
    /// An object that leaves the selection is not told as deleted.
    LeavesWithoutAWord,
    /// The client asks again for a watch that was refused as expired, from the same revision.
    InsistsOnTheExpired,
    /// Revisions that change no pod are not told to the cache, as by an etcd that doesn't answer
    /// requests for progress.
    TellsNoProgress,
}

/// The core as the world calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cacher {
    /// What is broken, if anything.
    pub fault: Option<Fault>,
}

impl Cacher {
    fn has(self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// [`Cache::apply`].
    ///
    /// # Errors
    /// As there.
    pub fn apply(
        self,
        cache: &mut Cache,
        revision: Revision,
        events: &[StoreEvent],
    ) -> Result<(), Gap> {
        let deleted = events.iter().any(|event| event.kind == EventKind::Delete);
        if self.has(Fault::DropsDeletions) && deleted {
            cache.progress(revision);
            return Ok(());
        }
        let concerns =
            |event: &StoreEvent| event.kv.key.text().is_some_and(|key| key.starts_with(PODS));
        if self.has(Fault::TellsNoProgress) && !events.iter().any(concerns) {
            return Ok(());
        }
        cache.apply(revision, events)
    }

    /// A client whose watch was refused as expired lists anew.
    #[must_use]
    pub fn lists_anew(self) -> bool {
        !self.has(Fault::InsistsOnTheExpired)
    }

    /// A list that must have reached a revision can be answered: what the driver waits for.
    #[must_use]
    pub fn answers(self, cache: &Cache, at_least: Revision) -> bool {
        cache.revision() >= at_least || self.has(Fault::ListsWithoutWaiting)
    }

    /// [`Cache::list_at`].
    #[must_use]
    pub fn list_at(
        self,
        cache: &Cache,
        collection: &str,
        revision: Revision,
    ) -> Option<Vec<Object>> {
        let shown = if self.has(Fault::SnapshotIsOffByOne) {
            revision.next()
        } else {
            revision
        };
        let snapshot = cache.list_at(collection, shown)?;
        let objects = snapshot
            .list(collection, &[])
            .map(|(_, object)| object.clone());
        Some(objects.collect())
    }

    /// [`Cache::watch`].
    ///
    /// # Errors
    /// As there.
    pub fn watch(self, cache: &Cache, request: WatchRequest) -> Result<Watcher, Refused> {
        let again = WatchRequest {
            start: Revision(request.start.0.saturating_sub(1)),
            ..request.clone()
        };
        if self.has(Fault::TellsTheStartAgain) && again.start > Revision(0) {
            return cache.watch(again).or_else(|_| cache.watch(request));
        }
        match cache.watch(request.clone()) {
            Err(Refused::Expired { start, oldest }) => {
                let just_listed = start.next() == oldest && oldest == cache.revision();
                let taken = self.has(Fault::ForgetsThatItExpired)
                    || (self.has(Fault::EmptyHistoryIsOffByOne) && just_listed);
                if taken {
                    return cache.watch(WatchRequest {
                        start: oldest,
                        ..request
                    });
                }
                Err(Refused::Expired { start, oldest })
            }
            other => other,
        }
    }

    /// [`Watcher::poll`]; `request` is the one that the watcher was made for.
    ///
    /// # Errors
    /// As there.
    pub fn poll(
        self,
        watcher: &mut Watcher,
        request: &WatchRequest,
        cache: &Cache,
        max: usize,
    ) -> Result<Vec<WatchEvent>, WatcherEnded> {
        let mut polled = watcher.poll(cache, max);
        let goes_on = match polled {
            Err(WatcherEnded::Relisted) => self.has(Fault::OutlivesARelist),
            Err(WatcherEnded::TooSlow) => self.has(Fault::SkipsWhatASlowWatchMissed),
            Ok(_) => false,
        };
        if goes_on && let Ok(fresh) = from_now(cache, request) {
            *watcher = fresh;
            return Ok(Vec::new());
        }
        if let Ok(events) = &mut polled {
            self.spoil(watcher, request, cache, events);
        }
        polled
    }

    fn spoil(
        self,
        watcher: &mut Watcher,
        request: &WatchRequest,
        cache: &Cache,
        events: &mut Vec<WatchEvent>,
    ) {
        let end = events.iter().find_map(|event| match event {
            WatchEvent::Bookmark {
                revision,
                initial_events_end: true,
            } => Some(*revision),
            _ => None,
        });
        if let Some(Revision(end)) = end
            && self.has(Fault::ReplaysWhatWasBuffered)
        {
            let before = WatchRequest {
                start: Revision(end.saturating_sub(1)),
                send_initial_events: None,
                ..request.clone()
            };
            if let Ok(replaying) = cache.watch(before) {
                *watcher = replaying;
            }
        }
        if self.has(Fault::DeletedAtTheOldRevision) {
            for event in events.iter_mut() {
                if let WatchEvent::Deleted(object) = event {
                    *object = object.at(old_revision(cache, &request.scope, object));
                }
            }
        }
        if self.has(Fault::LeavesWithoutAWord) {
            events.retain(|event| !matches!(event, WatchEvent::Deleted(object) if is_still_there(cache, &request.scope, object)));
        }
    }

    /// [`Watcher::bookmark`].
    #[must_use]
    pub fn bookmark(self, watcher: &Watcher, cache: &Cache) -> Option<WatchEvent> {
        if self.has(Fault::BookmarkRunsAhead) {
            let revision = cache.revision();
            return Some(WatchEvent::Bookmark {
                revision,
                initial_events_end: false,
            });
        }
        watcher.bookmark()
    }
}

fn from_now(cache: &Cache, request: &WatchRequest) -> Result<Watcher, Refused> {
    cache.watch(WatchRequest {
        start: Revision(0),
        send_initial_events: Some(false),
        ..request.clone()
    })
}

fn collection(scope: &Scope) -> &str {
    match scope {
        Scope::Collection(prefix) => prefix,
        Scope::Single(_) => "",
    }
}

/// The revision that a deleted object had before its deletion.
fn old_revision(cache: &Cache, scope: &Scope, object: &Object) -> Revision {
    let before = Revision(object.revision().0.saturating_sub(1));
    let snapshot = cache.list_at(collection(scope), before);
    let named = |snapshot: &model::cache::Snapshot| {
        let mut objects = snapshot.list(collection(scope), &[]);
        objects.find_map(|(_, it)| (it.meta().name == object.meta().name).then(|| it.revision()))
    };
    snapshot
        .as_ref()
        .and_then(named)
        .unwrap_or(object.revision())
}

fn is_still_there(cache: &Cache, scope: &Scope, object: &Object) -> bool {
    let mut objects = cache.list(collection(scope), &[]);
    objects.any(|(_, it)| it.meta().name == object.meta().name)
}
