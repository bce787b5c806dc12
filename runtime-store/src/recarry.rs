//! Carrying shared dependencies afresh, after the installer replaced the bundled runtime.
//!
//! A stored version never changes, so a new folder is built beside it, out of the same files and
//! the new dependencies, and takes its place by a rename.

use std::fs;
use std::path::Path;

use rollout::Version;

use crate::carry::{self, Carried, CarryError};
use crate::durable;
use crate::files::Found;
use crate::fingerprints::Fingerprints;
use crate::layout::Layout;
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::record::Record;
use crate::shell::Shell;
use crate::stage::StageError;
use crate::stage::claim::Claim;
use crate::stage::manifest::{Manifest, satisfies};
use crate::stage::sync::sync_tree;
use crate::tree_manifest::{self, Built, Pace, TreeManifest};
use crate::{Store, StoreError};

impl Store {
    /// Where the bundled runtime changed, carries shared dependencies of stored versions afresh:
    /// those in `carry` that had been carried over before. Says for which versions it did. A version
    /// in use, or one whose range the new dependency does not satisfy, is left as it is.
    pub fn recarry(&self, shell: &Shell, carry: &[String]) -> Result<Vec<Version>, StageError> {
        let mut done = Vec::new();
        let mut bundled = Fingerprints::load(self.layout(), &shell.bundled);
        let mut found = Vec::new();
        for record in self.versions()? {
            let stale = stale(self.layout(), shell, carry, &record, &mut bundled);
            found.push((record, stale));
        }
        bundled.save();
        for (record, stale) in found {
            if !stale.is_empty() && self.rebuild(shell, &record, &stale)? {
                done.push(record.version);
            }
        }
        Ok(done)
    }

    fn rebuild(
        &self,
        shell: &Shell,
        record: &Record,
        stale: &[String],
    ) -> Result<bool, StageError> {
        let layout = self.layout();
        let id = record.id();
        // Described anew, damage would look as if it belonged there. Mending carries afresh too.
        if let Err(damage) = self.quick_check(&id)
            && !self.tidy(&id)?
        {
            tracing::warn!(%damage, "what was carried over stays until it is mended");
            return Ok(false);
        }
        let Some(claim) = self.claim(record)? else {
            return Ok(false);
        };
        let mut carried = carried(record);
        copy_without(&layout.version(&record.version), claim.dir(), stale)?;
        for path in stale {
            let fresh = carry::copy(&shell.bundled.dir, path, claim.dir())?;
            carried.retain(|old| old.path != *path);
            carried.push(fresh);
        }
        let tree = describe(layout, &id, claim.dir(), stale)?;
        sync_tree(claim.dir())?;
        let mut fresh = record.clone();
        fresh.carried = serde_json::to_value(&carried).ok();
        replace(layout, claim, record, &fresh, tree.as_ref())
    }

    /// A partial to build in; none while the version is in use or being staged.
    fn claim(&self, record: &Record) -> Result<Option<Claim>, StageError> {
        let layout = self.layout();
        let lock = StoreLock::take(layout)?;
        if InUse::look(&lock, layout)?.holds(&record.version) {
            return Ok(None);
        }
        let claim = Claim::take(&lock, layout, &record.version)?;
        drop(lock);
        Ok(claim.map(Claim::unlocked))
    }
}

