//! Copying and deleting whole trees of somebody else's files.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::SnapshotError;
use crate::{StoreError, durable};

/// Folders deeper than this are nobody's data.
const DEEPEST: usize = 256;

/// How a tree's bytes get to another place.
#[derive(Debug)]
pub(super) struct Copying<'a> {
    /// What is copied, for messages.
    pub(super) folder: &'a Path,
    /// The most bytes that may be copied.
    pub(super) cap: u64,
    /// Whether hard links are allowed.
    pub(super) links: bool,
    /// Whether the disk may be asked to share bytes.
    pub(super) share: bool,
}

/// What a tree holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    pub(super) files: u64,
    /// Bytes that could not be shared.
    pub(super) copied: u64,
}

impl Copying<'_> {
    /// Copies the tree `from` to `to`, which must not exist, with modes and times, and brings it to
    /// disk. Links stay links; sockets, pipes and devices are left out, and so is what disappears
    /// meanwhile.
    pub(super) fn copy(&self, from: &Path, to: &Path) -> Result<Size, SnapshotError> {
        let mut size = Size::default();
        self.copy_folder(from, to, 0, &mut size)?;
        Ok(size)
    }

    fn copy_folder(
        &self,
        from: &Path,
        to: &Path,
        depth: usize,
        size: &mut Size,
    ) -> Result<(), SnapshotError> {
        let read = |error| StoreError::io("read the folder", from, error);
        if depth > DEEPEST {
            return Err(SnapshotError::Unfit {
                folder: self.folder.to_owned(),
                why: "its folders are nested too deep",
            });
        }
        let about = fs::symlink_metadata(from).map_err(read)?;
        let entries = fs::read_dir(from).map_err(read)?;
        fs::create_dir(to).map_err(|error| StoreError::io("make the folder", to, error))?;
        for entry in entries {
            let entry = entry.map_err(read)?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let copied = self.copy_entry(&from, &to, depth, size);
            match copied {
                Err(SnapshotError::Store(StoreError::Io { source, path, .. }))
                    if source.kind() == io::ErrorKind::NotFound && path == from =>
                {
                    tracing::debug!(path = %from.display(), "gone before it was copied");
                }
                other => other?,
            }
        }
        like(to, &about)?;
        durable::sync_folder(to)?;
        Ok(())
    }

    fn copy_entry(
        &self,
        from: &Path,
        to: &Path,
        depth: usize,
        size: &mut Size,
    ) -> Result<(), SnapshotError> {
        let about =
            fs::symlink_metadata(from).map_err(|error| StoreError::io("read", from, error))?;
        if about.is_dir() {
            return self.copy_folder(from, to, depth + 1, size);
        }
        if about.is_symlink() {
            let target =
                fs::read_link(from).map_err(|error| StoreError::io("read", from, error))?;
            link(&target, from, to).map_err(|error| StoreError::io("make the link", to, error))?;
        } else if about.is_file() {
            self.copy_file(from, to, &about, size)?;
        } else {
            return Ok(());
        }
        size.files += 1;
        Ok(())
    }

    fn copy_file(
        &self,
        from: &Path,
        to: &Path,
        about: &Metadata,
        size: &mut Size,
    ) -> Result<(), SnapshotError> {
        size.bytes += about.len();
        if self.links && fs::hard_link(from, to).is_ok() {
            return Ok(());
        }
        if !(self.share && reflink_copy::reflink(from, to).is_ok()) {
            // What failed half-way leaves nothing behind that the copy would stumble over.
            let _ = fs::remove_file(to);
            size.copied += about.len();
            if size.copied > self.cap {
                return Err(SnapshotError::TooBig {
                    folder: self.folder.to_owned(),
                    bytes: size.copied,
                    cap: self.cap,
                });
            }
            let read = |error| StoreError::io("read", from, error);
            let write = |error| StoreError::io("write", to, error);
            let mut source = File::open(from).map_err(read)?;
            let mut copy = File::create_new(to).map_err(write)?;
            io::copy(&mut source, &mut copy).map_err(write)?;
        }
        like(to, about)?;
        sync_file(to).map_err(|error| StoreError::io("bring to disk", to, error))?;
        Ok(())
    }

    /// The bytes of a tree's files that a copy would have, and one of its files.
    pub(super) fn measure(from: &Path) -> (u64, Option<PathBuf>) {
        let mut bytes = 0_u64;
        let mut sample = None;
        let mut folders = vec![from.to_owned()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                match fs::symlink_metadata(entry.path()) {
                    Ok(about) if about.is_dir() => folders.push(entry.path()),
                    Ok(about) if about.is_file() => {
                        bytes = bytes.saturating_add(about.len());
                        if about.len() > 0 {
                            sample.get_or_insert_with(|| entry.path());
                        }
                    }
                    _ => {}
                }
            }
        }
        (bytes, sample)
    }
}

/// Gives `path` the mode of `about`, and a file its time too, where that can be had.
fn like(path: &Path, about: &Metadata) -> Result<(), StoreError> {
    if about.is_file()
        && let Ok(modified) = about.modified()
    {
        // Windows wants to write for this; elsewhere a file that may only be read has a time too.
        let opened = File::options()
            .read(true)
            .write(cfg!(windows))
            .open(path)
            .and_then(|file| file.set_modified(modified));
        if let Err(error) = opened {
            tracing::debug!(path = %path.display(), %error, "a copy has another time");
        }
    }
    fs::set_permissions(path, about.permissions())
        .map_err(|error| StoreError::io("set the mode of", path, error))
}

/// A file that may only be read can be brought to disk all the same.
fn sync_file(path: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return match File::options().write(true).open(path) {
            Ok(file) => file.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            Err(error) => Err(error),
        };
    }
    File::open(path)?.sync_all()
}

#[cfg(unix)]
fn link(target: &Path, _from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, to)
}

#[cfg(windows)]
fn link(target: &Path, from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        std::os::windows::fs::symlink_dir(target, to)
    } else {
        std::os::windows::fs::symlink_file(target, to)
    }
}

/// Deletes a tree, best effort; folders that their owner may not write are made writable first.
pub(super) fn delete(path: &Path) -> bool {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        unlock(path);
    }
    durable::delete(path)
}

#[cfg(unix)]
fn unlock(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if let Ok(about) = fs::symlink_metadata(&folder)
            && about.permissions().mode() & 0o700 != 0o700
        {
            let mode = about.permissions().mode() | 0o700;
            let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(mode));
        }
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let inside = entries.flatten();
        let inside = inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.extend(inside.map(|entry| entry.path()));
    }
}

#[cfg(not(unix))]
fn unlock(_folder: &Path) {}
