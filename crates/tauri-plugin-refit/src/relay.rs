//! Carries the device's news to the windows.

use std::sync::Arc;
use std::time::Duration;

use device::{Device, Status};
use tauri::{AppHandle, Emitter, Manager, Runtime, Url};
use tokio::sync::{Notify, broadcast};

use crate::screen::{Screen, Step};
use crate::wire::{self, News};

/// Progress is told at most this often.
const PACE: Duration = Duration::from_millis(100);

/// Tells every status to every window, and leads the main window, for as long as the app runs.
pub(crate) async fn statuses<R: Runtime>(
    app: AppHandle<R>,
    device: Device,
    window: String,
    screen: Arc<Screen>,
    page_loaded: Arc<Notify>,
) {
    let mut statuses = device.status();
    let mut told = None;
    loop {
        let status = Arc::clone(&statuses.borrow_and_update());
        if told != Some(status.seq) {
            told = Some(status.seq);
            emit(&app, wire::STATUS, &*status);
        }
        lead(&app, &window, &screen, &status);
        if status.progress.is_some() {
            tokio::time::sleep(PACE).await;
        }
        tokio::select! {
            changed = statuses.changed() => if changed.is_err() { return },
            () = page_loaded.notified() => {}
        }
    }
}

/// Tells the news that have a name of their own.
pub(crate) async fn news<R: Runtime>(app: AppHandle<R>, device: Device) {
    let mut events = device.events();
    loop {
        match events.recv().await.map(News::from) {
            Ok(News::Staged(staged)) => emit(&app, wire::UPDATE_STAGED, &staged),
            Ok(News::RolledBack(back)) => emit(&app, wire::ROLLED_BACK, &back),
            // The status has it all; only the name of what was missed is lost.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

fn emit<R: Runtime, P: serde::Serialize + Clone>(app: &AppHandle<R>, event: &str, payload: &P) {
    if let Err(error) = app.emit(event, payload) {
        tracing::warn!(event, %error, "an event did not reach the pages");
    }
}

/// Sends the main window to where the status says it should be.
fn lead<R: Runtime>(app: &AppHandle<R>, window: &str, screen: &Screen, status: &Status) {
    let Some(webview) = app.get_webview_window(window) else {
        return;
    };
    let (step, start) = screen.advance(status);
    let led = match (&step, start) {
        (Step::Stay, _) | (Step::Back, None) => return,
        (Step::Open(url), _) => webview.navigate(Url::clone(url)),
        (Step::Reload, _) => webview.reload(),
        (Step::Back, Some(start)) => webview.navigate(start),
    };
    match led {
        Ok(()) => tracing::info!(window, %step, "the main window was led on"),
        Err(error) => tracing::error!(window, %step, %error, "the main window stays where it is"),
    }
}
