//! What a device remembers of its operator's orders, over restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::jitter::{self, Wait, part};
use super::{Name, Scope, Target};
use crate::Version;

/// How long an order down must stand where the one before it was heard no longer ago than this.
const STANDS: SignedDuration = SignedDuration::from_secs(60);

/// After so long an unknown version is asked for again.
const ASKS_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// What was heard, and what is being done about it. Unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// The newest target of each scope.
    #[serde(default)]
    heard: BTreeMap<Scope, Target>,
    /// What this device is to have.
    #[serde(default)]
    order: Option<Order>,
    /// When the last order to an older version was heard.
    #[serde(default)]
    last_down: Option<Timestamp>,
}

/// What became of a target that was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It counts from now on.
    News,
    /// It is the one that counts already.
    Known,
    /// It is an older one, or another one of the same generation: it changes nothing.
    Stale,
}

/// The version that a device is to have, and how far it is on its way there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The version.
    pub version: Version,
    /// The generation of the target that wants it.
    pub generation: u64,
    /// Whose target it is.
    pub scope: Scope,
    /// The window over which the fleet spreads itself, in seconds.
    pub jitter: u32,
    /// When this device first heard of it.
    pub heard_at: Timestamp,
    /// From when it may be fetched.
    pub download_at: Timestamp,
    /// Until when it must stand before it is followed: it goes down, and so did the one shortly before.
    #[serde(default)]
    pub stands_until: Option<Timestamp>,
    /// From when it may be swapped in, once it is staged.
    #[serde(default)]
    pub swap_at: Option<Timestamp>,
    /// When the last swap to it was tried.
    #[serde(default)]
    pub tried_at: Option<Timestamp>,
    /// Why it is not followed.
    #[serde(default)]
    pub refused: Option<Refused>,
    /// When that was found.
    #[serde(default)]
    pub refused_at: Option<Timestamp>,
    /// Of which generation the operator was told that it is refused, and why.
    #[serde(default)]
    pub told: Option<(u64, String)>,
}

/// Why a target is not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The reason's code, kebab-case: `unknown`, `recalled`, `bad-version`, `incompatible`, `not-signed` …
    pub reason: String,
    /// In words.
    pub detail: String,
}

impl Refused {
    /// Whether it may be otherwise a while later, without another order: a registry may not list yet what was
    /// published a moment ago.
    pub(super) fn may_pass(&self) -> bool {
        matches!(&*self.reason, "unknown" | "not-signed")
    }
}

impl Memory {
    /// Takes note of a scope's target, if it is newer than what was heard of that scope.
    pub fn hear(&mut self, scope: Scope, target: Target) -> Heard {
        match self.heard.get(&scope) {
            Some(known) if *known == target => Heard::Known,
            Some(known) if known.generation >= target.generation => Heard::Stale,
            _ => {
                self.heard.insert(scope, target);
                Heard::News
            }
        }
    }

    /// What this device is to have.
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The newest generation that was heard for the scopes of this device.
    pub fn generation(&self) -> Option<u64> {
        self.heard.values().map(|target| target.generation).max()
    }

    /// The target that counts on `device`, and what it wants there.
    ///
    /// The device's own comes before its groups', and those before the global one; of several groups
    /// the last order counts. What wants nothing of this device leaves the word to the next.
    fn counts(&self, device: &Name, groups: &[Name]) -> Option<(Scope, &Target, &Version)> {
        let said = |scope: Scope| {
            let target = self.heard.get(&scope)?;
            let version = target.for_device(device.as_str())?;
            Some((scope, target, version))
        };
        said(Scope::Device(device.clone()))
            .or_else(|| {
                let groups = groups.iter().cloned().map(Scope::Group);
                groups
                    .filter_map(said)
                    .max_by_key(|(_, target, _)| target.generation)
            })
            .or_else(|| said(Scope::Global))
    }

