//! A version that is whole on disk and that no pointer names yet: it can be tried out of sight.
//!
//! ```text
//! Whole ─place─► Placed ─► begin_rehearsal, launch, note_failure … ─► point: a trial
//!      begin_stage ─► Unrehearsed(Placed)                          └► condemn: bad list, folder
//! ```

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Version};

use super::claim::Claim;
use super::commit::{make_way, move_in, point_at, step_back};
use super::standing::Standing;
use super::{Order, StageError, Staged};
use crate::choose::{Choice, Entry, Source};
use crate::durable::Discarded;
use crate::launch::Launch;
use crate::lease::{Lease, Use};
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, VersionId};
use crate::record::{Record, RehearsalRecord, Rehearsed};
use crate::tree_manifest::TreeManifest;
use crate::{StoreError, stored};

/// A whole version in its place, leased, while the pointer is as it was. Dropping it lets the lease
/// go; what it had come to is in its record, and the next staging finds it there.
#[derive(Debug)]
pub struct Placed {
    order: Box<Order>,
    record: Box<Record>,
    dir: PathBuf,
    entry: PathBuf,
    lease: Lease,
}

pub(super) fn place(
    claim: Claim,
    order: Box<Order>,
    mut record: Record,
    tree: &TreeManifest,
) -> Result<Placed, StageError> {
    let mut claim = claim;
    let mut discarded = Vec::new();
    let placed = {
        let lock = StoreLock::take(&order.layout)?;
        let standing = Standing::load(&lock, &order)?;
        standing.still_wanted(&lock, &order)?;
        let before = Record::load(&order.layout, &record.version)?;
        if let Some(before) = before.filter(|it| it.id() == record.id() && it.awaits_rehearsal()) {
            // Fetched again it is no other version: what its rehearsals came to still counts.
            record.rehearsal = before.rehearsal;
        }
        make_way(&lock, &order, &standing, &mut discarded)?;
        if let Some(pointer) = standing.pointer_to(&record.version) {
            // There was nothing to start behind it. Soon there is, and no launch is to find that
            // before it was rehearsed.
            step_back(&order, &standing, pointer)?;
        }
        move_in(&lock, &mut claim, &order, &record, tree)?;
        found(&lock, order, record)?
    };
    discarded.into_iter().for_each(Discarded::delete);
    Ok(placed)
}

/// What `record` says is in its place.
pub(super) fn found(
    store: &StoreLock,
    order: Box<Order>,
    record: Record,
) -> Result<Placed, StageError> {
    let lease = Lease::take(
        store,
        &order.layout,
        &uuid::Uuid::new_v4().to_string(),
        &record.id(),
        Use::Rehearsal,
        order.plan.now,
    )?;
    Ok(Placed {
        dir: order.layout.version(&record.version),
        entry: record.entry_in(&order.layout),
        order,
        record: Box::new(record),
        lease,
    })
}

impl Placed {
    /// What was staged there, and how far its rehearsal is.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The version.
    pub fn version(&self) -> &Version {
        &self.record.version
    }

    /// Which content it is.
    pub fn id(&self) -> VersionId {
        self.record.id()
    }

    /// What to spawn: no trial, so nothing that it does says anything of one.
    pub fn choice(&self) -> Choice {
        Choice {
            version: self.record.version.clone(),
            integrity: Some(self.record.integrity.clone()),
            source: Source::Pointer,
            dir: self.dir.clone(),
            entry: self.entry.clone(),
            trial: None,
            passed_over: Vec::new(),
        }
    }

    /// What protects it until this is dropped.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// A launch of it with an id of its own. Its lease is this one's, held once more, for a guard
    /// process to join.
    pub fn launch(&self) -> Arc<Launch> {
        let lease = Lease::join(self.lease.path());
        Arc::new(Launch {
            id: uuid::Uuid::new_v4().to_string(),
            choice: self.choice(),
            lease: lease
                .inspect_err(|error| tracing::warn!(%error, "a rehearsal goes on without a lease of its own"))
                .ok(),
            taken: None,
            failures: Vec::new(),
        })
    }

    /// How often its rehearsal was begun, in whichever process.
    pub fn rehearsals(&self) -> u32 {
        self.held().begun
    }

    /// What went wrong in it so far, oldest first.
    pub fn failures(&self) -> &[String] {
        let rehearsal = self.record.rehearsal.as_ref();
        rehearsal.map_or(&[], |rehearsal| &rehearsal.failures)
    }

    /// Counts a rehearsal durably, before there is a process for it. Returns the count.
    pub fn begin_rehearsal(&mut self) -> Result<u32, StoreError> {
        self.write(|rehearsal| rehearsal.begun = rehearsal.begun.saturating_add(1))?;
        Ok(self.rehearsals())
    }

