//! What a candidate is held against: the pointer and the bad list as they are now.

use std::cmp::Ordering;

use jiff::Timestamp;
use rollout::{BadEntry, Version};

use super::{BeginStage, Order, StageError};
use crate::bad::BadList;
use crate::layout::Layout;
use crate::lock::StoreLock;
use crate::pointer::Pointer;

/// A reading under the store lock.
pub(super) struct Standing {
    /// The pointer, whatever it names; an invalid one was set aside.
    pub(super) pointer: Option<Pointer>,
    bad: Vec<BadEntry>,
}

impl Standing {
    pub(super) fn load(
        _store: &StoreLock,
        layout: &Layout,
        now: Timestamp,
    ) -> Result<Self, StageError> {
        Ok(Self {
            pointer: Pointer::load_for_change(layout, now)?,
            // Only read here; a list that cannot be read is set aside by the next launch.
            bad: BadList::read(layout)?.0.entries().cloned().collect(),
        })
    }

    /// Why the candidate is not staged, if it is not.
    pub(super) fn judge(&self, order: &Order) -> Option<BeginStage> {
        let candidate = &order.candidate;
        if let Some(entry) = self.bad_entry(order) {
            return Some(BeginStage::Bad(entry.clone()));
        }
        if let Err(why) = candidate.engines.suit(&order.shell.host) {
            return Some(BeginStage::Incompatible(why));
        }
        if let Some(pointer) = self.serving()
            && pointer.names(&candidate.version, &candidate.integrity)
        {
            return Some(BeginStage::AlreadyStaged);
        }
        self.not_older_than(order)
            .map(|than| BeginStage::NotNewer { than })
    }

    pub(super) fn bad_entry(&self, order: &Order) -> Option<&BadEntry> {
        let candidate = &order.candidate;
        self.bad
            .iter()
            .find(|entry| entry.is_about(&candidate.version, &candidate.integrity))
    }

    /// The version that the candidate would have to be newer than and is not. An ordered roll back
    /// may go below the pointer, never below bundled, which every launch would prefer.
    fn not_older_than(&self, order: &Order) -> Option<Version> {
        let bundled = &order.shell.bundled.version;
        if !order.candidate.version.is_newer_than(bundled) {
            return Some(bundled.clone());
        }
        self.in_the_way(order)
    }

    /// The version that the pointer names, where the candidate does not come after it.
    pub(super) fn in_the_way(&self, order: &Order) -> Option<Version> {
        let pointer = self.serving()?;
        let candidate = &order.candidate.version;
        let newer = candidate.is_newer_than(&pointer.version);
        let ordered = order.plan.older
            && candidate != &pointer.version
            && candidate.precedence(&pointer.version) == Ordering::Less;
        (!newer && !ordered).then(|| pointer.version.clone())
    }

    /// The pointer, if a launch would find something behind it. One to a bad version or a missing
    /// entry is about to be cleared and must not stand in the way of what would repair it.
    pub(super) fn serving(&self) -> Option<&Pointer> {
        self.pointer.as_ref().filter(|pointer| {
            pointer.entry.is_file()
                && !self
                    .bad
                    .iter()
                    .any(|entry| entry.is_about(&pointer.version, &pointer.integrity))
        })
    }
}
