//! Whether stored versions are still what was staged.
//!
//! ```text
//! launch: quick_check ─► finding? ─► names, sizes, modes, times ─► read what has another time
//! daily_check, verify: names, sizes, modes ─► read everything ─► finding written, or taken away
//! ```
//!
//! Whole trees are walked without the store lock. What was seen counts only if the same folder still
//! stands there once the lock is taken.

use std::fs;
use std::io;
use std::path::Path;

use rollout::Version;

use crate::damage::{self, Damage, Difference, Finding, What};
use crate::files::Found;
use crate::layout::{Layout, names};
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::record::Record;
use crate::tree_manifest::{self, Built, Digester, Digests, Pace, TreeManifest};
use crate::{Store, StoreError};

mod additions;
mod daily;

/// How closely a version is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only what has another time than it had is read.
    Quick,
    /// Everything is read.
    Full(Pace),
}

/// What a look at a version comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// There is no manifest to hold it against.
    Unknown,
    /// As it was staged. With the manifest as it would be with the times that files have now, where
    /// those are others.
    Whole(Option<Box<Retimed>>),
    Damaged(Damage),
}

/// A manifest whose files have other times and the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retimed {
    was: TreeManifest,
    is: TreeManifest,
}

/// Which folder of a name it is; another one that takes its place is told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    Nothing,
    Folder(Option<(u64, u64)>),
}

impl Store {
    /// Whether a stored version is what was staged, by names, sizes, modes and times; only files
    /// whose time is another are read. What an earlier full check found counts until it is mended.
    /// A version without a tree manifest, or one that cannot be looked at now, passes.
    ///
    /// # Errors
    ///
    /// What is damaged.
    #[expect(clippy::result_large_err, reason = "asked once or twice in a launch")]
    pub fn quick_check(&self, id: &VersionId) -> Result<(), Damage> {
        match self.glance(id) {
            Health::Damaged(damage) => Err(damage),
            Health::Whole(Some(retimed)) => {
                // Else every launch would read those files again.
                if let Err(error) = self.retime(&retimed) {
                    tracing::debug!(%error, "files with other times are read again next time");
                }
                Ok(())
            }
            Health::Whole(None) | Health::Unknown => Ok(()),
        }
    }

    /// As [`Store::quick_check`], and changes nothing.
    pub(crate) fn glance(&self, id: &VersionId) -> Health {
        if let Some(damage) = Finding::load(self.layout(), id) {
            return Health::Damaged(damage);
        }
        examine(self.layout(), id, Depth::Quick).unwrap_or_else(|error| {
            tracing::warn!(%error, version = %id.version, "cannot tell whether it is whole");
            Health::Unknown
        })
    }

    /// What full checks have found and nobody has mended yet.
    pub fn damaged(&self) -> Vec<Damage> {
        let versions = names(&self.layout().records()).unwrap_or_default();
        versions
            .iter()
            .filter_map(|name| name.strip_suffix(Finding::SUFFIX)?.parse::<Version>().ok())
            .filter_map(|version| Record::load(self.layout(), &version).ok().flatten())
            .filter_map(|record| Finding::load(self.layout(), &record.id()))
            .collect()
    }

    /// Reads a whole version. What is found is written down for the launches to come; that nothing
    /// is wrong any more, too.
    pub(crate) fn full_check(&self, id: &VersionId, pace: Pace) -> Result<Health, StoreError> {
        let layout = self.layout();
        let before = standing(&layout.version(&id.version));
        let health = examine(layout, id, Depth::Full(pace))?;
        let lock = match StoreLock::take(layout) {
            Ok(lock) => lock,
            Err(error) => {
                tracing::warn!(%error, "what was found cannot be written down");
                return Ok(health);
            }
        };
        if standing(&layout.version(&id.version)) != before || !is_stored(layout, id)? {
            return Ok(Health::Unknown);
        }
        if let Err(error) = write_finding(&lock, layout, id, &health) {
            tracing::warn!(%error, "what was found cannot be written down");
        }
        Ok(health)
    }

    /// Makes the manifest of a version that has none yet, out of what stands there.
    fn describe(&self, record: &Record) -> Result<(), StoreError> {
        let layout = self.layout();
        let (root, id) = (layout.version(&record.version), record.id());
        let before = standing(&root);
        let built = tree_manifest::build(&root, &id, &Digests::new(), Pace::Low)
            .map_err(|(path, error)| StoreError::io("read", path, error))?;
        let manifest = match built {
            Built::Whole(manifest) => manifest,
            Built::NotATree(path) => {
                tracing::warn!(path = %path.display(), "no staged version has such a thing; not described");
                return Ok(());
            }
        };
        let _lock = StoreLock::take(layout)?;
        let still_none = matches!(
            TreeManifest::find(layout, &id)?,
            Found::Missing | Found::Invalid(_)
        );
        if still_none && standing(&root) == before && is_stored(layout, &id)? {
            manifest.save(layout)?;
        }
        Ok(())
    }

    fn retime(&self, retimed: &Retimed) -> Result<(), StoreError> {
        let id = VersionId {
            version: retimed.was.version.clone(),
            integrity: retimed.was.integrity.clone(),
        };
        let _lock = StoreLock::take(self.layout())?;
        match TreeManifest::find(self.layout(), &id)? {
            Found::Valid(now) if now == retimed.was => retimed.is.save(self.layout()),
            _ => Ok(()),
        }
    }
}

/// Looks at a version. An error says nothing about it.
pub(crate) fn examine(layout: &Layout, id: &VersionId, depth: Depth) -> Result<Health, StoreError> {
    Ok(match look(layout, id, depth)? {
        None => Health::Unknown,
        Some(Looked::Gone(detail)) => Health::Damaged(Damage::new(id, detail)),
        Some(Looked::Differs(differences)) => {
            Health::Damaged(Damage::new(id, damage::in_words(&differences)))
        }
        Some(Looked::Alike(retimed)) => Health::Whole(retimed),
    })
}

