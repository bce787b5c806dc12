//! What came of a restart that somebody asked for.

use rollout::Version;
use serde::{Deserialize, Serialize};

/// Which version serves after it, and why that one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// What came of it.
    pub outcome: AppliedOutcome,
    /// The version that serves now.
    pub version: Option<Version>,
    /// In words.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppliedOutcome {
    /// The version that waited serves now, or what takes the place of a recalled one.
    Applied,
    /// It did not become ready; another one serves.
    FellBack,
    /// What was rolled back to serves now.
    RolledBack,
    /// The version was fetched again, and waits for a restart.
    Staged,
    /// There was nothing to do.
    Nothing,
}
