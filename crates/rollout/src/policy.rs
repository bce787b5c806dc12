//! The decision: stage, hold or nothing to do, each with its reason.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{BadEntry, BadReason, Candidate, Host, Integrity, Offer, Unsuitable, Version};

/// Everything a decision may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What this device may have now.
    pub offer: &'a Offer,
    /// What the source has of it: of the offered version, or, without a manifest, of the newest.
    pub candidate: Option<&'a Candidate>,
    /// The version inside the installer.
    pub bundled: &'a Version,
    /// The version that runs now, where one does.
    pub running: Option<&'a Version>,
    /// What the pointer names, where it names a stored version.
    pub staged: Option<(&'a Version, &'a Integrity)>,
    /// Whether what the pointer names may not be launched now: then it is in nobody's way.
    pub staged_blocked: bool,
    /// Versions that failed here.
    pub bad: &'a [BadEntry],
    /// Versions that must no longer run.
    pub recalled: &'a [Version],
    /// What `engines` are judged against.
    pub host: &'a Host,
    /// How old the offered version must be, where an administrator wants that of whoever asks.
    pub minimum_age: Option<MinimumAge>,
}

/// How old a version must be, and what is known of its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinimumAge {
    /// How old.
    pub least: Duration,
    /// When it was published, where its publisher says so; else when this device first saw it. None
    /// where it sees it now.
    pub since: Option<Timestamp>,
    /// The corrected time.
    pub now: Timestamp,
}

impl MinimumAge {
    /// When it is old enough, if it is not yet. A time too far away to be written down is the last
    /// that can be.
    pub fn until(&self) -> Option<Timestamp> {
        let since = self.since.unwrap_or(self.now);
        let until = SignedDuration::try_from(self.least)
            .and_then(|least| since.checked_add(least))
            .unwrap_or(Timestamp::MAX);
        (until > self.now).then_some(until)
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageReason {
    /// No manifest limits it: the registry's newest is for everyone.
    NoManifest,
    /// Its turn has come, or a person asked.
    Eligible,
    /// `REFIT_EXPERIMENTAL`: this device does not wait for its turn.
    Experimental,
    /// Its publisher wants everyone to have it at once.
    Critical,
    /// This device is to have just this version.
    Pinned,
    /// The newest is withheld; this is what the device may have meanwhile.
    Instead {
        /// The newest.
        newest: Version,
        /// Why this device may not have it.
        withheld: Withheld,
    },
}

/// Why the newest version is not for this device, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withheld {
    /// Its turn has not come.
    Held {
        /// When it does.
        eligible_at: Option<Timestamp>,
    },
    /// It must no longer run.
    Recalled,
    /// This device is to have another version.
    Pinned {
        /// That one.
        to: Version,
    },
}

/// Why a newer version is not for this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldReason {
    /// It is on the bad list, for this reason.
    BadVersion(BadReason),
    /// This host does not satisfy its `engines`.
    Incompatible(Unsuitable),
    /// Its turn has not come.
    Held {
        /// When it does.
        eligible_at: Option<Timestamp>,
    },
    /// It must no longer run.
    Recalled,
    /// This device is to have another version.
    Pinned {
        /// That one.
        to: Version,
    },
    /// An administrator wants releases to be older.
    MinimumAge {
        /// When it is old enough.
        until: Timestamp,
    },
}

impl From<Withheld> for HoldReason {
    fn from(withheld: Withheld) -> Self {
        match withheld {
            Withheld::Held { eligible_at } => Self::Held { eligible_at },
            Withheld::Recalled => Self::Recalled,
            Withheld::Pinned { to } => Self::Pinned { to },
        }
    }
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
    /// This device is to have a version that is not newer than what it has.
    Pinned,
}

/// Decides about the offered version.
///
/// The order of the gates is the order in which a person would want to hear of them: what is not
/// newer needs no other reason, what is staged already is no longer in question, a version that
/// failed here is bad however old it is, one that is too young may be mended before its time comes,
/// and only then do its needs count. Where there is nothing to
/// do about what is offered, the reason is the one for which something newer is withheld.
pub fn decide(facts: &Facts<'_>) -> Decision {
    let offered = facts
        .offer
        .version()
        .or(facts.candidate.map(|it| &it.version));
    let Some(version) = offered else {
        return nothing(facts, None, NoneReason::NoLatest);
    };
    if !version.is_newer_than(facts.baseline()) {
        return nothing(facts, Some(version), NoneReason::NotNewer);
    }
    let Some(candidate) = facts.candidate.filter(|it| it.version == *version) else {
        // What has this name is staged already, or the source does not have it.
        let reason = match facts.staged {
            Some((staged, _)) if staged == version => NoneReason::AlreadyStaged,
            Some(_) if facts.is_behind_staged(version) => NoneReason::NotNewer,
            _ => match facts.too_young() {
                // The source was not asked: see `worth_asking`.
                Some(until) => {
                    return Decision::Hold(version.clone(), HoldReason::MinimumAge { until });
                }
                None => NoneReason::NoLatest,
            },
        };
        return nothing(facts, Some(version), reason);
    };
    let bad = facts
        .bad
        .iter()
        .find(|entry| entry.is_about(version, &candidate.integrity));
    if let Some(bad) = bad {
        Decision::Hold(version.clone(), HoldReason::BadVersion(bad.reason.clone()))
    } else if facts.staged == Some((version, &candidate.integrity)) {
        nothing(facts, Some(version), NoneReason::AlreadyStaged)
    } else if facts.is_behind_staged(version) {
        // An older answer never replaces a newer one.
        nothing(facts, Some(version), NoneReason::NotNewer)
    } else if let Some(until) = facts.too_young() {
        Decision::Hold(version.clone(), HoldReason::MinimumAge { until })
    } else if let Err(unsuitable) = candidate.engines.suit(facts.host) {
        Decision::Hold(version.clone(), HoldReason::Incompatible(unsuitable))
    } else {
        let reason = match facts.offer {
            Offer::Take { reason, .. } | Offer::Unlimited(reason) => reason.clone(),
            Offer::Nothing { .. } => StageReason::NoManifest,
        };
        Decision::Stage(version.clone(), reason)
    }
}

