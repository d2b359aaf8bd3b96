//! The store behind the server.

mod changes;
mod embedded;
mod log;
mod snapshot;

pub(crate) use embedded::{CommitError, Embedded};
