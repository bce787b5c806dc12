//! A moment by the wall clock, which may jump while it is waited for.

use std::time::Duration;

use jiff::Timestamp;

use crate::agent::tell::Clock;

/// The wall clock is read again after so long.
const LOOK: Duration = Duration::from_secs(15);

/// Waits until the clock says `moment`, or something earlier than it said before, which was `now` at last.
///
/// Only the clock is read meanwhile: a fleet that waits wakes up all at once, for having heard of its order all at once,
/// and whatever each did then would hold up those whose moment has come.
pub(crate) async fn comes(clock: &Clock, now: Timestamp, moment: Timestamp) {
    let mut before = now;
    loop {
        let now = clock();
        if now >= moment || now < before {
            return;
        }
        before = now;
        let left = Duration::try_from(moment.duration_since(now)).unwrap_or_default();
        // A little more than whole: a timer that is early would only look again.
        let left = left.saturating_add(Duration::from_millis(5));
        tokio::time::sleep(left.min(LOOK)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use jiff::SignedDuration;
    use tokio::time::Instant;

    use super::*;

    /// A clock that goes with the test's own time, counts how often it is read, and can be moved by seconds.
    struct Wall {
        moved: Arc<AtomicI64>,
        reads: Arc<AtomicUsize>,
        clock: Clock,
    }

    fn wall() -> Wall {
        let (moved, reads) = (Arc::<AtomicI64>::default(), Arc::<AtomicUsize>::default());
        let began = Instant::now();
        let clock: Clock = {
            let (moved, reads) = (Arc::clone(&moved), Arc::clone(&reads));
            Arc::new(move || {
                reads.fetch_add(1, Ordering::SeqCst);
                let gone = SignedDuration::try_from(began.elapsed()).unwrap();
                let moved = SignedDuration::from_secs(moved.load(Ordering::SeqCst));
                at(0) + gone + moved
            })
        };
        Wall {
            moved,
            reads,
            clock,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_781_251_200 + second).unwrap()
    }

    /// How long it took, in whole seconds.
    async fn waited(wall: &Wall, until: i64) -> u64 {
        let began = Instant::now();
        comes(&wall.clock, at(0), at(until)).await;
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_moment_and_what_is_past_has_come() {
        let wall = wall();
        assert_eq!(waited(&wall, 0).await, 0);
        assert_eq!(waited(&wall, -5).await, 0);
        assert_eq!(waited(&wall, 50).await, 50);
        assert!((at(50)..at(51)).contains(&(wall.clock)()));
        // At 0 for each of the first two; at 0, 15, 30, 45 and 50; and just now.
        assert_eq!(wall.reads.load(Ordering::SeqCst), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_forward_is_noticed_soon() {
        let wall = wall();
        let move_it = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            wall.moved.store(3_600, Ordering::SeqCst);
        };
        let (waited, ()) = tokio::join!(waited(&wall, 3_600), move_it);
        assert_eq!(waited, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_put_back_is_noticed_soon_so_that_the_wait_is_reckoned_again() {
        let wall = wall();
        let move_it = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            wall.moved.store(-3_600, Ordering::SeqCst);
        };
        let (waited, ()) = tokio::join!(waited(&wall, 60), move_it);
        assert_eq!(waited, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_put_back_since_it_was_last_read_is_noticed_at_once() {
        let wall = wall();
        wall.moved.store(-60, Ordering::SeqCst);
        assert_eq!(waited(&wall, 60).await, 0);
    }
}
