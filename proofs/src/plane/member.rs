//! A member of a plane: a controller at work, and what is on its way to it.

use super::{Machine, Part, server::Derived};
use model::{
    cache::{WatchEvent, Watcher},
    controllers::{Call, Watch},
    etcd::Revision,
    lifecycle::{Effect, InFlight},
};
use std::{
    collections::VecDeque,
    hash::{Hash, Hasher},
    ops::Deref,
    sync::Arc,
};

/// A controller at work.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// The worker.
    pub machine: Shared,
    /// Its watches.
    pub streams: Vec<Stream>,
    /// Its call, between reading and committing.
    pub(super) going: Option<Going>,
}

/// A watch: what it has to tell.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Of what.
    pub(super) watch: Derived<Watch>,
    /// Where it stands: always at the end, so that it makes no difference; `None` before it begins.
    pub(super) watcher: Derived<Option<Watcher>>,
    /// It has begun.
    pub(super) open: bool,
    /// What is on its way.
    pub(super) pending: VecDeque<WatchEvent>,
}

/// A call that has read and not committed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Going {
    pub(super) call: Call,
    pub(super) request: InFlight,
    pub(super) effect: Effect,
}

/// A machine that states share, whose state was hashed once.
#[derive(Clone)]
pub struct Shared {
    digest: u128,
    machine: Arc<dyn Machine>,
}

impl Shared {
    pub(super) fn new(machine: Box<dyn Machine>) -> Shared {
        Shared {
            digest: machine.digest(),
            machine: machine.into(),
        }
    }
}

impl Deref for Shared {
    type Target = dyn Machine;

    fn deref(&self) -> &(dyn Machine + 'static) {
        &*self.machine
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        Arc::ptr_eq(&self.machine, &other.machine)
            || (self.digest == other.digest && self.machine.same(&*other.machine))
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.digest);
    }
}

impl Member {
    pub(super) fn new(part: &Part) -> Member {
        Member::begin(part.begin())
    }

    /// A member that has seen nothing and watches nothing yet.
    pub(super) fn begin(machine: Box<dyn Machine>) -> Member {
        let streams = machine.watches().into_iter().map(|watch| Stream {
            watch: Derived(watch),
            watcher: Derived(None),
            open: false,
            pending: VecDeque::new(),
        });
        Member {
            streams: streams.collect(),
            machine: Shared::new(machine),
            going: None,
        }
    }

    /// Everything that has happened has been told to it.
    #[must_use]
    pub fn has_seen_all(&self) -> bool {
        let told = |stream: &Stream| stream.open && stream.pending.is_empty();
        self.going.is_none() && self.streams.iter().all(told)
    }

    /// The stream whose next event is the oldest in the store.
    pub(super) fn oldest(&self) -> Option<usize> {
        let streams = self.streams.iter().enumerate();
        let next = streams.filter_map(|(index, stream)| {
            let event = stream.pending.front()?;
            Some((revision(event), index))
        });
        next.min().map(|(_, index)| index)
    }
}

pub(super) fn revision(event: &WatchEvent) -> Revision {
    match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
            object.revision()
        }
        WatchEvent::Bookmark { revision, .. } => *revision,
    }
}
