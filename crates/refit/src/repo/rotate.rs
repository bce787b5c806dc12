//! Gives a role a new key.

use std::path::PathBuf;

use jiff::Timestamp;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::{Root, Signed};

use super::editor::{Editor, Unsigned};
use super::lifetime::Lifetimes;
use super::loaded::{self, Loaded};
use super::{clock, layout, root};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role, SecretKey, Versions};
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Site};

/// What metadata calls a key.
type KeyId = Decoded<Hex>;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    pub(crate) role: Role,
    /// A key made elsewhere; None makes one.
    pub(crate) new_key: Option<PathBuf>,
    /// Root keys besides the folder's own.
    pub(crate) root_keys: Vec<PathBuf>,
    /// The old key is gone, or must not sign once more.
    pub(crate) lost: bool,
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
///
/// Without the old key that cannot be: then all but the timestamp is written, the new root, and the
/// timestamp at once after it. A device that comes between those two accepts nothing new, and keeps what
/// it has.
pub(crate) async fn rotate(
    site: &Site,
    keys: &KeyDir,
    wishes: &Rotation,
    now: Timestamp,
) -> Result<Rotated, Failure> {
    let lock = site.lock()?;
    let role = wishes.role;
    for path in [keys.path()]
        .into_iter()
        .chain(wishes.new_key.as_deref())
        .chain(wishes.root_keys.iter().map(PathBuf::as_path))
    {
        site.must_not_hold(path)?;
    }
    let (loaded, begun) = match loaded::load(site, keys).await {
        Ok(loaded) => (loaded, None),
        Err(failure) if wishes.lost => match stopped(site, keys, role).await? {
            Some((loaded, root)) => (loaded, Some(root)),
            None => return Err(failure),
        },
        Err(failure) => return Err(failure),
    };
    clock::check_aloud(&loaded, now)?;
    if begun.is_none()
        && let Some(done) = finish_files(keys, role, &loaded)?
    {
        return Ok(done);
    }
    if begun.is_none() {
        must_be_able_to(keys, wishes, &loaded, now).await?;
    }
    let next_key = next_key(keys, wishes, &loaded.root.signed)?;
    let old_root = loaded.root.signed.clone();
    let resumed = begun.is_some();
    let (new_root, bytes) = if let Some(begun) = begun {
        begun
    } else {
        let old_key = held(keys, wishes, &old_root)?;
        let mut root = root::next(&old_root, &wishes.lifetimes, now)?;
        root::replace(&mut root, role, &old_key, &next_key.public()?)?;
        // Before anything is written: if its keys are not at hand, nothing has happened.
        let signed = root::sign(root.clone(), Some(&old_root), keys, &wishes.root_keys).await?;
        (root, signed.buffer().clone())
    };

    let version = new_root.version.get();
    let mut versions = loaded.versions();
    let (mut early, mut late) = (Changes::default(), Changes::default());
    if let Some(unsigned) = resigned(role, loaded, wishes, now)? {
        let signed = if wishes.lost {
            unsigned.only_for(new_root).sign(keys).await?
        } else {
            unsigned.also_for(new_root).sign(keys).await?
        };
        versions = signed.versions();
        if wishes.lost {
            let (before, after) = signed.in_two();
            early.extend(before);
            late.extend(after);
        } else {
            early.extend(signed.into_uploads());
        }
    }
    let mut middle = Changes::default();
    let path = layout::metadata(Role::Root, version);
    middle.add(Kind::Root, path, Body::Bytes(bytes.clone()), Expect::New);
    for changes in [early, middle, late] {
        changes.write(site, &lock).await?;
    }
    keys.remember(Versions {
        root: version,
        ..versions
    });
    keys.trust(&bytes)?;
    Ok(Rotated {
        retired: keys.retire(role, old_root.version.get())?,
        root: bytes,
        root_version: version,
        resumed,
    })
}

