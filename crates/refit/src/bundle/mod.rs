//! The bundled-runtime folder of an app: a package's own files, its native dependencies, a Node.
//!
//! ```text
//! PACKAGE@V, DEP@V…, node RANGE ─► source: packument ─► Candidate (version, integrity)
//!    same as <into>/refit-bundle.json ─► nothing to do
//!    else ─► source: tarball, sha512 checked ─► build: unpack beside <into> ─► one rename
//! ```
//!
//! # Invariants
//!
//! * Every byte in the folder came out of a tarball with the sha512 that the registry named.
//! * No package script runs.
//! * `<into>` is the old folder or the new one, never a mixture, and never another's.

pub(crate) mod build;
pub(crate) mod source;
pub(crate) mod spec;

use std::fs;
use std::path::Path;

use rollout::{Candidate, Integrity, PackageName, Version};
use serde::{Deserialize, Serialize};

/// The file in the folder that says what it was made of.
pub(crate) const MANIFEST: &str = "refit-bundle.json";

/// What a bundled-runtime folder is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    schema: u32,
    /// The package at the folder's root.
    pub(crate) runtime: Part,
    /// The packages in its `node_modules`.
    pub(crate) with: Vec<Part>,
    /// The package that `bin/node` comes from.
    pub(crate) node: Option<Part>,
}

/// One package of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) package: PackageName,
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
}

impl From<&Candidate> for Part {
    fn from(candidate: &Candidate) -> Self {
        Self {
            package: candidate.package.clone(),
            version: candidate.version.clone(),
            integrity: candidate.integrity.clone(),
        }
    }
}

impl Manifest {
    /// Describes a folder made of these.
    pub(crate) fn new(runtime: Part, with: Vec<Part>, node: Option<Part>) -> Self {
        Self {
            schema: 1,
            runtime,
            with,
            node,
        }
    }

    /// What the folder `dir` says it was made of; None where it says nothing that can be read.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let text = fs::read(dir.join(MANIFEST)).ok()?;
        serde_json::from_slice(&text)
            .ok()
            .filter(|manifest: &Self| manifest.schema == 1)
    }

    /// Whether the folder still has the parts it was made of.
    pub(crate) fn is_whole_in(&self, dir: &Path) -> bool {
        let there = |folder: &Path, part: &Part| {
            build::read_package(folder).is_some_and(|found| {
                found.get("version").and_then(|it| it.as_str()) == Some(part.version.as_str())
            })
        };
        there(dir, &self.runtime)
            && self
                .with
                .iter()
                .all(|part| there(&build::module_dir(dir, &part.package), part))
            && (self.node.is_none() || build::node_path(dir).is_file())
    }
}
