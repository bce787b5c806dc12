//! What a person or a fleet orders: rolling back, and forgiving.

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Version};

use crate::bad::BadList;
use crate::choose::{Choice, Facts, Named, Source, WhyNot, stored_passes};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, Replaced, Trial, VersionId};
use crate::record::Record;
use crate::shell::{Asked, Shell};
use crate::{Store, StoreError, stored};

/// Where to roll back to, and who orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollBack {
    /// A person: to the previous confirmed version, else bundled. What they leave is listed
    /// `rolled-back`, so that the next check does not bring it again.
    Person,
    /// A person: to this version, stored or bundled. What they leave is listed.
    PersonTo(Version),
    /// A fleet or a recall: as [`RollBack::Person`], and lists nothing.
    Fleet,
}

/// What rolling back came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolledBack {
    /// The next launch runs this.
    To {
        /// What the pointer named.
        from: Option<Version>,
        /// What the next launch runs.
        to: Version,
        /// Where that came from.
        source: Source,
    },
    /// Nothing to roll back: bundled runs.
    Nothing,
    /// That version is not stored: stage it first, with `StagePlan::older`.
    NotStored(Version),
}

impl Store {
    /// Points the next launch at an earlier version. The running one goes on until it is restarted.
    pub fn roll_back(
        &self,
        shell: &Shell,
        order: RollBack,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let lock = StoreLock::take(self.layout())?;
        let pointer = Pointer::load_for_change(self.layout(), now)?;
        match order {
            RollBack::Person => self.back_to_previous(lock, shell, pointer, true, now),
            RollBack::Fleet => self.back_to_previous(lock, shell, pointer, false, now),
            RollBack::PersonTo(version) => self.back_to(lock, shell, pointer, version, now),
        }
    }

    /// Forgives every bad entry of `version`; false when none was there.
    pub fn forgive(&self, version: &Version) -> Result<bool, StoreError> {
        let _lock = StoreLock::take(self.layout())?;
        let mut list = BadList::load_for_change(self.layout(), Timestamp::now())?;
        if !list.forgive(version) {
            return Ok(false);
        }
        list.save(self.layout())?;
        Ok(true)
    }

    fn back_to_previous(
        &self,
        lock: StoreLock,
        shell: &Shell,
        pointer: Option<Pointer>,
        list: bool,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let Some(pointer) = pointer else {
            return Ok(RolledBack::Nothing);
        };
        let previous = match &pointer.previous {
            Some(previous) => self
                .passes(shell, &previous.id(), Source::Previous)?
                .ok()
                .map(|choice| (previous.id(), choice)),
            None => None,
        };
        let left: Vec<_> = [pointer.id()]
            .into_iter()
            .chain(self.replaced_and_running(&lock, &pointer)?)
            .filter(|left| {
                previous
                    .as_ref()
                    .is_none_or(|(id, _)| id.version != left.version)
            })
            .collect();
        let next = match &previous {
            Some((id, choice)) => Some(self.confirmed_pointer(id, choice, Some(&pointer))?),
            None => None,
        };
        self.leave(lock, &pointer, &left, next.as_ref(), list, now)?;
        let (to, source) = match previous {
            Some((id, _)) => (id.version, Source::Previous),
            None => (shell.bundled.version.clone(), Source::Bundled),
        };
        Ok(RolledBack::To {
            from: Some(pointer.version),
            to,
            source,
        })
    }

    fn back_to(
        &self,
        lock: StoreLock,
        shell: &Shell,
        pointer: Option<Pointer>,
        version: Version,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let from = pointer.as_ref().map(|pointer| pointer.version.clone());
        if version == shell.bundled.version {
            let Some(pointer) = pointer else {
                return Ok(RolledBack::Nothing);
            };
            let left = self.left_for(&lock, &version, &pointer)?;
            self.leave(lock, &pointer, &left, None, true, now)?;
            return Ok(RolledBack::To {
                from,
                to: version,
                source: Source::Bundled,
            });
        }
        if !version.is_newer_than(&shell.bundled.version) {
            return Err(StoreError::OlderThanBundled {
                version: Box::new(version),
                bundled: Box::new(shell.bundled.version.clone()),
            });
        }
        let Some(record) = Record::load_for_change(self.layout(), &version)? else {
            return Ok(RolledBack::NotStored(version));
        };
        let id = VersionId {
            version: record.version,
            integrity: record.integrity,
        };
        let choice = match self.passes(shell, &id, Source::Pointer)? {
            Ok(choice) => choice,
            Err(WhyNot::MissingEntry) => return Ok(RolledBack::NotStored(version)),
            Err(why) => return Err(refused(version, &why)),
        };
        let left = match &pointer {
            Some(pointer) => self.left_for(&lock, &version, pointer)?,
            None => Vec::new(),
        };
        let next = self.ordered_pointer(shell, pointer.as_ref(), &id, &choice, &left)?;
        match &pointer {
            Some(pointer) => self.leave(lock, pointer, &left, Some(&next), true, now)?,
            None => next.save(self.layout())?,
        }
        Ok(RolledBack::To {
            from: from
                .filter(|from| *from != id.version)
                .or_else(|| left.first().map(|left| left.version.clone())),
            to: id.version,
            source: Source::Pointer,
        })
    }

