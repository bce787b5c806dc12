//! What can go wrong between here and the broker.

use std::path::PathBuf;

/// Why something was not done. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A file that is needed to sign in.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{} cannot be used: {why}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// An address that is none, or that would be spoken to in the clear.
    #[error("`{address}` cannot be used: {why}")]
    Address {
        /// The address, without a login.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// No broker answers.
    #[error("no broker answers at {servers}: {why}")]
    Unreachable {
        /// Where it was looked for.
        servers: String,
        /// The client's words.
        why: String,
    },
    /// The broker answers, and does not do it.
    #[error("the broker does not {doing}: {why}")]
    Broker {
        /// What was asked of it: an infinitive.
        doing: String,
        /// Its words.
        why: String,
    },
    /// The fleet's buckets are not there.
    #[error("the broker has no fleet `{fleet}`: its {what} are not there")]
    NoFleet {
        /// The fleet's name.
        fleet: String,
        /// What is missing.
        what: String,
    },
    /// Something stored there that cannot be read.
    #[error("{what} on the broker cannot be read: {why}")]
    Stored {
        /// Which.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// An order that is refused; the words say why and what to do.
    #[error("{message}")]
    Refused {
        /// The reason's code, kebab-case.
        kind: &'static str,
        /// What is refused, and why.
        message: String,
        /// The next step.
        hint: String,
    },
}

impl FleetError {
    /// The code that programs see, kebab-case.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File { .. } | Self::BadFile { .. } => "file",
            Self::Address { .. } => "address",
            Self::Unreachable { .. } => "broker-unreachable",
            Self::Broker { .. } => "broker",
            Self::NoFleet { .. } => "no-fleet",
            Self::Stored { .. } => "fleet-data",
            Self::Refused { kind, .. } => kind,
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::File { .. } => "Check the path, and who may read it.".to_owned(),
            Self::BadFile { .. } => "Put the right file there.".to_owned(),
            Self::Address { .. } => {
                "Write `tls://HOST:4222`; in the clear only on this machine, `nats://127.0.0.1:4222`."
                    .to_owned()
            }
            Self::Unreachable { .. } => {
                "Check that the broker runs, the address, and the login.".to_owned()
            }
            Self::Broker { .. } => {
                "Check that JetStream is on there, and what this login may do.".to_owned()
            }
            Self::NoFleet { .. } => {
                "Make it with `refit fleet init`, or check the fleet's name.".to_owned()
            }
            Self::Stored { .. } => {
                "Somebody else may have written it, or a newer version of refit.".to_owned()
            }
            Self::Refused { hint, .. } => hint.clone(),
        }
    }

    pub(crate) fn broker(doing: &str, error: impl std::fmt::Display) -> Self {
        Self::Broker {
            doing: doing.to_owned(),
            why: error.to_string(),
        }
    }
}
