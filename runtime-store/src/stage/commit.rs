//! The last step of staging, under the store lock: record, rename, pointer.

use std::path::PathBuf;

use serde_json::Map;

use super::claim::Claim;
use super::standing::Standing;
use super::{Order, StageError, Staged};
use crate::durable::{self, Discarded};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, Replaced, Trial, VersionId};
use crate::record::Record;

pub(super) fn commit(claim: Claim, order: &Order, record: &Record) -> Result<Staged, StageError> {
    let version = &order.candidate.version;
    let mut discarded = Vec::new();
    let staged = {
        let lock = StoreLock::take(&order.layout)?;
        let standing = Standing::load(&lock, &order.layout, order.plan.now)?;
        // Fetching took a while; what was decided before it may no longer hold.
        if standing.bad_entry(order).is_some() {
            return Err(StageError::BecameBad {
                version: version.clone(),
            });
        }
        if let Some(by) = standing.in_the_way(order) {
            return Err(StageError::Overtaken {
                version: version.clone(),
                by,
            });
        }
        make_way(&lock, order, &standing, &mut discarded)?;
        record.save(&order.layout)?;
        claim.move_into_place(&lock)?;
        point_at(&lock, order, &standing)?
    };
    discarded.into_iter().for_each(Discarded::delete);
    Ok(staged)
}

/// Moves every folder away that is this version, under whatever spelling. If one is in use or cannot
/// be moved, nothing is staged.
fn make_way(
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
    let serving = standing.serving().is_some_and(|pointer| pointer.version == *version);
    if serving || InUse::look(store, &order.layout)?.holds(version) {
        return Err(StageError::InUse {
            version: version.clone(),
        });
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

/// Moves the pointer to the candidate, which is whole and in its place: a trial begins.
pub(super) fn point_at(
    _store: &StoreLock,
    order: &Order,
    standing: &Standing,
) -> Result<Staged, StageError> {
    let Order { candidate, plan, .. } = order;
    let mut entry = order.layout.version(&candidate.version);
    entry.extend(plan.entry.split('/'));
    let id = VersionId {
        version: candidate.version.clone(),
        integrity: candidate.integrity.clone(),
    };
    let serving = standing.serving();
    next_pointer(standing.pointer.clone(), serving.is_some(), id.clone(), entry.clone(), order)
        .save(&order.layout)?;
    Ok(Staged {
        version: id.version,
        integrity: id.integrity,
        entry,
    })
}

/// The pointer that follows `old`. `serving`: a launch would still find something behind `old`.
fn next_pointer(
    old: Option<Pointer>,
    serving: bool,
    id: VersionId,
    entry: PathBuf,
    order: &Order,
) -> Pointer {
    let (previous, replaced, extra) = match old {
        None => (None, None, Map::new()),
        Some(old) => {
            let was = old.id();
            let (previous, replaced) = match old.trial {
                // Confirmed: it is what to fall back to from now on.
                None if serving => (Some(Previous::from(was)), old.replaced),
                None => (old.previous, old.replaced),
                // Not confirmed, so not to fall back to; but if it runs on and its soak ends well,
                // it becomes that. One that never became ready does not push out one that did.
                Some(trial) if trial.is_undecided() && old.replaced.is_some() => {
                    (old.previous, old.replaced)
                }
                Some(trial) => {
                    let replaced = Replaced {
                        version: was.version,
                        integrity: was.integrity,
                        trial,
                        extra: Map::new(),
                    };
                    (old.previous, serving.then_some(replaced))
                }
            };
            (previous, replaced, old.extra)
        }
    };
    Pointer {
        schema: Pointer::SCHEMA,
        entry,
        staged_at: order.plan.now,
        trial: Some(Trial::new(order.shell.attempts)),
        // A version is no fallback for itself.
        previous: previous.filter(|previous| previous.version != id.version),
        replaced: replaced.filter(|replaced| replaced.version != id.version),
        extra,
        version: id.version,
        integrity: id.integrity,
    }
}
