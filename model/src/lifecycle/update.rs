//! Update and patch: read → compute the new object from the current one → compare-and-swap, again
//! and again until it is the current one that was changed (`GuaranteedUpdate`).

use super::{
    Effect, Event, Stage, admit,
    authorize::escalation,
    context::{Progress, Scene, Turn},
    create,
    document::{self, BodyKind},
    negotiate,
    options::{FieldValidation, WriteOptions},
    respond,
    storage::{self, Outcome},
    subresource, unexpected,
    validate::{self, Validated},
};
use crate::{
    cache::Cache,
    etcd::{Key, KeyValue, Revision},
    kinds::{self, service::Holdings},
    limits,
    object::Object,
    patch::{self, Format, Patch},
    registry,
    status::{Details, FieldError, Reason, Refusal, Status},
    wire::Response,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::Value;

/// What the client wants the object to become.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Intent {
    /// This document.
    Replace(Value),
    /// The current one with this patch; one that cannot be read is refused when there is an
    /// object to patch, as the real server has it.
    Change(Result<Patch, patch::Error>),
    /// The current pod, assigned to the node that this Binding names.
    Bind(Value),
}

/// A change that is being made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    intent: Intent,
    options: WriteOptions,
    /// What decoding the body warned of.
    warnings: Vec<String>,
    /// The object's name.
    name: String,
    key: Key,
    attempt: u32,
    /// What other Services hold, when a Service is changed.
    taken: Holdings,
    /// The revision that the cache had when it showed what is taken.
    seen: Revision,
    /// Who has which rights, when a role or binding is changed by somebody who has not all.
    rights: Option<Cache>,
}

/// An update between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Update {
    /// Waits for the cache, to see what other Services hold or who has which rights.
    Admission(Change),
    /// Waits for the current object.
    Read(Change),
    /// Waits for the store to take the new object.
    Commit(Change, Validated, Vec<String>),
    /// Waits for the store to remove it: the last finalizer of a terminating object is gone. The
    /// document is its final state, which is never stored.
    Remove(Change, Value, Vec<String>),
}

/// What one attempt came to.
enum Attempt {
    /// Nothing changes: no write, the same resourceVersion.
    Same(Vec<String>),
    /// Write this.
    Write(Validated, Value, Vec<String>),
    /// Remove it; this is its final state.
    Remove(Value, Vec<String>),
}

/// Where upstream finds duplicate owners of a patched object.
const AFTER_ADMISSION: &str = "after mutating admission happens";

const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// Begins a PUT with its body.
///
/// # Errors
/// What decoding refuses.
pub fn begin_replace(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::update(scene)?;
    negotiate::check_content_type(&scene.context.content_type)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut document = decoded.document;
    document::ensure_namespace(scene, &mut document)?;
    document::check_name(scene, &document)?;
    let mut warnings = decoded.warnings;
    warnings.extend(document::dedup_owners(&mut document, ""));
    Ok(begin(
        scene,
        scene.name(),
        Intent::Replace(document),
        options,
        warnings,
    ))
}

/// Begins a PATCH with its body.
///
/// # Errors
/// What is no patch of the stated type.
pub fn begin_patch(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let format = patch_format(&scene.context.content_type)?;
    let options = WriteOptions::patch(scene)?;
    let patch = Patch::parse(format, body, options.field_validation);
    Ok(begin(
        scene,
        scene.name(),
        Intent::Change(patch),
        options,
        Vec::new(),
    ))
}

/// The form of the patch that a content type names.
///
/// # Errors
/// 415 for what is no patch; 501 for server-side apply, which is not served yet.
pub fn patch_format(content_type: &str) -> Result<Format, Refusal> {
    let media_type = negotiate::media_type(content_type);
    if media_type == "application/apply-patch+yaml" {
        let why = "server-side apply is not served by this server yet";
        return Err(Status::new(Reason::NotImplemented, why));
    }
    // The router of built-in resources answers this, before any handler.
    Format::of(&media_type).ok_or_else(|| {
        let message = "415: Unsupported Media Type";
        let mut status = Status::new(Reason::UnsupportedMediaType, message);
        status.details = Some(Details::default());
        status
    })
}

