//! What a device tells: reports, kept until they are sent, and heartbeats, of which the last counts.

use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Name, Scope, Subject};
use serde::{Deserialize, Serialize};

/// One thing that happened on a device. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The device's id.
    pub device: Name,
    /// Grows by one with every report of a device; what comes twice is the same.
    pub seq: u64,
    /// When it happened, by the device's clock.
    pub at: Timestamp,
    /// Of what.
    pub subject: Subject,
    /// What happened.
    pub event: Event,
    /// The version it is about.
    pub version: Option<Version>,
    /// What ran before, where that says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    /// The generation of the target that the device follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// The reason's code, kebab-case; empty where there is nothing to give one for.
    #[serde(default)]
    pub reason: String,
    /// In words, at most 500 characters.
    #[serde(default)]
    pub detail: String,
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// It looked for versions by itself, or was told to.
    Checked,
    /// A version waits for its swap.
    Staged,
    /// A version is ready for the first time.
    Launched,
    /// Its trial is over.
    Confirmed,
    /// It failed, and another version runs: `version` failed, `from` is none.
    FellBack,
    /// It kept crashing: within its trial, or three times within an hour after it.
    CrashLoop,
    /// It failed out of sight, before anything pointed at it.
    RehearsalFailed,
    /// It went back, as it was ordered to: `version` runs now.
    RolledBack,
    /// A target is not followed.
    Refused,
    /// The network, the disk, the machine: no version's fault.
    Trouble,
    /// Nothing runs, not even what came with the installer.
    Halted,
    /// The outbox was full: `detail` says how many older reports were dropped.
    Dropped,
}

impl Event {
    /// Whether the version is at fault.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::FellBack | Self::CrashLoop | Self::RehearsalFailed
        )
    }

    /// Whether it is nobody's version's fault that something failed.
    pub fn is_infrastructure(self) -> bool {
        matches!(self, Self::Trouble | Self::Halted)
    }
}

/// How a device is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The device's id.
    pub device: Name,
    /// When, by the device's clock.
    pub at: Timestamp,
    /// Its groups.
    #[serde(default)]
    pub groups: Vec<Name>,
    /// The runtime.
    pub runtime: Standing,
    /// The headless agent's own binary, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Standing>,
    /// Its bucket for the version that it is to have, or has: 0 to 99.
    pub bucket: u8,
    /// For how long its agent, or its app, has been running, in seconds.
    pub uptime_seconds: u64,
    /// What failed since then.
    #[serde(default)]
    pub failures: Failures,
    /// Reports that wait to be sent.
    #[serde(default)]
    pub unsent: u64,
    /// The operating system and processor: `linux-x86_64`.
    #[serde(default)]
    pub platform: String,
}

/// How one subject stands on a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// What runs; none where nothing does.
    pub version: Option<Version>,
    /// How it stands to its target.
    pub state: State,
    /// What it is to have.
    #[serde(default)]
    pub target: Option<Version>,
    /// The generation of that target.
    #[serde(default)]
    pub generation: Option<u64>,
    /// Whose target it is.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Why it stands so, as a code; empty where there is nothing to say.
    #[serde(default)]
    pub reason: String,
    /// In words, at most 500 characters.
    #[serde(default)]
    pub detail: String,
    /// Versions that are bad here, at most the last eight.
    #[serde(default)]
    pub bad: Vec<Version>,
}

/// How a device stands to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No target.
    Idle,
    /// Its target runs.
    Arrived,
    /// Its share of the window, or an order down that must stand, is waited for.
    Waiting,
    /// It is being fetched and staged.
    Staging,
    /// It is staged and waits for its swap, or for a person.
    Staged,
    /// It is being started.
    Swapping,
    /// The target is not followed; `reason` says why.
    Refused,
    /// Something that is no version's fault; tried again.
    Trouble,
    /// Updates are off on this device; `reason` says by whom.
    Off,
    /// Nothing runs.
    Halted,
}

/// What failed since the agent started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// Falls back.
    pub fell_back: u32,
    /// What kept crashing.
    pub crash_loops: u32,
    /// Rehearsals.
    pub rehearsals: u32,
    /// What is no version's fault.
    pub infrastructure: u32,
}

impl Failures {
    /// One more.
    pub fn count(&mut self, event: Event) {
        let counter = match event {
            Event::FellBack => &mut self.fell_back,
            Event::CrashLoop => &mut self.crash_loops,
            Event::RehearsalFailed => &mut self.rehearsals,
            Event::Trouble | Event::Halted => &mut self.infrastructure,
            _ => return,
        };
        *counter = counter.saturating_add(1);
    }
}

/// The most characters of a detail.
const DETAIL: usize = 500;

/// A detail as it may be sent: short, and without what would move a terminal's cursor.
pub fn detail(text: &str) -> String {
    let calm = text
        .chars()
        .map(|it| if it.is_control() { ' ' } else { it });
    calm.take(DETAIL).collect()
}
