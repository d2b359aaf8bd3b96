//! A Kubernetes API server around the checked core: connections, disks, the clock.
//!
//! `listen → drive → model::lifecycle → store → encode` is a request's way; `store → stream` a
//! watch's. A test starts one in its own process with [`Server::start`].

mod accounts;
mod ambient;
pub mod ask;
mod audit;
mod bootstrap;
mod certificates;
mod controllers;
mod decode;
mod drive;
mod duration;
mod encode;
mod error;
pub mod etcd;
mod files;
pub mod flags;
pub mod limits;
mod listen;
mod loopback;
mod metrics;
mod options;
mod seen;
mod server;
mod stall;
mod store;
mod stream;
#[cfg(test)]
mod temporary_directory;
mod tls;
mod trace;
pub mod yaml;

pub use audit::AuditLog;
pub use certificates::Identity;
pub use controllers::{ControllerChoice, names as controller_names};
pub use error::StartError;
pub use options::{Options, read_tokens};
pub use server::{Running, Server};
