//! What a version has to show out of sight before anybody is asked about it, and what follows from
//! what it showed.
//!
//! A rehearsal is a start beside everything that runs, and a smoke check of what was started: so
//! many requests, and a limit on how long the middle one and the slowest few may take.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a version has to fail, one time after the other, before the bundled one is held against it.
pub const FAILURES: usize = 2;

/// So many rehearsals without an outcome are an outcome: whatever they end with, it is not with one.
pub const LOST: u32 = 4;

/// What a smoke check asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many requests are made.
    pub requests: u32,
    /// Half of them may take longer than this, and no more.
    pub p50: Duration,
    /// One in twenty may take longer than this, and no more.
    pub p95: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 50,
            p50: Duration::from_millis(500),
            p95: Duration::from_secs(2),
        }
    }
}

/// What a smoke check found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Smoke {
    /// How many requests were to be made.
    pub asked: u32,
    /// How many were answered well.
    pub ok: u32,
    /// How many were not: refused, cut off, an error, or not begun before the time was up.
    pub failed: u32,
    /// What half of the good answers took at most; zero where there are none.
    pub p50: Duration,
    /// What 19 in 20 of the good answers took at most; zero where there are none.
    pub p95: Duration,
}

/// Why a smoke check was not passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Something was not answered well.
    #[error("{failed} of {asked} requests failed")]
    Failed {
        /// How many.
        failed: u32,
        /// Of how many.
        asked: u32,
    },
    /// Answers took too long.
    #[error("{percentile} was {}, and may be {} at most", Millis(*.took), Millis(*.most))]
    TooSlow {
        /// `p50` or `p95`.
        percentile: &'static str,
        /// What it was.
        took: Duration,
        /// What it may be.
        most: Duration,
    },
    /// So many answers took too long that the rest is no matter.
    #[error("{percentile} is over {}: {over} of {asked} requests took longer", Millis(*.most))]
    Settled {
        /// `p50` or `p95`.
        percentile: &'static str,
        /// What it may be.
        most: Duration,
        /// So many took longer.
        over: usize,
        /// Of so many.
        asked: u32,
    },
}

impl Smoke {
    /// Of `asked` requests, of which those were answered well that `took` is about, in any order.
    pub fn of(asked: u32, mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let ok = u32::try_from(took.len()).unwrap_or(u32::MAX).min(asked);
        Self {
            asked,
            ok,
            failed: asked - ok,
            p50: percentile(&took, 50).unwrap_or_default(),
            p95: percentile(&took, 95).unwrap_or_default(),
        }
    }
}

impl Limits {
    /// Whether that is good enough. A failure comes before slowness.
    ///
    /// # Errors
    /// The first limit that it is over.
    pub fn judge(&self, smoke: &Smoke) -> Result<(), Unfit> {
        if smoke.failed > 0 || smoke.ok < self.requests {
            return Err(Unfit::Failed {
                failed: smoke.failed.max(self.requests.saturating_sub(smoke.ok)),
                asked: smoke.asked.max(self.requests),
            });
        }
        let limits = [("p50", smoke.p50, self.p50), ("p95", smoke.p95, self.p95)];
        match limits.into_iter().find(|(_, took, most)| took > most) {
            Some((percentile, took, most)) => Err(Unfit::TooSlow {
                percentile,
                took,
                most,
            }),
            None => Ok(()),
        }
    }

    /// The limit that is broken whatever comes after the good answers so far, which `took` is about.
    pub fn settled(&self, took: &[Duration]) -> Option<Unfit> {
        self.over(took)
            .find(|(_, _, over, may)| over > may)
            .map(|(percentile, most, over, _)| self.broken(percentile, most, over))
    }

    /// How long the next answer may take where one more that is too slow settles it, and what is
    /// broken then.
    pub fn patience(&self, took: &[Duration]) -> Option<(Duration, Unfit)> {
        self.over(took)
            .filter(|(_, _, over, may)| over >= may)
            .map(|(percentile, most, over, _)| (most, self.broken(percentile, most, over + 1)))
            .min_by_key(|(most, _)| *most)
    }

    /// Each limit: its name, what it is, how many answers took longer, and how many may.
    fn over<'a>(
        &self,
        took: &'a [Duration],
    ) -> impl Iterator<Item = (&'static str, Duration, usize, usize)> + use<'a> {
        let asked = self.requests as usize;
        let limits = [("p50", 50, self.p50), ("p95", 95, self.p95)];
        limits.into_iter().map(move |(name, percent, most)| {
            let over = took.iter().filter(|took| **took > most).count();
            (name, most, over, asked - rank(asked, percent))
        })
    }

    fn broken(&self, percentile: &'static str, most: Duration, over: usize) -> Unfit {
        Unfit::Settled {
            percentile,
            most,
            over,
            asked: self.requests,
        }
    }
}

/// Which of so many, from 1 on, so many percent of them do not exceed.
fn rank(count: usize, percent: u8) -> usize {
    let percent = usize::from(percent.min(100));
    (count * percent).div_ceil(100)
}

/// The smallest of `sorted` that so many percent of them do not exceed (the nearest rank).
pub fn percentile(sorted: &[Duration], percent: u8) -> Option<Duration> {
    let rank = rank(sorted.len(), percent).max(1);
    sorted.get(rank - 1).copied()
}

impl fmt::Display for Smoke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ok={}/{} ", self.ok, self.asked)?;
        if self.ok == 0 {
            return f.write_str("p50=- p95=-");
        }
        write!(f, "p50={} p95={}", Millis(self.p50), Millis(self.p95))
    }
}

/// A time as it is compared: whole milliseconds, or tenths of one where it is hardly any.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros < 10_000 && !micros.is_multiple_of(1_000) {
            write!(f, "{}.{}ms", micros / 1_000, micros % 1_000 / 100)
        } else {
            write!(f, "{}ms", micros / 1_000)
        }
    }
}

/// What is known of the rehearsals of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsals<'a> {
    /// How many were begun before this time and never came to an end: the power went, or the machine.
    pub lost: u32,
    /// How those of this time came out, in order: whether they were passed.
    pub outcomes: &'a [bool],
    /// Whether the bundled version passed the same rehearsal since then, where it was asked to.
    pub bundled: Option<bool>,
}

/// What to do next about a version that is whole and not yet pointed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// Rehearse it.
    Rehearse,
    /// Have the bundled version rehearse: it may be the machine, or the limits.
    RehearseBundled,
    /// It passed.
    Point,
    /// It failed where the bundled version passes: it is bad.
    Condemn,
    /// Nothing passes here today; nothing is known about the version.
    Inconclusive,
}

/// What follows from what is known.
///
/// A failure of another day counts for nothing: where nothing passed that day, nothing was known
/// about the version, and where something did, it was condemned. Only rehearsals that never came to
/// an end are counted over days, so that a version that takes the machine down does so a few times
/// and no more.
pub fn next(known: &Rehearsals<'_>) -> Next {
    if known.outcomes.last() == Some(&true) {
        return Next::Point;
    }
    if known.outcomes.len() < FAILURES && known.lost < LOST {
        return Next::Rehearse;
    }
    match known.bundled {
        None => Next::RehearseBundled,
        Some(true) => Next::Condemn,
        Some(false) => Next::Inconclusive,
    }
}

#[cfg(test)]
mod tests;
