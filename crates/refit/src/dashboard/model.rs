//! All that the page is about, in memory: fed by [`super::feed`], told by [`Model::told`].

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use fleet::operator::board::Of;
use fleet::operator::{Overview, Seen};
use fleet::{Event, Heartbeat, Report};
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::{Name, Scope, Subject, Target};

use super::history::{self, History, Mix, Switch};
use super::watched::{Reach, Watched};
use super::wire::{self, OTHERS, Standing, short};

/// Versions, groups, targets and ramps that are told at most.
const MOST_VERSIONS: usize = 10;
const MOST_GROUPS: usize = 40;
const MOST_TARGETS: usize = 20;
const MOST_RAMPS: usize = 8;
/// Evidence of the first ramp, and of the next few.
const EVIDENCE: [usize; 3] = [40, 12, 12];
/// A leader that has not said so for this long leads no more: three times as often as it must.
const LEASE: SignedDuration = SignedDuration::from_secs(20);
/// Changes of what runs that are remembered while the past is made out.
const MOST_SWITCHES: usize = 2_000_000;

/// The fleet.
#[derive(Debug)]
pub(super) struct Model {
    fleet: Name,
    overview: Overview,
    /// Whether all that the broker had of the devices is in `overview`.
    is_caught_up: bool,
    /// Whether all that the broker had of reports is read.
    reports_are_read: bool,
    targets: BTreeMap<Scope, Target>,
    /// By key on the broker.
    ramps: BTreeMap<String, Watched>,
    /// When a controller last said that it leads; none where none does.
    led_at: Option<Timestamp>,
    /// Whether all that the broker had of ramps is here.
    knows_ramps: bool,
    history: History,
    past: Past,
    trouble: BTreeMap<&'static str, String>,
}

/// What devices reported since yesterday, until the history is made out of it.
#[derive(Debug, Default)]
struct Past {
    devices: HashMap<Name, u32>,
    switches: Vec<Switch>,
    /// The first report of all.
    since: Option<Timestamp>,
    is_done: bool,
}

impl Model {
    pub(super) fn new(fleet: Name) -> Self {
        Self {
            fleet,
            overview: Overview::default(),
            is_caught_up: false,
            reports_are_read: false,
            targets: BTreeMap::new(),
            ramps: BTreeMap::new(),
            led_at: None,
            knows_ramps: false,
            history: History::default(),
            past: Past::default(),
            trouble: BTreeMap::new(),
        }
    }

    /// All devices, as the broker knows them.
    pub(super) fn devices_are(&mut self, overview: Overview, now: Timestamp) {
        self.overview = overview;
        self.is_caught_up = true;
        for ramp in self.ramps.values_mut() {
            self.overview.all().for_each(|seen| ramp.beat(seen));
        }
        self.make_out_the_past(now);
    }

    pub(super) fn hear(&mut self, beat: Heartbeat, at: Timestamp) {
        let device = beat.device.clone();
        self.overview.hear(beat, at);
        if let Some(seen) = self.overview.device(&device) {
            for ramp in self.ramps.values_mut() {
                ramp.beat(seen);
            }
        }
    }

    pub(super) fn forget(&mut self, device: &Name) {
        self.overview.forget(device);
    }

    /// A report that the broker had at `taken`.
    pub(super) fn report(&mut self, report: &Report, taken: Timestamp) {
        for ramp in self.ramps.values_mut() {
            ramp.report(report, taken);
        }
        if !self.past.is_done {
            self.past.note(report, taken);
        }
    }

    /// The reports that were there are read.
    pub(super) fn reports_are_read(&mut self, now: Timestamp) {
        self.reports_are_read = true;
        self.make_out_the_past(now);
    }

    pub(super) fn target(&mut self, subject: Subject, scope: Scope, target: Option<Target>) {
        if subject != Subject::Runtime {
            return;
        }
        match target {
            Some(target) => self.targets.insert(scope, target),
            None => self.targets.remove(&scope),
        };
    }

    /// The ramp under a key. Says whether it is another one than was known there, and open: its reports are to be read
    /// from its beginning.
    pub(super) fn ramp(&mut self, key: String, ramp: Option<rollout::fleet::ramp::Ramp>) -> bool {
        let Some(ramp) = ramp.filter(|it| it.subject == Subject::Runtime) else {
            self.ramps.remove(&key);
            return false;
        };
        if let Some(known) = self.ramps.get_mut(&key)
            && known.ramp.id == ramp.id
        {
            known.update(ramp);
            return false;
        }
        let open = ramp.is_open();
        let mut watched = Watched::new(ramp);
        self.overview.all().for_each(|seen| watched.beat(seen));
        self.ramps.insert(key, watched);
        open
    }

    /// A controller said that it leads, or gave it up.
    pub(super) fn led(&mut self, at: Option<Timestamp>) {
        self.led_at = at;
    }

