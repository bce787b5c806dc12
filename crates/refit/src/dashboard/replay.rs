//! The curve of a ramp that had begun before anybody looked, made out of what was reported since.
//!
//! It is a picture of the past, by the devices' own times: who was cut off tells late. What is judged is counted by
//! the broker's times, by the controller and by [`super::watched`] alike, and from now on.

use std::collections::HashMap;

use fleet::Report;
use fleet::operator::{LATE, Seen};
use jiff::{SignedDuration, Timestamp};
use rollout::Version;
use rollout::fleet::Name;
use rollout::fleet::ramp::{Beat, Ledger, Ramp, What};

use super::watched::{Sample, fact};

/// So many samples, however long it has been going on: each is a walk over all devices.
const SAMPLES: i64 = 100;

/// Samples from the ramp's beginning to `now`, from `reports` with when each happened.
pub(super) fn samples<'a>(
    ramp: &Ramp,
    devices: impl Iterator<Item = &'a Seen>,
    mut reports: Vec<(Timestamp, Report)>,
    now: Timestamp,
) -> Vec<Sample> {
    let took = now.duration_since(ramp.at);
    let pace = SignedDuration::from_secs((took.as_secs() / SAMPLES).max(5));
    for (at, _) in &mut reports {
        *at = (*at).max(ramp.at);
    }
    // A device's own order holds, whatever its clock did.
    reports.sort_by(|(a, x), (b, y)| (a, &x.device, x.seq).cmp(&(b, &y.device, y.seq)));

    let mut ledger = Ledger::new(ramp, LATE);
    let before = before(ramp, &reports);
    for seen in devices {
        let runs = before.get(&seen.device).copied();
        let beat = Beat {
            groups: &seen.groups,
            runs: runs.unwrap_or(seen.runtime.version.as_ref()),
            aims: None,
            scope: seen.runtime.scope.as_ref(),
            generation: seen.runtime.generation,
            refuses: false,
            trouble: false,
        };
        ledger.beat(ramp.at, &seen.device, &beat);
    }

    let mut samples = Vec::new();
    let mut reports = reports.iter().peekable();
    let mut at = ramp.at;
    while at < now {
        while let Some((when, report)) = reports.next_if(|(when, _)| *when <= at) {
            if let Some(fact) = fact(report) {
                ledger.report(*when, &report.device, report.seq, &fact);
            }
        }
        let then = as_it_stood(ramp, at);
        samples.push(Sample {
            at,
            step: then.step,
            window: ledger.count(&then, at).step,
        });
        let Ok(next) = at.checked_add(pace) else {
            break;
        };
        at = next;
    }
    samples
}

/// What ran on devices when the ramp began, where reports say so.
fn before<'a>(
    ramp: &Ramp,
    reports: &'a [(Timestamp, Report)],
) -> HashMap<&'a Name, Option<&'a Version>> {
    let mut before = HashMap::new();
    for (_, report) in reports {
        if report.version.as_ref() == Some(&ramp.version) {
            before.entry(&report.device).or_insert(report.from.as_ref());
        }
    }
    before
}

/// The ramp at the step that it was at then.
fn as_it_stood(ramp: &Ramp, at: Timestamp) -> Ramp {
    let mut then = ramp.clone();
    let entered = ramp.evidence.iter().rev();
    let mut entered = entered.filter(|it| it.what == What::Entered);
    if let Some(step) = entered.find(|it| it.at <= at) {
        then.step = step.step;
        then.step_since = step.at;
    } else {
        then.step = 0;
        then.step_since = ramp.at;
    }
    then.evidence.clear();
    then
}
