//! One launch's bookkeeping: what it tries, what it used up, and what it showed.
//!
//! Every call is lock → load → transition → persist, and holds the lock no longer than that.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rollout::{BadEntry, Version};

use crate::bad::BadList;
use crate::choose::Choice;
use crate::failure::Failure;
use crate::files::Found;
use crate::lease::{InUse, Lease};
use crate::lock::StoreLock;
use crate::pointer::{Pointer, VersionId};
use crate::record::Record;
use crate::ruling;
use crate::transition::{self, MOST_CRASHES, Soaked};
use crate::{Store, StoreError, stored};

/// A launch that was begun: what to spawn, with a fresh id, and the lease that protects it.
///
/// Drop it once its child is gone and before the next launch begins: while its lease is held, its
/// version is not removed, and an undecided trial counts as tried elsewhere.
#[derive(Debug)]
pub struct Launch {
    /// A fresh UUID.
    pub id: String,
    /// What to spawn.
    pub choice: Choice,
    /// The lease that a guard process must join before the child exists; none for bundled, or when
    /// it could not be written.
    pub lease: Option<Lease>,
    /// The attempt that was taken for it, to give back.
    pub taken: Option<TakenAttempt>,
    /// Failures discovered while choosing (a trial whose attempts ended without a verdict).
    pub failures: Vec<Failure>,
}

/// An attempt that a launch used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAttempt {
    /// Of which content.
    pub id: VersionId,
}

/// What follows a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// Restart it: confirmed, bundled, or fewer than three crashes of its soak.
    Restart {
        /// Crashes of its soak so far; 0 when it is not on trial.
        crashes: u32,
    },
    /// Third crash in its soak: go on with the next choice, as a `Failure` with `How::CrashLoop`.
    Loop,
}

/// How far a soak is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soak {
    /// There is none: confirmed already, or bundled.
    NotOnTrial,
    /// More running is needed.
    Soaking {
        /// How much.
        left: Duration,
    },
    /// It has just ended: the version is confirmed.
    Confirmed,
}

impl Store {
    /// The spawned choice became ready: its soak begins if it is on trial; everything in
    /// `failures` that is on trial and earned it is condemned (bad list, pointer, folder).
    /// Returns what was condemned. On an error nothing that the bad list should name was removed.
    pub fn ready(
        &self,
        launch: &Launch,
        failures: &[Failure],
        now: Timestamp,
    ) -> Result<Vec<BadEntry>, StoreError> {
        let layout = self.layout();
        let lock = StoreLock::take(layout)?;
        let before = self.pointer_now()?;
        let verdict = transition::judge(before.clone(), &launch.choice, failures, now);
        if verdict.condemned.is_empty() {
            self.persist(before.as_ref(), verdict.pointer.as_ref())?;
            return Ok(Vec::new());
        }
        if let Err(error) = self.list(&verdict.condemned, now) {
            self.persist(before.as_ref(), verdict.pointer.as_ref())?;
            return Err(error);
        }
        let staged_at = self.staged_at(&launch.choice.version).unwrap_or(now);
        let kept = verdict.pointer.as_ref().and_then(|pointer| {
            self.kept_previous(pointer, &verdict.condemned, &launch.choice.passed_over)
        });
        let after = transition::without(
            verdict.pointer,
            &verdict.condemned,
            &launch.choice,
            staged_at,
        )
        .or(kept);
        self.persist(before.as_ref(), after.as_ref())?;
        let ids: Vec<_> = verdict.condemned.iter().map(id_of).collect();
        self.remove_condemned(lock, &ids, after.as_ref());
        Ok(verdict.condemned)
    }

    /// An orderly end before a verdict, or a launch in which every choice failed: attempts go back.
    pub fn give_back(&self, launches: &[TakenAttempt]) -> Result<(), StoreError> {
        let _lock = StoreLock::take(self.layout())?;
        let before = self.pointer_now()?;
        let after = before.clone().map(|pointer| {
            launches.iter().fold(pointer, |pointer, taken| {
                transition::give_back(pointer, &taken.id)
            })
        });
        self.persist(before.as_ref(), after.as_ref())
    }

    /// A crash after ready. Says what follows.
    pub fn crashed(&self, launch: &Launch, _now: Timestamp) -> Result<AfterCrash, StoreError> {
        let Some(id) = on_trial(&launch.choice) else {
            return Ok(AfterCrash::Restart { crashes: 0 });
        };
        let _lock = StoreLock::take(self.layout())?;
        let before = self.pointer_now()?;
        let Some((after, crashes)) = before
            .clone()
            .and_then(|pointer| transition::crash(pointer, &id))
        else {
            return Ok(AfterCrash::Restart { crashes: 0 });
        };
        self.persist(before.as_ref(), Some(&after))?;
        Ok(if crashes >= MOST_CRASHES {
            AfterCrash::Loop
        } else {
            AfterCrash::Restart { crashes }
        })
    }

