//! Where audit events go: one JSON object a line (`audit.k8s.io/v1`), before the answer goes out.

use crate::error::StartError;
use model::lifecycle::audit::Event;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What `--audit-log-path` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AuditLog {
    /// Nowhere.
    #[default]
    None,
    /// To standard output (`-`).
    Stdout,
    /// To the end of a file.
    File(PathBuf),
}

/// An open log.
pub(crate) enum Audit {
    None,
    Stdout,
    File(Mutex<File>),
}

impl Audit {
    pub(crate) fn open(log: &AuditLog) -> Result<Audit, StartError> {
        Ok(match log {
            AuditLog::None => Audit::None,
            AuditLog::Stdout => Audit::Stdout,
            AuditLog::File(path) => Audit::File(Mutex::new(append(path)?)),
        })
    }

    /// Writes the events, oldest first.
    pub(crate) fn write(&self, events: &[Event]) {
        if events.is_empty() || matches!(self, Audit::None) {
            return;
        }
        let mut lines = Vec::new();
        for event in events {
            lines.extend(event.json().to_string().into_bytes());
            lines.push(b'\n');
        }
        let written = match self {
            Audit::None => Ok(()),
            Audit::Stdout => io::stdout().lock().write_all(&lines),
            Audit::File(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write_all(&lines),
        };
        if let Err(why) = written {
            tracing::error!(%why, "audit events are lost");
        }
    }
}

fn append(path: &Path) -> Result<File, StartError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|why| StartError::at(path, format!("the audit log cannot be opened: {why}")))
}
