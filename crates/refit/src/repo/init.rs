//! Makes a repository on a site.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;

use jiff::Timestamp;
use rollout::Manifest;
use tough::schema::{Root, Signed};

use super::editor::Editor;
use super::lifetime::Lifetimes;
use super::loaded::{self, Taken};
use super::{layout, root};
use crate::failure::Failure;
use crate::keys::{KeyDir, Role, SecretKey};
use crate::site::changes::{Changes, Kind};
use crate::site::{Body, Expect, Site};

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Init {
    /// How many root keys must sign a root.
    pub(crate) threshold: NonZeroU64,
    /// Root keys besides the folder's own.
    pub(crate) root_keys: Vec<PathBuf>,
    pub(crate) lifetimes: Lifetimes,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Made {
    /// False where the repository was there already, made with these keys.
    pub(crate) new: bool,
    /// The trusted root, to be built into the shell.
    pub(crate) root: Vec<u8>,
    /// Manifests that are signed now.
    pub(crate) manifests: Vec<String>,
    pub(crate) expiries: BTreeMap<Role, Timestamp>,
}

/// Makes the repository. Stopped anywhere, running it again with the same keys finishes it; before that
/// the site has no timestamp, and no device accepts anything of it.
pub(crate) async fn init(
    site: &Site,
    keys: &KeyDir,
    wishes: &Init,
    now: Timestamp,
) -> Result<Made, Failure> {
    let lock = site.lock()?;
    if site.get(layout::TIMESTAMP).await?.bytes.is_some() {
        let loaded = loaded::load(site, keys).await?;
        let root = keys.trusted_root()?.unwrap_or_default();
        let expiries = BTreeMap::from([
            (Role::Root, loaded.root.signed.expires),
            (Role::Targets, loaded.targets.expires),
            (Role::Snapshot, loaded.snapshot.expires),
            (Role::Timestamp, loaded.timestamp.expires),
        ]);
        return Ok(Made {
            new: false,
            root,
            manifests: Vec::new(),
            expiries,
        });
    }
    let (bytes, root) = trusted(keys, wishes, now).await?;
    let path = layout::metadata(Role::Root, 1);
    if let Some(there) = site.get(&path).await?.bytes
        && there != bytes
    {
        return Err(Failure::new(
            "repository",
            format_args!(
                "{} is another repository's root: its making was begun with other keys",
                site.store().place(&path)
            ),
            "Use those keys, or another site.",
        ));
    }
    // Locally first: a root that is on the site and nowhere else could not be gone on with.
    keys.trust(&bytes)?;
    let mut changes = Changes::default();
    changes.add(Kind::Root, path, Body::Bytes(bytes.clone()), Expect::New);

    let mut editor = Editor::start(root.clone(), Taken::of(site).await?);
    let mut manifests = Vec::new();
    for name in site.store().list("").await? {
        if let Some(bytes) = manifest(site, &name).await? {
            editor.put(&name, bytes)?;
            manifests.push(name);
        }
    }
    manifests.sort();
    let mut expiries = BTreeMap::from([(Role::Root, root.expires)]);
    if let Some(unsigned) = editor.finish(&wishes.lifetimes, now)? {
        let signed = unsigned.sign(keys).await?;
        expiries.extend(signed.expiries().iter().copied());
        let versions = signed.versions();
        changes.extend(signed.into_uploads());
        changes.write(site, &lock).await?;
        keys.remember(versions);
    }
    Ok(Made {
        new: true,
        root: bytes,
        manifests,
        expiries,
    })
}

/// The first root: the one that a stopped `init` left, or a new one.
async fn trusted(keys: &KeyDir, wishes: &Init, now: Timestamp) -> Result<(Vec<u8>, Root), Failure> {
    if let Some(bytes) = keys.trusted_root()? {
        let there: Option<Signed<Root>> = serde_json::from_slice(&bytes).ok();
        return match there {
            Some(root) if root.signed.version.get() == 1 => Ok((bytes, root.signed)),
            _ => Err(Failure::new(
                "keys",
                format_args!(
                    "{} is the root of a repository that is older than this site",
                    keys.trusted_root_path().display()
                ),
                "Use keys of its own for each site: `refit keys new`.",
            )),
        };
    }
    let mut holders = Vec::new();
    for role in Role::ALL {
        let mut public = Vec::new();
        let more = if role == Role::Root {
            wishes.root_keys.as_slice()
        } else {
            &[]
        };
        for path in std::iter::once(&keys.current(role)).chain(more) {
            // The root's own file may be elsewhere altogether.
            if role == Role::Root && !more.is_empty() && !path.exists() && !more.contains(path) {
                continue;
            }
            public.push(SecretKey::read(path)?.public()?);
        }
        holders.push((role, public));
    }
    let root = root::first(&holders, wishes.threshold, &wishes.lifetimes, now)?;
    let signed = root::sign(root.clone(), None, keys, &wishes.root_keys).await?;
    Ok((signed.buffer().clone(), root))
}

/// A file at the site's top, if it is a manifest.
async fn manifest(site: &Site, name: &str) -> Result<Option<Vec<u8>>, Failure> {
    let is_json = name
        .strip_suffix(".json")
        .is_some_and(|stem| !stem.is_empty());
    if !is_json || name.starts_with('.') {
        return Ok(None);
    }
    let Some(bytes) = site.get(name).await?.bytes else {
        return Ok(None);
    };
    Ok(serde_json::from_slice::<Manifest>(&bytes)
        .is_ok()
        .then_some(bytes))
}
