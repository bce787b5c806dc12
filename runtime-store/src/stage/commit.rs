//! The last step of staging, under the store lock: record, rename, pointer.

use rollout::Version;

use super::claim::Claim;
use super::standing::Standing;
use super::{Order, StageError, Staged};
use crate::choose::Entry;
use crate::damage::Finding;
use crate::durable::{self, Discarded};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, VersionId};
use crate::record::Record;
use crate::tree_manifest::TreeManifest;
use crate::{stored, transition};

pub(super) fn commit(
    mut claim: Claim,
    order: &Order,
    record: &Record,
    tree: &TreeManifest,
) -> Result<Staged, StageError> {
    let mut discarded = Vec::new();
    let staged = {
        let lock = StoreLock::take(&order.layout)?;
        let standing = Standing::load(&lock, order)?;
        standing.still_wanted(&lock, order)?;
        make_way(&lock, order, &standing, &mut discarded)?;
        move_in(&lock, &mut claim, order, record, tree)?;
        point_at(&lock, order, &standing)?
    };
    discarded.into_iter().for_each(Discarded::delete);
    Ok(staged)
}

/// Puts the tree where its name is, and where nothing is any more: manifest and record first, so
/// that a folder there always has them.
pub(super) fn move_in(
    store: &StoreLock,
    claim: &mut Claim,
    order: &Order,
    record: &Record,
    tree: &TreeManifest,
) -> Result<(), StageError> {
    tree.save(&order.layout)?;
    Finding::remove(&order.layout, &record.version)?;
    record.save(&order.layout)?;
    claim.move_into_place(store)?;
    Ok(())
}

/// Moves every folder away that is this version, under whatever spelling. If one is in use or cannot
/// be moved, nothing is staged.
pub(super) fn make_way(
    store: &StoreLock,
    order: &Order,
    standing: &Standing,
    discarded: &mut Vec<Discarded>,
) -> Result<(), StageError> {
    let version = &order.candidate.version;
    let folders = order.layout.folders_of(version)?;
    if folders.is_empty() {
        return Ok(());
    }
    let serving = standing
        .serving()
        .filter(|pointer| pointer.version == *version);
    if serving.is_some_and(|pointer| !standing.passes_over(pointer))
        || InUse::look(store, &order.layout)?.holds(version)
    {
        return Err(StageError::InUse {
            version: version.clone(),
        });
    }
    for folder in &folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if let Ok(spelled) = name.parse() {
            // A newer shell's stays. Looked at before the first folder is moved.
            Record::load_for_change(&order.layout, &spelled)?;
        }
    }
    if let Some(pointer) = serving {
        step_back(order, standing, pointer)?;
    }
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        discarded.extend(durable::discard(&order.layout, &folder)?);
        if let Ok(spelled) = name.parse() {
            Record::remove(&order.layout, &spelled)?;
        }
    }
    Ok(())
}

/// Points at what launches go to anyway, before the folder behind the pointer is another's: wherever
/// the power is cut, there is a pointer to something whole, or none.
pub(super) fn step_back(
    order: &Order,
    standing: &Standing,
    pointer: &Pointer,
) -> Result<(), StageError> {
    let layout = &order.layout;
    let previous = standing.behind(pointer, order).cloned();
    let whole = previous.and_then(|it| match stored::look(layout, &it.id()) {
        Entry::Whole { entry, .. } => Some((it.id(), entry)),
        Entry::Missing | Entry::NewerSchema | Entry::CannotRead(_) => None,
    });
    match whole {
        Some((id, entry)) => {
            transition::confirmed(&id, &entry, pointer.staged_at, None, Some(pointer))
                .save(layout)?;
        }
        None => Pointer::remove(layout)?,
    }
    Ok(())
}

/// Moves the pointer to the candidate, which is whole and in its place: a trial begins.
pub(super) fn point_at(
    _store: &StoreLock,
    order: &Order,
    standing: &Standing,
) -> Result<Staged, StageError> {
    let Order {
        candidate, plan, ..
    } = order;
    let mut entry = order.layout.version(&candidate.version);
    entry.extend(plan.entry.split('/'));
    let id = VersionId {
        version: candidate.version.clone(),
        integrity: candidate.integrity.clone(),
    };
    let old = standing.pointer.as_ref();
    let mut next = transition::staged(old, &id, &entry, order.shell.attempts, plan.now);
    if let (Some(old), None) = (old, standing.serving()) {
        // No launch would find anything behind the old pointer, so it is neither something to fall
        // back to nor on trial any more. What it remembered still is.
        let other = |version: &Version| *version != id.version;
        next.previous = old
            .previous
            .clone()
            .filter(|previous| other(&previous.version));
        next.replaced = old
            .replaced
            .clone()
            .filter(|replaced| other(&replaced.version));
    }
    if let Some(old) = old {
        next = transition::beside_recalled(next, old, |version| {
            standing.recalls(version) || standing.is_unmet(version)
        });
    }
    if let Some(trial) = &mut next.trial {
        trial.gated = plan.gated;
        trial.signed = plan.signed;
    }
    next.save(&order.layout)?;
    Ok(Staged {
        version: id.version,
        integrity: id.integrity,
        entry,
    })
}
