//! What stands on the broker: ramps, targets, published versions; read, and written by compare and swap.

use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use async_nats::jetstream::stream::{Info, LastRawMessageErrorKind};
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::ramp::Ramp;
use rollout::fleet::{Scope, Subject, Target};
use tokio::sync::OnceCell;

use crate::operator::releases;
use crate::origin;
use crate::{Client, FleetError, Names};

/// The key under which who wants the broker's time writes.
const CLOCK: &str = "clock";

/// Something at a key: a value and its revision, or nothing and what it may be written over.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    pub(super) value: Option<T>,
    /// 0 where nothing was ever there.
    pub(super) revision: u64,
    /// When the broker had it.
    pub(super) at: Option<Timestamp>,
    /// Whether something was there, and was deleted.
    pub(super) is_deleted: bool,
}

impl<T> Found<T> {
    fn nothing() -> Self {
        Self {
            value: None,
            revision: 0,
            at: None,
            is_deleted: false,
        }
    }
}

/// A connection to one fleet's buckets.
#[derive(Debug, Clone)]
pub(super) struct Book {
    pub(super) jetstream: Context,
    pub(super) names: Names,
    ramps: OnceCell<Store>,
    targets: OnceCell<Store>,
}

impl Book {
    pub(super) fn new(client: &Client, names: &Names) -> Self {
        Self {
            jetstream: jetstream::new(client.clone()),
            names: names.clone(),
            ramps: OnceCell::new(),
            targets: OnceCell::new(),
        }
    }

    /// The key of a scope's ramp.
    pub(super) fn ramp_key(subject: Subject, scope: &Scope) -> String {
        format!("ramp.{}", scope.key(subject))
    }

    /// The key of a ramp that is over.
    pub(super) fn past_key(id: &str) -> String {
        format!("past.{id}")
    }

