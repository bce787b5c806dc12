//! Puts the plugin together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use device::{Apps, Config, Device, DeviceOptions, Version};
use tauri::plugin::TauriPlugin;
use tauri::utils::config::FrontendDist;
use tauri::webview::PageLoadEvent;
use tauri::{AppHandle, Manager, RunEvent, Runtime, Url};

use crate::apps::Refit;
use crate::caller::{Origin, shell_origins};
use crate::commands;
use crate::error::SetupError;
use crate::relay;
use crate::screen::Screen;
use crate::wire::Platform;

/// Built from `guest-js/banner.ts`; a test there says when it is out of date.
const BANNER: &str = include_str!("../guest-js/dist/banner-iife.js");

/// How long the app's exit waits for the runtime's process tree to go. The guard ends what is left.
const EXIT: Duration = Duration::from_secs(8);

/// The plugin with settings of the app's own choosing in place of the usual ones.
#[derive(Debug, Clone)]
pub struct Builder {
    config: Option<Config>,
    data_dir: Option<PathBuf>,
    bundled_dir: Option<PathBuf>,
    trust_root: Option<Vec<u8>>,
    window: String,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The usual settings. Like [`init`](crate::init), it must come before anything else of the
    /// app has started, and never returns where this process is to be the guard.
    #[must_use]
    pub fn new() -> Self {
        device::run_guard_if_asked();
        Self {
            config: None,
            data_dir: None,
            bundled_dir: None,
            trust_root: None,
            window: "main".to_owned(),
        }
    }

