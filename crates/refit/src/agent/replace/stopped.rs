//! Why a binary is not taken, and what is nobody's fault.

use std::io;
use std::path::PathBuf;

use rollout::Version;

use crate::agent::files::FileError;
use crate::agent::label::LabelError;
use crate::agent::quarantine::Unreadable;

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    /// It must not be, or not by this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing is known against it: to be tried again.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

/// Why a binary is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Of what runs here.
    #[error("this agent does not replace itself: {0}")]
    Development(String),
    /// The service may not write where its binary lies.
    #[error("the agent's folder {} cannot be written by it: {why}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        why: String,
    },
    /// It runs already.
    #[error("version {0} is what runs")]
    Runs(Version),
    /// It had its starts here.
    #[error("version {0} never came to a healthy minute here, and is quarantined")]
    Quarantined(Version),
    /// It is too large for any agent.
    #[error("it is said to have {0} bytes, more than any agent")]
    TooLarge(u64),
    /// Not as many bytes as were recorded.
    #[error("it has {found} bytes{}, and {wanted} were recorded", if *more { " or more" } else { "" })]
    Size {
        /// What was recorded.
        wanted: u64,
        /// What came.
        found: u64,
        /// Whether there was more.
        more: bool,
    },
    /// Not the bytes that were recorded.
    #[error("its sha256 is {found}, and {wanted} was recorded")]
    Digest {
        /// What was recorded.
        wanted: String,
        /// What came.
        found: String,
    },
    /// It does not say what it is.
    #[error("{0}")]
    Label(LabelError),
    /// It says that it is another.
    #[error("it was published as version {wanted}, and says itself that it is {found}")]
    Mislabelled {
        /// What was ordered.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// It is for other machines.
    #[error("it is for {found}, and this machine is {here}")]
    Platform {
        /// What this machine is.
        here: String,
        /// What it is for.
        found: String,
    },
    /// It was not built to be published.
    #[error("version {0} was built for development")]
    ForDevelopment(Version),
    /// It cannot run on this machine.
    #[error("it does not start here: {0}")]
    DoesNotStart(String),
}

/// What is no version's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The bytes did not come.
    #[error("could not fetch the agent's binary: {0}")]
    Transfer(io::Error),
    /// The disk.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is quarantined is not known.
    #[error(transparent)]
    Quarantine(#[from] Unreadable),
    /// What runs is new itself.
    #[error("version {0} runs, and is not yet known to be good; the next one waits until it is")]
    OnTrial(Box<Version>),
    /// Somebody else is at it.
    #[error("the binary is being replaced by another process")]
    Busy,
    /// No process could be started.
    #[error("it cannot be tried whether it starts here: {0}")]
    Start(io::Error),
    /// A task of ours did not end.
    #[error("a step of the replacement was broken off: {0}")]
    Task(String),
}

impl Stopped {
    /// A stable code in kebab-case.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::Development(_) => "development-build",
                Refusal::Folder { .. } => "folder-not-writable",
                Refusal::Runs(_) => "runs-already",
                Refusal::Quarantined(_) => "quarantined",
                Refusal::TooLarge(_) | Refusal::Size { .. } => "wrong-size",
                Refusal::Digest { .. } => "wrong-digest",
                Refusal::Label(_) => "no-label",
                Refusal::Mislabelled { .. } => "mislabelled",
                Refusal::Platform { .. } => "other-platform",
                Refusal::ForDevelopment(_) => "built-for-development",
                Refusal::DoesNotStart(_) => "does-not-start",
            },
            Self::Trouble(trouble) => match trouble {
                Trouble::Transfer(_) => "transfer",
                Trouble::File(error) if is_full(error) => "disk-full",
                Trouble::File(_) => "file",
                Trouble::Quarantine(_) => "quarantine-unreadable",
                Trouble::OnTrial(_) => "on-trial",
                Trouble::Busy => "busy",
                Trouble::Start(_) => "start",
                Trouble::Task(_) => "internal",
            },
        }
    }

    /// What a person can do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::Development(_) => {
                    "Install a release of refit as the service, and order that to replace itself."
                }
                Refusal::Folder { .. } => {
                    "Let the service's user write into that folder, or install new versions by hand."
                }
                Refusal::Runs(_) => "There is nothing to do.",
                Refusal::Quarantined(_) => {
                    "Publish a mended version, or `refit agent forgive` this one on the machine."
                }
                _ => "Publish it anew, from a release build for this platform.",
            },
            Self::Trouble(trouble) => match trouble {
                Trouble::Transfer(_) | Trouble::Busy | Trouble::OnTrial(_) | Trouble::Start(_) => {
                    "It is tried again."
                }
                Trouble::File(error) if is_full(error) => {
                    "Free some disk space; it is tried again."
                }
                Trouble::File(_) => "See to that file and its disk; it is tried again.",
                Trouble::Quarantine(_) => "Move that file away once you have read it.",
                Trouble::Task(_) => "Please report this.",
            },
        }
    }
}

impl From<FileError> for Stopped {
    fn from(error: FileError) -> Self {
        Self::Trouble(Trouble::File(error))
    }
}

fn is_full(error: &FileError) -> bool {
    matches!(
        error.source.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
