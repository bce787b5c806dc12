//! The operator's side: what is published, what is ordered, and how the devices stand.
//!
//! ```text
//! file ─► releases::publish ─► object store        orders::place ─► targets, by compare-and-set
//! heartbeats, reports ─► observe::Watch ─► Overview (plain data) ─► status, groups, ramps, dashboard
//! ```
//!
//! # Invariants
//!
//! * One version has one content: the second is refused, also where two publish at the same moment.
//! * Nobody's order is overwritten unseen: it is refused if another came between reading and writing.
//! * What devices say is believed of that device only: a heartbeat or report counts for the name that
//!   the broker lets it be sent under.

pub mod board;
pub mod observe;
pub mod orders;
mod overview;
pub mod ping;
pub mod releases;
mod traffic;

use jiff::Timestamp;

use crate::FleetError;
use crate::names::Names;

pub use overview::{Counts, Filter, LATE, Mix, Overview, Page, Seen, Slice};
pub use traffic::{Traffic, traffic};

/// Whether the broker can be reached at this moment.
pub fn is_connected(client: &crate::Client) -> bool {
    client.connection_state() == async_nats::connection::State::Connected
}

/// A time of the client's.
fn time(at: async_nats::datetime::DateTime) -> Option<Timestamp> {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).ok()
}

/// The same, back.
fn datetime(at: Timestamp) -> Option<async_nats::datetime::DateTime> {
    async_nats::datetime::DateTime::from_unix_timestamp_nanos(at.as_nanosecond()).ok()
}

/// The broker's code for a stream that is not there.
const NO_STREAM: &str = "10059";

/// Whether an error says that the stream is not there.
fn is_missing(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(it) = error {
        let text = it.to_string();
        if text.contains(NO_STREAM) || text.contains("stream not found") {
            return true;
        }
        error = it.source();
    }
    false
}

/// What to say of an error about a stream of the fleet.
fn missing_or(names: &Names, doing: &str, error: impl std::error::Error + 'static) -> FleetError {
    if is_missing(&error) {
        return FleetError::NoFleet {
            fleet: names.fleet().to_string(),
            what: "buckets".to_owned(),
        };
    }
    FleetError::broker(doing, error)
}
