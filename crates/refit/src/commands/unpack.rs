//! `refit unpack`: the hardened unpacker, by hand.

use std::path::{Path, PathBuf};

use rollout::Integrity;
use runtime_store::{Limits, unpack_into};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Answer;
use crate::tarball::{self, refused};

/// Unpack an npm package's tarball into a new folder, by the rules of staging
#[derive(Debug, clap::Args)]
pub(crate) struct Unpack {
    /// The tarball, as `npm pack` makes it
    #[arg(long, value_name = "FILE")]
    tarball: PathBuf,
    /// The folder to make; it must not be there yet
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
}

impl Unpack {
    pub(crate) fn run(self) -> Result<Answer, Failure> {
        let Self { tarball, into } = self;
        if into.symlink_metadata().is_ok() {
            return Err(Failure::new(
                "exists",
                format_args!("{} is there already", into.display()),
                "Name a folder that does not exist, or remove this one.",
            ));
        }
        let parent = into.parent().filter(|it| *it != Path::new(""));
        if let Some(parent) = parent.filter(|it| !it.is_dir()) {
            return Err(Failure::new(
                "file",
                format_args!(
                    "{} cannot be made: {} is not a folder",
                    into.display(),
                    parent.display()
                ),
                "Make that folder first, or check that the path is right.",
            ));
        }
        let file = tarball::open(&tarball)?;
        let tree = unpack_into(file, &into, &Limits::default())
            .map_err(|error| refused(&tarball, &error))?;
        let integrity: &Integrity = &tree.integrity;
        Ok(Answer::done(json!({
            "into": into,
            "integrity": integrity,
            "files": tree.files,
            "packedBytes": tree.packed_bytes,
            "unpackedBytes": tree.unpacked_bytes,
        }))
        .data(integrity.to_string())
        .words(format!(
            "Unpacked {} files ({}) into {}",
            tree.files,
            indicatif::HumanBytes(tree.unpacked_bytes),
            into.display()
        )))
    }
}
