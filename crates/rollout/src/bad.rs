//! Versions that failed here, by (version, integrity).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Integrity, Version};

/// One entry of the bad list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadEntry {
    /// The version that failed.
    pub version: Version,
    /// Its content: published again with other content, a version is not bad.
    pub integrity: Integrity,
    /// What it did.
    pub reason: BadReason,
    /// What was seen, for a person: an exit code, the last lines of output.
    #[serde(default)]
    pub detail: String,
    /// When it was listed.
    pub at: Timestamp,
}

/// Why a version is on the bad list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BadReason {
    /// It exited before it was ready.
    ExitedBeforeReady,
    /// It was not ready in time, in every attempt it had.
    NotReadyInTime,
    /// Its launches ended without a word (the machine or the shell died), in every attempt.
    NoVerdict,
    /// It became ready and then crashed three times within its soak.
    CrashLoop,
    /// A person rolled back from it.
    RolledBack,
    /// It failed out of sight, before anybody was to start it, where the bundled runtime passed.
    Rehearsal,
    /// A reason that a newer shell wrote.
    #[serde(untagged)]
    Other(String),
}

impl BadEntry {
    /// Whether this entry is about exactly that content.
    pub fn is_about(&self, version: &Version, integrity: &Integrity) -> bool {
        self.version == *version && self.integrity == *integrity
    }
}

impl fmt::Display for BadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ExitedBeforeReady => "exited-before-ready",
            Self::NotReadyInTime => "not-ready-in-time",
            Self::NoVerdict => "no-verdict",
            Self::CrashLoop => "crash-loop",
            Self::RolledBack => "rolled-back",
            Self::Rehearsal => "rehearsal",
            Self::Other(text) => text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_about_one_content_only() {
        let entry = BadEntry {
            version: "1.2.0".parse().unwrap(),
            integrity: Integrity::from_digest([1; 64]),
            reason: BadReason::CrashLoop,
            detail: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        assert!(entry.is_about(&"1.2.0".parse().unwrap(), &Integrity::from_digest([1; 64])));
        assert!(!entry.is_about(&"1.2.0".parse().unwrap(), &Integrity::from_digest([2; 64])));
        assert!(!entry.is_about(&"1.2.1".parse().unwrap(), &Integrity::from_digest([1; 64])));
    }

    #[test]
    fn reasons_are_kebab_case_and_unknown_ones_survive() {
        for text in [
            "exited-before-ready",
            "not-ready-in-time",
            "no-verdict",
            "crash-loop",
            "rolled-back",
            "rehearsal",
        ] {
            let json = format!("\"{text}\"");
            let reason: BadReason = serde_json::from_str(&json).unwrap();
            assert_eq!(reason.to_string(), text);
            assert_eq!(serde_json::to_string(&reason).unwrap(), json);
        }
    }
}