    async fn store<'a>(
        &'a self,
        cell: &'a OnceCell<Store>,
        bucket: String,
    ) -> Result<&'a Store, FleetError> {
        // Kept once it is known: asking for it costs a round trip to the stream's leader each time.
        cell.get_or_try_init(|| async {
            self.info(&bucket_stream(&bucket)).await?;
            let store = self.jetstream.get_key_value(&bucket).await;
            store.map_err(|error| FleetError::broker(&format!("open the bucket {bucket}"), error))
        })
        .await
    }

    async fn ramps_store(&self) -> Result<&Store, FleetError> {
        self.store(&self.ramps, self.names.ramps()).await
    }

    /// How a stream stands.
    pub(super) async fn info(&self, stream: &str) -> Result<Info, FleetError> {
        use jetstream::context::GetStreamErrorKind;
        match self.jetstream.get_stream(stream).await {
            Ok(stream) => Ok(stream.cached_info().clone()),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(kind)
                    if kind.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Err(self.missing(stream))
                }
                _ => Err(FleetError::broker(
                    &format!("show the stream {stream}"),
                    error,
                )),
            },
        }
    }

    /// The keys of all scopes' ramps.
    pub(super) async fn ramp_keys(&self) -> Result<Vec<String>, FleetError> {
        let bucket = self.names.ramps();
        let prefix = format!("$KV.{bucket}.");
        let doing = format!("list the bucket {bucket}");
        let stream = self
            .jetstream
            .get_stream_no_info(bucket_stream(&bucket))
            .await
            .map_err(|error| FleetError::broker(&doing, error))?;
        let subjects = stream
            .info_with_subjects(format!("{prefix}ramp.>"))
            .await
            .map_err(|error| FleetError::broker(&doing, error))?;
        let subjects: Vec<(String, usize)> = subjects
            .try_collect()
            .await
            .map_err(|error| FleetError::broker(&doing, error))?;
        let keys = subjects
            .iter()
            .filter_map(|(it, _)| it.strip_prefix(&prefix));
        Ok(keys.map(str::to_owned).collect())
    }

    /// One scope's ramp. What cannot be read is an error: it may be a newer program's.
    pub(super) async fn ramp(&self, key: &str) -> Result<Found<Ramp>, FleetError> {
        let bucket = self.names.ramps();
        let found = self.last(&bucket, key).await?;
        parsed(&found, &bucket, key, Ramp::parse)
    }

    /// Any other entry of the bucket of ramps.
    pub(super) async fn entry(&self, key: &str) -> Result<Found<Bytes>, FleetError> {
        self.last(&self.names.ramps(), key).await
    }

    /// A scope's target.
    pub(super) async fn target(
        &self,
        subject: Subject,
        scope: &Scope,
    ) -> Result<Found<Target>, FleetError> {
        let (bucket, key) = (self.names.targets(), scope.key(subject));
        let found = self.last(&bucket, &key).await?;
        parsed(&found, &bucket, &key, Target::parse)
    }

    /// What stands at a key, asked of the stream's leader: a replica may be behind, and what is decided here
    /// compares one bucket's entry with another's.
    async fn last(&self, bucket: &str, key: &str) -> Result<Found<Bytes>, FleetError> {
        let doing = format!("read {key} in the bucket {bucket}");
        let name = bucket_stream(bucket);
        let stream = self.jetstream.get_stream_no_info(&name).await;
        let stream = stream.map_err(|error| FleetError::broker(&doing, error))?;
        let subject = format!("$KV.{bucket}.{key}");
        match stream.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => {
                // Of a key that was deleted, a marker stands there.
                let is_deleted = message.headers.get("KV-Operation").is_some();
                // A copy of another message was put there by somebody who may not write there.
                let is_value = !is_deleted && origin::is_first_hand(&message.headers);
                Ok(Found {
                    revision: message.sequence,
                    at: Some(stamp(message.time.unix_timestamp_nanos())),
                    value: is_value.then_some(message.payload),
                    is_deleted,
                })
            }
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok(Found::nothing()),
                LastRawMessageErrorKind::JetStream(kind)
                    if kind.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Err(self.missing(&name))
                }
                _ => Err(FleetError::broker(&doing, error)),
            },
        }
    }

    fn missing(&self, stream: &str) -> FleetError {
        FleetError::NoFleet {
            fleet: self.names.fleet().to_string(),
            what: stream.to_owned(),
        }
    }

    /// Writes a ramp over `revision`. None: somebody else was faster.
    pub(super) async fn write_ramp(
        &self,
        key: &str,
        ramp: &Ramp,
        revision: u64,
    ) -> Result<Option<u64>, FleetError> {
        self.write(key, json(ramp)?, revision).await
    }

    /// Writes any entry of the bucket of ramps over `revision`. None: somebody else was faster.
    pub(super) async fn write(
        &self,
        key: &str,
        value: Bytes,
        revision: u64,
    ) -> Result<Option<u64>, FleetError> {
        swap(self.ramps_store().await?, key, value, revision).await
    }

    /// Writes a scope's target over `revision`. None: somebody else was faster.
    pub(super) async fn write_target(
        &self,
        subject: Subject,
        scope: &Scope,
        target: &Target,
        revision: u64,
    ) -> Result<Option<u64>, FleetError> {
        let store = self.store(&self.targets, self.names.targets()).await?;
        swap(store, &scope.key(subject), json(target)?, revision).await
    }

    /// Takes an entry away if it still has this revision.
    pub(super) async fn delete(&self, key: &str, revision: u64) -> Result<(), FleetError> {
        let store = self.ramps_store().await?;
        let deleted = store.delete_expect_revision(key, Some(revision)).await;
        deleted.map_err(|error| FleetError::broker(&format!("delete {key}"), error))
    }

    /// What time it is for the broker.
    pub(super) async fn now(&self) -> Result<Timestamp, FleetError> {
        let doing = "tell the time";
        let store = self.ramps_store().await?;
        let written = store.put(CLOCK, Bytes::new()).await;
        written.map_err(|error| FleetError::broker(doing, error))?;
        let found = self.entry(CLOCK).await?;
        let lost = || FleetError::broker(doing, "it does not find what it stored a moment ago");
        found.at.ok_or_else(lost)
    }

    /// Whether a version is published.
    pub(super) async fn is_published(
        &self,
        subject: Subject,
        version: &Version,
    ) -> Result<bool, FleetError> {
        let found = releases::of_version(&self.jetstream, &self.names, subject, version).await?;
        Ok(!found.is_empty())
    }
}

fn parsed<T, E: std::fmt::Display>(
    found: &Found<Bytes>,
    bucket: &str,
    key: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<Found<T>, FleetError> {
    let value = found.value.as_deref().map(parse).transpose();
    let value = value.map_err(|error| FleetError::Stored {
        what: format!("{key} in the bucket {bucket}"),
        why: error.to_string(),
    })?;
    Ok(Found {
        value,
        revision: found.revision,
        at: found.at,
        is_deleted: found.is_deleted,
    })
}

async fn swap(
    store: &Store,
    key: &str,
    value: Bytes,
    revision: u64,
) -> Result<Option<u64>, FleetError> {
    match store.update(key, value, revision).await {
        Ok(revision) => Ok(Some(revision)),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
        Err(error) => {
            let doing = format!("write {key} in the bucket {}", store.name);
            Err(FleetError::broker(&doing, error))
        }
    }
}

/// The stream behind a bucket.
pub(super) fn bucket_stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// A broker's time, from nanoseconds since 1970.
pub(super) fn stamp(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn json(value: &impl serde::Serialize) -> Result<Bytes, FleetError> {
    let text = serde_json::to_vec(value).map_err(|error| FleetError::Stored {
        what: "What was to be written".to_owned(),
        why: error.to_string(),
    })?;
    Ok(text.into())
}
