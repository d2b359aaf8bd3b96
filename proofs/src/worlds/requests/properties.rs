//! What is held against every state, and what must occur.

use super::{
    Requests, State,
    client::Record,
    journal::Journal,
    menu::{CONFIGMAPS, Refused, Wish},
};
use crate::{
    check::Promise,
    invariants::{lifecycle, objects},
    zoo::requests::TOKENS,
};
use model::etcd::Key;
use stateright::Property;

pub(super) const L1: &str = "nothing is written before all phases have passed";
pub(super) const L2: &str = "a refused request leaves no trace";
pub(super) const L3: &str = "a write succeeds exactly when it is committed";
pub(super) const L4: &str = "a request commits at most once";
pub(super) const L5: &str = "a dry run never writes";
pub(super) const L6: &str = "nothing is written without its audit event";
pub(super) const L7: &str = "the user who asked is the one who is audited";
pub(super) const E5: &str = "a read shows what is current";
pub(super) const O1: &str = "no update is lost";
pub(super) const O2: &str = "a conflict is answered exactly when the object has changed";
pub(super) const O3: &str = "a uid is never used twice";
pub(super) const O4: &str = "generation grows exactly with the spec";
pub(super) const O5: &str = "what is terminating ends and what has finalizers stays";
pub(super) const O6: &str = "delete preconditions hold at the commit";

pub(super) const O7: &str = "nothing is created in a namespace that goes";
pub(super) const O12: &str = "no address or port is allocated twice";

pub(super) const ANSWERED: &str = "every request is answered";

pub(super) const EARLY: &str = "validation refuses a request";
pub(super) const REFUSED: &str = "a write is refused after somebody else was first";
pub(super) const SAME: &str = "a write succeeds and nothing had to change";
pub(super) const RETRIED: &str = "a write commits after somebody else was first";
pub(super) const DRY: &str = "a dry run succeeds";
pub(super) const AUDITED: &str = "a write is answered";
pub(super) const BOTH: &str = "both clients have written";
pub(super) const OVERTAKEN: &str = "a list is newer than its request";
pub(super) const MERGED: &str = "an object has the changes of two patches";
pub(super) const CONFLICT: &str = "an update finds out at its commit that the object has changed";
pub(super) const ANEW: &str = "a name is created again";
pub(super) const HELD: &str = "a finalizer comes between a delete and its commit";
pub(super) const BROKEN: &str = "a precondition held at the read and not at the commit";
pub(super) const UNKNOWN: &str = "a commit is done and nobody knows";
pub(super) const SPEC_AND_STATUS: &str = "spec and status are changed at the same time";
pub(super) const TOO_LATE: &str = "a create finds out at its commit that its namespace goes";
pub(super) const SAME_ADDRESS: &str = "two ask for the same and one finds out at its commit";

/// L3, in the end.
pub(super) fn every_request_is_answered() -> Promise<Requests> {
    let waits =
        |_: &Requests, state: &State, client: usize| state.clients[client].waiting.is_some();
    let answered =
        |_: &Requests, state: &State, client: usize| state.clients[client].waiting.is_none();
    Promise::leads_to(ANSWERED, waits, answered).for_each(TOKENS.len())
}

/// The invariants of the world of the ConfigMap.
pub(super) fn always() -> Vec<Property<Requests>> {
    vec![
        Property::always(L1, |model, state| {
            each(model, state, |it, _| {
                lifecycle::nothing_is_written_before_all_phases_have_passed(it)
            })
        }),
        Property::always(L2, |model, state| {
            each(model, state, |it, _| {
                lifecycle::a_refused_request_leaves_no_trace(it)
            })
        }),
        Property::always(L3, |model, state| {
            each(
                model,
                state,
                lifecycle::a_write_succeeds_exactly_when_it_is_committed,
            )
        }),
        Property::always(L4, |model, state| {
            each(model, state, lifecycle::a_request_commits_at_most_once)
        }),
        Property::always(L5, |model, state| {
            each(model, state, |it, _| lifecycle::a_dry_run_never_writes(it))
        }),
        Property::always(L6, |model, state| {
            each(model, state, |it, _| {
                lifecycle::nothing_is_written_without_its_audit_event(it)
            })
        }),
        Property::always(L7, |_, state: &State| {
            let clients = state.clients.iter().zip(TOKENS);
            let mut records =
                clients.filter_map(|(client, user)| Some((client.record.as_ref()?, user)));
            records.all(|(record, user)| {
                lifecycle::the_user_who_asked_is_the_one_who_is_audited(record, user)
            })
        }),
        Property::always(E5, |model, state| {
            each(model, state, lifecycle::a_read_shows_what_is_current)
        }),
        Property::always(O1, |model, state| {
            each(model, state, objects::no_update_is_lost)
        }),
        Property::always(O2, |model, state| {
            each(
                model,
                state,
                objects::a_conflict_is_answered_exactly_when_the_object_has_changed,
            )
        }),
        Property::always(O3, |model: &Requests, state| {
            objects::a_uid_is_never_used_twice(model.journal(state))
        }),
        Property::always(O5, |model, state| {
            each(
                model,
                state,
                objects::what_is_terminating_ends_and_what_has_finalizers_stays,
            )
        }),
        Property::always(O6, |model, state| {
            each(
                model,
                state,
                objects::delete_preconditions_hold_at_the_commit,
            )
        }),
    ]
}

