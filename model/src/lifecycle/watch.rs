//! Watch: a cursor over the cache, and how its events are written.

use super::{
    Effect, Event, Stage, audit,
    context::{Progress, Scene, Turn},
    document,
    options::{ListOptions, Version},
    unexpected,
};
use crate::{
    ambient::{Ambient, Time},
    cache::{Refused, Scope, WatchEvent, WatchRequest},
    etcd::Revision,
    frozen::Frozen,
    registry,
    resource::Resource,
    status::{Reason, Status},
    table::{self, Form},
    wire::{Body, Response, Watch},
};
use alloc::{format, string::ToString, vec::Vec};
use serde_json::{Value, json};

/// A watch before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// A watch of the newest state: waits for the store's revision.
    Revision(ListOptions),
    /// Waits for the cache.
    Cache(ListOptions, Revision),
}

/// Begins a watch.
///
/// # Errors
/// Bad options.
pub fn begin(scene: &Scene<'_>) -> Progress {
    let options = ListOptions::read(scene)?;
    let start = match options.version {
        Version::Latest => {
            return Ok(Turn::Wait(
                Stage::Watch(Start::Revision(options)),
                Effect::Revision,
            ));
        }
        Version::NotOlder(revision) | Version::Exact(revision) => revision,
    };
    Ok(from(options, start))
}

/// Waits for the cache: a watch that begins with the state needs one that is not older.
fn from(options: ListOptions, start: Revision) -> Turn {
    let with_state = options.send_initial_events == Some(true);
    let at_least = if with_state { start } else { Revision(0) };
    Turn::Wait(
        Stage::Watch(Start::Cache(options, start)),
        Effect::Cache { at_least },
    )
}

impl Start {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// None: a start that is too old is an ERROR event of a granted watch (rule 14).
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        match (self, event) {
            (Start::Revision(options), Event::Revision(newest)) => Ok(from(options, newest)),
            (Start::Cache(options, start), Event::Cache(cache)) => {
                let resource = &scene.endpoint.resource;
                let request = WatchRequest {
                    scope: Scope::Collection(registry::collection(resource, scene.namespace())),
                    filter: options.filter(),
                    start,
                    send_initial_events: options.send_initial_events,
                    allow_bookmarks: options.allow_bookmarks,
                };
                match cache.watch(request) {
                    Ok(watcher) => Ok(Turn::Reply(granted(scene, watcher, &options))),
                    Err(refused @ Refused::Expired { .. }) => Ok(Turn::Reply(expired(&refused))),
                    Err(Refused::NotReached { start, current }) => {
                        Err(super::read::too_large(start, current))
                    }
                }
            }
            (stage, event) => unexpected(Stage::Watch(stage), event),
        }
    }
}

fn granted(scene: &Scene<'_>, watcher: crate::cache::Watcher, options: &ListOptions) -> Response {
    let accepted = &scene.context.accepted;
    let until = options
        .timeout_seconds
        .filter(|seconds| *seconds > 0)
        .map(|seconds| {
            Time(
                scene
                    .ambient
                    .now
                    .0
                    .saturating_add(seconds.saturating_mul(1_000_000)),
            )
        });
    let watch = Watch {
        watcher,
        resource: scene.endpoint.resource.clone(),
        form: accepted.form,
        meta_version: accepted.meta_version,
        include: accepted.include,
        encoding: accepted.encoding,
        columns_sent: false,
        context: None,
        until,
    };
    Response {
        code: 200,
        headers: Vec::new(),
        body: Body::Watch(watch.into()),
    }
}

/// The one ERROR event of a watch that cannot begin; the client lists again.
fn expired(refused: &Refused) -> Response {
    let status = Status::new(Reason::Expired, refused.to_string());
    let mut line = event("ERROR", &status.json());
    line.push(b'\n');
    let body = Body::Bytes {
        content_type: "application/json".into(),
        bytes: Frozen::from(line),
    };
    Response {
        code: 200,
        headers: Vec::new(),
        body,
    }
}

impl Watch {
    /// One event as JSON with a newline at its end, in the form that the client asked for.
    #[must_use]
    pub fn encode(&mut self, event: &WatchEvent, ambient: &Ambient) -> Vec<u8> {
        let (word, object) = match event {
            WatchEvent::Added(object) => ("ADDED", object),
            WatchEvent::Modified(object) => ("MODIFIED", object),
            WatchEvent::Deleted(object) => ("DELETED", object),
            WatchEvent::Bookmark {
                revision,
                initial_events_end,
            } => {
                return self.bookmark(*revision, *initial_events_end, ambient.now);
            }
        };
        let resource = &self.resource;
        let mut line = if self.form == Form::Object && stored_as_served(resource) {
            let mut line = format!("{{\"type\":\"{word}\",\"object\":").into_bytes();
            object.write(&mut line);
            line.push(b'}');
            line
        } else {
            let mut value = object.json();
            document::convert(resource, &mut value);
            let shown = self.shown(value, ambient.now);
            self::event(word, &shown)
        };
        line.push(b'\n');
        line
    }

    /// The audit event of a stream that has ended.
    #[must_use]
    pub fn ended(&self, ambient: &Ambient) -> Option<audit::Event> {
        let (stage, at) = (audit::Stage::ResponseComplete, ambient.now);
        let context = self.context.clone()?;
        Some(audit::Event {
            stage,
            context,
            code: Some(200),
            at,
        })
    }

    fn bookmark(&mut self, revision: Revision, end: bool, now: Time) -> Vec<u8> {
        let mut value = json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": {"resourceVersion": revision.to_string()},
        });
        if end {
            value["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let shown = self.shown(value, now);
        let mut line = event("BOOKMARK", &shown);
        line.push(b'\n');
        line
    }

    /// The object in the form that was asked for; only the first Table has the columns.
    fn shown(&mut self, value: Value, now: Time) -> Value {
        let mut shown = match self.form {
            Form::Object => return value,
            Form::Table => {
                let metadata = json!({"resourceVersion": value["metadata"]["resourceVersion"]});
                let mut table =
                    table::table(&self.resource, &[value], &metadata, self.include, now);
                if self.columns_sent {
                    table["columnDefinitions"] = Value::Null;
                }
                self.columns_sent = true;
                table
            }
            Form::PartialObjectMetadata => table::partial(&value),
        };
        table::set_version(&mut shown, self.meta_version);
        shown
    }
}

fn stored_as_served(resource: &Resource) -> bool {
    resource.storage_version == resource.api_version()
}

fn event(word: &str, object: &Value) -> Vec<u8> {
    let mut line = format!("{{\"type\":\"{word}\",\"object\":").into_bytes();
    line.extend(crate::object::encode(object));
    line.push(b'}');
    line
}
