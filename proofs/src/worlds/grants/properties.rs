//! What is held against every state, and what must occur.

use super::{
    Grants, State,
    menu::{ALICE, BOB, DAVE, Request},
};
use crate::invariants::grants::{given_beyond, objects, written_beyond};
use model::{etcd::Revision, lifecycle::audit::Stage};
use stateright::Property;

pub(super) const L7: &str = "who is authorised is who is audited, and being another is asked for";
pub(super) const L8: &str = "nobody grants what they do not have";
pub(super) const ASKED: &str = "a request is served as somebody else";
pub(super) const GRANTED: &str = "somebody grants what they have";
const REFUSED: &str = "a grant is refused";
const PASSED_ON: &str = "somebody grants what they were given";
const GROWN: &str = "a role grows between the look at its giver's rights and its binding";

pub(super) fn all() -> Vec<Property<Grants>> {
    vec![
        Property::always(L7, |_, state: &State| {
            state.records().all(|(user, record)| {
                let wanted = record.request.form().acts_as.map(|(name, _)| name);
                let allowed = wanted.filter(|wanted| user == ALICE || *wanted == DAVE);
                let named = record.audited.iter().all(|(_, real, taken_for)| {
                    real == user && taken_for.as_deref().is_none_or(|it| allowed == Some(it))
                });
                // Whoever was let in was let in as whom they wanted to be.
                let let_in =
                    record.code.is_some_and(|code| code < 300) || record.committed.is_some();
                let last = record.audited.last();
                let taken_for = last.and_then(|(_, _, taken_for)| taken_for.as_deref());
                named && (!let_in || taken_for == wanted)
            })
        }),
        Property::always(L8, |_, state: &State| {
            state.records().all(|(user, record)| {
                let acts = record.request.form().acts_as.map_or(user, |(name, _)| name);
                let Some((before, after)) = record.grant(&state.store) else {
                    return true;
                };
                acts == ALICE && user == ALICE
                    || given_beyond(acts, &before, &after).is_empty()
                        && written_beyond(acts, &before, &after).is_empty()
            })
        }),
        Property::sometimes(ASKED, |_, state: &State| {
            state.records().any(|(_, record)| {
                let mut events = record.audited.iter();
                events.any(|(stage, _, taken_for)| {
                    *stage == Stage::ResponseComplete && taken_for.is_some()
                })
            })
        }),
        Property::sometimes(GRANTED, |_, state: &State| {
            state
                .records()
                .any(|(user, record)| user == BOB && record.committed.is_some())
        }),
        Property::sometimes(REFUSED, |_, state: &State| {
            state.records().any(|(user, record)| {
                user == BOB && record.request == Request::BindMore && record.code == Some(403)
            })
        }),
        Property::sometimes(PASSED_ON, |_, state: &State| {
            state.records().any(|(user, record)| {
                user == BOB && record.request == Request::BindMore && record.code == Some(201)
            })
        }),
        Property::sometimes(GROWN, |_, state: &State| {
            state.records().any(|(user, record)| {
                let Some(committed) = record.committed.filter(|_| user == BOB) else {
                    return false;
                };
                let before = objects(&state.store, Revision(committed.0 - 1));
                let after = objects(&state.store, committed);
                !given_beyond(BOB, &before, &after).is_empty()
            })
        }),
    ]
}
