//! Shared dependencies that a staged version takes over from the bundled runtime.
//!
//! A package such as `node-pty` holds compiled code for this very platform, so the runtime's own
//! package leaves it out and the installer brings it along. It is copied, never linked: a version
//! must go on working when the next installer replaces the bundled runtime.
//!
//! ```text
//! bundled/node_modules/node-pty ─► links resolved to content ─► <version>/node_modules/node-pty
//!                                  (hashed as it is copied)      + `Carried` for the record
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::stage::manifest::{Manifest, ManifestError};

/// More than any real dependency has; links that fan out stop here.
const MAX_ITEMS: u32 = 100_000;
const MAX_DEPTH: usize = 64;
const BUFFER: usize = 256 * 1024;

/// One dependency that was carried over, as the version's record keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Where it lies, below the bundled runtime as well as below the version: `node_modules/x`.
    pub path: String,
    /// Its package name.
    pub name: String,
    /// Its version, as its package.json says.
    pub version: String,
    /// `sha256-` and the hex digest of its names, modes and content.
    pub fingerprint: String,
}

/// Why a dependency could not be carried over.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// The configured path is no plain relative one.
    #[error("`{0}` in `carry` is not a plain relative path. Correct the configuration")]
    BadPath(String),
    /// The archive needs it, and the bundled runtime has none.
    #[error(
        "the version needs {name}, which the bundled runtime should bring along but has not at \
         {}. Build the installer with it", .path.display()
    )]
    Missing {
        /// Its package name.
        name: String,
        /// Where it was sought.
        path: PathBuf,
    },
    /// Its package.json cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A link inside it leads back to a folder that it lies in.
    #[error("{} leads back into itself by a link. Build the installer without it", .0.display())]
    Loop(PathBuf),
    /// Something in it is neither file nor folder.
    #[error("{} is neither a file nor a folder. Build the installer without it", .0.display())]
    Special(PathBuf),
    /// Deeper or larger than any dependency is.
    #[error("{} has too many files or folders to be carried over", .0.display())]
    TooMany(PathBuf),
    /// Reading from the bundled runtime failed.
    #[error("could not read {}: {source}. Install the app again", .path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing into the version failed.
    #[error("could not write {}: {source}", .path.display())]
    Write {
        /// What was written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What the bundled runtime has at `path`, without its content; `None` where it has nothing there.
pub(crate) fn source(bundled: &Path, path: &str) -> Result<Option<Manifest>, CarryError> {
    let from = bundled.join(plain(path)?);
    match fs::metadata(&from) {
        Ok(found) if found.is_dir() => Ok(Some(Manifest::read(&from)?)),
        Ok(_) => Err(CarryError::Special(from)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(CarryError::Read { path: from, source }),
    }
}

/// Whether `root` has something of its own at `path`.
pub(crate) fn is_there(root: &Path, path: &str) -> Result<bool, CarryError> {
    let at = root.join(plain(path)?);
    match fs::symlink_metadata(&at) {
        Ok(_) => Ok(true),
        Err(error) if is_absent(&error) => Ok(false),
        Err(source) => Err(CarryError::Read { path: at, source }),
    }
}

/// Copies the tree at `path` below `bundled` to the same path below `root`, where nothing may be
/// yet. Every link is resolved to what it leads to. Nothing is synced: that is the caller's.
pub(crate) fn copy(bundled: &Path, path: &str, root: &Path) -> Result<Carried, CarryError> {
    let relative = plain(path)?;
    let manifest = source(bundled, path)?.ok_or_else(|| CarryError::Missing {
        name: package_at(path).to_owned(),
        path: bundled.join(&relative),
    })?;
    let to = root.join(&relative);
    let mut copier = Copier {
        to: Some(&to),
        ..Copier::default()
    };
    if let Some(parent) = to.parent() {
        make_folders(root, parent)?;
    }
    copier.walk(&bundled.join(&relative))?;
    Ok(Carried {
        path: path.to_owned(),
        name: manifest.name.unwrap_or_else(|| package_at(path).to_owned()),
        version: manifest.version.unwrap_or_default(),
        fingerprint: copier.fingerprint(),
    })
}

/// The fingerprint that [`copy`] would record for `path` now; `None` where nothing is there.
pub(crate) fn fingerprint(bundled: &Path, path: &str) -> Result<Option<String>, CarryError> {
    walk(bundled, path, false)
}

fn walk(bundled: &Path, path: &str, glance: bool) -> Result<Option<String>, CarryError> {
    let from = bundled.join(plain(path)?);
    match fs::metadata(&from) {
        Ok(_) => {
            let mut reader = Copier {
                glance,
                ..Copier::default()
            };
            reader.walk(&from)?;
            Ok(Some(reader.fingerprint()))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(source) => Err(CarryError::Read { path: from, source }),
    }
}

/// What tells cheaply whether the tree at `path` may have changed: its names, modes, sizes and
/// times. No content is read.
pub(crate) fn glance(bundled: &Path, path: &str) -> Result<Option<String>, CarryError> {
    walk(bundled, path, true)
}

/// The package that Node finds at `path`: what follows the last `node_modules/`.
pub(crate) fn package_at(path: &str) -> &str {
    path.rsplit_once("node_modules/")
        .map_or(path, |(_, name)| name)
}

/// `path` as a relative path of plain components only.
pub(crate) fn plain(path: &str) -> Result<PathBuf, CarryError> {
    let bad = || CarryError::BadPath(path.to_owned());
    if path.is_empty() || path.contains(['\\', '\0', ':']) {
        return Err(bad());
    }
    let plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let path = PathBuf::from(path);
    if plain
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    {
        Ok(path)
    } else {
        Err(bad())
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Walks a tree in the order of its names, hashes it and, given `to`, copies it.
#[derive(Default)]
struct Copier<'a> {
    to: Option<&'a Path>,
    /// Hashes sizes and times in place of content.
    glance: bool,
    hasher: Sha256,
    items: u32,
    /// The real paths of the folders being walked, to notice a link back into one of them.
    above: Vec<PathBuf>,
    buffer: Vec<u8>,
}

impl Copier<'_> {
    fn walk(&mut self, from: &Path) -> Result<(), CarryError> {
        self.folder(from, Path::new(""))
    }

    fn fingerprint(self) -> String {
        format!("sha256-{}", hex::encode(self.hasher.finalize()))
    }

    fn folder(&mut self, from: &Path, relative: &Path) -> Result<(), CarryError> {
        let unreadable = |source| CarryError::Read {
            path: from.to_owned(),
            source,
        };
        let real = fs::canonicalize(from).map_err(unreadable)?;
        if self.above.contains(&real) {
            return Err(CarryError::Loop(from.to_owned()));
        }
        if self.above.len() >= MAX_DEPTH {
            return Err(CarryError::TooMany(from.to_owned()));
        }
        self.note(b'd', relative, 0);
        if let Some(to) = self.to {
            make_folder(&to.join(relative))?;
        }
        let mut names = fs::read_dir(from)
            .map_err(unreadable)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(unreadable)?;
        names.sort();
        self.above.push(real);
        for name in names {
            self.item(&from.join(&name), &relative.join(&name))?;
        }
        self.above.pop();
        Ok(())
    }

    fn item(&mut self, from: &Path, relative: &Path) -> Result<(), CarryError> {
        self.items += 1;
        if self.items > MAX_ITEMS {
            return Err(CarryError::TooMany(from.to_owned()));
        }
        let found = fs::metadata(from).map_err(|source| CarryError::Read {
            path: from.to_owned(),
            source,
        })?;
        if found.is_dir() {
            self.folder(from, relative)
        } else if found.is_file() {
            if self.glance {
                self.times(relative, &found);
                return Ok(());
            }
            self.file(from, relative, is_executable(&found))
        } else {
            Err(CarryError::Special(from.to_owned()))
        }
    }

    fn file(&mut self, from: &Path, relative: &Path, executable: bool) -> Result<(), CarryError> {
        let unreadable = |source| CarryError::Read {
            path: from.to_owned(),
            source,
        };
        let mut reading = File::open(from).map_err(unreadable)?;
        self.note(if executable { b'x' } else { b'f' }, relative, 0);
        let to = self.to.map(|to| to.join(relative));
        let mut writing = match &to {
            Some(to) => Some(create(to, executable).map_err(|source| CarryError::Write {
                path: to.clone(),
                source,
            })?),
            None => None,
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(BUFFER, 0);
        let mut length = 0u64;
        loop {
            let read = match reading.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            length += read as u64;
            self.hasher.update(&buffer[..read]);
            if let (Some(writing), Some(to)) = (&mut writing, &to) {
                writing
                    .write_all(&buffer[..read])
                    .map_err(|source| CarryError::Write {
                        path: to.clone(),
                        source,
                    })?;
            }
        }
        self.buffer = buffer;
        // The length behind the content keeps one file's end from passing for another's beginning.
        self.note(b'.', Path::new(""), length);
        Ok(())
    }

    fn times(&mut self, relative: &Path, found: &fs::Metadata) {
        let kind = if is_executable(found) { b'x' } else { b'f' };
        self.note(kind, relative, found.len());
        let times = format!("{:?} {:?}\n", found.modified().ok(), changed(found));
        self.hasher.update(times.as_bytes());
    }

    fn note(&mut self, kind: u8, relative: &Path, length: u64) {
        // The same bytes on every system, whatever separates its components.
        let name: Vec<_> = relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        let name = name.join("/");
        self.hasher.update([kind]);
        self.hasher.update((name.len() as u64).to_be_bytes());
        self.hasher.update(name.as_bytes());
        self.hasher.update(length.to_be_bytes());
    }
}

/// Makes `folder` and those above it that are missing, none of them above `root`.
fn make_folders(root: &Path, folder: &Path) -> Result<(), CarryError> {
    let Ok(relative) = folder.strip_prefix(root) else {
        return Err(CarryError::BadPath(folder.display().to_string()));
    };
    let mut at = root.to_owned();
    for part in relative.components() {
        at.push(part);
        if !at.is_dir() {
            make_folder(&at)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn make_folder(at: &Path) -> Result<(), CarryError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::create_dir(at)
        .and_then(|()| fs::set_permissions(at, fs::Permissions::from_mode(0o755)))
        .map_err(|source| CarryError::Write {
            path: at.to_owned(),
            source,
        })
}

#[cfg(not(unix))]
fn make_folder(at: &Path) -> Result<(), CarryError> {
    fs::create_dir(at).map_err(|source| CarryError::Write {
        path: at.to_owned(),
        source,
    })
}

#[cfg(unix)]
fn create(at: &Path, executable: bool) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mode = if executable { 0o755 } else { 0o644 };
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(at)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    Ok(file)
}

#[cfg(not(unix))]
fn create(at: &Path, _executable: bool) -> io::Result<File> {
    fs::OpenOptions::new().write(true).create_new(true).open(at)
}

#[cfg(unix)]
fn is_executable(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

/// When its content or its name was last changed, which nobody sets at will: some installers give
/// every file the same time of modification.
#[cfg(unix)]
fn changed(found: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt as _;
    (found.ctime(), found.ctime_nsec())
}

/// Where there is no such time, that of making it.
#[cfg(not(unix))]
fn changed(found: &fs::Metadata) -> Option<std::time::SystemTime> {
    found.created().ok()
}

#[cfg(not(unix))]
fn is_executable(_found: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests;
