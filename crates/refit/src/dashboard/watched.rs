//! A ramp as this server watches it: its document, and the numbers that it counts beside the controller.

use fleet::operator::{LATE, Seen};
use fleet::{Event, Report, State};
use jiff::{SignedDuration, Timestamp};
use rollout::fleet::Subject;
use rollout::fleet::ramp::{self, Beat, Fact, Ledger, Ramp, RampState, What};

use super::wire::{Evidence, Reached, Side, Step, short};

/// Numbers are taken so often.
const PACE: SignedDuration = SignedDuration::from_secs(5);
/// The most samples; every second one goes when there would be more.
const MOST_SAMPLES: usize = 240;
/// Reports that are remembered until they are replayed.
const MOST_PAST: usize = 500_000;
/// Entries of the record that are told: the last ones.
const MOST_RECORDS: usize = 12;

/// An open ramp, or one that is over.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) ramp: Ramp,
    /// None once it is over: nothing is compared any more.
    ledger: Option<Ledger>,
    samples: Vec<Sample>,
    pace: SignedDuration,
    /// What was reported before this server began, until it is replayed.
    past: Option<Vec<(Timestamp, Report)>>,
}

/// Numbers at a moment.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) at: Timestamp,
    pub(super) step: usize,
    pub(super) window: ramp::Window,
}

/// How many devices a ramp has to do with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Of its scope.
    pub(super) devices: u64,
    /// Run its version.
    pub(super) reached: u64,
    /// Are to have it and do not run it yet.
    pub(super) on_way: u64,
}

impl Watched {
    pub(super) fn new(ramp: Ramp) -> Self {
        Self {
            ledger: ramp.is_open().then(|| Ledger::new(&ramp, LATE)),
            ramp,
            samples: Vec::new(),
            pace: PACE,
            past: Some(Vec::new()),
        }
    }

    /// The same ramp, as it stands now.
    pub(super) fn update(&mut self, ramp: Ramp) {
        if !ramp.is_open() {
            self.ledger = None;
        }
        self.ramp = ramp;
    }

    /// Begins to count anew.
    pub(super) fn begin(&mut self) {
        if let Some(past) = &mut self.past {
            past.clear();
        }
        self.ledger = self.ramp.is_open().then(|| Ledger::new(&self.ramp, LATE));
    }

    pub(super) fn beat(&mut self, seen: &Seen) {
        if let Some(ledger) = &mut self.ledger {
            ledger.beat(seen.heard, &seen.device, &beat(seen));
        }
    }

    /// A report that the broker had at `at`.
    pub(super) fn report(&mut self, report: &Report, at: Timestamp) {
        if let Some(past) = &mut self.past
            && self.ledger.is_some()
            && past.len() < MOST_PAST
            && fact(report).is_some()
        {
            past.push((report.at.min(at), report.clone()));
        }
        if let (Some(ledger), Some(fact)) = (&mut self.ledger, fact(report)) {
            ledger.report(at, &report.device, report.seq, &fact);
        }
    }

