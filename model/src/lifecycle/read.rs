//! Get and list: from the store or from the cache, by resourceVersion, resourceVersionMatch, limit
//! and continue (rules 3 to 11 of the storage contract).

use super::{
    Effect, Event, Stage,
    context::{Progress, Scene, Turn},
    document,
    options::{ListOptions, Version},
    respond, storage, subresource, unexpected,
};
use crate::{
    cache::Cache,
    etcd::{self, KeyRange, Range, Revision},
    object::Object,
    pagination::{self, Position},
    registry, selector,
    status::{Cause, Reason, Refusal, Status},
};
use alloc::{format, string::String, string::ToString, vec::Vec};
use serde_json::{Map, Value};

/// A get between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Get {
    /// Waits for the store.
    Store,
    /// Waits for the cache to be at least this fresh.
    Cache(Revision),
}

/// A list between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// A consistent list: waits for the store's revision.
    Revision(ListOptions),
    /// Waits for the cache to reach this revision, the store's own: a list of now.
    Consistent(ListOptions, Revision),
    /// Waits for the cache to be at least this fresh: a list of what it has then.
    NotOlder(ListOptions, Revision),
    /// Waits for the cache, which may still have this revision.
    Exact(ListOptions, Page),
    /// Waits for the store's keys at this revision.
    Store(ListOptions, Page),
}

/// Where a list stands: its revision, and the key that it goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// The revision that all pages show.
    revision: Revision,
    /// The first key of this page; empty for the first page.
    from: String,
}

/// Begins a get.
///
/// # Errors
/// A resourceVersion that is no number: 500, as the real server has it.
pub fn begin_get(scene: &Scene<'_>) -> Progress {
    let told = scene.context.query.text("resourceVersion");
    if told.is_empty() {
        let key = registry::key(&scene.endpoint.resource, scene.namespace(), scene.name());
        let read = Effect::Read(storage::read(&key));
        return Ok(Turn::Wait(Stage::Get(Get::Store), read));
    }
    let revision = told.parse().map(Revision).map_err(|_| {
        let why = format!(
            "resourceVersion: Invalid value: {told:?}: strconv.ParseUint: parsing \
                           {told:?}: invalid syntax"
        );
        Status::unreasoned(500, format!("invalid resource version: {why}"))
    })?;
    Ok(Turn::Wait(
        Stage::Get(Get::Cache(revision)),
        Effect::Cache { at_least: revision },
    ))
}

impl Get {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// 404; 504 when the cache did not become fresh enough in time.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        let key = registry::key(&scene.endpoint.resource, scene.namespace(), scene.name());
        let found = match (self, event) {
            (Get::Store, Event::Read(answer)) => {
                let answer = answer.map_err(super::store_error)?;
                answer.kvs.first().map(storage::decode).transpose()?
            }
            (Get::Cache(at_least), Event::Cache(cache)) => {
                check_freshness(&cache, at_least)?;
                cache.get(&key).map(storage::cached).transpose()?
            }
            (stage, event) => return unexpected(Stage::Get(stage), event),
        };
        let resource = &scene.endpoint.resource;
        let object = found
            .ok_or_else(|| Status::not_found(&resource.group, &resource.plural, scene.name()))?;
        Ok(Turn::Reply(if subresource::is_view(scene) {
            subresource::answer(scene, &document::served(scene, &object), &[])
        } else {
            respond::object(scene, 200, &object, &[])
        }))
    }
}

/// Begins a list.
///
/// # Errors
/// Bad options.
pub fn begin_list(scene: &Scene<'_>) -> Progress {
    let options = ListOptions::read(scene)?;
    let collection = registry::collection(&scene.endpoint.resource, scene.namespace());
    if !options.token.is_empty() {
        let position = Position::decode(&options.token, &collection)?;
        let page = Page {
            revision: Revision(0),
            from: position.from,
        };
        return Ok(match position.revision {
            Some(revision) => exact(options, Page { revision, ..page }),
            // An inconsistent token goes on with what there is now.
            None => Turn::Wait(Stage::List(List::Store(options, page)), Effect::Revision),
        });
    }
    Ok(match options.version {
        Version::Latest => Turn::Wait(Stage::List(List::Revision(options)), Effect::Revision),
        Version::NotOlder(at_least) => {
            let stage = Stage::List(List::NotOlder(options, at_least));
            Turn::Wait(stage, Effect::Cache { at_least })
        }
        Version::Exact(revision) => exact(
            options,
            Page {
                revision,
                from: String::new(),
            },
        ),
    })
}

fn exact(options: ListOptions, page: Page) -> Turn {
    let at_least = page.revision;
    Turn::Wait(
        Stage::List(List::Exact(options, page)),
        Effect::Cache { at_least },
    )
}

