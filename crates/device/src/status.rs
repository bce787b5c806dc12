//! The status: one whole picture of the device, with a sequence number.

use jiff::Timestamp;
use rollout::{BadEntry, Integrity, Version};
use runtime_store::Source;
use serde::{Deserialize, Serialize};

use updater::{LastCheck, Progress};

use crate::Updates;
use crate::fleet::FleetNote;
use crate::notes::{
    AppInfo, Applying, BusyNote, ContractNote, DamageNote, Managed, RehearsalNote, SnapshotNote,
    WorkspaceStatus,
};
use crate::rollout_status::{BlockedVersion, PassedOver, RecalledRunning, Rollout};

/// Everything a page or a command line shows. Every change makes a whole new one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Grows by one with every change; an older one never replaces a newer one on a page.
    pub seq: u64,
    /// Whether this device updates itself.
    pub updates: Updates,
    /// What the runtime is doing.
    pub phase: Phase,
    /// What is on its way up.
    pub starting: Option<Version>,
    /// What serves now.
    pub running: Option<Running>,
    /// What waits for a restart.
    pub staged: Option<StagedVersion>,
    /// The last other confirmed version.
    pub previous: Option<Version>,
    /// The version inside the installer.
    pub bundled: BundledVersion,
    /// Versions that failed here.
    pub bad: Vec<BadVersion>,
    /// The last look at the registry, whoever asked for it.
    pub last_check: Option<LastCheck>,
    /// When the timer looks next.
    pub next_check_at: Option<Timestamp>,
    /// A download on its way.
    pub progress: Option<Progress>,
    /// Where this device stands in a rollout; none in a development build.
    #[serde(default)]
    pub rollout: Option<Rollout>,
    /// What runs must no longer run.
    #[serde(default)]
    pub recalled_running: Option<RecalledRunning>,
    /// What the last launch passed over because it must not, or may not yet, run.
    #[serde(default)]
    pub passed_over: Option<PassedOver>,
    /// The last fallback of this run, until something newer is ready.
    pub fell_back: Option<FellBack>,
    /// Why nothing runs, when even bundled failed.
    pub failure: Option<Failure>,
    /// Files that could not be read and the like, in words.
    pub problems: Vec<String>,
    /// The runtime says that it is busy.
    #[serde(default)]
    pub busy: Option<BusyNote>,
    /// What the apply of what is staged waits for; none where nothing is.
    #[serde(default)]
    pub applying: Option<Applying>,
    /// The last ten rehearsals, the newest last.
    #[serde(default)]
    pub rehearsals: Vec<RehearsalNote>,
    /// Stored versions that were found damaged.
    #[serde(default)]
    pub damage: Vec<DamageNote>,
    /// A version that needs another host than this one.
    #[serde(default)]
    pub contract: Option<ContractNote>,
    /// What is kept of the data folder.
    #[serde(default)]
    pub snapshots: Vec<SnapshotNote>,
    /// Whether an administrator decides; none where the user does.
    #[serde(default)]
    pub managed: Option<Managed>,
    /// Every running instance, `main` first.
    #[serde(default)]
    pub workspaces: Vec<WorkspaceStatus>,
    /// Which runtime this is about.
    #[serde(default)]
    pub app: AppInfo,
    /// How it stands in its fleet; none where it is in none, or its app does not run.
    #[serde(default)]
    pub fleet: Option<FleetNote>,
}

/// What the runtime is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// On its way up for the first time.
    Starting,
    /// Serving.
    Running,
    /// On its way down and up again.
    Restarting,
    /// Every choice failed, bundled too.
    Failed,
    /// Not started, or stopped.
    Stopped,
}

/// The version that serves now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Its version.
    pub version: Version,
    /// Where it was chosen from.
    pub source: RunningSource,
    /// Where it serves: `http://127.0.0.1:PORT/`.
    pub url: String,
    /// Since when it has been ready.
    pub since: Timestamp,
    /// Whether its trial is still on.
    pub trial: bool,
    /// Which launch it is of: another one has another page, also at the same address.
    #[serde(default)]
    pub launch_id: String,
    /// Its content; none for bundled.
    #[serde(skip)]
    pub(crate) integrity: Option<Integrity>,
}

/// Where the running version was chosen from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunningSource {
    /// The pointer.
    Pointer,
    /// The last confirmed version before it.
    Previous,
    /// The installer.
    Bundled,
    /// `REFIT_RUNTIME` of a development build.
    Development,
}

impl From<Source> for RunningSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Pointer => Self::Pointer,
            Source::Previous => Self::Previous,
            Source::Bundled => Self::Bundled,
        }
    }
}

