//! Why a version could not be staged. Pointer, bad list and running version are as they were.

use std::io;
use std::path::{Path, PathBuf};

use rollout::contract::Unmet;
use rollout::{Integrity, PackageName, Unsuitable, Version};

use super::manifest::ManifestError;
use crate::StoreError;
use crate::carry::CarryError;
use crate::unpack::UnpackError;

/// Why a version was not staged, or an archive not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The store itself could not be read or written.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// The archive was refused, damaged, too large or could not be read to its end.
    #[error(transparent)]
    Unpack(UnpackError),
    /// The folder to unpack into is there already.
    #[error("{} is there already. Name a folder that is not", .path.display())]
    TargetExists {
        /// The folder.
        path: PathBuf,
    },
    /// The bytes are not those that were asked for.
    #[error(
        "the archive of {package} {version} has the integrity {found}, but {expected} was promised. \
         It was changed or damaged on its way; nothing was kept. Try again later"
    )]
    WrongIntegrity {
        /// The package asked for.
        package: PackageName,
        /// The version asked for.
        version: Version,
        /// What the decision named.
        expected: Box<Integrity>,
        /// What the bytes have.
        found: Box<Integrity>,
    },
    /// The archive is one of another package or version.
    #[error(
        "the archive calls itself {found}, but {package} {version} was asked for. Nothing was kept; \
         report it to the package's publisher"
    )]
    WrongPackage {
        /// The package asked for.
        package: PackageName,
        /// The version asked for.
        version: Version,
        /// Name and version in its package.json.
        found: String,
    },
    /// The archive's package.json is missing or no package.json.
    #[error("the archive of {version} has no usable package.json: {source}")]
    Manifest {
        /// The version asked for.
        version: Version,
        /// What is wrong with it.
        source: Box<ManifestError>,
    },
    /// The configured entry is not in the archive.
    #[error(
        "{version} has no file `{entry}` to start. Nothing was kept; correct `entry` in the \
         configuration, or report it to the package's publisher"
    )]
    NoEntry {
        /// The version asked for.
        version: Version,
        /// The configured entry.
        entry: String,
    },
    /// What the archive's own package.json asks for is not here.
    #[error("{version} does not suit this app: it {why}. A newer installer may bring it")]
    Incompatible {
        /// The version asked for.
        version: Version,
        /// Which range is not satisfied, an engine's or a carried dependency's.
        why: Box<Unsuitable>,
    },
    /// What the archive's package.json declares to need of this app is not here.
    #[error("{version} does not suit this app: it {why}. A newer installer may bring it")]
    Contract {
        /// The version asked for.
        version: Version,
        /// What of the contract is not met.
        why: Box<Unmet>,
    },
    /// A shared dependency could not be carried over.
    #[error("a shared dependency could not be carried over: {0}")]
    Carry(Box<CarryError>),
    /// Not enough room for the version and its archive's content.
    #[error(
        "not enough room at {}: {version} needs {needed} bytes free and there are {free}. \
         Free some and try again", .path.display()
    )]
    NoRoom {
        /// The version asked for.
        version: Version,
        /// The store.
        path: PathBuf,
        /// Three times the unpacked size.
        needed: u64,
        /// What there is for this user.
        free: u64,
    },
    /// The disk, or this user's share of it, ran full.
    #[error("could not {doing} {}: the disk is full. Free some room and try again", .path.display())]
    DiskFull {
        /// The step, as a verb.
        doing: &'static str,
        /// What was being written.
        path: PathBuf,
    },
    /// The store may not be written to.
    #[error(
        "could not {doing} {}: it may not be written to. Check who owns the folder and how it is \
         mounted", .path.display()
    )]
    ReadOnly {
        /// The step, as a verb.
        doing: &'static str,
        /// What was being written.
        path: PathBuf,
    },
    /// Any other failure to write.
    #[error("could not {doing} {}: {source}. Try again", .path.display())]
    Write {
        /// The step, as a verb.
        doing: &'static str,
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// While it was fetched, it was listed as bad.
    #[error(
        "{version} failed here while it was being fetched. Use `refit retry {version}` to try it again"
    )]
    BecameBad {
        /// The version asked for.
        version: Version,
    },
    /// Its publisher says that it must no longer run.
    #[error("{version} was recalled by its publisher. Choose another version")]
    Recalled {
        /// The version asked for.
        version: Version,
    },
    /// While it was fetched, another process staged one that is as new or newer.
    #[error("{version} was overtaken: {by} was staged meanwhile. There is nothing to do")]
    Overtaken {
        /// The version asked for.
        version: Version,
        /// What the pointer names now.
        by: Box<Version>,
    },
    /// What is to be mended is not stored, or with another content.
    #[error("there is nothing of {version} to mend. Stage it")]
    NothingToMend {
        /// The version asked for.
        version: Version,
    },
    /// What was unpacked changed before it was described.
    #[error(
        "{} is in what was just unpacked and does not belong there. Keep other programs out of that \
         folder and try again", .path.display()
    )]
    NotUnpacked {
        /// What stands there.
        path: PathBuf,
    },
    /// A folder of that name is there, and in use.
    #[error(
        "another content of {version} is in use, so it cannot be replaced. Quit every window of the \
         app and try again"
    )]
    InUse {
        /// The version asked for.
        version: Version,
    },
}

impl StageError {
    /// `doing` something to `path` failed.
    pub(crate) fn write(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) {
            Self::DiskFull { doing, path }
        } else if is_read_only(&source) {
            Self::ReadOnly { doing, path }
        } else {
            Self::Write {
                doing,
                path,
                source,
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

impl From<StoreError> for StageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Io {
                doing,
                path,
                source,
            } if is_full(&source) || is_read_only(&source) => Self::write(doing, &path, source),
            other => Self::Store(Box::new(other)),
        }
    }
}

impl From<UnpackError> for StageError {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Write {
                doing,
                path,
                source,
            } => Self::write(doing, &path, source),
            other => Self::Unpack(other),
        }
    }
}

impl From<CarryError> for StageError {
    fn from(error: CarryError) -> Self {
        match error {
            CarryError::Write { path, source } => Self::write("write", &path, source),
            other => Self::Carry(Box::new(other)),
        }
    }
}
