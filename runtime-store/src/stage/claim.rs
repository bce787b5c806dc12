//! `partial/<v>`: the folder in which one process builds one version.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use rollout::Version;

use super::StageError;
use crate::durable::{self, Discarded};
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
    /// What a dead process had left there.
    leftover: Option<Discarded>,
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
        let leftover = durable::discard(layout, &dir)?;
        fs::create_dir(&dir).map_err(|error| StageError::write("make the folder", &dir, error))?;
        Ok(Some(Self {
            layout: layout.clone(),
            version: version.clone(),
            dir,
            _lock: lock,
            leftover,
            moved: false,
        }))
    }

    /// Frees what a dead process had left, which can be a whole tree: to be called once the store
    /// lock is let go. If it is not, the next sweep does it.
    pub(crate) fn unlocked(mut self) -> Self {
        if let Some(leftover) = self.leftover.take() {
            leftover.delete();
        }
        self
    }

    /// `partial/<v>`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Gives the folder its name in `versions/`, where there must be none of that name. The claim is
    /// only lent: should this fail, the tree is deleted after the caller let go of the store lock.
    pub(crate) fn move_into_place(&mut self, _store: &StoreLock) -> Result<PathBuf, StageError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leftover_is_out_of_the_way_at_once_and_its_bytes_go_after_the_lock() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        let version: Version = "1.1.0".parse().unwrap();
        fs::create_dir_all(layout.partial(&version).join("dist")).unwrap();
        let in_trash = || fs::read_dir(layout.trash()).unwrap().count();

        let lock = StoreLock::take(&layout).unwrap();
        let claim = Claim::take(&lock, &layout, &version).unwrap().unwrap();
        assert_eq!(fs::read_dir(claim.dir()).unwrap().count(), 0);
        assert_eq!(in_trash(), 1, "a whole tree was deleted under the lock");
        drop(lock);
        let _claim = claim.unlocked();
        assert_eq!(in_trash(), 0);
    }

    #[test]
    fn a_tree_that_cannot_be_moved_is_deleted_with_the_claim_and_not_before() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        let version: Version = "1.1.0".parse().unwrap();
        let lock = StoreLock::take(&layout).unwrap();
        let mut claim = Claim::take(&lock, &layout, &version).unwrap().unwrap();
        // Nothing can be renamed over a folder that is not empty.
        fs::create_dir_all(layout.version(&version).join("in the way")).unwrap();
        claim.move_into_place(&lock).unwrap_err();
        assert!(claim.dir().is_dir(), "a tree was deleted under the lock");
        drop(lock);
        drop(claim);
        assert!(!layout.partial(&version).exists());
    }
}