    /// Takes this configuration in place of `plugins.refit`.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Keeps versions, logs and settings in this folder in place of the app's user-data folder.
    #[must_use]
    pub fn data_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(dir.into());
        self
    }

    /// Takes this folder as the bundled runtime in place of the resource `runtime/`.
    #[must_use]
    pub fn bundled_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.bundled_dir = Some(dir.into());
        self
    }

    /// Believes this `root.json` in place of the file that `trust.root` names in the resource
    /// folder; best given with `include_bytes!`, so that it is part of the signed binary. Counts
    /// only where `trust` is configured.
    #[must_use]
    pub fn trust_root(mut self, root: impl Into<Vec<u8>>) -> Self {
        self.trust_root = Some(root.into());
        self
    }

    /// Shows the runtime in the window with this label in place of `main`.
    #[must_use]
    pub fn window(mut self, label: impl Into<String>) -> Self {
        self.window = label.into();
        self
    }

    /// The plugin.
    #[must_use]
    pub fn build<R: Runtime>(self) -> TauriPlugin<R, serde_json::Value> {
        let screen = Arc::new(Screen::default());
        let window = self.window.clone();
        tauri::plugin::Builder::<R, serde_json::Value>::new("refit")
            .invoke_handler(tauri::generate_handler![
                commands::status,
                commands::check,
                commands::apply,
                commands::retry,
                commands::rollback,
                commands::history,
                commands::logs,
                commands::apps,
                commands::app_check,
                commands::app_upgrade,
                commands::workspaces,
                commands::workspace_add,
                commands::workspace_remove,
                commands::workspace_restart,
                commands::workspace_show,
            ])
            .js_init_script(BANNER)
            .on_webview_ready({
                let (screen, window) = (Arc::clone(&screen), window.clone());
                move |webview| {
                    if webview.label() == window {
                        screen.reset();
                    }
                }
            })
            .on_navigation({
                let (screen, window) = (Arc::clone(&screen), window.clone());
                move |webview, url| {
                    let shell = webview.state::<Refit>();
                    let may = webview.label() != window || screen.may_open(url, &shell.shell);
                    if !may {
                        tracing::warn!(window, scheme = url.scheme(), "a navigation was refused");
                    }
                    may
                }
            })
            .on_page_load({
                let screen = Arc::clone(&screen);
                move |webview, payload| {
                    let finished = payload.event() == PageLoadEvent::Finished;
                    let refit = webview.state::<Refit>();
                    if finished
                        && webview.label() == window
                        && screen.loaded(payload.url(), &refit.shell)
                    {
                        refit.changed();
                    }
                }
            })
            .setup(move |app, api| Ok(self.set_up(app, api.config(), screen)?))
            .on_event(|app, event| {
                if matches!(event, RunEvent::Exit) {
                    stop(app);
                }
            })
            .build()
    }

    fn set_up<R: Runtime>(
        self,
        app: &AppHandle<R>,
        config: &serde_json::Value,
        screen: Arc<Screen>,
    ) -> Result<(), SetupError> {
        let window = self.window.clone();
        let options = self.options(app, config)?;
        let shell = options.shell_version.clone();
        let devices = tauri::async_runtime::block_on(async { Apps::open(options) });
        let platform = platform(devices.main(), shell);
        let origins = own_origins(app);
        let refit = Refit::new(devices.clone(), screen, origins, platform, window.clone());
        app.manage(refit);
        tauri::async_runtime::spawn(relay::changes(app.clone()));
        for (name, device) in devices.iter() {
            let (name, device) = (name.to_owned(), device.clone());
            let news = relay::news(app.clone(), name.clone(), device.clone());
            tauri::async_runtime::spawn(news);
            let statuses = relay::statuses(app.clone(), name, device, window.clone());
            tauri::async_runtime::spawn(statuses);
        }
        tauri::async_runtime::spawn(async move { devices.start().await });
        Ok(())
    }

    fn options<R: Runtime>(
        self,
        app: &AppHandle<R>,
        config: &serde_json::Value,
    ) -> Result<DeviceOptions, SetupError> {
        let resources = || {
            app.path()
                .resource_dir()
                .map_err(|source| SetupError::Folder {
                    what: "resource folder",
                    source,
                })
        };
        let mut config = match self.config {
            Some(config) => config,
            None if config.is_null() => return Err(SetupError::NotConfigured),
            None => Config::parse(config.clone(), "`plugins.refit` in tauri.conf.json")?,
        };
        // Whose policy an administrator's file is about.
        if config.identifier.is_none() {
            config.identifier = Some(app.config().identifier.clone());
        }
        if config.trust.is_some() && self.trust_root.is_none() {
            config = config.beside(&resources()?);
        }
        let data_dir = match self.data_dir {
            Some(dir) => dir,
            None => app
                .path()
                .app_local_data_dir()
                .map_err(|source| SetupError::Folder {
                    what: "user-data folder",
                    source,
                })?,
        };
        let bundled_dir = match self.bundled_dir {
            Some(dir) => dir,
            None => resources()?.join("runtime"),
        };
        let version = app.package_info().version.to_string();
        Ok(DeviceOptions {
            config,
            data_dir,
            bundled_dir,
            trust_root: self.trust_root,
            shell_version: version.parse().map_err(|_| SetupError::Version(version))?,
            development: tauri::is_dev(),
            headless: false,
            guard: DeviceOptions::own_guard(),
            env: std::env::vars_os().collect(),
        })
    }
}

/// Where the app's own pages come from, as Tauri itself decides it.
fn own_origins<R: Runtime>(app: &AppHandle<R>) -> Vec<Origin> {
    let build = &app.config().build;
    let named: Option<&Url> = match (tauri::is_dev(), &build.frontend_dist) {
        (true, _) => build.dev_url.as_ref(),
        (false, Some(FrontendDist::Url(url))) => Some(url),
        (false, _) => None,
    };
    shell_origins(named)
}

fn platform(main: &Device, shell: Version) -> Platform {
    let data = main.local().data_dir();
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    Platform {
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        shell,
        node: main.local().node(),
        data_name: name.into_owned(),
        data_path: data.display().to_string(),
    }
}

fn stop<R: Runtime>(app: &AppHandle<R>) {
    let Some(refit) = app.try_state::<Refit>() else {
        return;
    };
    let devices = refit.devices.clone();
    let stopped =
        tauri::async_runtime::block_on(
            async move { tokio::time::timeout(EXIT, devices.stop()).await },
        );
    if stopped.is_err() {
        tracing::warn!("a runtime did not stop in time; its guard ends it");
    }
}
