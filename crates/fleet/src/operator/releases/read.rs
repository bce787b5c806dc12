//! Reads what is published.

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::DirectGetErrorKind;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use rollout::Version;
use rollout::fleet::Subject;
use sha2::{Digest as _, Sha256};

use super::shelf::{Entry, Shelf};
use super::{Artifact, Release};
use crate::FleetError;
use crate::names::Names;

/// So many names are asked about at a time.
const AT_ONCE: usize = 16;

/// The release of this artifact; none where it is not published.
///
/// # Errors
/// Where the broker does not answer, or the label cannot be read.
pub async fn find(
    jetstream: &Context,
    names: &Names,
    artifact: &Artifact,
) -> Result<Option<Release>, FleetError> {
    let shelf = Shelf::of(jetstream, names, artifact.subject).await?;
    match shelf.look(&artifact.object()).await? {
        Some(entry) => entry.release(),
        None => Ok(None),
    }
}

/// All releases of a subject, the newest version first. What stands there without being one is left out, with a
/// warning in the log.
///
/// # Errors
/// Where the broker does not answer.
pub async fn list(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
) -> Result<Vec<Release>, FleetError> {
    let shelf = Shelf::of(jetstream, names, subject).await?;
    let entries = entries(&shelf).await?;
    let mut releases = Vec::new();
    for entry in entries {
        match entry.release() {
            Ok(release) => releases.extend(release),
            Err(error) => {
                if !super::write::is_incoming(&entry.info.name) {
                    tracing::warn!("{error}");
                }
            }
        }
    }
    releases.sort_by(|a: &Release, b| {
        let newest = b.version.precedence(&a.version);
        let text = || a.version.as_str().cmp(b.version.as_str());
        newest
            .then_with(text)
            .then_with(|| a.platform.cmp(&b.platform))
    });
    Ok(releases)
}

/// All names, whatever stands under them.
pub(super) async fn entries(shelf: &Shelf) -> Result<Vec<Entry>, FleetError> {
    let found = shelf.stream.info_with_subjects(shelf.all_names()).await;
    let found = found.map_err(|error| shelf.failed("list", error))?;
    let subjects: Vec<_> = found
        .map_ok(|(subject, _)| subject)
        .try_collect()
        .await
        .map_err(|error| shelf.failed("list", error))?;
    let asked = stream::iter(subjects).map(async |subject| shelf.at(&subject).await);
    let entries: Vec<_> = asked.buffered(AT_ONCE).try_collect().await?;
    Ok(entries.into_iter().flatten().collect())
}

/// The releases of one version: one for a runtime, one for each platform for an agent, none where it is not published.
///
/// # Errors
/// As [`list`].
pub async fn of_version(
    jetstream: &Context,
    names: &Names,
    subject: Subject,
    version: &Version,
) -> Result<Vec<Release>, FleetError> {
    let mut all = list(jetstream, names, subject).await?;
    all.retain(|it| it.version == *version);
    Ok(all)
}

/// Opens an artifact to read its bytes; none where it is not published.
///
/// # Errors
/// As [`find`].
pub async fn open(
    jetstream: &Context,
    names: &Names,
    artifact: &Artifact,
) -> Result<Option<Reading>, FleetError> {
    let shelf = Shelf::of(jetstream, names, artifact.subject).await?;
    let Some(entry) = shelf.look(&artifact.object()).await? else {
        return Ok(None);
    };
    let Some(release) = entry.release()? else {
        return Ok(None);
    };
    Ok(Some(Reading {
        chunks: shelf.chunk_subject(&entry.info.nuid),
        shelf,
        release,
        next: 1,
        read: 0,
        hash: Sha256::new(),
        is_checked: false,
    }))
}

/// An artifact that is being read. Each message is asked for by itself, so that whoever reads needs no consumer,
/// which could be told to deliver to anybody.
#[derive(Debug)]
pub struct Reading {
    shelf: Shelf,
    release: Release,
    chunks: String,
    /// The sequence from which the next message is looked for.
    next: u64,
    read: u64,
    hash: Sha256,
    is_checked: bool,
}

impl Reading {
    /// What is read.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// The next bytes; none at the end, once all were there and had the digest that the release records.
    ///
    /// # Errors
    /// Where the broker does not answer, has not all of it, or has something else. The bytes that came before
    /// are then worth nothing.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FleetError> {
        if self.read == self.release.size {
            return self.end().map(|()| None);
        }
        let got = &self.shelf.stream;
        let got = got.direct_get_next_for_subject(self.chunks.clone(), Some(self.next));
        let message = match got.await {
            Ok(message) => message,
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {
                return Err(self.unreadable("some of its bytes are gone"));
            }
            Err(error) => return Err(self.shelf.failed("read from", error)),
        };
        let length = u64::try_from(message.payload.len()).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(length);
        if message.subject.as_str() != self.chunks
            || message.sequence < self.next
            || length == 0
            || self.read > self.release.size
        {
            return Err(self.unreadable("it has other bytes than it says"));
        }
        self.next = message.sequence.saturating_add(1);
        self.hash.update(&message.payload);
        Ok(Some(message.payload))
    }

    /// The bytes as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, FleetError>> + Send {
        stream::try_unfold(self, async |mut reading| {
            let chunk = reading.chunk().await?;
            Ok(chunk.map(|chunk| (chunk, reading)))
        })
    }

    fn end(&mut self) -> Result<(), FleetError> {
        if !self.is_checked {
            let found = hex::encode(self.hash.clone().finalize());
            if found != self.release.sha256 {
                return Err(self.unreadable("its bytes have another digest than was recorded"));
            }
            self.is_checked = true;
        }
        Ok(())
    }

    fn unreadable(&self, why: &str) -> FleetError {
        FleetError::Stored {
            what: format!("{} in {}", self.release.artifact(), self.shelf.bucket),
            why: why.to_owned(),
        }
    }
}