    /// Makes the order that follows from what was heard, where `runs` is what runs now, or would at
    /// the next start. Says whether anything changed.
    pub fn settle(
        &mut self,
        device: &Name,
        groups: &[Name],
        runs: &Version,
        now: Timestamp,
    ) -> bool {
        let before = self.clone();
        let next = self.counts(device, groups).map(|(scope, target, version)| {
            let generation = target.generation;
            let window = target.window();
            let begin = jitter::begin(target.at, now, window);
            let share = part(device.as_str(), generation, Wait::Download, window);
            Order {
                version: version.clone(),
                generation,
                scope,
                jitter: target.jitter,
                heard_at: now,
                download_at: jitter::after(begin, share),
                stands_until: None,
                swap_at: None,
                tried_at: None,
                refused: None,
                refused_at: None,
                told: None,
            }
        });
        match (&mut self.order, next) {
            (order, None) => *order = None,
            (Some(order), Some(next)) if order.version == next.version => {
                if order.generation != next.generation {
                    // Ordered again, most often a ramp that went on: who waits already waits no longer,
                    // and what was refused is looked at anew.
                    order.download_at = order.download_at.min(next.download_at);
                    let window = Duration::from_secs(next.jitter.into());
                    let share = part(device.as_str(), next.generation, Wait::Swap, window);
                    order.swap_at = order.swap_at.map(|at| at.min(jitter::after(now, share)));
                    order.generation = next.generation;
                    order.jitter = next.jitter;
                    order.refused = None;
                }
                order.scope = next.scope;
                if order.asks_again_at().is_some_and(|at| at <= now) {
                    (order.refused, order.refused_at) = (None, None);
                }
                order.clock_was_ahead(device, now);
            }
            (order, Some(mut next)) => {
                if runs.is_newer_than(&next.version) {
                    let flaps = self.last_down.is_some_and(|last| {
                        (SignedDuration::ZERO..STANDS).contains(&now.duration_since(last))
                    });
                    next.stands_until =
                        flaps.then(|| now.checked_add(STANDS).unwrap_or(Timestamp::MAX));
                    self.last_down = Some(now);
                }
                *order = Some(next);
            }
        }
        *self != before
    }

    /// The order's version waits for a swap since `now`.
    pub fn staged(&mut self, device: &Name, now: Timestamp) {
        if let Some(order) = &mut self.order
            && order.swap_at.is_none()
        {
            let window = Duration::from_secs(order.jitter.into());
            let share = part(device.as_str(), order.generation, Wait::Swap, window);
            order.swap_at = Some(jitter::after(now, share));
        }
    }

    /// A swap to the order's version was tried, whatever came of it.
    pub fn tried(&mut self, now: Timestamp) {
        if let Some(order) = &mut self.order {
            order.tried_at = Some(now);
        }
    }

    /// The order of `generation` is not followed.
    pub fn refuse(&mut self, generation: u64, refused: Refused, now: Timestamp) {
        if let Some(order) = &mut self.order
            && order.generation == generation
        {
            order.refused = Some(refused);
            order.refused_at = Some(now);
        }
    }
}

impl Memory {
    /// What is refused and was not told yet.
    pub fn untold_refusal(&self) -> Option<(Version, Refused)> {
        let order = self.order.as_ref()?;
        let refused = order.refused.clone()?;
        let told = order.told.as_ref();
        let is_told = told.is_some_and(|(generation, reason)| {
            *generation == order.generation && *reason == refused.reason
        });
        (!is_told).then(|| (order.version.clone(), refused))
    }

    /// What is refused was told.
    pub fn told_refusal(&mut self) {
        if let Some(order) = &mut self.order {
            let reason = order.refused.as_ref().map(|refused| refused.reason.clone());
            order.told = reason.map(|reason| (order.generation, reason));
        }
    }
}

impl Order {
    /// When what was refused is asked for again; none where that would change nothing.
    pub fn asks_again_at(&self) -> Option<Timestamp> {
        let refused = self.refused.as_ref().filter(|refused| refused.may_pass());
        refused
            .and(self.refused_at)
            .map(|at| at.checked_add(ASKS_AGAIN).unwrap_or(Timestamp::MAX))
    }

    /// A clock that was ahead when something was written down makes nobody wait for longer than the window, whichever
    /// moment it was: none is later than it would be if its wait began now.
    fn clock_was_ahead(&mut self, device: &Name, now: Timestamp) {
        let window = Duration::from_secs(self.jitter.into());
        // The window begins with the order, which came up to a tenth of it before or after it was heard.
        let slack = if self.heard_at > now {
            Duration::ZERO
        } else {
            window / 10 + jitter::lead(window)
        };
        self.heard_at = self.heard_at.min(now);
        let wait = |wait| jitter::after(now, part(device.as_str(), self.generation, wait, window));
        let download_at = jitter::after(wait(Wait::Download), slack);
        self.download_at = self.download_at.min(download_at);
        self.swap_at = self.swap_at.map(|at| at.min(wait(Wait::Swap)));
        let stands = now.checked_add(STANDS).unwrap_or(Timestamp::MAX);
        self.stands_until = self.stands_until.map(|at| at.min(stands));
        self.tried_at = self.tried_at.map(|at| at.min(now));
        self.refused_at = self.refused_at.map(|at| at.min(now));
    }
}

#[cfg(test)]
mod tests;
