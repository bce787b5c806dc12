//! A site's rollouts: what `latest.json` says, what a change of it does to how many devices, and a
//! person's consent.
//!
//! ```text
//! SITE ─► Place::open ─► Work { desk, document } ─► rollout::ramp ─► Change
//!     Change ─► preview: who may have what, before and after ─► ask: y, or --yes ─► desk: written in order
//! ```
//!
//! # Invariants
//!
//! * Nothing is written before its effect was shown and agreed to.
//! * No lock is held while a person reads: whatever was changed meanwhile is not overwritten. Where
//!   nobody is asked, the lock comes before the first look, so that no other change gets in between.
//! * Only versions that devices can get are started or named as what to go back to.
//! * What was signed was agreed to: a plain file that a stopped change left behind it is put right before
//!   anybody hears that there is nothing to do.

pub(crate) mod ask;
pub(crate) mod chart;
pub(crate) mod expiry;
pub(crate) mod notes;
pub(crate) mod picture;
pub(crate) mod preview;
pub(crate) mod words;
pub(crate) mod work;

use jiff::Timestamp;
use rollout::ramp::{self, Change, Document, DocumentError, RampError, Start};
use rollout::{ManifestError, PackageName, Plan, Version};

pub(crate) use self::notes::read_notes;
use crate::failure::Failure;

/// `--plan`, as clap reads it.
pub(crate) fn plan_arg(text: &str) -> Result<Plan, String> {
    ramp::parse_plan(text).map_err(|error| error.to_string())
}

/// What starting a version that was just published makes of `latest.json`, which may not be there.
/// `known` is what devices got before there was one.
pub(crate) fn start_published(
    document: Option<&[u8]>,
    package: &PackageName,
    version: &Version,
    plan: &Plan,
    notes: Option<String>,
    known: Option<Version>,
    now: Timestamp,
) -> Result<Change, Failure> {
    let document = document
        .map(|bytes| Document::parse(bytes, Some(package)))
        .transpose()
        .map_err(|error| unusable("latest.json", &error))?;
    let wish = Start {
        package: package.clone(),
        version: version.clone(),
        plan: plan.clone(),
        notes,
        critical: false,
        stable: None,
        known,
        again: false,
    };
    Ok(ramp::start(document.as_ref(), &wish, now)?)
}

/// `file` is a path or URL, or its name.
pub(crate) fn unusable(file: &str, error: &DocumentError) -> Failure {
    let hint = match error {
        DocumentError::NoPackage => "Say --package NAME.",
        DocumentError::Manifest(ManifestError::OtherPackage { .. }) => {
            "One file is about one package: give this one another file with --channel NAME, or a site of its own."
        }
        DocumentError::Manifest(_) | DocumentError::Halted(_) => "Mend it there, then try again.",
    };
    Failure {
        usage: *error == DocumentError::NoPackage,
        ..Failure::new(
            "manifest",
            format_args!(
                "{file} cannot be used: {}",
                words::plain(&error.to_string())
            ),
            hint,
        )
    }
}

impl From<RampError> for Failure {
    fn from(error: RampError) -> Self {
        let text = error.to_string();
        let mut letters = text.chars();
        let message: String = letters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(letters)
            .collect();
        Self::new(error.kind(), message, error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(document: Option<&str>, version: &str) -> Result<Change, Failure> {
        start_published(
            document.map(str::as_bytes),
            &"demo".parse().unwrap(),
            &version.parse().unwrap(),
            &plan_arg("30%,70%@12h").unwrap(),
            Some("Faster.".to_owned()),
            Some("1.0.0".parse().unwrap()),
            "2026-06-12T08:00:00Z".parse().unwrap(),
        )
    }

    #[test]
    fn what_is_published_with_a_plan_is_started_as_any_other() {
        let first = start(None, "1.1.0").unwrap();
        assert_eq!(first.everyones().unwrap().as_str(), "1.0.0");
        assert_eq!(first.after.value()["notes"], "Faster.");
        let text = String::from_utf8(first.after.bytes()).unwrap();
        let error = start(Some(&text), "1.0.9").unwrap_err();
        assert_eq!(error.kind, "not-newer");
        assert!(
            error.message.starts_with("Version 1.0.9 is not newer"),
            "{error}"
        );
    }

    #[test]
    fn a_manifest_that_cannot_be_used_is_left_alone() {
        for text in ["<html>", r#"{"package":"other","version":"1.0.0"}"#, "{}"] {
            let error = start(Some(text), "1.1.0").unwrap_err();
            assert_eq!(error.kind, "manifest", "{error}");
            assert!(error.message.starts_with("latest.json"), "{error}");
        }
        let error = start(Some(r#"{"package":"other","version":"1.0.0"}"#), "1.1.0").unwrap_err();
        assert!(error.hint.unwrap().contains("--channel"));
        let error = start(Some(r#"{"version":"1\u001b[31m"}"#), "1.1.0").unwrap_err();
        assert!(!error.message.contains('\u{1b}'), "{error}");
    }
}
