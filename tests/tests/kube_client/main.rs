//! The `kube` crate as a second real client.

mod connect;
mod random;
mod reflector;
mod resume;
mod typed;
