//! What can go wrong between here and a staged version, each with its next step.

mod registry;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollout::Version;
use runtime_store::{CarryError, StageError, StoreError, UnpackError};
use trust::TrustError;

pub use registry::RegistryError;

/// Why a check or a stage came to no result. Cheap to clone: everyone who joined a check gets it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpdateError {
    /// The registry's side.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The host of the manifest, or of what is signed.
    #[error(transparent)]
    Host(RegistryError),
    /// What the host has is no manifest of this package.
    #[error("{url} cannot be used: {why}")]
    Manifest {
        /// The address, or the target's name.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A signed repository that was not believed, reached or remembered.
    #[error(transparent)]
    Trust(Arc<TrustError>),
    /// What the signed repository does not name is not staged.
    #[error("{what} is not signed: the repository of {site} does not name it")]
    NotSigned {
        /// The version, file or target.
        what: String,
        /// Whose repository.
        site: String,
    },
    /// The signed repository has no manifest of the channel that is followed.
    #[error(
        "the publisher has started no rollout on channel `{channel}`: the signed repository of {site} has no {channel}.json"
    )]
    NoRollout {
        /// The channel.
        channel: String,
        /// Whose repository.
        site: String,
    },
    /// What was signed has expired, and nothing newer was heard.
    #[error("version {version} may not be activated: what {site} signed expired at {since}")]
    Expired {
        /// What would have been activated.
        version: Box<Version>,
        /// Whose word it was.
        site: String,
        /// Since then.
        since: Timestamp,
    },
    /// Unpacking, verifying or committing.
    #[error("{version} from {origin} was not staged: {error}")]
    Stage {
        /// The version.
        version: Box<Version>,
        /// URL or file.
        origin: String,
        /// The store's words.
        error: Arc<StageError>,
    },
    /// The store itself.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// A version older than the running or waiting one was asked for by name.
    #[error("version {wanted} is older than {running}, which runs or waits here")]
    OlderThanRunning {
        /// What was asked for.
        wanted: Box<Version>,
        /// What runs, or would with the next start.
        running: Box<Version>,
    },
    /// A local tarball that is not there or cannot be read.
    #[error("{} could not be read: {why}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The system's words.
        why: String,
    },
    /// A local tarball that is not what was asked for.
    #[error("{} is refused: {why}", file.display())]
    Tarball {
        /// The file.
        file: PathBuf,
        /// The rule.
        why: String,
    },
    /// Somebody near who does not have it, or not all of it: the source is asked.
    #[error("the mirror does not have it: {0}")]
    Mirror(String),
    /// Another process stages that version now.
    #[error("another process is staging {0} now")]
    Busy(Version),
    /// A damaged copy that was not replaced, though its content was to be had.
    #[error("the damaged copy of {version} was not replaced: {why}")]
    NotMended {
        /// The version.
        version: Box<Version>,
        /// Why not.
        why: String,
    },
    /// `stop()` came first.
    #[error("stopped before it was done")]
    Stopped,
    /// A part of the updater ended that never should.
    #[error("an internal task ended early: {0}")]
    Internal(String),
}

