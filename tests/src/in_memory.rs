//! An API server without a server: the core's functions, driven one request at a time.
//!
//! It answers as the HTTP server does, but for what HTTP adds; time and uids are what the caller
//! says. For tests that need thousands of requests a second, and as the other side of the test
//! that holds the HTTP server against the core.

use crate::strategies::faults::Trouble;
use model::{
    ambient::{Ambient, Time},
    cache::{Cache, WatchEvent, WatcherEnded},
    config::Config,
    etcd::{Command, Outcome, Revision, Store},
    frozen::Frozen,
    lifecycle::{self, Effect, Event, Next},
    limits,
    wire::{Body, BodyError, Encoding, Head, Response, Watch},
};
use serde_json::Value;

/// The store, the cache and the configuration of one API server.
#[derive(Clone)]
pub struct InMemory {
    /// What the administrator has decided.
    pub config: Config,
    /// The clock; it stands still unless the caller moves it.
    pub now: Time,
    store: Store,
    cache: Cache,
    requests: u128,
}

/// An answer, encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// The headers that the core has said, lower-case name and value.
    pub headers: Vec<(&'static str, String)>,
    /// The body's content type.
    pub content_type: String,
    /// The body, as JSON or text.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The body as a document; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }
}

impl InMemory {
    /// An empty server.
    #[must_use]
    pub fn new(config: Config) -> InMemory {
        InMemory::with_window(config, limits::WATCH_WINDOW_EVENTS)
    }

