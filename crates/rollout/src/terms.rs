//! The last verified manifest, as a device keeps it, and what it says about a version that waits.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Manifest, Standing, Version};

/// What a publisher last said, verified, with where and when it was heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// What was said.
    pub manifest: Manifest,
    /// Where: a URL without credentials.
    pub source: String,
    /// What to ask for news with, where the host gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was last found to be what the host says.
    pub verified_at: Timestamp,
    /// Whether it was signed.
    #[serde(default)]
    pub signed: bool,
    /// From when nothing new may be activated on its word. Only signed terms expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The latest signed time that was seen with it or before it: a right clock is not before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
}

/// A staged version that no launch has tried.
#[derive(Debug, Clone, Copy)]
pub struct Waiting<'a> {
    /// Its version.
    pub version: &'a Version,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// Whether it was staged without anybody asking for it, so that the rollout gate counts.
    pub gated: bool,
}

/// Who is about to launch it.
#[derive(Debug, Clone, Copy)]
pub struct Launcher<'a> {
    /// The device's id, where it has one.
    pub device: Option<&'a str>,
    /// The corrected time.
    pub now: Timestamp,
    /// Whether a person starts just this one: then no rollout counts.
    pub by_person: bool,
    /// Whether this device does not wait for its turn (`REFIT_EXPERIMENTAL`). What was halted is
    /// nobody's turn, and so not for it either.
    pub experimental: bool,
}

/// Why a staged version is not launched for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Blocked {
    /// It must no longer run.
    Recalled,
    /// It is not this device's turn any more: the plan changed.
    Held {
        /// When it is.
        eligible_at: Option<Timestamp>,
    },
    /// The manifest names an older version now: the rollout was halted.
    Withdrawn,
    /// What allowed it has expired, and nothing newer was heard.
    Expired {
        /// Since then.
        since: Timestamp,
    },
    /// Only signed versions are believed, and none that is signed has these bytes, as far as known.
    NotSigned,
    /// Only signed versions are believed, and what their publisher last said is not known here.
    Unheard,
}

impl Blocked {
    /// The reason's code, kebab-case.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Recalled => "recalled",
            Self::Held { .. } => "held",
            Self::Withdrawn => "withdrawn",
            Self::Expired { .. } => "expired",
            Self::NotSigned => "not-signed",
            Self::Unheard => "unheard",
        }
    }
}

impl fmt::Display for Blocked {
    /// In words, to follow the version.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recalled => f.write_str("was recalled by its publisher"),
            Self::Held { .. } => {
                f.write_str("is being rolled out and it is not this device's turn")
            }
            Self::Withdrawn => f.write_str("is no longer being rolled out"),
            Self::Expired { since } => write!(
                f,
                "was allowed by a signed manifest that expired at {since}, and no newer one was heard"
            ),
            Self::NotSigned => f.write_str(
                "was staged before this app believed signed versions only, or from elsewhere, and nobody vouches for it",
            ),
            Self::Unheard => f.write_str(
                "waits until its publisher is heard again: what was last said is not kept here",
            ),
        }
    }
}

impl Terms {
    /// The time to judge by: never before `built`, this build's own, or the last signed time seen.
    pub fn corrected(terms: Option<&Self>, clock: Timestamp, built: Timestamp) -> Timestamp {
        let floor = terms.and_then(|terms| terms.floor);
        crate::clock::corrected(clock, [built].into_iter().chain(floor))
    }

    /// Whether they have expired at the corrected time `now`.
    pub fn expired(&self, now: Timestamp) -> Option<Timestamp> {
        self.expires.filter(|expires| *expires <= now)
    }

    /// Whether a version that waits may be launched for the first time.
    ///
    /// A turn that had come when it was staged stays: a clock that goes backwards takes nothing
    /// away. That something newer was published meanwhile is no reason not to.
    pub fn judge(&self, waiting: &Waiting<'_>, by: &Launcher<'_>) -> Result<(), Blocked> {
        let manifest = &self.manifest;
        if manifest.recalls(waiting.version) {
            return Err(Blocked::Recalled);
        }
        if let Some(since) = self.expired(by.now) {
            return Err(Blocked::Expired { since });
        }
        let named = [Some(&manifest.version), manifest.usable_stable()];
        if !waiting.gated || by.by_person || manifest.version.is_newer_than(waiting.version) {
            return Ok(());
        }
        if !named.contains(&Some(waiting.version)) {
            return Err(Blocked::Withdrawn);
        }
        if manifest.version != *waiting.version || manifest.critical || by.experimental {
            return Ok(());
        }
        let standing = Standing::of(manifest, by.device);
        if standing.admits(by.now.max(waiting.staged_at)) {
            Ok(())
        } else {
            Err(Blocked::Held {
                eligible_at: standing.eligible_at,
            })
        }
    }
}

#[cfg(test)]
mod tests;
