//! API outline; being filled in.
#![expect(
    missing_docs,
    clippy::todo,
    unused_variables,
    clippy::needless_pass_by_value,
    clippy::missing_panics_doc,
    clippy::unused_self
)]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rollout::{
    BadEntry, BadReason, Candidate, Engines, Host, Integrity, PackageName, Unsuitable, Version,
};
use serde::{Deserialize, Serialize};

// ───────────── what a shell tells the store ─────────────

/// The runtime inside the installer. Never touched, deleted or marked bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    pub dir: PathBuf,
    pub version: Version,
    /// `<dir>/<entry>`, absolute.
    pub entry: PathBuf,
}

/// What this shell is and wants; facts and settings that every launch decision needs.
#[derive(Debug, Clone)]
pub struct Shell {
    pub bundled: Bundled,
    pub host: Host,
    /// Attempts that a newly staged version has (`attempts`, default 2).
    pub attempts: u32,
    /// False under REFIT_NO_AUTO_UPDATE: a launch nobody asked for then passes over trials.
    pub launch_trials: bool,
}

// ───────────── the store ─────────────

/// One store: `<data>/runtime-store`. Cheap to clone; holds no lock and no open file between calls.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Outline(String),
}

impl Store {
    /// Opens (and makes where missing) the store below `data`, resolved to its real path once.
    pub fn open(data: &Path) -> Result<Self, StoreError> {
        todo!()
    }
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Where per-version logs and similar shell files may live: `<data>`.
    pub fn data_dir(&self) -> &Path {
        todo!()
    }

    /// A reading of pointer and bad list that changes nothing.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }
    /// What `begin_launch` would choose now; changes nothing.
    pub fn resolve(&self, shell: &Shell) -> Choice {
        todo!()
    }

    // Launching (all: lock → load → transition → persist)

    /// Chooses what this launch tries next, writes the attempt down durably and takes a lease.
    /// `failures`: choices of this same launch that already failed (each is tried at most once).
    /// Never fails: any error in choosing means bundled.
    pub fn begin_launch(
        &self,
        shell: &Shell,
        asked: Asked,
        failures: &[Failure],
        now: Timestamp,
    ) -> Launch {
        todo!()
    }
    /// The spawned choice became ready: its soak begins if it is on trial; everything in
    /// `failures` that is on trial and earned it is condemned (bad list, pointer, folder).
    /// Returns what was condemned.
    pub fn ready(
        &self,
        launch: &Launch,
        failures: &[Failure],
        now: Timestamp,
    ) -> Result<Vec<BadEntry>, StoreError> {
        todo!()
    }
    /// An orderly end before a verdict, or a launch in which every choice failed: attempts go back.
    pub fn give_back(&self, launches: &[TakenAttempt]) -> Result<(), StoreError> {
        todo!()
    }
    /// A crash after ready. Says what follows.
    pub fn crashed(&self, launch: &Launch, now: Timestamp) -> Result<AfterCrash, StoreError> {
        todo!()
    }
    /// Adds running time to the soak; confirms when `soak` is reached.
    pub fn soaked(
        &self,
        launch: &Launch,
        ran: Duration,
        soak: Duration,
        now: Timestamp,
    ) -> Result<Soak, StoreError> {
        todo!()
    }

    // A person's or a fleet's orders

    pub fn roll_back(
        &self,
        shell: &Shell,
        order: RollBack,
        now: Timestamp,
    ) -> Result<RolledBack, StoreError> {
        todo!()
    }
    /// Forgives every bad entry of `version`; false when none was there.
    pub fn forgive(&self, version: &Version) -> Result<bool, StoreError> {
        todo!()
    }

    // Staging's disk half

    /// Sweeps partials, checks bad list, what is already whole and the free disk; then makes `partial/<v>`.
    pub fn begin_stage(
        &self,
        candidate: &Candidate,
        shell: &Shell,
        plan: &StagePlan,
    ) -> Result<BeginStage, StoreError> {
        todo!()
    }

    // Housekeeping

    /// Removes what no process works on: unlocked partials, trash. Safe at any time.
    pub fn sweep(&self) -> Result<Swept, StoreError> {
        todo!()
    }
    /// Sweep, and every version that is not pointer, previous or leased.
    pub fn gc(&self) -> Result<Swept, StoreError> {
        todo!()
    }
    /// Where the bundled runtime changed, carries shared dependencies of stored versions afresh.
    pub fn recarry(&self, shell: &Shell, carry: &[String]) -> Result<Vec<Version>, StoreError> {
        todo!()
    }
    /// Checks that a stored version is whole: record, entry, package.json. (Issue on self-repair adds a tree manifest.)
    pub fn verify(&self, version: Option<&Version>) -> Result<Vec<Verified>, StoreError> {
        todo!()
    }
    /// Stored versions with their records.
    pub fn versions(&self) -> Result<Vec<Record>, StoreError> {
        todo!()
    }

