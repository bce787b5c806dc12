//! A binary as a publisher describes it.

use std::path::{Path, PathBuf};

use rollout::AgentRelease;

use super::{files, label};
use crate::failure::Failure;

/// What is to be signed of each of these binaries.
///
/// # Errors
/// As [`release_of`].
pub(crate) fn releases_of(paths: &[PathBuf]) -> Result<Vec<AgentRelease>, Failure> {
    paths.iter().map(|path| release_of(path)).collect()
}

/// What is to be signed of the binary at `path`: what it says itself, and its digest.
///
/// # Errors
/// It cannot be read, does not say what it is, or was not built to be published.
pub(crate) fn release_of(path: &Path) -> Result<AgentRelease, Failure> {
    let label = label::of_file(path).map_err(|error| match error {
        label::LabelError::Read { source, .. } => Failure::file("read", path, &source),
        error => Failure::new(
            "no-label",
            format_args!("{}: {error}", path.display()),
            "Name a release binary of refit.",
        ),
    })?;
    if label.development {
        return Err(Failure::new(
            "built-for-development",
            format_args!(
                "{} was built for development; no agent takes it",
                path.display()
            ),
            "Build it with --release.",
        ));
    }
    let (sha256, size) =
        files::digest(path).map_err(|error| Failure::file("read", path, &error.source))?;
    Ok(AgentRelease {
        schema: AgentRelease::SCHEMA,
        version: label.version,
        platform: label.platform,
        sha256,
        size,
    })
}
