//! One controller at work: its watches and calls, through the lifecycle like anybody's.

use super::list::{Boxed, Make};
use crate::{
    ambient::{ambient, now},
    encode,
    limits::{RELIST_FIRST, RELIST_LONGEST, WATCH_EVENTS},
    loopback,
    server::Core,
};
use futures_util::{
    FutureExt,
    future::{pending, select_all},
};
use model::{
    ambient::Time,
    cache::WatchEvent,
    controllers::{Answer, Call, Controller, Todo, Watch, Worker},
    wire,
};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep, sleep_until},
};

/// Runs a controller for as long as this is polled. One that panics ends alone: it begins anew, with
/// nothing seen, as a process would that is started again.
pub(super) async fn run(core: Arc<Core>, make: Make) {
    let mut patience = RELIST_FIRST;
    loop {
        let controller = make();
        let name = controller.name();
        let member = Member::new(Arc::clone(&core), controller);
        if AssertUnwindSafe(member.run()).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(controller = name, "a controller panicked and begins anew");
        sleep(patience).await;
        patience = (patience * 2).min(RELIST_LONGEST);
    }
}

/// A controller at work.
struct Member {
    core: Arc<Core>,
    worker: Worker<Boxed>,
    streams: Vec<Stream>,
}

/// One of its watches.
struct Stream {
    watch: Watch,
    /// What it reads from, when it stands.
    open: Option<wire::Watch>,
    changes: Receiver<()>,
    /// When it is begun again after it was refused, and how long it waited the last time.
    retry: Instant,
    patience: Duration,
}

impl Member {
    fn new(core: Arc<Core>, controller: Boxed) -> Member {
        let stream = |watch: Watch| Stream {
            changes: core.store.changes(&prefix(&core, &watch)),
            watch,
            open: None,
            retry: Instant::now(),
            patience: RELIST_FIRST,
        };
        Member {
            streams: controller.watches().into_iter().map(stream).collect(),
            worker: Worker::new(controller),
            core,
        }
    }

    /// Runs until it is dropped.
    async fn run(mut self) {
        loop {
            self.see().await;
            match self.worker.next(&ambient(false, false)) {
                Todo::Send(call) => {
                    let answer = self.send(&call).await;
                    if !answer.succeeded() {
                        let controller = self.worker.controller().name();
                        tracing::debug!(controller, code = answer.code, why = answer.why, ?call);
                    }
                    self.worker.answered(&answer, &ambient(false, false));
                }
                Todo::Wait(until) => self.wait(until).await,
            }
        }
    }

    /// Begins the watches that do not stand, and takes what there is to see.
    async fn see(&mut self) {
        for stream in &mut self.streams {
            if stream.open.is_none() && stream.retry <= Instant::now() {
                stream.begin(&self.core, &mut self.worker).await;
            }
            stream.take(&self.core, &mut self.worker);
        }
    }

    async fn send(&self, call: &Call) -> Answer {
        let head = self.worker.head(call);
        let response = loopback::send(&self.core, &head, call.body.bytes().to_vec()).await;
        match encode::body(&response.body) {
            Some((_, body)) => Answer::read(response.code, &body),
            None => Answer::read(response.code, &[]),
        }
    }

    /// Until something is seen, a watch is to be begun again, or the moment has come.
    async fn wait(&mut self, until: Option<Time>) {
        let mut next = until.map(|time| {
            let left = u64::try_from(time.0.saturating_sub(now().0)).unwrap_or_default();
            Instant::now() + Duration::from_micros(left)
        });
        let closed = self.streams.iter().filter(|stream| stream.open.is_none());
        let retry = closed.map(|stream| stream.retry).min();
        next = [next, retry].into_iter().flatten().min();
        let changes = self.streams.iter_mut().map(|stream| {
            // The store's signals live as long as the server.
            Box::pin(async { drop(stream.changes.changed().await) })
        });
        let changed = async {
            // A controller that watches nothing is only woken by the clock.
            if changes.len() == 0 {
                pending().await
            } else {
                select_all(changes).await
            }
        };
        match next {
            Some(moment) => tokio::select! {
                _ = changed => {}
                () = sleep_until(moment) => {}
            },
            None => drop(changed.await),
        }
    }
}

