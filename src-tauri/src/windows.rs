//! The windows: `main` for the start page and a workspace's page, `runtime` for the runtime page,
//! `apps` for the page of all runtimes and workspaces.

use std::path::PathBuf;

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

pub(crate) const MAIN: &str = "main";
const RUNTIME: &str = "runtime";
const APPS: &str = "apps";

/// Where the web views keep localStorage and the like.
#[derive(Debug)]
pub(crate) struct WebviewData(pub(crate) PathBuf);

/// Opens the main window on the start page. The plugin leads it on and guards its navigations.
pub(crate) fn open_main(app: &AppHandle) -> tauri::Result<WebviewWindow> {
    builder(app, MAIN, "index.html")
        .title("Refit")
        .inner_size(1100.0, 760.0)
        .min_inner_size(480.0, 360.0)
        // The runtime's page gets its files by drag and drop from the web view itself.
        .disable_drag_drop_handler()
        .build()
}

/// Opens the runtime page, or brings it to the front.
pub(crate) fn open_runtime_page(app: &AppHandle) {
    open_own(app, RUNTIME, "runtime.html", "Runtime");
}

/// Opens the page of all runtimes and workspaces, or brings it to the front.
pub(crate) fn open_apps_page(app: &AppHandle) {
    open_own(app, APPS, "apps.html", "Apps");
}

/// A window for one page of the shell's own.
fn open_own(app: &AppHandle, label: &'static str, page: &'static str, title: &'static str) {
    if let Some(window) = app.get_webview_window(label) {
        focus(&window);
        return;
    }
    let app = app.clone();
    // A window made in an event handler would wait for itself on Windows.
    tauri::async_runtime::spawn(async move {
        let made = builder(&app, label, page)
            .title(title)
            .inner_size(760.0, 820.0)
            .min_inner_size(360.0, 320.0)
            .on_navigation(is_own)
            .build();
        if let Err(error) = made {
            tracing::error!(%error, page, "the page did not open");
        }
    });
}

/// Brings the main window to the front.
pub(crate) fn focus_main(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        focus(&window);
    }
}

fn builder<'a>(
    app: &'a AppHandle,
    label: &str,
    page: &str,
) -> WebviewWindowBuilder<'a, tauri::Wry, AppHandle> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::App(page.into()))
        .data_directory(app.state::<WebviewData>().0.clone())
        .on_new_window(|_url, _features| NewWindowResponse::Deny)
}

fn focus(window: &WebviewWindow) {
    let shown = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(error) = shown {
        tracing::warn!(%error, window = window.label(), "a window did not come to the front");
    }
}

/// Such a page leads nowhere else.
fn is_own(url: &Url) -> bool {
    matches!(
        (url.scheme(), url.host_str()),
        ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shells_own_pages_lead_to_no_other_origin() {
        let own = |url: &str| is_own(&Url::parse(url).unwrap());
        assert!(own("tauri://localhost/runtime.html") && own("http://tauri.localhost/x"));
        for other in [
            "http://127.0.0.1:4321/",
            "tauri://evil/",
            "http://tauri.localhost.example.org/",
            "about:blank",
            "file:///",
        ] {
            assert!(!own(other), "{other}");
        }
    }

    fn capability(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_runtimes_page_gets_four_commands_and_hears_events_and_no_more() {
        let page = capability(include_str!("../capabilities/runtime-page.json"));
        assert_eq!(page["local"], false);
        assert_eq!(page["windows"], serde_json::json!([MAIN]));
        assert_eq!(
            page["remote"]["urls"],
            serde_json::json!(["http://127.0.0.1:*"])
        );
        assert_eq!(
            page["permissions"],
            serde_json::json!([
                // status, check, apply, retry
                "refit:default",
                "core:event:allow-listen",
                "core:event:allow-unlisten",
            ])
        );
    }

    #[test]
    fn the_shells_own_pages_are_local_only() {
        let pages = capability(include_str!("../capabilities/shell.json"));
        assert!(pages.get("remote").is_none() && pages.get("local").is_none());
        assert_eq!(pages["windows"], serde_json::json!([MAIN, RUNTIME, APPS]));
    }

    #[test]
    fn only_these_capabilities_are_in_the_app() {
        let config: serde_json::Value =
            serde_json::from_str(include_str!("../tauri.conf.json")).unwrap();
        let security = &config["app"]["security"];
        assert_eq!(
            security["capabilities"],
            serde_json::json!(["shell", "runtime-page"])
        );
        let csp = &security["csp"];
        assert_eq!(csp["script-src"], "'self'");
        assert_eq!(csp["frame-ancestors"], "'none'");
    }
}
