//! Delete: preconditions, grace, finalizers; mark or remove, each a compare-and-swap on the
//! revision that it was decided on (`registry/rest/delete.go`, `registry/generic/registry/store.go`).

use super::{
    Effect, Event, Stage, admit,
    context::{Progress, Scene, Turn},
    document,
    options::DeleteOptions,
    respond,
    storage::{self, Outcome},
    unexpected_event,
    validate::{self, Validated},
};
use crate::{
    ambient::Time,
    etcd::{Key, KeyValue},
    kinds::{self, Propagation},
    limits,
    object::Object,
    registry,
    status::{Refusal, Status},
    wire::Response,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// The finalizer of `propagationPolicy: Foreground`.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of `propagationPolicy: Orphan`.
const ORPHAN: &str = "orphan";

/// One object's deletion.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deletion {
    /// The object's key.
    pub key: Key,
    /// How to delete it.
    pub options: DeleteOptions,
    attempt: u32,
}

/// A deletion between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Delete {
    /// Waits for the current object.
    Read(Deletion),
    /// Waits for the store to mark it; when `removes`, it is removed right after.
    Mark {
        /// The deletion.
        deletion: Deletion,
        /// The marked object.
        object: Validated,
        /// It may go at once: nobody needs the grace.
        removes: bool,
    },
    /// Waits for the store to remove it; `last` is what is answered.
    Remove {
        /// The deletion.
        deletion: Deletion,
        /// The object as it was.
        last: Object,
        /// It was marked by this request: it is fine when somebody else removed it meanwhile.
        marked: bool,
    },
}

/// What is to be done with the current object.
enum Plan {
    /// Nothing (any more): answer with it.
    Keep,
    /// Mark it so.
    Mark { document: Value, removes: bool },
    /// Remove it.
    Remove,
}

/// What a deletion came to: it goes on, or the object as it was at last and whether it is gone.
#[expect(
    clippy::large_enum_variant,
    reason = "each step moves one of them; a box would be one more allocation a step"
)]
pub enum Course {
    /// Goes on.
    On(Delete, Effect),
    /// It is over.
    Over(Ending),
}

/// How a deletion ended.
pub struct Ending {
    /// The object at last, in the served version.
    pub document: Value,
    /// It is gone (or, in a dry run, would be).
    pub removed: bool,
}

/// Begins with the (possibly empty) body.
///
/// # Errors
/// Bad options; namespaces that may not be deleted.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = DeleteOptions::read(scene, body)?;
    admit::immortal(scene.endpoint, scene.name())?;
    let key = registry::key(&scene.endpoint.resource, scene.namespace(), scene.name());
    let (delete, effect) = Delete::start(key, options);
    Ok(Turn::Wait(Stage::Delete(delete), effect))
}

impl Delete {
    /// The first step of a deletion.
    #[must_use]
    pub fn start(key: Key, options: DeleteOptions) -> (Delete, Effect) {
        let read = storage::read(&key);
        (
            Delete::Read(Deletion {
                key,
                options,
                attempt: 0,
            }),
            Effect::Read(read),
        )
    }

    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// Preconditions, and what the store refuses.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        let options = self.deletion().options.clone();
        match self.advance(event, scene)? {
            Course::On(delete, effect) => Ok(Turn::Wait(Stage::Delete(delete), effect)),
            Course::Over(ending) => Ok(Turn::Reply(answer(scene, &options, ending))),
        }
    }

    fn deletion(&self) -> &Deletion {
        match self {
            Delete::Read(deletion)
            | Delete::Mark { deletion, .. }
            | Delete::Remove { deletion, .. } => deletion,
        }
    }

    /// One step, for a single delete and for each of a collection's.
    ///
    /// # Errors
    /// As [`Delete::resume`].
    pub fn advance(self, event: Event, scene: &Scene<'_>) -> Result<Course, Refusal> {
        match (self, event) {
            (Delete::Read(deletion), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                decide(deletion, answer.kvs.first(), scene)
            }
            (
                Delete::Mark {
                    deletion,
                    object,
                    removes,
                },
                Event::Committed(answer),
            ) => match storage::outcome(answer.map_err(super::store_error)?)? {
                Outcome::Done(revision) => {
                    let marked = storage::written(&deletion.key, object.frozen(), revision)?;
                    Ok(if removes {
                        remove(deletion, marked, true)
                    } else {
                        over(document::served(scene, &marked), false)
                    })
                }
                Outcome::Lost(current) => again(deletion, current.as_ref(), scene),
            },
            (
                Delete::Remove {
                    deletion,
                    last,
                    marked,
                },
                Event::Committed(answer),
            ) => match storage::outcome(answer.map_err(super::store_error)?)? {
                Outcome::Done(revision) => {
                    Ok(over(document::served(scene, &last.at(revision)), true))
                }
                Outcome::Lost(None) if marked => Ok(over(document::served(scene, &last), true)),
                Outcome::Lost(current) => again(deletion, current.as_ref(), scene),
            },
            (stage, event) => Err(unexpected_event(&Stage::Delete(stage), &event)),
        }
    }
}

