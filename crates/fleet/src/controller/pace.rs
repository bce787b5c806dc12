//! How often a controller looks, and how long it waits.

use std::time::Duration;

/// How often a controller looks, and how patient it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks.
    pub tick: Duration,
    /// For how long the lease of a leader lasts that does not renew it.
    pub lease: Duration,
    /// After how long without a heartbeat a device is late.
    pub late: Duration,
    /// For how long a look waits for reports that are on their way.
    pub patience: Duration,
    /// After how long without any of those that must be there they are asked for anew.
    pub stall: Duration,
    /// The longest pause after trouble with the broker.
    pub most_pause: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            late: Duration::from_secs(90),
            patience: Duration::from_secs(2),
            stall: Duration::from_secs(10),
            most_pause: Duration::from_secs(30),
        }
    }
}

/// How long to wait before the next attempt: doubled each time up to `most`, and a half of it drawn anew,
/// as many lose their broker at the same moment.
pub(super) fn pause(attempt: u32, most: Duration) -> Duration {
    let doubled = Duration::from_millis(250).saturating_mul(1 << attempt.min(10));
    let most = doubled.min(most);
    let random = uuid::Uuid::new_v4().as_u128() % 1_000;
    most / 2 + most.mul_f64(f64::from(u16::try_from(random).unwrap_or(0)) / 2_000.0)
}