/// Begins a binding with its body: the pod gets its node.
///
/// # Errors
/// What decoding refuses.
pub fn begin_binding(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let options = WriteOptions::create(scene)?;
    let decoded = document::decode(scene, body, &BodyKind::of(scene), options.field_validation)?;
    let mut binding = decoded.document;
    document::ensure_namespace(scene, &mut binding)?;
    let name = document::meta_text(&binding, "name");
    if !scene.name().is_empty() && name != scene.name() {
        return Err(Status::bad_request(
            "name in URL does not match name in Binding object",
        ));
    }
    let name = name.to_string();
    Ok(begin(
        scene,
        &name,
        Intent::Bind(binding),
        options,
        decoded.warnings,
    ))
}

fn begin(
    scene: &Scene<'_>,
    name: &str,
    intent: Intent,
    options: WriteOptions,
    warnings: Vec<String>,
) -> Turn {
    let key = registry::key(&scene.endpoint.resource, scene.namespace(), name);
    let taken = Holdings::default();
    let change = Change {
        intent,
        options,
        warnings,
        name: name.into(),
        key,
        attempt: 0,
        taken,
        seen: Revision(0),
        rights: None,
    };
    if admit::allocates(scene) || escalation::guards(scene) {
        let stage = Stage::Update(Update::Admission(change));
        return Turn::Wait(
            stage,
            Effect::Cache {
                at_least: Revision(0),
            },
        );
    }
    read(change)
}

fn read(change: Change) -> Turn {
    let range = storage::read(&change.key);
    Turn::Wait(Stage::Update(Update::Read(change)), Effect::Read(range))
}

impl Update {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// Conflicts, and what admission, validation and the store refuse.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        match (self, event) {
            (Update::Admission(change), Event::Cache(cache)) if escalation::guards(scene) => {
                let rights = Some(cache);
                Ok(read(Change { rights, ..change }))
            }
            (Update::Admission(change), Event::Cache(cache)) => {
                let taken = admit::held_by_others(&cache, &change.key);
                let seen = cache.revision();
                Ok(read(Change {
                    taken,
                    seen,
                    ..change
                }))
            }
            (Update::Read(change), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                attempt(change, answer.kvs.first(), scene)
            }
            (Update::Commit(change, object, warnings), Event::Committed(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                let newest = answer.revision;
                match storage::outcome(answer)? {
                    // What is taken is looked at again, too.
                    Outcome::Lost(_) if admit::allocates(scene) => {
                        let stage = Stage::Update(Update::Admission(once_more(change, scene)?));
                        Ok(Turn::Wait(stage, Effect::Cache { at_least: newest }))
                    }
                    Outcome::Done(revision) => {
                        let object = storage::written(&change.key, object.frozen(), revision)?;
                        Ok(Turn::Reply(finished(scene, &change, &object, &warnings)))
                    }
                    Outcome::Lost(current) => again(change, current.as_ref(), scene),
                }
            }
            (Update::Remove(change, last, warnings), Event::Committed(answer)) => {
                match storage::outcome(answer.map_err(super::store_error)?)? {
                    // Several may take away the last finalizer: whoever comes second finds the
                    // object gone, as it wanted (`deleteWithoutFinalizers`).
                    Outcome::Done(_) | Outcome::Lost(None) => {
                        Ok(Turn::Reply(respond::document(scene, 200, &last, &warnings)))
                    }
                    Outcome::Lost(current) => again(change, current.as_ref(), scene),
                }
            }
            (stage, event) => unexpected(Stage::Update(stage), event),
        }
    }
}

/// Somebody else was first: the whole computation runs again on what is there now (rule 22).
fn again(change: Change, current: Option<&KeyValue>, scene: &Scene<'_>) -> Progress {
    attempt(once_more(change, scene)?, current, scene)
}

/// The same change, unless it was tried too often.
fn once_more(change: Change, scene: &Scene<'_>) -> Result<Change, Refusal> {
    let attempt = change.attempt + 1;
    if attempt >= limits::COMMIT_ATTEMPTS {
        let resource = &scene.endpoint.resource;
        return Err(Status::conflict(
            &resource.group,
            &resource.plural,
            &change.name,
            MODIFIED,
        ));
    }
    Ok(Change { attempt, ..change })
}