impl UpdateError {
    /// A stable word for logs and `--json`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Registry(error) | Self::Host(error) => error.kind(),
            Self::Manifest { .. } => "malformed-manifest",
            Self::Trust(error) => error.kind(),
            Self::NotSigned { .. } => "not-signed",
            Self::NoRollout { .. } => "no-rollout",
            Self::Expired { .. } => "expired",
            Self::Stage { error, .. } => stage_kind(error),
            Self::Store(_) => "store",
            Self::OlderThanRunning { .. } => "older-than-running",
            Self::File { .. } => "file",
            Self::Tarball { .. } => "tarball",
            Self::Busy(_) => "busy",
            Self::Mirror(_) => "mirror",
            Self::NotMended { .. } => "not-mended",
            Self::Stopped => "stopped",
            Self::Internal(_) => "internal",
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Host(RegistryError::Busy { retry_after: Some(wait), .. }) => {
                format!("Try again in {}.", seconds(*wait))
            }
            Self::Host(error) if error.is_transient() => {
                "Check the network and the proxy; the next check asks again by itself.".into()
            }
            Self::Host(_) => "Check that the configured address is where the publisher's site is.".into(),
            Self::Manifest { .. } => {
                "A login page of the network may be in the way; if it stays so, tell the publisher.".into()
            }
            Self::Trust(error) => error.hint(),
            Self::NotSigned { .. } => {
                "Ask for a version that the publisher signed; `refit publish` signs one.".into()
            }
            Self::NoRollout { .. } => {
                "What is installed runs on until the publisher starts one (`refit rollout start`), \
                 or until `channel` names one that has a rollout."
                    .into()
            }
            Self::Expired { .. } => {
                "What is installed runs on. Check the network and this device's date; if both are right, \
                 the publisher has to run `refit repo refresh`."
                    .into()
            }
            Self::Stage { .. } => "What runs now was not touched, and runs on.".into(),
            Self::Store(_) => "Check the data folder's permissions and free space.".into(),
            Self::OlderThanRunning { wanted, .. } => {
                format!("To go back on purpose, run `refit rollback --to {wanted}`.")
            }
            Self::File { .. } => {
                "Name an existing file that you may read: the tarball that `npm pack` made.".into()
            }
            Self::Tarball { .. } => "Give the tarball that `npm pack` made of this package.".into(),
            Self::Mirror(_) => "The source is asked by itself.".into(),
            Self::Busy(_) => "Wait for it, then check again.".into(),
            Self::NotMended { .. } => "Another version runs meanwhile; the next start tries again.".into(),
            Self::Stopped => "Start again.".into(),
            Self::Internal(_) => "Start the app again and report this.".into(),
        }
    }

    /// Whether the very bytes that were promised do not suit: fetching them again changes nothing.
    pub(crate) fn is_about_verified_content(&self) -> bool {
        let Self::Stage { error, .. } = self else {
            return false;
        };
        if let StageError::Carry(error) = &**error {
            // The installer would have to bring it.
            return matches!(**error, CarryError::Missing { .. });
        }
        matches!(
            **error,
            StageError::WrongPackage { .. }
                | StageError::Manifest { .. }
                | StageError::NoEntry { .. }
                | StageError::Incompatible { .. }
                | StageError::Contract { .. }
        )
    }

    /// Whether the version asks for what this app does not offer.
    pub(crate) fn is_contract(&self) -> bool {
        matches!(self, Self::Stage { error, .. } if matches!(**error, StageError::Contract { .. }))
    }

    /// Whether something signed is only missing because nobody could be asked for it.
    pub(crate) fn is_not_kept(&self) -> bool {
        matches!(self, Self::Trust(error) if matches!(**error, TrustError::NotKept { .. }))
    }

    /// How long whoever was asked wants to be left alone.
    /// For how long whoever was asked wants to be left alone, where they say so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Registry(error) | Self::Host(error) => error.retry_after(),
            Self::Trust(error) => error.retry_after(),
            _ => None,
        }
    }
}

fn stage_kind(error: &StageError) -> &'static str {
    match error {
        StageError::Store(_) => "store",
        StageError::Unpack(UnpackError::Refused { .. }) => "archive-refused",
        StageError::Unpack(UnpackError::TooLarge(_)) => "too-big",
        StageError::Unpack(_) => "archive-damaged",
        StageError::WrongIntegrity { .. } => "wrong-integrity",
        StageError::WrongPackage { .. } => "wrong-package",
        StageError::Manifest { .. } => "no-package-json",
        StageError::NoEntry { .. } => "no-entry",
        StageError::Incompatible { .. } => "incompatible",
        StageError::Contract { .. } => "contract",
        StageError::NoRoom { .. } | StageError::DiskFull { .. } => "disk-full",
        StageError::ReadOnly { .. } => "read-only",
        StageError::InUse { .. } => "in-use",
        StageError::Recalled { .. } => "recalled",
        _ => "stage",
    }
}

impl From<TrustError> for UpdateError {
    fn from(error: TrustError) -> Self {
        Self::Trust(Arc::new(error))
    }
}

impl From<StoreError> for UpdateError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

fn seconds(wait: Duration) -> String {
    match wait.as_secs() {
        0 => format!("{} ms", wait.as_millis()),
        1 => "1 second".into(),
        n => format!("{n} seconds"),
    }
}
