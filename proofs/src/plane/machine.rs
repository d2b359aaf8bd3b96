//! A controller at work, whichever it is.

use model::{
    ambient::Ambient,
    cache::WatchEvent,
    controllers::{Answer, Api, Call, Controller, Todo, View, Watch, Worker},
    wire::Head,
};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::{any::Any, fmt, hash, sync::Arc};

/// What a plane needs of a [`Worker`], whatever its controller is.
pub trait Machine: Send + Sync {
    /// The controller's name.
    fn name(&self) -> &'static str;
    /// What it watches.
    fn watches(&self) -> Vec<Watch>;
    /// The request for a watch's events.
    fn watch(&self, watch: &Watch) -> Head;
    /// The request of a call.
    fn head(&self, call: &Call) -> Head;
    /// A watch has begun.
    fn begun(&mut self, api: &Api);
    /// Takes an event.
    fn event(&mut self, api: &Api, event: &WatchEvent);
    /// What is to be done.
    fn next(&mut self, ambient: &Ambient) -> Todo;
    /// Takes an answer.
    fn answered(&mut self, answer: &Answer, ambient: &Ambient);
    /// What it has seen.
    fn view(&self) -> &View;
    /// The controller.
    fn controller(&self) -> &dyn Any;
    /// The same machine again.
    fn copy(&self) -> Box<dyn Machine>;
    /// It is the same machine in the same state.
    fn same(&self, other: &dyn Machine) -> bool;
    /// 128 bits of the whole state.
    fn digest(&self) -> u128;
    /// What it is after a crash: nothing that it has seen is left.
    fn crashed(&self, part: &Part) -> Box<dyn Machine>;
    /// For [`Machine::same`].
    fn any(&self) -> &dyn Any;
}

/// What a controller must be for the checker: its state can be copied and compared.
pub trait Checkable:
    Controller + Clone + fmt::Debug + Eq + hash::Hash + Send + Sync + 'static
{
}

impl<C> Checkable for C where
    C: Controller + Clone + fmt::Debug + Eq + hash::Hash + Send + Sync + 'static
{
}

/// A controller's part in a plane: how it begins, and what a crash leaves of it.
#[derive(Clone)]
pub struct Part {
    /// What it is called in stories.
    pub name: &'static str,
    /// As it begins.
    fresh: Arc<dyn Machine>,
    /// What a crash leaves, made of the controller before it.
    survives: Option<Arc<Survives>>,
}

/// Makes the machine that begins after a crash of this controller.
type Survives = dyn Fn(&dyn Any) -> Box<dyn Machine> + Send + Sync;

impl Part {
    /// A controller, of which a crash leaves nothing.
    #[must_use]
    pub fn new<C: Checkable>(name: &'static str, controller: C) -> Part {
        Part {
            name,
            fresh: Arc::new(Worker::new(controller)),
            survives: None,
        }
    }

    /// A controller of which something survives a crash: a kubelet's container runtime.
    #[must_use]
    pub fn surviving<C: Checkable>(
        name: &'static str,
        controller: C,
        left: impl Fn(&C) -> C + Send + Sync + 'static,
    ) -> Part {
        let survives = move |before: &dyn Any| -> Box<dyn Machine> {
            let before = before.downcast_ref::<C>().expect("it is this controller");
            Box::new(Worker::new(left(before)))
        };
        Part {
            survives: Some(Arc::new(survives)),
            ..Part::new(name, controller)
        }
    }

    pub(super) fn begin(&self) -> Box<dyn Machine> {
        self.fresh.copy()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl<C: Checkable> Machine for Worker<C> {
    fn name(&self) -> &'static str {
        Worker::controller(self).name()
    }

    fn watches(&self) -> Vec<Watch> {
        Worker::controller(self).watches()
    }

    fn watch(&self, watch: &Watch) -> Head {
        Worker::watch(self, watch)
    }

    fn head(&self, call: &Call) -> Head {
        Worker::head(self, call)
    }

    fn begun(&mut self, api: &Api) {
        Worker::begun(self, api);
    }

    fn event(&mut self, api: &Api, event: &WatchEvent) {
        Worker::event(self, api, event);
    }

    fn next(&mut self, ambient: &Ambient) -> Todo {
        Worker::next(self, ambient)
    }

    fn answered(&mut self, answer: &Answer, ambient: &Ambient) {
        Worker::answered(self, answer, ambient);
    }

    fn view(&self) -> &View {
        Worker::view(self)
    }

    fn controller(&self) -> &dyn Any {
        let controller: &C = Worker::controller(self);
        controller
    }

    fn copy(&self) -> Box<dyn Machine> {
        Box::new(self.clone())
    }

    fn same(&self, other: &dyn Machine) -> bool {
        other.any().downcast_ref::<Self>() == Some(self)
    }

    fn digest(&self) -> u128 {
        let mut hasher = SipHasher13::new();
        hash::Hash::hash(self, &mut hasher);
        hasher.finish128().as_u128()
    }

    fn crashed(&self, part: &Part) -> Box<dyn Machine> {
        match &part.survives {
            Some(survives) => survives(Machine::controller(self)),
            None => part.begin(),
        }
    }

    fn any(&self) -> &dyn Any {
        self
    }
}
