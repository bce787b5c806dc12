//! The least that has to come: a trickle that never stops is no answer either.

use std::time::Duration;

use tokio::time::Instant;

/// The fewest bytes in each window, which is two minutes long by default: less than that is no line on
/// which an app could be used at all.
const LEAST: u64 = 4 << 10;

/// Where the same bytes can be had elsewhere, the slowest line that is waited for, in bytes a second.
const WORTH: u64 = 16 << 10;

/// How long `bytes` may take where they can be had elsewhere, or nowhere else: at least `least`.
pub(crate) fn time_for(bytes: u64, least: Duration) -> Duration {
    least.max(Duration::from_secs(bytes / WORTH))
}

/// Counts what comes in windows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    window: Duration,
    since: Instant,
    got: u64,
}

impl Rate {
    pub(crate) fn new(window: Duration, now: Instant) -> Self {
        Self {
            window,
            since: now,
            got: 0,
        }
    }

    /// Whether `got` bytes in all are enough at `now`; else how many came in the last window.
    pub(crate) fn judge(&mut self, got: u64, now: Instant) -> Result<(), u64> {
        if now.duration_since(self.since) < self.window {
            return Ok(());
        }
        let came = got.saturating_sub(self.got);
        if came < LEAST {
            return Err(came);
        }
        (self.since, self.got) = (now, got);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_things_have_some_time_and_large_ones_as_much_as_a_slow_line_needs() {
        let least = Duration::from_mins(2);
        assert_eq!(time_for(0, least), least);
        assert_eq!(time_for(WORTH * 120, least), least);
        assert_eq!(time_for(WORTH * 600, least), Duration::from_mins(10));
        assert!(time_for(u64::MAX, least) > least);
    }

    #[test]
    fn each_window_counts_for_itself() {
        let minute = Duration::from_mins(1);
        let begun = Instant::now();
        let mut rate = Rate::new(minute, begun);
        assert_eq!(rate.judge(1, begun + minute / 2), Ok(()));
        assert_eq!(rate.judge(LEAST, begun + minute), Ok(()));
        assert_eq!(rate.judge(LEAST + 1, begun + minute * 3 / 2), Ok(()));
        // What came before does not make up for it.
        assert_eq!(rate.judge(LEAST + 7, begun + minute * 2), Err(7));
        assert_eq!(rate.judge(2 * LEAST, begun + minute * 2), Ok(()));
    }
}