fn over(document: Value, removed: bool) -> Course {
    Course::Over(Ending { document, removed })
}

fn remove(deletion: Deletion, last: Object, marked: bool) -> Course {
    let txn = storage::remove(&deletion.key, last.revision());
    Course::On(
        Delete::Remove {
            deletion,
            last,
            marked,
        },
        Effect::Commit(txn),
    )
}

/// Somebody else was first: everything is decided again on what is there now (rule 22).
fn again(
    deletion: Deletion,
    current: Option<&KeyValue>,
    scene: &Scene<'_>,
) -> Result<Course, Refusal> {
    let attempt = deletion.attempt + 1;
    if attempt >= limits::COMMIT_ATTEMPTS {
        let resource = &scene.endpoint.resource;
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        return Err(Status::conflict(
            &resource.group,
            &resource.plural,
            scene.name(),
            why,
        ));
    }
    decide(
        Deletion {
            attempt,
            ..deletion
        },
        current,
        scene,
    )
}

fn decide(
    deletion: Deletion,
    current: Option<&KeyValue>,
    scene: &Scene<'_>,
) -> Result<Course, Refusal> {
    let resource = &scene.endpoint.resource;
    let name = deletion
        .key
        .text()
        .and_then(|key| key.rsplit('/').next())
        .unwrap_or_default();
    let kv = current.ok_or_else(|| Status::not_found(&resource.group, &resource.plural, name))?;
    let object = storage::decode(kv)?;
    let document = document::served(scene, &object);
    let dry_run = deletion.options.dry_run;
    match plan(&deletion.options, &document, scene)? {
        Plan::Keep => Ok(over(document, false)),
        Plan::Remove if dry_run => Ok(over(document, true)),
        Plan::Mark { document, removes } if dry_run => Ok(over(document, removes)),
        Plan::Remove => Ok(remove(deletion, object, false)),
        Plan::Mark {
            document: marked,
            removes,
        } => {
            let validated = validate::deletion_mark(scene, &marked);
            if validated.frozen() == object.frozen() {
                return Ok(if removes {
                    remove(deletion, object, true)
                } else {
                    over(document, false)
                });
            }
            let txn = storage::update(&deletion.key, object.revision(), &validated);
            let stage = Delete::Mark {
                deletion,
                object: validated,
                removes,
            };
            Ok(Course::On(stage, storage::write(scene, txn)))
        }
    }
}

