//! Carries the devices' news to the windows.

use std::sync::Arc;
use std::time::Duration;

use device::{Device, Status};
use tauri::{AppHandle, Emitter, Manager, Runtime, Url};
use tokio::sync::broadcast;

use crate::apps::Refit;
use crate::screen::{Screen, Step};
use crate::wire::{self, News};

/// Progress is told at most this often.
const PACE: Duration = Duration::from_millis(100);

/// Tells every status of one runtime to every window, and leads the main window while it is this
/// runtime that is shown, for as long as the app runs.
pub(crate) async fn statuses<R: Runtime>(
    app: AppHandle<R>,
    name: String,
    device: Device,
    window: String,
) {
    let refit = app.state::<Refit>();
    let mut statuses = device.status();
    let mut nudges = refit.changes();
    let mut told = None;
    loop {
        let status = Arc::clone(&statuses.borrow_and_update());
        nudges.mark_unchanged();
        if told != Some(status.seq) {
            told = Some(status.seq);
            emit(&app, wire::STATUS, &wire::for_every_page(&status));
            refit.changed();
        }
        lead(&app, &window, &refit.screen, &name, &status);
        if status.progress.is_some() {
            tokio::time::sleep(PACE).await;
        }
        tokio::select! {
            news = statuses.changed() => if news.is_err() { return },
            // Another workspace was chosen, or the window's own page has loaded.
            nudge = nudges.changed() => if nudge.is_err() { return },
        }
    }
}

/// Tells every window that there is something new to ask `apps` for.
pub(crate) async fn changes<R: Runtime>(app: AppHandle<R>) {
    let mut changes = app.state::<Refit>().changes();
    while changes.changed().await.is_ok() {
        let seq = *changes.borrow_and_update();
        emit(&app, wire::APPS, &wire::Changed { seq });
        tokio::time::sleep(PACE).await;
    }
}

/// Tells the news that have a name of their own.
pub(crate) async fn news<R: Runtime>(app: AppHandle<R>, name: String, device: Device) {
    let mut events = device.events();
    loop {
        match events.recv().await.map(|event| News::of(&name, event)) {
            Ok(News::Staged(staged)) => emit(&app, wire::UPDATE_STAGED, &staged),
            Ok(News::RolledBack(back)) => emit(&app, wire::ROLLED_BACK, &back),
            Ok(News::Upgraded(upgraded)) => emit(&app, wire::UPGRADED, &upgraded),
            Ok(News::Dead(dead)) => emit(&app, wire::DEAD, &dead),
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
fn lead<R: Runtime>(
    app: &AppHandle<R>,
    window: &str,
    screen: &Screen,
    name: &str,
    status: &Status,
) {
    let Some(webview) = app.get_webview_window(window) else {
        return;
    };
    let (step, start) = screen.advance(name, status);
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
