//! Signs again what is about to expire.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;

use super::editor::Editor;
use super::lifetime::{self, Lifetimes};
use super::loaded;
use super::{clock, layout, mend, root};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
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
    /// Files that were put right: manifests that a stopped change had left behind the signed ones, or
    /// whose signed file was lost.
    pub(crate) mended: Vec<String>,
    /// Targets that were signed and are not to be had.
    pub(crate) lost: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refresh {
    pub(crate) lifetimes: Lifetimes,
    /// Signs the root too, for which its keys are needed, with these besides the folder's own.
    pub(crate) root: Option<Vec<PathBuf>>,
    /// The clock may be behind the last signature: that one's was ahead.
    pub(crate) clock_is_right: bool,
}

/// Signs the timestamp, and whatever else is due.
pub(crate) async fn refresh(
    site: &Site,
    keys: &KeyDir,
    wishes: &Refresh,
    now: Timestamp,
) -> Result<Refreshed, Failure> {
    let lock = site.lock()?;
    for path in [keys.path()]
        .into_iter()
        .chain(wishes.root.iter().flatten().map(PathBuf::as_path))
    {
        site.must_not_hold(path)?;
    }
    let loaded = loaded::load(site, keys).await?;
    if wishes.clock_is_right {
        clock::warn(&loaded, now);
    } else {
        clock::check_aloud(&loaded, now)?;
    }
    let lifetimes = &wishes.lifetimes;
    let old = loaded.root.signed.clone();
    let mut signed_roles = BTreeMap::new();
    let mut root_expires = old.expires;
    let mut new_root = None;
    if let Some(more) = &wishes.root {
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
    let mending = mend::uploads(site, &loaded, &Changes::default()).await?;
    let targets = loaded.targets.clone();

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
    let mut mended = Vec::new();
    for (name, upload) in mending {
        mended.push(name);
        changes.extend(vec![upload]);
    }
    if let Some((version, bytes)) = &new_root {
        let path = layout::metadata(Role::Root, *version);
        changes.add(Kind::Root, path, Body::Bytes(bytes.clone()), Expect::New);
    }
    changes.write(site, &lock).await?;
    if let Some((_, bytes)) = &new_root {
        keys.trust_if_possible(bytes);
    }
    if let Some(versions) = versions {
        let root = new_root.as_ref().map_or(versions.root, |(root, _)| *root);
        keys.remember(crate::keys::Versions { root, ..versions });
    }
    Ok(Refreshed {
        signed: signed_roles,
        root: root_expires,
        root_is_due,
        mended,
        lost: mend::lost(site, &targets).await?,
    })
}
