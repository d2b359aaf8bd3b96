//! A Kubernetes API server around the checked core: connections, disks and the clock.

mod ambient;
mod certificates;
mod error;
mod files;
mod limits;
mod store;
#[cfg(test)]
mod temporary_directory;
mod yaml;

pub use error::StartError;
