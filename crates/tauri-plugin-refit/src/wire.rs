//! What goes to the pages: names and payloads of events, and what only some pages see.
//!
//! Statuses, answers and errors are `device`'s own types as they stand.

use std::path::PathBuf;
use std::sync::Arc;

use device::{DeviceEvent, Status, Version};
use serde::Serialize;

use crate::screen::Place;

/// The whole [`Status`](device::Status) of one runtime, as [`for_every_page`] has it.
pub(crate) const STATUS: &str = "refit://status";
/// [`Changed`]
pub(crate) const APPS: &str = "refit://apps";
/// [`UpdateStaged`]
pub(crate) const UPDATE_STAGED: &str = "runtime:update-staged";
/// [`RolledBack`]
pub(crate) const ROLLED_BACK: &str = "runtime:rolled-back";
/// [`Upgraded`]
pub(crate) const UPGRADED: &str = "runtime:upgraded";
/// [`Dead`]
pub(crate) const DEAD: &str = "runtime:workspace-dead";

/// Something that `apps` tells changed. What, only pages hear that may ask: every window's page
/// hears events, a runtime's too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Changed {
    pub(crate) seq: u64,
}

/// A version waits for a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct UpdateStaged {
    pub(crate) version: Version,
}

/// A version failed or was rolled back from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RolledBack {
    /// What runs now.
    pub(crate) version: Version,
    /// In words.
    pub(crate) reason: String,
}

/// A workspace runs another version than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Upgraded {
    pub(crate) app: String,
    pub(crate) workspace: String,
    pub(crate) from: Option<Version>,
    pub(crate) to: Version,
}

/// Nothing runs in a workspace any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Dead {
    pub(crate) app: String,
    pub(crate) workspace: String,
    /// In words.
    pub(crate) detail: String,
}

/// News by name, with its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    Staged(UpdateStaged),
    RolledBack(RolledBack),
    Upgraded(Upgraded),
    Dead(Dead),
}

impl News {
    /// What this runtime's device tells.
    pub(crate) fn of(app: &str, event: DeviceEvent) -> Self {
        let app = app.to_owned();
        match event {
            DeviceEvent::UpdateStaged { version } => Self::Staged(UpdateStaged { version }),
            DeviceEvent::RolledBack { version, reason } => {
                Self::RolledBack(RolledBack { version, reason })
            }
            DeviceEvent::Upgraded {
                workspace,
                from,
                to,
            } => Self::Upgraded(Upgraded {
                app,
                workspace,
                from,
                to,
            }),
            DeviceEvent::WorkspaceDead { name, detail } => Self::Dead(Dead {
                app,
                workspace: name,
                detail,
            }),
        }
    }
}

/// What this machine is, for a person who is asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Platform {
    /// As Rust names it: `linux`, `macos`, `windows`.
    pub(crate) os: &'static str,
    /// As Rust names it: `x86_64`, `aarch64`.
    pub(crate) arch: &'static str,
    /// The app's own version.
    pub(crate) shell: Version,
    /// The version of Node, where that is what runs the runtime.
    pub(crate) node: Option<String>,
    /// The user-data folder's name.
    pub(crate) data_name: String,
    /// The user-data folder.
    pub(crate) data_path: String,
}

/// Everything that this app keeps current. For the app's own pages: it has folders and addresses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Everything {
    pub(crate) seq: u64,
    pub(crate) platform: Platform,
    pub(crate) shown: Place,
    /// The main one first.
    pub(crate) apps: Vec<Arc<Status>>,
}

/// A status without what is no business of a runtime's page: where other workspaces lie and serve.
pub(crate) fn for_every_page(status: &Status) -> Status {
    let mut status = status.clone();
    for workspace in &mut status.workspaces {
        workspace.folder = workspace
            .folder
            .file_name()
            .map(PathBuf::from)
            .unwrap_or_default();
        workspace.url = None;
    }
    status
}

#[cfg(test)]
pub(crate) mod tests;
