//! What is owed to every object, whoever writes it (`DESIGN`: O).

use super::lifecycle::{changed, moments, own};
use crate::worlds::requests::{
    client::Record,
    journal::{Journal, Version, finalizers},
    menu::Wish,
};
use model::etcd::{EventKind, Key, Revision, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// O1. What a request commits is what it asked for, made of the version just before: everything
/// that others have written stays.
#[must_use]
pub fn no_update_is_lost(record: &Record, journal: Journal<'_>) -> bool {
    let wish = record.form().wish;
    own(record, journal).all(|change| {
        let Some(before) = &change.before else {
            return matches!(wish, Wish::Create) && change.after.is_some();
        };
        match (wish, &change.after) {
            (Wish::Change(wish), Some(after)) => {
                apart_from_generation(&changed(&before.document, wish))
                    == apart_from_generation(&after.document)
            }
            (Wish::Change(wish), None) => {
                before.terminating() && finalizers(&changed(&before.document, wish)).is_empty()
            }
            (Wish::Delete | Wish::DeleteAll, Some(after)) => {
                content(&before.document) == content(&after.document)
            }
            (Wish::Delete | Wish::DeleteAll, None) => true,
            (Wish::Look | Wish::Create, _) => false,
        }
    })
}

/// O2. A request that names a version is answered with a conflict exactly when the object is no
/// longer at it; one that names none never is; a create exactly when the name is taken.
#[must_use]
pub fn a_conflict_is_answered_exactly_when_the_object_has_changed(
    record: &Record,
    journal: Journal<'_>,
) -> bool {
    let form = record.form();
    let Some(answer) = record.answer.as_ref().filter(|_| form.refused.is_none()) else {
        return true;
    };
    let conflict = answer.code == 409;
    let moments = moments(record, answer, journal);
    match (form.wish, form.version) {
        (Wish::Change(_), Some(version)) => {
            let named = |it: &Version| it.revision == Revision(version);
            built_on(record, journal, named) && is_told(answer.code, &moments, named)
        }
        (Wish::Create, _) if form.generates() => !conflict,
        (Wish::Create, _) => {
            let always_taken = moments.iter().all(Option::is_some);
            let ever_taken = moments.iter().any(Option::is_some);
            match answer.code {
                409 => ever_taken,
                code => code >= 500 || !always_taken,
            }
        }
        // That of a delete's preconditions is O6.
        (Wish::Delete, version) if form.uid.is_some() || version.is_some() => true,
        _ => !conflict,
    }
}

/// O3. No two objects have had the same uid, and an object keeps the one that it has: a name that
/// is created again gets a new one.
#[must_use]
pub fn a_uid_is_never_used_twice(journal: Journal<'_>) -> bool {
    let mut seen: Vec<(Revision, String)> = Vec::new();
    for version in journal.changes().filter_map(|change| change.after) {
        let uid = version.text("uid").to_owned();
        let same =
            |(created, of): &(Revision, String)| (*created == version.created) == (*of == uid);
        if uid.is_empty() || !seen.iter().all(same) {
            return false;
        }
        seen.push((version.created, uid));
    }
    true
}

/// O4. Generation begins at 1 and grows by exactly one with each change of the spec and with the
/// mark for deletion; through `/status` the spec doesn't change, and only through it the status.
#[must_use]
pub fn generation_grows_exactly_with_the_spec(record: &Record, journal: Journal<'_>) -> bool {
    let form = record.form();
    own(record, journal).all(|change| {
        let Some(after) = &change.after else {
            return true;
        };
        let generation = |it: &Version| it.document["metadata"]["generation"].as_i64();
        let Some(before) = &change.before else {
            let healthy = &after.document["status"]["currentHealthy"];
            return generation(after) == Some(1) && *healthy == 0;
        };
        let differs = |part: &str| before.document[part] != after.document[part];
        let marked = after.terminating() && !before.terminating();
        let growth = i64::from(differs("spec") || marked);
        let kept = if form.is_status() { "spec" } else { "status" };
        generation(after) == generation(before).map(|it| it + growth) && !differs(kept)
    })
}

/// O5. A deletionTimestamp never goes away, an object with finalizers is never removed (but by
/// the request that takes them away), and none is added while the object is terminating.
#[must_use]
pub fn what_is_terminating_ends_and_what_has_finalizers_stays(
    record: &Record,
    journal: Journal<'_>,
) -> bool {
    let wish = record.form().wish;
    own(record, journal).all(|change| {
        let Some(before) = &change.before else {
            return true;
        };
        let Some(after) = &change.after else {
            return match wish {
                Wish::Change(wish) => finalizers(&changed(&before.document, wish)).is_empty(),
                _ => before.finalizers().is_empty(),
            };
        };
        let had = |it: &Value| before.finalizers().contains(it);
        !before.terminating()
            || after.text("deletionTimestamp") == before.text("deletionTimestamp")
                && after.finalizers().iter().all(had)
    })
}

/// O6. What a delete's preconditions name is what it has deleted; and they are answered with a
/// conflict exactly when the object is another.
#[must_use]
pub fn delete_preconditions_hold_at_the_commit(record: &Record, journal: Journal<'_>) -> bool {
    let form = record.form();
    if !matches!(form.wish, Wish::Delete) || form.uid.is_none() && form.version.is_none() {
        return true;
    }
    let fits = |it: &Version| {
        form.uid.is_none_or(|uid| it.text("uid") == uid)
            && form
                .version
                .is_none_or(|version| it.revision == Revision(version))
    };
    let Some(answer) = &record.answer else {
        return built_on(record, journal, fits);
    };
    let moments = moments(record, answer, journal);
    built_on(record, journal, fits) && is_told(answer.code, &moments, fits)
}

/// Everything that the request committed was made of such a version.
fn built_on(record: &Record, journal: Journal<'_>, fits: impl Fn(&Version) -> bool) -> bool {
    own(record, journal).all(|change| change.before.as_ref().is_some_and(&fits))
}

/// The code says how the object was that has to be as `fits` says: a conflict only when it was
/// there and another, and always when it was so all the time; success only when it was as it has
/// to be.
fn is_told(code: u16, moments: &[Option<Version>], fits: impl Fn(&Version) -> bool) -> bool {
    let right = |it: &Option<Version>| it.as_ref().is_some_and(&fits);
    let another = |it: &Option<Version>| it.as_ref().is_some_and(|it| !fits(it));
    match code {
        409 => moments.iter().any(another),
        200..300 => moments.iter().any(right),
        500.. => true,
        _ => !moments.iter().all(another),
    }
}

/// A document without what the server counts.
fn apart_from_generation(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.remove("generation");
    }
    document
}

