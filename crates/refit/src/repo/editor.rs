//! The next state of a repository: editor → unsigned → signed.
//!
//! Only a [`Signed`] one has files that can be written to a site, so an unsigned repository cannot be.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tough::TargetName;
use tough::editor::signed::SignedRole;
use tough::schema::{Hashes, Metafile, Root, Snapshot, Target, Targets, Timestamp as Newest};

use super::layout;
use super::lifetime::{self, Lifetimes};
use super::loaded::{Loaded, Taken};
use super::signing::sign;
use crate::failure::Failure;
use crate::keys::{KeyDir, Role, Versions};
use crate::site::changes::{Kind, Upload};
use crate::site::{Body, Expect, Seen};

/// The version of TUF's specification that the metadata is written for.
pub(crate) const SPEC_VERSION: &str = "1.0.0";

/// The field of `timestamp.json` that says when it was signed; RFC 3339, whole seconds.
pub(crate) const SIGNED_AT: &str = "x-signedAt";

/// What may still be changed.
#[derive(Debug)]
pub(crate) struct Editor {
    root: Root,
    before: Option<Loaded>,
    taken: Taken,
    seen: Seen,
    /// Targets that are new, or have another content.
    put: BTreeMap<String, Vec<u8>>,
    renew: Vec<Role>,
}

/// What is to be signed: at least a timestamp.
#[derive(Debug)]
pub(crate) struct Unsigned {
    root: Root,
    /// Another root that the signatures must satisfy as well.
    also: Option<Root>,
    targets: Option<Targets>,
    snapshot: Option<Snapshot>,
    timestamp: Newest,
    put: BTreeMap<String, Vec<u8>>,
    seen: Seen,
    targets_version: NonZeroU64,
    snapshot_version: NonZeroU64,
}

/// Signed files, ready to be written.
#[derive(Debug)]
pub(crate) struct Signed {
    uploads: Vec<Upload>,
    versions: Versions,
    expiries: Vec<(Role, Timestamp)>,
}

impl Editor {
    /// Goes on from what is there.
    pub(crate) fn from(loaded: Loaded) -> Self {
        Self {
            root: loaded.root.signed.clone(),
            taken: loaded.taken,
            seen: loaded.seen.clone(),
            before: Some(loaded),
            put: BTreeMap::new(),
            renew: Vec::new(),
        }
    }

    /// Starts a repository under `root`.
    pub(crate) fn start(root: Root, taken: Taken) -> Self {
        Self {
            root,
            before: None,
            taken,
            seen: Seen::Absent,
            put: BTreeMap::new(),
            renew: Role::ALL[1..].to_vec(),
        }
    }

    /// Sets a target's content. False where it has it already.
    pub(crate) fn put(&mut self, name: &str, content: Vec<u8>) -> Result<bool, Failure> {
        let known = target_name(name)?;
        let same = self.before.as_ref().is_some_and(|before| {
            before
                .targets
                .targets
                .get(&known)
                .is_some_and(|target| target.hashes.sha256[..] == Sha256::digest(&content)[..])
        });
        if same {
            self.put.remove(name);
        } else {
            self.put.insert(name.to_owned(), content);
        }
        Ok(!same)
    }

    /// Signs a role again, whether it changed or not.
    pub(crate) fn renew(&mut self, roles: &[Role]) {
        self.renew.extend(roles);
    }

