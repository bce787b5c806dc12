//! A publisher who really signs, a host that may be hostile, and a device. All but the device's
//! folder in memory.

pub(crate) mod device;
pub(crate) mod host;
pub(crate) mod signer;

use jiff::{SignedDuration, Timestamp};

pub(crate) use signer::Publisher;

/// The moment at which every story begins.
pub(crate) fn start() -> Timestamp {
    "2026-06-12T08:00:00Z".parse().unwrap()
}

pub(crate) fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * 24)
}