    /// The reports that were there are read: makes the curve until now out of them, once.
    pub(super) fn replay<'a>(&mut self, devices: impl Iterator<Item = &'a Seen>, now: Timestamp) {
        let Some(past) = self.past.take().filter(|_| self.ledger.is_some()) else {
            return;
        };
        let seen = std::mem::take(&mut self.samples);
        self.samples = super::replay::samples(&self.ramp, devices, past, now);
        let last = self.samples.last().map(|it| it.at);
        let later = seen.into_iter().filter(|it| Some(it.at) > last);
        self.samples.extend(later);
    }

    /// Takes a sample, where the last one is old enough.
    pub(super) fn count(&mut self, now: Timestamp) {
        let last = self.samples.last().map(|it| it.at);
        if last.is_some_and(|last| {
            (SignedDuration::ZERO..self.pace).contains(&now.duration_since(last))
        }) {
            return;
        }
        let Some(ledger) = &self.ledger else {
            return;
        };
        let counts = ledger.count(&self.ramp, now);
        self.samples.push(Sample {
            at: now,
            step: self.ramp.step,
            window: counts.step,
        });
        if self.samples.len() > MOST_SAMPLES {
            let mut n = 0;
            self.samples.retain(|_| {
                n += 1;
                n % 2 == 0
            });
            self.pace = self.pace.saturating_mul(2);
        }
    }

    /// As the page hears it, with at most `most` numbers that were counted here, and with none no record either.
    pub(super) fn told(&self, reach: Reach, led: Option<bool>, most: usize) -> super::wire::Ramp {
        let ramp = &self.ramp;
        let open = ramp.is_open();
        super::wire::Ramp {
            id: ramp.id.clone(),
            scope: ramp.scope.to_string(),
            version: ramp.version.to_string(),
            baseline: ramp.baseline.to_string(),
            state: ramp.state.is.as_str().to_owned(),
            reason: short(&ramp.state.why, 300),
            led: led.filter(|_| open),
            by: short(&ramp.by, 40),
            started_at: ramp.at,
            plan: (ramp.plan.steps().iter().take(24))
                .map(|step| Step {
                    percent: step.share.percent(),
                    hold_seconds: step.hold_seconds.unwrap_or(0),
                })
                .collect(),
            step: ramp.step,
            step_since: ramp.step_since,
            next_at: (ramp.state.is == RampState::Running).then(|| ramp.due_at()),
            ended_at: (!open).then_some(ramp.state.since),
            reached_steps: (ramp.evidence.iter())
                .filter(|it| it.what == What::Entered)
                .take(24)
                .map(|it| Reached {
                    percent: it.share.percent(),
                    at: it.at,
                })
                .collect(),
            halt_above: ramp.halt_above.percent(),
            min_devices: ramp.min_devices,
            devices: reach.devices,
            reached: reach.reached,
            on_way: reach.on_way,
            evidence: self.evidence(most),
        }
    }

    fn evidence(&self, most: usize) -> Vec<Evidence> {
        if most == 0 {
            return Vec::new();
        }
        let skipped = self.ramp.evidence.len().saturating_sub(MOST_RECORDS);
        let on_record = self.ramp.evidence.iter().skip(skipped).map(|it| {
            let window = it.counts.map(|it| it.step).unwrap_or_default();
            Evidence {
                at: it.at,
                step: it.step,
                what: Some(it.what),
                why: short(&it.why, 80),
                fresh: side(window.new),
                old: side(window.old),
            }
        });
        // Evenly chosen from the last one back.
        let every = self.samples.len().div_ceil(most).max(1);
        let chosen = self.samples.iter().rev().step_by(every).take(most);
        let counted = chosen.map(|it| Evidence {
            at: it.at,
            step: it.step,
            what: None,
            why: String::new(),
            fresh: side(it.window.new),
            old: side(it.window.old),
        });
        let mut all: Vec<_> = on_record.chain(counted).collect();
        all.sort_by_key(|it| it.at);
        all
    }
}

fn side(side: ramp::Side) -> Side {
    Side {
        devices: side.devices,
        tried: side.tried,
        failed: side.failed,
        infrastructure: side.infrastructure,
    }
}

fn beat(seen: &Seen) -> Beat<'_> {
    let standing = &seen.runtime;
    Beat {
        groups: &seen.groups,
        runs: standing.version.as_ref(),
        aims: standing.target.as_ref(),
        scope: standing.scope.as_ref(),
        generation: standing.generation,
        refuses: matches!(standing.state, State::Refused | State::Off),
        trouble: matches!(standing.state, State::Trouble | State::Halted),
    }
}

pub(super) fn fact(report: &Report) -> Option<Fact<'_>> {
    if report.subject != Subject::Runtime {
        return None;
    }
    let version = report.version.as_ref();
    if report.event.is_failure() {
        return version.map(Fact::Failed);
    }
    if report.event.is_infrastructure() {
        return Some(Fact::Infrastructure(version));
    }
    match report.event {
        Event::Launched => version.map(|version| Fact::Ran {
            version,
            from: report.from.as_ref(),
        }),
        Event::Confirmed | Event::RolledBack => version.map(|version| Fact::Ran {
            version,
            from: None,
        }),
        Event::Refused => version.map(Fact::Refused),
        _ => None,
    }
}
