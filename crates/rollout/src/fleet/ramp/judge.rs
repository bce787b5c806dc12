//! Whether a ramp goes on, waits or turns back.

use std::fmt;

use jiff::Timestamp;

use super::{Counts, Ramp, RampState, Side, Window};
use crate::Share;

/// What the numbers say of a ramp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The step is judged well and its time is over.
    Go,
    /// It stays where it is for now.
    Wait(Wait),
    /// The new version does worse than the baseline.
    Halt(Cause),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// A person.
    Paused,
    /// The step's time.
    Time {
        /// Until then, by the broker's clock.
        until: Timestamp,
    },
    /// Any device that lives: the whole fleet is late, or all that is known within the share, or all that the step
    /// found alive of those that it reached first.
    Alive,
    /// More of the devices that the step reached to try the version, or all of them that live to answer.
    Devices {
        /// How many tried it.
        tried: u64,
        /// How many are enough.
        enough: u32,
        /// How many live.
        asked: u64,
        /// How many of these have answered.
        answered: u64,
    },
    /// All devices that live within the share to answer: the step has no time of its own, and none comes after it.
    All {
        /// For how long at most, by the broker's clock.
        until: Timestamp,
        /// How many live.
        asked: u64,
        /// How many of these have answered.
        answered: u64,
    },
    /// As [`Wait::Devices`], with a rate that is above meanwhile: too few to halt, and none to go on by.
    Worse(Cause),
}

/// Why a ramp halts: which rate is above, and by which numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Which rate.
    pub kind: Kind,
    /// Whether in the step's window, or else in the whole ramp's.
    pub in_step: bool,
    /// The numbers.
    pub window: Window,
    /// By how much it may be above.
    pub above: Share,
}

/// The rates that are judged, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The version's own failures.
    Failures,
    /// What is no version's fault, and yet happens more with it.
    Infrastructure,
}

/// What becomes of a ramp at a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Wait(Wait),
    /// This document, and the target that follows from it.
    Write(Box<Ramp>),
}

impl Ramp {
    /// What becomes of an open ramp, by the numbers and the broker's time.
    pub fn next(&self, counts: &Counts, now: Timestamp) -> Next {
        match self.judge(counts, now) {
            Judgement::Wait(wait) => Next::Wait(wait),
            Judgement::Go => Next::Write(Box::new(self.go_on(*counts, now))),
            Judgement::Halt(cause) => {
                let halted = self.halt(&cause.to_string(), Some(*counts), now);
                // One that is over waits for nothing but a person, who would begin another.
                halted.map_or(Next::Wait(Wait::Paused), |it| Next::Write(Box::new(it)))
            }
        }
    }

    /// Judges an open ramp.
    ///
    /// Both rates are judged over the window since the step began, so that what goes wrong late is not
    /// diluted, and over the whole ramp, so that what went wrong early is not forgotten. One that is above the
    /// baseline's by more than the threshold halts at once, in mid-step and when paused too, where
    /// enough devices tried the version, and at least two more are counted than the baseline's rate would
    /// give: one device alone is no rate. Where it is fewer, it halts at the end of the step's time if every
    /// device that lives within the share has answered: there is no more evidence to come. A ramp never
    /// goes on while a rate is above, by however few devices.
    ///
    /// At the end of the step's time it goes on if, of the devices that the step reached and none before it, enough
    /// tried the version, or every living one has answered: a small fleet comes to its end. Where nobody lives
    /// at all, or nobody of those that are known within the share, or of those that the step found alive, it waits:
    /// a dead fleet does not. A last step without a time is watched until every living device within the share has
    /// answered, or until [`Self::watched_until`]: nobody looks any more once it has passed.
    pub fn judge(&self, counts: &Counts, now: Timestamp) -> Judgement {
        if !self.is_open() {
            return Judgement::Wait(Wait::Paused);
        }
        let windows = [(true, counts.step), (false, counts.whole)];
        let above = windows.into_iter().flat_map(|(in_step, window)| {
            [Kind::Failures, Kind::Infrastructure].map(|kind| Cause {
                kind,
                in_step,
                window,
                above: self.halt_above,
            })
        });
        let above: Vec<_> = above.filter(Cause::is_above).collect();
        // Of nobody there is no rate, and nothing to go on by.
        let least = self.min_devices.max(1);
        let enough = u64::from(least);
        if let Some(cause) = above
            .iter()
            .find(|it| it.of() >= enough && it.is_more_than_one())
        {
            return Judgement::Halt(*cause);
        }
        if self.state.is == RampState::Paused {
            return Judgement::Wait(Wait::Paused);
        }
        let due = self.due_at();
        if now < due {
            return Judgement::Wait(Wait::Time { until: due });
        }
        let tried = counts.whole.new.tried;
        let newly = counts.newly;
        if counts.living == 0
            || (counts.asked == 0 && tried.max(counts.within) > 0)
            || (newly.asked == 0 && newly.known > 0)
        {
            return Judgement::Wait(Wait::Alive);
        }
        let all_answered = counts.answered >= counts.asked;
        if let Some(cause) = above.first() {
            return if all_answered {
                Judgement::Halt(*cause)
            } else {
                Judgement::Wait(Wait::Worse(*cause))
            };
        }
        if let Some(until) = self.watched_until().filter(|until| now < *until) {
            return if all_answered {
                Judgement::Go
            } else {
                Judgement::Wait(Wait::All {
                    until,
                    asked: counts.asked,
                    answered: counts.answered,
                })
            };
        }
        if newly.tried >= enough || newly.answered >= newly.asked {
            return Judgement::Go;
        }
        Judgement::Wait(Wait::Devices {
            tried: newly.tried,
            enough: least,
            asked: newly.asked,
            answered: newly.answered,
        })
    }
}

