//! What a status says of rollouts: who says which version is the newest, and where this device
//! stands.

use jiff::Timestamp;
use rollout::{Blocked, Standing, Terms, Version};
use serde::{Deserialize, Serialize};
use updater::{LastCheck, Mode};

use crate::Config;

/// Why this device does or does not have the newest version, and when it will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// Who says which version is the newest.
    pub mode: Mode,
    /// Whether this device takes the newest without waiting for its turn (`REFIT_EXPERIMENTAL`).
    pub experimental: bool,
    /// The one version that this device is to have.
    pub pinned: Option<Version>,
    /// The version that the manifest names; none where no manifest was ever heard.
    pub version: Option<Version>,
    /// `stage`, `hold` or `none`: what the last check came to.
    pub decision: Option<String>,
    /// Its reason's code.
    pub reason: Option<String>,
    /// Its reason in words.
    pub message: Option<String>,
    /// This device's bucket for `version`, 0..100.
    pub bucket: Option<u8>,
    /// How long it waits after the publication, in seconds.
    pub delay_seconds: Option<u32>,
    /// When its turn is, or was.
    pub eligible_at: Option<Timestamp>,
    /// What devices may have meanwhile.
    pub stable: Option<Version>,
    /// Versions that must no longer run.
    pub recalled: Vec<Version>,
    /// When the manifest was last found to be what the host says.
    pub verified_at: Option<Timestamp>,
    /// From when nothing new is started on its word; only signed ones expire.
    pub expires: Option<Timestamp>,
    /// Whether that time is past.
    pub expired: bool,
    /// Why nothing newer was heard, in words.
    pub trouble: Option<String>,
}

/// Whom `config` follows.
pub(crate) fn mode(config: &Config) -> Mode {
    match (&config.trust, &config.manifest) {
        (Some(_), _) => Mode::Tuf,
        (None, Some(_)) => Mode::Manifest,
        (None, None) => Mode::Registry,
    }
}

/// Why a staged version is not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedVersion {
    /// The reason's code: `recalled`, `held`, `withdrawn`, `expired`, `not-signed`, `unheard` or
    /// `contract`.
    pub reason: String,
    /// In words.
    pub message: String,
}

impl BlockedVersion {
    /// The words for `version`.
    pub(crate) fn of(version: &Version, blocked: &Blocked) -> Self {
        Self {
            reason: blocked.reason().to_owned(),
            message: format!("Version {version} {blocked}."),
        }
    }

    /// Whether a person's restart starts it all the same: nobody who asks is held back by a rollout,
    /// but nobody starts what must not run or what nobody vouches for any more.
    pub fn passes_a_person(&self) -> bool {
        matches!(self.reason.as_str(), "held" | "withdrawn")
    }
}

/// The running version was recalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledRunning {
    /// It.
    pub version: Version,
    /// What that means, in words.
    pub message: String,
}

impl RecalledRunning {
    /// Nothing restarts by itself: the next start leaves `version`, where there is anything to leave
    /// it for.
    pub(crate) fn of(version: &Version, leaves: bool) -> Self {
        let message = if leaves {
            format!("The publisher recalled version {version}. It goes on until the next start.")
        } else {
            format!(
                "Version {version}, which came with the app, was recalled and nothing newer may run yet."
            )
        };
        Self {
            version: version.clone(),
            message,
        }
    }
}

/// What a launch passed over because it must not, or may not yet, run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassedOver {
    /// The version that was passed over.
    pub from: Version,
    /// The version that runs.
    pub to: Version,
    /// The reason's code: `recalled`, `held`, `withdrawn` or `expired`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// Whether no earlier launch passed it over for the same reason.
    pub first_time: bool,
}

/// What a [`Rollout`] is made of.
#[derive(Debug, Clone)]
pub(crate) struct RolloutFacts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) experimental: bool,
    /// The last verified manifest.
    pub(crate) terms: Option<&'a Terms>,
    /// The device's id, where it has one.
    pub(crate) device: Option<&'a str>,
    pub(crate) last_check: Option<&'a LastCheck>,
    pub(crate) trouble: Option<String>,
    /// The corrected time.
    pub(crate) now: Timestamp,
}

impl Rollout {
    /// The picture that follows from `facts`.
    pub(crate) fn of(facts: &RolloutFacts<'_>) -> Self {
        let mode = mode(facts.config);
        let terms = relevant(mode, facts.terms);
        let manifest = terms.map(|terms| &terms.manifest);
        let standing = manifest.map(|manifest| Standing::of(manifest, facts.device));
        let check = facts.last_check;
        Self {
            mode,
            experimental: facts.experimental,
            pinned: facts.config.pin(),
            version: manifest.map(|manifest| manifest.version.clone()),
            decision: check.and_then(|check| check.decision.clone()),
            reason: check.map(|check| check.reason.clone()),
            message: check.map(|check| check.message.clone()),
            bucket: standing.and_then(|standing| standing.bucket),
            delay_seconds: standing.map(|standing| standing.delay_seconds),
            eligible_at: standing.and_then(|standing| standing.eligible_at),
            stable: manifest.and_then(|manifest| manifest.usable_stable().cloned()),
            recalled: manifest.map_or_else(Vec::new, |manifest| manifest.recalled.clone()),
            verified_at: terms.map(|terms| terms.verified_at),
            expires: terms.and_then(|terms| terms.expires),
            expired: terms.is_some_and(|terms| terms.expired(facts.now).is_some()),
            trouble: facts.trouble.clone(),
        }
    }
}

/// The terms that this configuration follows: those of an earlier one are nobody's word any more.
pub(crate) fn relevant(mode: Mode, terms: Option<&Terms>) -> Option<&Terms> {
    terms.filter(|terms| match mode {
        Mode::Registry => false,
        Mode::Manifest => !terms.signed,
        Mode::Tuf => terms.signed,
    })
}

/// The most characters of release notes that a status carries: it is told with every change.
const NOTES: usize = 4_000;

/// What the publisher says of `version`, where the terms are about it.
pub(crate) fn notes(terms: Option<&Terms>, version: &Version) -> Option<String> {
    let manifest = terms.map(|terms| &terms.manifest)?;
    let notes = manifest.notes.as_deref()?.trim();
    if manifest.version != *version || notes.is_empty() {
        return None;
    }
    let mut chars = notes.chars();
    let mut text: String = chars.by_ref().take(NOTES).collect();
    if chars.next().is_some() {
        text.push('…');
    }
    Some(text)
}

#[cfg(test)]
mod tests;
