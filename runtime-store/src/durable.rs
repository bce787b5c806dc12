//! Writes, renames and removals that a power cut cannot undo or tear.
//!
//! Every change is: content to disk, one rename, the folder to disk. Callers hold the store lock, so
//! that a sweep never takes a temporary file of a live writer for a leftover.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::StoreError;
use crate::layout::Layout;

/// What a temporary file's name ends with; a sweep removes such files.
pub(crate) const TEMPORARY: &str = ".tmp";

/// Replaces `path` by `bytes`: temporary file, fsync, rename, fsync of the folder. The file is
/// readable and writable by its owner only.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let failed = |error| StoreError::io("write", path, error);
    let folder = folder_of(path);
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    let mut temporary = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(TEMPORARY)
        .tempfile_in(folder)
        .map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    sync_folder(folder)
}

/// As [`write`], of a value as indented JSON with a line end.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| StoreError::Json {
        path: path.to_owned(),
        source,
    })?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Brings a folder's entries to disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    // Windows has no such call, and brings renames to disk by itself.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| StoreError::io("bring to disk the folder", folder, error))
}

/// Renames and brings both folders to disk, the one that gains the name first.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| StoreError::io("move", from, error))?;
    let (old, new) = (folder_of(from), folder_of(to));
    sync_folder(new)?;
    if old != new {
        sync_folder(old)?;
    }
    Ok(())
}

/// Removes a file, which may be missing, and brings its folder to disk.
pub(crate) fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError::io("remove", path, error)),
    }
}

/// Something that lies in `trash/` and only waits for its bytes to be freed.
#[must_use = "its bytes are still on disk"]
#[derive(Debug)]
pub(crate) struct Discarded {
    path: PathBuf,
}

impl Discarded {
    /// Frees it, best effort: what stays behind goes with the next sweep.
    pub(crate) fn delete(self) {
        delete(&self.path);
    }
}

/// Moves a file or folder into `trash/` under a name of its own, durably. None when it is not there.
pub(crate) fn discard(layout: &Layout, path: &Path) -> Result<Option<Discarded>, StoreError> {
    if let Err(error) = fs::symlink_metadata(path)
        && error.kind() == io::ErrorKind::NotFound
    {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let into = layout
        .trash()
        .join(format!("{name}.{}", uuid::Uuid::new_v4()));
    rename(path, &into)?;
    Ok(Some(Discarded { path: into }))
}

/// Deletes a file or a whole folder without following links; says whether it is gone.
pub(crate) fn delete(path: &Path) -> bool {
    let gone = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "still there, the next sweep tries again");
            false
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_file_and_leaves_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_no_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.json");
        fs::create_dir_all(path.join("inside")).unwrap();
        let error = write(&path, b"two").unwrap_err().to_string();
        assert!(error.contains("file.json"), "{error}");
        assert!(path.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_discarded_leaves_its_place_at_once_and_its_bytes_later() {
        let scratch = tempfile::tempdir().unwrap();
        let layout = Layout::open(scratch.path()).unwrap();
        let version = layout.versions().join("1.0.0");
        fs::create_dir_all(version.join("dist")).unwrap();
        let discarded = discard(&layout, &version).unwrap().unwrap();
        assert!(!version.exists());
        assert!(discarded.path.join("dist").is_dir());
        discarded.delete();
        assert_eq!(fs::read_dir(layout.trash()).unwrap().count(), 0);
        assert!(discard(&layout, &version).unwrap().is_none());
    }
}
