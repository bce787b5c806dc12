//! What the next spawn runs, and why: the first that passes of pointer, previous and bundled. Pure.

use std::path::PathBuf;

use rollout::contract::{Needs, Unmet, gate};
use rollout::{BadEntry, Blocked, Engines, Integrity, Unsuitable, Version};
use serde::{Deserialize, Serialize};

use crate::damage::Damage;
use crate::failure::{Failure, How};
use crate::pointer::{Pointer, Trial, VersionId};
use crate::ruling::Ruling;
use crate::shell::{Asked, Shell};

/// Where a choice comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The version that `current.json` names.
    Pointer,
    /// Its `previous`.
    Previous,
    /// The runtime inside the installer.
    Bundled,
}

/// What a launch runs, and why that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its version.
    pub version: Version,
    /// Its content; none for bundled.
    pub integrity: Option<Integrity>,
    /// Where it comes from.
    pub source: Source,
    /// Root folder of this version (stored or bundled).
    pub dir: PathBuf,
    /// The file to start, absolute.
    pub entry: PathBuf,
    /// How far its trial had come, this launch's attempt already taken off; none when confirmed.
    pub trial: Option<Trial>,
    /// Choices that did not pass, in the order they were looked at; empty when the first passed.
    /// The bundled runtime is named where it runs although its contract is not met.
    pub passed_over: Vec<PassedOver>,
}

impl Choice {
    /// Which stored content it is; none for bundled.
    pub fn id(&self) -> Option<VersionId> {
        Some(VersionId {
            version: self.version.clone(),
            integrity: self.integrity.clone()?,
        })
    }
}

/// A choice that did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Which version, where one is named.
    pub version: Option<Version>,
    /// Where it would have come from.
    pub source: Source,
    /// Why it did not pass.
    pub why: WhyNot,
}

/// Why a choice did not pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    /// The bundled runtime is as new.
    NotNewerThanBundled,
    /// It is on the bad list.
    Bad,
    /// Its publisher says that it must no longer run.
    Recalled,
    /// It has not been launched yet, and its publisher does not let it be now.
    Blocked(Blocked),
    /// Its folder, its record or its entry is not there.
    MissingEntry,
    /// It does not suit this shell; another may run it.
    Incompatible(Unsuitable),
    /// It needs what this app does not offer. Another app, or a newer release of this one, may. Of
    /// the bundled runtime it is told in passing: that one runs all the same.
    Contract(Unmet),
    /// Its files are not those that were staged, in words. Fetched again they are.
    Damaged(String),
    /// It was tried in this launch already.
    FailedInThisLaunch,
    /// Another process is trying it right now.
    OnTrialElsewhere,
    /// Its launches ended without a word, in every attempt.
    NoVerdict,
    /// `REFIT_NO_AUTO_UPDATE`.
    TrialsOff,
    /// Whoever steers this device wants it tried later.
    NotYet,
    /// The attempt, or the lease, could not be written.
    CannotWrite(String),
    /// The pointer file itself is not a pointer.
    InvalidPointer(String),
    /// A newer shell wrote the pointer file, or the version's record.
    NewerSchema,
    /// Something could not be read.
    CannotRead(String),
}

impl From<Blocked> for WhyNot {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Recalled => Self::Recalled,
            blocked => Self::Blocked(blocked),
        }
    }
}

impl WhyNot {
    /// Whether the pointer is of no use to any launch and goes. What only this shell or this moment
    /// stands against is passed over and stays; and so is what is recalled, until the recall is over.
    fn clears(&self) -> bool {
        matches!(
            self,
            Self::NotNewerThanBundled | Self::Bad | Self::MissingEntry
        )
    }

    /// Whether a version that was confirmed may run again without being staged anew.
    pub(crate) fn may_end(&self) -> bool {
        matches!(self, Self::Recalled | Self::Contract(_) | Self::Damaged(_))
    }

    /// Whether it is the publisher who does not let it run, and nothing that it did.
    fn is_the_publishers(&self) -> bool {
        matches!(self, Self::Recalled | Self::Blocked(_))
    }
}

/// What is at a stored version's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A file at this canonical path, with the record of what was staged there.
    Whole {
        dir: PathBuf,
        entry: PathBuf,
        engines: Engines,
        /// Or that it cannot be told.
        needs: Result<Needs, Unmet>,
    },
    /// No such version, as far as a launch is concerned.
    Missing,
    /// A newer shell wrote its record.
    NewerSchema,
    /// It cannot be told.
    CannotRead(String),
}

impl Entry {
    fn is_whole(&self) -> bool {
        matches!(self, Self::Whole { .. })
    }
}

/// What stands at `current.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Nothing,
    Invalid(String),
    NewerSchema,
    CannotRead(String),
    Stored(Box<Stored>),
}