/// The manifest of the folder `new`: what was taken over keeps the digests that it had, whatever it
/// holds now, and what was carried afresh is read. None where the version had none.
fn describe(
    layout: &Layout,
    id: &VersionId,
    new: &Path,
    stale: &[String],
) -> Result<Option<TreeManifest>, StageError> {
    let Found::Valid(old) = TreeManifest::find(layout, id)? else {
        return Ok(None);
    };
    let is_fresh = |file: &str| {
        stale.iter().any(|folder| {
            file.strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let taken_over = old.files.into_iter().filter(|file| !is_fresh(&file.path));
    let known = taken_over.map(|file| (file.path, file.sha256)).collect();
    match tree_manifest::build(new, id, &known, Pace::Full) {
        Ok(Built::Whole(manifest)) => Ok(Some(manifest)),
        Ok(Built::NotATree(path)) => Err(StageError::NotUnpacked { path }),
        Err((path, error)) => Err(StageError::write("read", &path, error)),
    }
}

/// Gives the new folder the old one's name. Between the two renames the version is not there, and a
/// power cut then costs a download, nothing more.
fn replace(
    layout: &Layout,
    mut claim: Claim,
    old: &Record,
    fresh: &Record,
    tree: Option<&TreeManifest>,
) -> Result<bool, StageError> {
    let lock = StoreLock::take(layout)?;
    let unchanged = Record::load(layout, &old.version)?.as_ref() == Some(old);
    if !unchanged || InUse::look(&lock, layout)?.holds(&old.version) {
        return Ok(false);
    }
    let discarded = durable::discard(layout, &layout.version(&old.version))?;
    match tree {
        Some(tree) => tree.save(layout)?,
        None => TreeManifest::remove(layout, &old.version)?,
    }
    fresh.save(layout)?;
    claim.move_into_place(&lock)?;
    drop(lock);
    if let Some(discarded) = discarded {
        discarded.delete();
    }
    Ok(true)
}

/// What the bundled runtime has otherwise than when `record` was written, and `record`'s version
/// can do with.
fn stale(
    layout: &Layout,
    shell: &Shell,
    carry: &[String],
    record: &Record,
    bundled: &mut Fingerprints,
) -> Vec<String> {
    let dir = layout.version(&record.version);
    let mut stale = Vec::new();
    for old in carried(record) {
        if !carry.contains(&old.path) {
            continue;
        }
        match is_stale(shell, &dir, &old, bundled) {
            Ok(true) => stale.push(old.path),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, version = %record.version, "what was carried over stays");
            }
        }
    }
    stale
}

fn is_stale(
    shell: &Shell,
    dir: &Path,
    old: &Carried,
    bundled: &mut Fingerprints,
) -> Result<bool, CarryError> {
    let now = bundled.of(&old.path)?;
    if now.is_none_or(|now| now == old.fingerprint) {
        return Ok(false);
    }
    let have = carry::source(&shell.bundled.dir, &old.path)?.and_then(|source| source.version);
    let manifest = Manifest::read(dir)?;
    Ok(manifest
        .wants(&old.name)
        .range()
        .is_none_or(|range| have.is_some_and(|have| satisfies(&have, range))))
}

fn carried(record: &Record) -> Vec<Carried> {
    record
        .carried
        .clone()
        .and_then(|value| serde_json::from_value(value).ok())
        .unwrap_or_default()
}

/// Rebuilds the folder `from` in the empty folder `to`, without the trees at `leave_out`. Files are
/// the same files under a second name where the disk can do that: their content never changes.
fn copy_without(from: &Path, to: &Path, leave_out: &[String]) -> Result<(), StoreError> {
    let leave_out: Vec<_> = leave_out.iter().map(|path| from.join(path)).collect();
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        let read = |error| StoreError::io("read the folder", &from, error);
        for entry in fs::read_dir(&from).map_err(read)? {
            let entry = entry.map_err(read)?;
            let (old, new) = (entry.path(), to.join(entry.file_name()));
            if leave_out.contains(&old) {
                continue;
            }
            if entry.file_type().map_err(read)?.is_dir() {
                let mode = entry.metadata().map_err(read)?.permissions();
                fs::create_dir(&new)
                    .and_then(|()| fs::set_permissions(&new, mode))
                    .map_err(|error| StoreError::io("make the folder", &new, error))?;
                folders.push((old, new));
            } else {
                fs::hard_link(&old, &new)
                    .or_else(|_| fs::copy(&old, &new).map(drop))
                    .map_err(|error| StoreError::io("copy", &old, error))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
