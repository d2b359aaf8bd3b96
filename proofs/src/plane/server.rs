//! The API server of a plane: the lifecycle over the store.

use crate::zoo::requests::Driver;
use model::{
    ambient::Ambient,
    cache::{Cache, Watcher},
    config::{Config, User},
    controllers::{Answer, Api, Name},
    etcd::{Command, Revision, Store, StoreEvent},
    frozen::Frozen,
    lifecycle::{self, Effect, Event, InFlight, Next, authenticate::MASTERS},
    object::Object,
    registry,
    wire::{Body, Head, Response},
};
use std::hash::{Hash, Hasher};

/// How many events of each resource the cache keeps: more than one step makes.
const WINDOW: usize = 256;

/// What follows from the rest of the state, or makes no difference to what comes: it is left out
/// of comparisons and hashes.
#[derive(Clone, Debug, Default)]
pub(super) struct Derived<T>(pub(super) T);

impl<T> PartialEq for Derived<T> {
    fn eq(&self, _: &Derived<T>) -> bool {
        true
    }
}

impl<T> Eq for Derived<T> {}

impl<T> Hash for Derived<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The store, and the watch cache in step with it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    store: Store,
    cache: Derived<Cache>,
}

impl Server {
    pub(crate) fn new() -> Server {
        let store = Store::new();
        let cache = Cache::restore(WINDOW, store.revision(), []);
        Server {
            store,
            cache: Derived(cache),
        }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn get(&self, api: &Api, name: &Name) -> Option<Object> {
        let prefix = registry::prefix(&api.group, &api.resource);
        let key = match &*name.namespace {
            "" => format!("{prefix}{}", name.name),
            namespace => format!("{prefix}{namespace}/{}", name.name),
        };
        self.cache.0.get(&key.as_str().into())?.object().cloned()
    }

    pub(super) fn list(&self, api: &Api) -> impl Iterator<Item = Object> + use<> {
        let prefix = registry::prefix(&api.group, &api.resource);
        let all = self.cache.0.list(&prefix, &[]);
        let all: Vec<Object> = all.map(|(_, object)| object.clone()).collect();
        all.into_iter()
    }

    /// Begins a request and goes on to its first commit.
    pub(super) fn begin(
        &mut self,
        head: &Head,
        body: &Frozen,
        config: &Config,
        ambient: &Ambient,
    ) -> Next {
        let next = lifecycle::begin(head, config, ambient).next;
        self.read(next, body, config, ambient)
    }

    /// Does all that a request asks for before its next commit: this changes nothing.
    pub(super) fn read(
        &mut self,
        mut next: Next,
        body: &Frozen,
        config: &Config,
        ambient: &Ambient,
    ) -> Next {
        loop {
            let (request, effect) = match next {
                Next::Wait(request, effect) => (request, effect),
                Next::Done(_) => return next,
            };
            let event = match &effect {
                Effect::Commit(_) | Effect::CommitForAWhile(..) => {
                    return Next::Wait(request, effect);
                }
                Effect::Body { .. } => Event::Body(Ok(body.clone())),
                Effect::Cache { .. } => Event::Cache(self.cache.0.clone()),
                _ => Driver { fault: None }.perform(&effect, &mut self.store),
            };
            next = request.resume(event, config, ambient).next;
        }
    }

    /// Commits, and goes on to the next commit.
    pub(super) fn commit(
        &mut self,
        (request, effect): (InFlight, Effect),
        config: &Config,
        driver: Driver,
        ambient: &Ambient,
    ) -> Next {
        let before = self.store.revision();
        let event = driver.perform(&effect, &mut self.store);
        self.follow(before);
        let next = request.resume(event, config, ambient).next;
        self.read(next, &Frozen::default(), config, ambient)
    }

    /// Serves a request to its end.
    pub(super) fn send(
        &mut self,
        head: &Head,
        body: &Frozen,
        config: &Config,
        fault: Option<crate::zoo::requests::Fault>,
        ambient: &Ambient,
    ) -> Answer {
        answer(&self.respond(head, body, config, fault, ambient))
    }

    fn respond(
        &mut self,
        head: &Head,
        body: &Frozen,
        config: &Config,
        fault: Option<crate::zoo::requests::Fault>,
        ambient: &Ambient,
    ) -> Response {
        let driver = Driver { fault };
        let mut next = self.begin(head, body, config, ambient);
        loop {
            match next {
                Next::Done(response) => return response,
                Next::Wait(request, effect) => {
                    next = self.commit((request, effect), config, driver, ambient);
                }
            }
        }
    }

    /// Serves a request to its end: code and body, as far as they are JSON.
    pub(crate) fn answer(
        &mut self,
        head: &Head,
        body: &Frozen,
        config: &Config,
        ambient: &Ambient,
    ) -> (u16, Frozen) {
        let response = self.respond(head, body, config, None, ambient);
        let body = match response.body {
            Body::Object(_, object) => {
                let mut bytes = Vec::new();
                object.write(&mut bytes);
                bytes.into()
            }
            Body::Document { bytes, .. } | Body::Bytes { bytes, .. } => bytes,
            Body::List(_, list) => list.encode().into(),
            Body::Watch(_) | Body::Metrics | Body::Debug(_) | Body::OpenApi(_) => Frozen::default(),
        };
        (response.code, body)
    }

    /// Begins a watch.
    pub(super) fn watch(&mut self, head: &Head, config: &Config, ambient: &Ambient) -> Watcher {
        match self.begin(head, &Frozen::default(), config, ambient) {
            Next::Done(Response {
                body: Body::Watch(watch),
                ..
            }) => watch.watcher,
            Next::Done(response) => panic!("a watch is refused: {:?}", answer(&response)),
            Next::Wait(_, effect) => panic!("a watch does {effect:?}"),
        }
    }

    /// What that watch has to tell now.
    pub(super) fn poll(&self, watcher: &mut Watcher) -> Vec<model::cache::WatchEvent> {
        watcher
            .poll(&self.cache.0, usize::MAX)
            .expect("it is polled after each step, which makes fewer events than the window holds")
    }

    /// What the store has done since `before`.
    pub(super) fn since(&self, before: Revision) -> Vec<StoreEvent> {
        let changes = self.store.events(before);
        let changes = changes.expect("it is compacted at the end of a step only");
        changes
            .flat_map(|(_, events)| events.iter().cloned())
            .collect()
    }

    /// Forgets the history.
    pub(crate) fn forget(&mut self) {
        let newest = self.store.revision();
        // It fails when there is nothing to forget.
        let _ = self.store.apply(&Command::Compact(newest));
    }

    fn follow(&mut self, before: Revision) {
        let changes = self.store.events(before);
        let changes = changes.expect("it is compacted at the end of a step only");
        for (revision, events) in changes {
            let applied = self.cache.0.apply(revision, events);
            applied.expect("no revision is left out");
        }
    }
}

/// Who asks for what no controller does.
pub(super) fn administrator() -> User {
    User {
        name: "admin".into(),
        groups: vec![MASTERS.into()],
        ..User::default()
    }
}

pub(super) fn answer(response: &Response) -> Answer {
    match &response.body {
        Body::Object(_, object) => Answer {
            code: response.code,
            revision: Some(object.revision()),
            uid: object.meta().uid.clone(),
            items: 0,
            why: String::new(),
        },
        Body::List(_, list) => Answer::read(response.code, &list.encode()),
        Body::Document { bytes, .. } | Body::Bytes { bytes, .. } => {
            Answer::read(response.code, bytes.bytes())
        }
        Body::Watch(_) | Body::Metrics | Body::Debug(_) | Body::OpenApi(_) => {
            Answer::read(response.code, b"{}")
        }
    }
}
