//! Strategies and fixtures for tests of the API server, for users too.

pub mod balancer;
pub mod client;
pub mod cluster;
pub mod etcd;
pub mod etcd_reference;
pub mod flaky;
pub mod in_memory;
pub mod live;
pub mod process;
pub mod reflector;
pub mod strategies;
