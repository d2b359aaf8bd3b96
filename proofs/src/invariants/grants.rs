//! Who may what, told from the stored bytes alone, by other code than the core's: only what the
//! world of grants uses of RBAC, where names are names and nothing is a pattern.

use model::etcd::{Key, Revision, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Roles and bindings by key.
pub type Objects = BTreeMap<Key, Value>;
/// User → what it may: `get secrets`.
pub type Rights = BTreeMap<String, BTreeSet<String>>;

/// What the store had at a revision.
#[must_use]
pub fn objects(store: &Store, at: Revision) -> Objects {
    let snapshot = store.snapshot(at).unwrap_or_default();
    let parsed = snapshot.iter().filter_map(|(key, kv)| {
        let value = serde_json::from_slice(kv.value.bytes()).ok()?;
        Some((key.clone(), value))
    });
    parsed.collect()
}

/// What every user may.
#[must_use]
pub fn rights(objects: &Objects) -> Rights {
    let mut rights = Rights::new();
    for object in objects.values() {
        let role = &object["roleRef"];
        let Some(name) = role["name"].as_str() else {
            continue;
        };
        let place = match (role["kind"].as_str(), &object["metadata"]["namespace"]) {
            (Some("Role"), Value::String(namespace)) => format!("roles/{namespace}/{name}"),
            _ => format!("clusterroles/{name}"),
        };
        let key = Key::from(format!("/registry/{place}").as_str());
        let permits: BTreeSet<String> = objects.get(&key).map(permits).unwrap_or_default();
        for subject in object["subjects"].as_array().into_iter().flatten() {
            let user = subject["name"].as_str().unwrap_or_default().to_owned();
            rights.entry(user).or_default().extend(permits.clone());
        }
    }
    rights
}

fn permits(role: &Value) -> BTreeSet<String> {
    let words = |list: &Value| -> Vec<String> {
        let words = list.as_array().into_iter().flatten();
        words
            .filter_map(|it| Some(it.as_str()?.to_owned()))
            .collect()
    };
    let mut permits = BTreeSet::new();
    for rule in role["rules"].as_array().into_iter().flatten() {
        for verb in words(&rule["verbs"]) {
            for resource in words(&rule["resources"]) {
                permits.insert(format!("{verb} {resource}"));
            }
        }
    }
    permits
}

/// What a write gives to anybody that `giver` does not have, in a store that was `before` it.
#[must_use]
pub fn given_beyond(giver: &str, before: &Objects, after: &Objects) -> BTreeSet<String> {
    let (had, has) = (rights(before), rights(after));
    let own = had.get(giver).cloned().unwrap_or_default();
    let gained = has.into_iter().flat_map(|(user, rights)| {
        let before = had.get(&user).cloned().unwrap_or_default();
        rights.difference(&before).cloned().collect::<Vec<_>>()
    });
    gained.filter(|right| !own.contains(right)).collect()
}

/// What the roles in `after` say that no role said `before`: a role counts before it is bound, for
/// whoever has it bound to them already or will.
#[must_use]
pub fn written_beyond(giver: &str, before: &Objects, after: &Objects) -> BTreeSet<String> {
    let own = rights(before).remove(giver).unwrap_or_default();
    let said = |objects: &Objects, key: &Key| objects.get(key).map(permits).unwrap_or_default();
    let roles = after
        .keys()
        .filter(|key| after.get(*key) != before.get(*key));
    let new = roles.flat_map(|key| {
        let (new, old) = (said(after, key), said(before, key));
        new.difference(&old).cloned().collect::<Vec<_>>()
    });
    new.filter(|right| !own.contains(right)).collect()
}