    // Small files of the store

    pub fn history(&self) -> Vec<HistoryEntry> {
        todo!()
    }
    pub fn record_history(&self, entry: &HistoryEntry) {
        todo!()
    }
    /// The device's UUID, made once, 0600.
    pub fn device_id(&self) -> Result<DeviceId, StoreError> {
        todo!()
    }
    /// `releases.json`, read leniently: what is unreadable is set aside and reads as none.
    pub fn load_releases<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        todo!()
    }
    pub fn save_releases<T: Serialize>(&self, releases: &T) -> Result<(), StoreError> {
        todo!()
    }
    /// Appends one JSON line to `rollout.log`, capped at 256 KiB by dropping the oldest half; best effort.
    pub fn log_decision<T: Serialize>(&self, line: &T) {
        todo!()
    }

    /// The version whose folder an entry path lies in, only if the whole path is canonical.
    pub fn version_of_entry(&self, entry: &Path) -> Option<Version> {
        todo!()
    }
}

// ───────────── readings ─────────────

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionId {
    pub version: Version,
    pub integrity: Integrity,
}

/// `current.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pointer {
    pub schema: u32,
    pub version: Version,
    pub integrity: Integrity,
    pub entry: PathBuf,
    pub staged_at: Timestamp,
    pub trial: Option<Trial>,
    pub previous: Option<VersionId>,
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    pub attempts_left: u32,
    pub ready_at: Option<Timestamp>,
    pub crashes: u32,
    /// Seconds of running since it was first ready, over all launches.
    #[serde(default)]
    pub soaked_seconds: u64,
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub pointer: Option<Pointer>,
    pub bad: Vec<BadEntry>,
    /// What could not be read, in words, each naming its file.
    pub problems: Vec<String>,
}

// ───────────── launching ─────────────

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Pointer,
    Previous,
    Bundled,
}

/// Who wants this launch: the app starting by itself, or a person's "Restart to apply".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Passively,
    ByPerson,
}

/// What a launch runs, and why that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub version: Version,
    /// None for bundled.
    pub integrity: Option<Integrity>,
    pub source: Source,
    /// Root folder of this version (stored or bundled).
    pub dir: PathBuf,
    pub entry: PathBuf,
    pub trial: Option<Trial>,
    /// Choices that did not pass, in the order they were looked at; empty when the first passed.
    pub passed_over: Vec<PassedOver>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    pub version: Option<Version>,
    pub source: Source,
    pub why: WhyNot,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNot {
    NotNewerThanBundled,
    Bad,
    MissingEntry,
    Incompatible(Unsuitable),
    FailedInThisLaunch,
    /// Another process is trying it right now.
    OnTrialElsewhere,
    /// Its launches ended without a word, in every attempt.
    NoVerdict,
    /// REFIT_NO_AUTO_UPDATE.
    TrialsOff,
    /// The attempt, or the lease, could not be written.
    CannotWrite(String),
    /// The pointer file itself is not a pointer.
    InvalidPointer(String),
    NewerSchema,
}

/// A launch that was begun: what to spawn, with a fresh id, and the lease that protects it.
#[derive(Debug)]
pub struct Launch {
    pub id: String,
    pub choice: Choice,
    /// The lease file a guard process must lock (shared) before the child exists; None for bundled or a store that cannot be written.
    pub lease: Option<Lease>,
    /// The attempt that was taken for it, to give back.
    pub taken: Option<TakenAttempt>,
    /// Failures discovered while choosing (a trial whose attempts ended without a verdict).
    pub failures: Vec<Failure>,
}

