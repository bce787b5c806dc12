//! What a candidate is held against: the pointer and the bad list as they are now.

use std::cmp::Ordering;

use rollout::contract::Unmet;
use rollout::{BadEntry, Terms, Version};

use super::{BeginStage, Order, StageError};
use crate::bad::BadList;
use crate::choose::Entry;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, VersionId};
use crate::{ruling, stored, transition};

/// A reading under the store lock.
pub(super) struct Standing {
    /// The pointer, whatever it names; an invalid one was set aside.
    pub(super) pointer: Option<Pointer>,
    bad: Vec<BadEntry>,
    terms: Option<Terms>,
    signed_only: bool,
    /// What the pointer's version needs and this shell does not offer.
    unmet: Option<Unmet>,
}

impl Standing {
    pub(super) fn load(_store: &StoreLock, order: &Order) -> Result<Self, StageError> {
        let layout = &order.layout;
        let pointer = Pointer::load_for_change(layout, order.plan.now)?;
        let unmet = pointer
            .as_ref()
            .and_then(|pointer| stored::unmet(layout, &pointer.id(), &order.shell));
        Ok(Self {
            pointer,
            unmet,
            // Only read here; a list that cannot be read is set aside by the next launch.
            bad: BadList::read(layout)?.0.entries().cloned().collect(),
            terms: order.store.memory().counting(layout, &order.shell),
            signed_only: order.shell.signed_only,
        })
    }

    /// Why the candidate is not staged, if it is not. What waits already is asked for by this, and
    /// vouched for.
    pub(super) fn refuse(
        &self,
        store: &StoreLock,
        order: &Order,
    ) -> Result<Option<BeginStage>, StageError> {
        self.refuse_recalled(order)?;
        let refusal = self.judge(order);
        if let Some(BeginStage::AlreadyStaged) = refusal {
            self.ask_for(store, order)?;
        }
        Ok(refusal)
    }

    /// Fetching and rehearsing take a while; what was decided before may no longer hold.
    pub(super) fn still_wanted(&self, store: &StoreLock, order: &Order) -> Result<(), StageError> {
        let version = &order.candidate.version;
        if self.bad_entry(order).is_some() {
            return Err(StageError::BecameBad {
                version: version.clone(),
            });
        }
        self.refuse_recalled(order)?;
        if let Some(by) = self.in_the_way(order) {
            self.ask_for(store, order)?;
            return Err(StageError::Overtaken {
                version: version.clone(),
                by: Box::new(by),
            });
        }
        Ok(())
    }

    /// A recalled version is not staged, whoever asks.
    pub(super) fn refuse_recalled(&self, order: &Order) -> Result<(), StageError> {
        let version = &order.candidate.version;
        if self.recalls(version) {
            return Err(StageError::Recalled {
                version: version.clone(),
            });
        }
        Ok(())
    }

    /// Where the candidate waits already and somebody asks for it, its turn counts no more; and
    /// where it is signed, it is known to be.
    pub(super) fn ask_for(&self, _store: &StoreLock, order: &Order) -> Result<(), StageError> {
        let Order {
            candidate, plan, ..
        } = order;
        let waits = self
            .pointer
            .as_ref()
            .filter(|it| it.names(&candidate.version, &candidate.integrity));
        let Some(pointer) = waits else {
            return Ok(());
        };
        let mut next = pointer.clone();
        if !plan.gated {
            next = transition::asked_for(next);
        }
        if plan.signed {
            next = transition::vouched_for(next);
        }
        if next != *pointer {
            next.save(&order.layout)?;
        }
        Ok(())
    }

    /// Whether no launch starts what `pointer` names, so that it is in nobody's way.
    pub(super) fn passes_over(&self, pointer: &Pointer) -> bool {
        self.recalls(&pointer.version)
            || self.signed_only && pointer.is_unsigned()
            || self.is_unmet(&pointer.version)
    }

    /// Whether `version` is what the pointer names and needs what this shell does not offer.
    pub(super) fn is_unmet(&self, version: &Version) -> bool {
        self.unmet.is_some()
            && self
                .pointer
                .as_ref()
                .is_some_and(|it| it.version == *version)
    }

    pub(super) fn recalls(&self, version: &Version) -> bool {
        ruling::recalls(self.terms.as_ref(), version)
    }

    fn judge(&self, order: &Order) -> Option<BeginStage> {
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
            // That it waits for a restart would not be true.
            return Some(match &self.unmet {
                Some(unmet) => BeginStage::Contract(unmet.clone()),
                None => BeginStage::AlreadyStaged,
            });
        }
        if let Some(previous) = self.in_its_place(order)
            && previous.version == candidate.version
            && previous.integrity == candidate.integrity
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

    /// The version that the pointer names, where the candidate does not come after it. One that no
    /// launch starts (recalled, not signed, its contract not met) is in nobody's way; what runs in
    /// its place is.
    pub(super) fn in_the_way(&self, order: &Order) -> Option<Version> {
        let pointer = self.serving()?;
        let stands = if self.passes_over(pointer) {
            &self.in_its_place(order)?.version
        } else {
            &pointer.version
        };
        let candidate = &order.candidate.version;
        let newer = candidate.is_newer_than(stands);
        let ordered = order.plan.older
            && candidate != stands
            && candidate.precedence(stands) == Ordering::Less;
        (!newer && !ordered).then(|| stands.clone())
    }

    /// The pointer, where it names `version`, whether or not a launch finds something there.
    pub(super) fn pointer_to(&self, version: &Version) -> Option<&Pointer> {
        self.pointer.as_ref().filter(|it| it.version == *version)
    }

    /// What launches go to while they pass over the version that the pointer names.
    pub(super) fn in_its_place(&self, order: &Order) -> Option<&Previous> {
        let pointer = self.serving().filter(|it| self.passes_over(it))?;
        self.behind(pointer, order)
    }

    /// What a launch that cannot run what `pointer` names goes to.
    pub(super) fn behind<'a>(&self, pointer: &'a Pointer, order: &Order) -> Option<&'a Previous> {
        let layout = &order.layout;
        pointer.previous.as_ref().filter(|previous| {
            let id = previous.id();
            !self.recalls(&id.version)
                && !self.is_bad(&id)
                && matches!(stored::look(layout, &id), Entry::Whole { .. })
                && stored::unmet(layout, &id, &order.shell).is_none()
        })
    }

    fn is_bad(&self, id: &VersionId) -> bool {
        self.bad
            .iter()
            .any(|entry| entry.is_about(&id.version, &id.integrity))
    }

    /// The pointer, if a launch would find something behind it. One to a bad version or a missing
    /// entry is about to be cleared and must not stand in the way of what would repair it.
    pub(super) fn serving(&self) -> Option<&Pointer> {
        self.pointer
            .as_ref()
            .filter(|pointer| pointer.entry.is_file() && !self.is_bad(&pointer.id()))
    }
}
