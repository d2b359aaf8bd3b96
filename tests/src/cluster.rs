//! A control plane without processes: one API server in memory and controllers around it, on a
//! clock that only moves when nothing else is left to do.

use crate::in_memory::InMemory;
use model::{
    ambient::{Ambient, Time},
    config::Config,
    controllers::{Answer, Controller, Todo, Watch, Worker},
    wire::{self, Head},
};
use serde_json::Value;

/// The server and its controllers.
pub struct Cluster {
    /// The API server.
    pub server: InMemory,
    members: Vec<Member>,
    steps: u64,
}

/// A controller and where its watches stand.
struct Member {
    worker: Worker<Box<dyn Controller>>,
    watches: Vec<(Watch, Option<wire::Watch>)>,
}

impl Cluster {
    /// A server with that configuration and no controllers.
    #[must_use]
    pub fn new(config: Config) -> Cluster {
        Cluster {
            server: InMemory::new(config),
            members: Vec::new(),
            steps: 0,
        }
    }

    /// Adds a controller.
    pub fn add(&mut self, controller: impl Controller + 'static) {
        let watches = controller.watches();
        self.members.push(Member {
            worker: Worker::new(Box::new(controller)),
            watches: watches.into_iter().map(|watch| (watch, None)).collect(),
        });
    }

    /// The controllers of that user crash: what they know is lost.
    pub fn stop(&mut self, user: &str) {
        self.members
            .retain(|member| member.worker.controller().user().name != user);
    }

    /// Sends a request as the administrator, and panics when it is refused.
    pub fn send(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let content_type = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let head = Head {
            method: method.into(),
            path: path.into(),
            headers: vec![("content-type".into(), content_type.into())],
            certificate: Some(administrator()),
            ..Head::default()
        };
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let answer = self.server.send(&head, &body);
        let told = answer.json();
        assert!(answer.code < 300, "{method} {path}: {told}");
        told
    }

    /// The object at a path, null when it is not there.
    pub fn get(&mut self, path: &str) -> Value {
        let head = Head {
            method: "GET".into(),
            path: path.into(),
            certificate: Some(administrator()),
            ..Head::default()
        };
        let answer = self.server.send(&head, &[]);
        if answer.code == 404 {
            return Value::Null;
        }
        answer.json()
    }

    /// The items of the list at a path.
    pub fn list(&mut self, path: &str) -> Vec<Value> {
        match self.get(path)["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// Runs until no controller has anything to do at this moment.
    pub fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for index in 0..self.members.len() {
                busy |= self.turn(index);
            }
        }
    }

    /// Runs, and moves the clock to what is due next, until `done` or for at most so many
    /// microseconds of that clock; true when it is done.
    pub fn run_until(&mut self, most: i64, mut done: impl FnMut(&mut Cluster) -> bool) -> bool {
        let end = self.server.now.0.saturating_add(most);
        loop {
            self.settle();
            if done(self) {
                return true;
            }
            let due = (0..self.members.len()).filter_map(|index| self.due(index));
            let Some(due) = due.collect::<Vec<_>>().into_iter().min() else {
                return false;
            };
            if due.0 > end {
                return false;
            }
            self.server.now = self.server.now.max(due);
        }
    }

    /// One controller sees what there is to see and sends what it wants to; true when it has sent
    /// something.
    fn turn(&mut self, index: usize) -> bool {
        self.see(index);
        let mut busy = false;
        loop {
            let ambient = self.ambient();
            let member = &mut self.members[index];
            let Todo::Send(call) = member.worker.next(&ambient) else {
                return busy;
            };
            busy = true;
            self.steps += 1;
            let head = member.worker.head(&call);
            let answer = self.server.send(&head, call.body.bytes());
            let answer = Answer::read(answer.code, &answer.bytes);
            let member = &mut self.members[index];
            member.worker.answered(&answer, &ambient);
            self.see(index);
        }
    }

    fn due(&mut self, index: usize) -> Option<Time> {
        let ambient = self.ambient();
        match self.members[index].worker.next(&ambient) {
            Todo::Send(_) => Some(ambient.now),
            Todo::Wait(time) => time,
        }
    }

    fn see(&mut self, index: usize) {
        let member = &mut self.members[index];
        for (watch, stream) in &mut member.watches {
            let events = loop {
                let open = stream.get_or_insert_with(|| {
                    let open = self.server.watch(&member.worker.watch(watch));
                    member.worker.begun(&watch.api);
                    open.unwrap_or_else(|| panic!("the watch of {:?} is refused", watch.api))
                });
                match open.watcher.poll(self.server.cache(), usize::MAX) {
                    Ok(events) => break events,
                    // It has fallen behind the window, and begins anew.
                    Err(_) => *stream = None,
                }
            };
            for event in events {
                member.worker.event(&watch.api, &event);
            }
            let bookmark = stream.as_mut().and_then(|open| open.watcher.bookmark());
            if let Some(bookmark) = bookmark {
                member.worker.event(&watch.api, &bookmark);
            }
        }
    }

    fn ambient(&self) -> Ambient {
        Ambient {
            now: self.server.now,
            seed: u128::from(self.steps).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            ..Ambient::default()
        }
    }
}

fn administrator() -> wire::Certificate {
    wire::Certificate {
        common_name: "admin".into(),
        organizations: vec!["system:masters".into()],
    }
}
