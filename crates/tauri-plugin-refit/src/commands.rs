//! The commands: each asks who is asking, then the device.

use std::sync::Arc;

use device::{Applied, CheckReport, Device, HistoryEntry, Problem, Status, Version};
use tauri::{Runtime, State, Webview};

use crate::caller::{Command, Origin, caller};
use crate::screen::Screen;

/// What the commands work on.
pub(crate) struct Refit {
    pub(crate) device: Device,
    pub(crate) screen: Arc<Screen>,
    pub(crate) shell: Vec<Origin>,
}

#[tauri::command]
pub(crate) async fn status<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<Arc<Status>, Problem> {
    let status = refit.device_for(&page, Command::Status)?.status();
    Ok(Arc::clone(&status.borrow()))
}

#[tauri::command]
pub(crate) async fn check<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<CheckReport, Problem> {
    refit.device_for(&page, Command::Check)?.check().await
}

#[tauri::command]
pub(crate) async fn apply<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<Applied, Problem> {
    refit.device_for(&page, Command::Apply)?.apply().await
}

#[tauri::command]
pub(crate) async fn retry<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    version: Option<String>,
) -> Result<Applied, Problem> {
    refit
        .device_for(&page, Command::Retry)?
        .retry(parsed(version)?)
        .await
}

#[tauri::command]
pub(crate) async fn rollback<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    version: Option<String>,
) -> Result<Applied, Problem> {
    refit
        .device_for(&page, Command::Rollback)?
        .roll_back(parsed(version)?)
        .await
}

#[tauri::command]
pub(crate) async fn history<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<Vec<HistoryEntry>, Problem> {
    Ok(refit.device_for(&page, Command::History)?.history().await)
}

#[tauri::command]
pub(crate) async fn logs<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<String, Problem> {
    let device = refit.device_for(&page, Command::Logs)?;
    Ok(device.local().logs_dir().display().to_string())
}

impl Refit {
    /// The device, for a page that may have it do this.
    fn device_for<R: Runtime>(
        &self,
        page: &Webview<R>,
        command: Command,
    ) -> Result<&Device, Problem> {
        let refused = || {
            Problem::new(
                "not-allowed",
                "this page may not ask for that",
                "Use the runtime page of the app.",
            )
        };
        let url = page.url().map_err(|_| refused())?;
        match caller(&url, &self.shell, self.screen.runtime().as_ref()) {
            Some(caller) if command.is_for(caller) => Ok(&self.device),
            _ => {
                tracing::warn!(?command, origin = %url.origin().ascii_serialization(), "refused");
                Err(refused())
            }
        }
    }
}

/// The one thing that a page may name.
pub(crate) fn parsed(version: Option<String>) -> Result<Option<Version>, Problem> {
    version
        .map(|version| {
            version.parse().map_err(|error| {
                Problem::from_error("version", &error, "Name a version such as 1.2.3.")
            })
        })
        .transpose()
}
