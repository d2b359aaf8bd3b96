//! A directory for one test.

use std::path::{Path, PathBuf};

/// Removed when dropped.
pub(crate) struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    pub(crate) fn new() -> TemporaryDirectory {
        let name = format!("trueplane-{:032x}", crate::ambient::seed());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        TemporaryDirectory(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
