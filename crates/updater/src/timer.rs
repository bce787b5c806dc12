//! The loop that checks by itself: in the device's rhythm, and when its turn comes.
//!
//! A rhythm is kept by a clock that stands still while the machine sleeps; a turn comes by the wall
//! clock, which may jump. So while something waits for its turn, the wall clock is read now and then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::releases::By;
use crate::schedule;
use crate::updater::{Inner, Updater, lock};

/// How often the wall clock is read while something waits for its turn.
const LOOK: Duration = Duration::from_secs(15);

impl Updater {
    pub(crate) async fn run_timer(&self) {
        let inner = &self.0;
        // Without an id of its own a device still checks, in the rhythm of all that have none.
        let device = inner.device().await.unwrap_or_default();
        let every = inner.settings.every;
        let (jitter, pause) = (
            schedule::jitter(&device),
            schedule::after_turn(&device, every),
        );
        let not_before = inner.load().await.not_before;
        let mut wait = schedule::first(inner.settings.after, not_before, inner.now());
        loop {
            let rest = inner.rest(wait, pause);
            if inner.stager.unless_stopped(rest).await.is_err() {
                break;
            }
            // What is ordered is staged by whoever hears of the order; what was recalled is heard here.
            let is_steered = *inner.settings.steered.borrow();
            let checked = if is_steered {
                self.look(By::Timer).await
            } else {
                self.check(By::Timer).await
            };
            let retry_after = match checked {
                Ok(_) => lock(&inner.pace).retry_after,
                Err(error) => {
                    tracing::info!(kind = error.kind(), %error, "the check came to nothing");
                    error.retry_after()
                }
            };
            wait = schedule::next(every, jitter, retry_after);
        }
        inner
            .status
            .send_modify(|status| status.next_check_at = None);
    }
}

impl Inner {
    /// Until it is time: `wait` from now, or the device's turn with its own `pause` after it.
    async fn rest(&self, wait: Duration, pause: SignedDuration) {
        let regular = Instant::now() + wait;
        let mut told = None;
        loop {
            let now = self.now();
            let left = regular.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let turn = lock(&self.pace).turn;
            let turn = turn.map(|turn| turn.checked_add(pause).unwrap_or(Timestamp::MAX));
            if turn.is_some_and(|turn| turn <= now) {
                // It is judged again by the check; that it came is known now.
                lock(&self.pace).turn = None;
                return;
            }
            let next = schedule::later(now, left);
            let next = turn.map_or(next, |turn| turn.min(next));
            // The regular time is counted in another clock and seems to move a little.
            let moved = told.is_none_or(|told: Timestamp| {
                told.duration_until(next).abs() > SignedDuration::from_secs(2)
            });
            if moved {
                told = Some(next);
                self.tell_next(next).await;
            }
            let step = match turn {
                None => left,
                Some(turn) => {
                    let until = Duration::try_from(now.duration_until(turn)).unwrap_or_default();
                    left.min(until.clamp(Duration::from_secs(1), LOOK))
                }
            };
            tokio::select! {
                () = tokio::time::sleep(step) => {}
                () = self.paced.notified() => {}
            }
        }
    }

    async fn tell_next(&self, next: Timestamp) {
        self.status
            .send_modify(|status| status.next_check_at = Some(next));
        self.save(move |releases| releases.next_check_at = Some(next))
            .await;
    }
}
