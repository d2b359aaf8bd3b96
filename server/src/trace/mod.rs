//! The way of a pod through every component, told from what the running server has audited, what
//! its simulated nodes have started and what their proxies forward.

mod html;
mod text;
mod way;

pub(crate) use way::Way;

use crate::limits::TRACED;
use model::{
    ambient::Time,
    lifecycle::{Next, Step, audit, context::Context},
    object::Object,
    wire::Body,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// What has happened in this process.
#[derive(Default)]
pub(crate) struct Trace {
    /// The newest things, the oldest first.
    entries: Mutex<VecDeque<Entry>>,
    /// The forwarding table of each node's proxy, for people.
    tables: Mutex<BTreeMap<String, String>>,
}

/// One thing that has happened.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) at: Time,
    pub(crate) what: What,
}

/// What has happened.
#[derive(Clone)]
pub(crate) enum What {
    /// A request that writes was answered.
    Request {
        context: Arc<Context>,
        code: u16,
        /// The object that was answered.
        object: Option<Object>,
    },
    /// A container runtime did something for a pod.
    Runtime {
        node: String,
        uid: String,
        done: String,
    },
    /// A proxy forwards a service port to other addresses than before.
    Rules {
        node: String,
        service: String,
        addresses: Vec<String>,
    },
}

impl Trace {
    /// Remembers a step of the lifecycle if it ends a request that writes.
    pub(crate) fn step(&self, step: &Step) {
        let (Next::Done(response), Some(event)) = (&step.next, step.audit.last()) else {
            return;
        };
        let attributes = &event.context.attributes;
        if event.stage != audit::Stage::ResponseComplete
            || !attributes.is_resource
            || attributes.read_only()
        {
            return;
        }
        self.add(Entry {
            // What follows from a write may happen before its answer goes out, but not before the
            // request came in.
            at: event.context.received,
            what: What::Request {
                context: Arc::clone(&event.context),
                code: response.code,
                object: match &response.body {
                    Body::Object(_, object) => Some(object.clone()),
                    _ => None,
                },
            },
        });
    }

    /// Remembers something; the oldest is forgotten for it.
    pub(crate) fn add(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= TRACED {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    /// The forwarding table of a node's proxy.
    pub(crate) fn table(&self, node: &str) -> Option<String> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get(node).cloned()
    }

    /// A node's proxy has a new table.
    pub(crate) fn set_table(&self, node: &str, table: String) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.insert(node.to_owned(), table);
    }

    /// All that is remembered, in the order in which it began.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries: Vec<Entry> = entries.iter().cloned().collect();
        entries.sort_by_key(|entry| entry.at);
        entries
    }
}
