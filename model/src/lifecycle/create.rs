//! Create: decode → default → admit (the namespace must be there) → prepare → validate → store.

use super::{
    Effect, Event, Stage, admit,
    attributes::Attributes,
    authorize::{Decision, authorize, escalation},
    context::{Progress, Scene, Turn},
    document::{self, BodyKind},
    options::WriteOptions,
    respond,
    storage::{self, Outcome},
    unexpected,
    validate::{self, Validated},
};
use crate::{
    cache::Cache,
    etcd::{Key, KeyValue, Revision},
    kinds, limits,
    object::Object,
    registry,
    status::{Refusal, Status},
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// What is being created.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The document, defaulted, without system fields.
    document: Value,
    options: WriteOptions,
    warnings: Vec<String>,
    attempt: u32,
    /// The request is an update, which was allowed as such alone.
    by_update: bool,
    /// How often another Service was written while this one's address was chosen.
    races: u32,
}

/// A create between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Create {
    /// Waits for the cache, to see the namespace and what is allocated.
    Admission(Draft),
    /// Waits for a live read of the namespace, which the cache doesn't have.
    LiveNamespace(Draft, Cache),
    /// Waits for the store.
    Commit(Draft, Key, Validated),
}

/// Begins with the body.
///
/// # Errors
/// What decoding refuses.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut document = decoded.document;
    for system in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
    ] {
        document::metadata(&mut document).remove(system);
    }
    document::ensure_namespace(scene, &mut document)?;
    let mut warnings = decoded.warnings;
    warnings.extend(document::dedup_owners(&mut document, ""));
    Ok(admit_draft(scene, document, options, warnings, false))
}

/// Begins with a document of another verb: an update that creates. Whoever asks for it needs the
/// right to create as well (`withAuthorization` in `handlers/update.go`).
#[must_use]
pub fn begin_by_update(
    scene: &Scene<'_>,
    document: Value,
    options: WriteOptions,
    warnings: Vec<String>,
) -> Turn {
    admit_draft(scene, document, options, warnings, true)
}

fn admit_draft(
    scene: &Scene<'_>,
    mut document: Value,
    options: WriteOptions,
    warnings: Vec<String>,
    by_update: bool,
) -> Turn {
    kinds::default(&scene.endpoint.resource, &mut document);
    let draft = Draft {
        document,
        options,
        warnings,
        attempt: 0,
        by_update,
        races: 0,
    };
    let stage = Stage::Create(Create::Admission(draft));
    let at_least = Revision(0);
    Turn::Wait(stage, Effect::Cache { at_least })
}

impl Create {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// What admission, validation and the store refuse.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        match (self, event) {
            (Create::Admission(draft), Event::Cache(cache)) => admit_namespace(draft, cache, scene),
            (Create::LiveNamespace(draft, cache), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                admit::live_namespace(scene, &answer)?;
                attempt(draft, &cache, answer.revision, scene)
            }
            (Create::Commit(draft, key, object), Event::Committed(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                let newest = answer.revision;
                match storage::outcome(answer)? {
                    Outcome::Done(revision) => {
                        let object = storage::written(&key, object.frozen(), revision)?;
                        Ok(Turn::Reply(respond::object(
                            scene,
                            201,
                            &object,
                            &draft.warnings,
                        )))
                    }
                    // The name is free: it is what admission has seen that has changed.
                    Outcome::Lost(None) => raced(draft, newest, scene),
                    Outcome::Lost(existing) => lost(draft, existing.as_ref(), scene),
                }
            }
            (stage, event) => unexpected(Stage::Create(stage), event),
        }
    }
}

fn admit_namespace(draft: Draft, cache: Cache, scene: &Scene<'_>) -> Progress {
    match admit::namespace(scene, &cache)? {
        admit::Namespace::Fine => attempt(draft, &cache, cache.revision(), scene),
        admit::Namespace::Unknown(key) => {
            let read = storage::read(&key);
            let stage = Stage::Create(Create::LiveNamespace(draft, cache));
            Ok(Turn::Wait(stage, Effect::Read(read)))
        }
    }
}

