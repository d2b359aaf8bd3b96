//! The store: its state and the one function that changes it.

/// The store's whole state. A clone is O(1) and is a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Store {}
