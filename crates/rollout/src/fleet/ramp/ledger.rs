//! Who did what since a ramp began: reports and heartbeats, folded into numbers of devices.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{Counts, Ramp, Side};
use crate::fleet::{Name, Scope};
use crate::{Position, Version};

/// The devices of one ramp. What comes twice or out of order counts once.
#[derive(Debug, Clone)]
pub struct Ledger {
    version: Version,
    baseline: Version,
    scope: Scope,
    began: Timestamp,
    late: SignedDuration,
    devices: HashMap<Name, Device>,
}

/// What a report comes to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact<'a> {
    /// A version runs.
    Ran {
        /// Which.
        version: &'a Version,
        /// What ran before, if that was said.
        from: Option<&'a Version>,
    },
    /// A version failed.
    Failed(&'a Version),
    /// Something that is no version's fault; with the version that it was about, if it was about one.
    Infrastructure(Option<&'a Version>),
    /// A version is not followed.
    Refused(&'a Version),
}

/// What a heartbeat comes to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beat<'a> {
    /// The device's groups.
    pub groups: &'a [Name],
    /// What runs.
    pub runs: Option<&'a Version>,
    /// What it is to have.
    pub aims: Option<&'a Version>,
    /// Whose target that is.
    pub scope: Option<&'a Scope>,
    /// The generation of that target.
    pub generation: Option<u64>,
    /// Whether it does not follow it: refused, or updates are off there.
    pub refuses: bool,
    /// Whether it has trouble that is no version's fault.
    pub trouble: bool,
}

#[derive(Debug, Clone, Default)]
struct Device {
    position: u16,
    beat_at: Option<Timestamp>,
    groups: Vec<Name>,
    /// The scope that steers it, and the generation.
    steered: Option<(Scope, u64)>,
    /// Whether what it does next is about the new version: it runs it, or is to.
    aims_at_new: bool,
    reports: Seen,
    new: Track,
    old: Track,
}

/// One version on one device: when something was last so.
#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// When it was last known to run.
    on: Option<Timestamp>,
    /// When it was first known not to run since.
    left: Option<Timestamp>,
    /// When it was last known not to run.
    off: Option<Timestamp>,
    failed: Option<Timestamp>,
    trouble: Option<Timestamp>,
    refused: Option<Timestamp>,
}

impl Ledger {
    /// An empty one. A device is late when nothing was heard of it for `late`.
    pub fn new(ramp: &Ramp, late: SignedDuration) -> Self {
        Self {
            version: ramp.version.clone(),
            baseline: ramp.baseline.clone(),
            scope: ramp.scope.clone(),
            began: ramp.at,
            late,
            devices: HashMap::new(),
        }
    }

    /// Takes note of a device's last heartbeat, which the broker had at `at`.
    pub fn beat(&mut self, at: Timestamp, name: &Name, beat: &Beat<'_>) {
        // What was heard before the ramp began counts if the device lived when it did.
        let counts = at
            .checked_add(self.late)
            .is_ok_and(|until| until >= self.began);
        let (version, baseline) = (self.version.clone(), self.baseline.clone());
        let device = self.device(name);
        if device.beat_at.is_some_and(|last| last > at) {
            return;
        }
        device.beat_at = Some(at);
        device.groups = beat.groups.to_vec();
        device.steered = beat.scope.cloned().zip(beat.generation);
        if !counts {
            return;
        }
        device.aims_at_new = beat.aims.or(beat.runs) == Some(&version);
        if let Some(runs) = beat.runs {
            device.new.runs(*runs == version, at);
            device.old.runs(*runs == baseline, at);
        }
        // Where updates are off, nothing is aimed at, and nothing will be.
        if beat.refuses && beat.aims.is_none_or(|aims| *aims == version) {
            later(&mut device.new.refused, at);
        }
        if beat.trouble {
            device.trouble(beat.aims.or(beat.runs), &version, &baseline, at);
        }
    }

    /// Takes note of a device's report number `seq`, which the broker had at `at`. One from before the ramp began counts
    /// for nothing.
    pub fn report(&mut self, at: Timestamp, name: &Name, seq: u64, fact: &Fact<'_>) {
        if at < self.began {
            return;
        }
        let (version, baseline) = (self.version.clone(), self.baseline.clone());
        let device = self.device(name);
        if !device.reports.first_time(seq) {
            return;
        }
        match *fact {
            Fact::Ran { version: ran, from } => {
                let news = *ran == version;
                let had_baseline = match from {
                    Some(from) => *from == baseline,
                    // Each later start says as little: only the first of one that nothing is known of counts.
                    None => device.is_unknown(),
                };
                device.new.runs(news, at);
                device.old.runs(*ran == baseline, at);
                if news && had_baseline {
                    // It had the baseline until now, whether or not anybody looked then.
                    device.old.runs(true, at);
                    device.old.runs(false, at);
                }
                device.aims_at_new = news;
            }
            Fact::Failed(failed) => {
                let track = if *failed == version {
                    &mut device.new
                } else if *failed == baseline {
                    &mut device.old
                } else {
                    return;
                };
                later(&mut track.failed, at);
                track.runs(false, at);
            }
            Fact::Infrastructure(about) => device.trouble(about, &version, &baseline, at),
            Fact::Refused(refused) if *refused == version => later(&mut device.new.refused, at),
            Fact::Refused(_) => {}
        }
    }

