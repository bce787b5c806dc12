//! A plain folder that is an npm registry: `docs/formats/registry-folder.md`.
//!
//! ```text
//! tarballs ─► intake: copy, full dry unpack, package.json ─► Release
//! Release + packument ─► packument: New | Same | OtherContent            pure
//!      ─► shelf: tarball renamed into place, then the packument           one lock
//! folder ─► http: packuments with this host's own tarball URLs, tarballs with ranges
//! ```
//!
//! # Invariants
//!
//! * A version's name comes from its own package.json.
//! * What a packument names is there, whole: the tarball is durable before the packument names it.
//! * Content once published under a version never changes.
//! * Nothing is published that a device's unpacker would refuse.

mod durable;
pub(crate) mod http;
pub(crate) mod intake;
pub(crate) mod packument;
pub(crate) mod shelf;

use std::fs;
use std::path::{Path, PathBuf};

use rollout::{PackageName, Version};

use crate::failure::Failure;

/// The folder, by its real path.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    root: PathBuf,
}

impl Site {
    /// A folder that is there.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let root =
            fs::canonicalize(dir).map_err(|error| Failure::file("open the folder", dir, &error))?;
        if !root.is_dir() {
            return Err(Failure::new(
                "file",
                format_args!("{} is not a folder", dir.display()),
                "Name the folder that `refit publish` fills.",
            ));
        }
        Ok(Self { root })
    }

    /// A folder that is made where it is missing.
    pub(crate) fn make(dir: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(dir).map_err(|error| Failure::file("make the folder", dir, &error))?;
        Self::open(dir)
    }

    /// The folder itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `<site>/<package>/index.json`: a folder cannot hold both a file and a folder `<package>`.
    pub(crate) fn packument(&self, package: &PackageName) -> PathBuf {
        self.root.join(package.as_str()).join("index.json")
    }

    /// `<site>/<package>/-/<bare>-<version>.tgz`, npm's own place for it.
    pub(crate) fn tarball(&self, package: &PackageName, version: &Version) -> PathBuf {
        self.root.join(tarball_path(package, version))
    }
}

/// A tarball's place below the registry's base URL, and below the folder.
pub(crate) fn tarball_path(package: &PackageName, version: &Version) -> String {
    format!("{package}/-/{}-{version}.tgz", package.bare())
}
