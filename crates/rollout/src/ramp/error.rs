//! Why a change of a rollout is not made.

use crate::{Share, Version};

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RampError {
    /// What must no longer run is not rolled out.
    #[error("version {0} is recalled")]
    Recalled(Version),
    /// Devices do not go back for a rollout.
    #[error("version {version} is not newer than {present}, which is the newest now")]
    NotNewer {
        /// The version to be started.
        version: Box<Version>,
        /// The newest now.
        present: Box<Version>,
    },
    /// What the others may have is no step back from.
    #[error("version {stable} is not older than {version}")]
    NotOlder {
        /// The version to be started.
        version: Box<Version>,
        /// What the others were to have.
        stable: Box<Version>,
    },
    /// It has been started before, otherwise.
    #[error("version {0} is being rolled out already")]
    Started(Version),
    /// It has been started before, with just this plan.
    #[error("version {0} is being rolled out by this plan already")]
    StartedAlready(Version),
    /// Something has to be resumed or started first.
    #[error("version {0} is halted")]
    IsHalted(Version),
    /// It was halted before.
    #[error("version {0} is halted already")]
    HaltedAlready(Version),
    /// Devices whose version is recalled go to it, and there is nothing else for them.
    #[error("version {0} is everyone's, and no older one is known that could be put back")]
    TheOnlyOne(Version),
    /// There is nothing to resume.
    #[error("no rollout is halted")]
    NotHalted,
    /// They may have it already.
    #[error("{share} may have version {version} already")]
    Admitted {
        /// Who.
        share: Share,
        /// What.
        version: Version,
    },
    /// A version cannot take its own place.
    #[error("version {0} cannot take its own place")]
    Itself(Version),
    /// What devices go back to has to be everyone's.
    #[error("version {0} is not for everyone yet")]
    NotOut(Version),
    /// It is recalled, with just this in its place.
    #[error("version {0} is recalled already")]
    RecalledAlready(Version),
    /// It was not recalled.
    #[error("version {0} is not recalled")]
    NotRecalled(Version),
}

impl RampError {
    /// Whether what was wanted is so already.
    pub fn is_nothing_to_do(&self) -> bool {
        matches!(
            self,
            Self::Admitted { .. }
                | Self::StartedAlready(_)
                | Self::HaltedAlready(_)
                | Self::RecalledAlready(_)
                | Self::NotRecalled(_)
        )
    }

    /// A stable, kebab-case code.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Recalled(_) => "recalled",
            Self::NotNewer { .. } => "not-newer",
            Self::NotOlder { .. } => "not-older",
            Self::Started(_) => "started",
            Self::IsHalted(_) => "halted",
            Self::NotHalted => "not-halted",
            Self::TheOnlyOne(_) => "the-only-one",
            Self::Itself(_) | Self::NotOut(_) => "not-out",
            Self::Admitted { .. }
            | Self::StartedAlready(_)
            | Self::HaltedAlready(_)
            | Self::RecalledAlready(_)
            | Self::NotRecalled(_) => "nothing",
        }
    }

    /// The next step.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Recalled(_) => {
                "Publish the repaired content under a new version, or take the recall back with `recall V --undo`."
            }
            Self::NotNewer { .. } => {
                "Devices never go back for a rollout: publish it under a higher version, or `halt` or `recall` the newest."
            }
            Self::NotOlder { .. } => "Name an older version behind --stable, or leave it out.",
            Self::Started(_) => {
                "`promote` lets in more of the fleet; `--again` starts it over, from its first batch."
            }
            Self::IsHalted(_) => "`resume` it, or `start` a version.",
            Self::NotHalted => "See `refit rollout status`.",
            Self::Itself(_) => "Name another version behind --to.",
            Self::NotOut(_) => {
                "Name a version behind --to that was everyone's and was not halted; another is rolled out with `start`."
            }
            Self::TheOnlyOne(_) => {
                "Take it back with `recall V --to W`, or `start` a higher version."
            }
            Self::Admitted { .. }
            | Self::StartedAlready(_)
            | Self::HaltedAlready(_)
            | Self::RecalledAlready(_)
            | Self::NotRecalled(_) => "There is nothing to do.",
        }
    }
}
