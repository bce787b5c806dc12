//! What stands in a folder, without reading any content.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Something that stands in a folder, or in one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Relative, with forward slashes. What is not UTF-8 is shown as well as it can be.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// The permission bits, where the system has such.
    pub(crate) mode: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        size: u64,
        /// In nanoseconds since 1970.
        mtime: i64,
    },
    Folder,
    /// A link, a pipe: nothing that a staged version has.
    Other,
}

/// Lists what stands below `root`, in the order of the paths' bytes, and the folders that cannot be
/// listed. No link is followed. It ends after `most` entries: where there are more than there can
/// be, it does not matter how many.
pub(crate) fn survey(root: &Path, most: usize) -> io::Result<(Vec<Seen>, Vec<String>)> {
    let mut seen = Vec::new();
    let mut closed = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if folder.is_empty() || !is_closed(&error) => return Err(error),
            Err(_) => {
                closed.push(folder);
                continue;
            }
        };
        for entry in entries {
            let entry = entry?;
            let found = match entry.metadata() {
                Ok(found) => found,
                // Gone since it was listed: missing, if it belongs there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // A folder that may be listed and not entered.
                Err(error) if is_closed(&error) => {
                    closed.push(below(&folder, &entry.file_name().to_string_lossy()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let path = below(&folder, &entry.file_name().to_string_lossy());
            let kind = if found.is_dir() {
                folders.push(path.clone());
                Kind::Folder
            } else if found.is_file() {
                Kind::File {
                    size: found.len(),
                    mtime: mtime(&found),
                }
            } else {
                Kind::Other
            };
            seen.push(Seen {
                path,
                kind,
                mode: mode(&found),
            });
            if seen.len() >= most {
                folders.clear();
                break;
            }
        }
    }
    seen.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    closed.sort_unstable();
    Ok((seen, closed))
}

/// Whether an error is about the thing itself, and not about a machine that is short of something.
pub(crate) fn is_closed(error: &io::Error) -> bool {
    // Linux, macOS: EIO, what a failing disk says.
    const EIO: i32 = 5;
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || (cfg!(unix) && error.raw_os_error() == Some(EIO))
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn mtime(found: &Metadata) -> i64 {
    let nanoseconds =
        |time: std::time::Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    match found.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
        Ok(Ok(after)) => nanoseconds(after),
        Ok(Err(before)) => -nanoseconds(before.duration()),
        Err(_) => 0,
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there is none")]
fn mode(found: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(found.permissions().mode() & 0o7777)
}

/// Windows has one bit, which staging never sets and which keeps nobody from reading.
#[cfg(not(unix))]
fn mode(_found: &Metadata) -> Option<u32> {
    None
}