    /// Closes the edit. None where nothing is to be signed.
    pub(crate) fn finish(
        self,
        lifetimes: &Lifetimes,
        now: Timestamp,
    ) -> Result<Option<Unsigned>, Failure> {
        let Self {
            root,
            before,
            taken,
            seen,
            put,
            renew,
        } = self;
        let sign_targets = !put.is_empty() || renew.contains(&Role::Targets);
        let sign_snapshot = sign_targets || renew.contains(&Role::Snapshot);
        if !sign_snapshot && !renew.contains(&Role::Timestamp) {
            return Ok(None);
        }
        let version = |role: Role, taken: u64| -> Result<NonZeroU64, Failure> {
            let before = before
                .as_ref()
                .map_or(0, |before| before.versions().of(role));
            next_version(role, before.max(taken))
        };
        let dated = |role: Role, extra: Option<&HashMap<String, Value>>| {
            let seconds = lifetimes.seconds(role, extra);
            (seconds, lifetime::expires(now, seconds))
        };

        let old = before.as_ref().map(|before| &before.targets);
        let targets = if sign_targets {
            let (seconds, expires) = dated(Role::Targets, old.map(|old| &old._extra));
            let number = version(Role::Targets, taken.targets)?;
            let mut targets = Targets::new(SPEC_VERSION.to_owned(), number, expires);
            targets.delegations = None;
            if let Some(old) = old {
                targets.targets.clone_from(&old.targets);
                targets.delegations.clone_from(&old.delegations);
                targets._extra.clone_from(&old._extra);
            }
            lifetime::keep(seconds, &mut targets._extra);
            for (name, content) in &put {
                targets.add_target(target_name(name)?, describe(content));
            }
            Some(targets)
        } else {
            None
        };

        let old = before.as_ref().map(|before| &before.snapshot);
        let snapshot = if sign_snapshot {
            let (seconds, expires) = dated(Role::Snapshot, old.map(|old| &old._extra));
            let number = version(Role::Snapshot, taken.snapshot)?;
            let mut snapshot = Snapshot::new(SPEC_VERSION.to_owned(), number, expires);
            if let Some(old) = old {
                snapshot.meta.clone_from(&old.meta);
                snapshot._extra.clone_from(&old._extra);
            }
            lifetime::keep(seconds, &mut snapshot._extra);
            Some(snapshot)
        } else {
            None
        };

        let old = before.as_ref().map(|before| &before.timestamp);
        let (seconds, expires) = dated(Role::Timestamp, old.map(|old| &old._extra));
        let mut timestamp = Newest::new(
            SPEC_VERSION.to_owned(),
            version(Role::Timestamp, 0)?,
            expires,
        );
        if let Some(old) = old {
            timestamp.meta.clone_from(&old.meta);
            timestamp._extra.clone_from(&old._extra);
        }
        lifetime::keep(seconds, &mut timestamp._extra);
        timestamp._extra.insert(
            SIGNED_AT.to_owned(),
            Value::from(lifetime::whole(now).to_string()),
        );

        let versions = before.as_ref().map(Loaded::versions).unwrap_or_default();
        let standing = |signed: Option<NonZeroU64>, role| {
            signed.map_or_else(
                || next_version(role, versions.of(role).saturating_sub(1)),
                Ok,
            )
        };
        Ok(Some(Unsigned {
            targets_version: standing(targets.as_ref().map(|one| one.version), Role::Targets)?,
            snapshot_version: standing(snapshot.as_ref().map(|one| one.version), Role::Snapshot)?,
            root,
            also: None,
            targets,
            snapshot,
            timestamp,
            put,
            seen,
        }))
    }
}

impl Unsigned {
    /// Makes every signature satisfy `root` as well: whichever of the two roots a device has, it
    /// accepts what is signed.
    pub(crate) fn also_for(mut self, root: Root) -> Self {
        self.also = Some(root);
        self
    }

    /// Signs for `root` instead, which the site does not have yet.
    pub(crate) fn only_for(mut self, root: Root) -> Self {
        self.root = root;
        self
    }

    /// Signs it. Only the keys of roles that are signed are read.
    pub(crate) async fn sign(self, keys: &KeyDir) -> Result<Signed, Failure> {
        // On the heap: three roles at once are much for a stack.
        Box::pin(self.sign_all(keys)).await
    }

