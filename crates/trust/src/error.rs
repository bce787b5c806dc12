//! What can go wrong between here and a signed repository, each with its next step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

/// Why a repository could not be believed, reached or remembered. URLs are without login and query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The root that the app was built with cannot be used.
    #[error("the trusted root of this app cannot be used: {why}")]
    Root {
        /// What is wrong with it.
        why: String,
    },
    /// What a role signed is no longer to be believed.
    #[error("the {role} metadata expired at {at}")]
    Expired {
        /// `root`, `timestamp`, `snapshot`, `targets` or a delegated role.
        role: String,
        /// When, in whole seconds.
        at: Timestamp,
    },
    /// Something older than what was seen before.
    #[error("{url} goes back from version {seen} of the {role} metadata to {offered}")]
    Rollback {
        /// The file that says so.
        url: String,
        /// The role whose version goes back.
        role: String,
        /// The version this device has seen.
        seen: u64,
        /// The version offered; 0 where the role is no longer listed.
        offered: u64,
    },
    /// Too few valid signatures of the role's keys.
    #[error("{url} is not signed as it has to be: {why}")]
    Signatures {
        /// The file.
        url: String,
        /// What the check said.
        why: String,
    },
    /// No metadata of a repository at all.
    #[error("{url} is no metadata: {why}")]
    Malformed {
        /// The file.
        url: String,
        /// The parser's objection.
        why: String,
    },
    /// Not what signed metadata says of it: length, digest or version.
    #[error("{url} is not what is signed: {why}")]
    Mismatch {
        /// The file.
        url: String,
        /// What differs.
        why: String,
    },
    /// More bytes than allowed.
    #[error("{url} is longer than the {limit} bytes allowed")]
    TooLarge {
        /// The file.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// More new roots, or more delegated roles, than looked into at once.
    #[error("{url} names more {what} than the {limit} allowed at once")]
    TooMany {
        /// Where the last one lies.
        url: String,
        /// `roots` or `delegated roles`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A file that every repository has is not there.
    #[error("{url} does not exist")]
    Missing {
        /// The file.
        url: String,
    },
    /// No answer, or one that broke.
    #[error("{url} could not be read: {why}")]
    Unreachable {
        /// The file.
        url: String,
        /// The whole chain of causes.
        why: String,
        /// How long the host wants to be left alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// Silence, or a trickle.
    #[error("{url} took longer than {} s", after.as_secs())]
    TooSlow {
        /// What was waited for.
        url: String,
        /// The limit.
        after: Duration,
    },
    /// A target that is not kept here, asked for without a host to ask.
    #[error("{name} is not kept on this device")]
    NotKept {
        /// The target.
        name: String,
    },
    /// A stored file is not what was written.
    #[error("{path} of the trust store is damaged: {why}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The disk refused.
    #[error("cannot {action} {path}: {why}")]
    Disk {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// Another process holds the trust store's lock, or keeps changing it.
    #[error("another process keeps {path} to itself")]
    Busy {
        /// The lock, or the trust store.
        path: PathBuf,
    },
}

impl TrustError {
    pub(crate) fn disk(
        action: &'static str,
        path: &Path,
        error: impl std::fmt::Display,
    ) -> TrustError {
        TrustError::Disk {
            action,
            path: path.to_owned(),
            why: error.to_string(),
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl std::fmt::Display) -> TrustError {
        TrustError::Damaged {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// Whether the host did answer, and its answer was not believed. The rest are a host that cannot
    /// be reached, this device's disk, and a root that cannot be used.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Expired { .. }
                | Self::Rollback { .. }
                | Self::Signatures { .. }
                | Self::Malformed { .. }
                | Self::Mismatch { .. }
                | Self::TooLarge { .. }
                | Self::TooMany { .. }
        )
    }

    /// How long the host wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unreachable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// A short name for machines.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Root { .. } => "trust-root",
            Self::Expired { .. } => "trust-expired",
            Self::Rollback { .. } => "trust-rollback",
            Self::Signatures { .. } => "trust-signatures",
            Self::Malformed { .. } => "trust-malformed",
            Self::Mismatch { .. } => "trust-mismatch",
            Self::TooLarge { .. } | Self::TooMany { .. } => "trust-too-large",
            Self::Missing { .. } => "trust-missing",
            Self::Unreachable { .. } => "trust-unreachable",
            Self::TooSlow { .. } => "trust-too-slow",
            Self::NotKept { .. } => "trust-not-kept",
            Self::Damaged { .. } => "trust-damaged",
            Self::Disk { .. } => "trust-disk",
            Self::Busy { .. } => "trust-busy",
        }
    }

    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Root { .. } => {
                "Install the app again; its publisher has to build it with a root.json that is whole."
                    .into()
            }
            Self::Expired { .. } => {
                "Check this device's date. If it is right, the publisher has to run `refit repo refresh`; \
                 what is installed runs on."
                    .into()
            }
            Self::Rollback { .. } | Self::Signatures { .. } | Self::Mismatch { .. } => {
                "Nothing was taken over. Try another network; if it stays, tell the publisher.".into()
            }
            Self::Malformed { .. } | Self::TooLarge { .. } => {
                "Nothing was taken over. Check that no log-in page or proxy answers for the host; \
                 if it stays, tell the publisher."
                    .into()
            }
            Self::TooMany { .. } => {
                "Check again: it goes on from there. If it stays, tell the publisher.".into()
            }
            Self::Missing { .. } => "Tell the publisher that the repository is not complete.".into(),
            Self::Unreachable { .. } | Self::TooSlow { .. } => {
                "Check the network and the proxy, then check again; the next check does it by itself."
                    .into()
            }
            Self::NotKept { .. } => "Check for updates while the host can be reached.".into(),
            Self::Damaged { path, .. } => format!(
                "What is installed runs on, but no update is taken. Check the disk; then close the app \
                 and remove {}: it starts again from the root built into the app.",
                store_of(path).display()
            ),
            Self::Disk { .. } => "Check the data folder's permissions and free space.".into(),
            Self::Busy { path } => format!(
                "Check again once the other check is done. If this stays, a stopped process holds {}: \
                 end it, or start the machine again.",
                path.display()
            ),
        }
    }
}

/// The trust store that a path lies in, by its name.
fn store_of(path: &Path) -> &Path {
    path.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "trust"))
        .unwrap_or(path)
}
