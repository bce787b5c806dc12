//! Brings a whole tree to disk before it gets its name.

use std::fs::{self, File};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::StageError;

/// From here on one `syncfs` is cheaper than an fsync of each file, although it also waits for
/// whatever else is being written to that disk.
const MANY: usize = 256;

/// A file system brings to disk together what is asked for at the same time, so that ten syncs at
/// once take little longer than one.
const AT_ONCE: usize = 8;

/// Syncs every file and folder of `root`, `root` itself included.
pub(crate) fn sync_tree(root: &Path) -> Result<(), StageError> {
    let (files, folders) = list(root)?;
    if files.len() + folders.len() > MANY && sync_file_system(root)? {
        return Ok(());
    }
    sync_all(&files)?;
    sync_all(&folders)
}

fn sync_all(paths: &[PathBuf]) -> Result<(), StageError> {
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            sync_one(path).map_err(|error| StageError::write("bring to disk", path, error))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..AT_ONCE.min(paths.len()))
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let own = work();
        helpers
            .into_iter()
            .map(|helper| helper.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(own, Result::and)
    })
}

/// Files and folders. A name never precedes its content, so folders are to be synced after files.
fn list(root: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), StageError> {
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
    Ok((files, folders))
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
    fn every_file_and_folder_is_listed_the_root_too() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        fs::create_dir_all(root.path().join("empty")).unwrap();
        for file in ["x", "a/y", "a/b/z"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        let (mut files, mut folders) = list(root.path()).unwrap();
        files.sort();
        folders.sort();
        assert_eq!(
            files,
            ["a/b/z", "a/y", "x"].map(|name| root.path().join(name))
        );
        assert_eq!(folders[0], root.path());
        assert_eq!(
            folders[1..],
            ["a", "a/b", "empty"].map(|name| root.path().join(name))
        );
    }

    #[test]
    fn one_file_that_cannot_be_synced_fails_the_whole() {
        let root = tempfile::tempdir().unwrap();
        let mut paths: Vec<PathBuf> = (0..20).map(|n| root.path().join(n.to_string())).collect();
        for path in &paths {
            fs::write(path, "x").unwrap();
        }
        sync_all(&paths).unwrap();
        paths.insert(13, root.path().join("gone"));
        assert!(sync_all(&paths).unwrap_err().to_string().contains("gone"));
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
        let error = sync_tree(&root.path().join("gone"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("gone"), "{error}");
    }
}
