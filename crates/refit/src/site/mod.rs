//! A site: a plain folder, or a place in a bucket, that is an npm registry and, where the publisher
//! wants one, a signed repository: `docs/formats/registry-folder.md`, `docs/formats/repository.md`.
//!
//! ```text
//! SITE ─► address ─► store: folder │ bucket
//! tarballs ─► intake: copy, full dry unpack, package.json ─► Release
//! Release + packument ─► packument: New | Same | OtherContent            pure
//!      ─► shelf ─► changes: written in the order that is safe anywhere    one lock
//! folder ─► http: packuments with this host's own tarball URLs, the rest as it lies, with ranges
//! ```
//!
//! # Invariants
//!
//! * A version's name comes from its own package.json.
//! * What a file names is there, whole, before the file that names it.
//! * Content once published under a version never changes.
//! * Nothing is published that a device's unpacker would refuse.
//! * What somebody else published meanwhile is never overwritten.

mod address;
pub(crate) mod agents;
mod bucket;
pub(crate) mod changes;
mod durable;
mod folder;
pub(crate) mod http;
pub(crate) mod intake;
pub(crate) mod packument;
mod settings;
pub(crate) mod shelf;
mod store;
#[cfg(test)]
pub(crate) mod testing;

use std::path::Path;

use rollout::{PackageName, Version};

pub(crate) use address::Address;
#[cfg(test)]
pub(crate) use bucket::Bucket;
pub(crate) use folder::Folder;
pub(crate) use store::{Body, Expect, Lock, Reading, Seen, Store, meanwhile};

use crate::failure::Failure;

/// A site to publish to.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    store: Store,
}

impl Site {
    /// The site that is kept in `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// What it is kept in.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Reads a small file of the site.
    pub(crate) async fn get(&self, name: &str) -> Result<Reading, Failure> {
        self.store.get(name).await
    }

    /// Refuses a place for keys that is inside the site, where its host would serve them.
    pub(crate) fn must_not_hold(&self, keys: &Path) -> Result<(), Failure> {
        let Store::Folder(folder) = &self.store else {
            return Ok(());
        };
        let inside = [std::path::absolute(keys), std::fs::canonicalize(keys)]
            .into_iter()
            .flatten()
            .any(|path| path.starts_with(folder.root()));
        if inside {
            Err(in_site(keys, folder.root()))
        } else {
            Ok(())
        }
    }

    /// Waits until no other publisher on this machine is changing it.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        self.store.lock()
    }
}

/// Refuses a place for keys, which need not be there yet, that is inside any site.
pub(crate) fn must_be_outside(keys: &Path) -> Result<(), Failure> {
    let lexical = std::path::absolute(keys).unwrap_or_else(|_| keys.to_path_buf());
    let real = lexical
        .ancestors()
        .find_map(|dir| std::fs::canonicalize(dir).ok());
    let site = [Some(lexical), real]
        .iter()
        .flatten()
        .flat_map(|path| path.ancestors())
        .find(|dir| dir.join(folder::LOCK).exists() || dir.join("repo/metadata").is_dir())
        .map(Path::to_path_buf);
    site.map_or(Ok(()), |site| Err(in_site(keys, &site)))
}

fn in_site(keys: &Path, site: &Path) -> Failure {
    Failure::usage(
        format_args!(
            "{} is inside the site {}: its host would serve the keys",
            keys.display(),
            site.display()
        ),
        "Keep keys outside of every site. Keys that were served are to be replaced: `refit repo rotate`.",
    )
}

/// `<package>/index.json`: a folder cannot hold both a file and a folder `<package>`.
pub(crate) fn packument_path(package: &PackageName) -> String {
    format!("{package}/index.json")
}

/// A tarball's place below the registry's base URL, and below the site.
pub(crate) fn tarball_path(package: &PackageName, version: &Version) -> String {
    format!("{package}/-/{}-{version}.tgz", package.bare())
}

/// Replaces a file of this machine in one rename, durably.
pub(crate) fn replace_file(to: &Path, bytes: &[u8]) -> Result<(), Failure> {
    durable::replace(to, bytes)
}