/// All but the metadata.
fn content(document: &Value) -> Value {
    let mut document = document.clone();
    document["metadata"] = Value::Null;
    document
}

/// O12. No cluster address and no node port of a protocol belongs to two Services.
#[must_use]
pub fn no_address_or_port_is_allocated_twice(journal: Journal<'_>) -> bool {
    let mut services: BTreeMap<Key, Version> = BTreeMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    journal.changes().all(|change| {
        match change.after {
            Some(after) => services.insert(change.key, after),
            None => services.remove(&change.key),
        };
        let mut held = BTreeSet::new();
        services.values().all(|service| {
            let spec = &service.document["spec"];
            let addresses = spec["clusterIPs"].as_array().into_iter().flatten();
            let addresses = addresses.map(text).filter(|it| it != "None");
            let ports = spec["ports"].as_array().into_iter().flatten();
            let ports = ports
                .filter(|port| port["nodePort"].is_u64())
                .map(|port| format!("{}/{}", text(&port["protocol"]), port["nodePort"]));
            addresses.chain(ports).all(|it| held.insert(it))
        })
    })
}

/// O7. What is created finds its namespace there, and not terminating, in the state that it is
/// committed to: so what empties a terminating namespace empties it for good.
#[must_use]
pub fn nothing_is_created_in_a_namespace_that_goes(store: &Store) -> bool {
    const NAMESPACE: &str = "/registry/namespaces/d";
    let history = store.events(Revision(0)).into_iter().flatten();
    let mut takes = false;
    history.flat_map(|(_, events)| events.iter()).all(|event| {
        let put = event.kind == EventKind::Put;
        let key = event.kv.key.text().unwrap_or_default();
        if key == NAMESPACE {
            let document: Value =
                serde_json::from_slice(event.kv.value.bytes()).unwrap_or_default();
            takes = put && document["metadata"]["deletionTimestamp"].is_null();
            return true;
        }
        let created = put && event.kv.create_revision == event.kv.mod_revision;
        takes || !(created && key.contains("/d/"))
    })
}
