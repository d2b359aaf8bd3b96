//! Faults around the controllers of a plane: between them and the API server.

use super::requests;
use model::{cache::WatchEvent, controllers::Call, wire::Head};

/// What is broken.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The store, or the way to it.
    Store(requests::Fault),
    /// What controllers send is changed on its way.
    Call(fn(&mut Call)),
    /// Watches are asked for in another way.
    Watch(fn(&mut Head)),
    /// Events of which this is true never come.
    Event(fn(&WatchEvent) -> bool),
}
