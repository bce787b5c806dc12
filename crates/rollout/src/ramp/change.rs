//! Starting, promoting, halting and resuming.

use jiff::{SignedDuration, Timestamp};

use super::{Document, Halted, Outlook, RampError, everyone, never, whole};
use crate::{Batch, Manifest, PackageName, Plan, Share, Version};

/// What a change makes of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// As it was, where there was one.
    pub before: Option<Document>,
    /// As it is to be.
    pub after: Document,
    /// When.
    pub at: Timestamp,
}

/// What is to be started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// Who waits how long.
    pub plan: Plan,
    /// What a person may want to know of it.
    pub notes: Option<String>,
    /// Whether everyone may have it at once, whatever the plan says.
    pub critical: bool,
    /// What the others may have, where the caller decides that.
    pub stable: Option<Version>,
    /// What they have, where nobody decides and no document says so: what devices got before there
    /// was one.
    pub known: Option<Version>,
    /// Whether the newest is to be started over.
    pub again: bool,
}

/// Starts a version: everybody's turn is counted from now. What was everyone's until now is what the
/// others may have meanwhile.
pub fn start(
    document: Option<&Document>,
    wish: &Start,
    now: Timestamp,
) -> Result<Change, RampError> {
    let now = whole(now);
    if let Some(stable) = wish.stable.as_ref()
        && !wish.version.is_newer_than(stable)
    {
        return Err(RampError::NotOlder {
            version: wish.version.clone().into(),
            stable: stable.clone().into(),
        });
    }
    let Some(document) = document else {
        // That it has what is started already is no reason: the first version published is the tag's.
        if let Some(present) = wish.known.as_ref()
            && present.is_newer_than(&wish.version)
        {
            return Err(RampError::NotNewer {
                version: wish.version.clone().into(),
                present: present.clone().into(),
            });
        }
        let known = wish.stable.as_ref().or(wish.known.as_ref());
        let manifest = Manifest {
            package: Some(wish.package.clone()),
            version: wish.version.clone(),
            published_at: Some(now),
            plan: wish.plan.clone(),
            stable: known
                .filter(|known| wish.version.is_newer_than(known))
                .cloned(),
            recalled: Vec::new(),
            critical: wish.critical,
            notes: wish.notes.clone(),
            signed_at: Some(now),
        };
        return Ok(Change {
            before: None,
            after: Document::new(wish.package.clone(), manifest),
            at: now,
        });
    };
    let old = document.manifest();
    let version = &wish.version;
    if let Some(recalled) = [Some(version), wish.stable.as_ref()]
        .into_iter()
        .flatten()
        .find(|version| old.recalls(version))
    {
        return Err(RampError::Recalled(recalled.clone()));
    }
    let halted = document
        .halted()
        .is_some_and(|halted| halted.version == *version);
    if old.version == *version && !wish.again && !halted {
        let same = old.plan == wish.plan
            && old.critical == wish.critical
            && old.notes == wish.notes
            && (wish.stable.is_none() || wish.stable == old.stable);
        return Err(if same {
            RampError::StartedAlready(version.clone())
        } else {
            RampError::Started(version.clone())
        });
    }
    if old.version != *version && !version.is_newer_than(&old.version) {
        return Err(RampError::NotNewer {
            version: version.clone().into(),
            present: old.version.clone().into(),
        });
    }
    let before = [Some(&old.version), old.stable.as_ref()];
    let stable = before
        .into_iter()
        .skip(usize::from(!everyone(old, now) || old.version == *version))
        .flatten()
        .find(|stable| !old.recalls(stable) && version.is_newer_than(stable));
    let manifest = Manifest {
        version: version.clone(),
        published_at: Some(now),
        plan: wish.plan.clone(),
        stable: wish.stable.clone().or_else(|| stable.cloned()),
        critical: wish.critical,
        notes: wish.notes.clone(),
        ..old.clone()
    };
    // Whatever came to nothing is remembered: it was never everyone's.
    let mut stopped = document.stopped_at(now);
    stopped.retain(|it| it != version && Some(it) != wish.stable.as_ref());
    Ok(document.change(manifest, None, now).with_stopped(stopped))
}

/// Lets in the first `to` of the fleet now; the others keep their turns.
pub fn promote(document: &Document, to: Share, now: Timestamp) -> Result<Change, RampError> {
    let now = whole(now);
    let old = document.manifest();
    if let Some(halted) = document.halted() {
        return Err(RampError::IsHalted(halted.version.clone()));
    }
    if old.recalls(&old.version) {
        return Err(RampError::Recalled(old.version.clone()));
    }
    let from = old.published_at.unwrap_or(now).min(now);
    // What is not out yet is counted from now on; a published plan goes on counting from then.
    let put_off = old.published_at.map_or(SignedDuration::ZERO, |published| {
        published.duration_since(from)
    });
    let elapsed = delay(now.duration_since(from));
    let later = delay(put_off);
    let everyone_is = everyone(old, now);
    let mut plan = Plan::default();
    let mut admits = false;
    for step in old.plan.steps().chain(whole_fleet(&old.plan)) {
        let was = step.delay.saturating_add(later);
        let between = step.upto.min(to.max(step.from));
        admits |= between > step.from && was > elapsed;
        push(&mut plan, between.less(step.from), was.min(elapsed));
        push(
            &mut plan,
            step.upto.less(between),
            was.min(Plan::MOST_DELAY),
        );
    }
    if everyone_is || !admits {
        let version = old.version.clone();
        let share = if everyone_is { Share::ALL } else { to };
        return Err(RampError::Admitted { share, version });
    }
    let manifest = Manifest {
        published_at: Some(from),
        plan,
        ..old.clone()
    };
    Ok(document.change(manifest, None, now))
}

