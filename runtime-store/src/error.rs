//! What can go wrong in the store, each naming its file and what a person can do.

use std::io;
use std::path::{Path, PathBuf};

use rollout::Version;

/// Why the store could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be read, written or moved.
    #[error("cannot {doing} `{}`: {source}. {}", path.display(), next_step(source))]
    Io {
        /// What was being done, as a verb phrase: `write`, `make the folder`.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The data folder has a name that the pointer, which is JSON, cannot hold.
    #[error(
        "the data folder `{}` has a name that is not UTF-8, which the store cannot write down. \
         Choose another data folder",
        path.display()
    )]
    NotUtf8 {
        /// The folder, at its real path.
        path: PathBuf,
    },
    /// A link or a file stands where the store keeps a folder.
    #[error(
        "`{}` is not a folder, and below the store there are no links. Move it away and try again",
        path.display()
    )]
    NotAFolder {
        /// Where it stands.
        path: PathBuf,
    },
    /// A file of the store was written by a newer shell. It is left alone.
    #[error(
        "`{}` has schema {schema}, which this shell does not know: a newer shell wrote it. \
         Use that newer shell",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The schema it names.
        schema: u64,
    },
    /// Another process holds the store's lock and does not let go of it: it was stopped in the
    /// middle of a change, or waits for its disk.
    #[error(
        "`{}` is held by another process that does not let go of it. Let that process go on, or end \
         it, and try again",
        path.display()
    )]
    LockHeld {
        /// The lock file.
        path: PathBuf,
    },
    /// What is to be written does not pass the check that reading makes.
    #[error(
        "refusing to write `{}`: {reason}. This is a defect of Refit; please report it",
        path.display()
    )]
    WouldBeInvalid {
        /// The file.
        path: PathBuf,
        /// Which rule it breaks.
        reason: String,
    },
    /// Something of the store cannot be turned into JSON.
    #[error(
        "`{}` cannot be written as JSON: {source}. This is a defect of Refit; please report it",
        path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// What the serializer said.
        source: serde_json::Error,
    },
    /// The bundled version is the oldest that runs.
    #[error(
        "version {version} is older than the bundled version {bundled}, which is the oldest that \
         runs. Choose {bundled} or a newer one"
    )]
    OlderThanBundled {
        /// What was asked for.
        version: Box<Version>,
        /// What the installer brought along.
        bundled: Box<Version>,
    },
    /// Its publisher says that a version asked for by name must no longer run.
    #[error("version {version} was recalled by its publisher. Choose another version")]
    Recalled {
        /// What was asked for.
        version: Box<Version>,
    },
    /// Only signed versions are believed, and nobody vouches for what is stored of one.
    #[error(
        "version {version} is stored with bytes that no signed repository is known to vouch for. \
         Choose another version"
    )]
    NotSigned {
        /// What was asked for.
        version: Box<Version>,
    },
    /// A version that is to be condemned by its rehearsal has shown elsewhere that it runs.
    #[error(
        "version {version} failed its rehearsal, but another app started it meanwhile and it runs \
         there. It is not listed as bad"
    )]
    InService {
        /// The version.
        version: Box<Version>,
    },
    /// A version asked for by name would not run here.
    #[error("version {version} cannot run here: {why}. {next}")]
    CannotRun {
        /// What was asked for.
        version: Box<Version>,
        /// Why not.
        why: String,
        /// What a person can do.
        next: &'static str,
    },
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.as_ref().to_owned(),
            source,
        }
    }
}

/// What a person can do about an error of the file system.
pub(crate) fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Free some disk space and try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "Make that disk writable and try again",
        io::ErrorKind::PermissionDenied => {
            "Give this user the right to read and write there and try again"
        }
        io::ErrorKind::NotFound => "Check that the data folder is still there and try again",
        _ => "Check that disk and what stands at that path, then try again",
    }
}
