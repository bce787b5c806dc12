//! Signs again what is about to expire.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::editor::Editor;
use super::lifetime::{self, Lifetimes};
use super::loaded::{self, Loaded};
use super::{layout, root};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
use crate::output::say;
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Site};

/// What came of a refresh.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// What was signed, and until when it holds.
    pub(crate) signed: BTreeMap<Role, Timestamp>,
    /// Until when the root holds.
    pub(crate) root: Timestamp,
    /// The root should be signed again, and was not asked for.
    pub(crate) root_is_due: bool,
    /// Plain manifests that a stopped change had left behind the signed ones.
    pub(crate) mended: Vec<String>,
}

/// Signs the timestamp, and whatever else is due. With `sign_root`, the root too, for which its keys
/// are needed; nothing else needs them.
pub(crate) async fn refresh(
    site: &Site,
    keys: &KeyDir,
    lifetimes: &Lifetimes,
    sign_root: Option<&[PathBuf]>,
    now: Timestamp,
) -> Result<Refreshed, Failure> {
    let lock = site.lock()?;
    let loaded = loaded::load(site, keys).await?;
    warn_of_clock(&loaded, now);
    let old = loaded.root.signed.clone();
    let mut signed_roles = BTreeMap::new();
    let mut root_expires = old.expires;
    let mut new_root = None;
    if let Some(more) = sign_root {
        let root = root::next(&old, lifetimes, now)?;
        root_expires = root.expires;
        signed_roles.insert(Role::Root, root.expires);
        let version = root.version.get();
        let done = root::sign(root, Some(&old), keys, more).await?;
        new_root = Some((version, done.buffer().clone()));
    }

    let due = |role: Role, expires, extra| {
        let before = lifetimes.seconds(role, Some(extra));
        lifetime::is_due(expires, before, now)
    };
    let targets_due = due(
        Role::Targets,
        loaded.targets.expires,
        &loaded.targets._extra,
    );
    let snapshot_due = due(
        Role::Snapshot,
        loaded.snapshot.expires,
        &loaded.snapshot._extra,
    );
    let root_is_due = new_root.is_none() && due(Role::Root, old.expires, &old._extra);
    let mended = behind(site, &loaded).await?;

    let mut editor = Editor::from(loaded);
    editor.renew(lifetime::to_sign(targets_due, snapshot_due));
    let mut changes = Changes::default();
    let mut versions = None;
    if let Some(unsigned) = editor.finish(lifetimes, now)? {
        let signed = unsigned.sign(keys).await?;
        signed_roles.extend(signed.expiries().iter().copied());
        versions = Some(signed.versions());
        changes.extend(signed.into_uploads());
    }
    for (name, bytes, seen) in &mended {
        let body = Body::Bytes(bytes.clone());
        changes.add(Kind::Manifest, name, body, Expect::Unchanged(seen.clone()));
    }
    if let Some((version, bytes)) = &new_root {
        let path = layout::metadata(Role::Root, *version);
        changes.add(Kind::Root, path, Body::Bytes(bytes.clone()), Expect::New);
    }
    changes.write(site, &lock).await?;
    if let Some((_, bytes)) = &new_root {
        keys.trust(bytes)?;
    }
    if let Some(versions) = versions {
        let root = new_root.as_ref().map_or(versions.root, |(root, _)| *root);
        keys.remember(crate::keys::Versions { root, ..versions });
    }
    Ok(Refreshed {
        signed: signed_roles,
        root: root_expires,
        root_is_due,
        mended: mended.into_iter().map(|(name, ..)| name).collect(),
    })
}

/// Plain manifests that differ from the signed ones, with what they should hold.
async fn behind(
    site: &Site,
    loaded: &Loaded,
) -> Result<Vec<(String, Vec<u8>, crate::site::Seen)>, Failure> {
    let mut behind = Vec::new();
    for name in site.store().list("").await? {
        let Some((_, target)) = loaded
            .targets
            .targets
            .iter()
            .find(|(target, _)| target.raw() == name)
        else {
            continue;
        };
        let path = layout::target_of(&name, &hex::encode(&target.hashes.sha256));
        let plain = site.get(&name).await?;
        if let Some(signed) = site.get(&path).await?.bytes
            && plain.bytes.as_deref() != Some(&signed)
        {
            behind.push((name, signed, plain.seen));
        }
    }
    Ok(behind)
}

/// Devices take the time of signing for the least that the time can be.
pub(super) fn warn_of_clock(loaded: &Loaded, now: Timestamp) {
    if let Some(signed_at) = loaded.signed_at()
        && signed_at.as_second() > now.as_second() + 60
    {
        say(&format!(
            "Warning: this repository was last signed at {signed_at}, which this machine's clock has not \
             reached. Check the clock."
        ));
    }
}
