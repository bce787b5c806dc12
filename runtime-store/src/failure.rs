//! A choice of a launch that failed, and how.

use jiff::Timestamp;
use rollout::{BadEntry, BadReason, Integrity, Version};
use serde::Serialize;

use crate::choose::Source;

/// One choice of this launch that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its version.
    pub version: Version,
    /// Its content; none for bundled.
    pub integrity: Option<Integrity>,
    /// Where it came from.
    pub source: Source,
    /// Whether it was on trial.
    pub trial: bool,
    /// Whether an attempt was taken for it.
    pub taken: bool,
    /// What it did.
    pub how: How,
    /// Exit code, last lines of output.
    pub detail: String,
}

/// How a choice failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Exited by itself before it was ready: condemns at once.
    Exited,
    /// Not ready in time: condemns when no attempts are left.
    TimedOut,
    /// As above, for a kill that was not ours.
    Killed,
    /// Earlier launches ended without a word.
    NoVerdict,
    /// Three crashes in its soak.
    CrashLoop,
    /// No disk space, no free port, a missing interpreter: never condemns.
    Environment,
}

impl How {
    /// What the bad list says of it; `Environment` never gets there.
    pub(crate) fn reason(self) -> BadReason {
        match self {
            Self::Exited => BadReason::ExitedBeforeReady,
            Self::TimedOut | Self::Killed | Self::Environment => BadReason::NotReadyInTime,
            Self::NoVerdict => BadReason::NoVerdict,
            Self::CrashLoop => BadReason::CrashLoop,
        }
    }
}

impl Failure {
    /// Whether it is about exactly that stored content.
    pub fn is_about(&self, version: &Version, integrity: &Integrity) -> bool {
        self.version == *version && self.integrity.as_ref() == Some(integrity)
    }

    /// The bad-list entry for it; none for bundled, which is never bad.
    pub(crate) fn listed(&self, reason: BadReason, now: Timestamp) -> Option<BadEntry> {
        Some(BadEntry {
            version: self.version.clone(),
            integrity: self.integrity.clone()?,
            reason,
            detail: self.detail.clone(),
            at: now,
        })
    }
}
