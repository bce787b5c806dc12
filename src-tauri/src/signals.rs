//! SIGINT, SIGTERM and SIGHUP end the app in order: the runtime is stopped, an attempt whose verdict
//! is still out is given back.

use tauri::AppHandle;
use tokio::signal::unix::{SignalKind, signal};

/// Waits for the first of them, for as long as the app runs.
pub(crate) fn exit_in_order(app: AppHandle) {
    tauri::async_runtime::spawn(async move {
        let streams = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        );
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = streams else {
            tracing::warn!("signals end the shell at once: the system offers no handler");
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        app.exit(0);
    });
}
