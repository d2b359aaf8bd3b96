//! Strategies and fixtures for tests of the API server, for users too.

pub mod etcd_reference;
pub mod in_memory;
pub mod live;
pub mod strategies;
