//! The menu: the runtime page, and the way out.

use tauri::menu::{Menu, MenuId, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Wry};

use crate::windows;

const RUNTIME: &str = "runtime";
const QUIT: &str = "quit";

/// The app's menu. macOS keeps its usual one, which has Quit, and gets one more submenu.
pub(crate) fn build(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let runtime = MenuItem::with_id(app, RUNTIME, "Runtime…", true, Some("CmdOrCtrl+Shift+U"))?;
    if cfg!(target_os = "macos") {
        let menu = Menu::default(app)?;
        menu.append(&Submenu::with_items(app, "Runtime", true, &[&runtime])?)?;
        return Ok(menu);
    }
    let quit = MenuItem::with_id(app, QUIT, "Quit", true, Some("CmdOrCtrl+Q"))?;
    let line = PredefinedMenuItem::separator(app)?;
    let refit = Submenu::with_items(app, "Refit", true, &[&runtime, &line, &quit])?;
    Menu::with_items(app, &[&refit])
}

/// Does what a chosen item says.
pub(crate) fn chosen(app: &AppHandle, item: &MenuId) {
    match item.as_ref() {
        RUNTIME => windows::open_runtime_page(app),
        QUIT => app.exit(0),
        _ => {}
    }
}
