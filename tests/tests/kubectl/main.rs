//! The machine's own kubectl against a server of this process, over a real socket.
//!
//! Each test has a server of its own. What kubectl prints is what is asserted: that is what its
//! users see, and it shows what went over the wire.

mod auth;
mod change;
mod delete;
mod discovery;
mod etcd;
mod flow;
mod get;
mod manifests;
mod tool;
mod watch;
