//! Why a server did not start.

use std::{fmt, path::Path};

/// For people: what is wrong with a flag, a file or a port, and with which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartError(pub String);

impl StartError {
    /// What went wrong with the file or directory at `path`.
    pub(crate) fn at(path: &Path, why: impl fmt::Display) -> StartError {
        StartError(format!("{}: {why}", path.display()))
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