impl Stream {
    async fn begin<C: Controller>(&mut self, core: &Core, worker: &mut Worker<C>) {
        let response = loopback::send(core, &worker.watch(&self.watch), Vec::new()).await;
        if let wire::Body::Watch(open) = response.body {
            worker.begun(&self.watch.api);
            self.open = Some(*open);
            self.patience = RELIST_FIRST;
            return;
        }
        tracing::debug!(
            controller = worker.controller().name(),
            api = ?self.watch.api,
            code = response.code,
            "a watch is refused"
        );
        self.retry = Instant::now() + self.patience;
        self.patience = (self.patience * 2).min(RELIST_LONGEST);
    }

    /// Feeds the worker with what the cache has by now.
    fn take<C: Controller>(&mut self, core: &Core, worker: &mut Worker<C>) {
        let Some(open) = &mut self.open else {
            return;
        };
        // Marked before the poll, so that no change between poll and wait is missed.
        self.changes.borrow_and_update();
        let cache = core.store.cache();
        loop {
            let Ok(events) = open.watcher.poll(&cache, WATCH_EVENTS) else {
                self.open = None;
                self.retry = Instant::now();
                return;
            };
            for event in &events {
                worker.event(&self.watch.api, event);
            }
            if events.len() < WATCH_EVENTS {
                break;
            }
        }
        // That nothing else has happened is news too: it lets go of what waits for it.
        if let Some(bookmark @ WatchEvent::Bookmark { .. }) = open.watcher.bookmark() {
            worker.event(&self.watch.api, &bookmark);
        }
    }
}

/// Where the objects of a watch lie; nothing ever changes under the prefix of what is not served.
fn prefix(core: &Core, watch: &Watch) -> String {
    let api = &watch.api;
    let resource = core
        .config
        .resources
        .find(&api.group, &api.version, &api.resource);
    resource.map_or_else(String::new, |resource| resource.prefix.clone())
}

#[cfg(test)]
mod tests {
    use super::{Boxed, run};
    use crate::{Options, Server};
    use model::{
        ambient::Ambient,
        config::User,
        controllers::{Call, Change, Controller, Item, Name, Outcome, View, Watch, apis},
        etcd::Key,
    };
    use serde_json::json;
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    /// Makes one ConfigMap, but its first instance panics instead.
    struct Clumsy(u32);

    impl Controller for Clumsy {
        fn name(&self) -> &'static str {
            "clumsy"
        }

        fn user(&self) -> User {
            User {
                name: "clumsy".into(),
                groups: vec!["system:masters".into()],
                ..User::default()
            }
        }

        fn watches(&self) -> Vec<Watch> {
            vec![Watch::all(apis::NAMESPACES)]
        }

        fn observe(&mut self, _view: &View, change: &Change, items: &mut Vec<Item>) {
            if change.name == Name::new("", "default") {
                items.push(change.name.clone());
            }
        }

        fn reconcile(&mut self, _view: &View, _item: &Item, _ambient: &Ambient) -> Outcome {
            assert!(self.0 > 0, "the first instance panics");
            let made = json!({"metadata": {"name": "made"}});
            Outcome::calls(vec![Call::create(&apis::CONFIG_MAPS, "default", &made)])
        }
    }

    #[tokio::test]
    async fn a_controller_that_panics_begins_anew() {
        let server = Server::start(Options::default()).await.unwrap();
        let made = Arc::new(AtomicU32::new(0));
        let instances = Arc::clone(&made);
        let make = move || -> Boxed { Box::new(Clumsy(instances.fetch_add(1, Ordering::SeqCst))) };
        let key = Key::from("/registry/configmaps/default/made");
        let mut changes = server.core.store.changes("/registry/configmaps/");
        let seen = async {
            while server.core.store.cache().get(&key).is_none() {
                changes.changed().await.unwrap();
            }
        };
        tokio::select! {
            () = run(Arc::clone(&server.core), Box::new(make)) => panic!("it has ended"),
            () = seen => {}
        }
        assert_eq!(made.load(Ordering::SeqCst), 2);
        server.stop().await;
    }
}
