//! What one API server's watch cache owes to its clients (`DESIGN`: W and O9).

use crate::{
    ghost::{Interest, Told},
    worlds::watch_cache::reflector::{Listing, Reflector, Seen},
};
use model::{
    cache::{Cache, WatchEvent, WatcherEnded},
    etcd::{Revision, Store},
};

/// W1. What the cache lists is what the store had at the cache's revision.
#[must_use]
pub fn a_cache_equals_the_store_at_its_revision(
    cache: &Cache,
    store: &Store,
    prefix: &'static str,
) -> bool {
    let everything = Interest {
        prefix,
        contains: "",
    };
    let listed: Vec<Told> = cache
        .list(prefix, &[])
        .map(|(_, object)| Told::new("ADDED", object))
        .collect();
    everything.listed(store, cache.revision()) == Some(listed)
}

/// O8. A list at an older revision, which is what the later pages of a list are, either shows what
/// the store had at that revision or is refused. `list_at` is the server's; it gives all objects.
pub fn a_page_shows_the_store_at_the_first_page_s_revision(
    cache: &Cache,
    store: &Store,
    prefix: &'static str,
    list_at: impl Fn(Revision) -> Option<Vec<Told>>,
) -> bool {
    let everything = Interest {
        prefix,
        contains: "",
    };
    (1..=cache.revision().0).map(Revision).all(|revision| {
        let page = list_at(revision);
        page.is_none() || page == everything.listed(store, revision)
    })
}

/// W2. A list is not older than its client asked for, and shows what the store had at its revision.
#[must_use]
pub fn a_list_is_not_older_than_was_asked(
    listing: &Listing,
    interest: Interest,
    store: &Store,
) -> bool {
    listing.revision >= listing.asked
        && interest.listed(store, listing.revision).as_ref() == Some(&listing.items)
}

/// W4. When a bookmark has been told, everything up to its revision has been told before it.
#[must_use]
pub fn a_bookmark_means_that_nothing_up_to_it_is_still_to_come(
    client: &Reflector,
    interest: Interest,
    store: &Store,
) -> bool {
    let (Some(base), Seen::Bookmarked(bookmark)) = (&client.base, client.seen) else {
        return true;
    };
    let due = interest.changes(store, base.revision, bookmark);
    due.iter().all(|change| client.told.contains(change))
}

/// W5. An open watch has told, or will tell when it is polled, every change up to the cache's
/// revision; or it is closed. `rest` is what polling it to the end gives.
pub fn a_watch_misses_nothing_or_is_closed(
    client: &Reflector,
    interest: Interest,
    store: &Store,
    now: Revision,
    rest: Result<Vec<WatchEvent>, WatcherEnded>,
) -> bool {
    let (Some(base), Ok(rest)) = (&client.base, rest) else {
        return true;
    };
    let due = interest.changes(store, base.revision, now);
    let rest: Vec<Told> = rest.iter().filter_map(Told::of).collect();
    due.iter()
        .all(|change| client.told.contains(change) || rest.contains(change))
}

/// W5, in the end. The client has a list, and was told every change since.
#[must_use]
pub fn a_client_has_caught_up(client: &Reflector, interest: Interest, store: &Store) -> bool {
    client
        .base
        .as_ref()
        .is_some_and(|base| interest.changes(store, base.revision, store.revision()) == client.told)
}

/// O9. After a list at revision r the watches that follow, resumed as often as may be, tell exactly
/// the changes above r: each once, in order, as it was.
#[must_use]
pub fn list_then_watch_tells_every_change_once_and_in_order(
    client: &Reflector,
    interest: Interest,
    store: &Store,
) -> bool {
    let Some(base) = &client.base else {
        return true;
    };
    let all = interest.changes(store, base.revision, store.revision());
    all.starts_with(&client.told)
}