/// That every other key which this needs is at hand, before a new one is made: a rotation that cannot be
/// done leaves nothing.
async fn must_be_able_to(
    keys: &KeyDir,
    wishes: &Rotation,
    loaded: &Loaded,
    now: Timestamp,
) -> Result<(), Failure> {
    let old_root = &loaded.root.signed;
    held(keys, wishes, old_root)?;
    let root = root::next(old_root, &wishes.lifetimes, now)?;
    root::sign(root, Some(old_root), keys, &wishes.root_keys).await?;
    // The lost key itself could not sign.
    if !wishes.lost
        && let Some(unsigned) = resigned(wishes.role, loaded.clone(), wishes, now)?
    {
        unsigned.sign(keys).await?;
    }
    Ok(())
}

/// A rotation without the old key that was stopped between its root and its timestamp: what the root
/// before says, and the root that is there already.
async fn stopped(
    site: &Site,
    keys: &KeyDir,
    role: Role,
) -> Result<Option<(Loaded, (Root, Vec<u8>))>, Failure> {
    let (Some(next), Some(trusted)) = (SecretKey::find(&keys.next(role))?, keys.trusted_root()?)
    else {
        return Ok(None);
    };
    let Ok(trusted) = serde_json::from_slice::<Signed<Root>>(&trusted) else {
        return Ok(None);
    };
    let before = trusted.signed.version.get();
    let path = layout::metadata(Role::Root, before.saturating_add(1));
    let Some(bytes) = site.get(&path).await?.bytes else {
        return Ok(None);
    };
    let Ok(root) = serde_json::from_slice::<Signed<Root>>(&bytes) else {
        return Ok(None);
    };
    let public = next.public()?;
    let ours = trusted.signed.verify_role(&root).is_ok()
        && root.signed.verify_role(&root).is_ok()
        && root.signed.keys(role.kind()).any(|key| *key == public);
    if !ours {
        return Ok(None);
    }
    let loaded = loaded::load_until(site, keys, Some(before)).await?;
    Ok(Some((loaded, (root.signed, bytes))))
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
fn next_key(keys: &KeyDir, wishes: &Rotation, root: &Root) -> Result<SecretKey, Failure> {
    let path = keys.next(wishes.role);
    let left = SecretKey::find(&path)?;
    if let Some(named) = &wishes.new_key {
        must_be_new(keys, &SecretKey::read(named)?, root)?;
    }
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

/// Refuses a key that signs for any role now, or did once: it would not be worth more than the one that
/// it takes the place of.
fn must_be_new(keys: &KeyDir, key: &SecretKey, root: &Root) -> Result<(), Failure> {
    let public = key.public()?;
    let named = Role::ALL
        .into_iter()
        .find(|role| root.keys(role.kind()).any(|held| *held == public));
    let known = if let Some(role) = named {
        Some(format!("signs for {role} now"))
    } else {
        let mut retired = None;
        for old in keys.retired_keys()? {
            if old.public()? == public {
                retired = Some(format!(
                    "was replaced once: it is kept as {}",
                    old.path().display()
                ));
            }
        }
        retired
    };
    known.map_or(Ok(()), |known| {
        Err(Failure::new(
            "keys",
            format_args!("The key in {} {known}", key.path().display()),
            "Leave --new-key out to have a new key made, or make one elsewhere with `refit keys new`.",
        ))
    })
}

/// The id of the key to be replaced, as the root names it.
fn held(keys: &KeyDir, wishes: &Rotation, old_root: &Root) -> Result<KeyId, Failure> {
    let role = wishes.role;
    let path = keys.current(role);
    let named = old_root
        .roles
        .get(&role.kind())
        .map(|holders| holders.keyids.as_slice())
        .unwrap_or_default();
    let Some(key) = SecretKey::find(&path)? else {
        return match (wishes.lost, named) {
            (true, [only]) if role != Role::Root => Ok(only.clone()),
            (true, _) => Err(Failure::new(
                "keys",
                format_args!("Which of the keys of {role} is lost cannot be told without its file"),
                "Root keys cannot be replaced without the old ones; build a new shell with a new root.",
            )),
            (false, _) => Err(Failure::new(
                "keys",
                format_args!(
                    "{} is not there, and it has to sign once more",
                    path.display()
                ),
                "Bring it. If it is lost, say --lost: devices that come in that very moment try again later.",
            )),
        };
    };
    let id = root::id(&key.public()?)?;
    if named.contains(&id) {
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