/// Fills in what the server sets, validates, and asks the store; each attempt at a generated name
/// is one call. The namespace has been `seen` as of that revision.
fn attempt(draft: Draft, cache: &Cache, seen: Revision, scene: &Scene<'_>) -> Progress {
    let resource = &scene.endpoint.resource;
    escalation::refuse(scene, cache, &draft.document, None)?;
    let mut document = draft.document.clone();
    let metadata = document::metadata(&mut document);
    metadata.insert("uid".into(), scene.ambient.uid().into());
    metadata.insert(
        "creationTimestamp".into(),
        scene.ambient.now.rfc3339().into(),
    );
    let generate = metadata
        .get("generateName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if metadata.get("name").is_none() && !generate.is_empty() {
        let name = generated_name(generate, &scene.ambient.suffix(draft.attempt));
        metadata.insert("name".into(), name.into());
    }
    refuse_resource_version(document::meta_text(&document, "resourceVersion"))?;
    document::metadata(&mut document).remove("resourceVersion");
    kinds::prepare_create(resource, &mut document, scene.ambient);
    if admit::allocates(scene) {
        let key = registry::key(resource, scene.namespace(), "");
        admit::allocate(
            scene,
            &mut document,
            None,
            admit::held_by_others(cache, &key),
        )?;
    }
    let object = validate::creation(scene, &document)?;
    if draft.by_update {
        may_create(scene, cache)?;
    }
    let mut draft = draft;
    if draft.attempt == 0 && draft.races == 0 {
        draft
            .warnings
            .extend(kinds::warnings(resource, &document, None));
    }
    let name = document::meta_text(&document, "name");
    let key = registry::key(resource, scene.namespace(), name);
    if draft.options.dry_run {
        return match cache.get(&key).map(storage::cached).transpose()? {
            Some(existing) => taken(draft, Some(&existing), scene),
            None => Ok(Turn::Reply(respond::document(
                scene,
                201,
                &document,
                &draft.warnings,
            ))),
        };
    }
    let mut txn = storage::create(&key, &object);
    admit::guard_namespace(&mut txn, scene, seen);
    if admit::allocates(scene) {
        admit::guard_allocation(&mut txn, None, &document, cache.revision());
    }
    Ok(Turn::Wait(
        Stage::Create(Create::Commit(draft, key, object)),
        storage::write(scene, txn),
    ))
}

/// Whoever asks may create, too.
fn may_create(scene: &Scene<'_>, cache: &Cache) -> Result<(), Refusal> {
    let attributes = Attributes {
        verb: "create".into(),
        ..scene.context.attributes.clone()
    };
    let (user, modes) = (&scene.context.user, &scene.config.authorization);
    match authorize(user, &attributes, modes, Some(cache)) {
        Decision::Allow(_) => Ok(()),
        Decision::Deny(why) | Decision::NoOpinion(why) => {
            let resource = &scene.endpoint.resource;
            let (group, plural) = (&resource.group, &resource.plural);
            Err(Status::forbidden(group, plural, scene.name(), &why))
        }
    }
}

/// Its namespace was written meanwhile, or another Service, which may hold the same: decided anew by
/// what there is now.
fn raced(draft: Draft, newest: Revision, scene: &Scene<'_>) -> Progress {
    let races = draft.races + 1;
    if races >= limits::COMMIT_ATTEMPTS {
        let resource = &scene.endpoint.resource;
        let name = document::meta_text(&draft.document, "name");
        let why = "other objects are written all the time; please try again";
        return Err(Status::conflict(
            &resource.group,
            &resource.plural,
            name,
            why,
        ));
    }
    let stage = Stage::Create(Create::Admission(Draft { races, ..draft }));
    Ok(Turn::Wait(stage, Effect::Cache { at_least: newest }))
}

fn lost(draft: Draft, existing: Option<&KeyValue>, scene: &Scene<'_>) -> Progress {
    let object = existing.map(storage::decode).transpose()?;
    taken(draft, object.as_ref(), scene)
}

/// The name is taken: a generated one is made anew, a given one is a conflict
/// (`createWithGenerateNameRetry`, `rest.CheckGeneratedNameError`).
fn taken(draft: Draft, object: Option<&Object>, scene: &Scene<'_>) -> Progress {
    let resource = &scene.endpoint.resource;
    let generated = draft.document["metadata"].get("name").is_none();
    let next = draft.attempt + 1;
    if generated && next < limits::GENERATED_NAME_ATTEMPTS {
        let stage = Stage::Create(Create::Admission(Draft {
            attempt: next,
            ..draft
        }));
        return Ok(Turn::Wait(
            stage,
            Effect::Cache {
                at_least: Revision(0),
            },
        ));
    }
    let name = object.map_or_else(String::new, |object| object.meta().name.clone());
    if generated {
        return Err(Status::generated_name_taken(
            &resource.group,
            &resource.plural,
            &name,
        ));
    }
    let mut refusal = Status::already_exists(&resource.group, &resource.plural, &name);
    if object.is_some_and(|object| object.meta().deletion_timestamp.is_some()) {
        refusal.message = format!("object is being deleted: {}", refusal.message);
    }
    Err(refusal)
}