    /// The numbers for `ramp` as it stands now, at the broker's time `now`.
    pub fn count(&self, ramp: &Ramp, now: Timestamp) -> Counts {
        let (share, before) = (ramp.share().hundredths(), ramp.share_before().hundredths());
        let mut counts = Counts::default();
        for (name, device) in &self.devices {
            if !self.is_in_scope(name, device) {
                continue;
            }
            for (window, since) in [
                (&mut counts.step, ramp.step_since),
                (&mut counts.whole, self.began),
            ] {
                device.old.add_to(&mut window.old, since);
            }
            if self.is_steered_elsewhere(device, ramp.generation) {
                continue;
            }
            let alive = device
                .beat_at
                .is_some_and(|at| now.duration_since(at) <= self.late);
            counts.living += u64::from(alive);
            if device.position >= share {
                continue;
            }
            counts.within += 1;
            device.new.add_to(&mut counts.step.new, ramp.step_since);
            device.new.add_to(&mut counts.whole.new, self.began);
            let answered = alive && device.new.answered();
            counts.asked += u64::from(alive);
            counts.answered += u64::from(answered);
            if device.position < before {
                continue;
            }
            let newly = &mut counts.newly;
            let heard = device.beat_at.and_then(|at| at.checked_add(self.late).ok());
            let tried = device.new.tried(ramp.step_since);
            newly.known += u64::from(tried || heard >= Some(ramp.step_since));
            newly.asked += u64::from(alive);
            newly.answered += u64::from(answered);
            newly.tried += u64::from(tried);
        }
        counts
    }

    fn device(&mut self, name: &Name) -> &mut Device {
        let version = &self.version;
        self.devices.entry(name.clone()).or_insert_with(|| Device {
            position: Position::of(name.as_str(), version).hundredths(),
            ..Device::default()
        })
    }

    fn is_in_scope(&self, name: &Name, device: &Device) -> bool {
        match &self.scope {
            Scope::Global => true,
            Scope::Group(group) => device.groups.contains(group),
            Scope::Device(one) => one == name,
        }
    }

    /// Whether an order that comes before the ramp's counts on the device: a narrower one, or a later
    /// one of another of its groups.
    fn is_steered_elsewhere(&self, device: &Device, generation: u64) -> bool {
        let steered = device.steered.as_ref();
        steered.is_some_and(|(other, theirs)| self.scope.yields_to(generation, other, *theirs))
    }
}

impl Device {
    /// Whether nothing was heard yet of what it runs or ran.
    fn is_unknown(&self) -> bool {
        [self.new.on, self.new.off, self.old.on, self.old.off] == [None; 4]
    }

    /// Trouble about a version; about none, it is that of what the device has or is to have.
    fn trouble(
        &mut self,
        about: Option<&Version>,
        version: &Version,
        baseline: &Version,
        at: Timestamp,
    ) {
        let track = match about {
            Some(about) if about == version => &mut self.new,
            Some(about) if about == baseline => &mut self.old,
            None if self.aims_at_new => &mut self.new,
            None if self.old.on.is_some() => &mut self.old,
            Some(_) | None => return,
        };
        later(&mut track.trouble, at);
    }
}

impl Track {
    fn runs(&mut self, this: bool, at: Timestamp) {
        if this {
            later(&mut self.on, at);
            if self.left < self.on {
                self.left = self.off.filter(|off| Some(*off) >= self.on);
            }
        } else {
            later(&mut self.off, at);
            if Some(at) >= self.on {
                // Each later heartbeat says again that it does not run: it left at the first of them.
                self.left = Some(self.left.map_or(at, |left| left.min(at)));
            }
        }
    }

    /// Whether the version was tried at some time since `since`: it ran then, be it since before, or it
    /// failed then.
    fn tried(&self, since: Timestamp) -> bool {
        let ran = self
            .on
            .is_some_and(|on| on >= since || self.left.is_none_or(|left| left >= since));
        ran || is_since(self.failed, since)
    }

    /// Whether the device has said anything about the version that it was asked for.
    fn answered(&self) -> bool {
        self.on.is_some() || self.failed.is_some() || self.refused.is_some()
    }

    fn add_to(&self, side: &mut Side, since: Timestamp) {
        let tried = self.tried(since);
        let trouble = is_since(self.trouble, since);
        side.tried += u64::from(tried);
        side.devices += u64::from(tried || trouble);
        side.failed += u64::from(is_since(self.failed, since));
        side.infrastructure += u64::from(trouble);
        side.refused += u64::from(is_since(self.refused, since));
    }
}

fn is_since(at: Option<Timestamp>, since: Timestamp) -> bool {
    at.is_some_and(|at| at >= since)
}

fn later(known: &mut Option<Timestamp>, at: Timestamp) {
    *known = (*known).max(Some(at));
}

/// Which numbers of reports were seen: ranges that grow together, as reports come in order.
#[derive(Debug, Clone, Default)]
struct Seen(Vec<(u64, u64)>);

/// More gaps than a device's reports ever have; beyond them the lowest are taken for seen.
const MOST_RANGES: usize = 64;

impl Seen {
    fn first_time(&mut self, seq: u64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < seq);
        if self.0.get(at).is_some_and(|(first, _)| *first <= seq) {
            return false;
        }
        self.0.insert(at, (seq, seq));
        // With its neighbours, where there is nothing between.
        for left in [at, at.saturating_sub(1)] {
            if let (Some(&(first, end)), Some(&(begin, last))) =
                (self.0.get(left), self.0.get(left + 1))
                && end.checked_add(1) == Some(begin)
            {
                self.0[left] = (first, last);
                self.0.remove(left + 1);
            }
        }
        if self.0.len() > MOST_RANGES {
            self.0[1].0 = self.0[0].0;
            self.0.remove(0);
        }
        true
    }
}

#[cfg(test)]
mod tests;
