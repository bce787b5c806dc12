//! For the app's own code, such as its menu: which workspaces there are, and which one is shown.

use device::{Problem, Version, WorkspaceState};
use tauri::{AppHandle, Manager, Runtime};
use tokio::sync::watch;

use crate::apps::Refit;
use crate::screen::{MAIN, Place};

/// One workspace of one runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name and its runtime's.
    pub place: Place,
    /// The npm package of its runtime.
    pub package: String,
    /// What runs there.
    pub version: Option<Version>,
    /// Whether nothing runs there although something should.
    pub dead: bool,
    /// Whether it is what the main window shows.
    pub shown: bool,
}

/// Lists workspaces and shows them.
#[derive(Debug, Clone)]
pub struct Switcher<R: Runtime>(AppHandle<R>);

/// Gives the switcher; the plugin must have been registered.
pub trait RefitExt<R: Runtime> {
    /// The switcher.
    fn refit(&self) -> Switcher<R>;
}

impl<R: Runtime, T: Manager<R>> RefitExt<R> for T {
    fn refit(&self) -> Switcher<R> {
        Switcher(self.app_handle().clone())
    }
}

impl<R: Runtime> Switcher<R> {
    /// All workspaces, those of the main runtime first.
    pub fn entries(&self) -> Vec<Entry> {
        let Some(refit) = self.0.try_state::<Refit>() else {
            return Vec::new();
        };
        let shown = refit.screen.chosen();
        let names = refit.devices.iter().map(|(name, _)| name);
        let statuses = refit.apps().apps;
        names
            .zip(&statuses)
            .flat_map(|(app, status)| entries(app, status, &shown))
            .collect()
    }

    /// Leads the main window to a workspace.
    pub fn show(&self, place: &Place) -> Result<(), Problem> {
        match self.0.try_state::<Refit>() {
            Some(refit) => refit.show(&place.app, &place.workspace),
            None => Ok(()),
        }
    }

    /// Hears of everything that may change the entries; none without the plugin.
    pub fn changes(&self) -> Option<watch::Receiver<u64>> {
        self.0.try_state::<Refit>().map(|refit| refit.changes())
    }
}

fn entries(app: &str, status: &device::Status, shown: &Place) -> Vec<Entry> {
    let entry = |workspace: &str, version: Option<Version>, dead: bool| {
        let place = Place {
            app: app.to_owned(),
            workspace: workspace.to_owned(),
        };
        Entry {
            shown: place == *shown,
            place,
            package: status.app.package.clone(),
            version,
            dead,
        }
    };
    if status.workspaces.is_empty() {
        let version = status.running.as_ref().map(|it| it.version.clone());
        return vec![entry(MAIN, version, false)];
    }
    let listed = status.workspaces.iter();
    listed
        .map(|it| {
            let dead = it.state == WorkspaceState::Dead;
            entry(&it.name, it.version.clone(), dead)
        })
        .collect()
}