    async fn sign_all(self, keys: &KeyDir) -> Result<Signed, Failure> {
        let Self {
            root,
            also,
            targets,
            snapshot,
            mut timestamp,
            put,
            seen,
            targets_version,
            snapshot_version,
        } = self;
        let mut uploads = Vec::new();
        let mut expiries = Vec::new();
        let mut upload = |kind, name: String, bytes: Vec<u8>, expect| {
            uploads.push(Upload {
                kind,
                name,
                body: Body::Bytes(bytes),
                expect,
            });
        };
        for (name, content) in put {
            let path = layout::target(&name, &content);
            upload(Kind::Target, path, content, Expect::Anything);
        }
        let also = also.as_ref();

        let mut targets_meta = None;
        if let Some(targets) = targets {
            let version = targets.version;
            expiries.push((Role::Targets, targets.expires));
            let done = sign(Role::Targets, targets, &root, also, keys).await?;
            targets_meta = Some(metafile(&done, version));
            let path = layout::metadata(Role::Targets, version.get());
            upload(Kind::Targets, path, done.buffer().clone(), Expect::New);
        }
        if let Some(mut snapshot) = snapshot {
            if let Some(meta) = targets_meta {
                snapshot.meta.insert("targets.json".to_owned(), meta);
            }
            let version = snapshot.version;
            expiries.push((Role::Snapshot, snapshot.expires));
            let done = sign(Role::Snapshot, snapshot, &root, also, keys).await?;
            timestamp
                .meta
                .insert("snapshot.json".to_owned(), metafile(&done, version));
            let path = layout::metadata(Role::Snapshot, version.get());
            upload(Kind::Snapshot, path, done.buffer().clone(), Expect::New);
        }
        let timestamp_version = timestamp.version;
        expiries.push((Role::Timestamp, timestamp.expires));
        let done = sign(Role::Timestamp, timestamp, &root, also, keys).await?;
        upload(
            Kind::Timestamp,
            layout::TIMESTAMP.to_owned(),
            done.buffer().clone(),
            Expect::Unchanged(seen),
        );
        Ok(Signed {
            uploads,
            versions: Versions {
                root: root.version.get(),
                targets: targets_version.get(),
                snapshot: snapshot_version.get(),
                timestamp: timestamp_version.get(),
            },
            expiries,
        })
    }
}

impl Signed {
    /// The versions once it is written.
    pub(crate) fn versions(&self) -> Versions {
        self.versions
    }

    /// What was signed, and until when it holds.
    pub(crate) fn expiries(&self) -> &[(Role, Timestamp)] {
        &self.expiries
    }

    /// The files to write: those that nothing leads to yet, and the timestamp, which does.
    pub(crate) fn in_two(self) -> (Vec<Upload>, Vec<Upload>) {
        self.uploads
            .into_iter()
            .partition(|upload| upload.kind != Kind::Timestamp)
    }

    /// The files to write.
    pub(crate) fn into_uploads(self) -> Vec<Upload> {
        self.uploads
    }
}

fn next_version(role: Role, before: u64) -> Result<NonZeroU64, Failure> {
    before
        .checked_add(1)
        .and_then(NonZeroU64::new)
        .ok_or_else(|| {
            Failure::new(
                "repository",
                format_args!("There is no version after {before} for {role}"),
                "Rotate the keys of the timestamp and the snapshot.",
            )
        })
}

/// A target's name. Ours are flat: no host would have to be trusted with folders.
fn target_name(name: &str) -> Result<TargetName, Failure> {
    TargetName::new(name)
        .ok()
        .filter(|known| known.resolved() == name && !name.contains(['/', '\\']))
        .ok_or_else(|| {
            Failure::new(
                "repository",
                format_args!("`{name}` cannot be the name of a target"),
                "Choose a name without slashes.",
            )
        })
}

fn describe(content: &[u8]) -> Target {
    Target {
        length: content.len() as u64,
        hashes: hashes(&Sha256::digest(content)),
        custom: HashMap::new(),
        _extra: HashMap::new(),
    }
}

fn hashes(sha256: &[u8]) -> Hashes {
    Hashes {
        sha256: sha256.to_vec().into(),
        _extra: HashMap::new(),
    }
}

fn metafile<T: tough::schema::Role>(done: &SignedRole<T>, version: NonZeroU64) -> Metafile {
    Metafile {
        length: Some(*done.length()),
        hashes: Some(hashes(done.sha256())),
        version,
        _extra: HashMap::new(),
    }
}
