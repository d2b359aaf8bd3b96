//! What the store has on disk: the log, snapshots of the state, and a lock on both.

use super::{log, log::Log, snapshot};
use crate::{
    error::StartError,
    files::{make_directory, remove_unfinished},
    limits::LOG_BYTES,
};
use model::etcd::Store;
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

/// What the store has on disk.
pub(super) struct Disk {
    directory: PathBuf,
    pub(super) log: Log,
    /// Held while the store is open.
    _lock: File,
    /// The log's size at which the next snapshot is due.
    pub(super) due: u64,
    snapshot: Option<JoinHandle<Option<u64>>>,
}

impl Disk {
    pub(super) fn open(directory: &Path) -> Result<(Store, Disk), StartError> {
        make_directory(directory)?;
        let lock = lock(&directory.join("lock"))?;
        remove_unfinished(directory).map_err(|why| StartError::at(directory, why))?;
        let (mut store, sequence, size) = snapshot::read(directory)?;
        let log = Log::recover(directory, sequence, |command| {
            // Only what the store took was logged.
            store
                .apply(&command)
                .map(|_| ())
                .map_err(|why| why.to_string())
        })?;
        log::remove_before(directory, sequence)?;
        let due = LOG_BYTES.max(size);
        let disk = Disk {
            directory: directory.to_owned(),
            log,
            _lock: lock,
            due,
            snapshot: None,
        };
        Ok((store, disk))
    }

    /// Begins a snapshot in the background when the log has grown enough since the last one.
    pub(super) fn snapshot_if_due(&mut self, store: &Store) {
        if self.snapshot.as_ref().is_some_and(JoinHandle::is_finished) {
            self.end_snapshot();
        }
        if self.snapshot.is_some() || self.log.bytes() < self.due {
            return;
        }
        if let Err(why) = self.log.rotate() {
            tracing::error!(%why, "cannot begin a new segment of the log");
            self.due += LOG_BYTES;
            return;
        }
        let (store, sequence, directory) = (store.clone(), self.log.next(), self.directory.clone());
        let write = move || {
            let written = snapshot::write(&directory, sequence, &store)
                .and_then(|size| log::remove_before(&directory, sequence).map(|()| size));
            written
                .inspect_err(|why| tracing::error!(%why, "the log cannot be shortened"))
                .ok()
        };
        self.snapshot = thread::Builder::new()
            .name("snapshot".into())
            .spawn(write)
            .inspect_err(|why| tracing::error!(%why, "cannot start a thread"))
            .ok();
    }

    fn end_snapshot(&mut self) {
        let size = self
            .snapshot
            .take()
            .and_then(|thread| thread.join().ok().flatten());
        self.due = LOG_BYTES.max(size.unwrap_or_default());
    }

    pub(super) fn close(mut self) {
        self.end_snapshot();
    }
}

fn lock(path: &Path) -> Result<File, StartError> {
    let file = File::create(path).map_err(|why| StartError::at(path, why))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::at(
            path,
            "another server uses this data directory",
        )),
        Err(TryLockError::Error(why)) => Err(StartError::at(path, why)),
    }
}
