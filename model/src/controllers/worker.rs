//! What runs a controller: its view, its queue, the calls of the item that it works on.

use super::{
    Answer, Api, Awaited, Call, Change, Controller, Item, Outcome, View, Watch, call::watch_head,
    queue::Queue,
};
use crate::{
    ambient::{Ambient, Time},
    cache::WatchEvent,
    etcd::Revision,
    wire::Head,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};

/// A controller at work: a deterministic machine that a driver feeds with the events of its watches
/// and with answers, and asks what is to be done.
///
/// After a call has succeeded, its item is held until the view shows what was written (the
/// resourceVersion of the answer, or that what was deleted is gone). So a controller never decides
/// on a view older than its own writes, and needs no expectations of its own; resourceVersions of
/// one resource may be compared since Kubernetes 1.35 (KEP-5504).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker<C> {
    controller: C,
    view: View,
    queue: Queue,
    current: Option<Current>,
    held: BTreeMap<Item, Vec<Expected>>,
}

/// The item that is worked on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Current {
    item: Item,
    /// Not yet sent; the first is the one in flight when `sent`.
    calls: VecDeque<Call>,
    sent: bool,
}

/// What the view must show.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Expected {
    /// Everything of a resource up to a revision.
    Seen(Api, Revision),
    /// What the call asks for.
    Awaited(Api, Awaited),
}

/// What a worker wants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Todo {
    /// Send this, then tell [`Worker::answered`].
    Send(Box<Call>),
    /// Nothing before an event comes or this time.
    Wait(Option<Time>),
}

impl<C: Controller> Worker<C> {
    /// A worker that has seen nothing.
    #[must_use]
    pub fn new(controller: C) -> Worker<C> {
        let apis = controller.watches().into_iter().map(|watch| watch.api);
        let mut queue = Queue::default();
        for item in controller.first() {
            queue.add(item);
        }
        Worker {
            view: View::new(apis),
            controller,
            queue,
            current: None,
            held: BTreeMap::new(),
        }
    }

    /// The controller.
    #[must_use]
    pub fn controller(&self) -> &C {
        &self.controller
    }

    /// The controller, to be told what no watch says.
    pub fn controller_mut(&mut self) -> &mut C {
        &mut self.controller
    }

    /// What it has seen.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The request that begins a watch; once it is granted, [`Worker::begun`], then its events.
    #[must_use]
    pub fn watch(&self, watch: &Watch) -> Head {
        watch_head(watch, &self.controller.watches_as(), self.controller.name())
    }

    /// The head of a call's request.
    #[must_use]
    pub fn head(&self, call: &Call) -> Head {
        call.head(&self.controller.user(), self.controller.name())
    }

    /// A watch of `api` has begun: its initial state comes, then what changes.
    pub fn begun(&mut self, api: &Api) {
        self.view.begin(api);
    }

    /// Takes an event of the watch of `api`.
    pub fn event(&mut self, api: &Api, event: &WatchEvent) {
        let mut changes = Vec::new();
        self.view.take(api, event, &mut changes);
        let mut items = Vec::new();
        for change in &changes {
            self.observe(change, &mut items);
        }
    }

    fn observe(&mut self, change: &Change, items: &mut Vec<Item>) {
        self.controller.observe(&self.view, change, items);
        for item in items.drain(..) {
            self.queue.add(item);
        }
    }

    /// This item is to be looked at: what a timer or another machine says.
    pub fn look_at(&mut self, item: Item) {
        self.queue.add(item);
    }

    /// What is to be done now. After [`Todo::Send`] the answer must come before the next call.
    pub fn next(&mut self, ambient: &Ambient) -> Todo {
        if !self.view.synced() {
            return Todo::Wait(None);
        }
        loop {
            if let Some(current) = &mut self.current {
                if let Some(call) = current.calls.front() {
                    current.sent = true;
                    return Todo::Send(Box::new(call.clone()));
                }
                self.queue.succeeded(&current.item);
                self.current = None;
            }
            self.release();
            let held = &self.held;
            let next = self
                .queue
                .next(ambient.now, |item| !held.contains_key(item));
            let Some(item) = next else {
                return Todo::Wait(self.queue.due());
            };
            let Outcome { calls, again } = self.controller.reconcile(&self.view, &item, ambient);
            if let Some(time) = again {
                self.queue.add_at(item.clone(), time);
            }
            self.current = Some(Current {
                item,
                calls: calls.into(),
                sent: false,
            });
        }
    }

    /// The answer to the call that was last sent has come, or will not come any more.
    pub fn answered(&mut self, answer: &Answer, ambient: &Ambient) {
        let Some(current) = &mut self.current else {
            return;
        };
        if !core::mem::take(&mut current.sent) {
            return;
        }
        let Some(call) = current.calls.pop_front() else {
            return;
        };
        self.controller.answered(&current.item, &call, answer);
        // What is to be deleted and is not there is what was wanted; to a question it is an answer.
        let asks = call.method == "GET" || matches!(call.awaited, Some(Awaited::Gone(..)));
        let gone = answer.code == 404 && asks;
        if answer.succeeded() || gone {
            let expected = expected(call, answer, &self.view);
            if let Some(expected) = expected {
                let item = current.item.clone();
                self.held.entry(item).or_default().push(expected);
            }
        } else if !call.optional {
            let item = current.item.clone();
            self.current = None;
            self.queue.failed(item, ambient.now);
        }
    }

    /// Lets go of the items for which the view shows what it must.
    fn release(&mut self) {
        let view = &self.view;
        self.held.retain(|_, expected| {
            expected.retain(|it| !it.shown(view));
            !expected.is_empty()
        });
    }
}

/// What the view must show after a call was answered so; nothing when it does not watch that.
fn expected(call: Call, answer: &Answer, view: &View) -> Option<Expected> {
    view.revision(&call.about)?;
    match call.awaited {
        Some(awaited) => Some(Expected::Awaited(call.about, awaited)),
        None => Some(Expected::Seen(call.about, answer.revision?)),
    }
}

impl Expected {
    fn shown(&self, view: &View) -> bool {
        match self {
            Expected::Awaited(_, Awaited::Nothing) => true,
            Expected::Seen(api, revision) => view.revision(api) >= Some(*revision),
            Expected::Awaited(api, Awaited::Gone(name, uid)) => {
                view.get(api, name).is_none_or(|object| {
                    object.meta().uid != *uid || object.meta().deletion_timestamp.is_some()
                })
            }
            Expected::Awaited(api, Awaited::Newer(name, seen)) => {
                let object = view.get(api, name);
                object.is_none_or(|object| object.revision() > *seen)
            }
        }
    }
}