/// The prefix is cut so that the name fits a DNS label (`names.SimpleNameGenerator`).
fn generated_name(prefix: &str, suffix: &str) -> String {
    const PREFIX_BYTES: usize = 63 - 5;
    let mut end = prefix.len().min(PREFIX_BYTES);
    while !prefix.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &prefix[..end])
}

/// Rule 1 of the storage contract: an object that has a version is not new. Only a number other
/// than 0 counts as one.
fn refuse_resource_version(text: &str) -> Result<(), Refusal> {
    match text.parse::<u64>() {
        Ok(0) | Err(_) => Ok(()),
        Ok(_) => Err(Status::unreasoned(
            500,
            "resourceVersion should not be set on objects to be created".to_string(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        ambient::Ambient,
        cache::Cache,
        config::{AuthorizationMode, Config, User},
        etcd::{Key, RangeResponse, Revision, Store},
        frozen::Frozen,
        lifecycle::{Effect, Event, Next, begin},
        object::freeze,
        wire::Head,
    };
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/d/leases/a";

    /// The code of a PUT of a Lease that is not there; nothing when it comes to a commit.
    fn put(verbs: Value) -> Option<u16> {
        let mut config = Config::permissive();
        config.authorization = [AuthorizationMode::Rbac].into();
        let user = User {
            name: "u".into(),
            ..User::default()
        };
        config.authentication.tokens = [("t".into(), user)].into();
        let rules = json!([{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs}]);
        let binding = json!({
            "metadata": {"name": "b"}, "subjects": [{"kind": "User", "name": "u"}],
            "roleRef": {"kind": "ClusterRole", "name": "r"},
        });
        let objects = [
            ("/registry/clusterrolebindings/b", binding),
            (
                "/registry/clusterroles/r",
                json!({"metadata": {"name": "r"}, "rules": rules}),
            ),
            ("/registry/namespaces/d", json!({"metadata": {"name": "d"}})),
        ];
        let kvs = objects.map(|(key, object)| crate::etcd::KeyValue {
            key: Key::from(key),
            create_revision: Revision(2),
            mod_revision: Revision(2),
            version: 1,
            lease: crate::etcd::LeaseId(0),
            value: {
                let mut object = object;
                object["kind"] = "A".into();
                object["apiVersion"] = "v1".into();
                freeze(&object)
            },
        });
        let cache = Cache::restore(1, Revision(2), &kvs);
        let headers = [
            ("authorization", "Bearer t"),
            ("content-type", "application/json"),
        ];
        let head = Head {
            method: "PUT".into(),
            path: PATH.into(),
            headers: Vec::from(headers.map(|(name, value)| (name.to_string(), value.to_string()))),
            ..Head::default()
        };
        let body = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {}}).to_string();
        let ambient = Ambient::default();
        let mut step = begin(&head, &config, &ambient);
        loop {
            let (in_flight, event) = match step.next {
                Next::Done(answer) => return Some(answer.code),
                Next::Wait(_, Effect::Commit(_)) => return None,
                Next::Wait(it, Effect::Body { .. }) => {
                    (it, Event::Body(Ok(Frozen::from(body.as_str()))))
                }
                Next::Wait(it, Effect::Cache { .. }) => (it, Event::Cache(cache.clone())),
                Next::Wait(it, Effect::Read(range)) => {
                    let nothing: Result<RangeResponse, _> = Store::new().range(&range);
                    (it, Event::Read(nothing))
                }
                Next::Wait(_, effect) => panic!("{effect:?}"),
            };
            step = in_flight.resume(event, &config, &ambient);
        }
    }

    #[test]
    fn an_update_that_creates_needs_the_right_to_create() {
        assert_eq!(put(json!(["get"])), Some(403));
        assert_eq!(put(json!(["update"])), Some(403));
        assert_eq!(put(json!(["update", "create"])), None);
    }
}