    /// The pointer to a version that was ordered by name: confirmed if it is known to be, else on
    /// trial as any other.
    fn ordered_pointer(
        &self,
        shell: &Shell,
        old: Option<&Pointer>,
        id: &VersionId,
        choice: &Choice,
        left: &[VersionId],
    ) -> Result<Pointer, StoreError> {
        let mut next = self.confirmed_pointer(id, choice, old)?;
        let previous = old.and_then(|old| old.previous.clone());
        match old {
            Some(old) if old.id() == *id => next.trial.clone_from(&old.trial),
            _ if previous.as_ref().is_some_and(|it| it.id() == *id) => {}
            _ => next.trial = Some(Trial::new(shell.attempts)),
        }
        next.previous = previous.filter(|it| it.version != id.version && !left.contains(&it.id()));
        Ok(next)
    }

    /// What somebody leaves who goes back to `version`: what the pointer names, and what it had
    /// replaced if that is what runs. Never `previous`, which nobody went back from.
    ///
    /// A pointer to `version` itself was moved there to fetch it for this very order, so it is what
    /// it moved on from that is left: the trial, else the confirmed version.
    fn left_for(
        &self,
        lock: &StoreLock,
        version: &Version,
        pointer: &Pointer,
    ) -> Result<Vec<VersionId>, StoreError> {
        let left = if pointer.version == *version {
            let replaced = pointer.replaced.as_ref().map(Replaced::id);
            let confirmed = || pointer.previous.as_ref().map(Previous::id);
            replaced.or_else(confirmed).into_iter().collect()
        } else {
            let mut left = vec![pointer.id()];
            left.extend(self.replaced_and_running(lock, pointer)?);
            left
        };
        Ok(left
            .into_iter()
            .filter(|id| id.version.is_newer_than(version))
            .collect())
    }

    /// What the pointer had replaced, if a launch uses it now.
    fn replaced_and_running(
        &self,
        lock: &StoreLock,
        pointer: &Pointer,
    ) -> Result<Option<VersionId>, StoreError> {
        let Some(replaced) = pointer.replaced.as_ref().map(Replaced::id) else {
            return Ok(None);
        };
        let runs = InUse::look(lock, self.layout())?.runs(&replaced);
        Ok(runs.then_some(replaced))
    }

    /// Bad list first, pointer second, folders last.
    fn leave(
        &self,
        lock: StoreLock,
        old: &Pointer,
        left: &[VersionId],
        next: Option<&Pointer>,
        list: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if list && !left.is_empty() {
            let entries: Vec<_> = left.iter().map(|id| rolled_back(id, now)).collect();
            self.list(&entries, now)?;
        }
        self.persist(Some(old), next)?;
        if list {
            self.remove_condemned(lock, left, next);
        }
        Ok(())
    }

    fn passes(
        &self,
        shell: &Shell,
        id: &VersionId,
        source: Source,
    ) -> Result<Result<Choice, WhyNot>, StoreError> {
        let (bad, _) = BadList::read(self.layout())?;
        let bad: Vec<_> = bad.entries().cloned().collect();
        let facts = Facts {
            shell,
            asked: Asked::ByPerson,
            named: &Named::Nothing,
            bad: &bad,
            failures: &[],
            cannot_write: None,
        };
        let entry = stored::look(self.layout(), id);
        Ok(stored_passes(&facts, id, &entry, source, None))
    }
}

fn rolled_back(id: &VersionId, now: Timestamp) -> BadEntry {
    BadEntry {
        version: id.version.clone(),
        integrity: id.integrity.clone(),
        reason: BadReason::RolledBack,
        detail: "a person rolled back from it".to_owned(),
        at: now,
    }
}

fn refused(version: Version, why: &WhyNot) -> StoreError {
    let (why, next) = match why {
        WhyNot::Bad => (
            "it is on the bad list".to_owned(),
            "To try it all the same, forgive it with `refit retry`",
        ),
        WhyNot::Incompatible(unsuitable) => (unsuitable.to_string(), "Choose another version"),
        WhyNot::CannotRead(why) => (why.clone(), "Then try again"),
        other => (format!("{other:?}"), "Choose another version"),
    };
    StoreError::CannotRun {
        version: Box::new(version),
        why,
        next,
    }
}

#[cfg(test)]
mod tests;
