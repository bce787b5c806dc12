//! The commands: each asks who is asking, then the device.

use std::collections::BTreeMap;
use std::sync::Arc;

use device::{
    Applied, CheckReport, Device, HistoryEntry, Problem, Status, Upgraded, Version, WorkspaceStatus,
};
use tauri::{Manager, Runtime, State, Webview};

use crate::apps::Refit;
use crate::caller::{Caller, Command, caller};
use crate::wire::{self, Everything};

#[tauri::command]
pub(crate) async fn status<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<Status, Problem> {
    let status = refit.device_for(&page, Command::Status)?.status();
    let status = Arc::clone(&status.borrow());
    Ok(wire::for_every_page(&status))
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
    with_data: Option<bool>,
) -> Result<Applied, Problem> {
    refit
        .device_for(&page, Command::Rollback)?
        .roll_back(parsed(version)?, with_data.unwrap_or_default())
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

#[tauri::command]
pub(crate) async fn apps<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
) -> Result<Everything, Problem> {
    refit.allowed(&page, Command::Apps)?;
    Ok(refit.apps())
}

#[tauri::command]
pub(crate) async fn app_check<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
) -> Result<CheckReport, Problem> {
    refit.allowed(&page, Command::AppCheck)?;
    refit.device(&app)?.check().await
}

#[tauri::command]
pub(crate) async fn app_upgrade<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
) -> Result<Upgraded, Problem> {
    refit.allowed(&page, Command::AppUpgrade)?;
    refit.device(&app)?.upgrade().await
}

#[tauri::command]
pub(crate) async fn workspaces<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
) -> Result<Vec<WorkspaceStatus>, Problem> {
    refit.allowed(&page, Command::Workspaces)?;
    Ok(refit.device(&app)?.workspaces().await)
}

#[tauri::command]
pub(crate) async fn workspace_add<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
    name: String,
) -> Result<WorkspaceStatus, Problem> {
    refit.allowed(&page, Command::WorkspaceAdd)?;
    let name = workspace_name(&name)?;
    // Where it lies is the app's to say.
    refit
        .device(&app)?
        .workspace_add(name, None, BTreeMap::new())
        .await
}

#[tauri::command]
pub(crate) async fn workspace_remove<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
    name: String,
) -> Result<WorkspaceStatus, Problem> {
    refit.allowed(&page, Command::WorkspaceRemove)?;
    let name = workspace_name(&name)?;
    refit.device(&app)?.workspace_remove(name).await
}

#[tauri::command]
pub(crate) async fn workspace_restart<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
    name: String,
) -> Result<WorkspaceStatus, Problem> {
    refit.allowed(&page, Command::WorkspaceRestart)?;
    let name = workspace_name(&name)?;
    refit.device(&app)?.workspace_restart(name).await
}

#[tauri::command]
pub(crate) async fn workspace_show<R: Runtime>(
    page: Webview<R>,
    refit: State<'_, Refit>,
    app: String,
    name: String,
) -> Result<(), Problem> {
    refit.allowed(&page, Command::WorkspaceShow)?;
    refit.show(&app, workspace_name(&name)?)?;
    bring_to_front(&page, &refit.window);
    Ok(())
}

/// Whoever asks for a workspace from another window wants to see it.
fn bring_to_front<R: Runtime>(page: &Webview<R>, window: &str) {
    let Some(main) = page.get_webview_window(window) else {
        return;
    };
    let shown = main
        .unminimize()
        .and_then(|()| main.show())
        .and_then(|()| main.set_focus());
    if let Err(error) = shown {
        tracing::warn!(window, %error, "the window did not come to the front");
    }
}

impl Refit {
    /// Whose page asks, if it may have this done; for the page of a runtime, which one.
    fn who<R: Runtime>(
        &self,
        page: &Webview<R>,
        command: Command,
    ) -> Result<Option<String>, Problem> {
        let refused = || {
            Problem::new(
                "not-allowed",
                "this page may not ask for that",
                "Use the runtime page of the app.",
            )
        };
        let url = page.url().map_err(|_| refused())?;
        let runtime = self.screen.runtime();
        let origin = runtime.as_ref().map(|(origin, _)| origin);
        match caller(&url, &self.shell, origin) {
            Some(Caller::Shell) if command.is_for(Caller::Shell) => Ok(None),
            Some(Caller::Runtime) if command.is_for(Caller::Runtime) => {
                Ok(runtime.map(|(_, app)| app))
            }
            _ => {
                tracing::warn!(?command, origin = %url.origin().ascii_serialization(), "refused");
                Err(refused())
            }
        }
    }

    /// The device, for a page that may have it do this: a runtime's page has its own, the app's own
    /// pages have the main one.
    fn device_for<R: Runtime>(
        &self,
        page: &Webview<R>,
        command: Command,
    ) -> Result<&Device, Problem> {
        match self.who(page, command)? {
            None => Ok(self.devices.main()),
            Some(app) => self.device(&app),
        }
    }

    /// Whether a page may have this done that is about a runtime which it names.
    fn allowed<R: Runtime>(&self, page: &Webview<R>, command: Command) -> Result<(), Problem> {
        self.who(page, command).map(|_| ())
    }
}

/// A version that a page names.
pub(crate) fn parsed(version: Option<String>) -> Result<Option<Version>, Problem> {
    version
        .map(|version| {
            version.parse().map_err(|error| {
                Problem::from_error("version", &error, "Name a version such as 1.2.3.")
            })
        })
        .transpose()
}

/// The name of a workspace that a page gives: no path can be made of it.
pub(crate) fn workspace_name(name: &str) -> Result<&str, Problem> {
    let fits = (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|it| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if fits {
        Ok(name)
    } else {
        Err(Problem::new(
            "workspace-name",
            "that is no name for a workspace",
            "Use 1 to 40 small letters, digits and hyphens.",
        ))
    }
}
