//! The stream behind an object store: names, and the messages that hold the bytes.
//!
//! The layout is the one of every client of NATS (architecture decision record 20), so that others can read and list it.
//! The client's own calls name an object by whoever writes last. Here a name is given only where it is free.

use std::collections::HashMap;

use async_nats::header::NATS_ROLLUP;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::object_store::ObjectInfo;
use async_nats::jetstream::stream::{DirectGetErrorKind, LastRawMessageErrorKind, Stream};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use rollout::fleet::Subject;

use super::Release;
use crate::FleetError;
use crate::names::Names;
use crate::operator::missing_or;

/// The key of the metadata with the release as JSON.
pub(super) const RELEASE: &str = "release";

/// One object store.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) jetstream: Context,
    names: Names,
    pub(super) bucket: String,
    pub(super) stream: Stream<()>,
}

/// A name's last word.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The sequence of the message.
    pub(super) sequence: u64,
    /// When the broker took it, in seconds since 1970.
    pub(super) at: i64,
    pub(super) info: ObjectInfo,
}

impl Entry {
    /// The release, if the name is taken by one.
    pub(super) fn release(&self) -> Result<Option<Release>, FleetError> {
        if self.info.deleted {
            return Ok(None);
        }
        let unreadable = |why: String| FleetError::Stored {
            what: format!(
                "the object {} in {}",
                plain(&self.info.name),
                self.info.bucket
            ),
            why,
        };
        let text = self.info.metadata.get(RELEASE);
        let text = text.ok_or_else(|| unreadable("no release published it".to_owned()))?;
        let release: Release =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if release.artifact().object() != self.info.name {
            return Err(unreadable("its label names another version".to_owned()));
        }
        if u64::try_from(self.info.size) != Ok(release.size) {
            return Err(unreadable("its label has another size".to_owned()));
        }
        Ok(Some(release))
    }
}

impl Shelf {
    /// The one of this subject.
    pub(super) async fn of(
        jetstream: &Context,
        names: &Names,
        subject: Subject,
    ) -> Result<Self, FleetError> {
        let bucket = names.releases(subject);
        let stream = jetstream.get_stream_no_info(format!("OBJ_{bucket}")).await;
        let stream = stream.map_err(|error| FleetError::broker("open its releases", error))?;
        Ok(Self {
            jetstream: jetstream.clone(),
            names: names.clone(),
            bucket,
            stream,
        })
    }

    fn name_subject(&self, object: &str) -> String {
        format!("$O.{}.M.{}", self.bucket, BASE64_URL_SAFE.encode(object))
    }

    pub(super) fn chunk_subject(&self, nuid: &str) -> String {
        format!("$O.{}.C.{nuid}", self.bucket)
    }

    /// A name's last word, from whichever node answers first.
    pub(super) async fn look(&self, object: &str) -> Result<Option<Entry>, FleetError> {
        let subject = self.name_subject(object);
        match self.stream.direct_get_last_for_subject(subject).await {
            Ok(message) => self.read(&message).map(Some),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("look into", error)),
        }
    }

    /// A name's last word, from the node that leads: what is decided on must not be an older one.
    pub(super) async fn ask(&self, object: &str) -> Result<Option<Entry>, FleetError> {
        self.at(&self.name_subject(object)).await
    }

    /// The subjects of all names.
    pub(super) fn all_names(&self) -> String {
        format!("$O.{}.M.>", self.bucket)
    }

    /// The last word on one of those subjects.
    pub(super) async fn at(&self, subject: &str) -> Result<Option<Entry>, FleetError> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => self.read(&message).map(Some),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(self.failed("look into", error)),
        }
    }

    fn read(&self, message: &StreamMessage) -> Result<Entry, FleetError> {
        let info: ObjectInfo =
            serde_json::from_slice(&message.payload).map_err(|error| FleetError::Stored {
                what: format!("a name in {}", self.bucket),
                why: error.to_string(),
            })?;
        Ok(Entry {
            sequence: message.sequence,
            at: message.time.unix_timestamp(),
            info,
        })
    }

    /// Makes `info` the last word on its name, if that still was the message `over`; 0 for none. Gives the
    /// sequence of the message that it is now; none where another was there.
    pub(super) async fn name(
        &self,
        info: &ObjectInfo,
        over: u64,
    ) -> Result<Option<u64>, FleetError> {
        let bytes =
            serde_json::to_vec(info).map_err(|error| self.failed("name an object in", error))?;
        let message = PublishMessage::build()
            .payload(bytes.into())
            .header(NATS_ROLLUP, "sub")
            .expected_last_subject_sequence(over);
        let subject = self.name_subject(&info.name);
        let sent = self.jetstream.send_publish(subject, message).await;
        let kept = match sent {
            Ok(kept) => kept.await,
            Err(error) => Err(error),
        };
        match kept {
            Ok(kept) => Ok(Some(kept.sequence)),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(error) => Err(self.failed("name an object in", error)),
        }
    }

    /// Removes an object's bytes.
    pub(super) async fn remove_bytes(&self, nuid: &str) -> Result<(), FleetError> {
        let purged = self.stream.purge().filter(self.chunk_subject(nuid)).await;
        purged.map_err(|error| self.failed("remove bytes from", error))?;
        Ok(())
    }

    /// Removes a name without a trace, and leaves its bytes.
    pub(super) async fn remove_name(&self, object: &str) -> Result<(), FleetError> {
        let purged = self.stream.purge().filter(self.name_subject(object)).await;
        purged.map_err(|error| self.failed("remove a name from", error))?;
        Ok(())
    }

    /// An error of the broker. `doing` is an infinitive with its preposition.
    pub(super) fn failed(
        &self,
        doing: &str,
        error: impl std::error::Error + 'static,
    ) -> FleetError {
        missing_or(&self.names, &format!("{doing} {}", self.bucket), error)
    }
}

/// The label of an object.
pub(super) fn label(release: &Release) -> Result<HashMap<String, String>, FleetError> {
    let text = serde_json::to_string(release)
        .map_err(|error| FleetError::broker("write a release's label", error))?;
    Ok(HashMap::from([(RELEASE.to_owned(), text)]))
}

/// A name as it may be shown.
fn plain(name: &str) -> String {
    crate::report::detail(name)
}
