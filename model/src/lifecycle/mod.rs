//! One request's way: authenticate → authorize → read the body → decode → admit → validate →
//! store → respond, with audit events on the way.
//!
//! It is a resumable machine: where it needs the outside it stops with an [`Effect`], and goes on
//! with the [`Event`] that answers it. Between the two another request may run: that gap is where
//! the bugs of control planes live, and the checker sees it.

pub mod attributes;
pub mod audit;
pub mod authenticate;
pub mod authorize;
pub mod negotiate;
pub mod query;
pub mod route;

use crate::{
    cache::Cache,
    etcd::{self, Range, RangeResponse, Revision, Txn, TxnResponse},
    frozen::Frozen,
    wire::{BodyError, Response},
};
use alloc::{string::String, vec::Vec};

/// What the core wants done. The driver does it and calls [`InFlight::resume`] with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Read the request's body, at most so many bytes. Reads nothing shared.
    Body {
        /// Above this many bytes the answer is [`BodyError::TooLarge`].
        limit: usize,
    },
    /// A snapshot of this server's watch cache, once it has reached the revision; when it does not
    /// within [`crate::limits::FRESHNESS_WAIT_MILLISECONDS`], as it is. With revision 0, at once.
    Cache {
        /// The revision that the snapshot must have reached.
        at_least: Revision,
    },
    /// The store's newest revision, by a linearizable read.
    Revision,
    /// A linearizable read of the store.
    Read(Range),
    /// A transaction: answered only when it is durable.
    Commit(Txn),
}

/// What the outside answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// To [`Effect::Body`]: JSON or patch bytes.
    Body(Result<Frozen, BodyError>),
    /// To [`Effect::Cache`].
    Cache(Cache),
    /// To [`Effect::Revision`].
    Revision(Revision),
    /// To [`Effect::Read`].
    Read(Result<RangeResponse, etcd::Error>),
    /// To [`Effect::Commit`].
    Committed(Result<TxnResponse, etcd::Error>),
    /// To any effect on the store: it cannot be reached, or whether the commit happened is not
    /// known. The text is for people.
    Unavailable(String),
    /// The request's time is over (`--request-timeout`).
    Deadline,
}

/// What a step of the machine came to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Audit events that this step has made, oldest first: to be logged before the answer goes
    /// out.
    pub audit: Vec<audit::Event>,
    /// On, or done.
    pub next: Next,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// Do this, then resume.
    Wait(InFlight, Effect),
    /// Answer this.
    Done(Response),
}

/// A request between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InFlight {}
