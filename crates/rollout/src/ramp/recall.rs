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
    if !was_everyones(document, to, now) {
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
    let mut stopped = document.stopped().to_vec();
    let ends = document.stopped_at(now).contains(version);
    if ends && !stopped.contains(version) {
        stopped.push(version.clone());
    }
    Ok(document.change(manifest, halted, now).with_stopped(stopped))
}

/// Whether devices may be sent to `to`: it is everyone's now, or was before something that is. Between
/// what the others may have and the newest are only versions that never came to be everyone's.
fn was_everyones(document: &Document, to: &Version, now: Timestamp) -> bool {
    let manifest = document.manifest();
    let halted = document.halted().is_some_and(|it| it.version == *to);
    if halted || document.stopped().contains(to) {
        return false;
    }
    if manifest.version == *to {
        return everyone(manifest, now);
    }
    // Without any `stable`, the newest is all that is known.
    let bound = manifest.stable.as_ref().unwrap_or(&manifest.version);
    bound == to || bound.is_newer_than(to)
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
