//! What can go wrong with snapshots.

use std::path::PathBuf;

use crate::StoreError;

/// Why a snapshot could not be taken or put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// A file or folder could not be read, written or moved.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk cannot share bytes, and there are more than may be copied.
    #[error(
        "`{}` holds {bytes} bytes, which this disk can only copy, and a snapshot may copy {cap}. \
         Raise `snapshot.cap`, or keep less there", folder.display()
    )]
    TooBig {
        /// The folder.
        folder: PathBuf,
        /// What it holds, at least.
        bytes: u64,
        /// What may be copied.
        cap: u64,
    },
    /// No snapshot can be taken of such a folder.
    #[error("no snapshot is taken of `{}`: {why}. Name another folder in `snapshot`", folder.display())]
    Unfit {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// What was begun cannot be finished, because a file says something that is not so.
    #[error(
        "`{}` says that a snapshot is being put back, and {why}. Look at the folders beside it, put \
         back by hand what is missing, and delete that file", intent.display()
    )]
    Stuck {
        /// The file.
        intent: PathBuf,
        /// What is not so.
        why: String,
    },
}
