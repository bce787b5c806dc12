//! How a fleet stands, as plain data: the last heartbeat of each device, and what they reported.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rollout::Version;
use rollout::fleet::{Name, Subject};
use serde::Serialize;

use crate::report::{Event, Failures, Heartbeat, Report, Standing, State};
use crate::setup::FORGOTTEN;

/// A device that was not heard of for longer is late: it misses two heartbeats, and is not only slow.
pub const LATE: SignedDuration = SignedDuration::from_secs(90);

/// All devices of a fleet, as they were last heard of. A hundred thousand take some tens of megabytes: what many
/// devices say in the same words is kept once.
///
/// Nothing here waits or asks. `received` and `now` are times of whoever looks on, never of a device.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    devices: BTreeMap<Name, Seen>,
    /// Each way of standing that there is, with how many stand so.
    runtimes: Pool<Standing>,
    agents: Pool<Standing>,
    groups: BTreeMap<Name, u64>,
    memberships: Pool<[Name]>,
    platforms: Pool<str>,
    /// The last report of each device that was counted, and what they come to.
    reported: HashMap<Name, u64>,
    events: HashMap<(Subject, Option<Version>), BTreeMap<Event, u64>>,
}

/// A device as it was last heard of.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Its id.
    pub device: Name,
    /// When it was heard, by the clock of whoever looks on.
    pub heard: Timestamp,
    /// Its groups.
    pub groups: Arc<[Name]>,
    /// The runtime.
    pub runtime: Arc<Standing>,
    /// The headless agent's own binary, where it is one.
    pub agent: Option<Arc<Standing>>,
    /// Its bucket for the version that it is to have, or has.
    pub bucket: u8,
    /// For how long it had been running, in seconds.
    pub uptime_seconds: u64,
    /// What failed since then.
    pub failures: Failures,
    /// Reports that waited to be sent.
    pub unsent: u64,
    /// The operating system and processor.
    pub platform: Arc<str>,
}

impl Seen {
    /// Whether it is late.
    pub fn is_late(&self, now: Timestamp) -> bool {
        now.duration_since(self.heard) > LATE
    }

    /// How the runtime, or the agent, stands.
    pub fn standing(&self, subject: Subject) -> Option<&Standing> {
        match subject {
            Subject::Runtime => Some(&self.runtime),
            Subject::Agent => self.agent.as_deref(),
        }
    }
}

/// How many devices stand how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All that are known.
    pub devices: u64,
    /// Those of them that are late.
    pub late: u64,
    /// By version and state: the newest version first, nothing that runs last.
    pub mix: Vec<Mix>,
}

/// How many devices have one version in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mix {
    /// What runs; none where nothing does.
    pub version: Option<Version>,
    /// How it stands to its target.
    pub state: State,
    /// So many.
    pub devices: u64,
}

/// Which devices are asked for. What is none is not asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Part of the id, whatever its case.
    pub text: Option<String>,
    /// What runs; `Some(None)` where nothing does.
    pub version: Option<Option<Version>>,
    /// How it stands.
    pub state: Option<State>,
    /// A group that it is in.
    pub group: Option<Name>,
    /// Only those that are late, or only those that are not.
    pub late: Option<bool>,
}

/// Which of the devices that were found: `limit` of them, after the first `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// So many are left out.
    pub offset: usize,
    /// So many at most.
    pub limit: usize,
}

/// A page of the devices that were found, in the order of their ids.
#[derive(Debug, Clone)]
pub struct Slice<'a> {
    /// How many were found in all.
    pub total: usize,
    /// Those of the page.
    pub devices: Vec<&'a Seen>,
}

impl Overview {
    /// Takes in a heartbeat that came at `received`. An older one than is known changes nothing.
    pub fn hear(&mut self, mut beat: Heartbeat, received: Timestamp) {
        if let Some(known) = self.devices.get(&beat.device) {
            if known.heard > received {
                return;
            }
            let known = known.clone();
            self.leave(&known);
        }
        beat.groups.sort();
        beat.groups.dedup();
        for group in &beat.groups {
            *self.groups.entry(group.clone()).or_default() += 1;
        }
        let seen = Seen {
            device: beat.device.clone(),
            heard: received,
            groups: self.memberships.join(beat.groups.into()),
            runtime: self.runtimes.join(beat.runtime.into()),
            agent: beat.agent.map(|standing| self.agents.join(standing.into())),
            bucket: beat.bucket,
            uptime_seconds: beat.uptime_seconds,
            failures: beat.failures,
            unsent: beat.unsent,
            platform: self.platforms.join(beat.platform.into()),
        };
        self.devices.insert(beat.device, seen);
    }

    /// Takes in a report, unless it, or a later one of its device, was taken in already. Says whether it counted.
    pub fn report(&mut self, report: &Report) -> bool {
        let last = self.reported.get(&report.device);
        if last.is_some_and(|last| *last >= report.seq) {
            return false;
        }
        self.reported.insert(report.device.clone(), report.seq);
        let of = (report.subject, report.version.clone());
        let events = self.events.entry(of).or_default();
        *events.entry(report.event).or_default() += 1;
        true
    }

    /// A device is no part of the fleet any more.
    pub fn forget(&mut self, device: &Name) {
        if let Some(seen) = self.devices.remove(device) {
            self.leave(&seen);
        }
        self.reported.remove(device);
    }