/// What must occur in it.
pub(super) fn sometimes() -> Vec<Property<Requests>> {
    vec![
        Property::sometimes(EARLY, |model, state| {
            some(model, state, |it, _| {
                matches!(it.form().refused, Some(Refused::Later(_))) && it.code() == Some(422)
            })
        }),
        Property::sometimes(REFUSED, |model, state| {
            some(model, state, |it, _| {
                it.lost > 0 && it.code().is_some_and(|code| code >= 400)
            })
        }),
        Property::sometimes(SAME, |model, state| {
            some(model, state, |it, _| {
                let form = it.form();
                form.writes()
                    && !form.is_dry_run()
                    && it.success().is_some()
                    && it.commits.is_empty()
            })
        }),
        Property::sometimes(RETRIED, |model, state| {
            some(model, state, |it, _| it.lost > 0 && !it.commits.is_empty())
        }),
        Property::sometimes(DRY, |model, state| {
            some(model, state, |it, _| {
                it.form().is_dry_run() && it.success().is_some()
            })
        }),
        Property::sometimes(AUDITED, |model, state| {
            some(model, state, |it, _| {
                !it.commits.is_empty() && it.success().is_some()
            })
        }),
        Property::sometimes(UNKNOWN, |model, state| {
            some(model, state, |it, _| {
                !it.commits.is_empty() && it.code() == Some(500)
            })
        }),
        Property::sometimes(BOTH, |_, state: &State| {
            state.records().filter(|it| !it.commits.is_empty()).count() == 2
        }),
        Property::sometimes(OVERTAKEN, |model, state| {
            some(model, state, |it, _| {
                let looks = matches!(it.form().wish, Wish::Look);
                let answer = it.success().filter(|_| looks);
                answer.is_some_and(|answer| !it.form().names_one() && answer.revision() > it.began)
            })
        }),
        Property::sometimes(MERGED, |_, state: &State| {
            let stored = state
                .store
                .get(&Key::from(format!("{CONFIGMAPS}a").as_str()));
            let bytes = stored.map_or(&[][..], |kv| kv.value.bytes());
            let text = String::from_utf8_lossy(bytes);
            text.contains("merge") && text.contains("strategic")
        }),
        Property::sometimes(CONFLICT, |model, state| {
            some(model, state, |it, _| {
                let updates = matches!(it.form().wish, Wish::Change(_));
                updates && it.lost > 0 && it.code() == Some(409)
            })
        }),
        Property::sometimes(ANEW, |model: &Requests, state: &State| {
            let made = model
                .journal(state)
                .changes()
                .filter(|it| it.before.is_none());
            let made: Vec<Key> = made.map(|it| it.key).collect();
            (1..made.len()).any(|number| made[..number].contains(&made[number]))
        }),
        Property::sometimes(HELD, |model, state| {
            some(model, state, |it, journal| {
                let deletes = matches!(it.form().wish, Wish::Delete);
                let mut own = it
                    .commits
                    .iter()
                    .flat_map(move |revision| journal.at(*revision));
                deletes && it.lost > 0 && own.any(|change| change.after.is_some())
            })
        }),
        Property::sometimes(BROKEN, |model, state| {
            some(model, state, |it, _| {
                let deletes = matches!(it.form().wish, Wish::Delete);
                deletes && it.lost > 0 && it.code() == Some(409)
            })
        }),
    ]
}

/// O4 alone: the world of the PodDisruptionBudget.
pub(super) fn of_budgets() -> Vec<Property<Requests>> {
    vec![
        Property::always(O4, |model, state| {
            each(
                model,
                state,
                objects::generation_grows_exactly_with_the_spec,
            )
        }),
        Property::always(O1, |model, state| {
            each(model, state, objects::no_update_is_lost)
        }),
        Property::sometimes(SPEC_AND_STATUS, |_, state: &State| {
            let written = |status: bool| {
                let mut retried = state.records();
                retried.any(|it| it.form().is_status() == status && !it.commits.is_empty())
            };
            written(true) && written(false) && state.records().any(|it| it.lost > 0)
        }),
    ]
}

/// O7 and O12: the world of what admission has seen.
pub(super) fn of_admission() -> Vec<Property<Requests>> {
    vec![
        Property::always(O7, |_: &Requests, state: &State| {
            objects::nothing_is_created_in_a_namespace_that_goes(&state.store)
        }),
        Property::sometimes(TOO_LATE, |model, state| {
            some(model, state, |it, _| it.lost > 0 && it.code() == Some(403))
        }),
        Property::always(O12, |model, state| {
            objects::no_address_or_port_is_allocated_twice(model.journal(state))
        }),
        Property::sometimes(SAME_ADDRESS, |model, state| {
            some(model, state, |it, _| it.lost > 0 && it.code() == Some(422))
        }),
    ]
}

fn each(model: &Requests, state: &State, holds: fn(&Record, Journal<'_>) -> bool) -> bool {
    let journal = model.journal(state);
    state.records().all(|record| holds(record, journal))
}

fn some(model: &Requests, state: &State, occurs: fn(&Record, Journal<'_>) -> bool) -> bool {
    let journal = model.journal(state);
    state.records().any(|record| occurs(record, journal))
}