    /// An empty server whose watch cache keeps so many events of each resource.
    #[must_use]
    pub fn with_window(config: Config, window: usize) -> InMemory {
        let store = Store::new();
        let cache = Cache::restore(window, store.revision(), []);
        InMemory {
            config,
            now: Time::default(),
            store,
            cache,
            requests: 0,
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The watch cache, in step with the store.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Serves a request to its end. A watch that is granted is answered with what it has to say at
    /// once, as a stream that then ends.
    pub fn send(&mut self, head: &Head, body: &[u8]) -> Answer {
        let response = self.respond(head, body);
        self.answer(response)
    }

    /// Serves a request to its end, without encoding the answer.
    pub fn respond(&mut self, head: &Head, body: &[u8]) -> Response {
        let mut going = self.begin(head, body);
        loop {
            match self.advance(going, None) {
                Ok(response) => return response,
                Err(further) => going = further,
            }
        }
    }

    /// Begins a request. Others may be served before it goes on: that is how they race.
    pub fn begin(&mut self, head: &Head, body: &[u8]) -> Going {
        let ambient = self.ambient();
        Going {
            next: lifecycle::begin(head, &self.config, &ambient).next.into(),
            body: body.to_vec(),
        }
    }

    /// Takes a request one effect further, which may fail.
    ///
    /// # Errors
    /// The request, when it is not answered yet.
    pub fn advance(&mut self, going: Going, trouble: Option<Trouble>) -> Result<Response, Going> {
        let Going { next, body } = going;
        let (request, effect) = match *next {
            Next::Done(response) => return Ok(response),
            Next::Wait(request, effect) => (request, effect),
        };
        let event = match trouble {
            None => self.perform(effect, &body),
            Some(Trouble::Deadline) => Event::Deadline,
            Some(Trouble::Unreachable) => Event::Unavailable("the store is away".into()),
            Some(Trouble::AnswerLost) => {
                self.perform(effect, &body);
                Event::Unavailable("the answer is lost".into())
            }
        };
        let ambient = self.ambient();
        match request.resume(event, &self.config, &ambient).next {
            Next::Done(response) => Ok(response),
            next => Err(Going {
                next: next.into(),
                body,
            }),
        }
    }

    /// Encodes a response, as [`InMemory::send`] does.
    pub fn answer(&self, response: Response) -> Answer {
        let Response {
            code,
            headers,
            body,
        } = response;
        let (content_type, bytes) = self.encode(body);
        Answer {
            code,
            headers,
            content_type,
            bytes,
        }
    }

    /// Begins a watch; `None` when it is refused or its start is too old.
    pub fn watch(&mut self, head: &Head) -> Option<Watch> {
        match self.respond(head, &[]).body {
            Body::Watch(watch) => Some(*watch),
            _ => None,
        }
    }

    /// What a watch has to say now.
    #[must_use]
    pub fn poll(&self, watch: &mut Watch) -> Vec<WatchEvent> {
        watch
            .watcher
            .poll(&self.cache, usize::MAX)
            .unwrap_or_default()
    }

    /// At most so many of the events that a watch has to tell now, as they are written.
    ///
    /// # Errors
    /// When the watch is over.
    pub fn lines(&self, watch: &mut Watch, most: usize) -> Result<Vec<Vec<u8>>, WatcherEnded> {
        let ambient = self.still();
        let events = watch.watcher.poll(&self.cache, most)?;
        let lines = events.iter().map(|event| watch.encode(event, &ambient));
        Ok(lines.collect())
    }

    /// The bookmark that a watch gets when its time for one has come, as it is written.
    #[must_use]
    pub fn bookmark(&self, watch: &mut Watch) -> Option<Vec<u8>> {
        let bookmark = watch.watcher.bookmark()?;
        Some(watch.encode(&bookmark, &self.still()))
    }

    /// Forgets the store's history below `revision`.
    pub fn compact(&mut self, revision: Revision) {
        // Compacting what is compacted already changes nothing.
        let _ = self.store.apply(&Command::Compact(revision));
    }

    fn perform(&mut self, effect: Effect, body: &[u8]) -> Event {
        match effect {
            Effect::Body { limit } if body.len() > limit => Event::Body(Err(BodyError::TooLarge)),
            Effect::Body { .. } => Event::Body(Ok(Frozen::from(body.to_vec()))),
            Effect::Cache { .. } => Event::Cache(self.cache.clone()),
            Effect::Revision => Event::Revision(self.store.revision()),
            Effect::Read(range) => Event::Read(self.store.range(&range)),
            Effect::Commit(txn) | Effect::CommitForAWhile(txn, _) => {
                let before = self.store.revision();
                let answer = self.store.apply(&Command::Txn(txn));
                self.follow(before);
                Event::Committed(answer.map(|outcome| match outcome {
                    Outcome::Txn(response) => response,
                    other => panic!("a transaction came to {other:?}"),
                }))
            }
        }
    }

    /// The cache takes what the store has done since `before`.
    fn follow(&mut self, before: Revision) {
        let changes = self
            .store
            .events(before)
            .expect("nothing of it is compacted");
        for (revision, events) in changes {
            self.cache
                .apply(revision, events)
                .expect("no revision is left out");
        }
    }

    fn ambient(&mut self) -> Ambient {
        self.requests += 1;
        Ambient {
            now: self.now,
            seed: spread(self.requests),
            ..Ambient::default()
        }
    }

    /// The clock alone: for what makes no names.
    fn still(&self) -> Ambient {
        Ambient {
            now: self.now,
            ..Ambient::default()
        }
    }

    fn encode(&self, body: Body) -> (String, Vec<u8>) {
        match body {
            Body::Bytes {
                content_type,
                bytes,
            } => (content_type, bytes.bytes().to_vec()),
            Body::Document {
                encoding: Encoding::Json,
                content_type,
                bytes,
            } => (content_type, bytes.bytes().to_vec()),
            Body::Document { bytes, .. } => encoded(Encoding::Yaml, bytes.bytes().to_vec()),
            Body::Object(encoding, object) => {
                let mut bytes = Vec::new();
                object.write(&mut bytes);
                encoded(encoding, bytes)
            }
            Body::List(encoding, list) => encoded(encoding, list.encode()),
            Body::Watch(mut watch) => {
                let lines = self.lines(&mut watch, usize::MAX).unwrap_or_default();
                (JSON.into(), lines.concat())
            }
            Body::OpenApi(name) => {
                let document = name.document(&self.config.types, &self.config.resources);
                (JSON.into(), document.to_string().into_bytes())
            }
            Body::Metrics | Body::Debug(_) => ("text/plain".into(), Vec::new()),
        }
    }
}

/// A request between two effects.
pub struct Going {
    next: Box<Next>,
    body: Vec<u8>,
}

const JSON: &str = "application/json";

fn encoded(encoding: Encoding, json: Vec<u8>) -> (String, Vec<u8>) {
    match encoding {
        Encoding::Json => (JSON.into(), json),
        Encoding::Yaml => ("application/yaml".into(), server::yaml::from_json(&json)),
    }
}

/// A number that differs in all its bits from one request to the next.
fn spread(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}
