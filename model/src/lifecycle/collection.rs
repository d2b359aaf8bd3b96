//! Delete a collection: list, then delete each as a single delete would.

use super::{
    Effect, Event, Stage, admit,
    context::{Progress, Scene, Turn},
    delete::{Course, Delete},
    options::{DeleteOptions, ListOptions},
    respond, unexpected,
};
use crate::{
    etcd::{Key, KeyRange, KeyValue, Range, Revision},
    object::Object,
    registry, selector,
    status::Reason,
};
use alloc::{string::ToString, vec::Vec};
use serde_json::json;

/// The deletion of a collection between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DeleteCollection {
    /// Waits for the list.
    List(ListOptions, DeleteOptions),
    /// Waits for a step of one object's deletion.
    Each {
        /// The step.
        current: Delete,
        /// What has still to be deleted, the next one last.
        rest: Vec<Key>,
        /// How.
        options: DeleteOptions,
        /// What there was: the answer.
        all: Vec<Object>,
        /// The list's revision.
        revision: Revision,
    },
}

/// Begins with the (possibly empty) body.
///
/// # Errors
/// Bad options.
pub fn begin(scene: &Scene<'_>, body: &[u8]) -> Progress {
    let list = ListOptions::read(scene)?;
    let options = DeleteOptions::read(scene, body)?;
    let resource = &scene.endpoint.resource;
    let prefix = registry::collection(resource, scene.namespace());
    let read = Range::newest(KeyRange::prefix(prefix.as_bytes()));
    let stage = Stage::DeleteCollection(DeleteCollection::List(list, options));
    Ok(Turn::Wait(stage, Effect::Read(read)))
}

impl DeleteCollection {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// What a single delete refuses, but for objects that are gone already.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        match (self, event) {
            (DeleteCollection::List(list, options), Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                let found = matching(&answer.kvs, &list, scene);
                for object in &found {
                    admit::immortal(scene.endpoint, &object.meta().name)?;
                }
                let rest = found
                    .iter()
                    .rev()
                    .map(|object| key(object, scene))
                    .collect();
                next(rest, options, found, answer.revision, scene)
            }
            (
                DeleteCollection::Each {
                    current,
                    rest,
                    options,
                    all,
                    revision,
                },
                event,
            ) => {
                match current.advance(event, scene) {
                    Ok(Course::On(current, effect)) => {
                        let stage = DeleteCollection::Each {
                            current,
                            rest,
                            options,
                            all,
                            revision,
                        };
                        Ok(Turn::Wait(Stage::DeleteCollection(stage), effect))
                    }
                    Ok(Course::Over(_)) => next(rest, options, all, revision, scene),
                    // Somebody else deleted it first: that is what was wanted.
                    Err(refusal) if refusal.reason == Reason::NotFound => {
                        next(rest, options, all, revision, scene)
                    }
                    Err(refusal) => Err(refusal),
                }
            }
            (stage, event) => unexpected(Stage::DeleteCollection(stage), event),
        }
    }
}

fn next(
    mut rest: Vec<Key>,
    options: DeleteOptions,
    all: Vec<Object>,
    revision: Revision,
    scene: &Scene<'_>,
) -> Progress {
    let Some(key) = rest.pop() else {
        let metadata = json!({"resourceVersion": revision.to_string()});
        return Ok(Turn::Reply(respond::list(scene, &metadata, all)));
    };
    let (current, effect) = Delete::start(key, options.clone());
    let stage = DeleteCollection::Each {
        current,
        rest,
        options,
        all,
        revision,
    };
    Ok(Turn::Wait(Stage::DeleteCollection(stage), effect))
}

fn matching(kvs: &[KeyValue], list: &ListOptions, scene: &Scene<'_>) -> Vec<Object> {
    let resource = &scene.endpoint.resource;
    let fields = selector::selectable(&resource.group, &resource.plural);
    let limit = if list.limit > 0 {
        list.limit
    } else {
        usize::MAX
    };
    kvs.iter()
        .filter_map(|kv| Object::decode(kv, fields).ok())
        .filter(|object| list.matches(object))
        .take(limit)
        .collect()
}

fn key(object: &Object, scene: &Scene<'_>) -> Key {
    let meta = object.meta();
    registry::key(&scene.endpoint.resource, &meta.namespace, &meta.name)
}
