//! Notes in the status: what holds an apply up, what was rehearsed, damaged, mended and kept.

use std::path::PathBuf;

use jiff::Timestamp;
use rollout::Version;
use serde::{Deserialize, Serialize};

/// The runtime says that a restart would cost somebody work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BusyNote {
    /// How many tasks are running, where it says.
    pub tasks: Option<u32>,
    /// Since when it has said so without a pause.
    pub since: Timestamp,
}

/// How what is staged is applied, and what that waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Applying {
    /// The setting `apply`.
    pub mode: crate::Apply,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// When it is applied whatever the runtime says, where that is so.
    pub deadline: Option<Timestamp>,
}

/// What an apply waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// A person who restarts.
    Person,
    /// The runtime to be idle.
    Idle,
    /// The next start of the app.
    NextLaunch,
    /// The publisher's word, or this device's turn.
    Turn,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RehearsalNote {
    /// Of which version.
    pub version: Version,
    /// How it ended.
    pub outcome: RehearsalOutcome,
    /// What was measured, or what went wrong.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RehearsalOutcome {
    /// It answered fast enough.
    Passed,
    /// It did not, this once.
    Failed,
    /// There was none: the machine was short of something.
    Skipped,
    /// It failed twice where the bundled version passes.
    Bad,
    /// The bundled version failed too, which says nothing of this one.
    Inconclusive,
}

/// A stored version whose files are not as they were staged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DamageNote {
    /// Which.
    pub version: Version,
    /// Which files, and what is the matter with them.
    pub detail: String,
    /// What became of it.
    pub state: DamageState,
    /// When.
    pub at: Timestamp,
}

/// What became of a damaged version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DamageState {
    /// It is known, and being fetched again.
    Found,
    /// It was replaced as a whole.
    Mended,
    /// It could not be fetched; another version runs meanwhile.
    Waiting,
}

/// A version that needs another host than this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractNote {
    /// Which.
    pub version: Version,
    /// What it needs, and what is offered.
    pub message: String,
    /// The version that took its place because of this.
    pub healed: Option<Version>,
}

/// What is kept of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotNote {
    /// It was taken before the first launch of this version.
    pub version: Version,
    /// The data are those of this version, where one ran before.
    pub of: Option<Version>,
    /// When.
    pub at: Timestamp,
    /// How much it holds.
    pub bytes: u64,
}

/// Who an administrator lets change versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Managed {
    /// `managed` or `off`.
    pub updates: String,
    /// In words.
    pub message: String,
    /// The file that says so.
    pub source: String,
}

/// One running instance of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceStatus {
    /// Its name; the first is `main`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What it is doing.
    pub state: WorkspaceState,
    /// What runs there.
    pub version: Option<Version>,
    /// Where it serves.
    pub url: Option<String>,
    /// Which launch serves there: another one has another page, also at the same address.
    #[serde(default)]
    pub launch_id: Option<String>,
    /// Since when that launch has been ready.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// Why it is dead, and the like.
    pub detail: Option<String>,
    /// Its timed calls.
    #[serde(default)]
    pub schedules: Vec<ScheduleStatus>,
}

/// What a workspace is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkspaceState {
    /// On its way up.
    Starting,
    /// Serving.
    Running,
    /// On its way down and up again.
    Restarting,
    /// It failed, and no process of it is left; an upgrade or a restart may revive it.
    Dead,
    /// Not started, or stopped.
    Stopped,
}

/// A timed call to a workspace's runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// From one call to the next, such as `5m`.
    pub every: String,
    /// The path that is asked for.
    pub path: String,
    /// The last call.
    pub last_at: Option<Timestamp>,
    /// Whether it was answered with a status below 400.
    pub last_ok: Option<bool>,
}

/// Which runtime this status is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    /// Its name in the configuration; `main` for the one that has no other.
    pub name: String,
    /// Its npm package.
    pub package: String,
}
