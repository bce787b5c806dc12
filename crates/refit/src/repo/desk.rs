//! Where a publisher works on a site: what is there, and one set of changes to it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rollout::{Description, Manifest, PackageName, Version};
use sha2::{Digest as _, Sha256};
use tough::TargetName;

use super::editor::Editor;
use super::layout;
use super::lifetime::Lifetimes;
use super::loaded::{self, Loaded};
use crate::failure::Failure;
use crate::keys::KeyDir;
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Lock, Seen, Site, packument_path, shelf};

/// A site, and its repository where it has one, as they were when the desk was opened. No lock is held
/// meanwhile, so a person may be asked; whatever somebody else changes in that time makes writing fail.
#[derive(Debug)]
pub(crate) struct Desk {
    site: Site,
    signed: Option<(KeyDir, Loaded)>,
    /// Plain manifests as they were read.
    plain: BTreeMap<String, Seen>,
}

/// A change of who gets which version.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// `latest.json`, or another channel's file.
    pub(crate) file: String,
    /// Its whole new content.
    pub(crate) bytes: Vec<u8>,
    /// Points the dist-tag `latest` of the package at a version: for npm, and for devices that know no manifest.
    pub(crate) latest: Option<(PackageName, Version)>,
}

/// Changes being put together.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) changes: Changes,
    /// None on a site without a repository.
    pub(crate) editor: Option<Editor>,
}

/// A site's plain manifest, unverified; for showing.
pub(crate) async fn plain_manifest(site: &Site, file: &str) -> Result<Option<Vec<u8>>, Failure> {
    Ok(site.get(file).await?.bytes)
}

impl Desk {
    /// Looks at a site. Where it has a repository, that is verified, and `keys` are needed.
    pub(crate) async fn open(site: Site, keys: Option<&Path>) -> Result<Self, Failure> {
        let place = site.store().place("repo/");
        let signed = match (loaded::is_signed(&site).await?, keys) {
            (false, None) => None,
            (true, Some(dir)) => {
                let keys = KeyDir::open(dir)?;
                let loaded = loaded::load(&site, &keys).await?;
                Some((keys, loaded))
            }
            (true, None) => {
                return Err(Failure::usage(
                    format_args!(
                        "{place} is a signed repository: changing this site needs its keys"
                    ),
                    "Say --keys DIR, the folder that `refit keys new` made.",
                ));
            }
            (false, Some(_)) => {
                return Err(Failure::usage(
                    format_args!("{place} is not there, so there is nothing to sign with --keys"),
                    "Make the repository with `refit repo init`, or leave --keys out.",
                ));
            }
        };
        Ok(Self {
            site,
            signed,
            plain: BTreeMap::new(),
        })
    }

    /// The site.
    pub(crate) fn site(&self) -> &Site {
        &self.site
    }

    /// Whether the site has a repository.
    pub(crate) fn signed(&self) -> bool {
        self.signed.is_some()
    }

    /// A manifest: the signed one where there is a repository, else the plain file.
    pub(crate) async fn manifest(&mut self, file: &str) -> Result<Option<Vec<u8>>, Failure> {
        if self.signed() {
            return self.target(file).await;
        }
        let reading = self.site.get(file).await?;
        self.plain.insert(file.to_owned(), reading.seen);
        Ok(reading.bytes)
    }

    /// Whether devices can get a version: the packument names it, and the repository describes it.
    pub(crate) async fn published(
        &self,
        package: &PackageName,
        version: &Version,
    ) -> Result<bool, Failure> {
        let (packument, _) = shelf::load(&self.site, package).await?;
        let named = packument.has(version);
        let described = match &self.signed {
            None => true,
            Some((_, loaded)) => TargetName::new(Description::target_name(package, version))
                .is_ok_and(|name| loaded.targets.targets.contains_key(&name)),
        };
        Ok(named && described)
    }

    /// What the dist-tag `latest` of a package names, where it can be read as a version.
    pub(crate) async fn latest(&self, package: &PackageName) -> Result<Option<Version>, Failure> {
        let (packument, _) = shelf::load(&self.site, package).await?;
        Ok(packument
            .tags
            .get("latest")
            .and_then(|tag| tag.parse().ok()))
    }

