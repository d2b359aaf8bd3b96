//! What is held against every state, and what must occur.

use super::{
    PODS, State, WatchCache,
    reflector::{Phase, Seen, Stopped},
};
use crate::{
    check::Promise,
    ghost::{Interest, Told},
    invariants::watch_cache as invariants,
};
use model::etcd::{Key, Revision};
use stateright::Property;

pub(super) const W1: &str = "a cache equals the store at its revision";
pub(super) const O8: &str = "a page shows the store at the first page's revision";
pub(super) const W2: &str = "a list is not older than was asked";
pub(super) const W4: &str = "a bookmark means that nothing up to it is still to come";
pub(super) const W5: &str = "a watch misses nothing or is closed";
pub(super) const O9: &str = "list then watch tells every change once and in order";

pub(super) fn always() -> Vec<Property<WatchCache>> {
    vec![
        Property::always(W1, |_, state: &State| {
            invariants::a_cache_equals_the_store_at_its_revision(&state.cache, &state.store, PODS)
        }),
        Property::always(O8, |model: &WatchCache, state: &State| {
            invariants::a_page_shows_the_store_at_the_first_page_s_revision(
                &state.cache,
                &state.store,
                PODS,
                |revision| {
                    let objects = model.cacher.list_at(&state.cache, PODS, revision)?;
                    Some(
                        objects
                            .iter()
                            .map(|object| Told::new("ADDED", object))
                            .collect(),
                    )
                },
            )
        }),
        Property::always(W2, |_, state: &State| {
            state.client.base.as_ref().is_none_or(|listing| {
                invariants::a_list_is_not_older_than_was_asked(
                    listing,
                    state.interest(),
                    &state.store,
                )
            })
        }),
        Property::always(W4, |_, state: &State| {
            invariants::a_bookmark_means_that_nothing_up_to_it_is_still_to_come(
                &state.client,
                state.interest(),
                &state.store,
            )
        }),
        Property::always(W5, |model: &WatchCache, state: &State| {
            let Phase::Watching { watcher, .. } = &state.client.phase else {
                return true;
            };
            let request = model.request(state, Revision(0), Some(true));
            let rest = model
                .cacher
                .poll(&mut watcher.clone(), &request, &state.cache, usize::MAX);
            invariants::a_watch_misses_nothing_or_is_closed(
                &state.client,
                state.interest(),
                &state.store,
                state.cache.revision(),
                rest,
            )
        }),
        Property::always(O9, |_, state: &State| {
            invariants::list_then_watch_tells_every_change_once_and_in_order(
                &state.client,
                state.interest(),
                &state.store,
            )
        }),
    ]
}

pub(super) const CATCHES_UP: &str = "a client catches up with the store";

pub(super) fn promises() -> Vec<Promise<WatchCache>> {
    vec![Promise::leads_to(
        CATCHES_UP,
        |_, _, _| true,
        |_, state, _| {
            invariants::a_client_has_caught_up(&state.client, state.interest(), &state.store)
        },
    )]
}

pub(super) const LAGS: &str = "a cache lags behind the store";
pub(super) const OLD_PAGE: &str = "an older revision is shown, another has left the window";
pub(super) const WAITS: &str = "a list waits for the cache";
pub(super) const BOOKMARK: &str = "a bookmark comes after a change";
pub(super) const TOO_SLOW: &str = "a slow watch is closed";
pub(super) const RELISTED: &str = "a relist closes a watch";
pub(super) const EXPIRED: &str = "a watch is refused as expired";
pub(super) const RESUMED: &str = "a resumed watch tells the rest";
pub(super) const LEAVES: &str = "an object leaves the selection";
pub(super) const INITIAL: &str = "initial events are followed by a change";

pub(super) fn sometimes() -> Vec<Property<WatchCache>> {
    vec![
        Property::sometimes(LAGS, |_, state: &State| {
            let everything = Interest {
                prefix: PODS,
                contains: "",
            };
            everything.listed(&state.store, state.cache.revision())
                != everything.listed(&state.store, state.store.revision())
        }),
        Property::sometimes(OLD_PAGE, |_, state: &State| {
            let at = |revision| state.cache.list_at(PODS, Revision(revision));
            let now = state.cache.revision().0;
            let older = (1..now).filter_map(at).any(|older| Some(older) != at(now));
            older && state.cache.generation() == 0 && at(1).is_none()
        }),
        Property::sometimes(WAITS, |_, state: &State| {
            let now = state.cache.revision();
            matches!(state.client.phase, Phase::Asking { at_least } if at_least > now)
        }),
        Property::sometimes(BOOKMARK, |_, state: &State| {
            matches!(state.client.seen, Seen::Bookmarked(_)) && !state.client.told.is_empty()
        }),
        Property::sometimes(TOO_SLOW, |_, state: &State| {
            state.client.phase == Phase::Stopped(Stopped::TooSlow)
        }),
        Property::sometimes(RELISTED, |_, state: &State| {
            state.client.phase == Phase::Stopped(Stopped::Relisted)
        }),
        Property::sometimes(EXPIRED, |_, state: &State| {
            state.client.phase == Phase::Empty { expired: true }
        }),
        Property::sometimes(RESUMED, |_, state: &State| {
            let resumed = matches!(state.client.phase, Phase::Watching { resumed: true, .. });
            resumed && state.client.told.len() > 1
        }),
        Property::sometimes(LEAVES, |_, state: &State| {
            state.client.told.iter().any(|told| {
                let key = Key::from(format!("{PODS}{}", told.name).as_str());
                told.kind == "DELETED" && state.store.get(&key).is_some()
            })
        }),
        Property::sometimes(INITIAL, |_, state: &State| {
            let watching = matches!(state.client.phase, Phase::Watching { resumed: false, .. });
            watching && state.client.told.len() == 1
        }),
    ]
}
