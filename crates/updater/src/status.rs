//! What the updater tells while it works.

use jiff::Timestamp;
use rollout::rehearsal::Smoke;
use rollout::{Terms, Version};
use serde::{Deserialize, Serialize};

use crate::policy::Mode;
use crate::releases::{ErrorReport, LastCheck};

/// What can be seen from outside at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdaterStatus {
    /// The last check, whatever became of it.
    pub last_check: Option<LastCheck>,
    /// The last time a registry really answered.
    pub checked_at: Option<Timestamp>,
    /// When the loop looks next; nothing where there is no loop.
    pub next_check_at: Option<Timestamp>,
    /// What is being staged.
    pub progress: Option<Progress>,
    /// What the publisher last said, where anybody is followed at all.
    #[serde(default)]
    pub terms: Option<TermsView>,
}

/// Who is followed and what was last heard there, as a page shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TermsView {
    /// Who is followed.
    pub mode: Mode,
    /// When the manifest was last found to be what its host says; nothing where there is none.
    pub verified_at: Option<Timestamp>,
    /// From when nothing new is staged on its word; nothing where it does not expire.
    pub expires: Option<Timestamp>,
    /// The newest version that it names.
    pub version: Option<Version>,
    /// What devices may have that may not have the newest.
    pub stable: Option<Version>,
    /// Versions that must no longer run.
    pub recalled: Vec<Version>,
    /// What the publisher says of the newest: plain text.
    pub notes: Option<String>,
    /// Why the last question was not answered with a manifest, in words.
    pub trouble: Option<String>,
}

impl TermsView {
    pub(crate) fn new(mode: Mode, terms: Option<&Terms>, trouble: Option<String>) -> Self {
        let Some(terms) = terms else {
            return Self {
                mode,
                trouble,
                ..Self::default()
            };
        };
        let manifest = &terms.manifest;
        Self {
            mode,
            verified_at: Some(terms.verified_at),
            expires: terms.expires,
            version: Some(manifest.version.clone()),
            stable: manifest.stable.clone(),
            recalled: manifest.recalled.clone(),
            notes: manifest.notes.clone(),
            trouble,
        }
    }
}

/// How far staging is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The version being staged.
    pub version: Version,
    /// What is being done.
    pub phase: Phase,
    /// Packed bytes so far.
    pub bytes: u64,
    /// Packed bytes in all, where announced.
    pub total: Option<u64>,
}

/// The steps of staging that take time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Bytes come, and are unpacked as they do.
    Downloading,
    /// Everything came; it is being checked, completed and synced.
    Verifying,
    /// It is started out of sight, and looked at.
    Rehearsing,
    /// It gets its name and the pointer.
    Staging,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateEvent {
    /// A check is over.
    Checked(Box<LastCheck>),
    /// A version waits for a restart.
    Staged {
        /// That version.
        version: Version,
    },
    /// A rehearsal was held, or was not.
    Rehearsed {
        /// Of which version.
        version: Version,
        /// What came of it.
        outcome: RehearsalOutcome,
    },
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RehearsalOutcome {
    /// It passed, with these numbers: it waits for a restart.
    Passed(Smoke),
    /// It failed, and this was seen. It gets another one.
    Failed(String),
    /// None was held, for this reason: it waits for a restart all the same.
    Skipped(String),
    /// It failed for good, with this: it is bad.
    Bad(String),
    /// It failed, and so does everything here, or the machine did: it is tried again later.
    Inconclusive(String),
}

/// What became of a wish to stage. Refusals are outcomes, not errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The next launch tries it.
    Staged,
    /// There is nothing newer.
    UpToDate,
    /// It was staged before and waits for a restart.
    AlreadyStaged,
    /// It failed here before.
    BadVersion,
    /// It is newer, but not yet for this device.
    Held,
    /// This host does not satisfy its `engines`.
    Incompatible,
}

/// The answer to a wish to stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageReport {
    /// What became of it.
    pub outcome: Outcome,
    /// The version it was about.
    pub version: Option<Version>,
    /// The reason's code.
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// Why the publisher's word is not fresh: what was heard before counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<ErrorReport>,
}

/// The answer to a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// When it was over.
    pub at: Timestamp,
    /// `stage`, `hold` or `none`.
    pub decision: &'static str,
    /// The version it is about.
    pub version: Option<Version>,
    /// The reason's code.
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// What became of staging, where the decision was to stage.
    pub staged: Option<StageReport>,
    /// The device's bucket of the newest version, 0 to 99; nothing without a manifest or an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<u8>,
    /// How long this device waits after the publication, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_seconds: Option<u32>,
    /// When its turn is, or was; nothing where that is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible_at: Option<Timestamp>,
    /// Whether a manifest decided, and not the registry's tag.
    #[serde(default)]
    pub from_manifest: bool,
    /// Whether this device was let past its turn: by a person, a switch or the publisher.
    #[serde(default)]
    pub bypassed: bool,
    /// Why the publisher's word is not fresh: what was heard before counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<ErrorReport>,
}

impl CheckReport {
    /// Whether a person's check, which waits for no turn, would find more.
    pub(crate) fn is_gated(&self) -> bool {
        match &*self.reason {
            "held" => self.from_manifest && !self.bypassed,
            "withdrawn" | "refused-before" | "contract" => true,
            _ => false,
        }
    }

    /// Whether its version waits for a restart without this very check having staged it; `joined`
    /// says that it was another's.
    pub(crate) fn waits(&self, joined: bool) -> bool {
        let outcome = self.staged.as_ref().map(|staged| staged.outcome);
        self.reason == "already-staged" || (joined && outcome == Some(Outcome::Staged))
    }
}