/// A pointer and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) pointer: Pointer,
    pub(crate) entry: Entry,
    /// What is at its `previous`, where it has one.
    pub(crate) previous: Entry,
    /// What is at the version whose soak goes on although this one was staged over it.
    pub(crate) replaced: Entry,
    /// Another launch has it on trial, without a verdict yet.
    pub(crate) elsewhere: bool,
}

/// Everything that a choice depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    pub(crate) shell: &'a Shell,
    pub(crate) asked: Asked,
    pub(crate) named: &'a Named,
    pub(crate) bad: &'a [BadEntry],
    /// What the publisher lets pass.
    pub(crate) ruling: &'a Ruling,
    /// What already failed in this launch.
    pub(crate) failures: &'a [Failure],
    /// Whose files are not those that were staged, and what is wrong with them.
    pub(crate) damage: &'a [Damage],
    /// What the bundled runtime needs and this shell does not offer.
    pub(crate) bundled_unmet: Option<Unmet>,
    /// Why nothing can be written for a trial, once that was tried.
    pub(crate) cannot_write: Option<String>,
}

/// The outcome of choosing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pick {
    pub(crate) choice: Choice,
    /// The choice is an undecided trial: an attempt is to be taken off before it is spawned.
    pub(crate) takes_attempt: bool,
    /// The pointer is of no use to any launch.
    pub(crate) clear: Option<Clear>,
    /// A trial whose attempts ended without a verdict has failed.
    pub(crate) failure: Option<Failure>,
}

/// How a useless pointer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clear {
    /// Its `previous` passes, or would but for what may end, and takes its place, confirmed.
    ToPrevious,
    /// Nothing stored passes: the file is removed.
    Remove,
}

/// Chooses. Bundled passes always and comes last.
pub(crate) fn choose(facts: &Facts<'_>) -> Pick {
    let mut pick = Pick {
        choice: bundled(facts.shell),
        takes_attempt: false,
        clear: None,
        failure: None,
    };
    let mut passed_over = Vec::new();
    let mut pass = |version: Option<&Version>, source, why| {
        passed_over.push(PassedOver {
            version: version.cloned(),
            source,
            why,
        });
    };
    match facts.named {
        Named::Nothing => {}
        Named::Invalid(why) => pass(None, Source::Pointer, WhyNot::InvalidPointer(why.clone())),
        Named::NewerSchema => pass(None, Source::Pointer, WhyNot::NewerSchema),
        Named::CannotRead(why) => pass(None, Source::Pointer, WhyNot::CannotRead(why.clone())),
        Named::Stored(stored) => {
            let pointer = &stored.pointer;
            match pointer_passes(facts, stored) {
                Ok(choice) => {
                    pick.takes_attempt = pointer.trial.as_ref().is_some_and(Trial::is_undecided);
                    pick.choice = choice;
                    return pick;
                }
                Err(why) => {
                    let clears = why.clears() && !stored.elsewhere;
                    if why == WhyNot::NoVerdict {
                        pick.failure = Some(no_verdict(pointer));
                    }
                    let soaking = (why == WhyNot::NotYet || why.is_the_publishers())
                        .then(|| replaced_passes(facts, stored))
                        .flatten();
                    pass(Some(&pointer.version), Source::Pointer, why);
                    if let Some(choice) = soaking {
                        pick.choice = Choice {
                            passed_over,
                            ..choice
                        };
                        return pick;
                    }
                    let previous = pointer.previous.as_ref().map(|previous| {
                        let id = previous.id();
                        let passes =
                            stored_passes(facts, &id, &stored.previous, Source::Previous, None);
                        (id, passes)
                    });
                    if clears {
                        pick.clear = Some(match &previous {
                            Some((_, Ok(_))) => Clear::ToPrevious,
                            Some((_, Err(why))) if why.may_end() && stored.previous.is_whole() => {
                                Clear::ToPrevious
                            }
                            _ => Clear::Remove,
                        });
                    }
                    match previous {
                        Some((_, Ok(choice))) => pick.choice = choice,
                        Some((id, Err(why))) => pass(Some(&id.version), Source::Previous, why),
                        None => {}
                    }
                }
            }
        }
    }
    if let (Source::Bundled, Some(unmet)) = (pick.choice.source, &facts.bundled_unmet) {
        passed_over.push(PassedOver {
            version: Some(pick.choice.version.clone()),
            source: Source::Bundled,
            why: WhyNot::Contract(unmet.clone()),
        });
    }
    pick.choice.passed_over = passed_over;
    pick
}

/// The choice that needs nothing of the store.
pub(crate) fn bundled(shell: &Shell) -> Choice {
    let bundled = &shell.bundled;
    Choice {
        version: bundled.version.clone(),
        integrity: None,
        source: Source::Bundled,
        dir: bundled.dir.clone(),
        entry: bundled.entry.clone(),
        trial: None,
        passed_over: Vec::new(),
    }
}