    /// The packages that are published on the site.
    pub(crate) async fn packages(&self) -> Result<Vec<PackageName>, Failure> {
        let store = self.site.store();
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
                && self
                    .site
                    .get(&packument_path(&package))
                    .await?
                    .bytes
                    .is_some()
            {
                packages.push(package);
            }
        }
        Ok(packages)
    }

    /// A target's content, verified. None where there is no such target.
    pub(crate) async fn target(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let target = self.signed.as_ref().and_then(|(_, loaded)| {
            let name = TargetName::new(name).ok()?;
            loaded.targets.targets.get(&name)
        });
        let Some(target) = target else {
            return Ok(None);
        };
        let path = layout::target_of(name, &hex::encode(&target.hashes.sha256));
        let found = self.site.get(&path).await?.bytes;
        match found {
            Some(bytes) if Sha256::digest(&bytes)[..] == target.hashes.sha256[..] => {
                Ok(Some(bytes))
            }
            _ => Err(Failure::new(
                "repository",
                format_args!(
                    "{} is not what was signed: {}",
                    self.site.store().place(&path),
                    if found.is_some() {
                        "its content is another"
                    } else {
                        "it is missing"
                    },
                ),
                "Restore it from a backup; its name is the sha256 of what it holds.",
            )),
        }
    }

    /// Nothing changed yet.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            changes: Changes::default(),
            editor: self
                .signed
                .as_ref()
                .map(|(_, loaded)| Editor::from(loaded.clone())),
        }
    }

    /// Puts a manifest into a draft, signed and plain.
    pub(crate) async fn put_manifest(
        &self,
        draft: &mut Draft,
        file: &str,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        if bytes.len() as u64 > Manifest::MOST_BYTES {
            return Err(Failure::new(
                "manifest",
                format_args!("{file} would be larger than {} bytes", Manifest::MOST_BYTES),
                "Shorten its notes: devices refuse a larger one.",
            ));
        }
        if let Some(editor) = &mut draft.editor {
            editor.put(file, bytes.clone())?;
        }
        // Where there is a repository, its timestamp tells of others, and the plain file follows.
        let seen = match self.plain.get(file) {
            Some(seen) if !self.signed() => seen.clone(),
            _ => self.site.get(file).await?.seen,
        };
        let body = Body::Bytes(bytes);
        draft
            .changes
            .add(Kind::Manifest, file, body, Expect::Unchanged(seen));
        Ok(())
    }

    /// Signs a draft and writes it. True if there was anything to write.
    pub(crate) async fn write(
        &self,
        draft: Draft,
        lock: &Lock,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let Draft {
            mut changes,
            editor,
        } = draft;
        let mut versions = None;
        if let (Some(editor), Some((keys, loaded))) = (editor, &self.signed)
            && let Some(unsigned) = editor.finish(&Lifetimes::default(), now)?
        {
            super::refresh::warn_of_clock(loaded, now);
            let signed = unsigned.sign(keys).await?;
            versions = Some((keys, signed.versions()));
            changes.extend(signed.into_uploads());
        }
        let something = !changes.is_empty();
        changes.write(&self.site, lock).await?;
        if let Some((keys, versions)) = versions {
            keys.remember(versions);
        }
        Ok(something)
    }

    /// Publishes a manifest, signed where there is a repository, and moves the dist-tag `latest` with it
    /// where that is asked for.
    pub(crate) async fn publish_manifest(
        &self,
        change: Change,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let lock = self.site.lock()?;
        let mut draft = self.draft();
        if let Some((package, version)) = &change.latest {
            let (mut packument, seen) = shelf::load(&self.site, package).await?;
            if packument.tag("latest", version, now) {
                let bytes = shelf::text(&packument, self.site.store())?;
                draft.changes.add(
                    Kind::Packument,
                    packument_path(package),
                    Body::Bytes(bytes),
                    Expect::Unchanged(seen),
                );
            }
        }
        self.put_manifest(&mut draft, &change.file, change.bytes)
            .await?;
        self.write(draft, &lock, now).await?;
        Ok(())
    }
}
