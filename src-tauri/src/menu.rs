//! The menu: the pages of the shell's own, the workspaces, and the way out.

use tauri::menu::{CheckMenuItem, IsMenuItem, Menu, MenuId, MenuItem, PredefinedMenuItem, Submenu};
use tauri::{AppHandle, Wry};
use tauri_plugin_refit::{Entry, Place, RefitExt};

use crate::windows;

const RUNTIME: &str = "runtime";
const APPS: &str = "apps";
const QUIT: &str = "quit";
const WORKSPACES: &str = "workspaces";

/// What the items of workspaces begin with; no other item does.
const SHOW: &str = "show ";

/// The app's menu. macOS keeps its usual one, which has Quit, and gets two more submenus.
pub(crate) fn build(app: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let runtime = MenuItem::with_id(app, RUNTIME, "Runtime…", true, Some("CmdOrCtrl+Shift+U"))?;
    let apps = MenuItem::with_id(app, APPS, "Apps…", true, Some("CmdOrCtrl+Shift+A"))?;
    let workspaces = Submenu::with_id(app, WORKSPACES, "Workspace", true)?;
    if cfg!(target_os = "macos") {
        let menu = Menu::default(app)?;
        menu.append(&Submenu::with_items(
            app,
            "Runtime",
            true,
            &[&runtime, &apps],
        )?)?;
        menu.append(&workspaces)?;
        return Ok(menu);
    }
    let quit = MenuItem::with_id(app, QUIT, "Quit", true, Some("CmdOrCtrl+Q"))?;
    let line = PredefinedMenuItem::separator(app)?;
    let refit = Submenu::with_items(app, "Refit", true, &[&runtime, &apps, &line, &quit])?;
    Menu::with_items(app, &[&refit, &workspaces])
}

/// Does what a chosen item says.
pub(crate) fn chosen(app: &AppHandle, item: &MenuId) {
    match item.as_ref() {
        RUNTIME => windows::open_runtime_page(app),
        APPS => windows::open_apps_page(app),
        QUIT => app.exit(0),
        other => {
            let Some(place) = place(other) else { return };
            if let Err(problem) = app.refit().show(&place) {
                tracing::warn!(%problem, "the workspace is not shown");
            }
            windows::focus_main(app);
        }
    }
}

/// Keeps the list of workspaces in the menu, for as long as the app runs.
pub(crate) fn follow_workspaces(app: &AppHandle) {
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        let switcher = app.refit();
        let Some(mut changes) = switcher.changes() else {
            return;
        };
        let mut listed: Option<Vec<Item>> = None;
        loop {
            changes.mark_unchanged();
            let items = items(&switcher.entries());
            if listed.as_ref() != Some(&items) {
                match list(&app, &items) {
                    Ok(()) => listed = Some(items),
                    Err(error) => tracing::warn!(%error, "the menu's workspaces are out of date"),
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    id: String,
    text: String,
    checked: bool,
}

/// The list, as it should be: each with its version, and with its runtime where there are several.
fn items(entries: &[Entry]) -> Vec<Item> {
    let several = entries.iter().any(|it| {
        entries
            .first()
            .is_some_and(|first| it.place.app != first.place.app)
    });
    let item = |entry: &Entry| {
        let Place { app, workspace } = &entry.place;
        let whose = if several {
            format!("{} · ", entry.package)
        } else {
            String::new()
        };
        let state = match &entry.version {
            _ if entry.dead => " (dead)".to_owned(),
            Some(version) => format!(" ({version})"),
            None => String::new(),
        };
        Item {
            id: format!("{SHOW}{app} {workspace}"),
            // A single ampersand would be a mnemonic.
            text: format!("{whose}{workspace}{state}").replace('&', "&&"),
            checked: entry.shown,
        }
    };
    entries.iter().map(item).collect()
}

/// The workspace that an item is about. Neither name can have a blank in it.
fn place(id: &str) -> Option<Place> {
    let (app, workspace) = id.strip_prefix(SHOW)?.split_once(' ')?;
    Some(Place {
        app: app.to_owned(),
        workspace: workspace.to_owned(),
    })
}

/// Puts the list into the menu in place of the one that is there.
fn list(app: &AppHandle, items: &[Item]) -> tauri::Result<()> {
    let Some(menu) = app.menu() else {
        return Ok(());
    };
    let Some(found) = menu.get(WORKSPACES) else {
        return Ok(());
    };
    let Some(submenu) = found.as_submenu() else {
        return Ok(());
    };
    while submenu.remove_at(0)?.is_some() {}
    for Item { id, text, checked } in items {
        let item = CheckMenuItem::with_id(app, id, text, true, *checked, None::<&str>)?;
        let item: &dyn IsMenuItem<Wry> = &item;
        submenu.append(item)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(app: &str, workspace: &str, version: Option<&str>) -> Entry {
        Entry {
            place: Place {
                app: app.to_owned(),
                workspace: workspace.to_owned(),
            },
            package: format!("@a&b/{app}"),
            version: version.map(|it| it.parse().unwrap()),
            dead: version.is_none(),
            shown: workspace == "b",
        }
    }

    #[test]
    fn workspaces_are_listed_with_their_versions_and_the_one_that_is_shown() {
        let two = [
            entry("main", "main", Some("1.0.0")),
            entry("main", "b", None),
        ];
        let items = items(&two);
        let texts: Vec<_> = items.iter().map(|it| &*it.text).collect();
        assert_eq!(texts, ["main (1.0.0)", "b (dead)"]);
        assert_eq!((items[0].checked, items[1].checked), (false, true));
    }

    #[test]
    fn of_several_runtimes_each_is_named() {
        let two = [
            entry("main", "main", Some("1.0.0")),
            entry("notes", "main", Some("2.0.0")),
        ];
        let items = items(&two);
        let texts: Vec<_> = items.iter().map(|it| &*it.text).collect();
        assert_eq!(
            texts,
            ["@a&&b/main · main (1.0.0)", "@a&&b/notes · main (2.0.0)"]
        );
    }

    #[test]
    fn an_item_leads_to_the_workspace_that_it_names() {
        for (app, workspace) in [("main", "main"), ("notes", "board-2")] {
            let item = &items(&[entry(app, workspace, None)])[0];
            assert_eq!(place(&item.id).unwrap(), entry(app, workspace, None).place);
        }
        for other in [RUNTIME, APPS, QUIT, WORKSPACES, "show", "show x"] {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
