//! All runtimes that this app keeps, by name.

use std::sync::Arc;

use device::{Apps, Device, Problem, Status};
use tokio::sync::watch;

use crate::caller::Origin;
use crate::screen::{MAIN, Place, Screen};
use crate::wire;

/// What the commands and the relay work on.
#[derive(Debug)]
pub(crate) struct Refit {
    pub(crate) devices: Apps,
    pub(crate) screen: Arc<Screen>,
    pub(crate) shell: Vec<Origin>,
    pub(crate) platform: wire::Platform,
    /// The label of the main window.
    pub(crate) window: String,
    /// Grows with everything that `apps` would tell differently.
    changes: watch::Sender<u64>,
}

impl Refit {
    pub(crate) fn new(
        devices: Apps,
        screen: Arc<Screen>,
        shell: Vec<Origin>,
        platform: wire::Platform,
        window: String,
    ) -> Self {
        Self {
            devices,
            screen,
            shell,
            platform,
            window,
            changes: watch::Sender::new(0),
        }
    }

    /// The runtime of this name.
    pub(crate) fn device(&self, app: &str) -> Result<&Device, Problem> {
        self.devices.get(app).ok_or_else(|| {
            Problem::new(
                "no-such-app",
                "this app keeps no runtime of that name",
                "Choose one of those on the Apps page.",
            )
        })
    }

    /// Something changed that `apps` tells.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|seq| *seq += 1);
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All of it now.
    pub(crate) fn apps(&self) -> wire::Everything {
        // Read first: what changes meanwhile is told once more.
        let seq = *self.changes.borrow();
        wire::Everything {
            seq,
            platform: self.platform.clone(),
            shown: self.screen.chosen(),
            apps: self.statuses(),
        }
    }

    fn statuses(&self) -> Vec<Arc<Status>> {
        let each = self.devices.iter();
        each.map(|(_, device)| Arc::clone(&device.status().borrow()))
            .collect()
    }

    /// Leads the main window to a workspace that is there.
    pub(crate) fn show(&self, app: &str, workspace: &str) -> Result<(), Problem> {
        let status = Arc::clone(&self.device(app)?.status().borrow());
        let there = workspace == MAIN || status.workspaces.iter().any(|it| it.name == workspace);
        if !there {
            return Err(Problem::new(
                "no-such-workspace",
                "there is no workspace of that name",
                "Choose one of those on the Apps page.",
            ));
        }
        self.screen.choose(Place {
            app: app.to_owned(),
            workspace: workspace.to_owned(),
        });
        self.changed();
        Ok(())
    }
}
