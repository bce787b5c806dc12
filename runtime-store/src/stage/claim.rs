//! `partial/<v>`: the folder in which one process builds one version.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rollout::Version;

use super::StageError;
use crate::durable;
use crate::layout::Layout;
use crate::lock::StoreLock;

/// A new, empty `partial/<v>` that nobody else works on. Dropping it removes the folder; what a dead
/// process leaves behind is not locked any more, and the next sweep takes it.
#[derive(Debug)]
pub(crate) struct Claim {
    layout: Layout,
    version: Version,
    dir: PathBuf,
    /// The OS lock on `partial/<v>.lock`. The file itself is removed by a sweep or a commit, which
    /// hold the store lock: removed at any other time, two processes could lock two files of one name.
    _lock: File,
    moved: bool,
}

impl Claim {
    /// `None` while another process stages the same version.
    pub(crate) fn take(
        _store: &StoreLock,
        layout: &Layout,
        version: &Version,
    ) -> Result<Option<Self>, StageError> {
        let path = layout.partial_lock(version);
        let failed = |error| StageError::write("make", &path, error);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let dir = layout.partial(version);
        if let Some(leftover) = durable::discard(layout, &dir)? {
            leftover.delete();
        }
        fs::create_dir(&dir).map_err(|error| StageError::write("make the folder", &dir, error))?;
        Ok(Some(Self {
            layout: layout.clone(),
            version: version.clone(),
            dir,
            _lock: lock,
            moved: false,
        }))
    }

    /// `partial/<v>`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives the folder its name in `versions/`, where there must be none of that name.
    pub(crate) fn move_into_place(mut self, _store: &StoreLock) -> Result<PathBuf, StageError> {
        let to = self.layout.version(&self.version);
        durable::rename(&self.dir, &to)?;
        self.moved = true;
        // An empty lock file that stays behind does no harm and goes with the next sweep.
        if let Err(error) = fs::remove_file(self.layout.partial_lock(&self.version)) {
            tracing::debug!(%error, "the lock file of a finished partial is still there");
        }
        Ok(to)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.moved {
            durable::delete(&self.dir);
        }
    }
}
