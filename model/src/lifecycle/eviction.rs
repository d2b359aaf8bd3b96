//! `pods/eviction`: a pod is deleted if the disruption budgets of its namespace let it go.
//!
//! The budgets are read from the store, and the one that covers the pod is charged by a
//! compare-and-swap before the pod is marked and deleted: two evictions at once never share what
//! only one may take.
//!
//! Origin: `pkg/registry/core/pod/storage/eviction.go`.

use super::{
    Effect, Event, Stage,
    context::{Progress, Scene, Turn},
    delete::{self, Course, Delete},
    document::{self, BodyKind},
    options::{DeleteOptions, WriteOptions},
    respond,
    route::Endpoint,
    storage::{self, Outcome},
    unexpected,
    validate::{self, Validated},
};
use crate::{
    etcd::{Key, KeyRange, Range, Revision},
    kinds::eviction::{self, Decision},
    limits,
    object::Object,
    registry,
    status::{Reason, Refusal, Status},
};
use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// An eviction between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Evict {
    /// Waits for the pod.
    Pod(Eviction),
    /// Waits for the budgets of its namespace.
    Budgets(Eviction, Object),
    /// Waits for the store to take the charged budget.
    Charge(Eviction),
    /// Waits for the store to take the marked pod.
    Mark(Eviction, Validated),
    /// Deletes the pod.
    Delete(Eviction, Delete),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eviction {
    pod: Key,
    options: DeleteOptions,
    warnings: Vec<String>,
    attempt: u32,
    /// A budget has been charged: it must not be charged again.
    charged: bool,
    /// No budget was asked because of the pod's state, so it must not change before it is deleted.
    exact: bool,
}

/// The endpoint evicts pods.
#[must_use]
pub fn is_one(endpoint: &Endpoint) -> bool {
    endpoint.resource.plural == "pods" && endpoint.subresource == "eviction"
}

/// Begins with the body.
///
/// # Errors
/// What decoding refuses, and a name that is not that of the path.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut document = decoded.document;
    document::ensure_namespace(scene, &mut document)?;
    if document::meta_text(&document, "name") != scene.name() {
        let why = "name in URL does not match name in Eviction object";
        return Err(Status::bad_request(why));
    }
    let mut delete = DeleteOptions::of(&document["deleteOptions"])?;
    delete.dry_run |= options.dry_run;
    Ok(read(Eviction {
        pod: registry::key(&scene.endpoint.resource, scene.namespace(), scene.name()),
        options: delete,
        warnings: decoded.warnings,
        attempt: 0,
        charged: false,
        exact: false,
    }))
}

fn read(eviction: Eviction) -> Turn {
    let range = storage::read(&eviction.pod);
    Turn::Wait(Stage::Evict(Evict::Pod(eviction)), Effect::Read(range))
}

impl Evict {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// 429 when a budget does not allow it, and what a delete refuses.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        match (self, event) {
            (Evict::Pod(eviction), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                let kv = answer.kvs.first();
                let kv = kv.ok_or_else(|| Status::not_found("", "pods", scene.name()))?;
                let pod = storage::decode(kv)?;
                if eviction.charged {
                    mark(eviction, &pod, scene)
                } else {
                    Ok(budgets(eviction, pod, scene))
                }
            }
            (Evict::Budgets(eviction, pod), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                let all = answer.kvs.iter();
                // One that cannot be read might cover the pod.
                let budgets: Result<Vec<(Key, Object)>, Refusal> = all
                    .map(|kv| Ok((kv.key.clone(), storage::decode(kv)?)))
                    .collect();
                let budgets = budgets?;
                decide(eviction, &pod, &budgets, scene)
            }
            (Evict::Charge(eviction), Event::Committed(answer)) => {
                match storage::outcome(answer.map_err(super::store_error)?)? {
                    Outcome::Done(_) => Ok(read(Eviction {
                        charged: true,
                        ..eviction
                    })),
                    Outcome::Lost(_) => again(eviction, scene),
                }
            }
            (Evict::Mark(eviction, _), Event::Committed(answer)) => {
                match storage::outcome(answer.map_err(super::store_error)?)? {
                    Outcome::Done(revision) => Ok(delete(eviction, revision)),
                    Outcome::Lost(_) => again(eviction, scene),
                }
            }
            (Evict::Delete(eviction, step), event) => match step.advance(event, scene) {
                Ok(Course::On(step, effect)) => {
                    let stage = Stage::Evict(Evict::Delete(eviction, step));
                    Ok(Turn::Wait(stage, effect))
                }
                Ok(Course::Over(_)) => {
                    let success = respond::success(201);
                    let answer = respond::document(scene, 201, &success, &eviction.warnings);
                    Ok(Turn::Reply(answer))
                }
                Err(refusal) if eviction.exact && refusal.reason == Reason::Conflict => {
                    again(eviction, scene)
                }
                Err(refusal) => Err(refusal),
            },
            (stage, event) => unexpected(Stage::Evict(stage), event),
        }
    }
}

