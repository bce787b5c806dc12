//! How a launch begins: choose, look at the files of what was chosen, write it down.

use jiff::Timestamp;
use rollout::BadEntry;

use crate::bad::BadList;
use crate::choose::{self, Choice, Clear, Entry, Facts, Named, Pick};
use crate::damage::Damage;
use crate::failure::Failure;
use crate::files::{self, Found};
use crate::launch::{Launch, TakenAttempt, best_effort, warn};
use crate::lease::{Lease, Use};
use crate::lock::StoreLock;
use crate::pointer::{Pointer, VersionId};
use crate::shell::{Asked, Shell};
use crate::store::{bundled_after, look};
use crate::{Store, StoreError, transition};

/// A pointer leads to three versions at most. It may move meanwhile, but not for ever.
const MOST_LOOKED_AT: usize = 8;

/// What was looked at of the stored files, for one launch.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    at: Vec<VersionId>,
    pub(crate) damage: Vec<Damage>,
}

impl Looked {
    /// What is still to be looked at before `choice` may be spawned: that itself, and before that
    /// what the pointer names and is gone, since that may be mended and is not to be forgotten.
    pub(crate) fn wants(&self, named: &Named, choice: &Choice) -> Option<VersionId> {
        let gone = match named {
            Named::Stored(stored) if stored.entry == Entry::Missing => Some(stored.pointer.id()),
            _ => None,
        };
        let wanted = |id: &VersionId| !self.at.contains(id) && self.at.len() < MOST_LOOKED_AT;
        gone.filter(wanted).or_else(|| choice.id().filter(wanted))
    }

    /// `damage` is what was found at `id`.
    pub(crate) fn found(&mut self, id: VersionId, damage: Option<Damage>) {
        self.damage.extend(damage);
        self.at.push(id);
    }
}

impl Store {
    /// Chooses what this launch tries next, writes the attempt down durably and takes a lease.
    /// `failures`: choices of this same launch that already failed (each is tried at most once).
    /// Never fails: any error in choosing means bundled.
    pub fn begin_launch(
        &self,
        shell: &Shell,
        asked: Asked,
        failures: &[Failure],
        now: Timestamp,
    ) -> Launch {
        let id = uuid::Uuid::new_v4().to_string();
        self.begin(&id, shell, asked, failures, now)
            .unwrap_or_else(|error| Launch {
                id,
                choice: bundled_after(shell, &error),
                lease: None,
                taken: None,
                failures: Vec::new(),
            })
    }

    fn begin(
        &self,
        launch: &str,
        shell: &Shell,
        asked: Asked,
        failures: &[Failure],
        now: Timestamp,
    ) -> Result<Launch, StoreError> {
        let layout = self.layout();
        let mut looked = Looked::default();
        let mut cannot_write = None;
        loop {
            let lock = StoreLock::take(layout)?;
            let bad = self.bad_for_launch(now)?;
            let named = look(layout, Some(&lock));
            if let Named::Invalid(why) = &named {
                best_effort(files::set_aside(&layout.pointer(), why, now).map(drop));
            }
            let pick = choose::choose(&Facts {
                shell,
                asked,
                named: &named,
                bad: &bad,
                ruling: &self.ruling(shell, now),
                failures,
                damage: &looked.damage,
                bundled_unmet: shell.bundled_unmet(),
                cannot_write: cannot_write.clone(),
            });
            if let Some(id) = looked.wants(&named, &pick.choice) {
                // Looks at a whole tree, which takes longer than others should wait for the lock.
                drop(lock);
                let damage = self.damage_to_launch(&id);
                looked.found(id, damage);
                continue;
            }
            self.clear(&named, &pick);
            match self.write_down(&lock, launch, &named, &pick, now) {
                Ok((lease, taken)) => {
                    return Ok(Launch {
                        id: launch.to_owned(),
                        choice: spawned(pick.choice, taken.is_some()),
                        lease,
                        taken,
                        failures: pick.failure.into_iter().collect(),
                    });
                }
                // Only an undecided trial needs a write, so this happens at most once.
                Err(error) => cannot_write = Some(error.to_string()),
            }
        }
    }

    /// The bad list as launches see it. One that is no list is set aside and counts as empty.
    fn bad_for_launch(&self, now: Timestamp) -> Result<Vec<BadEntry>, StoreError> {
        let layout = self.layout();
        if let Found::Invalid(why) = BadList::load(layout)? {
            best_effort(files::set_aside(&layout.bad_list(), &why, now).map(drop));
            return Ok(Vec::new());
        }
        Ok(BadList::read(layout)?.0.entries().cloned().collect())
    }

    /// Repoints or removes a pointer that is of no use to any launch. Best effort: the choice was
    /// made without it.
    fn clear(&self, named: &Named, pick: &Pick) {
        let (Some(clear), Named::Stored(stored)) = (pick.clear, named) else {
            return;
        };
        best_effort(match (clear, &stored.pointer.previous, &stored.previous) {
            (Clear::ToPrevious, Some(previous), Entry::Whole { entry, .. }) => self
                .confirmed_pointer(&previous.id(), entry, Some(&stored.pointer))
                .and_then(|pointer| pointer.save(self.layout())),
            _ => Pointer::remove(self.layout()),
        });
    }

    /// The lease, and for an undecided trial the attempt. An error means that it must not be
    /// spawned.
    fn write_down(
        &self,
        lock: &StoreLock,
        launch: &str,
        named: &Named,
        pick: &Pick,
        now: Timestamp,
    ) -> Result<(Option<Lease>, Option<TakenAttempt>), StoreError> {
        let layout = self.layout();
        let Some(integrity) = &pick.choice.integrity else {
            return Ok((None, None));
        };
        let id = VersionId {
            version: pick.choice.version.clone(),
            integrity: integrity.clone(),
        };
        let to = if pick.takes_attempt {
            Use::Trial
        } else {
            Use::Launch
        };
        let lease = Lease::take(lock, layout, launch, &id, to, now);
        let Named::Stored(stored) = named else {
            return Ok((lease.ok(), None));
        };
        if !pick.takes_attempt {
            // A confirmed version needs no write: it runs without a lease too.
            return Ok((lease.inspect_err(warn).ok(), None));
        }
        let lease = lease?;
        transition::take_attempt(stored.pointer.clone()).save(layout)?;
        Ok((Some(lease), Some(TakenAttempt { id })))
    }
}

/// The choice as it is spawned: with the attempt that was taken for it taken off.
fn spawned(mut choice: Choice, taken: bool) -> Choice {
    if let Some(trial) = &mut choice.trial
        && taken
    {
        trial.attempts_left = trial.attempts_left.saturating_sub(1);
    }
    choice
}
