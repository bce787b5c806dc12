//! When a version that waits for a restart is applied by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How a staged version is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A person is asked.
    Prompt,
    /// By itself, when the runtime says that it is not busy.
    Idle,
    /// At the next start; nobody is asked.
    NextLaunch,
    /// By itself, at once, unless the runtime says that it is busy.
    Now,
}

/// What the runtime says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// A restart costs nobody anything.
    Idle,
    /// It would cost somebody work.
    Busy {
        /// How many tasks are running, where it says.
        tasks: Option<u32>,
    },
    /// Nothing that could be understood.
    Silent,
}

impl Lease {
    /// What several that a restart would interrupt say together: one that is busy is enough, and idle
    /// are they only if all say so. None where nobody was asked.
    pub fn together(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| match (one, other) {
            (Self::Busy { tasks: one }, Self::Busy { tasks: other }) => Self::Busy {
                tasks: match (one, other) {
                    (Some(one), Some(other)) => Some(one.saturating_add(other)),
                    (one, other) => one.or(other),
                },
            },
            (busy @ Self::Busy { .. }, _) | (_, busy @ Self::Busy { .. }) => busy,
            (Self::Silent, _) | (_, Self::Silent) => Self::Silent,
            (Self::Idle, Self::Idle) => Self::Idle,
        })
    }
}

/// What to do with what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A person restarts, or nobody does.
    Ask,
    /// The next start applies it.
    NextLaunch,
    /// Not yet.
    Wait {
        /// From then on it is applied whatever the runtime says.
        until: Timestamp,
    },
    /// Now.
    Apply,
}

/// The next step at `now` for a version that was staged at `staged_at` and that nothing holds back.
///
/// Silence is no leave to interrupt where the runtime was to be asked first ([`Mode::Idle`]), and no
/// obstacle where it was not ([`Mode::Now`]). Neither waits for longer than `ceiling`.
pub fn decide(
    mode: Mode,
    staged_at: Timestamp,
    lease: Lease,
    now: Timestamp,
    ceiling: Duration,
) -> Step {
    let holds = match (mode, lease) {
        (Mode::Prompt, _) => return Step::Ask,
        (Mode::NextLaunch, _) => return Step::NextLaunch,
        (_, Lease::Busy { .. }) | (Mode::Idle, Lease::Silent) => true,
        (_, Lease::Idle) | (Mode::Now, Lease::Silent) => false,
    };
    let until = deadline(staged_at, ceiling);
    if holds && now < until {
        Step::Wait { until }
    } else {
        Step::Apply
    }
}

/// When the longest wait is over; the end of time where it is beyond that.
pub fn deadline(staged_at: Timestamp, ceiling: Duration) -> Timestamp {
    let ceiling = SignedDuration::try_from(ceiling).unwrap_or(SignedDuration::MAX);
    staged_at.saturating_add(ceiling).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Duration = Duration::from_hours(24);
    const BUSY: Lease = Lease::Busy { tasks: Some(3) };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn on_the_first_second(mode: Mode, lease: Lease) -> Step {
        decide(mode, at(0), lease, at(1), DAY)
    }

    #[test]
    fn who_is_asked_is_asked_and_a_next_launch_is_waited_for_whatever_the_runtime_says() {
        for lease in [Lease::Idle, BUSY, Lease::Silent] {
            assert_eq!(on_the_first_second(Mode::Prompt, lease), Step::Ask);
            assert_eq!(
                on_the_first_second(Mode::NextLaunch, lease),
                Step::NextLaunch
            );
        }
    }

    #[test]
    fn busy_waits_idle_does_not_and_silence_is_taken_on_the_safe_side_of_the_mode() {
        let wait = Step::Wait {
            until: at(24 * 3600),
        };
        for mode in [Mode::Idle, Mode::Now] {
            assert_eq!(on_the_first_second(mode, BUSY), wait);
            assert_eq!(on_the_first_second(mode, Lease::Idle), Step::Apply);
        }
        assert_eq!(on_the_first_second(Mode::Idle, Lease::Silent), wait);
        assert_eq!(on_the_first_second(Mode::Now, Lease::Silent), Step::Apply);
    }

    #[test]
    fn the_ceiling_counts_from_the_staging_and_no_ceiling_is_beyond_time() {
        let late = at(24 * 3600);
        assert_eq!(decide(Mode::Idle, at(0), BUSY, late, DAY), Step::Apply);
        let almost = at(24 * 3600 - 1);
        let step = decide(Mode::Idle, at(0), BUSY, almost, DAY);
        assert_eq!(step, Step::Wait { until: late });
        assert_eq!(deadline(at(0), Duration::MAX), Timestamp::MAX);
    }

    fn lease() -> impl Strategy<Value = Lease> {
        prop_oneof![
            Just(Lease::Idle),
            Just(Lease::Silent),
            any::<Option<u32>>().prop_map(|tasks| Lease::Busy { tasks }),
        ]
    }

    #[test]
    fn one_that_is_busy_is_enough_and_all_have_to_be_idle() {
        use Lease::{Busy, Idle, Silent};
        let busy = |tasks| Busy { tasks };
        assert_eq!(Lease::together([]), None);
        for (all, wanted) in [
            ([Idle, Idle, Idle], Idle),
            ([Idle, Silent, Idle], Silent),
            ([Silent, busy(Some(2)), Idle], busy(Some(2))),
            ([busy(Some(2)), busy(None), busy(Some(1))], busy(Some(3))),
            ([Idle, busy(None), Silent], busy(None)),
        ] {
            assert_eq!(Lease::together(all), Some(wanted), "{all:?}");
            let mut turned = all;
            turned.reverse();
            assert_eq!(Lease::together(turned), Some(wanted), "{turned:?}");
        }
    }

    proptest! {
        /// Nothing waits beyond its ceiling, and once a version would be applied it is never put off
        /// again by time alone.
        #[test]
        fn a_wait_ends(
            staged in -1_000_000_i64..1_000_000, now in -1_000_000_i64..1_000_000,
            later in 0_i64..1_000_000, ceiling in 0_u64..2_000_000, lease in lease(),
            idle in any::<bool>(),
        ) {
            let mode = if idle { Mode::Idle } else { Mode::Now };
            let ceiling = Duration::from_secs(ceiling);
            let step = |now| decide(mode, at(staged), lease, now, ceiling);
            match step(at(now)) {
                Step::Wait { until } => {
                    prop_assert!(until > at(now));
                    prop_assert_eq!(step(until), Step::Apply);
                }
                Step::Apply => prop_assert_eq!(step(at(now + later)), Step::Apply),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