    /// Drops devices that were not heard of for a week, as the broker does.
    pub fn forget_the_lost(&mut self, now: Timestamp) {
        let age = SignedDuration::try_from(FORGOTTEN).unwrap_or(SignedDuration::MAX);
        let lost = self.devices.values();
        let lost: Vec<_> = lost
            .filter(|seen| now.duration_since(seen.heard) > age)
            .map(|seen| seen.device.clone())
            .collect();
        for device in lost {
            self.forget(&device);
        }
    }

    fn leave(&mut self, seen: &Seen) {
        self.runtimes.leave(&seen.runtime);
        self.memberships.leave(&seen.groups);
        self.platforms.leave(&seen.platform);
        if let Some(agent) = &seen.agent {
            self.agents.leave(agent);
        }
        for group in &*seen.groups {
            if let Some(count) = self.groups.get_mut(group) {
                *count -= 1;
                if *count == 0 {
                    self.groups.remove(group);
                }
            }
        }
    }

    /// How many devices are known.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// One device.
    pub fn device(&self, device: &Name) -> Option<&Seen> {
        self.devices.get(device)
    }

    /// All devices, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = &Seen> {
        self.devices.values()
    }

    /// How many devices have which version in which state.
    pub fn counts(&self, subject: Subject, now: Timestamp) -> Counts {
        let pool = match subject {
            Subject::Runtime => &self.runtimes,
            Subject::Agent => &self.agents,
        };
        let mut mix: Vec<Mix> = Vec::new();
        for (standing, devices) in &pool.0 {
            let of = |it: &&mut Mix| it.version == standing.version && it.state == standing.state;
            match mix.iter_mut().find(of) {
                Some(same) => same.devices += devices,
                None => mix.push(Mix {
                    version: standing.version.clone(),
                    state: standing.state,
                    devices: *devices,
                }),
            }
        }
        mix.sort_by(|a, b| order(a).cmp_to(&order(b)));
        let of = |it: &&Seen| it.standing(subject).is_some();
        let late = self.devices.values().filter(of);
        Counts {
            devices: mix.iter().map(|it| it.devices).sum(),
            late: count(late.filter(|it| it.is_late(now))),
            mix,
        }
    }

    /// The groups, with how many devices are in each.
    pub fn groups(&self) -> &BTreeMap<Name, u64> {
        &self.groups
    }

    /// What was reported of a version, with how often.
    pub fn events(&self, subject: Subject, version: Option<&Version>) -> BTreeMap<Event, u64> {
        let of = (subject, version.cloned());
        self.events.get(&of).cloned().unwrap_or_default()
    }

    /// The devices that suit, in the order of their ids.
    pub fn devices(
        &self,
        subject: Subject,
        filter: &Filter,
        page: Page,
        now: Timestamp,
    ) -> Slice<'_> {
        let text = filter.text.as_ref().map(|it| it.to_ascii_lowercase());
        let suits = |seen: &&Seen| {
            let Some(standing) = seen.standing(subject) else {
                return false;
            };
            let named = |text: &String| contains(seen.device.as_str(), text);
            text.as_ref().is_none_or(named)
                && (filter.version.as_ref()).is_none_or(|it| *it == standing.version)
                && filter.state.is_none_or(|it| it == standing.state)
                && (filter.group.as_ref()).is_none_or(|it| seen.groups.contains(it))
                && filter.late.is_none_or(|it| it == seen.is_late(now))
        };
        let mut total = 0;
        let mut devices = Vec::new();
        for seen in self.devices.values().filter(suits) {
            if total >= page.offset && devices.len() < page.limit {
                devices.push(seen);
            }
            total += 1;
        }
        Slice { total, devices }
    }
}

/// Things of which many devices have the same: each is kept once, with how many have it.
#[derive(Debug)]
struct Pool<T: ?Sized>(HashMap<Arc<T>, u64>);

impl<T: ?Sized> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    fn join(&mut self, thing: Arc<T>) -> Arc<T> {
        let thing = match self.0.get_key_value(&thing) {
            Some((known, _)) => known.clone(),
            None => thing,
        };
        *self.0.entry(thing.clone()).or_default() += 1;
        thing
    }

    fn leave(&mut self, thing: &Arc<T>) {
        if let Some(count) = self.0.get_mut(thing) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(thing);
            }
        }
    }
}

/// Where a part of the mix stands among the others.
struct Order<'a>(Option<&'a Version>, State);

fn order(mix: &Mix) -> Order<'_> {
    Order(mix.version.as_ref(), mix.state)
}

impl Order<'_> {
    fn cmp_to(&self, other: &Self) -> std::cmp::Ordering {
        let newest_first = match (self.0, other.0) {
            (Some(a), Some(b)) => b.precedence(a).then_with(|| a.as_str().cmp(b.as_str())),
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        newest_first.then(self.1.cmp(&other.1))
    }
}

/// Whether `text`, in small letters, is part of `name`.
fn contains(name: &str, text: &str) -> bool {
    name.to_ascii_lowercase().contains(text)
}

fn count<'a>(devices: impl Iterator<Item = &'a Seen>) -> u64 {
    u64::try_from(devices.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
