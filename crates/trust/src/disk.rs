//! The folder of the trust store: generations, and targets by their digests.
//! `docs/formats/trust-store.md` describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::TrustError;
use crate::durable::Durable;
use crate::state::Files;
use crate::target::{TargetInfo, sha256};

const LOCK: &str = "lock";
const CONTENTS: &str = "contents.json";
const TARGETS: &str = "targets";
const NEW: &str = "new";
const SCHEMA: u64 = 1;

/// How long another process may hold the lock. It does for milliseconds, unless it was stopped in
/// the middle or waits for a disk that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// The trust store of one app.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    dir: PathBuf,
    durable: Durable,
    /// How long the lock is waited for.
    patience: Duration,
}

/// One generation as it was read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) generation: u64,
    pub(crate) folder: PathBuf,
    pub(crate) files: Files,
}

/// `contents.json`: what a generation holds. A file that is missing or cut off is found by it.
#[derive(Debug, Serialize, Deserialize)]
struct Contents {
    schema: u64,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    length: u64,
    sha256: String,
}

impl Disk {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            durable: Durable::default(),
            patience: PATIENCE,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The newest generation; None where nothing was ever committed. Makes nothing.
    pub(crate) fn read(&self) -> Result<Option<Stored>, TrustError> {
        let _shared = self.shared()?;
        let Some(generation) = self.generations()?.pop_last() else {
            return self.never_held().map(|()| None);
        };
        let folder = self.folder(generation);
        let path = folder.join(CONTENTS);
        let contents: Contents = serde_json::from_slice(&read(&path)?)
            .map_err(|error| TrustError::damaged(&path, error))?;
        if contents.schema != SCHEMA {
            return Err(TrustError::damaged(
                &path,
                format!("its schema is {}, not {SCHEMA}", contents.schema),
            ));
        }
        let mut files = Files::new();
        for (name, entry) in contents.files {
            if !is_plain(&name) {
                return Err(TrustError::damaged(&path, format!("`{name}` is no name")));
            }
            let file = folder.join(&name);
            let bytes = read(&file)?;
            if bytes.len() as u64 != entry.length || sha256(&bytes) != entry.sha256 {
                return Err(TrustError::damaged(&file, "it is not what was written"));
            }
            files.insert(name, Bytes::from(bytes));
        }
        Ok(Some(Stored {
            generation,
            folder,
            files,
        }))
    }

    /// Puts `files` in the place of the generation `over` (0 where there was none), durably, and
    /// drops the kept targets that are not `named`. None, and nothing done, where the store has moved
    /// on meanwhile.
    pub(crate) fn commit(
        &self,
        over: u64,
        files: &Files,
        named: &BTreeSet<String>,
    ) -> Result<Option<u64>, TrustError> {
        let _exclusive = self.exclusive()?;
        let before = self.generations()?;
        if before.last().copied().unwrap_or(0) != over {
            return Ok(None);
        }
        let new = self.dir.join(NEW);
        self.durable.remove(&new)?;
        self.fill(&new, files)?;
        let generation = over.saturating_add(1);
        self.durable.rename(&new, &self.folder(generation))?;

        // The new one is what counts from here on; what stays behind goes with the next commit.
        for old in before {
            self.drop_quietly(&self.folder(old));
        }
        let kept = self.dir.join(TARGETS);
        for entry in fs::read_dir(&kept).into_iter().flatten().flatten() {
            if !named.contains(&*entry.file_name().to_string_lossy()) {
                self.drop_quietly(&entry.path());
            }
        }
        Ok(Some(generation))
    }

    /// The kept bytes of a target; None where they are not there or not right.
    pub(crate) fn kept(&self, target: &TargetInfo) -> Option<Vec<u8>> {
        let bytes = fs::read(self.dir.join(TARGETS).join(&target.sha256)).ok()?;
        target.check(&bytes).is_ok().then_some(bytes)
    }

    /// Keeps the bytes of a target, under their digest.
    pub(crate) fn keep(&self, digest: &str, bytes: &[u8]) -> Result<(), TrustError> {
        let _exclusive = self.exclusive()?;
        let folder = self.dir.join(TARGETS);
        self.durable.folder(&folder)?;
        let new = folder.join(NEW);
        self.durable.write(&new, bytes)?;
        self.durable.rename(&new, &folder.join(digest))
    }

