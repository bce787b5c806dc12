//! The decision: stage, hold or nothing to do, each with its reason.

use std::fmt;

use serde::Serialize;

use crate::{BadEntry, BadReason, Candidate, Host, Integrity, Unsuitable, Version};

/// Everything a decision may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What the source offers as newest, if it offers anything.
    pub latest: Option<&'a Candidate>,
    /// The version inside the installer.
    pub bundled: &'a Version,
    /// The version that runs now, where one does.
    pub running: Option<&'a Version>,
    /// What the pointer names, where it names a stored version.
    pub staged: Option<(&'a Version, &'a Integrity)>,
    /// Versions that failed here.
    pub bad: &'a [BadEntry],
    /// What `engines` are judged against.
    pub host: &'a Host,
}

/// What to do about the newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Fetch and stage it.
    Stage(Version, StageReason),
    /// It is newer, but not for this device.
    Hold(Version, HoldReason),
    /// There is nothing newer to do anything about.
    None(Option<Version>, NoneReason),
}

/// Why a version may be staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageReason {
    /// No manifest limits it: the registry's newest is for everyone.
    NoManifest,
}

/// Why a newer version is not for this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// It is on the bad list, for this reason.
    BadVersion(BadReason),
    /// This host does not satisfy its `engines`.
    Incompatible(Unsuitable),
}

/// Why there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoneReason {
    /// The source names no newest version.
    NoLatest,
    /// The newest is at or below what runs, or what is bundled.
    NotNewer,
    /// The newest is staged and waits for a restart.
    AlreadyStaged,
}

/// Decides about the newest version.
///
/// The order of the gates is the order in which a person would want to hear of them: what is not
/// newer needs no other reason, what is staged already is no longer in question, a version that
/// failed here is bad whatever it needs, and only then do its needs count.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let Some(latest) = facts.latest else {
        return Decision::None(None, NoneReason::NoLatest);
    };
    let version = latest.version.clone();
    let bad = facts
        .bad
        .iter()
        .find(|entry| entry.is_about(&version, &latest.integrity));
    let staged = facts.staged == Some((&version, &latest.integrity));
    let running = facts
        .running
        .filter(|running| running.is_newer_than(facts.bundled));
    let newer = version.is_newer_than(running.unwrap_or(facts.bundled));
    let behind_staged = facts
        .staged
        .is_some_and(|(staged, _)| staged.is_newer_than(&version));

    if !newer {
        Decision::None(Some(version), NoneReason::NotNewer)
    } else if let Some(bad) = bad {
        Decision::Hold(version, HoldReason::BadVersion(bad.reason.clone()))
    } else if staged {
        Decision::None(Some(version), NoneReason::AlreadyStaged)
    } else if behind_staged {
        // An older answer never replaces a newer one.
        Decision::None(Some(version), NoneReason::NotNewer)
    } else if let Err(unsuitable) = latest.engines.suit(facts.host) {
        Decision::Hold(version, HoldReason::Incompatible(unsuitable))
    } else {
        Decision::Stage(version, StageReason::NoManifest)
    }
}

impl Decision {
    /// `stage`, `hold` or `none`, as the command line prints it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Stage(..) => "stage",
            Self::Hold(..) => "hold",
            Self::None(..) => "none",
        }
    }

    /// The version it is about, where there is one.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Stage(version, _) | Self::Hold(version, _) => Some(version),
            Self::None(version, _) => version.as_ref(),
        }
    }

    /// The reason's code, kebab-case.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Stage(_, StageReason::NoManifest) => "no-manifest",
            Self::Hold(_, HoldReason::BadVersion(_)) => "bad-version",
            Self::Hold(_, HoldReason::Incompatible(_)) => "incompatible",
            Self::None(_, NoneReason::NoLatest) => "no-latest",
            Self::None(_, NoneReason::NotNewer) => "not-newer",
            Self::None(_, NoneReason::AlreadyStaged) => "already-staged",
        }
    }
}

impl fmt::Display for Decision {
    /// The reason in words, for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(version, _) => write!(f, "Version {version} is newer"),
            Self::Hold(version, HoldReason::BadVersion(BadReason::RolledBack)) => {
                write!(
                    f,
                    "You went back from version {version}, so it is not offered again"
                )
            }
            Self::Hold(version, HoldReason::BadVersion(_)) => {
                write!(
                    f,
                    "Version {version} failed here before and is not offered again"
                )
            }
            Self::Hold(version, HoldReason::Incompatible(unsuitable)) => {
                write!(f, "Version {version} {unsuitable}")
            }
            Self::None(_, NoneReason::NoLatest) => f.write_str("The registry names no version"),
            Self::None(Some(version), NoneReason::NotNewer) => {
                write!(f, "Up to date: the newest is {version}")
            }
            Self::None(Some(version), NoneReason::AlreadyStaged) => {
                write!(f, "Version {version} is ready and waits for a restart")
            }
            Self::None(None, _) => f.write_str("Up to date"),
        }
    }
}

#[cfg(test)]
mod tests;
