//! Brings a whole tree to disk before it gets its name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::StageError;

/// From here on one `syncfs` is cheaper than an fsync of each file, although it also waits for
/// whatever else is being written to that disk.
const MANY: usize = 256;

/// Syncs every file and folder of `root`, `root` itself included.
pub(crate) fn sync_tree(root: &Path) -> Result<(), StageError> {
    let found = list(root)?;
    if found.len() > MANY && sync_file_system(root)? {
        return Ok(());
    }
    for path in &found {
        sync_one(path).map_err(|error| StageError::write("bring to disk", path, error))?;
    }
    Ok(())
}

/// Files first and a folder only after all that is in it, so that a name never precedes its content.
fn list(root: &Path) -> Result<Vec<PathBuf>, StageError> {
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let failed = |error| StageError::write("list", &folder, error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.extend(folders.into_iter().rev());
    Ok(files)
}

#[cfg(windows)]
fn sync_one(path: &Path) -> io::Result<()> {
    // A folder cannot be synced there, and a file only through a handle that may write.
    if path.is_dir() {
        return Ok(());
    }
    File::options().write(true).open(path)?.sync_all()
}

#[cfg(not(windows))]
fn sync_one(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// False where the system has no such call.
#[cfg(target_os = "linux")]
fn sync_file_system(root: &Path) -> Result<bool, StageError> {
    File::open(root)
        .and_then(|root| Ok(rustix::fs::syncfs(root)?))
        .map(|()| true)
        .map_err(|error| StageError::write("bring to disk", root, error))
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_root: &Path) -> Result<bool, StageError> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_and_a_folder_follows_what_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::create_dir_all(root.path().join("empty")).unwrap();
        for file in ["x", "a/y", "a/b/z"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let found = list(root.path()).unwrap();
        assert_eq!(found.len(), 7);
        for (index, path) in found.iter().enumerate() {
            let later = &found[index + 1..];
            assert!(!later.iter().any(|other| other.starts_with(path)), "{}", path.display());
        }
        assert_eq!(found.last().map(PathBuf::as_path), Some(root.path()));
    }

    #[test]
    fn few_and_many_files_are_synced() {
        for count in [3, MANY + 1] {
            let root = tempfile::tempdir().unwrap();
            for number in 0..count {
                fs::write(root.path().join(number.to_string()), "x").unwrap();
            }
            sync_tree(root.path()).unwrap();
        }
    }

    #[test]
    fn a_tree_that_is_not_there_is_an_error_that_names_it() {
        let root = tempfile::tempdir().unwrap();
        let error = sync_tree(&root.path().join("gone")).unwrap_err().to_string();
        assert!(error.contains("gone"), "{error}");
    }
}
