//! What a device does next about its order.

use jiff::{SignedDuration, Timestamp};

use super::{Order, Refused};
use crate::Version;

/// A version that did not come up, and was not condemned for it, is tried again after so long.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// What a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// What runs, where anything does.
    pub running: Option<Version>,
    /// What the next start would run.
    pub next: Version,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing is ordered.
    Idle,
    /// What is ordered runs.
    Arrived,
    /// What is ordered is not followed.
    Refused(&'a Refused),
    /// It goes down right after another that did: it must stand first.
    Stands {
        /// Until then.
        until: Timestamp,
    },
    /// Its share of the window has not passed.
    WaitToStage {
        /// Until then.
        until: Timestamp,
    },
    /// Fetch it, and point at it.
    Stage {
        /// Whether that is an ordered downgrade.
        older: bool,
    },
    /// It is staged; its share of the window has not passed, or it was tried a moment ago.
    WaitToSwap {
        /// Until then.
        until: Timestamp,
    },
    /// Restart into it.
    Swap,
}

/// The next step of a device that has `device` and was given `order`.
pub fn next<'a>(order: Option<&'a Order>, device: &Now, now: Timestamp) -> Step<'a> {
    let Some(order) = order else {
        return Step::Idle;
    };
    let points = device.next == order.version;
    if points && device.running.as_ref() == Some(&order.version) {
        return Step::Arrived;
    }
    if let Some(refused) = &order.refused {
        return Step::Refused(refused);
    }
    if points {
        let again = order
            .tried_at
            .map(|at| at.checked_add(AGAIN).unwrap_or(Timestamp::MAX));
        return match order.swap_at.max(again) {
            Some(until) if until > now => Step::WaitToSwap { until },
            // A moment for whoever writes down that it waits.
            None => Step::WaitToSwap { until: now },
            Some(_) => Step::Swap,
        };
    }
    if let Some(until) = order.stands_until.filter(|until| *until > now) {
        return Step::Stands { until };
    }
    if order.download_at > now {
        return Step::WaitToStage {
            until: order.download_at,
        };
    }
    let newest = device.running.as_ref().unwrap_or(&device.next);
    Step::Stage {
        older: newest.is_newer_than(&order.version) || device.next.is_newer_than(&order.version),
    }
}

#[cfg(test)]
mod tests;