    /// What stands on a board is read: these scopes, or these keys, and no other.
    pub(super) fn board_is_read(&mut self, of: Of, there: &HashSet<String>) {
        match of {
            Of::Targets => {
                let is_there = |scope: &Scope| there.contains(&scope.to_string());
                self.targets.retain(|scope, _| is_there(scope));
            }
            Of::Ramps => {
                self.ramps.retain(|key, _| there.contains(key));
                self.knows_ramps = true;
            }
        }
    }

    fn is_led(&self, now: Timestamp) -> Option<bool> {
        let lately = |at| now.duration_since(at) < LEASE;
        (self.knows_ramps).then(|| self.led_at.is_some_and(lately))
    }

    /// From when on reports are needed: since yesterday, and since the oldest open ramp began. The counting of all
    /// ramps begins anew with that.
    pub(super) fn begin_reports(&mut self, now: Timestamp) -> Timestamp {
        self.reports_are_read = false;
        for ramp in self.ramps.values_mut() {
            ramp.begin();
            self.overview.all().for_each(|seen| ramp.beat(seen));
        }
        if !self.past.is_done {
            self.past = Past::default();
        }
        let open = self.ramps.values().filter(|it| it.ramp.is_open());
        let yesterday = now.checked_sub(history::DAY).unwrap_or(Timestamp::MIN);
        open.map(|it| it.ramp.at).fold(yesterday, Timestamp::min)
    }

    /// One of the sources is in trouble, or no more.
    pub(super) fn trouble(&mut self, source: &'static str, words: Option<String>) {
        match words {
            Some(words) => self.trouble.insert(source, words),
            None => self.trouble.remove(source),
        };
    }

    fn make_out_the_past(&mut self, now: Timestamp) {
        if !self.is_caught_up || !self.reports_are_read {
            return;
        }
        for ramp in self.ramps.values_mut() {
            ramp.replay(self.overview.all(), now);
        }
        if self.past.is_done {
            return;
        }
        let past = std::mem::take(&mut self.past);
        self.past.is_done = true;
        let mut runs = Vec::with_capacity(self.overview.len());
        // By the number that its reports have.
        let mut places = vec![None; past.devices.len()];
        for seen in self.overview.all() {
            if let Some(number) = past.devices.get(&seen.device) {
                places[*number as usize] = u32::try_from(runs.len()).ok();
            }
            runs.push(seen.runtime.version.clone());
        }
        // A device that reported and is known no more is no part of the fleet.
        let known = past.switches.into_iter().filter_map(|switch| {
            let device = places[switch.device as usize]?;
            Some(Switch { device, ..switch })
        });
        let mut switches: Vec<_> = known.collect();
        let since = past.since.unwrap_or(now);
        self.history.rebuild(&runs, &mut switches, since, now);
    }

