//! Whether only the administrator can have written a file.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

/// What stands in the way of believing it.
#[derive(Debug)]
pub(super) enum Doubt {
    /// There is no such file.
    Missing,
    /// Somebody else could have written it: how, in words.
    Others(String),
    /// It may be the administrator's, and cannot be looked at.
    Closed(String),
}

/// Whether the file and the folder it is in are the administrator's alone. The folder comes first:
/// in one that others may write, nothing that is said of the file holds for a moment.
pub(super) fn check(path: &Path) -> Result<(), Doubt> {
    let folder = path.parent().unwrap_or(path);
    // Who may write where the folder stands could put another in its place. On Windows everybody may
    // make folders there, and still not take one away that is somebody else's.
    if let Some(base) = folder.parent().filter(|_| cfg!(unix)) {
        let about = fs::metadata(base).map_err(|error| unseen(base, &error))?;
        owned(base, &about)?;
    }
    let about = look(folder)?;
    if !about.is_dir() {
        return Err(odd(folder, "is not a folder"));
    }
    owned(folder, &about)?;
    let about = look(path)?;
    if !about.is_file() {
        return Err(odd(path, "is not a file"));
    }
    owned(path, &about)
}

fn look(path: &Path) -> Result<Metadata, Doubt> {
    let about = fs::symlink_metadata(path).map_err(|error| unseen(path, &error))?;
    if about.is_symlink() {
        return Err(odd(path, "is a link"));
    }
    Ok(about)
}

fn unseen(path: &Path, error: &io::Error) -> Doubt {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Doubt::Missing,
        _ => Doubt::Closed(format!("`{}`: {error}", path.display())),
    }
}

fn odd(path: &Path, what: &str) -> Doubt {
    Doubt::Others(format!("`{}` {what}", path.display()))
}

#[cfg(unix)]
fn owned(path: &Path, about: &Metadata) -> Result<(), Doubt> {
    use std::os::unix::fs::MetadataExt as _;
    match suspicion(about.uid(), about.mode()) {
        None => listed(path),
        Some(what) => Err(odd(path, what)),
    }
}

/// Rights beyond the mode.
#[cfg(target_os = "macos")]
fn listed(path: &Path) -> Result<(), Doubt> {
    let shown = super::acl::of(path)
        .map_err(|error| Doubt::Others(format!("`{}`: {error}", path.display())))?;
    match super::acl::suspicion(&shown) {
        None => Ok(()),
        Some(what) => Err(odd(path, &what)),
    }
}

/// They show in the group's bits.
#[cfg(all(unix, not(target_os = "macos")))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there may be doubts")]
fn listed(_path: &Path) -> Result<(), Doubt> {
    Ok(())
}

/// What is wrong with a file of this owner and mode.
#[cfg_attr(not(unix), expect(dead_code, reason = "there are no modes"))]
fn suspicion(owner: u32, mode: u32) -> Option<&'static str> {
    const OTHERS_WRITE: u32 = 0o022;
    if owner != 0 {
        Some("is not owned by root")
    } else if mode & OTHERS_WRITE != 0 {
        Some("can be written by others than root")
    } else {
        None
    }
}

#[cfg(windows)]
fn owned(path: &Path, _about: &Metadata) -> Result<(), Doubt> {
    let text = super::sddl::of(path)
        .map_err(|error| Doubt::Others(format!("`{}`: {error}", path.display())))?;
    match super::sddl::suspicion(&text) {
        None => Ok(()),
        Some(what) => Err(odd(path, &what)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_root_owns_and_only_root_writes(owner in 0_u32..3, mode in 0_u32..0o10000) {
            let believed = suspicion(owner, mode).is_none();
            let group_writes = mode & 0o020 != 0;
            let others_write = mode & 0o002 != 0;
            prop_assert_eq!(believed, owner == 0 && !group_writes && !others_write);
        }
    }
}
