//! When a timed call to a running instance is due.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// When the next call is due: `every` after the last one, but not before the instance was up; with
/// no call yet, `every` after it was up. What was missed while nothing ran is made up for once, not
/// as often as it was missed.
///
/// A last call that lies in the future is one of a clock that was put back: it counts as now.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
/// let due = rollout::timetable::due(
///     Duration::from_secs(300),
///     Some(at("2026-06-12T08:00:00Z")),
///     at("2026-06-12T08:01:00Z"),
///     at("2026-06-12T08:02:00Z"),
/// );
/// assert_eq!(due, at("2026-06-12T08:05:00Z"));
/// ```
pub fn due(every: Duration, last: Option<Timestamp>, up: Timestamp, now: Timestamp) -> Timestamp {
    let pause = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    let after = |from: Timestamp| from.saturating_add(pause).unwrap_or(Timestamp::MAX);
    let up = up.min(now);
    match last {
        Some(last) => after(last.min(now)).max(up),
        None => after(up),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn due_at(every: u64, last: Option<i64>, up: i64, now: i64) -> i64 {
        due(Duration::from_secs(every), last.map(at), at(up), at(now)).as_second()
    }

    #[test]
    fn the_first_call_comes_after_the_first_pause() {
        assert_eq!(due_at(60, None, 1_000, 1_010), 1_060);
    }

    #[test]
    fn a_restart_changes_nothing_about_when_the_next_one_is_due() {
        assert_eq!(due_at(60, Some(1_000), 1_030, 1_031), 1_060);
    }

    #[test]
    fn what_was_missed_is_made_up_for_once_at_the_start() {
        assert_eq!(due_at(60, Some(1_000), 5_000, 5_000), 5_000);
        assert_eq!(due_at(60, Some(5_000), 5_000, 5_000), 5_060);
    }

    #[test]
    fn a_clock_that_was_put_back_stops_no_calls() {
        assert_eq!(due_at(60, Some(9_000), 8_000, 1_000), 1_060);
        assert_eq!(due_at(60, None, 9_000, 1_000), 1_060);
    }

    proptest! {
        /// Whatever the clock did, the next call is never further off than the pause, and right
        /// after a call never nearer.
        #[test]
        fn it_is_at_most_a_pause_away(
            every in 1_u64..1_000_000, last: Option<u32>, up: u32, now: u32,
        ) {
            let due = due_at(every, last.map(i64::from), up.into(), now.into());
            prop_assert!(due <= i64::from(now) + i64::try_from(every).unwrap());
            let next = due_at(every, Some(now.into()), up.into(), now.into());
            prop_assert_eq!(next, i64::from(now) + i64::try_from(every).unwrap());
        }

        #[test]
        fn no_pause_is_too_long(every: u64, last: Option<u32>, up: u32, now: u32) {
            let last = last.map(|last| at(last.into()));
            let found = due(Duration::from_secs(every), last, at(up.into()), at(now.into()));
            prop_assert!(found >= at(up.min(now).into()));
        }
    }
}