    /// Adds running time to the soak; confirms when `soak` is reached. On an error nothing was
    /// added: report the same time again later.
    pub fn soaked(
        &self,
        launch: &Launch,
        ran: Duration,
        soak: Duration,
        now: Timestamp,
    ) -> Result<Soak, StoreError> {
        let Some(id) = on_trial(&launch.choice) else {
            return Ok(Soak::NotOnTrial);
        };
        let _lock = StoreLock::take(self.layout())?;
        let before = self.pointer_now()?;
        let Some(pointer) = before.clone() else {
            return Ok(Soak::NotOnTrial);
        };
        // Asked only where it matters: a version that must not run is nothing to fall back to.
        let moved_on = pointer.id() != id;
        let recalled = moved_on && ruling::recalls(self.terms().as_ref(), &id.version);
        match transition::soak(pointer, &id, ran, soak, recalled, now) {
            Soaked::NotOnTrial => Ok(Soak::NotOnTrial),
            Soaked::Soaking { pointer, left } => {
                self.persist(before.as_ref(), Some(&pointer))?;
                Ok(Soak::Soaking { left })
            }
            Soaked::Confirmed { pointer } => {
                self.persist(before.as_ref(), Some(&pointer))?;
                Ok(Soak::Confirmed)
            }
        }
    }

    // What the calls above and a person's orders share. Each is called under the store lock.

    /// The valid pointer, if there is one. What else stands there is `begin_launch`'s to deal with.
    pub(crate) fn pointer_now(&self) -> Result<Option<Pointer>, StoreError> {
        Ok(match Pointer::load(self.layout())? {
            Found::Valid(pointer) => Some(pointer),
            Found::Missing | Found::Newer(..) | Found::Invalid(_) => None,
        })
    }

    /// Writes what changed, and nothing when nothing did.
    pub(crate) fn persist(
        &self,
        before: Option<&Pointer>,
        after: Option<&Pointer>,
    ) -> Result<(), StoreError> {
        match after {
            _ if before == after => Ok(()),
            Some(pointer) => pointer.save(self.layout()),
            None => Pointer::remove(self.layout()),
        }
    }

    /// Adds to the bad list, durably.
    pub(crate) fn list(&self, bad: &[BadEntry], now: Timestamp) -> Result<(), StoreError> {
        let mut list = BadList::load_for_change(self.layout(), now)?;
        for entry in bad {
            list.add(entry.clone());
        }
        list.save(self.layout())
    }

    /// Removes the folders of versions that were listed, the last step of condemning. What is in
    /// use, or named again, stays for a later `gc`. Lets go of the lock before bytes are freed.
    pub(crate) fn remove_condemned(
        &self,
        lock: StoreLock,
        condemned: &[VersionId],
        pointer: Option<&Pointer>,
    ) {
        let layout = self.layout();
        let in_use = match InUse::look(&lock, layout) {
            Ok(in_use) => in_use,
            Err(error) => return warn(&error),
        };
        let mut discarded = Vec::new();
        for id in condemned {
            let named = pointer.is_some_and(|pointer| {
                pointer.version == id.version
                    || pointer
                        .previous
                        .as_ref()
                        .is_some_and(|previous| previous.version == id.version)
            });
            let same = matches!(
                Record::load(layout, &id.version),
                Ok(Some(record)) if record.integrity == id.integrity
            );
            if named || !same || in_use.holds(&id.version) {
                continue;
            }
            match stored::remove(layout, &id.version) {
                Ok(gone) => discarded.extend(gone),
                Err(error) => warn(&error),
            }
        }
        drop(lock);
        for gone in discarded {
            gone.delete();
        }
    }

    /// A pointer to a version that was just seen to be whole, without a trial.
    pub(crate) fn confirmed_pointer(
        &self,
        id: &VersionId,
        entry: &Path,
        old: Option<&Pointer>,
    ) -> Result<Pointer, StoreError> {
        let staged_at = self.staged_at(&id.version)?;
        Ok(transition::confirmed(id, entry, staged_at, None, old))
    }

    fn staged_at(&self, version: &Version) -> Result<Timestamp, StoreError> {
        let record = Record::load(self.layout(), version)?;
        record.map(|record| record.staged_at).ok_or_else(|| {
            StoreError::io(
                "read",
                self.layout().record(version),
                std::io::ErrorKind::NotFound.into(),
            )
        })
    }
}

fn on_trial(choice: &Choice) -> Option<VersionId> {
    choice.trial.as_ref()?;
    Some(VersionId {
        version: choice.version.clone(),
        integrity: choice.integrity.clone()?,
    })
}

pub(crate) fn id_of(entry: &BadEntry) -> VersionId {
    VersionId {
        version: entry.version.clone(),
        integrity: entry.integrity.clone(),
    }
}

pub(crate) fn best_effort(result: Result<(), StoreError>) {
    if let Err(error) = result {
        warn(&error);
    }
}

pub(crate) fn warn(error: &StoreError) {
    tracing::warn!(%error, "the store could not be changed; the launch goes on");
}

#[cfg(test)]
mod tests;
