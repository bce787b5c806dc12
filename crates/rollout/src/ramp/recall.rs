//! Taking a version back from the devices that run it.

use jiff::Timestamp;

use super::{Change, Document, Halted, RampError, everyone, whole};
use crate::{Manifest, Plan, Version};

/// Recalls `version`: who runs it goes to `to` at the next launch, and nobody is offered it. Where it
/// is the newest, `to` is the newest again, and everyone's.
pub fn recall(
    document: &Document,
    version: &Version,
    to: &Version,
    now: Timestamp,
) -> Result<Change, RampError> {
    let now = whole(now);
    let old = document.manifest();
    if version == to {
        return Err(RampError::Itself(to.clone()));
    }
    if old.recalls(to) {
        return Err(RampError::Recalled(to.clone()));
    }
    if to.is_newer_than(&old.version) || (old.version == *to && !everyone(old, now)) {
        return Err(RampError::NotOut(to.clone()));
    }
    let mut manifest = Manifest {
        stable: Some(to.clone()),
        ..old.clone()
    };
    if !old.recalls(version) {
        manifest.recalled.push(version.clone());
    }
    if old.version == *version {
        manifest = Manifest {
            version: to.clone(),
            published_at: Some(now),
            plan: Plan::default(),
            critical: false,
            notes: None,
            ..manifest
        };
    }
    // What is recalled is not to be resumed.
    let halted: Option<Halted> = document
        .halted()
        .filter(|halted| halted.version != *version)
        .cloned();
    if manifest == *old && halted.as_ref() == document.halted() {
        return Err(RampError::RecalledAlready(version.clone()));
    }
    Ok(document.change(manifest, halted, now))
}

/// Takes a recall back: the version may run again. It is offered again only if it is started again.
pub fn unrecall(
    document: &Document,
    version: &Version,
    now: Timestamp,
) -> Result<Change, RampError> {
    let mut manifest = document.manifest().clone();
    if !manifest.recalls(version) {
        return Err(RampError::NotRecalled(version.clone()));
    }
    manifest.recalled.retain(|recalled| recalled != version);
    Ok(document.change(manifest, document.halted().cloned(), whole(now)))
}

#[cfg(test)]
mod tests;
