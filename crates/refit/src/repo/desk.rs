//! Where a publisher works on a site: what is there, and one set of changes to it.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rollout::{Description, Manifest, PackageName, Version};
use tough::TargetName;

use super::editor::Editor;
use super::lifetime::Lifetimes;
use super::loaded::{self, Loaded};
use super::mend::{self, Content};
use super::{clock, layout};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Lock, Seen, Site, meanwhile, packument_path, shelf};

/// A site, and its repository where it has one, as they were when the desk was opened.
///
/// Where a person is asked, no lock is held meanwhile ([`Desk::open`]), and whatever somebody else
/// changes in that time makes writing fail. Where nobody is, it is held from the first look to the last
/// write ([`Desk::hold`]), and in a folder publishers take turns.
#[derive(Debug)]
pub(crate) struct Desk {
    site: Site,
    signed: Option<(KeyDir, Loaded)>,
    /// Plain manifests as they were read.
    plain: BTreeMap<String, Seen>,
    /// None where it is only taken to write.
    lock: Option<Lock>,
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
    /// Waits until the site is nobody else's, then looks at it; it stays so until this is dropped.
    pub(crate) async fn hold(site: Site, keys: Option<&Path>) -> Result<Self, Failure> {
        let lock = site.lock()?;
        let desk = Self::open(site, keys).await?;
        Ok(Self {
            lock: Some(lock),
            ..desk
        })
    }

    /// Looks at a site. Where it has a repository, that is verified, and `keys` are needed.
    pub(crate) async fn open(site: Site, keys: Option<&Path>) -> Result<Self, Failure> {
        let place = site.store().place("repo/");
        let signed = match (loaded::is_signed(&site).await?, keys) {
            (false, None) => None,
            (true, Some(dir)) => {
                let keys = KeyDir::open(dir)?;
                site.must_not_hold(dir)?;
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
            (false, Some(_)) => return Err(loaded::unsigned(&place)),
        };
        Ok(Self {
            site,
            signed,
            plain: BTreeMap::new(),
            lock: None,
        })
    }

    /// Refuses to go on where the machine's clock is behind what was signed, and says what else is odd
    /// about it. To be asked before a person is.
    pub(crate) fn check_clock(&self, now: Timestamp) -> Result<(), Failure> {
        match &self.signed {
            Some((_, loaded)) => clock::check_aloud(loaded, now),
            None => Ok(()),
        }
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
        shelf::packages(&self.site).await
    }

    /// A target's content, verified. None where there is no such target.
    pub(crate) async fn target(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some((_, loaded)) = &self.signed else {
            return Ok(None);
        };
        match mend::content(&self.site, &loaded.targets, name).await? {
            Content::Unsigned => Ok(None),
            Content::Whole(bytes) | Content::Spare(bytes) => Ok(Some(bytes)),
            Content::Lost(other) => Err(Failure::new(
                "repository",
                format_args!(
                    "The target {name} in {} is not what was signed: {}",
                    self.site.store().place("repo/targets/"),
                    if other {
                        "its content is another"
                    } else {
                        "it is missing"
                    },
                ),
                "Restore it from a backup; its name begins with the sha256 of what it holds. A release's \
                 description is made again by publishing the same tarball.",
            )),
        }
    }

    /// Whether a target was signed with just this content, and is not there.
    pub(crate) async fn lacks(&self, name: &str, content: &[u8]) -> Result<bool, Failure> {
        let Some((_, loaded)) = &self.signed else {
            return Ok(false);
        };
        let found = mend::content(&self.site, &loaded.targets, name).await?;
        Ok(matches!(found, Content::Lost(_)) && mend::is_signed(&loaded.targets, name, content))
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

    /// Signs a draft and writes it, and puts right what a stopped change left behind: the names of those
    /// files.
    pub(crate) async fn write(&self, draft: Draft, now: Timestamp) -> Result<Vec<String>, Failure> {
        match &self.lock {
            Some(lock) => self.write_under(lock, draft, now).await,
            None => self.write_under(&self.site.lock()?, draft, now).await,
        }
    }

    async fn write_under(
        &self,
        lock: &Lock,
        draft: Draft,
        now: Timestamp,
    ) -> Result<Vec<String>, Failure> {
        let Draft {
            mut changes,
            editor,
        } = draft;
        let mut mended = Vec::new();
        let mut versions = None;
        if let (Some(editor), Some((keys, loaded))) = (editor, &self.signed) {
            let mending = mend::uploads(&self.site, loaded, &changes).await?;
            self.must_be_as_loaded(loaded).await?;
            if let Some(unsigned) = editor.finish(&Lifetimes::default(), now)? {
                clock::check(loaded, now)?;
                let signed = unsigned.sign(keys).await?;
                versions = Some((keys, signed.versions()));
                changes.extend(signed.into_uploads());
            }
            for (name, upload) in mending {
                mended.push(name);
                changes.extend(vec![upload]);
            }
        }
        changes.write(&self.site, lock).await?;
        if let Some((keys, versions)) = versions {
            keys.remember(versions);
        }
        Ok(mended)
    }

    /// That nobody signed anything since the desk was opened. Keys may have been replaced with it, so
    /// this is asked before anything is signed.
    async fn must_be_as_loaded(&self, loaded: &Loaded) -> Result<(), Failure> {
        let store = self.site.store();
        let next = loaded.root.signed.version.get().saturating_add(1);
        let next = layout::metadata(Role::Root, next);
        if self.site.get(layout::TIMESTAMP).await?.seen != loaded.seen {
            Err(meanwhile(&store.place(layout::TIMESTAMP)))
        } else if self.site.get(&next).await?.bytes.is_some() {
            Err(meanwhile(&store.place(&next)))
        } else {
            Ok(())
        }
    }

    /// Puts right what a stopped change left behind the signed state: plain manifests, and signed ones
    /// whose file is lost. Returns the names of those files. Needs nobody's consent, since it only
    /// finishes what was agreed to. Nothing to do on a site without a repository.
    pub(crate) async fn mend(&self, now: Timestamp) -> Result<Vec<String>, Failure> {
        self.write(self.draft(), now).await
    }

    /// Publishes a manifest, signed where there is a repository, and moves the dist-tag `latest` with it
    /// where that is asked for.
    pub(crate) async fn publish_manifest(
        &self,
        change: Change,
        now: Timestamp,
    ) -> Result<(), Failure> {
        match &self.lock {
            Some(lock) => self.publish_under(lock, change, now).await,
            None => self.publish_under(&self.site.lock()?, change, now).await,
        }
    }

    async fn publish_under(
        &self,
        lock: &Lock,
        change: Change,
        now: Timestamp,
    ) -> Result<(), Failure> {
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
        self.write_under(lock, draft, now).await?;
        Ok(())
    }
}
