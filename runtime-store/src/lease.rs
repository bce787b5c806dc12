//! `leases/<launch-id>`: which version a launch uses, locked by whoever outlives the child.
//!
//! A lease is alive while any process holds its shared lock. The shell takes it when it begins a
//! launch; its guard process joins it before the child exists and holds it until every descendant
//! is gone. Nothing that a live lease names is removed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rollout::{Integrity, Version};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::layout::{Layout, names};
use crate::lock::StoreLock;
use crate::pointer::VersionId;

/// Holds a shared OS lock on `leases/<launch-id>`; dropping it lets go and removes the file if
/// nobody else holds it.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    file: File,
}

/// The content of a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    launch: String,
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
    /// Whether it was on trial, and not ready once, when the launch began.
    pub(crate) trial: bool,
    /// Whether it is only rehearsed, out of sight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rehearsal: bool,
    at: Timestamp,
}

/// What a version is in use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// A launch of what is confirmed, soaking, or tried by another already.
    Launch,
    /// The launch of an undecided trial.
    Trial,
    /// A rehearsal: nobody runs it, and it is tried nowhere.
    Rehearsal,
}

/// What live leases protect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    terms: Vec<Terms>,
    /// Live leases that could not be read: they may protect any version.
    unreadable: usize,
}

impl Lease {
    /// Where it is, for a guard process to join.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For the guard process: joins a lease by its path. Held until dropped. An error when the
    /// lease is gone, since nothing would then protect the version.
    pub fn join(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        file.lock_shared()?;
        // Its last holder may have removed it between the two calls: the lock would protect a file
        // that nobody looks at.
        if !fs::exists(path)? {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!(
                    "the lease {} is gone; begin the launch again",
                    path.display()
                ),
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Makes a lease for a launch that begins.
    pub(crate) fn take(
        _store: &StoreLock,
        layout: &Layout,
        launch: &str,
        id: &VersionId,
        to: Use,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let path = layout.leases().join(launch);
        let failed = |error| StoreError::io("write the lease", &path, error);
        let terms = Terms {
            launch: launch.to_owned(),
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            trial: to == Use::Trial,
            rehearsal: to == Use::Rehearsal,
            at: now,
        };
        let text = serde_json::to_vec(&terms).map_err(|source| StoreError::Json {
            path: path.clone(),
            source,
        })?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        let lease = Self {
            path: path.clone(),
            file,
        };
        // Written first: Windows lets nobody write where a shared lock is, its holder included.
        // Nobody sees the file before it is locked, since whoever looks holds the store lock.
        (&lease.file).write_all(&text).map_err(failed)?;
        lease.file.lock_shared().map_err(failed)?;
        Ok(lease)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lock is not raised but taken anew, which every system can do.
        if self.file.unlock().is_ok() && self.file.try_lock().is_ok() {
            // What stays behind is not locked any more, and goes with the next sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl InUse {
    /// Looks at every lease. Holding the store lock keeps two that look from taking one another's
    /// look for a holder.
    pub(crate) fn look(_store: &StoreLock, layout: &Layout) -> Result<Self, StoreError> {
        let mut in_use = Self::default();
        for path in live(layout)? {
            match fs::read(&path)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            {
                Some(terms) => in_use.terms.push(terms),
                None => in_use.unreadable += 1,
            }
        }
        Ok(in_use)
    }

    /// Whether a process may be using `version`.
    pub(crate) fn holds(&self, version: &Version) -> bool {
        self.unreadable > 0 || self.terms.iter().any(|terms| terms.version == *version)
    }

    /// Whether a launch is known to use this very content.
    pub(crate) fn runs(&self, id: &VersionId) -> bool {
        self.terms
            .iter()
            .any(|terms| !terms.rehearsal && terms.is_about(id))
    }

    /// Whether somebody rehearses this very content.
    pub(crate) fn rehearses(&self, id: &VersionId) -> bool {
        self.terms
            .iter()
            .any(|terms| terms.rehearsal && terms.is_about(id))
    }

    /// Whether another launch has this content on trial, without a verdict yet.
    pub(crate) fn tries(&self, id: &VersionId) -> bool {
        self.terms
            .iter()
            .any(|terms| terms.trial && terms.is_about(id))
    }
}

impl Terms {
    fn is_about(&self, id: &VersionId) -> bool {
        self.version == id.version && self.integrity == id.integrity
    }
}

/// Removes the files of leases that nobody holds.
pub(crate) fn sweep(_store: &StoreLock, layout: &Layout) -> Result<(), StoreError> {
    for name in names(&layout.leases())? {
        let path = layout.leases().join(name);
        let Ok(file) = File::open(&path) else {
            continue;
        };
        if file.try_lock().is_ok()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "a lease that nobody holds is still there");
        }
    }
    Ok(())
}

fn live(layout: &Layout) -> Result<Vec<PathBuf>, StoreError> {
    let mut live = Vec::new();
    for name in names(&layout.leases())? {
        let path = layout.leases().join(name);
        match is_held(&path) {
            Ok(true) => live.push(path),
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("look at the lease", path, error)),
        }
    }
    Ok(live)
}

/// Whether a process holds the lease at `path`, for one that holds the store lock and none of it.
fn is_held(path: &Path) -> io::Result<bool> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) => return Ok(false),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    match file.try_lock_shared() {
        // Its holders share the lock, unless the last of them let go just now: then its file went.
        Ok(()) => fs::exists(path),
        // One has it all alone: its last holder, who is about to remove the file.
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;
