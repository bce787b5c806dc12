//! Publishes, and takes back.

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{ObjectInfo, ObjectMetadata};
use jiff::Timestamp;
use rollout::fleet::{Scope, Subject};
use rollout::{Integrity, Version};
use sha2::{Digest as _, Sha256, Sha512};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeek, AsyncSeekExt as _};

use super::shelf::{Entry, Shelf, label};
use super::{Artifact, Release, read};
use crate::FleetError;
use crate::names::Names;
use crate::operator::orders;

/// What bytes are called until they have a release's name. No version has a slash in front.
const INCOMING: &str = "/incoming/";

/// In seconds. Nobody uploads for so long.
const A_DAY: i64 = 86_400;

/// What is published, and by whom.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What it is.
    pub artifact: Artifact,
    /// The package's name.
    pub package: String,
    /// Who publishes it, as they call themselves.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is published.
    New(Release),
    /// It was published before, with this very content.
    Already(Release),
}

/// Publishes `bytes`, which are read twice.
///
/// # Errors
/// Another content under the version (`other-content`), bytes that cannot be read or that change meanwhile (`file`),
/// or what the broker refuses.
pub async fn publish(
    jetstream: &Context,
    names: &Names,
    upload: Upload,
    bytes: &mut (impl AsyncRead + AsyncSeek + Unpin),
) -> Result<Published, FleetError> {
    let shelf = Shelf::of(jetstream, names, upload.artifact.subject).await?;
    let release = measure(upload, bytes).await?;
    let object = release.artifact().object();
    let free = match standing(&shelf, &object, &release).await? {
        Standing::Free(free) => free,
        Standing::Same(release) => return Ok(Published::Already(*release)),
    };
    let unseekable = |error| unreadable(&error);
    bytes.rewind().await.map_err(unseekable)?;

    // The bytes first, under a name that nobody asks for; then the name, in one message.
    let store = jetstream.get_object_store(&shelf.bucket).await;
    let store = store.map_err(|_| FleetError::NoFleet {
        fleet: names.fleet().to_string(),
        what: format!("store {}", shelf.bucket),
    })?;
    let incoming = format!("{INCOMING}{}", uuid::Uuid::new_v4());
    let meta = ObjectMetadata {
        name: incoming.clone(),
        ..ObjectMetadata::default()
    };
    let put = store.put(meta, bytes).await;
    let put = put.map_err(|error| shelf.failed("take bytes into", error))?;
    let nuid = put.nuid.clone();
    let ended = name(&shelf, put, &release, free).await;
    shelf.remove_name(&incoming).await?;
    if !matches!(ended, Ok(Published::New(_))) {
        // An error may be an answer that was lost: then the bytes have their name.
        remove_unnamed(&shelf, &nuid).await?;
    }
    if ended.is_ok() {
        sweep(&shelf, A_DAY).await?;
    }
    ended
}

/// Removes what publishers left behind that were stopped midway, longer ago than `age` in seconds by the broker's own
/// clock. One that was stopped last thing leaves bytes that have their release's name already: those stay.
async fn sweep(shelf: &Shelf, age: i64) -> Result<(), FleetError> {
    let entries = read::entries(shelf).await?;
    let newest = entries.iter().map(|it| it.at).max().unwrap_or_default();
    let left = entries.into_iter().filter(|it| is_incoming(&it.info.name));
    for entry in left.filter(|it| newest - it.at > age) {
        remove_unnamed(shelf, &entry.info.nuid).await?;
        shelf.remove_name(&entry.info.name).await?;
    }
    Ok(())
}

/// Removes bytes, unless they are those of a release as the names are now.
async fn remove_unnamed(shelf: &Shelf, nuid: &str) -> Result<(), FleetError> {
    let names = read::entries(shelf).await?;
    let is_release = |it: &&Entry| !it.info.deleted && !is_incoming(&it.info.name);
    if names
        .iter()
        .filter(is_release)
        .any(|it| it.info.nuid == nuid)
    {
        return Ok(());
    }
    shelf.remove_bytes(nuid).await
}

/// Gives the bytes of `put` their release's name.
async fn name(
    shelf: &Shelf,
    put: ObjectInfo,
    release: &Release,
    mut free: Free,
) -> Result<Published, FleetError> {
    if put.digest != Some(digest(release)?) || u64::try_from(put.size) != Ok(release.size) {
        return Err(FleetError::Refused {
            kind: "file",
            message: format!("{} changed while it was published", release.artifact()),
            hint: "Try again, once nobody writes to it.".to_owned(),
        });
    }
    let info = ObjectInfo {
        name: release.artifact().object(),
        metadata: label(release)?,
        ..put
    };
    loop {
        if shelf.name(&info, free.since).await?.is_some() {
            if let Some(nuid) = free.leftover {
                shelf.remove_bytes(&nuid).await?;
            }
            return Ok(Published::New(release.clone()));
        }
        // Somebody was faster.
        free = match standing(shelf, &info.name, release).await? {
            Standing::Free(free) => free,
            Standing::Same(release) => return Ok(Published::Already(*release)),
        };
    }
}

