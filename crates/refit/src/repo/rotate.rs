//! Gives a role a new key.

use std::path::PathBuf;

use jiff::Timestamp;
use tough::schema::Root;

use super::editor::{Editor, Unsigned};
use super::lifetime::Lifetimes;
use super::loaded::{self, Loaded};
use super::refresh::warn_of_clock;
use super::{layout, root};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role, SecretKey, Versions};
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Site};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) role: Role,
    /// A key made elsewhere; None makes one.
    pub(crate) new_key: Option<PathBuf>,
    /// Root keys besides the folder's own.
    pub(crate) root_keys: Vec<PathBuf>,
    pub(crate) lifetimes: Lifetimes,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The newest root, which the shell may have built in instead of an older one.
    pub(crate) root: Vec<u8>,
    pub(crate) root_version: u64,
    /// Where the old key is kept.
    pub(crate) retired: Option<PathBuf>,
    /// The site had been done already; only the key files were left.
    pub(crate) resumed: bool,
}

/// Gives a role a new key.
///
/// What the role signs is signed with both keys first, which devices with the old root accept, and then
/// the new root appears, which devices accept with the same files. So a device that comes at any moment
/// finds a whole repository, and stopping anywhere leaves one.
pub(crate) async fn rotate(
    site: &Site,
    keys: &KeyDir,
    wishes: &Rotation,
    now: Timestamp,
) -> Result<Rotated, Failure> {
    let lock = site.lock()?;
    let role = wishes.role;
    let loaded = loaded::load(site, keys).await?;
    warn_of_clock(&loaded, now);
    if let Some(done) = finish_files(keys, role, &loaded)? {
        return Ok(done);
    }
    let next_key = next_key(keys, wishes)?;
    let old_root = loaded.root.signed.clone();
    let old_key = held(keys, role, &old_root)?;
    let mut new_root = root::next(&old_root, &wishes.lifetimes, now)?;
    root::replace(&mut new_root, role, &old_key, &next_key.public()?)?;
    // Before anything is written: if its keys are not at hand, nothing has happened.
    let signed_root =
        root::sign(new_root.clone(), Some(&old_root), keys, &wishes.root_keys).await?;

    let mut versions = loaded.versions();
    if let Some(unsigned) = resigned(role, loaded, wishes, now)? {
        let signed = unsigned.also_for(new_root.clone()).sign(keys).await?;
        versions = signed.versions();
        let mut changes = Changes::default();
        changes.extend(signed.into_uploads());
        changes.write(site, &lock).await?;
        keys.remember(versions);
    }
    let mut changes = Changes::default();
    let version = new_root.version.get();
    let bytes = signed_root.buffer().clone();
    let path = layout::metadata(Role::Root, version);
    changes.add(Kind::Root, path, Body::Bytes(bytes.clone()), Expect::New);
    changes.write(site, &lock).await?;
    keys.remember(Versions {
        root: version,
        ..versions
    });
    keys.trust(&bytes)?;
    Ok(Rotated {
        retired: keys.retire(role, old_root.version.get())?,
        root: bytes,
        root_version: version,
        resumed: false,
    })
}

/// What the role signs, to be signed again. None for the root, which signs itself only.
fn resigned(
    role: Role,
    loaded: Loaded,
    wishes: &Rotation,
    now: Timestamp,
) -> Result<Option<Unsigned>, Failure> {
    if role == Role::Root {
        return Ok(None);
    }
    let mut editor = Editor::from(loaded);
    editor.renew(&[role, Role::Timestamp]);
    editor.finish(&wishes.lifetimes, now)
}

/// Where the newest root names the next key already, only the files are left to be renamed.
fn finish_files(keys: &KeyDir, role: Role, loaded: &Loaded) -> Result<Option<Rotated>, Failure> {
    let Some(next) = SecretKey::find(&keys.next(role))? else {
        return Ok(None);
    };
    let root = &loaded.root.signed;
    let public = next.public()?;
    if !root.keys(role.kind()).any(|key| *key == public) {
        return Ok(None);
    }
    let version = root.version.get();
    let mut bytes = serde_json::to_vec_pretty(&loaded.root)
        .map_err(|error| Failure::new("repository", error, "Run the command again."))?;
    bytes.push(b'\n');
    keys.trust(&bytes)?;
    Ok(Some(Rotated {
        retired: keys.retire(role, version.saturating_sub(1))?,
        root: bytes,
        root_version: version,
        resumed: true,
    }))
}

/// The key to come: one that a stopped rotation left, the one that was named, or a new one.
fn next_key(keys: &KeyDir, wishes: &Rotation) -> Result<SecretKey, Failure> {
    let path = keys.next(wishes.role);
    let left = SecretKey::find(&path)?;
    match (&wishes.new_key, left) {
        (None, Some(left)) => Ok(left),
        (None, None) => SecretKey::make(&path),
        (Some(named), left) => {
            let named = SecretKey::read(named)?;
            match left {
                Some(left) if left.public()? == named.public()? => Ok(left),
                Some(_) => Err(Failure::new(
                    "keys",
                    format_args!(
                        "{} is there, from a rotation that was stopped",
                        path.display()
                    ),
                    "Go on with it by leaving --new-key out, or move it away.",
                )),
                None => named.copy_to(&path),
            }
        }
    }
}

/// The id of the role's key in this folder, as the root names it.
fn held(
    keys: &KeyDir,
    role: Role,
    old_root: &Root,
) -> Result<tough::schema::decoded::Decoded<tough::schema::decoded::Hex>, Failure> {
    let path = keys.current(role);
    let Some(key) = SecretKey::find(&path)? else {
        return Err(Failure::new(
            "keys",
            format_args!(
                "{} is not there, and it has to sign once more",
                path.display()
            ),
            "Bring it. If it is lost, no device can be led on without a gap: see docs/formats/keys.md.",
        ));
    };
    let id = root::id(&key.public()?)?;
    let named = old_root
        .roles
        .get(&role.kind())
        .is_some_and(|holders| holders.keyids.contains(&id));
    if named {
        Ok(id)
    } else {
        Err(Failure::new(
            "keys",
            format_args!(
                "{} is not a key that root {} names for {role}",
                path.display(),
                old_root.version
            ),
            "Use the keys that this repository was made with, or last rotated to.",
        ))
    }
}
