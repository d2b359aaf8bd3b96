//! Runs a controller against an API server, whichever it is, through the `kube` crate: what the
//! checker does in every order, done once and for real.

use futures::{StreamExt, stream::SelectAll};
use kube::{
    Client, Error,
    api::{Api, ApiResource, DynamicObject},
    runtime::{WatchStreamExt, watcher},
};
use model::{
    ambient::{Ambient, Time},
    cache::WatchEvent,
    controllers::{Answer, Call, Controller, Todo, Watch, Worker},
    etcd::{KeyValue, LeaseId, Revision},
    object::{self, Object},
    registry, selector,
};
use serde_json::Value;
use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Runs `controller` until the watches fail for good, which they don't: drop the future to stop.
///
/// # Errors
/// When a request cannot be made at all.
pub(crate) async fn drive<C: Controller>(controller: C, client: Client) -> Result<(), Error> {
    let mut events = SelectAll::new();
    for watch in controller.watches() {
        let resource = ApiResource {
            group: watch.api.group.to_string(),
            version: watch.api.version.to_string(),
            api_version: watch.api.api_version(),
            kind: watch.api.kind.to_string(),
            plural: watch.api.resource.to_string(),
        };
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let config = watcher::Config::default().fields(&watch.field_selector);
        let stream = watcher(api, config).default_backoff();
        events.push(stream.map(move |event| (watch.clone(), event)).boxed());
    }
    let mut worker = Worker::new(controller);
    loop {
        let wake = match worker.next(&ambient()) {
            Todo::Send(call) => {
                let answer = send(&client, &call).await?;
                worker.answered(&answer, &ambient());
                continue;
            }
            Todo::Wait(time) => time,
        };
        let now = ambient().now;
        let wait = wake.map(|time| u64::try_from(time.0 - now.0).unwrap_or_default());
        let sleep = tokio::time::sleep(Duration::from_micros(wait.unwrap_or(1_000_000)));
        tokio::select! {
            Some((watch, event)) = events.next() => match event {
                Ok(event) => tell(&mut worker, &watch, event),
                // The watcher goes on by itself, after a while.
                Err(error) => eprintln!("{}: {error}", watch.api.resource),
            },
            () = sleep => {}
        }
    }
}

/// Tells the worker what the watch says.
fn tell<C: Controller>(
    worker: &mut Worker<C>,
    watch: &Watch,
    event: watcher::Event<DynamicObject>,
) {
    let event = match event {
        watcher::Event::Init => {
            worker.begun(&watch.api);
            return;
        }
        watcher::Event::InitDone => WatchEvent::Bookmark {
            revision: Revision(0),
            initial_events_end: true,
        },
        watcher::Event::InitApply(it) => WatchEvent::Added(decode(watch, &it)),
        watcher::Event::Apply(it) => WatchEvent::Modified(decode(watch, &it)),
        watcher::Event::Delete(it) => WatchEvent::Deleted(decode(watch, &it)),
    };
    worker.event(&watch.api, &event);
}

/// An object as the worker's view holds it.
fn decode(watch: &Watch, object: &DynamicObject) -> Object {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    // What is listed does not say what it is.
    value["apiVersion"] = watch.api.api_version().into();
    value["kind"] = (*watch.api.kind).into();
    let version = value["metadata"]["resourceVersion"].take();
    let revision = version.as_str().and_then(|text| text.parse().ok());
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    let prefix = registry::prefix(&watch.api.group, &watch.api.resource);
    let kv = KeyValue {
        key: prefix.as_str().into(),
        create_revision: Revision(0),
        mod_revision: Revision(revision.unwrap_or_default()),
        version: 1,
        lease: LeaseId(0),
        value: object::freeze(&value),
    };
    Object::decode(&kv, selector::stored_under(&prefix)).expect("an API server sends objects")
}

async fn send(client: &Client, call: &Call) -> Result<Answer, Error> {
    let uri = match call.query.as_str() {
        "" => call.path.clone(),
        query => format!("{}?{query}", call.path),
    };
    let request = hyper::Request::builder()
        .method(call.method)
        .uri(uri)
        .header("content-type", call.content_type)
        .body(call.body.bytes().to_vec());
    let request = request.expect("calls are well-formed");
    match client.request_text(request).await {
        Ok(body) => Ok(Answer::read(200, body.as_bytes())),
        Err(Error::Api(status)) => {
            let body: Value = serde_json::to_value(&*status).unwrap_or_default();
            Ok(Answer::read(status.code, body.to_string().as_bytes()))
        }
        // Whether it was done is not known.
        Err(Error::HyperError(error)) => Ok(Answer::none(&error.to_string())),
        Err(error) => Err(error),
    }
}

fn ambient() -> Ambient {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    let random = || u128::from(RandomState::new().hash_one(micros));
    Ambient {
        now: Time(i64::try_from(micros).unwrap_or(i64::MAX)),
        seed: random() << 64 | random(),
        ..Ambient::default()
    }
}
