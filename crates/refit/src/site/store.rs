//! What a site is kept in: a folder, or a bucket of an object store. Both are asked the same few things.

use std::path::PathBuf;

use object_store::UpdateVersion;
use rollout::Integrity;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::bucket::Bucket;
use super::folder::Folder;
use crate::failure::Failure;

/// The most that is read of any file which is not a tarball, in bytes.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// Where a site's files are. Names are paths with `/`, relative to the site.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Folder(Folder),
    Bucket(Bucket),
}

/// A file as it was read, or that it is not there.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// None where there is no such file.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What to insist on when it is replaced.
    pub(crate) seen: Seen,
}

/// What a file was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was not there.
    Absent,
    /// In a folder: the sha256 of its content.
    Content([u8; 32]),
    /// In a bucket: what the store calls this very state of it.
    Object(UpdateVersion),
}

impl Seen {
    /// What a content in a folder is known by.
    pub(crate) fn content(bytes: &[u8]) -> Self {
        Self::Content(Sha256::digest(bytes).into())
    }
}

/// What must hold for a file to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing: its name says its content, so whoever writes it writes the same.
    Anything,
    /// It is not there, or there with this very content.
    New,
    /// Nothing names it, as far as the other files that are written with it are as they were read. What
    /// a stopped publisher left is replaced in a folder, whose lock is held; in a bucket nobody knows
    /// whether that publisher is still at it, so there it must be new.
    Unnamed,
    /// It is as it was read.
    Unchanged(Seen),
}

/// What a file is to hold.
#[derive(Debug)]
pub(crate) enum Body {
    /// A small file.
    Bytes(Vec<u8>),
    /// A large one, written down already.
    File(NamedTempFile),
}

/// How a file may be kept by caches on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// For ever: its name never gets another content.
    Immutable,
    /// Ask each time.
    Revalidate,
}

impl Caching {
    /// The value of `Cache-Control`.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
        }
    }
}

/// Held while a site is changed, so that two publishers on one machine take turns. In a bucket, the
/// conditions of its writes are all there is.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<std::fs::File>,
}

impl Store {
    /// Reads a small file.
    pub(crate) async fn get(&self, name: &str) -> Result<Reading, Failure> {
        match self {
            Self::Folder(folder) => folder.get(name),
            Self::Bucket(bucket) => bucket.get(name).await,
        }
    }

    /// Writes a file, whole or not at all.
    pub(crate) async fn put(
        &self,
        name: &str,
        body: Body,
        expect: &Expect,
        caching: Caching,
    ) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => folder.put(name, body, expect),
            Self::Bucket(bucket) => bucket.put(name, body, expect, caching).await,
        }
    }

    /// Looks whether what is expected of a file holds, before the first of several is written. Only a
    /// folder is asked: its lock is held, so it stays like that. A bucket tells when it is written to.
    pub(crate) fn check(&self, name: &str, body: &Body, expect: &Expect) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => folder.check(name, body, expect).map(drop),
            Self::Bucket(_) => Ok(()),
        }
    }

    /// The sha512 of a file of any size. None where there is no such file.
    pub(crate) async fn integrity(&self, name: &str) -> Result<Option<Integrity>, Failure> {
        match self {
            Self::Folder(folder) => folder.integrity(name),
            Self::Bucket(bucket) => bucket.integrity(name).await,
        }
    }

    /// The names of the files right inside a folder of the site; `""` is the site itself.
    pub(crate) async fn list(&self, dir: &str) -> Result<Vec<String>, Failure> {
        match self {
            Self::Folder(folder) => folder.list(dir),
            Self::Bucket(bucket) => bucket.list(dir).await,
        }
    }

    /// The names of the folders right inside a folder of the site; `""` is the site itself.
    pub(crate) async fn dirs(&self, dir: &str) -> Result<Vec<String>, Failure> {
        match self {
            Self::Folder(folder) => folder.dirs(dir),
            Self::Bucket(bucket) => bucket.dirs(dir).await,
        }
    }

    /// The file in words: its path or URL.
    pub(crate) fn place(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.path(name).display().to_string(),
            Self::Bucket(bucket) => bucket.place(name),
        }
    }

    /// Whether some other host than `refit serve` serves it.
    pub(crate) fn is_remote(&self) -> bool {
        matches!(self, Self::Bucket(_))
    }

    /// One publisher at a time; a dead one never blocks.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        Ok(Lock {
            _file: match self {
                Self::Folder(folder) => Some(folder.lock()?),
                Self::Bucket(_) => None,
            },
        })
    }

    /// Where a large file may be written down before it gets its name: inside the folder, so that
    /// naming it is one rename.
    pub(crate) fn scratch(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.root().to_path_buf(),
            Self::Bucket(_) => std::env::temp_dir(),
        }
    }
}

/// Somebody else wrote first.
pub(crate) fn meanwhile(place: &str) -> Failure {
    Failure::new(
        "meanwhile",
        format_args!("{place} was changed by somebody else meanwhile"),
        "Nothing of theirs was overwritten. Run the command again.",
    )
}
