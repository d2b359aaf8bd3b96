//! The store behind the server.

mod changes;
mod disk;
mod embedded;
mod log;
mod snapshot;

pub(crate) use embedded::{CommitError, Embedded};
