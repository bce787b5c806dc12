//! Files that a stopped change, or the host, left other than they were signed.
//!
//! A manifest lies twice: as a target, and plain for devices without a trust root. Either is made again
//! out of the other, if that holds what was signed.

use futures_util::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use tough::TargetName;
use tough::schema::Targets;

use super::layout;
use super::loaded::Loaded;
use crate::failure::Failure;
use crate::site::changes::{Changes, Kind, Upload};
use crate::site::{Body, Expect, Site};

/// How many files are asked for at once.
const AT_ONCE: usize = 8;

/// What is left of a target.
#[derive(Debug)]
pub(super) enum Content {
    /// No such target was signed.
    Unsigned,
    /// As it was signed.
    Whole(Vec<u8>),
    /// The same, from the plain manifest; the target's own file is not whole.
    Spare(Vec<u8>),
    /// Signed, and not to be had. True if its file is there with another content.
    Lost(bool),
}

/// A target's content, verified.
pub(super) async fn content(
    site: &Site,
    targets: &Targets,
    name: &str,
) -> Result<Content, Failure> {
    let Some(sha256) = sha256(targets, name) else {
        return Ok(Content::Unsigned);
    };
    let is_it = |bytes: &Vec<u8>| Sha256::digest(bytes)[..] == sha256[..];
    let path = layout::target_of(name, &hex::encode(&sha256));
    let found = site.get(&path).await?.bytes;
    let other = found.is_some();
    if let Some(bytes) = found.filter(is_it) {
        return Ok(Content::Whole(bytes));
    }
    let spare = if layout::is_manifest(name) {
        site.get(name).await?.bytes.filter(is_it)
    } else {
        None
    };
    Ok(spare.map_or(Content::Lost(other), Content::Spare))
}

/// Whether a target was signed with just this content.
pub(super) fn is_signed(targets: &Targets, name: &str, content: &[u8]) -> bool {
    sha256(targets, name).is_some_and(|sha256| Sha256::digest(content)[..] == sha256[..])
}

/// The sha256 that a target was signed with.
fn sha256(targets: &Targets, name: &str) -> Option<Vec<u8>> {
    let name = TargetName::new(name).ok()?;
    let target = targets.targets.get(&name)?;
    Some(target.hashes.sha256.to_vec())
}

/// What puts the manifests right that `changes` does not write anyway, with the names of the files.
pub(super) async fn uploads(
    site: &Site,
    loaded: &Loaded,
    changes: &Changes,
) -> Result<Vec<(String, Upload)>, Failure> {
    let targets = &loaded.targets;
    let mut uploads = Vec::new();
    for name in targets.targets.keys().map(TargetName::raw) {
        if !layout::is_manifest(name) || changes.has(name) {
            continue;
        }
        // Read before what is signed: it must not be put behind what somebody else signs meanwhile.
        let plain = site.get(name).await?;
        match content(site, targets, name).await? {
            Content::Whole(signed) if plain.bytes.as_deref() != Some(&signed) => {
                let upload = Upload {
                    kind: Kind::Manifest,
                    name: name.to_owned(),
                    body: Body::Bytes(signed),
                    expect: Expect::Unchanged(plain.seen),
                };
                uploads.push((name.to_owned(), upload));
            }
            Content::Spare(signed) => {
                let path = layout::target(name, &signed);
                let upload = Upload {
                    kind: Kind::Target,
                    name: path.clone(),
                    body: Body::Bytes(signed),
                    expect: Expect::Anything,
                };
                uploads.push((path, upload));
            }
            Content::Unsigned | Content::Whole(_) | Content::Lost(_) => {}
        }
    }
    Ok(uploads)
}

/// The targets that were signed and are not to be had: devices that need them find nothing.
pub(super) async fn lost(site: &Site, targets: &Targets) -> Result<Vec<String>, Failure> {
    let mut lost: Vec<String> = futures_util::stream::iter(targets.targets.keys())
        .map(|name| async move {
            let found = content(site, targets, name.raw()).await?;
            let lost = matches!(found, Content::Lost(_));
            Ok::<_, Failure>(lost.then(|| name.raw().to_owned()))
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    lost.sort();
    Ok(lost)
}
