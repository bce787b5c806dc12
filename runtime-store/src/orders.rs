//! What a person or a fleet orders: rolling back, and forgiving.

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Integrity, Version};

use crate::bad::BadList;
use crate::choose::{Choice, Facts, Named, Source, WhyNot, stored_passes};
use crate::lease::InUse;
use crate::lock::StoreLock;
use crate::pointer::{Pointer, Previous, Replaced, Trial, VersionId};
use crate::record::Record;
use crate::ruling::Ruling;
use crate::shell::{Asked, Shell};
use crate::{Store, StoreError, stored, transition};

/// Where to roll back to, and who orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollBack {
    /// A person: to the previous confirmed version, else bundled. What they leave is listed
    /// `rolled-back`, so that the next check does not bring it again.
    Person,
    /// A person: to this version, stored or bundled. What they leave is listed.
    PersonTo(Version),
    /// As [`RollBack::PersonTo`], to these very bytes, which a signed repository vouches for. Where
    /// only signed versions are believed there is no other way to a stored version by name.
    PersonToSigned(VersionId),
    /// A fleet or a recall: as [`RollBack::Person`], and lists nothing.
    Fleet,
    /// A fleet: to this version, stored or bundled. Lists nothing: what is left may be ordered again.
    FleetTo(Version),
    /// As [`RollBack::FleetTo`], to these very bytes, as in [`RollBack::PersonToSigned`].
    FleetToSigned(VersionId),
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

/// For which shell an order is carried out, and what the publisher says to it.
struct Ruled<'a> {
    shell: &'a Shell,
    ruling: Ruling,
}

impl Store {
    /// Points the next launch at an earlier version. The running one goes on until it is restarted.
    /// A recalled version is not gone back to.
    pub fn roll_back(
        &self,
        shell: &Shell,
        order: RollBack,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let lock = StoreLock::take(self.layout())?;
        let pointer = Pointer::load_for_change(self.layout(), now)?;
        let ruled = Ruled {
            shell,
            ruling: self.ruling(shell, now),
        };
        match order {
            RollBack::Person => self.back_to_previous(lock, &ruled, pointer, true, now),
            RollBack::Fleet => self.back_to_previous(lock, &ruled, pointer, false, now),
            RollBack::PersonTo(version) => {
                self.back_to(lock, &ruled, pointer, (version, None), true, now)
            }
            RollBack::FleetTo(version) => {
                self.back_to(lock, &ruled, pointer, (version, None), false, now)
            }
            RollBack::PersonToSigned(VersionId { version, integrity }) => {
                self.back_to(lock, &ruled, pointer, (version, Some(integrity)), true, now)
            }
            RollBack::FleetToSigned(VersionId { version, integrity }) => self.back_to(
                lock,
                &ruled,
                pointer,
                (version, Some(integrity)),
                false,
                now,
            ),
        }
    }

    /// A person asked for what waits: whether it is this device's turn no longer counts for it. Says
    /// whether `version` is what waits. Staging it again does the same.
    pub fn asked_for(&self, version: &Version) -> Result<bool, StoreError> {
        let _lock = StoreLock::take(self.layout())?;
        let pointer = self.pointer_now()?;
        let Some(pointer) = pointer.filter(|it| it.version == *version && it.trial.is_some())
        else {
            return Ok(false);
        };
        self.persist(
            Some(&pointer),
            Some(&transition::asked_for(pointer.clone())),
        )?;
        Ok(true)
    }

    /// Forgives every bad entry of `version`; false when none was there.
    pub fn forgive(&self, version: &Version) -> Result<bool, StoreError> {
        let _lock = StoreLock::take(self.layout())?;
        let mut list = BadList::load_for_change(self.layout(), crate::now())?;
        if !list.forgive(version) {
            return Ok(false);
        }
        list.save(self.layout())?;
        Ok(true)
    }

