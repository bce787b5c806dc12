//! What went wrong, in the shape that a person and a program both can use.

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;

/// Why a command failed: `{kind, message, hint}` as the page and `--json` show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// A stable, kebab-case code.
    pub(crate) kind: String,
    /// What was being done, to which file or URL, and what came of it.
    pub(crate) message: String,
    /// The next step.
    pub(crate) hint: Option<String>,
    /// Exit code 2 instead of 1: the command line itself is at fault.
    #[serde(skip)]
    pub(crate) usage: bool,
}

impl Failure {
    /// A failure with its next step.
    pub(crate) fn new(kind: &str, message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.to_string(),
            hint: Some(hint.into()),
            usage: false,
        }
    }

    /// A command line that cannot be meant as it stands.
    pub(crate) fn usage(message: impl fmt::Display, hint: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new("usage", message, hint)
        }
    }

    /// A file that could not be read or written. `doing` is an infinitive, e.g. `read`.
    pub(crate) fn file(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        let (what, hint) = match error.kind() {
            ErrorKind::NotFound => (
                "it is not there".to_owned(),
                "Check that the path is right.",
            ),
            ErrorKind::PermissionDenied => (error.to_string(), "Check who may read and write it."),
            ErrorKind::StorageFull => (error.to_string(), "Free some disk space, then try again."),
            _ => (
                error.to_string(),
                "Check the path and its disk, then try again.",
            ),
        };
        Self::new(
            "file",
            format_args!("Could not {doing} {}: {what}", path.display()),
            hint,
        )
    }
}

impl From<device::Problem> for Failure {
    fn from(problem: device::Problem) -> Self {
        Self {
            kind: problem.kind,
            message: problem.message,
            hint: Some(problem.hint).filter(|hint| !hint.is_empty()),
            usage: false,
        }
    }
}
