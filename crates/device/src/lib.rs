//! Store, updater and supervisor put together once: one device that keeps its runtime current.
//!
//! The Tauri plugin and the command line are thin over this crate.
//!
//! ```text
//! DeviceOptions ─► Local     settings, folders, facts, the store      no task, no socket, no child
//!                    └─► Device
//!                          ├─ Supervisor   launches, falls back, soaks
//!                          ├─ Updater      checks, fetches, stages   (asks for rehearsals here)
//!                          ├─ Crew         the other workspaces, which follow the first one
//!                          ├─ Owner        answers the command line over a user-only socket
//!                          └─ board        State + Snapshot + UpdaterStatus ─► Status (whole, numbered)
//! ```
//!
//! # Invariants
//!
//! * [`Device::start`] always ends with something that runs or with a [`Failure`] that says why; no
//!   error of store, registry or socket stops it.
//! * A development build opens neither store nor connection.
//! * Who is followed and believed is the configuration's alone to say: no variable, page or registry
//!   has a say in it. A trust root that is of no use means no updates, never unsigned ones.
//! * What nobody asked for shows nothing of a version before this device's turn. By itself only what
//!   the setting `apply` says restarts anything: no recall does.
//! * What an administrator keeps to himself is refused in one place, whichever way it is asked for.
//! * Every [`Status`] is whole, and its sequence number is larger than that of any before it.
//! * A person's own request shows its error ([`Problem`]); automatic failures are logged and stand in
//!   the status.

mod admin;
mod applied;
mod applying;
mod apps;
mod board;
mod built;
mod bundled;
mod busy;
mod config;
mod device;
mod error;
mod fleet;
mod history;
mod keeper;
mod launches;
mod local;
mod loopback;
mod mender;
mod notes;
mod orders;
mod owner;
mod passed_over;
mod past;
mod program;
mod rehearser;
mod roll_back;
mod rollout_status;
mod schedules;
mod smoke;
mod spec;
mod status;
mod switches;
mod trust_root;
mod updating;
mod wiring;
mod with_data;
mod workspaces;

pub use applied::{Applied, AppliedOutcome};
pub use apps::{Apps, MAIN_APP};
pub use built::built_at;
pub use config::{
    Apply, Busy, Check, Config, ConfigError, Fleet, HostContract, Ready, Rehearse, SelfUpdate,
    SnapshotFolder, TrustAnchor,
};
pub use device::{Device, DeviceEvent};
pub use error::Problem;
pub use fleet::{FleetNote, Ordered, OrderedStaging};
pub use local::{DeviceOptions, Local};
pub use notes::{
    AppInfo, Applying, BusyNote, ContractNote, DamageNote, DamageState, Managed, RehearsalNote,
    RehearsalOutcome, ScheduleStatus, SnapshotNote, WaitsFor, WorkspaceState, WorkspaceStatus,
};
pub use owner::{Answer, Request, ask};
pub use rollout_status::{BlockedVersion, PassedOver, RecalledRunning, Rollout};
pub use smoke::smoke_version;
pub use status::{
    BadVersion, BundledVersion, Failure, FellBack, Phase, Running, RunningSource, StagedVersion,
    Status,
};
pub use supervisor::guard::run_if_asked as run_guard_if_asked;
pub use switches::Updates;
pub use workspaces::{Schedule, UpgradeOutcome, Upgraded, Workspace, WorkspaceUpgrade};

// What this crate's own interface is made of, so that its users need name no other crate.
pub use rollout::rehearsal::{Limits as SmokeLimits, Smoke};
pub use rollout::{AgentRelease, Integrity, Version};
pub use runtime_store::{Choice, HistoryEntry, HistoryEvent, Source, Store};
pub use supervisor::{Requests, Smoked, smoke};
pub use updater::{
    CheckReport, LastCheck, Mode, Outcome as StageOutcome, Phase as ProgressPhase, Progress,
    StageReport, UpdaterStatus, Wanted,
};
