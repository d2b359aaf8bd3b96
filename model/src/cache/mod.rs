//! The watch cache of one API server.

use crate::etcd::Revision;

/// One API server's view of the store. A clone is O(1) and is a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cache {
    revision: Revision,
}

/// A cursor over the cache.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watcher {}
