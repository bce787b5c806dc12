//! Files that are whole or not there, also after a power cut.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// What the name of a file being written begins and ends with.
const UNFINISHED: (&str, &str) = (".refit-", ".tmp");

/// Whether a name is that of a file being written.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED.0) && name.ends_with(UNFINISHED.1)
}

/// A file being written in `dir`, under a name that starts with a dot and is never served.
pub(super) fn begin(dir: &Path) -> Result<NamedTempFile, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED.0).suffix(UNFINISHED.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // A static host's own user must be able to read what is published.
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder
        .tempfile_in(dir)
        .map_err(|error| Failure::file("write into", dir, &error))
}

/// Gives a finished file its name: synced, renamed, and the folder synced.
pub(super) fn finish(file: NamedTempFile, to: &Path) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::file("write", to, error);
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(to).map_err(|error| failed(&error.error))?;
    sync_dir(&folder_of(to))
}

/// Replaces `to` with `bytes` in one rename.
pub(super) fn replace(to: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = begin(&folder_of(to))?;
    file.write_all(bytes)
        .map_err(|error| Failure::file("write", to, &error))?;
    finish(file, to)
}

/// The folder a file is in, also where its path is a bare name.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Makes `dir` and what is missing above it, each entry synced into its parent.
pub(super) fn make_dirs(dir: &Path) -> Result<(), Failure> {
    let missing: Vec<PathBuf> = dir
        .ancestors()
        .take_while(|dir| !dir.exists())
        .map(Path::to_path_buf)
        .collect();
    fs::create_dir_all(dir).map_err(|error| Failure::file("make the folder", dir, &error))?;
    for made in missing.iter().rev() {
        made.parent().map_or(Ok(()), sync_dir)?;
    }
    Ok(())
}

/// Windows cannot sync a folder, and need not: NTFS journals names.
fn sync_dir(dir: &Path) -> Result<(), Failure> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Failure::file("sync the folder", dir, &error))
}
