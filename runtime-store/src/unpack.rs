//! An npm tarball becomes a folder, in one pass and without trusting a byte of it.
//!
//! ```text
//! packed bytes ─► count, cap, sha512 ─► gunzip ─► tar entries ─► names ─► tree ─► writer
//!                 (packed.rs)           (inflate.rs)  (entries.rs) (names.rs) (tree.rs) (writer.rs)
//!                                                                          content ─► (hashing.rs)
//! ```
//!
//! # Invariants
//!
//! * Only regular files and folders come into being, below the folder handle, with mode 0644 or
//!   0755; a file is only ever created, never opened over another.
//! * Whatever the archive holds, memory and work are bounded by [`Limits`], and one entry costs no
//!   more than the length of its name and content.
//! * All packed bytes to the very end are hashed, also those that the archive does not use.
//! * A refusal names the entry and leaves no folder behind.

mod entries;
mod error;
mod flusher;
mod hashing;
mod inflate;
mod names;
mod packed;
mod tree;
mod writer;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use rollout::Integrity;

use entries::{Kind, Stream};
pub use error::{Refusal, UnpackError};
use hashing::Hashing;
use inflate::Inflate;
use packed::Packed;
use tree::{Place, Tree};
use writer::Writer;

use crate::stage::StageError;
use crate::tree_manifest::Digests;

/// Bounds of one unpacking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files and folders, those that are only implied by a longer name included.
    pub entries: u64,
    /// Bytes of all content together.
    pub total_bytes: u64,
    /// Folders below one another.
    pub depth: usize,
    /// Bytes of one component of a name.
    pub component_bytes: usize,
    /// Bytes of a whole name, without the component that is stripped.
    pub path_bytes: usize,
    /// Bytes of the tarball itself.
    pub packed_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 100_000,
            total_bytes: 2 << 30,
            depth: 64,
            component_bytes: 200,
            path_bytes: 1024,
            packed_bytes: 1 << 30,
        }
    }
}

/// What was really in a tarball.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackedTree {
    /// The sha512 of its very bytes, to the last one.
    pub integrity: Integrity,
    /// Its own length.
    pub packed_bytes: u64,
    /// The sum of its files.
    pub unpacked_bytes: u64,
    /// How many files it held.
    pub files: u64,
    /// How many folders they lie in, the root not counted.
    pub folders: u64,
}

/// Unpacks any npm tarball into the new folder `into`, whose parent must be there. When refused,
/// the folder is absent.
pub fn unpack_into(
    tarball: impl Read,
    into: &Path,
    limits: &Limits,
) -> Result<UnpackedTree, StageError> {
    fs::create_dir(into).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => StageError::TargetExists {
            path: into.to_owned(),
        },
        _ => StageError::write("make the folder", into, error),
    })?;
    let unpacked = Dir::open_ambient_dir(into, ambient_authority())
        .map_err(|error| StageError::write("open the folder", into, error))
        .and_then(|dir| Ok(unpack(tarball, &dir, into, limits, None)?));
    if unpacked.is_err()
        && let Err(error) = fs::remove_dir_all(into)
    {
        tracing::warn!(folder = %into.display(), %error, "a refused archive's folder is still there");
    }
    unpacked
}

/// Unpacks into the empty folder `dir`, which lies at `shown`. On an error, what was written so far
/// is still there: it is the caller's to remove. Given `digests`, the content of each file is hashed
/// while it goes by, which costs less than reading it again.
pub(crate) fn unpack(
    tarball: impl Read,
    dir: &Dir,
    shown: &Path,
    limits: &Limits,
    digests: Option<&mut Digests>,
) -> Result<UnpackedTree, UnpackError> {
    let mut stream = Stream::new(
        Inflate::new(Packed::new(tarball, limits.packed_bytes)),
        limits,
    );
    let mut tree = Tree::new(limits.entries);
    let mut writer = Writer::new(dir, shown)?;
    let mut hashing = digests.is_some().then(Hashing::default);
    let (mut files, mut unpacked_bytes) = (0u64, 0u64);

    while let Some(entry) = stream.next_entry()? {
        let refuse = |why| UnpackError::refused(&entry.name, why);
        let path = names::check(&entry.name, limits).map_err(refuse)?;
        match entry.kind {
            Kind::Folder => {
                // The stripped folder itself: it is already there.
                if !path.is_empty() {
                    let place = tree.folder(&path).map_err(refuse)?;
                    writer.folder(&place, &path)?;
                }
            }
            Kind::File { size, executable } => {
                if path.is_empty() {
                    return Err(refuse(Refusal::OutsidePackage));
                }
                if size > limits.total_bytes - unpacked_bytes {
                    return Err(refuse(Refusal::TooBig(limits.total_bytes)));
                }
                let place: Place = tree.file(&path).map_err(refuse)?;
                let mut file = writer.file(&place, &path, executable)?;
                let mut hashed = hashing.as_mut().map(|hashing| hashing.begin(size));
                stream.content(size, |bytes| {
                    if let Some(hashed) = &mut hashed {
                        hashed.update(bytes);
                    }
                    file.write(bytes)
                })?;
                file.end();
                if let Some(hashed) = hashed {
                    hashed.end(path.join("/"));
                }
                files += 1;
                unpacked_bytes += size;
            }
        }
    }

    let (integrity, packed_bytes) = stream.finish()?;
    writer.finish()?;
    if let (Some(digests), Some(hashing)) = (digests, hashing) {
        *digests = hashing.finish();
    }
    Ok(UnpackedTree {
        integrity,
        packed_bytes,
        unpacked_bytes,
        files,
        folders: tree.folders(),
    })
}

/// A path as it is shown in an error: below the folder that is being filled.
fn shown_path(root: &Path, components: &[&str]) -> PathBuf {
    let mut path = root.to_owned();
    path.extend(components);
    path
}
