//! When to look next. Pure: the device and the last answer are arguments.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// The longest that a registry's wish may put a check off.
pub(crate) use crate::http::RETRY_AFTER_CAP;

/// A device's own factor, from 0.9 to 1.1: devices that were started together do not ask together,
/// and one device always keeps its rhythm.
pub(crate) fn jitter(device: &str) -> f64 {
    let hash = Sha256::digest(format!("check-jitter:{device}"));
    let part = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    0.9 + 0.2 * (f64::from(part) / f64::from(u32::MAX))
}

/// A device's own pause after its turn came, less than `every`, in whole seconds: those whose turns
/// come together ask as far apart as they do on any other day.
pub(crate) fn after_turn(device: &str, every: Duration) -> SignedDuration {
    let hash = Sha256::digest(format!("turn-jitter:{device}"));
    let part = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let pause = every.mul_f64(f64::from(part) / (f64::from(u32::MAX) + 1.0));
    SignedDuration::from_secs(i64::try_from(pause.as_secs()).unwrap_or(0))
}

/// The wait before the first check after a start: `after`, or as long as a registry that asked for
/// it before this start still wants to be left alone.
pub(crate) fn first(after: Duration, not_before: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = not_before.map(|then| now.duration_until(then));
    let left = left
        .and_then(|left| Duration::try_from(left).ok())
        .unwrap_or_default();
    // A clock that was set back must not silence a device.
    after.max(left.min(RETRY_AFTER_CAP))
}

/// The wait between two checks, whatever became of the last one.
pub(crate) fn next(every: Duration, jitter: f64, retry_after: Option<Duration>) -> Duration {
    let own = every.mul_f64(jitter);
    own.max(retry_after.unwrap_or_default().min(RETRY_AFTER_CAP))
}

/// `now` and that much later, in whole seconds; the end of time where there is no such moment.
pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .and_then(|then| Timestamp::from_second(then.as_second()).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_mins(30);

    #[test]
    fn a_device_keeps_its_own_rhythm_within_ten_per_cent() {
        let waits: Vec<_> = (0..500)
            .map(|n| next(EVERY, jitter(&format!("device-{n}")), None))
            .collect();
        let (least, most) = (Duration::from_mins(27), Duration::from_mins(33));
        assert!(waits.iter().all(|wait| (least..=most).contains(wait)));
        assert!(
            waits
                .iter()
                .any(|wait| *wait < least + Duration::from_secs(30))
        );
        assert!(
            waits
                .iter()
                .any(|wait| *wait + Duration::from_secs(30) > most)
        );
        assert_eq!(waits[7], next(EVERY, jitter("device-7"), None));
    }

    #[test]
    fn those_whose_turn_it_is_ask_as_far_apart_as_ever() {
        let pauses: Vec<_> = (0..500)
            .map(|n| after_turn(&format!("device-{n}"), EVERY).as_secs())
            .collect();
        assert!(pauses.iter().all(|pause| (0..1_800).contains(pause)));
        for part in 0..6 {
            let near = part * 300_i64..(part + 1) * 300;
            let many = pauses.iter().filter(|pause| near.contains(*pause)).count();
            assert!((50..120).contains(&many), "{many} of 500 in {near:?}");
        }
    }

    #[test]
    fn a_registry_that_wants_to_be_left_alone_is_but_not_for_ever() {
        let hour = Duration::from_hours(1);
        assert_eq!(next(EVERY, 1.0, Some(hour)), hour);
        assert_eq!(next(EVERY, 1.0, Some(Duration::from_secs(5))), EVERY);
        assert_eq!(next(EVERY, 1.0, Some(hour * 1000)), RETRY_AFTER_CAP);
    }

    #[test]
    fn a_wish_from_before_the_start_counts_until_its_time() {
        let (now, after) = (Timestamp::UNIX_EPOCH, Duration::from_secs(30));
        assert_eq!(first(after, None, now), after);
        let wish = later(now, Duration::from_mins(10));
        assert_eq!(first(after, Some(wish), now), Duration::from_mins(10));
        assert_eq!(first(after, Some(wish), wish), after);
        assert_eq!(first(after, Some(Timestamp::MAX), now), RETRY_AFTER_CAP);
    }
}
