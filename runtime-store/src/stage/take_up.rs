//! A whole version that is there already needs no download.

use super::commit::point_at;
use super::standing::Standing;
use super::{BeginStage, Order, StageError, placed};
use crate::carry::{self, Carried};
use crate::check::Health;
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::record::{Record, RehearsalRecord, Rehearsed};
use crate::stored;
use crate::tree_manifest::Pace;

/// The record of a stored version that is the candidate's very content and would be built the same
/// way again: same entry, and shared dependencies as the bundled runtime has them now. Telling that
/// reads whole trees, so it is done before the store is locked.
pub(super) fn find(order: &Order) -> Result<Option<Record>, StageError> {
    let candidate = &order.candidate;
    let dir = order.layout.version(&candidate.version);
    if !dir.is_dir() {
        return Ok(None);
    }
    // What a newer shell staged is not to be replaced either.
    let Some(record) = Record::load_for_change(&order.layout, &candidate.version)? else {
        return Ok(None);
    };
    let same = record.integrity == candidate.integrity
        && record.package == candidate.package
        && record.entry == order.plan.entry;
    let whole = same
        && order.right_entry(&dir).is_ok()
        && order.carried_is_current(&record)?
        && !is_damaged(order, &record)?;
    Ok(whole.then_some(record))
}

fn is_damaged(order: &Order, record: &Record) -> Result<bool, StageError> {
    let health = order.store.full_check(&record.id(), Pace::Full)?;
    // What a rehearsal that was cut off has written beside the code is no reason to fetch it again.
    Ok(matches!(health, Health::Damaged(_)) && !order.store.tidy(&record.id())?)
}

/// Points at the stored version that [`find`] found, if it is still what stands there.
pub(super) fn take_up(
    store: &StoreLock,
    order: &Order,
    standing: &Standing,
    found: &Record,
) -> Result<Option<BeginStage>, StageError> {
    let dir = order.layout.version(&order.candidate.version);
    let record = Record::load(&order.layout, &order.candidate.version)?;
    let Some(mut record) = record.filter(|record| record == found) else {
        return Ok(None);
    };
    if order.right_entry(&dir).is_err() {
        return Ok(None);
    }
    if let Err(why) = record.engines.suit(&order.shell.host) {
        return Ok(Some(BeginStage::Incompatible(why)));
    }
    if let Some(unmet) = stored::unmet(&order.layout, &record.id(), &order.shell) {
        return Ok(Some(BeginStage::Contract(unmet)));
    }
    let plan = &order.plan;
    let rehearsed = record.rehearsal.as_ref().is_some_and(|it| !it.is_open());
    let pointer = standing.pointer.as_ref();
    let shown = pointer.is_some_and(|it| placed::has_shown(it, &record.id()));
    if plan.rehearse && !rehearsed && !shown {
        if InUse::look(store, &order.layout)?.rehearses(&record.id()) {
            return Ok(Some(BeginStage::Busy));
        }
        let placed = placed::found(store, order.clone().into(), record)?;
        return Ok(Some(BeginStage::Unrehearsed(placed)));
    }
    if record.awaits_rehearsal() {
        let held = record.rehearsal.take();
        record.rehearsal = RehearsalRecord::over(held, Rehearsed::NotAsked, plan.now);
        record.save(&order.layout)?;
    }
    let staged = point_at(store, order, standing)?;
    Ok(Some(BeginStage::TakenUp(staged)))
}

impl Order {
    /// Whether what was carried over into the stored version is what would be carried over now.
    fn carried_is_current(&self, record: &Record) -> Result<bool, StageError> {
        let dir = self.layout.version(&record.version);
        let recorded: Vec<Carried> = match &record.carried {
            None => Vec::new(),
            Some(value) => match serde_json::from_value(value.clone()) {
                Ok(recorded) => recorded,
                Err(_) => return Ok(false),
            },
        };
        for path in &self.plan.carry {
            let current = carry::fingerprint(&self.shell.bundled.dir, path)?;
            let in_place = carry::is_there(&dir, path)?;
            let current = match recorded.iter().find(|carried| carried.path == *path) {
                Some(carried) => in_place && current.as_deref() == Some(&carried.fingerprint),
                // The archive's own copy, or nothing to carry.
                None => in_place || current.is_none(),
            };
            if !current {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
