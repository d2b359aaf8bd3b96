//! One client: the request that it has on its way, and what it has lived through.

use super::menu::{Form, Request};
use model::{
    etcd::Revision,
    frozen::Frozen,
    lifecycle::{Effect, InFlight, audit},
    object::Object,
    wire::{Body, Response},
};
use serde_json::Value;
use std::fmt;

/// A client and its last request.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// The request that waits for the store, and for what.
    pub waiting: Option<(InFlight, Effect)>,
    /// What has become of the last request so far; earlier ones have been looked at.
    pub record: Option<Record>,
}

/// What a request has lived through: history that the core does not have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The request.
    pub request: Request,
    /// How many the client had sent before.
    pub number: usize,
    /// The store's revision when it was first asked for something.
    pub began: Revision,
    /// How often the store was asked for something, a commit or a read.
    pub effects: u8,
    /// How often the store was asked for a commit.
    pub asked: u8,
    /// What the store's revision became in each effect of this request that changed it.
    pub commits: Vec<Revision>,
    /// How often the answer to a commit was that somebody else was first.
    pub lost: u8,
    /// Its audit events: stage, user, code.
    pub audited: Vec<(audit::Stage, String, Option<u16>)>,
    /// The answer.
    pub answer: Option<Answer>,
}

/// What a client was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// The store's revision at that moment.
    pub at: Revision,
    /// What it shows.
    pub shown: Shown,
}

/// What an answer shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shown {
    /// A stored object.
    Object(Object),
    /// A list: its resourceVersion and its objects.
    List(Revision, Vec<Object>),
    /// A document: a `Status`, or an object that is not stored so.
    Document(Frozen),
}

impl fmt::Debug for Client {
    /// For stories: what it waits for, without everything that the request machine knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Client");
        told.field("record", &self.record);
        match &self.waiting {
            None => {}
            Some((_, Effect::Commit(txn) | Effect::CommitForAWhile(txn, _))) => {
                told.field("commits_if", &txn.compare);
                told.field("what", &txn.success);
            }
            Some((_, Effect::Read(range))) => {
                told.field("reads", &range.keys);
            }
            Some((_, effect)) => {
                told.field("waits_for", effect);
            }
        }
        told.finish()
    }
}

impl Record {
    /// The request's form.
    #[must_use]
    pub fn form(&self) -> &'static Form {
        self.request.form()
    }

    /// The answer, when it says that the request succeeded.
    #[must_use]
    pub fn success(&self) -> Option<&Answer> {
        self.answer.as_ref().filter(|answer| answer.code < 300)
    }

    /// The answer's code.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.code)
    }
}

impl Answer {
    /// What a response shows, at this revision of the store.
    #[must_use]
    pub fn new(response: &Response, at: Revision) -> Answer {
        let shown = match &response.body {
            Body::Object(_, object) => Shown::Object(object.clone()),
            Body::List(_, list) => Shown::List(
                version(&list.metadata, "/resourceVersion"),
                list.items.clone(),
            ),
            Body::Document { bytes, .. } | Body::Bytes { bytes, .. } => {
                Shown::Document(bytes.clone())
            }
            Body::Watch(_) | Body::Metrics | Body::Debug(_) | Body::OpenApi(_) => {
                Shown::Document(Frozen::default())
            }
        };
        Answer {
            code: response.code,
            at,
            shown,
        }
    }

    /// The resourceVersion that it shows.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match &self.shown {
            Shown::Object(object) => object.revision(),
            Shown::List(revision, _) => *revision,
            Shown::Document(bytes) => {
                let text = core::str::from_utf8(bytes.bytes()).unwrap_or_default();
                version(text, "/metadata/resourceVersion")
            }
        }
    }
}

/// The revision at a place in a document; 0 when there is none.
fn version(text: &str, place: &str) -> Revision {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let told = document.pointer(place).and_then(Value::as_str);
    Revision(told.and_then(|told| told.parse().ok()).unwrap_or_default())
}