    /// How many rehearsals were begun and came to no end: the machine or the shell died under them,
    /// or one is under way.
    pub fn lost(&self) -> u32 {
        let held = self.held();
        held.begun.saturating_sub(held.ended)
    }

    /// The rehearsal that was begun last ended in order, or in a way that says nothing of the version.
    pub fn end_rehearsal(&mut self) -> Result<(), StoreError> {
        self.write(RehearsalRecord::end)
    }

    /// The rehearsal that was begun last ended, and this is what went wrong in it.
    pub fn note_failure(&mut self, detail: impl Into<String>) -> Result<(), StoreError> {
        let detail = detail.into();
        self.write(|rehearsal| rehearsal.fail(&detail))
    }

    /// Moves the pointer to it, on trial. What was decided before the rehearsal may no longer hold:
    /// it is judged again, as by [`super::Whole::commit`].
    pub fn point(self, how: Rehearsed, now: Timestamp) -> Result<Staged, StageError> {
        // What it wrote beside its own code would look like damage to its first launch.
        if let Err(error) = self.order.store.tidy_rehearsed(&self.id()) {
            tracing::warn!(%error, "what its rehearsal left in its folder stays there");
        }
        let lock = StoreLock::take(&self.order.layout)?;
        let standing = Standing::load(&lock, &self.order)?;
        standing.still_wanted(&lock, &self.order)?;
        let mut record = self.still_there()?;
        record.rehearsal = RehearsalRecord::over(record.rehearsal.take(), how, now);
        record.save(&self.order.layout)?;
        point_at(&lock, &self.order, &standing)
    }

    /// It failed where the bundled runtime passed: bad list first, folder last. The pointer never
    /// named it. Where another shell that does not rehearse took it up meanwhile, what it showed
    /// there counts, and this is an error.
    pub fn condemn(
        self,
        detail: impl Into<String>,
        now: Timestamp,
    ) -> Result<BadEntry, StoreError> {
        let Self {
            order,
            record,
            lease,
            ..
        } = self;
        let store = &order.store;
        let lock = StoreLock::take(store.layout())?;
        let id = record.id();
        let pointer = store.pointer_now()?;
        if pointer.as_ref().is_some_and(|it| has_shown(it, &id)) {
            return Err(StoreError::InService {
                version: Box::new(id.version),
            });
        }
        let entry = BadEntry {
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            reason: BadReason::Rehearsal,
            detail: detail.into(),
            at: now,
        };
        store.list(std::slice::from_ref(&entry), now)?;
        // Else it would be in use.
        drop(lease);
        store.remove_condemned(lock, &[id], pointer.as_ref());
        Ok(entry)
    }

    fn held(&self) -> RehearsalRecord {
        self.record.rehearsal.clone().unwrap_or_default()
    }

    fn write(&mut self, change: impl FnOnce(&mut RehearsalRecord)) -> Result<(), StoreError> {
        let _lock = StoreLock::take(&self.order.layout)?;
        let mut record = self.still_there()?;
        let pointer = self.order.store.pointer_now()?;
        if pointer.is_some_and(|it| it.id() == record.id()) {
            // Somebody who does not rehearse took it up meanwhile. What a launch may run waits for no
            // rehearsal any more.
            change(self.record.rehearsal.get_or_insert_default());
            return Ok(());
        }
        change(record.rehearsal.get_or_insert_default());
        record.save(&self.order.layout)?;
        *self.record = record;
        Ok(())
    }

    /// The record as it is now, if it still is about this content and there is something to start.
    fn still_there(&self) -> Result<Record, StoreError> {
        let layout = &self.order.layout;
        let gone = |path| StoreError::io("read", path, std::io::ErrorKind::NotFound.into());
        let record = Record::load_for_change(layout, &self.record.version)?
            .filter(|record| record.id() == self.record.id())
            .ok_or_else(|| gone(layout.record(&self.record.version)))?;
        match stored::look(layout, &self.record.id()) {
            Entry::Whole { .. } => Ok(record),
            Entry::Missing | Entry::NewerSchema | Entry::CannotRead(_) => {
                Err(gone(self.entry.clone()))
            }
        }
    }
}

/// Whether a launch of `id` that was not a rehearsal has become ready.
pub(super) fn has_shown(pointer: &Pointer, id: &VersionId) -> bool {
    let by_pointer = pointer.id() == *id
        && pointer
            .trial
            .as_ref()
            .is_none_or(|trial| !trial.is_undecided());
    let by_previous = pointer.previous.as_ref().map(Previous::id).as_ref() == Some(id);
    let replaced = pointer.replaced.as_ref();
    by_pointer
        || by_previous
        || replaced.is_some_and(|it| it.id() == *id && !it.trial.is_undecided())
}
