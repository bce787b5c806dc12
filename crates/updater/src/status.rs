//! What the updater tells while it works.

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};

use crate::releases::LastCheck;

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
    /// It gets its name and the pointer.
    Staging,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateEvent {
    /// A check is over.
    Checked(LastCheck),
    /// A version waits for a restart.
    Staged {
        /// That version.
        version: Version,
    },
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
}

/// The answer to a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}