impl Kind {
    /// Devices that count in `side`, and of how many.
    fn of(self, side: &Side) -> (u64, u64) {
        match self {
            Self::Failures => (side.failed, side.tried),
            Self::Infrastructure => (side.infrastructure, side.devices),
        }
    }

    fn rate(self, side: &Side) -> Share {
        match self {
            Self::Failures => side.failure_rate(),
            Self::Infrastructure => side.infrastructure_rate(),
        }
    }
}

impl Cause {
    /// Of how many devices the new version's rate is.
    fn of(&self) -> u64 {
        self.kind.of(&self.window.new).1
    }

    /// Whether the new version's rate is above the baseline's by more than the threshold: in whole numbers,
    /// so that no rounding decides. A baseline without devices has rate 0.
    fn is_above(&self) -> bool {
        let [part, all, old_part, old_all] = self.numbers();
        let above = i128::from(self.above.hundredths());
        (part * old_all - old_part * all) * 10_000 > above * all * old_all
    }

    /// Whether at least two devices more are counted than the baseline's rate would give of as many.
    fn is_more_than_one(&self) -> bool {
        let [part, all, old_part, old_all] = self.numbers();
        part * old_all - old_part * all >= 2 * old_all
    }

    /// Part and all of the new version, then of the baseline.
    fn numbers(&self) -> [i128; 4] {
        let (part, all) = self.kind.of(&self.window.new);
        let (old_part, old_all) = match self.kind.of(&self.window.old) {
            (_, 0) => (0, 1),
            old => old,
        };
        // More devices than there can be, and the products stay in their type.
        [part, all, old_part, old_all].map(|it| i128::from(it.min(1 << 48)))
    }
}

impl fmt::Display for Cause {
    /// `1.1.0 …`: the sentence that is kept with the ramp.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (part, all) = self.kind.of(&self.window.new);
        let (old_part, old_all) = self.kind.of(&self.window.old);
        let what = match self.kind {
            Kind::Failures => "failed on",
            Kind::Infrastructure => "met trouble that is no version's fault on",
        };
        let since = if self.in_step { "the step" } else { "the ramp" };
        write!(
            f,
            "since {since} began, the new version {what} {part} of {all} devices ({}), the baseline on \
             {old_part} of {old_all} ({}); more than {} above is too much",
            self.kind.rate(&self.window.new),
            self.kind.rate(&self.window.old),
            self.above
        )
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => f.write_str("paused; `refit fleet resume` lets it go on"),
            Self::Time { until } => write!(f, "held until {until:.0}"),
            Self::Alive => f.write_str(
                "no device is heard of, of all or of those that this step is to reach: waiting until some are",
            ),
            Self::Devices {
                tried,
                enough,
                asked,
                answered,
            } => write!(
                f,
                "{tried} of the devices that this step reached tried it, of {enough} that would be enough; {answered} \
                 of {asked} of them that live have answered"
            ),
            Self::All {
                until,
                asked,
                answered,
            } => write!(
                f,
                "{answered} of {asked} devices that live within the share have answered; they are waited for until \
                 {until:.0} at most"
            ),
            Self::Worse(cause) => write!(f, "too few devices to tell, but {cause}"),
        }
    }
}

#[cfg(test)]
mod tests;