/// Every difference between a version and its manifest; none where it has no manifest, or is gone.
fn examine_all(
    layout: &Layout,
    id: &VersionId,
    depth: Depth,
) -> Result<Option<Vec<Difference>>, StoreError> {
    Ok(match look(layout, id, depth)? {
        None | Some(Looked::Gone(_)) => None,
        Some(Looked::Differs(differences)) => Some(differences),
        Some(Looked::Alike(_)) => Some(Vec::new()),
    })
}

/// What is seen of a version that has a manifest.
enum Looked {
    /// As a whole, in words.
    Gone(String),
    Differs(Vec<Difference>),
    Alike(Option<Box<Retimed>>),
}

fn look(layout: &Layout, id: &VersionId, depth: Depth) -> Result<Option<Looked>, StoreError> {
    let manifest = match TreeManifest::find(layout, id)? {
        Found::Valid(manifest) => manifest,
        Found::Missing | Found::Newer(..) | Found::Invalid(_) => return Ok(None),
    };
    let root = layout.version(&id.version);
    let gone = |detail| Ok(Some(Looked::Gone(detail)));
    if standing(&root) == Standing::Nothing {
        return gone(format!("`{}` is not there", root.display()));
    }
    let (seen, closed) = match tree_manifest::survey(&root, damage::most_seen(&manifest)) {
        Ok(seen) => seen,
        Err(error) if tree_manifest::is_closed(&error) => {
            return gone(format!("`{}` cannot be read: {error}", root.display()));
        }
        Err(error) => return Err(StoreError::io("read the folder", root, error)),
    };
    if seen.is_empty() && closed.is_empty() && !manifest.files.is_empty() {
        return gone(format!("`{}` is empty", root.display()));
    }
    let mut comparison = damage::compare(&manifest, &seen, &closed);
    let other_times = read(&root, &manifest, &mut comparison, depth)?;
    if !comparison.differences.is_empty() {
        return Ok(Some(Looked::Differs(comparison.differences)));
    }
    if other_times.is_empty() {
        return Ok(Some(Looked::Alike(None)));
    }
    let was = manifest.clone();
    let mut is = manifest;
    for (index, mtime) in other_times {
        is.files[index].mtime = mtime;
    }
    Ok(Some(Looked::Alike(Some(Box::new(Retimed { was, is })))))
}

/// Reads the files that are to be read, and says which of those that are as they were have another
/// time.
fn read(
    root: &Path,
    manifest: &TreeManifest,
    comparison: &mut damage::Comparison,
    depth: Depth,
) -> Result<Vec<(usize, i64)>, StoreError> {
    let mut digester = Digester::new(match depth {
        Depth::Quick => Pace::Full,
        Depth::Full(pace) => pace,
    });
    let mut other_times = Vec::new();
    for (index, mtime) in std::mem::take(&mut comparison.alike) {
        let file = &manifest.files[index];
        let same_time = file.mtime == mtime;
        if same_time && depth == Depth::Quick {
            continue;
        }
        let path = root.join(&file.path);
        match digester.digest(&path) {
            Ok(digest) if digest == file.sha256 => {
                if !same_time {
                    other_times.push((index, mtime));
                }
            }
            Ok(_) => comparison.differ(&file.path, What::Changed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                comparison.differ(&file.path, What::Missing);
            }
            Err(error) if tree_manifest::is_closed(&error) => {
                comparison.differ(&file.path, What::Unreadable);
            }
            Err(error) => return Err(StoreError::io("read", path, error)),
        }
    }
    Ok(other_times)
}

fn write_finding(
    _store: &StoreLock,
    layout: &Layout,
    id: &VersionId,
    health: &Health,
) -> Result<(), StoreError> {
    match health {
        Health::Damaged(damage) => Finding::save(layout, damage, crate::now()),
        Health::Whole(_) => Finding::remove(layout, &id.version),
        Health::Unknown => Ok(()),
    }
}

fn is_stored(layout: &Layout, id: &VersionId) -> Result<bool, StoreError> {
    Ok(Record::load(layout, &id.version)?.is_some_and(|record| record.integrity == id.integrity))
}

fn standing(root: &Path) -> Standing {
    match fs::symlink_metadata(root) {
        Ok(found) if found.is_dir() => Standing::Folder(identity(&found)),
        _ => Standing::Nothing,
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may be missing")]
fn identity(found: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((found.dev(), found.ino()))
}

/// Where a folder has no number that the standard library knows, the moment of its making.
#[cfg(not(unix))]
fn identity(found: &fs::Metadata) -> Option<(u64, u64)> {
    let made = found.created().ok()?;
    let since = made.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((since.as_secs(), since.subsec_nanos().into()))
}

/// Versions of which there are records, whether or not their folders are there.
pub(crate) fn recorded(layout: &Layout) -> Result<Vec<Version>, StoreError> {
    Ok(names(&layout.records())?
        .iter()
        .filter_map(|name| name.strip_suffix(".json")?.parse().ok())
        .collect())
}

/// Removes what stands beside the record of `version`.
pub(crate) fn forget(layout: &Layout, version: &Version) -> Result<(), StoreError> {
    Finding::remove(layout, version)?;
    TreeManifest::remove(layout, version)
}

/// The version that a file beside a record is about.
pub(crate) fn beside(name: &str) -> Option<Version> {
    [tree_manifest::SUFFIX, Finding::SUFFIX]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix)?.parse().ok())
}

#[cfg(test)]
mod tests;
