//! How pointer and bad list change: plain functions from what was to what is next. Pure.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Version};
use serde_json::Map;

use crate::choose::Choice;
use crate::failure::{Failure, How};
use crate::pointer::{Pointer, Previous, Replaced, Trial, VersionId};

/// Crashes within a soak that condemn.
pub(crate) const MOST_CRASHES: u32 = 3;

/// The pointer to a version that was just staged.
///
/// Over a confirmed version, that one becomes `previous`; over a trial, `previous` stays, and the
/// trial is remembered while its soak may still be going on somewhere.
pub(crate) fn staged(
    old: Option<&Pointer>,
    id: &VersionId,
    entry: &Path,
    attempts: u32,
    now: Timestamp,
) -> Pointer {
    let mut next = Pointer {
        schema: Pointer::SCHEMA,
        version: id.version.clone(),
        integrity: id.integrity.clone(),
        entry: entry.to_owned(),
        staged_at: now,
        trial: Some(Trial::new(attempts)),
        previous: None,
        replaced: None,
        extra: Map::new(),
    };
    if let Some(old) = old {
        next.extra.clone_from(&old.extra);
        next.previous = match old.trial {
            // Its folder has just been replaced by other content.
            None if old.version == id.version => old.previous.clone(),
            None => Some(old.id().into()),
            Some(_) => old.previous.clone(),
        };
        next.replaced = still_on_trial(old);
    }
    next.previous = next
        .previous
        .filter(|previous| previous.version != id.version);
    next.replaced = next
        .replaced
        .filter(|replaced| replaced.version != id.version);
    next
}

/// The pointer to a version that was staged over `old`, with nothing in it that is recalled, or that
/// this shell cannot run, where there is something else: what launches have fallen back to meanwhile stays what they fall back
/// to, and no soak of a version that must not run is waited for.
pub(crate) fn beside_recalled(
    mut next: Pointer,
    old: &Pointer,
    recalls: impl Fn(&Version) -> bool,
) -> Pointer {
    let usable = |version: &Version| *version != next.version && !recalls(version);
    let previous = old.previous.clone().filter(|it| usable(&it.version));
    let replaced = old.replaced.clone().filter(|it| usable(&it.version));
    if next
        .previous
        .as_ref()
        .is_some_and(|it| recalls(&it.version))
    {
        next.previous = previous.or(next.previous);
    }
    if next
        .replaced
        .as_ref()
        .is_some_and(|it| recalls(&it.version))
    {
        next.replaced = replaced;
    }
    next
}

/// A person asked for what waits: no turn of a rollout counts for it any more.
pub(crate) fn asked_for(mut pointer: Pointer) -> Pointer {
    if let Some(trial) = &mut pointer.trial {
        trial.gated = false;
    }
    pointer
}

/// A signed repository vouches for what waits.
pub(crate) fn vouched_for(mut pointer: Pointer) -> Pointer {
    if let Some(trial) = &mut pointer.trial {
        trial.signed = true;
    }
    pointer
}

/// The trial that counts on when another version is staged: the pointer's if it was ready once,
/// else the one that the pointer itself had replaced.
fn still_on_trial(old: &Pointer) -> Option<Replaced> {
    let own = old.trial.as_ref().map(|trial| Replaced {
        version: old.version.clone(),
        integrity: old.integrity.clone(),
        trial: trial.clone(),
        extra: Map::new(),
    });
    match (own, &old.replaced) {
        (Some(own), _) if !own.trial.is_undecided() => Some(own),
        (_, Some(replaced)) => Some(replaced.clone()),
        (own, None) => own,
    }
}

/// The pointer to a version that is known to be good.
pub(crate) fn confirmed(
    id: &VersionId,
    entry: &Path,
    staged_at: Timestamp,
    previous: Option<Previous>,
    old: Option<&Pointer>,
) -> Pointer {
    Pointer {
        schema: Pointer::SCHEMA,
        version: id.version.clone(),
        integrity: id.integrity.clone(),
        entry: entry.to_owned(),
        staged_at,
        trial: None,
        previous,
        replaced: None,
        extra: old.map(|old| old.extra.clone()).unwrap_or_default(),
    }
}

/// Takes one attempt off, for a launch that is about to spawn it.
pub(crate) fn take_attempt(mut pointer: Pointer) -> Pointer {
    if let Some(trial) = &mut pointer.trial {
        trial.attempts_left = trial.attempts_left.saturating_sub(1);
    }
    pointer
}

/// Gives one attempt back: the launch ended before there could be a verdict.
pub(crate) fn give_back(mut pointer: Pointer, id: &VersionId) -> Pointer {
    if let Some(trial) = trial_of(&mut pointer, id) {
        trial.attempts_left = trial.attempts_left.saturating_add(1);
    }
    pointer
}

/// What a launch that became ready says about itself and about those that failed before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The pointer with all that does not depend on the bad list being written.
    pub(crate) pointer: Option<Pointer>,
    /// What has failed for good, to be listed.
    pub(crate) condemned: Vec<BadEntry>,
}

/// Judges every choice of one launch, now that `ready` has become ready.
pub(crate) fn judge(
    pointer: Option<Pointer>,
    ready: &Choice,
    failures: &[Failure],
    now: Timestamp,
) -> Verdict {
    let mut pointer = pointer;
    if let (Some(pointer), Some(integrity)) = (&mut pointer, &ready.integrity) {
        let id = VersionId {
            version: ready.version.clone(),
            integrity: integrity.clone(),
        };
        if let Some(trial) = trial_of(pointer, &id) {
            trial.ready_at.get_or_insert(now);
        }
    }
    let condemned = failures
        .iter()
        .filter_map(|failure| failure.listed(condemns(pointer.as_mut(), failure)?, now))
        .collect();
    Verdict { pointer, condemned }
}