    fn back_to_previous(
        &self,
        lock: StoreLock,
        ruled: &Ruled<'_>,
        pointer: Option<Pointer>,
        list: bool,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let Some(pointer) = pointer else {
            return Ok(RolledBack::Nothing);
        };
        let previous = match &pointer.previous {
            Some(previous) => self
                .passes(ruled, &previous.id(), Source::Previous)?
                .ok()
                .map(|choice| (previous.id(), choice)),
            None => None,
        };
        let bundled = &ruled.shell.bundled.version;
        let running = self.replaced_and_running(&lock, &pointer)?;
        let passed_over = self.is_passed_over(&lock, ruled, &pointer)?;
        if passed_over && running.is_none() {
            // What the next launch would run is not what the pointer names: `previous` is left.
            let Some((left, _)) = previous else {
                return Ok(RolledBack::Nothing);
            };
            let mut next = pointer.clone();
            next.previous = None;
            let from = Some(left.version.clone());
            self.leave(lock, &pointer, &[left], Some(&next), list, now)?;
            return Ok(RolledBack::To {
                from,
                to: bundled.clone(),
                source: Source::Bundled,
            });
        }
        let left: Vec<_> = [pointer.id()]
            .into_iter()
            .filter(|_| !passed_over)
            .chain(running)
            .filter(|left| {
                previous
                    .as_ref()
                    .is_none_or(|(id, _)| id.version != left.version)
            })
            .collect();
        let next = match &previous {
            Some((id, choice)) => {
                Some(self.confirmed_pointer(id, &choice.entry, Some(&pointer))?)
            }
            None => None,
        };
        self.leave(lock, &pointer, &left, next.as_ref(), list, now)?;
        let (to, source) = match previous {
            Some((id, _)) => (id.version, Source::Previous),
            None => (bundled.clone(), Source::Bundled),
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
        ruled: &Ruled<'_>,
        pointer: Option<Pointer>,
        (version, signed): (Version, Option<Integrity>),
        list: bool,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        let bundled = &ruled.shell.bundled.version;
        let from = pointer.as_ref().map(|pointer| pointer.version.clone());
        if version == *bundled {
            let Some(pointer) = pointer else {
                return Ok(RolledBack::Nothing);
            };
            let left = self.left_for(&lock, ruled, &version, &pointer)?;
            self.leave(lock, &pointer, &left, None, list, now)?;
            return Ok(RolledBack::To {
                from,
                to: version,
                source: Source::Bundled,
            });
        }
        if !version.is_newer_than(bundled) {
            return Err(StoreError::OlderThanBundled {
                version: Box::new(version),
                bundled: Box::new(bundled.clone()),
            });
        }
        if ruled.ruling.recalls(&version) {
            return Err(StoreError::Recalled {
                version: Box::new(version),
            });
        }
        let Some(record) = Record::load_for_change(self.layout(), &version)? else {
            return Ok(RolledBack::NotStored(version));
        };
        if record.awaits_rehearsal() {
            // Staging it is what rehearses it.
            return Ok(RolledBack::NotStored(version));
        }
        let id = VersionId {
            version: record.version,
            integrity: record.integrity,
        };
        let vouched_for = signed.as_ref() == Some(&id.integrity);
        if (ruled.shell.signed_only || signed.is_some()) && !vouched_for {
            return Err(StoreError::NotSigned {
                version: Box::new(version),
            });
        }
        let choice = match self.passes(ruled, &id, Source::Pointer)? {
            Ok(choice) => choice,
            Err(WhyNot::MissingEntry) => return Ok(RolledBack::NotStored(version)),
            Err(why) => return Err(refused(version, &why)),
        };
        let left = match &pointer {
            Some(pointer) => self.left_for(&lock, ruled, &version, pointer)?,
            None => Vec::new(),
        };
        let mut next = self.ordered_pointer(ruled.shell, pointer.as_ref(), &id, &choice, &left)?;
        if vouched_for {
            next = transition::vouched_for(next);
        }
        match &pointer {
            Some(pointer) => self.leave(lock, pointer, &left, Some(&next), list, now)?,
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
        let mut next = self.confirmed_pointer(id, &choice.entry, old)?;
        let previous = old.and_then(|old| old.previous.clone());
        match old {
            Some(old) if old.id() == *id => next.trial.clone_from(&old.trial),
            _ if previous.as_ref().is_some_and(|it| it.id() == *id) => {}
            _ => next.trial = Some(Trial::new(shell.attempts)),
        }
        next.previous = previous.filter(|it| it.version != id.version && !left.contains(&it.id()));
        Ok(transition::asked_for(next))
    }

    /// What somebody leaves who goes back to `version`: what the pointer names, and what it had
    /// replaced if that is what runs. Never `previous`, which nobody went back from.
    ///
    /// A pointer to `version` itself was moved there to fetch it for this very order, so it is what
    /// it moved on from that is left: the trial, else the confirmed version.
    fn left_for(
        &self,
        lock: &StoreLock,
        ruled: &Ruled<'_>,
        version: &Version,
        pointer: &Pointer,
    ) -> Result<Vec<VersionId>, StoreError> {
        let passed_over = self.is_passed_over(lock, ruled, pointer)?;
        let left = if pointer.version == *version {
            let replaced = pointer.replaced.as_ref().map(Replaced::id);
            let confirmed = || pointer.previous.as_ref().map(Previous::id);
            replaced.or_else(confirmed).into_iter().collect()
        } else {
            let mut left = vec![pointer.id()];
            left.retain(|_| !passed_over);
            left.extend(self.replaced_and_running(lock, pointer)?);
            left
        };
        Ok(left
            .into_iter()
            .filter(|id| id.version.is_newer_than(version))
            .collect())
    }

    /// Whether the pointer's version is recalled, not signed, or not for this shell, and runs nowhere: nobody can leave it.
    fn is_passed_over(
        &self,
        lock: &StoreLock,
        ruled: &Ruled<'_>,
        pointer: &Pointer,
    ) -> Result<bool, StoreError> {
        let unmet = stored::unmet(self.layout(), &pointer.id(), ruled.shell).is_some();
        Ok((ruled.ruling.passes_over(pointer) || unmet)
            && !InUse::look(lock, self.layout())?.runs(&pointer.id()))
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
        ruled: &Ruled<'_>,
        id: &VersionId,
        source: Source,
    ) -> Result<Result<Choice, WhyNot>, StoreError> {
        let (bad, _) = BadList::read(self.layout())?;
        let bad: Vec<_> = bad.entries().cloned().collect();
        let facts = Facts {
            shell: ruled.shell,
            asked: Asked::ByPerson,
            named: &Named::Nothing,
            bad: &bad,
            ruling: &ruled.ruling,
            failures: &[],
            damage: &[],
            bundled_unmet: None,
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
        WhyNot::Contract(unmet) => (unmet.to_string(), "Choose another version"),
        WhyNot::Damaged(detail) => (
            format!("its files are damaged: {detail}"),
            "Check for updates, which fetches it again",
        ),
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
