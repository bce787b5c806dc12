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
use crate::repo::{Desk, Draft, layout};

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
    /// It was there, with the same content; a tag, the base URL or its signed description changed, or a
    /// file of it that was lost is there again.
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

/// Whose `latest` is judged how: a site's manifest is about one package, and says nothing of others.
#[derive(Debug, Clone)]
pub(crate) struct Tagging {
    /// For the package that the manifest is about.
    pub(crate) latest: Latest,
    /// That package; None is any.
    pub(crate) package: Option<PackageName>,
}

impl Tagging {
    /// Whether a new version of a package is nobody's before its rollout is started.
    pub(crate) fn waits(&self, package: &PackageName) -> bool {
        *self.of(package) == Latest::Stays
    }

    /// How a package's `latest` is judged.
    fn of(&self, package: &PackageName) -> &Latest {
        match &self.package {
            Some(ruled) if ruled != package => &Latest::Moves,
            _ => &self.latest,
        }
    }
}

/// Adds all of `prepared` to `draft`, or refuses them all, as far as their content decides.
pub(crate) async fn shelve(
    desk: &Desk,
    draft: &mut Draft,
    prepared: Vec<Prepared>,
    wishes: &Wishes,
    tagging: &Tagging,
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
        let mut mended = false;
        let new = match packument.judge(&release) {
            Verdict::New => {
                packument.add(&release, now);
                draft.changes.add(
                    Kind::Tarball,
                    tarball_path(&release.package, &release.version),
                    Body::File(copy),
                    Expect::Unnamed,
                );
                true
            }
            Verdict::Same => {
                let path = tarball_path(&release.package, &release.version);
                let there = site.store().integrity(&path).await?;
                if there.as_ref() != Some(&release.integrity) {
                    draft
                        .changes
                        .add(Kind::Tarball, path, Body::File(copy), Expect::Anything);
                    mended = true;
                }
                false
            }
            Verdict::OtherContent(there) => {
                return Err(taken(&from, &release.package, &there));
            }
        };
        let mut updated = match tag(
            packument,
            &release.version,
            new,
            wishes,
            tagging.of(&release.package),
        ) {
            Some((tag, version)) => packument.tag(&tag, &version, now),
            None => false,
        };
        if let Some(url) = &wishes.url {
            updated |= packument.rebase(url);
        }
        *changed |= new || updated;
        updated |= mended;
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

/// Which tag is to name which version once `version` is published.
fn tag(
    packument: &Packument,
    version: &Version,
    new: bool,
    wishes: &Wishes,
    latest: &Latest,
) -> Option<(String, Version)> {
    if let Some(tag) = &wishes.tag {
        return Some((tag.clone(), version.clone()));
    }
    let named = match latest {
        Latest::Moves => new.then_some(version),
        Latest::Names(named) => Some(named).filter(|named| packument.has(named)),
        Latest::Stays => None,
    };
    // npm can do nothing with a package that has none.
    let first = new && !packument.tags.contains_key("latest");
    named
        .or(first.then_some(version))
        .map(|version| ("latest".to_owned(), version.clone()))
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
    let bytes = description(from, release)?;
    if desk.lacks(&name, &bytes).await? {
        draft.changes.add(
            Kind::Target,
            layout::target(&name, &bytes),
            Body::Bytes(bytes),
            Expect::Anything,
        );
        return Ok(true);
    }
    if let Some(there) = desk.target(&name).await?
        && let Ok(there) = Description::parse(&there, &release.package, &release.version)
        && there.integrity != release.integrity
    {
        return Err(taken(from, &release.package, &there.version));
    }
    editor.put(&name, bytes)
}

/// A release's description, as it is stored.
fn description(from: &Path, release: &Release) -> Result<Vec<u8>, Failure> {
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
    Ok(bytes)
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

/// The packages that are published on a site.
pub(crate) async fn packages(site: &Site) -> Result<Vec<PackageName>, Failure> {
    let store = site.store();
    let mut names = Vec::new();
    for dir in store.dirs("").await? {
        if dir.starts_with('@') {
            let scoped = store.dirs(&dir).await?;
            names.extend(scoped.iter().map(|name| format!("{dir}/{name}")));
        } else {
            names.push(dir);
        }
    }
    let mut packages = Vec::new();
    for name in names {
        if let Ok(package) = name.parse::<PackageName>()
            && site.get(&packument_path(&package)).await?.bytes.is_some()
        {
            packages.push(package);
        }
    }
    Ok(packages)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    /// What `latest` names after 1.1.0 came to 1.0.0, which it named before.
    fn after(latest: &Latest, before: &str, tag_wished: Option<&str>, new: bool) -> Option<String> {
        let mut packument: Packument = serde_json::from_value(serde_json::json!({
            "name": "demo", "dist-tags": {},
            "versions": { "1.0.0": { "name": "demo", "version": "1.0.0", "dist": {
                "tarball": "/demo/-/demo-1.0.0.tgz", "fileCount": 1, "unpackedSize": 1,
                "integrity": Integrity::from_digest([1; 64]) } } },
        }))
        .unwrap();
        let now = Timestamp::UNIX_EPOCH;
        if !before.is_empty() {
            packument.tag("latest", &version(before), now);
        }
        let wishes = Wishes {
            tag: tag_wished.map(str::to_owned),
            url: None,
        };
        if let Some((name, named)) = tag(&packument, &version("1.1.0"), new, &wishes, latest) {
            packument.tag(&name, &named, now);
        }
        packument.tags.get("latest").cloned()
    }

    #[test]
    fn latest_is_moved_by_what_says_who_gets_which_version() {
        let named = |text| Latest::Names(version(text));
        for (latest, before, new, then) in [
            (Latest::Moves, "1.0.0", true, "1.1.0"),
            (Latest::Moves, "1.0.0", false, "1.0.0"),
            (Latest::Stays, "1.0.0", true, "1.0.0"),
            (Latest::Stays, "", true, "1.1.0"),
            (named("1.0.0"), "", true, "1.0.0"),
            (named("1.0.0"), "0.9.0", true, "1.0.0"),
            // What is not published cannot be named.
            (named("0.9.0"), "1.0.0", true, "1.0.0"),
        ] {
            let found = after(&latest, before, None, new);
            assert_eq!(found.as_deref(), Some(then), "{latest:?} {before} {new}");
        }
        for latest in [Latest::Moves, Latest::Stays, named("1.0.0")] {
            assert_eq!(
                after(&latest, "1.0.0", Some("next"), true).as_deref(),
                Some("1.0.0")
            );
            assert_eq!(
                after(&latest, "1.0.0", Some("latest"), true).as_deref(),
                Some("1.1.0")
            );
        }
    }
}