/// The version that the source has to be asked about before [`decide`] can decide: none where the
/// answer would change nothing.
pub fn worth_asking<'a>(facts: &Facts<'a>) -> Option<&'a Version> {
    facts.offer.version().filter(|version| {
        version.is_newer_than(facts.baseline())
            && !facts.is_behind_staged(version)
            && facts.staged.is_none_or(|(staged, _)| staged != *version)
            && facts.too_young().is_none()
    })
}

/// Nothing to do about `version`: for the reason that something newer is withheld, where it is.
fn nothing(facts: &Facts<'_>, version: Option<&Version>, reason: NoneReason) -> Decision {
    let withheld = facts.offer.withheld();
    if let Some((newest, why)) = withheld
        && newest.is_newer_than(facts.baseline())
    {
        let waits = facts.staged.is_some_and(|(staged, _)| staged == newest);
        // What a person staged waits for a restart, whenever this device's turn is.
        return if waits && why != HoldReason::Recalled {
            Decision::None(Some(newest.clone()), NoneReason::AlreadyStaged)
        } else {
            Decision::Hold(newest.clone(), why)
        };
    }
    let newest = facts.offer.withheld().map(|(newest, _)| newest).cloned();
    let reason = match (facts.offer, reason) {
        (
            Offer::Take {
                reason: StageReason::Pinned,
                ..
            }
            | Offer::Unlimited(StageReason::Pinned),
            NoneReason::NotNewer,
        ) => NoneReason::Pinned,
        (Offer::Nothing { .. }, NoneReason::NoLatest) => NoneReason::NotNewer,
        (_, reason) => reason,
    };
    Decision::None(newest.or_else(|| version.cloned()), reason)
}

impl<'a> Facts<'a> {
    /// What something newer has to be newer than. A recalled version is not: what it may be
    /// replaced with can be older.
    fn baseline(&self) -> &'a Version {
        self.running
            .filter(|running| running.is_newer_than(self.bundled) && !self.is_recalled(running))
            .unwrap_or(self.bundled)
    }

    fn too_young(&self) -> Option<Timestamp> {
        self.minimum_age.and_then(|age| age.until())
    }

    fn is_recalled(&self, version: &Version) -> bool {
        self.recalled.contains(version)
    }

    fn is_behind_staged(&self, version: &Version) -> bool {
        !self.staged_blocked
            && self.staged.is_some_and(|(staged, _)| {
                staged.is_newer_than(version) && !self.is_recalled(staged)
            })
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
            Self::Stage(_, reason) => match reason {
                StageReason::NoManifest => "no-manifest",
                StageReason::Eligible => "eligible",
                StageReason::Experimental => "experimental",
                StageReason::Critical => "critical",
                StageReason::Pinned => "pinned",
                StageReason::Instead { withheld, .. } => match withheld {
                    Withheld::Held { .. } => "held",
                    Withheld::Recalled => "recalled",
                    Withheld::Pinned { .. } => "pinned",
                },
            },
            Self::Hold(_, reason) => match reason {
                HoldReason::BadVersion(_) => "bad-version",
                HoldReason::Incompatible(_) => "incompatible",
                HoldReason::Held { .. } => "held",
                HoldReason::Recalled => "recalled",
                HoldReason::Pinned { .. } => "pinned",
                HoldReason::MinimumAge { .. } => "minimum-age",
            },
            Self::None(_, NoneReason::Pinned) => "pinned",
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
            Self::Stage(version, StageReason::Instead { newest, withheld }) => match withheld {
                Withheld::Held { .. } => write!(
                    f,
                    "Version {version} is newer; {newest} is being rolled out and comes later"
                ),
                Withheld::Recalled => write!(
                    f,
                    "Version {version} takes the place of {newest}, which was recalled"
                ),
                Withheld::Pinned { .. } => {
                    write!(f, "This app is to have version {version}, not {newest}")
                }
            },
            Self::Stage(version, StageReason::Pinned) => {
                write!(f, "This app is to have version {version}")
            }
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
            Self::Hold(version, HoldReason::Held { eligible_at }) => {
                write!(f, "Version {version} is being rolled out")?;
                eligible_at.map_or(Ok(()), |at| write!(f, "; this device's turn is at {at}"))
            }
            Self::Hold(version, HoldReason::Recalled) => {
                write!(f, "Version {version} was recalled by its publisher")
            }
            Self::Hold(version, HoldReason::MinimumAge { until }) => {
                write!(
                    f,
                    "Version {version} is newer; your administrator lets it in at {until}"
                )
            }
            Self::Hold(version, HoldReason::Pinned { to }) => {
                write!(
                    f,
                    "Version {version} is newer, but this app is to have {to}"
                )
            }
            Self::None(Some(version), NoneReason::Pinned) => {
                write!(
                    f,
                    "This app is to have version {version}, which is not newer"
                )
            }
            Self::None(Some(version), NoneReason::NoLatest) => {
                write!(
                    f,
                    "Version {version} is the newest, and its source does not have it"
                )
            }
            Self::None(None, NoneReason::NoLatest) => f.write_str("The registry names no version"),
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