/// What is to be done with `document`, by its state and the options
/// (`rest.BeforeDelete`, `Store.Delete`).
fn plan(options: &DeleteOptions, document: &Value, scene: &Scene<'_>) -> Result<Plan, Refusal> {
    let resource = &scene.endpoint.resource;
    check_preconditions(options, document, scene)?;
    if let Some(plan) = namespace_plan(document, scene)? {
        return Ok(plan);
    }
    let mut marked = document.clone();
    let grace = if kinds::traits(resource).graceful {
        graceful(options, &mut marked, scene.ambient.now)
    } else {
        Grace::None
    };
    if grace == Grace::Pending {
        return Ok(Plan::Keep);
    }
    let finalizers = finalizers(options, document, scene);
    let pending = !finalizers.is_empty();
    set_finalizers(&mut marked, finalizers);
    match grace {
        Grace::Shortened(seconds) => Ok(Plan::Mark {
            document: marked,
            removes: !pending && seconds == 0,
        }),
        _ if pending => {
            mark_as_deleting(&mut marked, scene.ambient.now, 0);
            Ok(Plan::Mark {
                document: marked,
                removes: false,
            })
        }
        _ => Ok(Plan::Remove),
    }
}

/// Namespaces go in two deletes: the first marks them as terminating, the second removes them when
/// nothing is left in them (`registry/core/namespace/storage`).
fn namespace_plan(document: &Value, scene: &Scene<'_>) -> Result<Option<Plan>, Refusal> {
    let resource = &scene.endpoint.resource;
    if !(resource.group.is_empty() && resource.plural == "namespaces") {
        return Ok(None);
    }
    if document["metadata"]["deletionTimestamp"].is_null() {
        let mut marked = document.clone();
        let now = scene.ambient.now.rfc3339();
        document::metadata(&mut marked).insert("deletionTimestamp".into(), now.into());
        marked["status"]["phase"] = "Terminating".into();
        return Ok(Some(Plan::Mark {
            document: marked,
            removes: false,
        }));
    }
    if document["spec"]["finalizers"]
        .as_array()
        .is_some_and(|list| !list.is_empty())
    {
        let name = document::meta_text(document, "name");
        let why = "The system is ensuring all content is removed from this namespace.  Upon \
                   completion, this namespace will automatically be purged by the system.";
        return Err(Status::conflict("", "namespaces", name, why));
    }
    Ok(None)
}

/// What graceful deletion has to say.
#[derive(PartialEq, Eq)]
enum Grace {
    /// No grace: finalizers decide.
    None,
    /// It has been marked already, and this request changes nothing.
    Pending,
    /// The document has been marked with this grace period in seconds.
    Shortened(i64),
}

