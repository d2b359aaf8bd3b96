//! A client of a real etcd, which speaks the core's requests and answers: what the core's own
//! etcd machine is held against, and what the server keeps its objects in with `--etcd-servers`.

mod client;
mod connection;
mod convert;
mod error;
mod layout;
mod messages;
mod watch;

pub use client::Client;
pub use connection::Servers;
pub use error::Error;
pub use watch::Watch;