/// The rules that every stored version has to pass.
pub(crate) fn stored_passes(
    facts: &Facts<'_>,
    id: &VersionId,
    entry: &Entry,
    source: Source,
    trial: Option<&Trial>,
) -> Result<Choice, WhyNot> {
    if !id.version.is_newer_than(&facts.shell.bundled.version) {
        return Err(WhyNot::NotNewerThanBundled);
    }
    if facts
        .bad
        .iter()
        .any(|bad| bad.is_about(&id.version, &id.integrity))
    {
        return Err(WhyNot::Bad);
    }
    if facts.ruling.recalls(&id.version) {
        return Err(WhyNot::Recalled);
    }
    // Before whether there is anything at all: what is fetched again is not forgotten.
    if let Some(damage) = facts.damage.iter().find(|damage| damage.is_about(id)) {
        return Err(WhyNot::Damaged(damage.detail.clone()));
    }
    let (dir, entry, engines, needs) = match entry {
        Entry::Missing => return Err(WhyNot::MissingEntry),
        Entry::NewerSchema => return Err(WhyNot::NewerSchema),
        Entry::CannotRead(why) => return Err(WhyNot::CannotRead(why.clone())),
        Entry::Whole {
            dir,
            entry,
            engines,
            needs,
        } => (dir, entry, engines, needs),
    };
    engines
        .suit(&facts.shell.host)
        .map_err(WhyNot::Incompatible)?;
    passes_the_gate(needs, facts.shell).map_err(WhyNot::Contract)?;
    if facts
        .failures
        .iter()
        .any(|failure| failure.is_about(&id.version, &id.integrity))
    {
        return Err(WhyNot::FailedInThisLaunch);
    }
    Ok(Choice {
        version: id.version.clone(),
        integrity: Some(id.integrity.clone()),
        source,
        dir: dir.clone(),
        entry: entry.clone(),
        trial: trial.cloned(),
        passed_over: Vec::new(),
    })
}

/// Whether `shell` offers what a runtime needs.
pub(crate) fn passes_the_gate(needs: &Result<Needs, Unmet>, shell: &Shell) -> Result<(), Unmet> {
    needs
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|needs| gate(needs, &shell.offers))
}

/// The version whose soak goes on: what the publisher holds back takes nothing from who had it.
fn replaced_passes(facts: &Facts<'_>, stored: &Stored) -> Option<Choice> {
    let replaced = stored.pointer.replaced.as_ref()?;
    let soaks = !replaced.trial.is_undecided();
    let trials_off = !facts.shell.launch_trials && facts.asked == Asked::Passively;
    let (entry, trial) = (&stored.replaced, Some(&replaced.trial));
    (soaks && !trials_off)
        .then(|| stored_passes(facts, &replaced.id(), entry, Source::Previous, trial).ok())
        .flatten()
}

fn pointer_passes(facts: &Facts<'_>, stored: &Stored) -> Result<Choice, WhyNot> {
    let Stored { pointer, entry, .. } = stored;
    let choice = stored_passes(
        facts,
        &pointer.id(),
        entry,
        Source::Pointer,
        pointer.trial.as_ref(),
    )?;
    let Some(trial) = &pointer.trial else {
        return Ok(choice);
    };
    if !facts.shell.launch_trials && facts.asked == Asked::Passively {
        return Err(WhyNot::TrialsOff);
    }
    if !trial.is_undecided() {
        return Ok(choice);
    }
    if facts.asked == Asked::Passively
        && facts
            .shell
            .not_before
            .holds(&pointer.version, facts.ruling.now())
    {
        return Err(WhyNot::NotYet);
    }
    // Before its attempts: that it may not run now is no verdict on it.
    let by_person = facts.asked == Asked::ByPerson;
    let experimental = facts.shell.experimental;
    facts
        .ruling
        .judge(pointer, trial, by_person, experimental)?;
    if stored.elsewhere {
        return Err(WhyNot::OnTrialElsewhere);
    }
    if trial.attempts_left == 0 {
        return Err(WhyNot::NoVerdict);
    }
    match &facts.cannot_write {
        Some(why) => Err(WhyNot::CannotWrite(why.clone())),
        None => Ok(choice),
    }
}

fn no_verdict(pointer: &Pointer) -> Failure {
    Failure {
        version: pointer.version.clone(),
        integrity: Some(pointer.integrity.clone()),
        source: Source::Pointer,
        trial: true,
        taken: false,
        how: How::NoVerdict,
        detail: "its launches ended without a word, in every attempt it had".to_owned(),
    }
}

#[cfg(test)]
mod tests;
