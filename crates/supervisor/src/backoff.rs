//! How long a crashed runtime waits for its restart: short at first, doubling up to a minute, and
//! short again once it ran well for a minute. Pure: running times come in, delays go out.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_mins(1);
/// Running this long makes the crashes before it count no more.
const HEALTHY: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    crashes: u32,
}

impl Backoff {
    /// The delay after a crash that followed `ran` of running.
    pub(crate) fn after_crash(&mut self, ran: Duration) -> Duration {
        if ran >= HEALTHY {
            self.crashes = 0;
        }
        let delay = FIRST.saturating_mul(2_u32.saturating_pow(self.crashes));
        self.crashes = self.crashes.saturating_add(1);
        delay.min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    #[test]
    fn each_crash_doubles_the_wait_up_to_a_minute() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..9)
            .map(|_| backoff.after_crash(SHORT).as_millis())
            .collect();
        assert_eq!(
            delays,
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
            ]
        );
    }

    #[test]
    fn a_healthy_minute_makes_the_next_wait_short_again() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.after_crash(SHORT);
        }
        assert_eq!(backoff.after_crash(HEALTHY), FIRST);
        assert_eq!(backoff.after_crash(SHORT), FIRST * 2);
    }

    #[test]
    fn crashing_for_ever_does_not_overflow() {
        let mut backoff = Backoff { crashes: u32::MAX };
        assert_eq!(backoff.after_crash(SHORT), MOST);
        assert_eq!(backoff.after_crash(SHORT), MOST);
    }
}
