//! What is really on disk of a stored version.

use std::fs;
use std::path::Path;

use rollout::Version;
use rollout::contract::{Needs, Unmet};

use crate::choose::{Entry, passes_the_gate};
use crate::durable::{self, Discarded};
use crate::files::Found;
use crate::layout::Layout;
use crate::pointer::{VersionId, is_below, is_missing};
use crate::record::Record;
use crate::shell::Shell;
use crate::stage::ManifestError;
use crate::stage::manifest::Manifest;
use crate::{Store, StoreError};

/// Looks at a version's record and entry. No tree is walked: this is on the way of every launch.
pub(crate) fn look(layout: &Layout, id: &VersionId) -> Entry {
    let record = match Record::find(layout, &id.version) {
        Ok(Found::Valid(record)) if record.integrity == id.integrity => record,
        Ok(Found::Newer(..)) => return Entry::NewerSchema,
        Ok(_) => return Entry::Missing,
        Err(error) => return Entry::CannotRead(error.to_string()),
    };
    let dir = layout.version(&id.version);
    let entry = record.entry_in(layout);
    if is_below(&entry, &dir).is_err() {
        return Entry::Missing;
    }
    match fs::canonicalize(&entry) {
        Ok(real) if real.as_os_str() == entry.as_os_str() && real.is_file() => Entry::Whole {
            needs: record.needs.map_or_else(|| needs_of(&dir), Ok),
            dir,
            entry,
            engines: record.engines,
        },
        Ok(_) => Entry::Missing,
        Err(error) if is_missing(&error) => Entry::Missing,
        Err(error) => Entry::CannotRead(StoreError::io("resolve", &entry, error).to_string()),
    }
}

/// What the package.json in `dir` declares. One that is not there declares nothing.
fn needs_of(dir: &Path) -> Result<Needs, Unmet> {
    match Manifest::read(dir) {
        Ok(manifest) => manifest.needs,
        Err(ManifestError::Read { source, .. }) if is_missing(&source) => Ok(Needs::default()),
        Err(error) => Err(Unmet::Malformed {
            detail: error.to_string(),
        }),
    }
}

/// What the stored version `id` needs and `shell` does not offer. Nothing of what is not there.
pub(crate) fn unmet(layout: &Layout, id: &VersionId, shell: &Shell) -> Option<Unmet> {
    match look(layout, id) {
        Entry::Whole { needs, .. } => passes_the_gate(&needs, shell).err(),
        Entry::Missing | Entry::NewerSchema | Entry::CannotRead(_) => None,
    }
}

impl Shell {
    /// What the bundled runtime needs and this shell does not offer. It runs all the same, as the
    /// last resort, so this is to be told.
    pub fn bundled_unmet(&self) -> Option<Unmet> {
        passes_the_gate(&needs_of(&self.bundled.dir), self).err()
    }
}

/// Takes a version out of the store: its folder goes into `trash/`, then its record. The caller
/// holds the store lock, has looked at the leases, and deletes what was discarded after letting go.
pub(crate) fn remove(layout: &Layout, version: &Version) -> Result<Option<Discarded>, StoreError> {
    let discarded = durable::discard(layout, &layout.version(version))?;
    Record::remove(layout, version)?;
    Ok(discarded)
}

impl Store {
    /// What the version that the pointer names needs and `shell` does not offer.
    pub fn pointer_unmet(&self, shell: &Shell) -> Option<Unmet> {
        let pointer = self.pointer_now().ok().flatten()?;
        unmet(self.layout(), &pointer.id(), shell)
    }

    /// The version whose folder an entry path lies in, only if the whole path is canonical.
    pub fn version_of_entry(&self, entry: &Path) -> Option<Version> {
        let real = fs::canonicalize(entry).ok()?;
        if real.as_os_str() != entry.as_os_str() || !real.is_file() {
            return None;
        }
        let inside = entry.strip_prefix(self.layout().versions()).ok()?;
        let version: Version = inside.iter().next()?.to_str()?.parse().ok()?;
        is_below(entry, &self.layout().version(&version)).ok()?;
        Some(version)
    }
}

#[cfg(test)]
mod tests;