/// An empty plan is one step of everyone, at once.
fn whole_fleet(plan: &Plan) -> Option<crate::Step> {
    plan.0.is_empty().then_some(crate::Step {
        from: Share::NONE,
        upto: Share::ALL,
        delay: 0,
    })
}

/// Adds a batch, or to the last one where that waits as long.
fn push(plan: &mut Plan, share: Share, delay: u32) {
    let delay_seconds = u64::from(delay);
    if share == Share::NONE {
        return;
    }
    match plan.0.last_mut() {
        Some(last) if last.delay_seconds == delay_seconds => last.share = last.share.and(share),
        _ => plan.0.push(Batch {
            share,
            delay_seconds,
        }),
    }
}

fn delay(duration: SignedDuration) -> u32 {
    u32::try_from(duration.as_secs().max(0))
        .unwrap_or(Plan::MOST_DELAY)
        .min(Plan::MOST_DELAY)
}

/// Stops letting devices in: puts back what everyone may have, and remembers what was halted. Where
/// nothing older is known the version stays and is nobody's from now on. Nobody goes back: so what those
/// go to whose version is recalled stays where it is everyone's.
pub fn halt(document: &Document, now: Timestamp) -> Result<Change, RampError> {
    let now = whole(now);
    let old = document.manifest();
    if let Some(halted) = document.halted() {
        return Err(RampError::HaltedAlready(halted.version.clone()));
    }
    if old.usable_stable().is_none() && !old.recalled.is_empty() && everyone(old, now) {
        return Err(RampError::TheOnlyOne(old.version.clone()));
    }
    let halted = Halted {
        version: old.version.clone(),
        published_at: old.published_at,
        plan: old.plan.clone(),
        notes: old.notes.clone(),
        critical: old.critical,
        at: now,
    };
    let back = Manifest {
        critical: false,
        notes: None,
        ..old.clone()
    };
    let manifest = match old.usable_stable() {
        Some(stable) => Manifest {
            version: stable.clone(),
            stable: None,
            published_at: Some(now),
            plan: Plan::default(),
            ..back
        },
        // Only a publication in the future is nobody's.
        None => Manifest {
            published_at: Some(never()),
            ..back
        },
    };
    Ok(document.change(manifest, Some(halted), now))
}

/// Goes on with what was halted, at the share at which it stopped.
pub fn resume(document: &Document, now: Timestamp) -> Result<Change, RampError> {
    let now = whole(now);
    let old = document.manifest();
    let halted = document.halted().ok_or(RampError::NotHalted)?;
    if old.recalls(&halted.version) {
        return Err(RampError::Recalled(halted.version.clone()));
    }
    if old.version.is_newer_than(&halted.version) {
        return Err(RampError::NotNewer {
            version: halted.version.clone().into(),
            present: old.version.clone().into(),
        });
    }
    let moved = |published: Timestamp| {
        let elapsed = halted.at.duration_since(published);
        now.checked_sub(elapsed).unwrap_or(published)
    };
    let stable = if old.version == halted.version {
        old.stable.clone()
    } else {
        Some(old.version.clone())
    };
    let manifest = Manifest {
        version: halted.version.clone(),
        published_at: halted.published_at.map(moved),
        plan: halted.plan.clone(),
        stable,
        notes: halted.notes.clone(),
        critical: halted.critical,
        ..old.clone()
    };
    Ok(document.change(manifest, None, now))
}

impl Document {
    /// Changed at `now`, which is also the time of signing.
    pub(super) fn change(
        &self,
        manifest: Manifest,
        halted: Option<Halted>,
        now: Timestamp,
    ) -> Change {
        let manifest = Manifest {
            signed_at: Some(now),
            ..manifest
        };
        Change {
            before: Some(self.clone()),
            after: self.with(manifest, halted),
            at: now,
        }
    }
}

impl Change {
    /// With this memory of versions whose rollouts came to nothing.
    pub(super) fn with_stopped(mut self, stopped: Vec<Version>) -> Self {
        self.after.set_stopped(stopped);
        self
    }

    /// Who might have had what, where there was something.
    pub fn outlook_before(&self) -> Option<Outlook> {
        let before = self.before.as_ref()?;
        Some(Outlook::of(before.manifest(), self.at))
    }

    /// Who may have what from now on.
    pub fn outlook(&self) -> Outlook {
        Outlook::of(self.after.manifest(), self.at)
    }

    /// The newest that is everyone's from now on: what those get who follow no manifest.
    pub fn everyones(&self) -> Option<&Version> {
        let manifest = self.after.manifest();
        if everyone(manifest, self.at) {
            Some(&manifest.version)
        } else {
            manifest.usable_stable()
        }
    }
}

#[cfg(test)]
mod tests;