/// Somebody else was first: it is decided again.
fn again(eviction: Eviction, scene: &Scene<'_>) -> Progress {
    let attempt = eviction.attempt + 1;
    if attempt >= limits::COMMIT_ATTEMPTS {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        return Err(Status::conflict("", "pods", scene.name(), why));
    }
    let mut options = eviction.options;
    if eviction.exact {
        options.resource_version = None;
    }
    Ok(read(Eviction {
        attempt,
        options,
        exact: false,
        ..eviction
    }))
}

/// Reads the budgets of the pod's namespace.
fn budgets(eviction: Eviction, pod: Object, scene: &Scene<'_>) -> Turn {
    let resources = &scene.config.resources;
    let resource = resources.find("policy", "v1", "poddisruptionbudgets");
    let prefix = resource.map_or_else(String::new, |resource| {
        registry::collection(resource, scene.namespace())
    });
    let range = Range::newest(KeyRange::prefix(prefix.as_bytes()));
    let stage = Stage::Evict(Evict::Budgets(eviction, pod));
    Turn::Wait(stage, Effect::Read(range))
}

fn decide(
    mut eviction: Eviction,
    pod: &Object,
    budgets: &[(Key, Object)],
    scene: &Scene<'_>,
) -> Progress {
    let document = document::served(scene, pod);
    let documents: Vec<Value> = budgets.iter().map(|(_, budget)| budget.json()).collect();
    match eviction::decide(&document, &documents, scene.ambient)? {
        Decision::DeleteAfter(place, charged) if !eviction.options.dry_run => {
            let Some((key, budget)) = budgets.get(place) else {
                return Err(Status::internal("a budget was chosen that is not there"));
            };
            let txn = storage::update(key, budget.revision(), &validate::charged(&charged));
            let stage = Stage::Evict(Evict::Charge(eviction));
            Ok(Turn::Wait(stage, Effect::Commit(txn)))
        }
        Decision::DeleteAfter(..) => mark(eviction, pod, scene),
        Decision::Delete => {
            let ends = matches!(
                document["status"]["phase"].as_str(),
                Some("Succeeded" | "Failed")
            );
            let going = pod.meta().deletion_timestamp.is_some();
            eviction.exact = !ends && !going && eviction.options.resource_version.is_none();
            mark(eviction, pod, scene)
        }
    }
}

/// Notes on the pod that it is evicted.
fn mark(eviction: Eviction, pod: &Object, scene: &Scene<'_>) -> Progress {
    let mut document = document::served(scene, pod);
    delete::check_preconditions(&eviction.options, &document, scene)?;
    eviction::mark(&mut document, scene.ambient);
    let marked = validate::evicted(scene, &document);
    if eviction.options.dry_run || marked.frozen() == pod.frozen() {
        return Ok(delete(eviction, pod.revision()));
    }
    let txn = storage::update(&eviction.pod, pod.revision(), &marked);
    let stage = Stage::Evict(Evict::Mark(eviction, marked));
    Ok(Turn::Wait(stage, Effect::Commit(txn)))
}

/// Deletes the pod, whose revision is known: what the client said of its version was true.
fn delete(mut eviction: Eviction, revision: Revision) -> Turn {
    if eviction.exact || eviction.options.resource_version.is_some() {
        eviction.options.resource_version = Some(revision.to_string());
    }
    let (step, effect) = Delete::start(eviction.pod.clone(), eviction.options.clone());
    Turn::Wait(Stage::Evict(Evict::Delete(eviction, step)), effect)
}
