//! How much running a trial has behind it that the store does not know of yet.
//!
//! The store counts whole seconds over all launches, so the rest of a second is kept here until it
//! is one.

use std::time::Duration;

/// A report at least this often, so that a lost shell loses no more.
const EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct SoakClock {
    /// Of this launch's running time, what was reported.
    reported: Duration,
    /// What the store still wants, when it was last asked.
    left: Duration,
    /// After a report that could not be written: not before this running time.
    not_before: Duration,
}

impl SoakClock {
    /// `soaked`: what the store has already counted, over earlier launches.
    pub(crate) fn new(soak: Duration, soaked: Duration) -> Self {
        Self {
            reported: Duration::ZERO,
            left: soak.saturating_sub(soaked),
            not_before: Duration::ZERO,
        }
    }

    /// After which running time of this launch to report next.
    pub(crate) fn next_report(&self) -> Duration {
        let left =
            Duration::from_secs(self.left.as_secs() + u64::from(self.left.subsec_nanos() > 0));
        (self.reported + left.clamp(Duration::from_secs(1), EVERY)).max(self.not_before)
    }

    /// The whole seconds not reported yet, which now count as reported.
    pub(crate) fn take(&mut self, ran: Duration) -> Duration {
        let due = Duration::from_secs(ran.saturating_sub(self.reported).as_secs());
        self.reported += due;
        due
    }

    /// What the store answered.
    pub(crate) fn set_left(&mut self, left: Duration) {
        self.left = left;
    }

    /// A report that the store could not write is made again, with the next.
    pub(crate) fn put_back(&mut self, due: Duration) {
        self.not_before = self.reported + EVERY;
        self.reported = self.reported.saturating_sub(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_long_soak_is_reported_every_half_minute() {
        let mut clock = SoakClock::new(secs(600), secs(0));
        assert_eq!(clock.next_report(), secs(30));
        assert_eq!(clock.take(secs(30)), secs(30));
        clock.set_left(secs(570));
        assert_eq!(clock.next_report(), secs(60));
    }

    #[test]
    fn the_last_report_comes_when_the_soak_ends_counting_earlier_launches() {
        let clock = SoakClock::new(secs(600), secs(590));
        assert_eq!(clock.next_report(), secs(10));
    }

    #[test]
    fn parts_of_a_second_are_kept_until_they_are_one() {
        let mut clock = SoakClock::new(secs(600), secs(0));
        assert_eq!(clock.take(Duration::from_millis(1_700)), secs(1));
        assert_eq!(clock.take(Duration::from_millis(2_100)), secs(1));
        assert_eq!(clock.take(Duration::from_millis(2_200)), secs(0));
    }

    #[test]
    fn a_report_that_could_not_be_written_is_made_again() {
        let mut clock = SoakClock::new(secs(600), secs(0));
        let due = clock.take(secs(30));
        clock.put_back(due);
        assert_eq!(clock.next_report(), secs(60), "not at once");
        assert_eq!(clock.take(secs(31)), secs(31));
    }

    #[test]
    fn an_overdue_soak_is_reported_within_a_second() {
        let clock = SoakClock::new(secs(1), secs(5));
        assert_eq!(clock.next_report(), secs(1));
    }
}
