//! The publisher's clock, judged by what was signed before.
//!
//! Devices take the time of signing for the least that the time can be, and expiries are counted from
//! it: what is signed by a wrong clock is over at once, or holds for years.

use jiff::Timestamp;

use super::loaded::Loaded;
use crate::failure::Failure;
use crate::output::say;

/// By how many seconds two machines may differ.
const SLACK: i64 = 60;

/// What a clock looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// Nothing speaks against it.
    Plausible,
    /// It says a time before the last signature.
    Behind(Timestamp),
    /// It says that the last signature is over: nobody signed in time, or it is ahead.
    Late(Timestamp),
}

/// Judges `now` by when the repository was signed last, and until when that holds.
fn judge(signed_at: Option<Timestamp>, expires: Timestamp, now: Timestamp) -> Clock {
    match signed_at {
        Some(at) if at.as_second() > now.as_second().saturating_add(SLACK) => Clock::Behind(at),
        _ if expires < now => Clock::Late(expires),
        _ => Clock::Plausible,
    }
}

/// Refuses a clock that is behind what was signed.
pub(super) fn check(loaded: &Loaded, now: Timestamp) -> Result<(), Failure> {
    match judge(loaded.signed_at(), loaded.timestamp.expires, now) {
        Clock::Behind(at) => Err(Failure::new(
            "clock",
            format_args!(
                "This machine's clock says {now}, and this repository was last signed at {at}"
            ),
            "Set the clock. If it is right, and the one that signed last was ahead: \
             `refit repo refresh --clock-is-right`.",
        )),
        Clock::Late(_) | Clock::Plausible => Ok(()),
    }
}

/// The same; and says aloud what else is odd.
pub(super) fn check_aloud(loaded: &Loaded, now: Timestamp) -> Result<(), Failure> {
    check(loaded, now)?;
    warn(loaded, now);
    Ok(())
}

/// Says aloud what is odd about the clock.
pub(super) fn warn(loaded: &Loaded, now: Timestamp) {
    match judge(loaded.signed_at(), loaded.timestamp.expires, now) {
        Clock::Plausible => {}
        Clock::Behind(at) => say(&format!(
            "Warning: this repository was last signed at {at}, which this machine's clock has not reached."
        )),
        Clock::Late(until) => say(&format!(
            "Warning: by this machine's clock it is {now}, and the last timestamp was over at {until}. \
             If nobody was to sign since, that is so; else check the clock."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_clock_is_judged_by_the_last_signature() {
        let (signed, expires) = (at(1_000), at(2_000));
        for (now, found) in [
            (at(-900_000_000), Clock::Behind(signed)),
            (at(939), Clock::Behind(signed)),
            (at(940), Clock::Plausible),
            (at(2_000), Clock::Plausible),
            (at(2_001), Clock::Late(expires)),
        ] {
            assert_eq!(judge(Some(signed), expires, now), found, "{now}");
        }
        assert_eq!(judge(None, expires, at(0)), Clock::Plausible);
        let far = Timestamp::MAX;
        assert_eq!(judge(Some(far), far, Timestamp::MIN), Clock::Behind(far));
    }
}
