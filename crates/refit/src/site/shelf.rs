//! Puts releases on the shelf: judged together, written in an order that is safe to stop anywhere.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use jiff::Timestamp;
use rollout::{Integrity, PackageName, Version};
use serde::Serialize;

use super::intake::Prepared;
use super::packument::{Packument, Verdict};
use super::{Site, durable};
use crate::failure::Failure;

/// What publishing one tarball came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shelved {
    pub(crate) package: PackageName,
    pub(crate) version: Version,
    pub(crate) integrity: Integrity,
    pub(crate) outcome: Outcome,
}

/// The ways it can go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// A new version.
    Published,
    /// It was there, with the same content; a tag or the base URL changed.
    Updated,
    /// It was there, and so was all else.
    Unchanged,
}

/// What a publisher asks for beside the tarballs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// The tag to point at each release; None is `latest`, for new versions only.
    pub(crate) tag: Option<String>,
    /// The URL the folder will be served at; ends in `/`.
    pub(crate) url: Option<String>,
}

/// Publishes all or none of `prepared`, as far as their content decides.
pub(crate) fn publish(
    site: &Site,
    prepared: Vec<Prepared>,
    wishes: &Wishes,
    now: Timestamp,
) -> Result<Vec<Shelved>, Failure> {
    let _lock = lock(site)?;
    let mut packuments: BTreeMap<PackageName, (Packument, bool)> = BTreeMap::new();
    let mut shelved = Vec::new();
    let mut tarballs = Vec::new();

    for Prepared {
        from,
        release,
        copy,
    } in prepared
    {
        let (packument, changed) = match packuments.entry(release.package.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert((load(site, &release.package)?, false))
            }
        };
        let new = match packument.judge(&release) {
            Verdict::New => {
                packument.add(&release, now);
                tarballs.push((copy, site.tarball(&release.package, &release.version)));
                true
            }
            Verdict::Same => false,
            Verdict::OtherContent(there) => {
                return Err(Failure::new(
                    "version-exists",
                    format_args!(
                        "{}: {}@{there} is published already, with other content",
                        from.display(),
                        release.package
                    ),
                    "Raise the version in its package.json; what is published never changes.",
                ));
            }
        };
        let tag = match &wishes.tag {
            None if new => Some("latest"),
            tag => tag.as_deref(),
        };
        let mut updated = tag.is_some_and(|tag| packument.tag(tag, &release.version, now));
        if let Some(url) = &wishes.url {
            updated |= packument.rebase(url);
        }
        *changed |= new || updated;
        shelved.push(Shelved {
            package: release.package,
            version: release.version,
            integrity: release.integrity,
            outcome: match (new, updated) {
                (true, _) => Outcome::Published,
                (false, true) => Outcome::Updated,
                (false, false) => Outcome::Unchanged,
            },
        });
    }

    for (copy, to) in tarballs {
        durable::make_dirs(to.parent().unwrap_or(site.root()))?;
        durable::finish(copy, &to)?;
    }
    for (package, (packument, changed)) in packuments {
        if changed {
            let path = site.packument(&package);
            let bytes = serde_json::to_vec_pretty(&packument).map_err(|error| {
                Failure::new(
                    "packument",
                    format_args!("Could not write {}: {error}", path.display()),
                    "Report this; nothing was lost.",
                )
            })?;
            durable::replace(&path, &bytes)?;
        }
    }
    Ok(shelved)
}

/// A package's index, or an empty one.
fn load(site: &Site, package: &PackageName) -> Result<Packument, Failure> {
    let path = site.packument(package);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Packument::new(package.clone()));
        }
        Err(error) => return Err(Failure::file("read", &path, &error)),
    };
    let packument = read(&text, &path)?;
    if packument.name == *package {
        Ok(packument)
    } else {
        Err(Failure::new(
            "packument",
            format_args!(
                "{} is the index of {}, and {package} would share its folder",
                path.display(),
                packument.name
            ),
            "Publish packages whose names differ only in letter case into different folders.",
        ))
    }
}

/// Reads an index that `publish` wrote.
pub(super) fn read(text: &[u8], path: &Path) -> Result<Packument, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        Failure::new(
            "packument",
            format_args!("{} is not a package's index: {error}", path.display()),
            "Restore it from a backup, or remove the package's folder and publish it again.",
        )
    })
}

/// One publisher at a time; a dead one never blocks.
fn lock(site: &Site) -> Result<File, Failure> {
    let path = site.root().join(".refit-publish.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| Failure::file("open", &path, &error))?;
    file.lock()
        .map_err(|error| Failure::file("lock", &path, &error))?;
    Ok(file)
}
