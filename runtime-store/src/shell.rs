//! What a shell tells the store about itself.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::contract::Offers;
use rollout::{Host, Version};

use crate::NotBefore;

/// The runtime inside the installer. Never touched, deleted or marked bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Its folder.
    pub dir: PathBuf,
    /// Its version; the shell's own where it names none that is semver.
    pub version: Version,
    /// `<dir>/<entry>`, absolute.
    pub entry: PathBuf,
}

/// What this shell is and wants; facts and settings that every launch decision needs.
#[derive(Debug, Clone)]
pub struct Shell {
    /// What it brought along.
    pub bundled: Bundled,
    /// What `engines` are judged against.
    pub host: Host,
    /// What the contract of a runtime is held against.
    pub offers: Offers,
    /// Attempts that a newly staged version has (`attempts`, default 2).
    pub attempts: u32,
    /// False under `REFIT_NO_AUTO_UPDATE`: a launch nobody asked for then passes over trials.
    pub launch_trials: bool,
    /// What is not to be tried yet.
    pub not_before: NotBefore,
    /// True under `REFIT_EXPERIMENTAL`: a rollout's turns are not waited for.
    pub experimental: bool,
    /// When this shell was built: a clock that is behind it is wrong.
    pub built_at: Timestamp,
    /// Only what a signed repository vouches for is launched for the first time.
    pub signed_only: bool,
    /// Whose terms count, by the name under which they are kept ([`rollout::Terms::source`]);
    /// nobody's where there is none.
    pub source: Option<String>,
}

/// Who wants a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The app, starting by itself.
    Passively,
    /// A person: "Restart to apply".
    ByPerson,
}
