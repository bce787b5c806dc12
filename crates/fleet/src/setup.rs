//! Makes a fleet on a broker: its buckets, its stream, its object stores.

use std::time::Duration;

use async_nats::jetstream::stream::{Config as Stream, DiscardPolicy, Republish, StorageType};
use async_nats::jetstream::{Context, object_store};
use rollout::fleet::Subject;

use crate::FleetError;
use crate::names::Names;
use crate::target::MOST_BYTES;

/// A device that was not heard of for so long is no part of the fleet any more.
pub const FORGOTTEN: Duration = Duration::from_hours(7 * 24);
/// Reports are kept for so long.
const REPORTS: Duration = Duration::from_hours(30 * 24);
/// So many reports of one device are kept: some hundred a day for as long as any are.
const REPORTS_OF_ONE: i64 = 5_000;
/// Orders of a scope that are kept for `refit fleet history`.
const ORDERS: i64 = 64;

/// The stream that is a key-value bucket, as every client of NATS knows them. Made here, since the client's own way asks
/// for an account's limits first, which it cannot read from servers before 2.10.
fn key_value(bucket: &str) -> Stream {
    Stream {
        name: format!("KV_{bucket}"),
        subjects: vec![format!("$KV.{bucket}.>")],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        duplicate_window: Duration::from_mins(2),
        ..Stream::default()
    }
}

/// What a fleet is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ensured {
    /// Whether anything was missing, and is there now.
    pub is_new: bool,
    /// How often the least of it is kept, whatever was asked for: what was there stays as it was made.
    pub replicas: usize,
}

/// Makes what is missing, and leaves what is there. `replicas` is 1, or 3 or 5 in a cluster.
///
/// # Errors
/// Where the broker refuses.
pub async fn ensure(
    jetstream: &Context,
    names: &Names,
    replicas: usize,
) -> Result<Ensured, FleetError> {
    let mut ensured = Ensured {
        is_new: false,
        replicas,
    };
    let bucket = |bucket: String, description: &str| Stream {
        description: Some(description.to_owned()),
        num_replicas: replicas,
        ..key_value(&bucket)
    };
    let targets = Stream {
        max_messages_per_subject: ORDERS,
        max_message_size: i32::try_from(MOST_BYTES).unwrap_or(i32::MAX),
        // Devices hear of a target once it is stored, without a consumer each.
        republish: Some(Republish {
            source: format!("$KV.{}.>", names.targets()),
            destination: names.targets_told(),
            headers_only: false,
        }),
        ..bucket(names.targets(), "Targets by scope")
    };
    let devices = Stream {
        max_age: FORGOTTEN,
        max_message_size: 16 * 1024,
        // A device may write under its own key, and one message with that header would empty the whole bucket.
        allow_rollup: false,
        ..bucket(names.devices(), "Last heartbeat by device")
    };
    let ramps = Stream {
        max_messages_per_subject: ORDERS,
        ..bucket(names.ramps(), "Ramps, and who leads them")
    };
    let reports = Stream {
        name: names.reports(),
        subjects: vec![names.all_reports()],
        max_age: REPORTS,
        // No device alone can fill the broker's disk.
        max_messages_per_subject: REPORTS_OF_ONE,
        max_message_size: 16 * 1024,
        duplicate_window: Duration::from_mins(2),
        allow_direct: true,
        num_replicas: replicas,
        ..Stream::default()
    };
    for config in [targets, devices, ramps, reports] {
        let name = config.name.clone();
        if let Ok(there) = jetstream.get_stream(&name).await {
            let kept = there.cached_info().config.num_replicas;
            ensured.replicas = ensured.replicas.min(kept);
            continue;
        }
        ensured.is_new = true;
        // Somebody else may have made it just now.
        let made = jetstream.get_or_create_stream(config).await;
        made.map_err(|error| FleetError::broker(&format!("make the stream {name}"), error))?;
    }
    for subject in [Subject::Runtime, Subject::Agent] {
        let bucket = names.releases(subject);
        if jetstream.get_object_store(&bucket).await.is_err() {
            ensured.is_new = true;
            let config = object_store::Config {
                bucket: bucket.clone(),
                description: Some("Published versions".to_owned()),
                num_replicas: replicas,
                ..object_store::Config::default()
            };
            let made = jetstream.create_object_store(config).await;
            made.map_err(|error| FleetError::broker(&format!("make the store {bucket}"), error))?;
        }
    }
    Ok(ensured)
}