/// Holds a shared OS lock on `leases/<launch-id>`; dropping it lets go and removes the file if nobody else holds it.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
}
impl Lease {
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// For the guard process: joins a lease by its path. Held until dropped.
    pub fn join(path: &Path) -> std::io::Result<Lease> {
        todo!()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAttempt {
    pub id: VersionId,
}

/// One choice of this launch that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub version: Version,
    pub integrity: Option<Integrity>,
    pub source: Source,
    pub trial: bool,
    pub taken: bool,
    pub how: How,
    /// Exit code, last lines of output.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Exited by itself before it was ready: condemns at once.
    Exited,
    /// Not ready in time, or killed by a signal that was not ours: condemns when no attempts are left.
    TimedOut,
    /// As above, for a kill that was not ours.
    Killed,
    /// Earlier launches ended without a word.
    NoVerdict,
    /// Three crashes in its soak.
    CrashLoop,
    /// No disk space, no free port, a missing interpreter: never condemns.
    Environment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterCrash {
    /// Restart it: confirmed, bundled, or fewer than three crashes of its soak.
    Restart { crashes: u32 },
    /// Third crash in its soak: go on with the next choice, as a `Failure` with `How::CrashLoop`.
    Loop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soak {
    NotOnTrial,
    Soaking { left: Duration },
    Confirmed,
}

// ───────────── orders ─────────────

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollBack {
    /// To the previous confirmed version, else bundled. A person's listing it `rolled-back`.
    Person,
    /// To this version: stored or bundled.
    PersonTo(Version),
    /// A fleet's or recall's: lists nothing.
    Fleet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolledBack {
    /// The next launch runs this.
    To {
        from: Option<Version>,
        to: Version,
        source: Source,
    },
    /// Nothing to roll back: bundled runs.
    Nothing,
    /// That version is not stored: stage it first, with `StagePlan::older`.
    NotStored(Version),
}

// ───────────── staging ─────────────

#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Relative entry inside the package, e.g. `dist/cli.js`.
    pub entry: String,
    pub carry: Vec<String>,
    pub limits: Limits,
    /// Where it comes from, for the record: a URL or file, never with credentials.
    pub source: String,
    pub now: Timestamp,
    /// An ordered roll back: allow a version older than what the pointer names.
    pub older: bool,
}

/// Limits of the unpacker.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub entries: u64,
    pub total_bytes: u64,
    pub depth: usize,
    pub component_bytes: usize,
    pub path_bytes: usize,
    pub packed_bytes: u64,
}
impl Default for Limits {
    fn default() -> Self {
        todo!()
    }
}

#[derive(Debug)]
pub enum BeginStage {
    /// The pointer already names exactly this.
    AlreadyStaged,
    /// A whole version with this integrity is there: committed without a download.
    TakenUp(Staged),
    Bad(BadEntry),
    Incompatible(Unsuitable),
    NotNewer {
        than: Version,
    },
    /// Another process is staging this version now.
    Busy,
    Fetch(Partial),
}

/// `partial/<v>`, locked, empty. Dropping it removes the folder.
#[derive(Debug)]
pub struct Partial {}
impl Partial {
    /// One pass over the tarball's bytes: hash → gunzip → unpack. Returns what was really there.
    pub fn unpack(self, tarball: impl Read) -> Result<Unpacked, StageError> {
        todo!()
    }
}

/// A tree whose bytes have not been verified: it can only be verified or dropped.
#[derive(Debug)]
pub struct Unpacked {}
impl Unpacked {
    /// Integrity equals the decision's, package.json agrees, the entry exists, engines suit; then carries and syncs.
    pub fn verify(self) -> Result<Whole, StageError> {
        todo!()
    }
}

/// A verified, complete, synced tree, still in `partial/`.
#[derive(Debug)]
pub struct Whole {}
impl Whole {
    /// Record, rename, fsync the parents, pointer: one lock.
    pub fn commit(self) -> Result<Staged, StageError> {
        todo!()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    pub version: Version,
    pub integrity: Integrity,
    pub entry: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("{0}")]
    Outline(String),
}

/// Unpacks any npm tarball into a new folder (for `refit unpack` and `refit bundle`); refused → the folder is absent.
pub fn unpack_into(
    tarball: impl Read,
    into: &Path,
    limits: &Limits,
) -> Result<UnpackedTree, StageError> {
    todo!()
}

#[derive(Debug, Clone)]
pub struct UnpackedTree {
    pub integrity: Integrity,
    pub packed_bytes: u64,
    pub unpacked_bytes: u64,
    pub files: u64,
}

// ───────────── the rest ─────────────

/// `records/<v>.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    pub schema: u32,
    pub package: PackageName,
    pub version: Version,
    pub integrity: Integrity,
    pub entry: String,
    pub engines: Engines,
    pub source: String,
    pub staged_at: Timestamp,
    pub carried: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Default)]
pub struct Swept {
    pub partials: u64,
    pub versions: Vec<Version>,
    pub trash: u64,
    pub kept: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Verified {
    pub version: Version,
    pub problem: Option<String>,
}

#[derive(Debug, Clone)]
pub struct DeviceId {
    pub id: String,
    pub first_launch: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    pub at: Timestamp,
    pub event: HistoryEvent,
    pub version: Version,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryEvent {
    Staged,
    Applied,
    Confirmed,
    FellBack,
    RolledBack,
    Forgiven,
}