fn attempt(change: Change, current: Option<&KeyValue>, scene: &Scene<'_>) -> Progress {
    let Some(kv) = current else {
        return create_instead(change, scene);
    };
    let object = storage::decode(kv)?;
    let expected = object.revision();
    match compute(&change, &object, scene)? {
        Attempt::Same(warnings) => Ok(Turn::Reply(finished(scene, &change, &object, &warnings))),
        Attempt::Write(_, _, warnings)
            if change.options.dry_run && matches!(change.intent, Intent::Bind(_)) =>
        {
            Ok(Turn::Reply(finished(scene, &change, &object, &warnings)))
        }
        Attempt::Write(_, document, warnings) if change.options.dry_run => Ok(Turn::Reply(
            subresource::answer(scene, &document, &warnings),
        )),
        Attempt::Remove(document, warnings) if change.options.dry_run => Ok(Turn::Reply(
            respond::document(scene, 200, &document, &warnings),
        )),
        Attempt::Write(written, document, warnings) => {
            let mut txn = storage::update(&change.key, expected, &written);
            if admit::allocates(scene) {
                let old = document::served(scene, &object);
                admit::guard_allocation(&mut txn, Some(&old), &document, change.seen);
            }
            let stage = Stage::Update(Update::Commit(change, written, warnings));
            Ok(Turn::Wait(stage, storage::write(scene, txn)))
        }
        Attempt::Remove(document, warnings) => {
            let txn = storage::remove(&change.key, expected);
            let stage = Stage::Update(Update::Remove(change, document, warnings));
            Ok(Turn::Wait(stage, Effect::Commit(txn)))
        }
    }
}

/// A PUT on a name that does not exist: some kinds are created by it.
fn create_instead(change: Change, scene: &Scene<'_>) -> Progress {
    let resource = &scene.endpoint.resource;
    let not_found = || Status::not_found(&resource.group, &resource.plural, &change.name);
    let allowed = kinds::traits(resource).allow_create_on_update && scene.subresource().is_none();
    let Intent::Replace(document) = &change.intent else {
        return Err(not_found());
    };
    if !allowed {
        return Err(not_found());
    }
    let mut document = document.clone();
    let uid = document::meta_text(&document, "uid");
    if !uid.is_empty() {
        return Err(uid_conflict(scene, uid, ""));
    }
    for system in [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "resourceVersion",
        "selfLink",
    ] {
        document::metadata(&mut document).remove(system);
    }
    Ok(create::begin_by_update(
        scene,
        document,
        change.options,
        change.warnings,
    ))
}

/// The new object from the current one: patch, conflicts, defaults, what may not change,
/// validation.
fn compute(change: &Change, object: &Object, scene: &Scene<'_>) -> Result<Attempt, Refusal> {
    let resource = &scene.endpoint.resource;
    let old = document::served(scene, object);
    let mut warnings = change.warnings.clone();
    if let Intent::Bind(binding) = &change.intent {
        let mut pod = old;
        kinds::binding::bind(&mut pod, binding, scene.ambient)?;
        return Ok(Attempt::Write(
            validate::binding(scene, &pod),
            pod,
            warnings,
        ));
    }
    let mut new = wanted(change, &old, scene, &mut warnings)?;
    kinds::default(resource, &mut new);
    if let Some(rights) = &change.rights {
        escalation::refuse(scene, rights, &new, Some(&old))?;
    }
    check_resource_version(&mut new, object.revision(), scene)?;
    let metadata = document::metadata(&mut new);
    match old["metadata"].get("generation") {
        Some(generation) => metadata.insert("generation".into(), generation.clone()),
        None => metadata.remove("generation"),
    };
    kinds::prepare_update(resource, scene.subresource(), &mut new, &old, scene.ambient);
    keep_system_fields(&mut new, &old);
    if admit::allocates(scene) {
        admit::allocate(scene, &mut new, Some(&old), change.taken.clone())?;
    }
    let validated = validate::change(scene, &new, &old)?;
    warnings.extend(kinds::warnings(resource, &new, Some(&old)));
    if validated.frozen() == object.frozen() {
        return Ok(Attempt::Same(warnings));
    }
    if is_finished(&new, &old) && kinds::may_go(resource, &new) {
        return Ok(Attempt::Remove(new, warnings));
    }
    Ok(Attempt::Write(validated, new, warnings))
}

/// The document that the client wants, in the resource's own kind.
fn wanted(
    change: &Change,
    old: &Value,
    scene: &Scene<'_>,
    warnings: &mut Vec<String>,
) -> Result<Value, Refusal> {
    let body = subresource::body(scene, old);
    let new = match &change.intent {
        Intent::Replace(document) => {
            let (told, found) = (
                document::meta_text(document, "uid"),
                document::meta_text(old, "uid"),
            );
            if !told.is_empty() && told != found {
                return Err(uid_conflict(scene, told, found));
            }
            document.clone()
        }
        Intent::Change(patch) => patched(patch, &body, change, scene, warnings)?,
        Intent::Bind(_) => return Ok(old.clone()),
    };
    subresource::merge(scene, new, old)
}

