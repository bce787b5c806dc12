//! What the tests of ramps start from.

use jiff::{SignedDuration, Timestamp};

use super::{Origin, Ramp, Wish, default_halt_above};
use crate::fleet::{Scope, Subject};

/// So many seconds after the ramp began.
pub(super) fn at(seconds: i64) -> Timestamp {
    let began: Timestamp = "2026-06-12T08:00:00Z".parse().unwrap();
    began + SignedDuration::from_secs(seconds)
}

/// 1.1.0 over 1.0.0 on everyone, since `at(0)`.
pub(super) fn ramp(plan: &str) -> Ramp {
    let wish = Wish {
        id: "r-1".to_owned(),
        subject: Subject::Runtime,
        scope: Scope::Global,
        version: "1.1.0".parse().unwrap(),
        baseline: "1.0.0".parse().unwrap(),
        plan: plan.parse().unwrap(),
        halt_above: default_halt_above(),
        min_devices: 20,
        jitter: 0,
        by: "ops-1".to_owned(),
    };
    Ramp::begin(wish, Some(7), Origin::default(), at(0))
}