/// A version that waits for a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StagedVersion {
    /// Its version.
    pub version: Version,
    /// When it was staged.
    pub staged_at: Timestamp,
    /// What its publisher says of it: plain text, at most 4,000 characters.
    #[serde(default)]
    pub notes: Option<String>,
    /// Why it is not started.
    #[serde(default)]
    pub blocked: Option<BlockedVersion>,
}

impl StagedVersion {
    /// Whether a restart would start it, as far as anybody but a person is concerned.
    pub fn is_offered(&self) -> bool {
        self.blocked.is_none()
    }
}

/// The version inside the installer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledVersion {
    /// Its version, or the shell's where it has no usable one.
    pub version: Version,
    /// What is odd about it.
    pub note: Option<String>,
}

/// A version that failed here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadVersion {
    /// Its version.
    pub version: Version,
    /// The reason's code.
    pub reason: String,
    /// What was seen.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

impl From<BadEntry> for BadVersion {
    fn from(entry: BadEntry) -> Self {
        Self {
            version: entry.version,
            reason: entry.reason.to_string(),
            detail: entry.detail,
            at: entry.at,
        }
    }
}

/// What a fallback was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FellBack {
    /// The version that failed.
    pub from: Version,
    /// The version that runs instead.
    pub to: Version,
    /// The reason's code.
    pub reason: String,
    /// In words.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// Whether the failed version is now on the bad list.
    pub condemned: bool,
}

/// Why nothing runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The first error.
    pub message: String,
    /// The next step.
    pub hint: String,
    /// The last lines of output and the like.
    pub detail: String,
}

/// The version that the pointer names, when a restart would change what runs.
///
/// A pointer that names what runs already is not news. One that an automatic launch may not try
/// (`REFIT_NO_AUTO_UPDATE`) still is, since a person's restart tries it.
pub(crate) fn waiting(
    pointer: Option<&runtime_store::Pointer>,
    running: Option<&Running>,
    bundled: &Version,
    bad: &[BadEntry],
) -> Option<StagedVersion> {
    let pointer = pointer?;
    let runs_already = running.is_some_and(|running| {
        running.version == pointer.version && running.integrity.as_ref() == Some(&pointer.integrity)
    });
    let is_bad = bad
        .iter()
        .any(|entry| entry.is_about(&pointer.version, &pointer.integrity));
    let passes = pointer.version.is_newer_than(bundled) && !is_bad;
    (passes && !runs_already).then(|| StagedVersion {
        version: pointer.version.clone(),
        staged_at: pointer.staged_at,
        notes: None,
        blocked: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollout::BadReason;

    fn pointer(version: &str) -> runtime_store::Pointer {
        serde_json::from_value(serde_json::json!({
            "schema": 1, "version": version, "integrity": content(1),
            "entry": "/data/runtime-store/versions/x/cli.js",
            "stagedAt": "2026-06-12T08:00:00Z",
            "trial": { "attemptsLeft": 2, "readyAt": null, "crashes": 0 }, "previous": null
        }))
        .unwrap()
    }

    fn content(byte: u8) -> Integrity {
        Integrity::from_digest([byte; 64])
    }

    fn running(version: &str, integrity: Option<Integrity>) -> Running {
        Running {
            version: version.parse().unwrap(),
            source: RunningSource::Pointer,
            url: "http://127.0.0.1:1/".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            trial: false,
            launch_id: String::new(),
            integrity,
        }
    }

    fn waits(
        pointer: &runtime_store::Pointer,
        running: Option<&Running>,
        bad: &[BadEntry],
    ) -> bool {
        waiting(Some(pointer), running, &"1.0.0".parse().unwrap(), bad).is_some()
    }

    #[test]
    fn a_staged_version_waits_until_it_runs() {
        let staged = pointer("1.1.0");
        assert!(waits(&staged, None, &[]));
        assert!(waits(&staged, Some(&running("1.0.0", None)), &[]));
        assert!(!waits(
            &staged,
            Some(&running("1.1.0", Some(content(1)))),
            &[]
        ));
        // The same version with other content is another one.
        assert!(waits(
            &staged,
            Some(&running("1.1.0", Some(content(2)))),
            &[]
        ));
    }

    #[test]
    fn what_would_not_be_launched_does_not_wait() {
        assert!(!waits(&pointer("1.0.0"), None, &[]), "as old as bundled");
        let bad = BadEntry {
            version: "1.1.0".parse().unwrap(),
            integrity: content(1),
            reason: BadReason::CrashLoop,
            detail: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        assert!(!waits(&pointer("1.1.0"), None, &[bad]));
    }
}
