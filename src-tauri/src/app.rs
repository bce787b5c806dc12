//! The app: plugins, menu, windows.

use std::error::Error;

use tauri::{Manager, RunEvent, WindowEvent};
use tauri_plugin_refit::Config;

use crate::options::Options;
use crate::{log, menu, windows};

/// Runs the app until its main window is closed.
pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let mut context = tauri::generate_context!();
    let own = context.config().identifier.clone();
    context.config_mut().identifier = options.identifier(&own);
    let data_dir = match &options.data_dir {
        Some(dir) => dir.clone(),
        None => dirs::data_local_dir()
            .ok_or("there is no user-data folder; see that HOME is set")?
            .join(own),
    };
    log::start(&data_dir);

    let mut refit = tauri_plugin_refit::Builder::new().data_dir(&data_dir);
    if let Some(file) = &options.config {
        refit = refit.config(Config::load(file)?);
    }
    if let Some(dir) = &options.bundled {
        refit = refit.bundled_dir(dir);
    }
    let (runtime_page, apps_page) = (options.runtime_page, options.apps_page);

    tauri::Builder::default()
        // First: a second instance must end before it touches anything.
        .plugin(tauri_plugin_single_instance::init(
            |app, arguments, _folder| {
                windows::focus_main(app);
                if Options::asks_for_runtime_page(&arguments) {
                    windows::open_runtime_page(app);
                }
                if Options::asks_for_apps_page(&arguments) {
                    windows::open_apps_page(app);
                }
            },
        ))
        .plugin(refit.build())
        .menu(menu::build)
        .on_menu_event(|app, event| menu::chosen(app, event.id()))
        .on_window_event(|window, event| {
            if window.label() == windows::MAIN && matches!(event, WindowEvent::Destroyed) {
                window.app_handle().exit(0);
            }
        })
        .manage(windows::WebviewData(data_dir.join("webview")))
        .setup(move |app| {
            #[cfg(unix)]
            crate::signals::exit_in_order(app.handle().clone());
            windows::open_main(app.handle())?;
            menu::follow_workspaces(app.handle());
            if runtime_page {
                windows::open_runtime_page(app.handle());
            }
            if apps_page {
                windows::open_apps_page(app.handle());
            }
            Ok(())
        })
        .build(context)?
        .run(|_app, event| {
            if matches!(event, RunEvent::Exit) {
                tracing::info!("the shell ends");
            }
        });
    Ok(())
}
