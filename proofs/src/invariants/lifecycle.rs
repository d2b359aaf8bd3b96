//! What the lifecycle owes to every request (`DESIGN`: L, and E5 as clients see it).

use crate::worlds::requests::{
    client::{Answer, Record, Shown},
    journal::{Change, Journal, Version, finalizers},
    menu::{CONFIGMAPS, OWN, POOR, Refused, Wish},
};
use model::{
    etcd::{Key, Revision},
    frozen::Frozen,
    lifecycle::audit::Stage,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// L1. A request that is not authenticated, authorized or readable never touches the store, and
/// one that admission or validation refuses asks for no commit.
#[must_use]
pub fn nothing_is_written_before_all_phases_have_passed(record: &Record) -> bool {
    let form = record.form();
    match form.refused {
        Some(Refused::AtOnce(code)) => record.effects == 0 && record.code() == Some(code),
        Some(Refused::Later(codes)) => {
            record.asked == 0 && record.code().is_none_or(|code| codes.contains(&code))
        }
        None => form.writes() || record.asked == 0,
    }
}

/// L2. What was answered with 4xx has changed nothing.
#[must_use]
pub fn a_refused_request_leaves_no_trace(record: &Record) -> bool {
    let refused = record.code().is_some_and(|code| (400..500).contains(&code));
    !refused || record.commits.is_empty()
}

/// L3. A write is answered with success exactly when its transaction has committed, and shows what
/// was committed; or when nothing had to change. Only 5xx says that it is not known.
#[must_use]
pub fn a_write_succeeds_exactly_when_it_is_committed(
    record: &Record,
    journal: Journal<'_>,
) -> bool {
    let form = record.form();
    let Some(answer) = &record.answer else {
        return true;
    };
    if !form.writes() || form.is_dry_run() {
        return true;
    }
    if answer.code >= 300 {
        return answer.code >= 500 || record.commits.is_empty();
    }
    if record.commits.is_empty() {
        return nothing_had_to_change(record, answer, journal);
    }
    own(record, journal).all(|change| shows(answer, &change))
}

/// L4. However often it retries, a request changes one object once (each object of a collection,
/// when it deletes one).
#[must_use]
pub fn a_request_commits_at_most_once(record: &Record, journal: Journal<'_>) -> bool {
    let changes: Vec<Key> = own(record, journal).map(|change| change.key).collect();
    let many = matches!(record.form().wish, Wish::DeleteAll);
    let again = |(number, key): (usize, &Key)| changes[..number].contains(key);
    (many || changes.len() <= 1) && !changes.iter().enumerate().any(again)
}

/// L5. A dry run asks for no commit.
#[must_use]
pub fn a_dry_run_never_writes(record: &Record) -> bool {
    !record.form().is_dry_run() || record.asked == 0
}

/// L6. Before anything is written there is an audit event that it was asked for, and with the
/// answer there is one that tells it.
#[must_use]
pub fn nothing_is_written_without_its_audit_event(record: &Record) -> bool {
    let told = |stage| record.audited.iter().any(|event| event.0 == stage);
    let answered = |code| {
        let mut events = record.audited.iter();
        events.any(|event| event.0 == Stage::ResponseComplete && event.2 == Some(code))
    };
    told(Stage::RequestReceived) && record.code().is_none_or(answered)
}

/// L7. The user who is audited is the one whose credentials were shown; `client` is who the
/// client's own token names.
#[must_use]
pub fn the_user_who_asked_is_the_one_who_is_audited(record: &Record, client: &str) -> bool {
    let form = record.form();
    let user = match form.token {
        OWN => client,
        POOR => POOR,
        _ => "",
    };
    record.audited.iter().all(|event| event.1 == user)
}

/// E5. A read shows what was current while it was served: the newest state, never an older one
/// than when it began. Every answer that there is no object is such a read.
#[must_use]
pub fn a_read_shows_what_is_current(record: &Record, journal: Journal<'_>) -> bool {
    let Some(answer) = &record.answer else {
        return true;
    };
    let form = record.form();
    match (&answer.shown, form.wish) {
        (Shown::Object(object), Wish::Look) => {
            let shown = moments(record, answer, journal).into_iter().flatten();
            let mut shown = shown.filter(|it| it.revision == object.revision());
            shown.any(|it| it.frozen == *object.frozen())
        }
        (Shown::List(revision, objects), _) => {
            let told = objects
                .iter()
                .map(|it| (it.revision(), it.frozen().clone()));
            let there = everything(journal, *revision);
            (record.began..=answer.at).contains(revision) && told.eq(there)
        }
        _ if answer.code == 404 && form.names_one() => {
            moments(record, answer, journal).contains(&None)
        }
        _ => true,
    }
}

/// The events that this request has made.
pub(super) fn own<'a>(
    record: &'a Record,
    journal: Journal<'a>,
) -> impl Iterator<Item = Change> + 'a {
    record
        .commits
        .iter()
        .flat_map(move |revision| journal.at(*revision))
}

