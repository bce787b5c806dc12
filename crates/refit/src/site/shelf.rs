//! Puts releases on the shelf: judged together, before anything is written.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rollout::{Description, Engines, Integrity, PackageName, Version};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::changes::Kind;
use super::intake::Prepared;
use super::packument::{Packument, Release, Verdict};
use super::{Body, Expect, Seen, Site, Store, packument_path, tarball_path};
use crate::failure::Failure;
use crate::repo::{Desk, Draft};

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
    /// It was there, with the same content; a tag, the base URL or its signed description changed.
    Updated,
    /// It was there, and so was all else.
    Unchanged,
}

/// What a publisher asks for beside the tarballs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// The tag to point at each release; None is what [`Latest`] says, for new versions only.
    pub(crate) tag: Option<String>,
    /// The URL the site will be served at; ends in `/`.
    pub(crate) url: Option<String>,
}

/// Whether a new version becomes `latest` without being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Latest {
    /// Yes: `latest` is all there is to say which version is meant.
    Moves,
    /// No: a manifest says who gets which version, and whoever reads `latest` instead, npm or a device
    /// without a manifest, must not be ahead of it. A package without any `latest` gets one.
    Stays,
    /// A rollout that is started with it makes this version everyone's.
    Names(Version),
}

/// Adds all of `prepared` to `draft`, or refuses them all, as far as their content decides.
pub(crate) async fn shelve(
    desk: &Desk,
    draft: &mut Draft,
    prepared: Vec<Prepared>,
    wishes: &Wishes,
    latest: &Latest,
    now: Timestamp,
) -> Result<Vec<Shelved>, Failure> {
    let site = desk.site();
    let mut packuments: BTreeMap<PackageName, (Packument, Seen, bool)> = BTreeMap::new();
    let mut shelved = Vec::new();

    for Prepared {
        from,
        release,
        copy,
    } in prepared
    {
        if !packuments.contains_key(&release.package) {
            let (packument, seen) = load(site, &release.package).await?;
            packuments.insert(release.package.clone(), (packument, seen, false));
        }
        let Some((packument, _, changed)) = packuments.get_mut(&release.package) else {
            continue;
        };
        let new = match packument.judge(&release) {
            Verdict::New => {
                packument.add(&release, now);
                draft.changes.add(
                    Kind::Tarball,
                    tarball_path(&release.package, &release.version),
                    Body::File(copy),
                    Expect::New,
                );
                true
            }
            Verdict::Same => false,
            Verdict::OtherContent(there) => {
                return Err(taken(&from, &release.package, &there));
            }
        };
        let mut updated = match &wishes.tag {
            Some(tag) => packument.tag(tag, &release.version, now),
            None => {
                let named = match latest {
                    Latest::Moves => new.then_some(&release.version),
                    Latest::Names(named) => Some(named).filter(|named| packument.has(named)),
                    Latest::Stays => None,
                };
                let unnamed = new && !packument.tags.contains_key("latest");
                named
                    .or(unnamed.then_some(&release.version))
                    .is_some_and(|version| packument.tag("latest", version, now))
            }
        };
        if let Some(url) = &wishes.url {
            updated |= packument.rebase(url);
        }
        *changed |= new || updated;
        updated |= describe(desk, draft, &from, &release).await?;
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

    for (package, (packument, seen, changed)) in packuments {
        if changed {
            draft.changes.add(
                Kind::Packument,
                packument_path(&package),
                Body::Bytes(text(&packument, site.store())?),
                Expect::Unchanged(seen),
            );
        }
    }
    Ok(shelved)
}

/// Adds a release's description where there is a repository. True if it was not there like this.
async fn describe(
    desk: &Desk,
    draft: &mut Draft,
    from: &Path,
    release: &Release,
) -> Result<bool, Failure> {
    let Some(editor) = &mut draft.editor else {
        return Ok(false);
    };
    let name = Description::target_name(&release.package, &release.version);
    if let Some(there) = desk.target(&name).await?
        && let Ok(there) = Description::parse(&there, &release.package, &release.version)
        && there.integrity != release.integrity
    {
        return Err(taken(from, &release.package, &there.version));
    }
    let description = Description {
        schema: Description::SCHEMA,
        package: release.package.clone(),
        version: release.version.clone(),
        integrity: release.integrity.clone(),
        packed_size: release.packed_bytes,
        unpacked_size: release.unpacked_bytes,
        engines: release
            .manifest
            .get("engines")
            .and_then(|engines: &Value| Engines::deserialize(engines).ok())
            .unwrap_or_default(),
        tarball: Some(tarball_path(&release.package, &release.version)),
    };
    let mut bytes = serde_json::to_vec_pretty(&description).map_err(|error| {
        Failure::new(
            "repository",
            format_args!("Could not describe {}: {error}", from.display()),
            "Report this; nothing was published.",
        )
    })?;
    bytes.push(b'\n');
    editor.put(&name, bytes)
}

fn taken(from: &Path, package: &PackageName, there: &Version) -> Failure {
    Failure::new(
        "version-exists",
        format_args!(
            "{}: {package}@{there} is published already, with other content",
            from.display(),
        ),
        "Raise the version in its package.json; what is published never changes.",
    )
}

/// A package's index, or an empty one, and what it was when it was read.
pub(crate) async fn load(site: &Site, package: &PackageName) -> Result<(Packument, Seen), Failure> {
    let name = packument_path(package);
    let place = site.store().place(&name);
    let reading = site.get(&name).await?;
    let Some(text) = reading.bytes else {
        return Ok((Packument::new(package.clone()), reading.seen));
    };
    let packument = read(&text, &place)?;
    if packument.name == *package {
        Ok((packument, reading.seen))
    } else {
        Err(Failure::new(
            "packument",
            format_args!(
                "{place} is the index of {}, and {package} would share its folder",
                packument.name
            ),
            "Publish packages whose names differ only in letter case into different folders.",
        ))
    }
}

/// Reads an index that `publish` wrote.
pub(super) fn read(text: &[u8], place: &str) -> Result<Packument, Failure> {
    serde_json::from_slice(text).map_err(|error| {
        Failure::new(
            "packument",
            format_args!("{place} is not a package's index: {error}"),
            "Restore it from a backup, or remove the package's folder and publish it again.",
        )
    })
}

/// An index as it is stored.
pub(crate) fn text(packument: &Packument, store: &Store) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec_pretty(packument).map_err(|error| {
        Failure::new(
            "packument",
            format_args!(
                "Could not write {}: {error}",
                store.place(&packument_path(&packument.name))
            ),
            "Report this; nothing was lost.",
        )
    })
}
