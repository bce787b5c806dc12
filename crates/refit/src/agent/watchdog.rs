//! Ends a binary on trial that hangs: it would be one start for ever, and so never be taken back.
//!
//! ```text
//! arm ─► a thread of its own ─► seen up?  ─► its time begins anew
//!                           ├─► healthy?  ─► it rests
//!                           └─► neither, for so long ─► the process ends, and the next start counts it
//! ```
//!
//! It leans on nothing that may hang with the rest: no async runtime, no settings, no lock of others.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::RESTART;
use crate::output::say;

/// The shortest time by default. A first start of the runtime, a disk that is checked and a slow machine all have
/// room in it.
const AT_LEAST: Duration = Duration::from_mins(10);
/// So many times the time after which it is healthy.
const TIMES: u32 = 10;
/// How long an orderly end may take before there is a disorderly one.
const LAST: Duration = Duration::from_secs(10);

static OWN: Watchdog = Watchdog {
    state: Mutex::new(State {
        seen: None,
        limit: AT_LEAST,
    }),
    changed: Condvar::new(),
};

struct Watchdog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// When it began, or the runtime was last seen up; none where nothing is watched.
    seen: Option<Instant>,
    limit: Duration,
}

impl State {
    /// How long it may still take; none where nothing is watched.
    fn left(&self, now: Instant) -> Option<Duration> {
        let gone = now.saturating_duration_since(self.seen?);
        Some(self.limit.saturating_sub(gone))
    }
}

impl Watchdog {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Returns the limit once it is over; none where there is nothing to watch any more.
    fn watch(&self) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = state.left(Instant::now())?;
            if left.is_zero() {
                return Some(state.limit);
            }
            let waited = self.changed.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Watches this process from now on.
///
/// # Errors
/// Where there is no thread to be had.
pub(super) fn arm() -> std::io::Result<()> {
    OWN.change(|state| state.seen = Some(Instant::now()));
    let thread = thread::Builder::new().name("watchdog".to_owned());
    thread.spawn(|| OWN.watch().map(end))?;
    Ok(())
}

/// How long the runtime may not be up, as the arguments have it: `asked`, or what follows from the time after which
/// it is healthy.
pub(crate) fn within(asked: Option<Duration>, healthy_after: Duration) {
    let limit = asked.unwrap_or_else(|| healthy_after.saturating_mul(TIMES).max(AT_LEAST));
    OWN.change(|state| state.limit = limit);
}

/// The runtime is up. Returns how soon that has to be said again.
pub(crate) fn seen_up() -> Duration {
    let mut again = AT_LEAST;
    OWN.change(|state| {
        if state.seen.is_some() {
            state.seen = Some(Instant::now());
        }
        again = state.limit;
    });
    again / 4
}

/// Watches no more: there is no way back from what runs.
pub(crate) fn rest() {
    OWN.change(|state| state.seen = None);
}

fn end(limit: Duration) {
    // What hangs may hold what an orderly end and even a word need.
    let _ = thread::Builder::new().spawn(|| {
        thread::sleep(LAST);
        std::process::abort();
    });
    say(&format!(
        "Agent: this version is on trial, and its runtime was not up for {} s: it ends, to be started anew",
        limit.as_secs()
    ));
    std::process::exit(i32::from(RESTART));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_from_when_the_runtime_was_last_seen_and_for_nothing_where_it_rests() {
        let now = Instant::now();
        let mut state = State {
            seen: None,
            limit: Duration::from_secs(10),
        };
        assert_eq!(state.left(now), None);
        state.seen = Some(now);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(state.left(after(4)), Some(Duration::from_secs(6)));
        assert_eq!(state.left(after(11)), Some(Duration::ZERO));
        state.seen = Some(after(10));
        assert_eq!(state.left(after(11)), Some(Duration::from_secs(9)));
    }
}
