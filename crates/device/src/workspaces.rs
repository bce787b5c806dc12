//! Workspaces: running instances that share one store.
//!
//! ```text
//! workspaces.json ─► Crew ── main: the leader; it tries what is staged, and falls back
//!                     │        └─ what became ready there
//!                     └─► the others follow, one after another: exactly that, nothing condemned
//! ```
//!
//! The version belongs to the store, not to a workspace: adding one takes what runs already, and
//! only [`Device::upgrade`], a check or a person's stage brings another.

mod check;
mod conductor;
mod crew;
mod file;
mod member;
mod place;
mod plan;
mod serve;
mod upgrade;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rollout::Version;
use serde::{Deserialize, Serialize};

use crate::{Device, Problem, WorkspaceState, WorkspaceStatus};

pub(crate) use conductor::start;
pub(crate) use crew::{Crew, note_the_end};
pub(crate) use place::main_spec;
pub(crate) use serve::answer;
pub(crate) use upgrade::leads;

/// The workspace that is always there.
pub(crate) const MAIN: &str = "main";

/// A workspace as `workspaces.json` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    /// Its name: 1 to 40 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Its folder, absolute. Left out for `main`, whose folder is the configuration's `cwd`; in an
    /// order to add one, left out means a new folder of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Variables set over the configuration's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Its timed calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
    /// What a newer app may have written: kept.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// A timed call to a workspace's runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// From one call to the next: at least a second.
    #[serde(with = "humantime_serde")]
    pub every: Duration,
    /// The path that is asked for.
    pub path: String,
}

impl Schedule {
    /// The pause as a person writes it.
    pub(crate) fn every_text(&self) -> String {
        humantime_serde::re::humantime::format_duration(self.every).to_string()
    }
}

/// What came of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upgraded {
    /// What came of it as a whole.
    pub outcome: UpgradeOutcome,
    /// What ran before, where something did.
    pub from: Option<Version>,
    /// What runs now; without a running app, what is staged.
    pub to: Option<Version>,
    /// In words.
    pub reason: String,
    /// What happened in each workspace, `main` first; none where nothing was restarted.
    pub workspaces: Vec<WorkspaceUpgrade>,
}

/// What came of an upgrade as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeOutcome {
    /// The newer version runs in the first workspace, and in every other that is not dead.
    Upgraded,
    /// There is nothing newer; nothing was restarted.
    UpToDate,
    /// It did not become ready in the first workspace; what could run before runs on.
    FellBack,
    /// There is something newer that this device does not take; nothing was restarted.
    Held,
    /// It is staged, and no app is running that could be restarted.
    Staged,
}

/// What an upgrade did to one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceUpgrade {
    /// Its name.
    pub name: String,
    /// What ran before; none if it was dead.
    pub from: Option<Version>,
    /// What runs now; none if it is dead.
    pub to: Option<Version>,
    /// What it is doing now.
    pub state: WorkspaceState,
    /// Why it is dead, and the like.
    #[serde(default)]
    pub detail: Option<String>,
}

impl Device {
    /// Every workspace, `main` first.
    pub async fn workspaces(&self) -> Vec<WorkspaceStatus> {
        self.workspace_statuses().await
    }

    /// Adds a workspace and starts it with what the store runs; pulls nothing. Without `folder` it
    /// gets `<data>/workspaces/<name>`.
    pub async fn workspace_add(
        &self,
        name: &str,
        folder: Option<PathBuf>,
        env: BTreeMap<String, String>,
    ) -> Result<WorkspaceStatus, Problem> {
        self.workspace_create(Workspace {
            name: name.to_owned(),
            folder,
            env,
            ..Workspace::default()
        })
        .await
    }

    /// The same for one that has timed calls too.
    pub async fn workspace_create(&self, wanted: Workspace) -> Result<WorkspaceStatus, Problem> {
        self.create_workspace(wanted).await
    }

    /// Stops a workspace and forgets it. Its folder is the person's, and stays.
    pub async fn workspace_remove(&self, name: &str) -> Result<WorkspaceStatus, Problem> {
        self.remove_workspace(name).await
    }

    /// Restarts a workspace; one that is dead is revived.
    pub async fn workspace_restart(&self, name: &str) -> Result<WorkspaceStatus, Problem> {
        self.restart_workspace(name).await
    }

    /// Pulls the newest version once, tries it in the first workspace, then brings it to the others,
    /// one after another. An upgrade that is on its way is joined. With nothing newer, nothing is
    /// restarted.
    pub async fn upgrade(&self) -> Result<Upgraded, Problem> {
        self.upgrade_or_join().await
    }
}