    /// Takes samples, where it is time to.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if !self.is_caught_up {
            return;
        }
        self.overview.forget_the_lost(now);
        for ramp in self.ramps.values_mut() {
            ramp.count(now);
        }
        if self.past.is_done && self.history.wants(now) {
            let mut mix = Mix::new();
            for part in self.overview.counts(Subject::Runtime, now).mix {
                let version = part.version.map(|it| it.to_string());
                *mix.entry(version).or_default() += part.devices;
            }
            self.history.note(now, &mix);
        }
    }

    pub(super) fn list(&self, query: &super::list::Query, now: Timestamp) -> wire::Page {
        query.answer(self.overview.all(), now)
    }

    /// The fleet as the page hears it.
    pub(super) fn told(&self, now: Timestamp) -> wire::Overview {
        let shown = self.shown_ramps();
        let (versions, late, reaches) = self.count(&shown, now);
        let mut states = wire::States::new();
        for (state, count) in versions.iter().flat_map(|it| &it.states) {
            *states.entry(*state).or_default() += count;
        }
        let ramps = shown.iter().zip(reaches).enumerate();
        let ramps = ramps
            .map(|(n, (ramp, reach))| {
                ramp.told(
                    reach,
                    self.is_led(now),
                    EVIDENCE.get(n).copied().unwrap_or(0),
                )
            })
            .collect();
        let (hour, day) = self.history.series(now);
        let trouble = self.trouble.values().next();
        wire::Overview {
            fleet: self.fleet.to_string(),
            at: now.round(jiff::Unit::Second).unwrap_or(now),
            trouble: trouble.map(|it| short(it, 500)),
            total: self.overview.len() as u64,
            late,
            states,
            versions: folded(versions),
            groups: self.groups(),
            targets: self.targets_told(),
            targets_in_all: self.targets.len(),
            ramps,
            hour,
            day,
        }
    }

    /// Open ramps first, then what ended last.
    fn shown_ramps(&self) -> Vec<&Watched> {
        // The same one may stand under its scope's key and among those that are over.
        let mut ramps: Vec<_> = self.ramps.values().collect();
        ramps.sort_by_key(|it| {
            let ended = (!it.ramp.is_open()).then_some(std::cmp::Reverse(it.ramp.state.since));
            (ended, it.ramp.at, it.ramp.id.clone())
        });
        ramps.dedup_by(|a, b| a.ramp.id == b.ramp.id);
        ramps.truncate(MOST_RAMPS);
        ramps
    }

    /// One walk over all devices.
    fn count(&self, ramps: &[&Watched], now: Timestamp) -> (Vec<Standing>, u64, Vec<Reach>) {
        // Devices that stand alike share what they say: one look-up for each is enough.
        let mut ways: HashMap<usize, (&Seen, u64, u64)> = HashMap::new();
        let mut reaches = vec![Reach::default(); ramps.len()];
        for seen in self.overview.all() {
            let way = Arc::as_ptr(&seen.runtime) as usize;
            let way = ways.entry(way).or_insert((seen, 0, 0));
            way.1 += 1;
            way.2 += u64::from(seen.is_late(now));
            for (ramp, reach) in ramps.iter().zip(&mut reaches) {
                if !is_of(&ramp.ramp.scope, seen) {
                    continue;
                }
                let standing = &seen.runtime;
                let version = Some(&ramp.ramp.version);
                let runs = standing.version.as_ref() == version;
                // What another order brought there is not the ramp's, and does not go with it.
                let order = standing.scope.as_ref().zip(standing.generation);
                let elsewhere = |(other, theirs): (&Scope, u64)| {
                    ramp.ramp
                        .scope
                        .yields_to(ramp.ramp.generation, other, theirs)
                };
                if order.is_some_and(elsewhere) {
                    continue;
                }
                reach.devices += 1;
                reach.reached += u64::from(runs);
                reach.on_way += u64::from(!runs && standing.target.as_ref() == version);
            }
        }
        let mut versions: HashMap<Option<String>, Standing> = HashMap::new();
        for (seen, devices, late) in ways.into_values() {
            let version = seen.runtime.version.as_ref().map(ToString::to_string);
            let of = versions.entry(version.clone()).or_insert_with(|| Standing {
                version,
                devices: 0,
                late: 0,
                states: wire::States::new(),
            });
            of.devices += devices;
            of.late += late;
            *of.states.entry(seen.runtime.state).or_default() += devices;
        }
        let mut versions: Vec<_> = versions.into_values().collect();
        versions
            .sort_by(|a, b| (b.devices.cmp(&a.devices)).then_with(|| a.version.cmp(&b.version)));
        let late = versions.iter().map(|it| it.late).sum();
        (versions, late, reaches)
    }

    fn groups(&self) -> Vec<wire::Group> {
        let mut groups: Vec<_> = self.overview.groups().iter().collect();
        groups.sort_by_key(|(name, devices)| (std::cmp::Reverse(**devices), (*name).clone()));
        groups
            .into_iter()
            .take(MOST_GROUPS)
            .map(|(group, devices)| wire::Group {
                group: group.to_string(),
                devices: *devices,
            })
            .collect()
    }

    fn targets_told(&self) -> Vec<wire::Target> {
        let mut targets: Vec<_> = self.targets.iter().collect();
        targets.sort_by_key(|(scope, target)| (std::cmp::Reverse(target.at), (*scope).clone()));
        targets
            .into_iter()
            .take(MOST_TARGETS)
            .map(|(scope, target)| wire::Target {
                scope: scope.to_string(),
                version: target.version.as_ref().map(ToString::to_string),
                at: target.at,
                by: short(&target.by, 40),
                jitter: target.jitter,
                percent: target.ramp.as_ref().map(|it| it.share.percent()),
            })
            .collect()
    }
}

impl Past {
    fn note(&mut self, report: &Report, taken: Timestamp) {
        if report.subject != Subject::Runtime || self.switches.len() >= MOST_SWITCHES {
            return;
        }
        // By the device's clock, for it may have been cut off; but nothing happens after it is told.
        let at = report.at.min(taken);
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
        let from = match report.event {
            Event::Launched | Event::RolledBack => report.from.clone(),
            // It ran until then.
            Event::CrashLoop => report.version.clone(),
            _ => return,
        };
        if report.event == Event::Launched && from == report.version {
            return;
        }
        let next = u32::try_from(self.devices.len()).unwrap_or(u32::MAX);
        let device = *self.devices.entry(report.device.clone()).or_insert(next);
        self.switches.push(Switch { at, device, from });
    }
}

/// Few versions: the rest are told together.
fn folded(mut versions: Vec<Standing>) -> Vec<Standing> {
    if versions.len() <= MOST_VERSIONS {
        return versions;
    }
    let mut others = Standing {
        version: Some(OTHERS.to_owned()),
        devices: 0,
        late: 0,
        states: wire::States::new(),
    };
    for rest in versions.split_off(MOST_VERSIONS) {
        others.devices += rest.devices;
        others.late += rest.late;
        for (state, count) in rest.states {
            *others.states.entry(state).or_default() += count;
        }
    }
    versions.push(others);
    versions
}

fn is_of(scope: &Scope, seen: &Seen) -> bool {
    match scope {
        Scope::Global => true,
        Scope::Group(group) => seen.groups.contains(group),
        Scope::Device(device) => seen.device == *device,
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