/// Marks a pod for graceful deletion, or shortens the grace that it has. Pods without a node and
/// finished ones need none (`podStrategy.CheckGracefulDelete`).
fn graceful(options: &DeleteOptions, document: &mut Value, now: Time) -> Grace {
    let asked = options
        .grace_period_seconds
        .map(|seconds| if seconds < 0 { 1 } else { seconds });
    let metadata = &document["metadata"];
    let Some(at) = metadata["deletionTimestamp"].as_str().and_then(Time::parse) else {
        let default = document["spec"]["terminationGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(30);
        let finished = matches!(
            document["status"]["phase"].as_str(),
            Some("Failed" | "Succeeded")
        );
        let unscheduled = document["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .is_empty();
        let wanted = asked.unwrap_or(if default < 0 { 1 } else { default });
        let seconds = if finished || unscheduled { 0 } else { wanted };
        mark_as_deleting(document, now, seconds);
        return Grace::Shortened(seconds);
    };
    let left = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
    if left == 0 {
        return Grace::None;
    }
    let Some(asked) = asked.filter(|asked| *asked < left) else {
        return Grace::Pending;
    };
    let moved = Time(at.0.saturating_sub(left.saturating_sub(asked).saturating_mul(1_000_000)));
    let (at, seconds) = match moved.seconds() < now.seconds() {
        true => (now, i64::from(asked != 0)),
        false => (moved, asked),
    };
    let metadata = document::metadata(document);
    metadata.insert("deletionTimestamp".into(), at.rfc3339().into());
    metadata.insert("deletionGracePeriodSeconds".into(), seconds.into());
    Grace::Shortened(asked)
}

/// Sets deletionTimestamp and grace where they are not set, and raises the generation the first
/// time (rule 25; `markAsDeleting`).
fn mark_as_deleting(document: &mut Value, now: Time, grace: i64) {
    let at = Time(now.0.saturating_add(grace.saturating_mul(1_000_000)));
    let metadata = document::metadata(document);
    if metadata.get("deletionTimestamp").is_none() {
        metadata.insert("deletionTimestamp".into(), at.rfc3339().into());
        let generation = metadata
            .get("generation")
            .and_then(Value::as_i64)
            .unwrap_or(0);
        if generation > 0 {
            metadata.insert("generation".into(), (generation + 1).into());
        }
    }
    metadata.insert("deletionGracePeriodSeconds".into(), grace.into());
}

/// The finalizers that the propagation policy leaves
/// (`deletionFinalizersForGarbageCollection`).
fn finalizers(options: &DeleteOptions, document: &Value, scene: &Scene<'_>) -> Vec<Value> {
    let present: Vec<Value> = document["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let default = kinds::traits(&scene.endpoint.resource).default_propagation;
    if default == Propagation::Unsupported {
        return present;
    }
    let has = |name: &str| present.iter().any(|finalizer| finalizer == name);
    let (orphan, foreground) = match (
        options.orphan_dependents,
        options.propagation_policy.as_str(),
    ) {
        (Some(orphan), _) => (orphan, false),
        (None, "Orphan") => (true, false),
        (None, "Foreground") => (false, true),
        (None, "Background") => (false, false),
        (None, _) if has(ORPHAN) => (true, false),
        (None, _) if has(FOREGROUND) => (false, true),
        (None, _) => (default == Propagation::Orphan, false),
    };
    let kept = present
        .iter()
        .filter(|name| **name != ORPHAN && **name != FOREGROUND)
        .cloned();
    let mut wanted: Vec<Value> = kept.collect();
    wanted.extend(orphan.then(|| ORPHAN.into()));
    wanted.extend(foreground.then(|| FOREGROUND.into()));
    let same = wanted.len() == present.len() && wanted.iter().all(|it| present.contains(it));
    if same { present } else { wanted }
}

fn set_finalizers(document: &mut Value, finalizers: Vec<Value>) {
    let metadata = document::metadata(document);
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".into(), finalizers.into());
    }
}

/// What the client says of the object's uid and version is so.
///
/// # Errors
/// 409 when it is not.
pub fn check_preconditions(
    options: &DeleteOptions,
    document: &Value,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    let resource = &scene.endpoint.resource;
    let name = document::meta_text(document, "name");
    let conflict = |why: String| {
        Err(Status::conflict(
            &resource.group,
            &resource.kind,
            name,
            &why,
        ))
    };
    let found = document::meta_text(document, "uid");
    if let Some(told) = options.uid.as_deref().filter(|told| *told != found) {
        return conflict(format!(
            "the UID in the precondition ({told}) does not match the UID in record ({found}). The \
             object might have been deleted and then recreated"
        ));
    }
    let found = document::meta_text(document, "resourceVersion");
    if let Some(told) = options
        .resource_version
        .as_deref()
        .filter(|told| *told != found)
    {
        return conflict(format!(
            "the ResourceVersion in the precondition ({told}) does not match the ResourceVersion \
             in record ({found}). The object might have been modified"
        ));
    }
    Ok(())
}

/// The answer to a single delete: the object when it stays or its kind answers so, else a `Status`.
fn answer(scene: &Scene<'_>, options: &DeleteOptions, ending: Ending) -> Response {
    let Ending { document, removed } = ending;
    let traits = kinds::traits(&scene.endpoint.resource);
    let unsaid = options.propagation_policy.is_empty() && options.orphan_dependents.is_none();
    let warning = traits.propagation_warning.filter(|_| unsaid);
    let warnings: Vec<String> = warning.into_iter().map(ToString::to_string).collect();
    if !removed || traits.returns_deleted_object {
        let accepted = !removed && options.orphan_dependents == Some(false);
        let code = if accepted { 202 } else { 200 };
        return respond::document(scene, code, &document, &warnings);
    }
    let (name, uid) = (
        document::meta_text(&document, "name"),
        document::meta_text(&document, "uid"),
    );
    respond::document(scene, 200, &respond::deleted(scene, name, uid), &warnings)
}