impl List {
    /// Goes on with what the outside answered.
    ///
    /// # Errors
    /// 410 when the revision has been compacted, 504 when it is in the future.
    pub fn resume(self, event: Event, scene: &Scene<'_>) -> Progress {
        let collection = registry::collection(&scene.endpoint.resource, scene.namespace());
        match (self, event) {
            (List::Revision(options), Event::Revision(at_least)) => {
                let stage = Stage::List(List::Consistent(options, at_least));
                Ok(Turn::Wait(stage, Effect::Cache { at_least }))
            }
            (List::Consistent(options, at_least), Event::Cache(cache)) => {
                if cache.revision() < at_least {
                    // The cache lags: the store answers (rule 9).
                    let page = Page {
                        revision: at_least,
                        from: String::new(),
                    };
                    return Ok(from_store(options, page, &collection));
                }
                let page = Page {
                    revision: cache.revision(),
                    from: String::new(),
                };
                let items = cache.list(&collection, &[]).map(|(_, object)| object);
                Ok(reply(scene, &options, &page, items))
            }
            (List::NotOlder(options, at_least), Event::Cache(cache)) => {
                check_freshness(&cache, at_least)?;
                let page = Page {
                    revision: cache.revision(),
                    from: String::new(),
                };
                let items = cache.list(&collection, &[]).map(|(_, object)| object);
                Ok(reply(scene, &options, &page, items))
            }
            (List::Exact(options, page), Event::Cache(cache)) => {
                check_freshness(&cache, page.revision)?;
                let Some(snapshot) = cache.list_at(&collection, page.revision) else {
                    return Ok(from_store(options, page, &collection));
                };
                let items = snapshot.list(&collection, page.from.as_bytes());
                Ok(reply(
                    scene,
                    &options,
                    &page,
                    items.map(|(_, object)| object),
                ))
            }
            (List::Store(options, page), Event::Revision(revision)) => {
                Ok(from_store(options, Page { revision, ..page }, &collection))
            }
            (List::Store(options, page), Event::Read(answer)) => {
                let answer =
                    answer.map_err(|error| unreadable(&error, &options, &page, &collection))?;
                let resource = &scene.endpoint.resource;
                let selectable = selector::selectable(&resource.group, &resource.plural);
                let from = page.from.as_bytes();
                let kvs = answer.kvs.iter().filter(|kv| kv.key.bytes() >= from);
                let items: Vec<Object> = kvs
                    .filter_map(|kv| Object::decode(kv, selectable).ok())
                    .collect();
                Ok(reply(scene, &options, &page, items.iter()))
            }
            (stage, event) => unexpected(Stage::List(stage), event),
        }
    }
}

fn from_store(options: ListOptions, page: Page, collection: &str) -> Turn {
    let keys = KeyRange::prefix(collection.as_bytes());
    let read = Range {
        revision: Some(page.revision),
        ..Range::newest(keys)
    };
    Turn::Wait(Stage::List(List::Store(options, page)), Effect::Read(read))
}

/// Selects, cuts the page, and writes the list's metadata.
fn reply<'a>(
    scene: &Scene<'_>,
    options: &ListOptions,
    page: &Page,
    objects: impl Iterator<Item = &'a Object>,
) -> Turn {
    let mut objects = objects.peekable();
    let limit = if options.limit > 0 {
        options.limit
    } else {
        usize::MAX
    };
    let mut items: Vec<Object> = Vec::new();
    while items.len() < limit
        && let Some(object) = objects.next()
    {
        if options.matches(object) {
            items.push(object.clone());
        }
    }
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), page.revision.to_string().into());
    if let Some((_, last)) = objects.peek().zip(items.last()) {
        let resource = &scene.endpoint.resource;
        let key = registry::key(resource, &last.meta().namespace, &last.meta().name);
        let collection = registry::collection(resource, scene.namespace());
        let position = Position::after(key.text().unwrap_or_default(), page.revision);
        metadata.insert("continue".into(), position.encode(&collection).into());
        if options.selects_everything() {
            metadata.insert("remainingItemCount".into(), objects.count().into());
        }
    }
    Turn::Reply(respond::list(scene, &Value::Object(metadata), items))
}

/// 504 when the cache is behind what was asked for (rule 8).
fn check_freshness(cache: &Cache, at_least: Revision) -> Result<(), Refusal> {
    if cache.revision() < at_least {
        Err(too_large(at_least, cache.revision()))
    } else {
        Ok(())
    }
}

/// `Too large resource version`: 504 with the cause that client-go looks for.
#[must_use]
pub fn too_large(asked: Revision, current: Revision) -> Refusal {
    let message = "Too large resource version";
    let text = format!("{message}: {asked}, current: {current}");
    let mut refusal = Status::new(Reason::Timeout, format!("Timeout: {text}")).about("", "", "");
    if let Some(details) = &mut refusal.details {
        details.retry_after_seconds = 1;
        details.causes = [Cause {
            reason: "ResourceVersionTooLarge".into(),
            message: message.into(),
            field: String::new(),
        }]
        .into();
    }
    refusal
}

/// What a read of an old revision refuses: compacted is 410, with a token that goes on from what
/// there is now when it was a page (rule 7).
fn unreadable(
    error: &etcd::Error,
    options: &ListOptions,
    page: &Page,
    collection: &str,
) -> Refusal {
    match error {
        etcd::Error::Compacted(_) if options.token.is_empty() => pagination::list_expired(),
        etcd::Error::Compacted(_) => pagination::page_expired(&page.from, collection),
        etcd::Error::FutureRevision(current) => too_large(page.revision, *current),
        other => super::store_error(other.clone()),
    }
}
