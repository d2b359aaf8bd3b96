//! Files that are there whole or not at all.

use crate::{ambient, error::StartError};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// The extension of files that are not yet whole.
const UNFINISHED: &str = "new";

/// Makes a directory and those above it that are missing, for the owner alone (mode 0700).
pub(crate) fn make_directory(path: &Path) -> Result<(), StartError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|why| StartError::at(path, format!("cannot make the directory: {why}")))
}

/// Waits until no other server makes files in this directory (and makes the directory, if need be):
/// what it has made is there then. The turn is over when the file is closed, also by a crash.
pub(crate) fn turn(directory: &Path) -> Result<File, StartError> {
    make_directory(directory)?;
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path);
    let locked = file.and_then(|file| file.lock().map(|()| file));
    locked.map_err(|why| StartError::at(&path, format!("cannot lock: {why}")))
}

/// Writes a file with mode 0600 so that a crash leaves the former one or the new one, whole.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), StartError> {
    replace(path, |file| file.write_all(bytes))
        .map_err(|why| StartError::at(path, format!("cannot write: {why}")))
}

/// Writes a file beside `path`, makes it durable and gives it that name.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary(path);
    let attempt = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_directory(path)
    };
    attempt().inspect_err(|_| {
        // What is left of a failed attempt is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    })
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Removes what a crash has left of [`replace`].
pub(crate) fn remove_unfinished(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == UNFINISHED)
        {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The name under which [`replace`] writes: nobody else's, because others may write the same file.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:032x}.{UNFINISHED}", ambient::seed()));
    PathBuf::from(name)
}