fn patched(
    patch: &Result<Patch, patch::Error>,
    body: &Value,
    change: &Change,
    scene: &Scene<'_>,
    warnings: &mut Vec<String>,
) -> Result<Value, Refusal> {
    let kind = BodyKind::of(scene);
    let types = &scene.config.types;
    let type_name = types
        .of_kind(&kind.group, &kind.version, &kind.kind)
        .unwrap_or_default();
    let validation = change.options.field_validation;
    let decoded = match patch {
        Ok(patch) => patch.patched(body, types, type_name, validation)?,
        Err(unreadable) => return Err(unreadable.clone().refusal()),
    };
    if validation == FieldValidation::Warn {
        warnings.extend(decoded.problems);
    }
    let mut document = document::with_type(decoded.value, &kind);
    document::ensure_namespace(scene, &mut document)?;
    document::check_name(scene, &document)?;
    warnings.extend(document::dedup_owners(&mut document, AFTER_ADMISSION));
    Ok(document)
}

/// Optimistic concurrency: no version or 0 overwrites where the kind allows it, another one must be
/// the current one.
fn check_resource_version(
    new: &mut Value,
    current: Revision,
    scene: &Scene<'_>,
) -> Result<(), Refusal> {
    let resource = &scene.endpoint.resource;
    let told = document::meta_text(new, "resourceVersion");
    let told: u64 = if told.is_empty() {
        0
    } else {
        told.parse().map_err(|_| {
            let value = Value::String(told.into());
            let why = format!("strconv.ParseUint: parsing {told:?}: invalid syntax");
            let error = FieldError::invalid("metadata.resourceVersion", &value, why);
            Status::invalid(&resource.group, &resource.kind, scene.name(), &[error])
        })?
    };
    if told == 0 {
        if kinds::traits(resource).allow_unconditional_update {
            let current = current.to_string().into();
            document::metadata(new).insert("resourceVersion".into(), current);
            return Ok(());
        }
        let why = "must be specified for an update";
        let error = FieldError::invalid("metadata.resourceVersion", &Value::from(0), why);
        return Err(Status::invalid(
            &resource.group,
            &resource.plural,
            scene.name(),
            &[error],
        ));
    }
    if told != current.0 {
        return Err(Status::conflict(
            &resource.group,
            &resource.plural,
            scene.name(),
            MODIFIED,
        ));
    }
    Ok(())
}

/// What an update can never change (`rest.BeforeUpdate`).
fn keep_system_fields(new: &mut Value, old: &Value) {
    let before = &old["metadata"];
    let metadata = document::metadata(new);
    metadata.remove("selfLink");
    let kept_if_absent = ["uid", "deletionGracePeriodSeconds"];
    for member in ["creationTimestamp", "deletionTimestamp"]
        .iter()
        .chain(&kept_if_absent)
    {
        let absent = metadata.get(*member).is_none_or(Value::is_null);
        if let Some(value) = before.get(*member)
            && (absent || !kept_if_absent.contains(member))
        {
            metadata.insert((*member).into(), value.clone());
        }
    }
}

/// A terminating object whose last finalizer this update takes away, and whose grace period is
/// over (`ShouldDeleteDuringUpdate`).
fn is_finished(new: &Value, old: &Value) -> bool {
    let finalizers = new["metadata"]["finalizers"]
        .as_array()
        .is_none_or(Vec::is_empty);
    let terminating = old["metadata"]["deletionTimestamp"].is_string();
    let grace = old["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0);
    finalizers && terminating && grace == 0
}

fn finished(scene: &Scene<'_>, change: &Change, object: &Object, warnings: &[String]) -> Response {
    if matches!(change.intent, Intent::Bind(_)) {
        return respond::document(scene, 201, &respond::success(201), warnings);
    }
    if subresource::is_view(scene) {
        return subresource::answer(scene, &document::served(scene, object), warnings);
    }
    respond::object(scene, 200, object, warnings)
}

fn uid_conflict(scene: &Scene<'_>, told: &str, found: &str) -> Refusal {
    let resource = &scene.endpoint.resource;
    let key = registry::key(resource, scene.namespace(), scene.name());
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: \
         Precondition failed: UID in precondition: {told}, UID in object meta: {found}",
        key.text().unwrap_or_default()
    );
    Status::conflict(&resource.group, &resource.plural, scene.name(), &why)
}
