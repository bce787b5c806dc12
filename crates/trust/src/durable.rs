//! What is done to the disk, one step at a time, so that a test can cut the power between any two.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::TrustError;

/// One thing done to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A folder was made.
    Folder(PathBuf),
    /// A new file was written; a power cut may still take or tear it.
    Write(PathBuf),
    /// A file's content, or a folder's entries, went to disk.
    Sync(PathBuf),
    /// A file or folder got its name.
    Rename(PathBuf),
    /// A file or folder went.
    Remove(PathBuf),
}

/// Who watches, and what is to come of the step.
#[cfg(test)]
pub(crate) type Watched = std::sync::Arc<dyn Fn(&Step) -> io::Result<()> + Send + Sync>;

/// The disk. In tests somebody may watch each step, and fail it.
#[derive(Clone, Default)]
pub(crate) struct Durable {
    #[cfg(test)]
    pub(crate) watched: Option<Watched>,
}

impl std::fmt::Debug for Durable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Durable").finish_non_exhaustive()
    }
}

impl Durable {
    #[cfg_attr(
        not(test),
        expect(
            clippy::unused_self,
            clippy::unnecessary_wraps,
            reason = "outside tests nobody watches"
        )
    )]
    fn step(&self, step: &Step) -> io::Result<()> {
        #[cfg(test)]
        if let Some(watched) = &self.watched {
            return watched(step);
        }
        let _ = step;
        Ok(())
    }

    /// Makes a folder that may be there.
    pub(crate) fn folder(&self, path: &Path) -> Result<(), TrustError> {
        if path.is_dir() {
            return Ok(());
        }
        self.step(&Step::Folder(path.to_owned()))
            .and_then(|()| fs::create_dir_all(path))
            .map_err(|error| TrustError::disk("make the folder", path, error))
    }

    /// Writes a new file and brings its content to disk.
    pub(crate) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), TrustError> {
        let failed = |error| TrustError::disk("write", path, error);
        self.step(&Step::Write(path.to_owned())).map_err(failed)?;
        let mut file = File::create(path).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        self.step(&Step::Sync(path.to_owned())).map_err(failed)?;
        file.sync_all().map_err(failed)
    }

    /// Brings a folder's entries to disk.
    pub(crate) fn sync_folder(&self, path: &Path) -> Result<(), TrustError> {
        let failed = |error| TrustError::disk("bring to disk the folder", path, error);
        self.step(&Step::Sync(path.to_owned())).map_err(failed)?;
        // Windows has no such call, and brings renames to disk by itself.
        if cfg!(windows) {
            return Ok(());
        }
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)
    }

    /// Gives a file or folder another name in the same folder, durably.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), TrustError> {
        self.step(&Step::Rename(to.to_owned()))
            .and_then(|()| fs::rename(from, to))
            .map_err(|error| TrustError::disk("move into place", to, error))?;
        self.sync_folder(to.parent().unwrap_or(to))
    }

    /// Removes a file or a whole folder; nothing is there afterwards.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), TrustError> {
        let gone = || match fs::symlink_metadata(path) {
            Ok(found) => {
                self.step(&Step::Remove(path.to_owned()))?;
                if found.is_dir() {
                    fs::remove_dir_all(path)
                } else {
                    fs::remove_file(path)
                }
            }
            Err(error) => Err(error),
        };
        match gone() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(TrustError::disk("remove", path, error))
            }
            _ => Ok(()),
        }
    }
}