/// Why a failure condemns, if it does. Counts what does not condemn yet.
fn condemns(pointer: Option<&mut Pointer>, failure: &Failure) -> Option<BadReason> {
    let id = VersionId {
        version: failure.version.clone(),
        integrity: failure.integrity.clone()?,
    };
    if !failure.trial {
        return None;
    }
    let known = pointer.as_ref().is_some_and(|pointer| knows(pointer, &id));
    let trial = pointer.and_then(|pointer| trial_of(pointer, &id));
    if known && trial.is_none() {
        // Another launch has confirmed it meanwhile.
        return None;
    }
    match (failure.how, trial) {
        (How::Environment, trial) => {
            if let Some(trial) = trial
                && failure.taken
            {
                trial.attempts_left = trial.attempts_left.saturating_add(1);
            }
            None
        }
        (How::Exited | How::NoVerdict | How::CrashLoop, _) => Some(failure.how.reason()),
        (How::TimedOut | How::Killed, Some(trial)) if trial.is_undecided() => {
            (trial.attempts_left == 0).then(|| failure.how.reason())
        }
        (How::TimedOut | How::Killed, Some(trial)) => {
            trial.crashes = trial.crashes.saturating_add(1);
            (trial.crashes >= MOST_CRASHES).then_some(BadReason::CrashLoop)
        }
        // The pointer moved on: how many attempts were left is not known any more.
        (How::TimedOut | How::Killed, None) => None,
    }
}

/// The pointer after `bad` was listed: where it named a condemned version, it names the choice that
/// became ready if that is stored, and nothing otherwise. A pointer to another version stays.
pub(crate) fn without(
    pointer: Option<Pointer>,
    bad: &[BadEntry],
    ready: &Choice,
    staged_at: Timestamp,
) -> Option<Pointer> {
    let is_bad = |id: &VersionId| {
        bad.iter()
            .any(|bad| bad.is_about(&id.version, &id.integrity))
    };
    let mut pointer = pointer?;
    pointer.previous = pointer.previous.filter(|previous| !is_bad(&previous.id()));
    pointer.replaced = pointer.replaced.filter(|replaced| !is_bad(&replaced.id()));
    if !is_bad(&pointer.id()) {
        return Some(pointer);
    }
    let id = VersionId {
        version: ready.version.clone(),
        integrity: ready.integrity.clone()?,
    };
    let previous = pointer
        .previous
        .clone()
        .filter(|previous| previous.version != id.version);
    // What goes on running while another was tried beside it goes on soaking, too.
    let soaking = pointer
        .replaced
        .clone()
        .filter(|replaced| replaced.id() == id);
    let next = confirmed(&id, &ready.entry, staged_at, previous, Some(&pointer));
    Some(Pointer {
        trial: soaking.map(|replaced| replaced.trial),
        ..next
    })
}

/// Counts a crash after ready. None when the version is not on trial.
pub(crate) fn crash(mut pointer: Pointer, id: &VersionId) -> Option<(Pointer, u32)> {
    let trial = trial_of(&mut pointer, id)?;
    trial.crashes = trial.crashes.saturating_add(1);
    let crashes = trial.crashes;
    Some((pointer, crashes))
}

/// What running time does to a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Soaked {
    /// It is not on trial, or not any more.
    NotOnTrial,
    /// More is needed.
    Soaking { pointer: Pointer, left: Duration },
    /// The soak is over.
    Confirmed { pointer: Pointer },
}

/// Adds running time to a soak of length `soak`. `recalled`: the version must no longer run.
pub(crate) fn soak(
    mut pointer: Pointer,
    id: &VersionId,
    ran: Duration,
    soak: Duration,
    recalled: bool,
    now: Timestamp,
) -> Soaked {
    let Some(trial) = trial_of(&mut pointer, id) else {
        return Soaked::NotOnTrial;
    };
    trial.ready_at.get_or_insert(now);
    let total = Duration::from_secs(trial.soaked_seconds).saturating_add(ran);
    if total >= soak {
        return Soaked::Confirmed {
            pointer: confirm(pointer, id, recalled),
        };
    }
    // Rounded: what is cut off in one report must not add up over many.
    trial.soaked_seconds = total.saturating_add(Duration::from_millis(500)).as_secs();
    Soaked::Soaking {
        pointer,
        left: soak.saturating_sub(total),
    }
}

/// Ends a trial well. A version that the pointer has moved on from becomes `previous`; a recalled
/// one does so only where there is no other to fall back to.
fn confirm(mut pointer: Pointer, id: &VersionId, recalled: bool) -> Pointer {
    if pointer.id() == *id {
        pointer.trial = None;
        pointer.replaced = None;
    } else {
        pointer.replaced = None;
        let kept = pointer.previous.take().filter(|_| recalled);
        pointer.previous = kept.or_else(|| Some(id.clone().into()));
    }
    pointer
}

/// The trial of `id`, whether the pointer names it or has moved on from it.
fn trial_of<'a>(pointer: &'a mut Pointer, id: &VersionId) -> Option<&'a mut Trial> {
    if pointer.id() == *id {
        return pointer.trial.as_mut();
    }
    pointer
        .replaced
        .as_mut()
        .filter(|replaced| replaced.id() == *id)
        .map(|replaced| &mut replaced.trial)
}

/// Whether the pointer says anything about `id`.
pub(crate) fn knows(pointer: &Pointer, id: &VersionId) -> bool {
    pointer.id() == *id
        || pointer
            .previous
            .as_ref()
            .is_some_and(|previous| previous.id() == *id)
        || pointer
            .replaced
            .as_ref()
            .is_some_and(|replaced| replaced.id() == *id)
}

#[cfg(test)]
mod tests;
