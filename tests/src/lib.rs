//! Strategies and fixtures for tests of the API server, for users too.

pub mod etcd_reference;
pub mod strategies;
pub mod live;
