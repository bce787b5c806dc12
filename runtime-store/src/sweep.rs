//! Housekeeping: what no process works on, and what nothing names, goes by way of `trash/`.

use std::fs::{self, File};

use rollout::Version;

use crate::bad::BadList;
use crate::durable::{self, Discarded, TEMPORARY};
use crate::files::Found;
use crate::layout::{Layout, PARTIAL_LOCK, names};
use crate::lease::{self, InUse};
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, Replaced, VersionId};
use crate::record::Record;
use crate::tree_manifest::TreeManifest;
use crate::{Store, StoreError, check};

/// What housekeeping did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Partials that were removed.
    pub partials: u64,
    /// Versions that were removed.
    pub versions: Vec<Version>,
    /// Things in the trash whose bytes were freed, those just thrown there included.
    pub trash: u64,
    /// What stays although nothing names it, and why, in words.
    pub kept: Vec<String>,
}

impl Store {
    /// Removes what no process works on: unlocked partials, temporary files, stale leases, trash.
    /// Safe at any time.
    pub fn sweep(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let lock = StoreLock::take(self.layout())?;
        sweep_unowned(&lock, self.layout(), &mut swept)?;
        drop(lock);
        empty_trash(self.layout(), &mut swept)?;
        Ok(swept)
    }

    /// Sweep, and every version that is neither pointer, previous, still soaking, leased, nor the
    /// newest that waits for its rehearsal.
    pub fn gc(&self) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let lock = StoreLock::take(self.layout())?;
        sweep_unowned(&lock, self.layout(), &mut swept)?;
        sweep_versions(&lock, self.layout(), &mut swept)?;
        drop(lock);
        empty_trash(self.layout(), &mut swept)?;
        Ok(swept)
    }
}

fn sweep_unowned(lock: &StoreLock, layout: &Layout, swept: &mut Swept) -> Result<(), StoreError> {
    sweep_partials(layout, swept)?;
    sweep_temporaries(layout)?;
    lease::sweep(lock, layout)
}

/// A partial belongs to whoever holds the lock on its lock file, which is made and removed only
/// under the store lock.
fn sweep_partials(layout: &Layout, swept: &mut Swept) -> Result<(), StoreError> {
    for name in names(&layout.partials())? {
        let path = layout.partials().join(&name);
        if let Some(version) = name.strip_suffix(PARTIAL_LOCK) {
            if is_locked(&path) {
                swept
                    .kept
                    .push(format!("the partial of {version}: it is being staged"));
            } else {
                durable::delete(&path);
            }
            continue;
        }
        let lock = layout.partials().join(format!("{name}{PARTIAL_LOCK}"));
        if !is_locked(&lock) && durable::discard(layout, &path)?.is_some() {
            swept.partials += 1;
        }
    }
    Ok(())
}

/// Temporary files of writers that died. Every writer holds the store lock, as this does.
fn sweep_temporaries(layout: &Layout) -> Result<(), StoreError> {
    for folder in [layout.root().to_owned(), layout.records()] {
        for name in names(&folder)? {
            if name.starts_with('.') && name.ends_with(TEMPORARY) {
                durable::delete(&folder.join(name));
            }
        }
    }
    Ok(())
}

fn sweep_versions(lock: &StoreLock, layout: &Layout, swept: &mut Swept) -> Result<(), StoreError> {
    let pointer = match Pointer::load(layout)? {
        Found::Valid(pointer) => Some(pointer),
        Found::Missing => None,
        Found::Newer(..) | Found::Invalid(_) => {
            swept.kept.push(
                "every version: the pointer cannot be read, so nobody knows which is needed"
                    .to_owned(),
            );
            return Ok(());
        }
    };
    let in_use = InUse::look(lock, layout)?;
    let mut needed = pointer.as_ref().map(needed).unwrap_or_default();
    needed.extend(awaited(layout, pointer.as_ref())?);
    for name in names(&layout.versions())? {
        sweep_version(layout, &name, &needed, &in_use, swept)?;
    }
    for name in names(&layout.records())? {
        let version = name
            .strip_suffix(".json")
            .and_then(|version| version.parse::<Version>().ok());
        if let Some(version) = version
            && fs::symlink_metadata(layout.version(&version)).is_err()
            && !stays_known(layout, &version, &needed)?
        {
            Record::remove(layout, &version)?;
        }
        if let Some(version) = check::beside(&name)
            && fs::symlink_metadata(layout.record(&version)).is_err()
        {
            check::forget(layout, &version)?;
        }
    }
    Ok(())
}