/// Takes all of a version back: its runtime, or its agents for all platforms. Returns what is gone.
///
/// # Errors
/// `not-published`; `in-use` where a scope's target names it, with the scopes; or what the broker refuses.
pub async fn unpublish(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    version: &Version,
) -> Result<Vec<Release>, FleetError> {
    let shelf = Shelf::of(jetstream, names, subject).await?;
    let free = async || {
        let scopes = orders::scopes_naming(jetstream, names, subject, version).await?;
        refuse_if_in_use(version, &scopes)
    };
    free().await?;
    let releases = read::of_version(jetstream, names, subject, version).await?;
    if releases.is_empty() {
        return Err(orders::not_published(jetstream, names, subject, version).await?);
    }
    let gone = take_down(&shelf, &releases).await?;
    // Whoever orders it from now on finds it gone. Whoever did before is seen here.
    if let Err(refused) = free().await {
        put_back(&shelf, &gone).await;
        return Err(refused);
    }
    for Gone { info, .. } in &gone {
        shelf.remove_bytes(&info.nuid).await?;
    }
    Ok(releases)
}

/// A name that was taken back; its bytes are there still.
struct Gone {
    /// What it was.
    info: ObjectInfo,
    /// The message that took it back.
    since: u64,
}

/// Takes the names of all of these back, or of none.
async fn take_down(shelf: &Shelf, releases: &[Release]) -> Result<Vec<Gone>, FleetError> {
    let mut gone = Vec::new();
    for release in releases {
        let object = release.artifact().object();
        let Some(Entry { sequence, info, .. }) = shelf.ask(&object).await? else {
            continue;
        };
        let without = ObjectInfo {
            deleted: true,
            size: 0,
            chunks: 0,
            ..info.clone()
        };
        let why = match shelf.name(&without, sequence).await {
            Ok(Some(since)) => {
                gone.push(Gone { info, since });
                continue;
            }
            Ok(None) => FleetError::Refused {
                kind: "changed-meanwhile",
                message: format!("{} is being changed by somebody else", release.artifact()),
                hint: "See `refit fleet releases`, then try again.".to_owned(),
            },
            Err(error) => error,
        };
        put_back(shelf, &gone).await;
        return Err(why);
    }
    Ok(gone)
}

/// Gives what was taken back its name again. Where somebody published anew meanwhile that stays: the old bytes went for it.
async fn put_back(shelf: &Shelf, gone: &[Gone]) {
    for Gone { info, since } in gone {
        match shelf.name(info, *since).await {
            Ok(Some(_)) => {}
            Ok(None) => {
                tracing::warn!(name = %info.name, "somebody published it anew meanwhile");
            }
            Err(error) => {
                tracing::warn!(name = %info.name, %error, "it could not be put back; publish it again");
            }
        }
    }
}

fn refuse_if_in_use(version: &Version, scopes: &[Scope]) -> Result<(), FleetError> {
    if scopes.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = scopes.iter().map(ToString::to_string).collect();
    Err(FleetError::Refused {
        kind: "in-use",
        message: format!("{version} is what {} is to have", named.join(", ")),
        hint: "Order another version there first, or `refit fleet clear` it.".to_owned(),
    })
}

/// What stands under a name.
enum Standing {
    /// Nothing.
    Free(Free),
    /// The same content.
    Same(Box<Release>),
}

/// A name that is free.
#[derive(Default)]
struct Free {
    /// Since this message; 0 where it always was.
    since: u64,
    /// Bytes that may have stayed when it was taken back.
    leftover: Option<String>,
}

async fn standing(shelf: &Shelf, object: &str, release: &Release) -> Result<Standing, FleetError> {
    let Some(entry) = shelf.ask(object).await? else {
        return Ok(Standing::Free(Free::default()));
    };
    match entry.release()? {
        None => Ok(Standing::Free(Free {
            since: entry.sequence,
            leftover: Some(entry.info.nuid),
        })),
        Some(known) if known.sha512 == release.sha512 => Ok(Standing::Same(Box::new(known))),
        Some(known) => Err(FleetError::Refused {
            kind: "other-content",
            message: format!(
                "{} is published already, with other content ({} by {})",
                known.artifact(),
                known.at,
                crate::report::detail(&known.by)
            ),
            hint: "Give the new content a version of its own.".to_owned(),
        }),
    }
}

/// Reads it once for its digests.
async fn measure(
    upload: Upload,
    bytes: &mut (impl AsyncRead + Unpin),
) -> Result<Release, FleetError> {
    let (mut sha256, mut sha512, mut size) = (Sha256::new(), Sha512::new(), 0_u64);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = bytes.read(&mut buffer).await;
        let read = read.map_err(|error| unreadable(&error))?;
        if read == 0 {
            break;
        }
        sha256.update(&buffer[..read]);
        sha512.update(&buffer[..read]);
        size = size.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(Release {
        subject: upload.artifact.subject,
        version: upload.artifact.version,
        platform: upload.artifact.platform,
        package: upload.package,
        size,
        sha256: hex::encode(sha256.finalize()),
        sha512: Integrity::from_digest(sha512.finalize().into()),
        by: upload.by,
        at: upload.at,
    })
}

/// The release's sha256 as the store writes it.
fn digest(release: &Release) -> Result<String, FleetError> {
    use base64::Engine as _;
    let bytes =
        hex::decode(&release.sha256).map_err(|error| FleetError::broker("take a digest", error))?;
    let text = base64::prelude::BASE64_URL_SAFE.encode(bytes);
    Ok(format!("SHA-256={text}"))
}

fn unreadable(error: &std::io::Error) -> FleetError {
    FleetError::Refused {
        kind: "file",
        message: format!("What is to be published cannot be read: {error}"),
        hint: "Check the file and its disk, then try again.".to_owned(),
    }
}

/// Whether this is the name of bytes on their way, or left behind by somebody who was stopped.
pub(super) fn is_incoming(object: &str) -> bool {
    object.starts_with(INCOMING)
}

#[cfg(test)]
mod tests;
