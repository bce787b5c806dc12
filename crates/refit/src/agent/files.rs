//! Files beside the agent's binary, written so that a power cut leaves the old one or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

/// The largest file of ours that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Bytes that are digested at once.
const BLOCK: usize = 256 << 10;

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} {}: {source}", path.display())]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    pub(in crate::agent) source: io::Error,
}

impl FileError {
    pub(super) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

/// What a file of ours holds.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// There is none.
    Nothing,
    /// What it says.
    Whole(T),
    /// It cannot be understood; why.
    Unreadable(String),
}

/// A file with JSON in it that says which schema it has.
pub(super) fn read<T: DeserializeOwned>(path: &Path, schema: u32) -> Found<T> {
    #[derive(serde::Deserialize)]
    struct Schema {
        schema: u32,
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Unreadable(error.to_string()),
        Ok(_) if bytes.len() as u64 > MOST_BYTES => {
            return Found::Unreadable("it is too large".to_owned());
        }
        Ok(_) => {}
    }
    match serde_json::from_slice::<Schema>(&bytes) {
        Ok(Schema { schema: found }) if found > schema => {
            return Found::Unreadable(format!("it has schema {found}, of a later agent"));
        }
        _ => {}
    }
    serde_json::from_slice(&bytes)
        .map_or_else(|error| Found::Unreadable(error.to_string()), Found::Whole)
}

/// Writes a value as JSON: a temporary file, to disk, one rename, the folder to disk.
pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    let temporary = with(path, ".tmp");
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    cut::here();
    written
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|error| {
            // Half of it is of no use to anybody, and the next try makes it anew.
            let _ = fs::remove_file(&temporary);
            failed(error)
        })?;
    cut::here();
    sync_folder(path)
}

/// Sets a file aside that cannot be understood. Returns where it is now.
pub(super) fn set_aside(path: &Path, now: jiff::Timestamp) -> Result<PathBuf, FileError> {
    let aside = with(path, &format!(".invalid-{}", now.as_second()));
    fs::rename(path, &aside).map_err(|error| FileError::new("set aside", path, error))?;
    sync_folder(path)?;
    Ok(aside)
}

/// Removes a file, which may be missing.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::new("remove", path, error)),
    }
}

/// The same file under a second name, durably: a hard link, or a copy where there are none.
pub(super) fn keep_as(file: &Path, second: &Path) -> Result<(), FileError> {
    remove(second)?;
    let failed = |error| FileError::new("keep a copy as", second, error);
    if fs::hard_link(file, second).is_err() {
        let copied = fs::copy(file, second)
            .and_then(|_| OpenOptions::new().write(true).open(second)?.sync_all());
        copied.map_err(|error| {
            let _ = fs::remove_file(second);
            failed(error)
        })?;
    }
    cut::here();
    sync_folder(second)
}

/// The sha256 of a file, in hexadecimal, and its length.
pub(super) fn digest(path: &Path) -> Result<(String, u64), FileError> {
    let failed = |error| FileError::new("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut block = vec![0; BLOCK];
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => return Ok((hex::encode(hash.finalize()), length)),
            read => {
                hash.update(&block[..read]);
                length += read as u64;
            }
        }
    }
}

/// Puts a file in the place of a binary that may be running.
pub(super) fn put_in_place(file: &Path, exe: &Path) -> Result<(), FileError> {
    let failed = |error| FileError::new("replace", exe, error);
    if cfg!(windows) {
        // What runs may be renamed there, but not replaced.
        let gone = with(exe, ".gone");
        let _ = fs::remove_file(&gone);
        fs::rename(exe, &gone).map_err(failed)?;
        if let Err(error) = fs::rename(file, exe) {
            let _ = fs::rename(&gone, exe);
            return Err(failed(error));
        }
    } else {
        fs::rename(file, exe).map_err(failed)?;
    }
    cut::here();
    sync_folder(exe)
}

/// Brings the entries of the folder that a file is in to disk.
pub(super) fn sync_folder(file: &Path) -> Result<(), FileError> {
    // Windows has no such call, and brings renames to disk by itself.
    if cfg!(windows) {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| FileError::new("bring to disk the folder", folder, error))
}

/// A file's path with something behind its name.
pub(super) fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Moments at which the power may fail. Tests have it fail at each of them.
pub(super) mod cut {
    #[cfg(not(test))]
    pub(in crate::agent) fn here() {}

    #[cfg(test)]
    pub(in crate::agent) fn here() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static PASSED: AtomicUsize = AtomicUsize::new(0);
        let Ok(at) = std::env::var(CUT) else { return };
        if PASSED.fetch_add(1, Ordering::Relaxed).to_string() == at {
            // Not a panic: nothing is put in order when the power fails.
            std::process::abort();
        }
    }

    /// At which of them, the first being 0.
    #[cfg(test)]
    pub(in crate::agent) const CUT: &str = "REFIT_TEST_CUT";
}
