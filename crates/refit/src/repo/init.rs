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
use crate::site::{Body, Expect, Site, shelf};

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
    /// What is published here and not described, as `package@version`: no device that trusts the
    /// repository gets it.
    pub(crate) undescribed: Vec<String>,
    /// Files that could be manifests, and are of nothing that is published here.
    pub(crate) left_out: Vec<String>,
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
    for path in [keys.path()]
        .into_iter()
        .chain(wishes.root_keys.iter().map(PathBuf::as_path))
    {
        site.must_not_hold(path)?;
    }
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
            left_out: Vec::new(),
            undescribed: Vec::new(),
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
    let (mut manifests, mut left_out) = (Vec::new(), Vec::new());
    for name in site.store().list("").await? {
        match manifest(site, &name).await? {
            Found::Manifest(bytes) => {
                editor.put(&name, bytes)?;
                manifests.push(name);
            }
            Found::Foreign => left_out.push(name),
            Found::Other => {}
        }
    }
    manifests.sort();
    left_out.sort();
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
        left_out,
        undescribed: versions(site).await?,
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

/// Everything that is published.
async fn versions(site: &Site) -> Result<Vec<String>, Failure> {
    let mut versions = Vec::new();
    for package in shelf::packages(site).await? {
        let (packument, _) = shelf::load(site, &package).await?;
        let names = packument.versions.keys();
        versions.extend(names.map(|version| format!("{package}@{version}")));
    }
    Ok(versions)
}

/// What a file at the site's top is.
#[derive(Debug)]
enum Found {
    /// A manifest of a version that is published here.
    Manifest(Vec<u8>),
    /// It could be one, of something else.
    Foreign,
    /// No manifest.
    Other,
}

/// Looks at a file at the site's top. Signing makes devices believe it, so it must be of what is
/// published here.
async fn manifest(site: &Site, name: &str) -> Result<Found, Failure> {
    if !layout::is_manifest(name) {
        return Ok(Found::Other);
    }
    let Some(bytes) = site.get(name).await?.bytes else {
        return Ok(Found::Other);
    };
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else {
        return Ok(Found::Other);
    };
    let packages = match manifest.package {
        Some(package) => vec![package],
        // One that was written before there were several; other files may look like it by chance.
        None if name == "latest.json" => shelf::packages(site).await?,
        None => return Ok(Found::Foreign),
    };
    for package in packages {
        let (packument, _) = shelf::load(site, &package).await?;
        if packument.has(&manifest.version) {
            return Ok(Found::Manifest(bytes));
        }
    }
    Ok(Found::Foreign)
}
