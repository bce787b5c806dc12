//! The version mix over time: samples on a grid, fine for an hour and coarse for a day.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use rollout::Version;

use super::wire::{Line, OTHERS, Series};

/// How many versions have a line of their own; all others are one line together.
const MOST: usize = 8;

/// Devices by version; none where nothing runs.
pub(super) type Mix = BTreeMap<Option<String>, u64>;

/// Both grids. Memory is bounded by their slots and by [`MOST`].
#[derive(Debug, Clone)]
pub(super) struct History {
    hour: Grid,
    day: Grid,
}

/// A change of what runs on one device, as it reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Switch {
    /// When.
    pub(super) at: Timestamp,
    /// The device, as a number of the caller's.
    pub(super) device: u32,
    /// What ran before; none where that was not said.
    pub(super) from: Option<Version>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            hour: Grid::new(20, 180),
            day: Grid::new(600, 144),
        }
    }
}

impl History {
    /// Whether a sample is wanted at `now`: otherwise nobody needs to count.
    pub(super) fn wants(&self, now: Timestamp) -> bool {
        self.hour.wants(now) || self.day.wants(now)
    }

    /// Takes a sample.
    pub(super) fn note(&mut self, now: Timestamp, mix: &Mix) {
        let mix = folded(mix);
        self.hour.note(now, &mix);
        self.day.note(now, &mix);
    }

    /// Fills what was not seen, from what runs now on each device (`runs`, by the numbers in `switches`) back to
    /// `since`, by undoing what was reported.
    ///
    /// What ran before a change that does not say it is not counted before it: nobody knows.
    pub(super) fn rebuild(
        &mut self,
        runs: &[Option<Version>],
        switches: &mut [Switch],
        since: Timestamp,
        now: Timestamp,
    ) {
        switches.sort_by_key(|it| std::cmp::Reverse(it.at));
        for grid in [&mut self.hour, &mut self.day] {
            let mut walk = Walk::new(runs);
            let mut left = switches.iter().peekable();
            for slot in grid.slots(since, now) {
                let at = grid.time(slot);
                while let Some(switch) = left.next_if(|it| it.at > at) {
                    walk.undo(switch);
                }
                let mix = folded(&walk.mix());
                grid.samples.entry(slot).or_insert(mix);
            }
        }
    }

    /// The last hour, and the last day.
    pub(super) fn series(&self, now: Timestamp) -> (Series, Series) {
        (self.hour.series(now), self.day.series(now))
    }
}

/// What ran where, going back in time.
struct Walk<'a> {
    /// For each device: which of `versions` runs; none where nobody knows.
    runs: Vec<Option<usize>>,
    versions: Vec<Option<&'a Version>>,
    numbers: HashMap<Option<&'a str>, usize>,
    counts: Vec<u64>,
}

impl<'a> Walk<'a> {
    fn new(runs: &'a [Option<Version>]) -> Self {
        let mut walk = Self {
            runs: Vec::with_capacity(runs.len()),
            versions: Vec::new(),
            numbers: HashMap::new(),
            counts: Vec::new(),
        };
        for version in runs {
            let number = walk.number(version.as_ref());
            walk.counts[number] += 1;
            walk.runs.push(Some(number));
        }
        walk
    }

    fn number(&mut self, version: Option<&'a Version>) -> usize {
        let name = version.map(Version::as_str);
        if let Some(known) = self.numbers.get(&name) {
            return *known;
        }
        let number = self.versions.len();
        self.numbers.insert(name, number);
        self.versions.push(version);
        self.counts.push(0);
        number
    }

    fn undo(&mut self, switch: &'a Switch) {
        let before = switch.from.as_ref().map(|from| self.number(Some(from)));
        let Some(runs) = self.runs.get_mut(switch.device as usize) else {
            return;
        };
        if let Some(after) = *runs {
            self.counts[after] -= 1;
        }
        *runs = before;
        if let Some(before) = before {
            self.counts[before] += 1;
        }
    }

    fn mix(&self) -> Mix {
        let named = self.versions.iter().zip(&self.counts);
        let some = named.filter(|(_, count)| **count > 0);
        some.map(|(version, count)| (version.map(ToString::to_string), *count))
            .collect()
    }
}

