//! What the page hears: `docs/formats/fleet-dashboard.md`. The same shapes stand in `dashboard/src/lib/types.ts`.

use std::collections::BTreeMap;

use fleet::State;
use jiff::Timestamp;
use serde::Serialize;

/// All other versions together, where there are more than are told one by one.
pub(super) const OTHERS: &str = "…";

/// The fleet, in less than 64 KB however many devices it has.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Overview {
    pub(super) fleet: String,
    pub(super) at: Timestamp,
    /// What is wrong with the broker, in words; none while it answers.
    pub(super) trouble: Option<String>,
    pub(super) total: u64,
    pub(super) late: u64,
    pub(super) states: States,
    /// Those on most devices first.
    pub(super) versions: Vec<Standing>,
    pub(super) groups: Vec<Group>,
    /// The last ordered first.
    pub(super) targets: Vec<Target>,
    #[serde(rename = "targetsInAll")]
    pub(super) targets_in_all: usize,
    /// Those that go on first, then the last ended.
    pub(super) ramps: Vec<Ramp>,
    pub(super) hour: Series,
    pub(super) day: Series,
}

/// Devices by state; a state without any is left out.
pub(super) type States = BTreeMap<State, u64>;

/// The devices on which one version runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    /// None where nothing runs.
    pub(super) version: Option<String>,
    pub(super) devices: u64,
    pub(super) late: u64,
    pub(super) states: States,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    pub(super) group: String,
    pub(super) devices: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Target {
    pub(super) scope: String,
    pub(super) version: Option<String>,
    pub(super) at: Timestamp,
    pub(super) by: String,
    /// In seconds.
    pub(super) jitter: u32,
    /// The part of the scope that it reaches; none for all of it.
    pub(super) percent: Option<f64>,
}

/// Counts at the moments `start`, `start + step` …, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Series {
    pub(super) start: Timestamp,
    pub(super) step: u32,
    pub(super) versions: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) version: Option<String>,
    pub(super) counts: Vec<u64>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ramp {
    pub(super) id: String,
    pub(super) scope: String,
    pub(super) version: String,
    pub(super) baseline: String,
    pub(super) state: String,
    pub(super) reason: String,
    /// Whether a controller leads it; none where that is not known.
    pub(super) led: Option<bool>,
    pub(super) by: String,
    pub(super) started_at: Timestamp,
    pub(super) plan: Vec<Step>,
    /// From 0.
    pub(super) step: usize,
    pub(super) step_since: Timestamp,
    /// From when it may go on by itself.
    pub(super) next_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) reached_steps: Vec<Reached>,
    /// In points of a percent.
    pub(super) halt_above: f64,
    pub(super) min_devices: u32,
    pub(super) devices: u64,
    pub(super) reached: u64,
    pub(super) on_way: u64,
    pub(super) evidence: Vec<Evidence>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    pub(super) percent: f64,
    pub(super) hold_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Reached {
    pub(super) percent: f64,
    pub(super) at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Evidence {
    pub(super) at: Timestamp,
    /// From 0.
    pub(super) step: usize,
    /// None for numbers that this server counted by itself.
    pub(super) what: Option<rollout::fleet::ramp::What>,
    pub(super) why: String,
    pub(super) fresh: Side,
    pub(super) old: Side,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Side {
    pub(super) devices: u64,
    pub(super) tried: u64,
    pub(super) failed: u64,
    pub(super) infrastructure: u64,
}

/// A page of the list of devices.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names on the wire")]
pub(super) struct Page {
    /// How many were found in all.
    pub(super) total: usize,
    /// From 1.
    pub(super) page: usize,
    pub(super) pages: usize,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) device: String,
    pub(super) groups: Vec<String>,
    pub(super) version: Option<String>,
    pub(super) state: State,
    pub(super) target: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) reason: String,
    pub(super) detail: String,
    pub(super) seen: Timestamp,
    pub(super) late: bool,
    pub(super) platform: String,
    pub(super) agent: Option<String>,
    pub(super) failures: u64,
    pub(super) infrastructure: u64,
    pub(super) unsent: u64,
}

/// A device's text as it is shown: short, and one line.
pub(super) fn short(text: &str, most: usize) -> String {
    let calm = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    let mut short: String = calm.clone().take(most).collect();
    if calm.count() > most {
        short.pop();
        short.push('…');
    }
    short
}