    fn folder(&self, generation: u64) -> PathBuf {
        self.dir.join(generation.to_string())
    }

    /// Writes a whole generation, and brings all of it to disk.
    fn fill(&self, folder: &Path, files: &Files) -> Result<(), TrustError> {
        let mut contents = Contents {
            schema: SCHEMA,
            files: BTreeMap::new(),
        };
        let mut folders = BTreeSet::from([folder.to_owned()]);
        self.durable.folder(folder)?;
        for (name, bytes) in files {
            let path = folder.join(name);
            let parent = path.parent().unwrap_or(folder).to_owned();
            self.durable.folder(&parent)?;
            self.durable.write(&path, bytes)?;
            folders.insert(parent);
            contents.files.insert(
                name.clone(),
                Entry {
                    length: bytes.len() as u64,
                    sha256: sha256(bytes),
                },
            );
        }
        let path = folder.join(CONTENTS);
        let mut text = serde_json::to_vec_pretty(&contents)
            .map_err(|error| TrustError::disk("write", &path, error))?;
        text.push(b'\n');
        self.durable.write(&path, &text)?;
        for folder in folders.iter().rev() {
            self.durable.sync_folder(folder)?;
        }
        Ok(())
    }

    fn generations(&self) -> Result<BTreeSet<u64>, TrustError> {
        let failed = |error| TrustError::disk("read the folder", &self.dir, error);
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.parse::<u64>().ok());
            // A number that is no generation's own name, or not a folder, is somebody else's.
            found.extend(number.filter(|number| {
                name.to_str() == Some(&*number.to_string()) && entry.path().is_dir()
            }));
        }
        Ok(found)
    }

    /// Targets are kept only after a generation was: where there are some and it is gone, what this
    /// device had seen is lost, and to begin anew would believe in older versions again.
    fn never_held(&self) -> Result<(), TrustError> {
        let targets = self.dir.join(TARGETS);
        let mut kept = match fs::read_dir(&targets) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(TrustError::disk("read the folder", &targets, error)),
        };
        match kept.next() {
            None => Ok(()),
            Some(_) => Err(TrustError::damaged(
                &self.dir,
                "it holds targets, and the folder with what was verified is missing",
            )),
        }
    }

    fn drop_quietly(&self, path: &Path) {
        if let Err(error) = self.durable.remove(path) {
            tracing::warn!(%error, "left behind in the trust store; the next commit tries again");
        }
    }

    /// Held while a generation is read, so that none goes while it is. None before the first commit.
    fn shared(&self) -> Result<Option<File>, TrustError> {
        let path = self.dir.join(LOCK);
        let failed = |error| TrustError::disk("lock", &path, error);
        match File::open(&path) {
            Ok(file) => {
                self.locked(&path, || file.try_lock_shared())?;
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Held while the store changes.
    fn exclusive(&self) -> Result<File, TrustError> {
        if !self.dir.is_dir() {
            self.durable.folder(&self.dir)?;
            if let Some(parent) = self.dir.parent() {
                self.durable.sync_folder(parent)?;
            }
        }
        let path = self.dir.join(LOCK);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| TrustError::disk("lock", &path, error))?;
        self.locked(&path, || file.try_lock())?;
        Ok(file)
    }

    /// Tries for the lock until it is there or patience ends: whoever was stopped while holding it
    /// must not keep anybody from checking, or from closing the app.
    fn locked(
        &self,
        path: &Path,
        attempt: impl Fn() -> Result<(), TryLockError>,
    ) -> Result<(), TrustError> {
        // The system has no lock call that gives up, so it is tried again and again.
        let begun = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match attempt() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => {
                    return Err(TrustError::disk("lock", path, error));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() >= self.patience => {
                    return Err(TrustError::Busy {
                        path: path.to_owned(),
                    });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(pause),
            }
            pause = (pause * 2).min(PAUSE);
        }
    }
}

/// Reads a file of the store, which has to be there.
fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TrustError::damaged(path, "it is missing"),
        _ => TrustError::disk("read", path, error),
    })
}

/// Whether a name in `contents.json` stays inside its folder.
fn is_plain(name: &str) -> bool {
    name.split('/').count() <= 2
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-_%".contains(&byte))
        })
}

#[cfg(test)]
mod tests;
