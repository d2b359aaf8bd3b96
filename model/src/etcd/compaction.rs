//! Compaction: history below a revision is forgotten.

use super::{Error, Revision, Store};

impl Store {
    /// Forgets what was below `revision`, which stays readable itself; no key goes, and no revision
    /// is added.
    ///
    /// # Errors
    /// [`Error::Compacted`] at or below the compacted revision, [`Error::FutureRevision`] above the
    /// newest.
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        match self.history.compacted() {
            Some(compacted) if revision <= compacted => Err(Error::Compacted(compacted)),
            _ if revision > self.revision => Err(Error::FutureRevision(self.revision)),
            _ => {
                self.history.forget(revision);
                Ok(())
            }
        }
    }
}