/// Samples at whole multiples of a step.
#[derive(Debug, Clone)]
struct Grid {
    /// In seconds.
    step: u32,
    /// How many are kept.
    slots: u32,
    samples: BTreeMap<i64, Mix>,
}

impl Grid {
    fn new(step: u32, slots: u32) -> Self {
        Self {
            step,
            slots,
            samples: BTreeMap::new(),
        }
    }

    fn slot(&self, at: Timestamp) -> i64 {
        at.as_second().div_euclid(self.step.into())
    }

    fn time(&self, slot: i64) -> Timestamp {
        Timestamp::from_second(slot.saturating_mul(self.step.into())).unwrap_or(Timestamp::MIN)
    }

    fn wants(&self, now: Timestamp) -> bool {
        !self.samples.contains_key(&self.slot(now))
    }

    fn note(&mut self, now: Timestamp, mix: &Mix) {
        let last = self.slot(now);
        // A clock that went back leaves nothing ahead of it.
        self.samples = self.samples.split_off(&self.first(last));
        self.samples.split_off(&(last + 1));
        self.samples.entry(last).or_insert_with(|| mix.clone());
    }

    fn first(&self, last: i64) -> i64 {
        last - i64::from(self.slots) + 1
    }

    /// The slots from now back to `since`.
    fn slots(&self, since: Timestamp, now: Timestamp) -> impl Iterator<Item = i64> + use<> {
        let last = self.slot(now);
        let first = self.first(last).max(self.slot(since) + 1);
        (first..=last).rev()
    }

    fn series(&self, now: Timestamp) -> Series {
        let last = self.slot(now);
        let mut kept = self.samples.range(self.first(last)..=last);
        let Some((first, sample)) = kept.next() else {
            return Series {
                start: now,
                step: self.step,
                versions: Vec::new(),
            };
        };
        // A slot that nobody saw, as when this machine slept, stands as the one before it.
        let mut samples = vec![sample];
        let mut before = (*first, sample);
        for (slot, sample) in kept {
            let unseen = usize::try_from(slot - before.0 - 1).unwrap_or(0);
            samples.extend(std::iter::repeat_n(before.1, unseen));
            samples.push(sample);
            before = (*slot, sample);
        }
        Series {
            start: self.time(*first),
            step: self.step,
            versions: lines(&samples),
        }
    }
}

/// One line for each of the versions that most devices had at some time, and one for all others.
fn lines(samples: &[&Mix]) -> Vec<Line> {
    let mut most: BTreeMap<&Option<String>, u64> = BTreeMap::new();
    for (version, count) in samples.iter().copied().flatten() {
        let known = most.entry(version).or_default();
        *known = (*known).max(*count);
    }
    let others = Some(OTHERS.to_owned());
    let mut named: Vec<_> = most.iter().filter(|(it, _)| ***it != others).collect();
    named.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    named.truncate(MOST);
    let mut lines: Vec<_> = named
        .iter()
        .map(|(version, _)| Line {
            version: (**version).clone(),
            counts: (samples.iter().map(|it| it.get(**version).copied()))
                .map(Option::unwrap_or_default)
                .collect(),
        })
        .collect();
    let rest: Vec<u64> = (samples.iter().enumerate())
        .map(|(n, sample)| {
            let all: u64 = sample.values().sum();
            all - lines.iter().map(|it| it.counts[n]).sum::<u64>()
        })
        .collect();
    if rest.iter().any(|it| *it > 0) {
        lines.push(Line {
            version: others,
            counts: rest,
        });
    }
    lines
}

/// A mix of few versions: the rest are counted together.
pub(super) fn folded(mix: &Mix) -> Mix {
    if mix.len() <= MOST {
        return mix.clone();
    }
    let mut by_count: Vec<_> = mix.iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let (kept, rest) = by_count.split_at(MOST);
    let mut mix: Mix = (kept.iter())
        .map(|(version, count)| ((*version).clone(), **count))
        .collect();
    *mix.entry(Some(OTHERS.to_owned())).or_default() += rest.iter().map(|(_, n)| **n).sum::<u64>();
    mix
}

/// For how long the history is told.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

#[cfg(test)]
mod tests;
