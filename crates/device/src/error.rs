//! What a person is told when something they asked for did not work.

use runtime_store::StoreError;
use serde::{Deserialize, Serialize};
use updater::UpdateError;

/// An error as the page, the command line and the owner's socket show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Kebab-case code, stable for programs.
    pub kind: String,
    /// What was being done, to which file or URL, and what went wrong.
    pub message: String,
    /// The next step.
    #[serde(default)]
    pub hint: String,
}

impl Problem {
    /// A problem with its next step.
    pub fn new(kind: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The whole chain of an error's causes as one message.
    pub fn from_error(kind: &str, error: &dyn std::error::Error, hint: impl Into<String>) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Many errors already quote their cause; a text twice helps nobody.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = inner.source();
        }
        Self::new(kind, message, hint)
    }
}

impl From<&UpdateError> for Problem {
    fn from(error: &UpdateError) -> Self {
        Self::from_error(error.kind(), error, error.hint())
    }
}

impl From<&StoreError> for Problem {
    /// Many errors of the store name the next step in their own words; those have no hint here.
    fn from(error: &StoreError) -> Self {
        let hint = match error {
            StoreError::Io { .. } => "See that the disk is writable and not full, then try again.",
            StoreError::NewerSchema { .. } => "Use the newer version of the app that wrote it.",
            StoreError::OlderThanBundled { .. } => "Choose the bundled version or a newer one.",
            _ => "",
        };
        let kind = match error {
            StoreError::NotSigned { .. } => "not-signed",
            _ => "store",
        };
        Self::from_error(kind, error, hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_not_blamed_for_what_is_no_fault_of_its() {
        let older = StoreError::OlderThanBundled {
            version: Box::new("0.9.0".parse().unwrap()),
            bundled: Box::new("1.0.0".parse().unwrap()),
        };
        assert!(!Problem::from(&older).hint.contains("disk"));
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn the_chain_of_causes_is_told_once() {
        let error = Layer(
            "outer",
            Some(Box::new(Layer(
                "inner",
                Some(Box::new(Layer("inner", None))),
            ))),
        );
        assert_eq!(
            Problem::from_error("x", &error, "y").message,
            "outer: inner"
        );
    }
}