/// The states of the request's object while it was served.
pub(super) fn moments(
    record: &Record,
    answer: &Answer,
    journal: Journal<'_>,
) -> Vec<Option<Version>> {
    journal.moments(&record.form().key(), record.began, answer.at)
}

/// What the store had at a revision, in the order of the keys.
fn everything(
    journal: Journal<'_>,
    revision: Revision,
) -> impl Iterator<Item = (Revision, Frozen)> {
    let mut there = BTreeMap::new();
    for change in journal
        .changes()
        .filter(|change| change.revision <= revision)
    {
        match change.after {
            Some(version) => there.insert(change.key, (version.revision, version.frozen)),
            None => there.remove(&change.key),
        };
    }
    there.into_values()
}

/// The answer shows what the change has made.
fn shows(answer: &Answer, change: &Change) -> bool {
    match (&answer.shown, &change.after) {
        (Shown::Object(object), Some(after)) => {
            object.revision() == after.revision && *object.frozen() == after.frozen
        }
        (Shown::Document(_), Some(after)) => answer.revision() == after.revision,
        (Shown::List(..) | Shown::Document(_), _) => true,
        (Shown::Object(_), None) => false,
    }
}

/// What was asked for was so already while the request was served.
fn nothing_had_to_change(record: &Record, answer: &Answer, journal: Journal<'_>) -> bool {
    match (record.form().wish, &answer.shown) {
        (Wish::Change(change), Shown::Object(object)) => {
            let moments = moments(record, answer, journal).into_iter().flatten();
            let mut shown = moments.filter(|it| it.revision == object.revision());
            shown.any(|it| changed(&it.document, change) == *it.document)
        }
        // Somebody else took the last finalizer away, and with it the object.
        (Wish::Change(change), Shown::Document(_)) => {
            let mut gone = removals(record, answer, journal);
            gone.any(|it| it.terminating() && finalizers(&changed(&it.document, change)).is_empty())
        }
        (Wish::Delete, _) => moments(record, answer, journal)
            .iter()
            .any(|it| it.as_ref().is_some_and(Version::terminating)),
        (Wish::DeleteAll, Shown::List(_, objects)) => objects.iter().all(|object| {
            let moments = journal.moments(
                &Key::from(format!("{CONFIGMAPS}{}", object.meta().name).as_str()),
                record.began,
                answer.at,
            );
            moments
                .iter()
                .any(|it| it.as_ref().is_none_or(Version::terminating))
        }),
        _ => false,
    }
}

/// The last versions of the request's object that were removed while it was served.
fn removals(
    record: &Record,
    answer: &Answer,
    journal: Journal<'_>,
) -> impl Iterator<Item = Version> {
    let (key, served) = (record.form().key(), record.began.next()..=answer.at);
    let removed = journal.changes().filter(move |change| {
        change.key == key && change.after.is_none() && served.contains(&change.revision)
    });
    removed
        .filter_map(|change| change.before)
        .collect::<Vec<_>>()
        .into_iter()
}

/// The document with that change.
pub(super) fn changed(document: &Value, change: fn(&mut Value)) -> Value {
    let mut document = document.clone();
    change(&mut document);
    document
}
