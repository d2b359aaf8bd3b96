//! Snapshots: the store's whole state in one file, so that the log before it can go.

use super::log::numbered;
use crate::{
    error::StartError,
    files::{replace, sync_directory},
};
use model::etcd::{Dump, Store};
use std::{
    fs,
    io::{self, BufWriter, Write},
    path::Path,
};

/// At the start of a snapshot; the digit is the version of the format.
const SNAPSHOT: &[u8; 16] = b"TRUEPLANE SNAP 1";
/// The checksum at the end.
const CHECKSUM: usize = 4;

/// Writes the state after all commands before `sequence`, and removes older snapshots. Answers the
/// file's size in bytes.
pub(super) fn write(directory: &Path, sequence: u64, store: &Store) -> Result<u64, StartError> {
    let path = directory.join(format!("snapshot-{sequence:020}"));
    let mut size = 0;
    replace(&path, |file| {
        let mut out = Checked {
            inner: BufWriter::new(file),
            crc: crc32fast::Hasher::new(),
            size: 0,
        };
        out.write_all(SNAPSHOT)?;
        postcard::to_io(&store.dump(), &mut out).map_err(io::Error::other)?;
        let crc = out.crc.clone().finalize();
        out.write_all(&crc.to_le_bytes())?;
        size = out.size;
        out.flush()
    })
    .map_err(|why| StartError::at(&path, format!("cannot write the snapshot: {why}")))?;
    for (older, path) in numbered(directory, "snapshot-")? {
        if older < sequence {
            fs::remove_file(&path).map_err(|why| StartError::at(&path, why))?;
        }
    }
    sync_directory(&path).map_err(|why| StartError::at(directory, why))?;
    Ok(size)
}

/// Reads the newest snapshot: the state, the sequence number of the command after it, its size.
/// Without one, the state is empty.
///
/// # Errors
/// When it is damaged: an older one is of no use, for the log between the two is gone.
pub(super) fn read(directory: &Path) -> Result<(Store, u64, u64), StartError> {
    let Some((sequence, path)) = numbered(directory, "snapshot-")?.pop() else {
        return Ok((Store::new(), 0, 0));
    };
    let bytes = fs::read(&path).map_err(|why| StartError::at(&path, why))?;
    let damaged = |why: &str| {
        let text = format!(
            "damaged: {why}. Nothing has been changed; restore the data directory from a copy"
        );
        StartError::at(&path, text)
    };
    let (content, checksum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .ok_or_else(|| damaged("it is too short"))?;
    let body = content
        .strip_prefix(SNAPSHOT)
        .ok_or_else(|| damaged("it is not a snapshot of a version that this server reads"))?;
    if crc32fast::hash(content).to_le_bytes() != *checksum {
        return Err(damaged("its checksum does not match its content"));
    }
    let dump: Dump =
        postcard::from_bytes(body).map_err(|_| damaged("its content cannot be decoded"))?;
    let store = Store::restore(dump).ok_or_else(|| damaged("its content contradicts itself"))?;
    Ok((store, sequence, bytes.len() as u64))
}

/// Counts and sums what is written.
struct Checked<W> {
    inner: W,
    crc: crc32fast::Hasher,
    size: u64,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
