//! The same content in the place of a damaged copy of it.
//!
//! It is no staging: nothing is newer than before. The pointer, a trial and its attempts, and what
//! there is to fall back to stay as they are, byte for byte, and so does what the record knows.

use super::claim::Claim;
use super::commit::move_in;
use super::standing::Standing;
use super::{BeginStage, Order, Partial, StageError, Staged};
use crate::check::Health;
use crate::durable::{self, Discarded};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::VersionId;
use crate::record::Record;
use crate::tree_manifest::{Pace, TreeManifest};

/// Whether the pointer names the candidate and its copy is seen to be damaged: whoever stages it
/// again wants it mended.
pub(super) fn is_due(order: &Order) -> bool {
    let candidate = &order.candidate;
    let named = matches!(
        order.store.pointer_now(),
        Ok(Some(pointer)) if pointer.names(&candidate.version, &candidate.integrity)
    );
    let stored = matches!(
        Record::load(&order.layout, &candidate.version),
        Ok(Some(record)) if record.integrity == candidate.integrity
    );
    named && stored && matches!(order.store.glance(&id(order)), Health::Damaged(_))
}

/// A partial to mend with, unless what is stored turns out to be whole.
pub(super) fn begin(mut order: Box<Order>) -> Result<BeginStage, StageError> {
    let staged_again = !order.plan.mend;
    order.plan.mend = true;
    order.plan.rehearse = false;
    let lock = StoreLock::take(&order.layout)?;
    let standing = Standing::load(&lock, &order)?;
    if let Some(entry) = standing.bad_entry(&order) {
        return Ok(BeginStage::Bad(entry.clone()));
    }
    to_mend(&lock, &order)?;
    if staged_again {
        // Who stages it again asks for it, too.
        standing.ask_for(&lock, &order)?;
    }
    drop(lock);
    // Reads a whole tree, and tells who comes second that it is mended already.
    if let Health::Whole(_) = order.store.full_check(&id(&order), Pace::Full)? {
        return Ok(BeginStage::AlreadyStaged);
    }
    let lock = StoreLock::take(&order.layout)?;
    order.enough_room()?;
    let claim = Claim::take(&lock, &order.layout, &order.candidate.version)?;
    drop(lock);
    Ok(match claim {
        Some(claim) => BeginStage::Fetch(Partial {
            claim: claim.unlocked(),
            order,
        }),
        None => BeginStage::Busy,
    })
}

/// Gives the new folder the damaged one's name. Wherever the power is cut, either the whole new
/// folder is there or none, and a version that is described and not there is damaged, not forgotten:
/// it is mended again.
pub(super) fn mend(
    mut claim: Claim,
    order: &Order,
    fresh: Record,
    tree: &TreeManifest,
) -> Result<Staged, StageError> {
    let layout = &order.layout;
    let version = &order.candidate.version;
    let lock = StoreLock::take(layout)?;
    if Standing::load(&lock, order)?.bad_entry(order).is_some() {
        return Err(StageError::BecameBad {
            version: version.clone(),
        });
    }
    let known = to_mend(&lock, order)?;
    let discarded = durable::discard(layout, &layout.version(version))?;
    let record = Record {
        needs: fresh.needs,
        carried: fresh.carried,
        ..known
    };
    move_in(&lock, &mut claim, order, &record, tree)?;
    drop(lock);
    discarded.into_iter().for_each(Discarded::delete);
    Ok(Staged {
        version: record.version.clone(),
        integrity: record.integrity.clone(),
        entry: record.entry_in(layout),
    })
}

/// The record of what is to be mended, where that may be replaced now.
fn to_mend(store: &StoreLock, order: &Order) -> Result<Record, StageError> {
    let version = &order.candidate.version;
    Standing::load(store, order)?.refuse_recalled(order)?;
    let record = Record::load_for_change(&order.layout, version)?
        .filter(|record| record.integrity == order.candidate.integrity)
        .ok_or_else(|| StageError::NothingToMend {
            version: version.clone(),
        })?;
    if InUse::look(store, &order.layout)?.holds(version) {
        return Err(StageError::InUse {
            version: version.clone(),
        });
    }
    Ok(record)
}

fn id(order: &Order) -> VersionId {
    VersionId {
        version: order.candidate.version.clone(),
        integrity: order.candidate.integrity.clone(),
    }
}
