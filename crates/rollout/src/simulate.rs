//! How a ramp goes: a fleet of made-up devices, each in its real place in the queue, polling in its
//! own rhythm. The same model gives the same figures everywhere.
//!
//! ```text
//! n ─► id ─► Position ─► delay ─────────┐
//! n ─► draw ─► rhythm, offset, pause ───┴─► the check that finds its turn come ─► download ─► staged
//!                                              └─► a histogram a second ─► hours
//! ```
//!
//! What is assumed: every device is on all the time and has been polling before the publication, so
//! that first checks are spread over one interval; a device that waits for its turn looks again after a
//! pause of its own, shorter than one interval, or sooner in its rhythm, and goes on in that from then; it fetches at
//! [`DEVICE_RATE`], and nothing fails.

mod hours;

use std::fmt::Write as _;

use crate::{Plan, Position, Version};

pub use hours::{Hour, Run};

/// How fast a device fetches, in bytes a second.
pub const DEVICE_RATE: u64 = 2_000_000;
/// What a host sends for a poll that finds nothing new, in bytes: a 304 and its headers.
pub const UNCHANGED_BYTES: u64 = 400;
/// What a host sends for the first poll after a publication, in bytes: the manifest and its headers.
pub const NEWS_BYTES: u64 = 2_000;
/// What a host sends of a version besides its tarball, in bytes: what describes it.
pub const DESCRIPTION_BYTES: u64 = 2_000;
/// Requests for a version: what describes it, and its tarball.
pub const FETCH_REQUESTS: u64 = 2;

/// The shortest and the longest time between two polls, in seconds.
pub const EVERY: std::ops::RangeInclusive<u32> = 60..=86_400;
/// The most hours that are looked at.
pub const MOST_HOURS: u32 = 240;

/// What is played through.
#[derive(Debug, Clone)]
pub struct Model {
    /// How many devices there are.
    pub devices: u32,
    /// The version, which gives every device its place.
    pub version: Version,
    /// Who waits how long.
    pub plan: Plan,
    /// Between two polls of a device, in seconds, within [`EVERY`]; each device has its own rhythm
    /// within ten per cent of it.
    pub every: u32,
    /// Bytes of the tarball.
    pub size: u64,
    /// How many hours to look at; where it is left out, until the last device has it.
    pub hours: Option<u32>,
}

/// One device's part.
#[derive(Debug, Clone, Copy)]
struct Device {
    /// Between two of its polls, in seconds.
    every: u32,
    /// Its first poll after the publication, in seconds: less than `every`.
    first: u32,
    /// The poll that finds its turn come: of its rhythm, or sooner.
    turn: u32,
}

impl Device {
    /// Number `n`, which waits for `delay` seconds.
    fn of(n: u32, every: u32, delay: u32) -> Self {
        let (rhythm, pause) = (draw(u64::from(n)), draw(u64::from(n) + (1 << 32)));
        // From 0.9 to 1.1 of it, then anywhere within that.
        let shortest = every - every / 10;
        let pause = scaled(every, pause >> 32);
        let every = shortest + scaled(every / 5 + 1, rhythm & 0xffff_ffff);
        let first = scaled(every, rhythm >> 32);
        let turn = if first < delay {
            let regular = first + (delay - first).div_ceil(every) * every;
            regular.min(delay + pause)
        } else {
            // It had not heard of it before its turn came.
            first
        };
        Self { every, first, turn }
    }

    /// How many polls it makes before `end`: in its rhythm until its turn, and from there anew.
    fn polls_before(self, end: u32) -> u32 {
        let polls = |from: u32, end: u32| {
            if end > from {
                (end - 1 - from) / self.every + 1
            } else {
                0
            }
        };
        polls(self.first, end.min(self.turn)) + polls(self.turn, end)
    }
}

/// `part` / 2³² of `whole`: less than `whole`.
fn scaled(whole: u32, part: u64) -> u32 {
    ((u64::from(whole) * part) >> 32) as u32
}

/// An even draw for a number (`SplitMix64`, as published by Steele, Lea and Flood in 2014).
fn draw(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Model {
    /// Plays it through.
    pub fn run(&self) -> Run {
        let every = self.every.clamp(*EVERY.start(), *EVERY.end());
        let hours = self.hours(every);
        let delays = self.delays();
        let mut tally = hours::Tally::new(hours);
        let mut id = String::from("simulated-");
        let prefix = id.len();
        for n in 0..self.devices {
            id.truncate(prefix);
            // Writing to a text does not fail.
            let _ = write!(id, "{n}");
            let position = Position::of(&id, &self.version);
            let delay = delays[usize::from(position.hundredths())];
            let device = Device::of(n, every, delay);
            tally.turn(delay);
            tally.polls(device.first, |end| device.polls_before(end));
            tally.start(device.turn);
        }
        tally.run(self.devices, self.size, self.duration())
    }

    /// How long each position waits, looked up a million times.
    fn delays(&self) -> Vec<u32> {
        let count = u32::from(Position::COUNT);
        // The hash whose bucket and place, read the other way round, are the position.
        let hash = |position| position % 100 * 100 + position / 100;
        (0..count)
            .map(|position| self.plan.delay(Position::from_hash(hash(position))))
            .collect()
    }

    /// How long a device fetches, in seconds.
    fn duration(&self) -> u32 {
        let seconds = self.size.div_ceil(DEVICE_RATE).max(1);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    fn hours(&self, every: u32) -> u32 {
        let last = u64::from(self.plan.slowest())
            + u64::from(every + every / 10)
            + u64::from(self.duration());
        let until_done = u32::try_from(last.div_ceil(3_600)).unwrap_or(MOST_HOURS);
        self.hours.unwrap_or(until_done).clamp(1, MOST_HOURS)
    }
}

#[cfg(test)]
mod tests;