/// Whether the record of a version that is not there stays: a newer shell's, and one by which the
/// version that a launch needs can be fetched again.
fn stays_known(
    layout: &Layout,
    version: &Version,
    needed: &[VersionId],
) -> Result<bool, StoreError> {
    Ok(match Record::find(layout, version)? {
        Found::Newer(..) => true,
        Found::Valid(record) => {
            let id = record.id();
            needed.contains(&id) && matches!(TreeManifest::find(layout, &id)?, Found::Valid(_))
        }
        Found::Missing | Found::Invalid(_) => false,
    })
}

fn sweep_version(
    layout: &Layout,
    name: &str,
    needed: &[VersionId],
    in_use: &InUse,
    swept: &mut Swept,
) -> Result<(), StoreError> {
    let path = layout.versions().join(name);
    let Ok(version) = name.parse::<Version>() else {
        // Nothing but versions belongs there.
        let _: Option<Discarded> = durable::discard(layout, &path)?;
        return Ok(());
    };
    if in_use.holds(&version) {
        if needed.iter().all(|id| id.version != version) {
            swept.kept.push(format!("version {version}: it is in use"));
        }
        return Ok(());
    }
    let stays = match Record::find(layout, &version)? {
        Found::Newer(..) => {
            swept
                .kept
                .push(format!("version {version}: a newer shell staged it"));
            true
        }
        Found::Valid(record) => needed.contains(&record.id()),
        Found::Missing | Found::Invalid(_) => false,
    };
    if !stays {
        let _: Option<Discarded> = durable::discard(layout, &path)?;
        Record::remove(layout, &version)?;
        swept.versions.push(version);
    }
    Ok(())
}

/// The newest version that waits for its rehearsal, where it may still come to something: thrown
/// away, it would be fetched again, and its rehearsals would be counted anew.
fn awaited(layout: &Layout, pointer: Option<&Pointer>) -> Result<Option<VersionId>, StoreError> {
    let (bad, _) = BadList::read(layout)?;
    let mut newest: Option<VersionId> = None;
    for name in names(&layout.versions())? {
        let Ok(version) = name.parse::<Version>() else {
            continue;
        };
        let Some(record) = Record::load(layout, &version)? else {
            continue;
        };
        let is_bad = bad
            .entries()
            .any(|entry| entry.is_about(&record.version, &record.integrity));
        let stands = newest.as_ref().map(|it| &it.version);
        let newer = [stands, pointer.map(|pointer| &pointer.version)]
            .into_iter()
            .flatten()
            .all(|other| record.version.is_newer_than(other));
        if record.awaits_rehearsal() && !is_bad && newer {
            newest = Some(record.id());
        }
    }
    Ok(newest)
}

/// Everything that a launch may choose because of this pointer. Nobody goes back to a trial that
/// never was ready.
pub(crate) fn needed(pointer: &Pointer) -> Vec<VersionId> {
    let replaced = pointer
        .replaced
        .as_ref()
        .filter(|replaced| !replaced.trial.is_undecided());
    [pointer.id()]
        .into_iter()
        .chain(pointer.previous.as_ref().map(Previous::id))
        .chain(replaced.map(Replaced::id))
        .collect()
}

/// Frees what lies in the trash. Done without the lock: nothing there has a name any more.
fn empty_trash(layout: &Layout, swept: &mut Swept) -> Result<(), StoreError> {
    for name in names(&layout.trash())? {
        if durable::delete(&layout.trash().join(name)) {
            swept.trash += 1;
        }
    }
    Ok(())
}

/// Whether some process holds a lock on `path`. What cannot be opened counts as held, unless it is
/// not there.
fn is_locked(path: &std::path::Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests;
