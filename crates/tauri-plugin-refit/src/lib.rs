//! Keeps the runtime inside a Tauri app current over the air, and never breaks the app.
//!
//! ```text
//! init() ─► setup: Device::open ─► device.start()
//!               │                     │ statuses, of every runtime
//!               │                     ├─► events to every window               (relay)
//!               │                     └─► what there is to show (goal)
//!               │                            ─► where the main window goes     (screen)
//!  page ─► command ─► who is asking? (caller) ─► device (apps) ─► answer or Problem
//!  menu ─► Switcher ─► which workspace the main window shows
//! ```
//!
//! All that an app calls is [`init`]; everything that keeps the runtime current is in `device`.
//!
//! # Invariants
//!
//! * A command is answered only for the app's own pages, or for the very origin that the main window
//!   was sent to; the runtime's page reaches four of them, each about the runtime that serves it. A
//!   capability must allow it besides. Pages of workspaces that are not shown are answered nothing.
//! * No command takes a URL, a path, a key or a channel.
//! * The main window opens nothing but the app's own pages and the page of the workspace it shows.
//! * Every page hears events: no event has an address or a folder in it.
//! * No lock is held while Tauri is called.
//! * The app's exit ends timers, downloads and the runtime's whole process tree, within bounds.

mod apps;
mod caller;
mod commands;
mod error;
mod goal;
mod plugin;
mod relay;
mod screen;
mod switcher;
mod wire;

pub use device::{Config, run_guard_if_asked};
pub use error::SetupError;
pub use plugin::Builder;
pub use screen::Place;
pub use switcher::{Entry, RefitExt, Switcher};

use tauri::Runtime;
use tauri::plugin::TauriPlugin;

/// The plugin, configured by `plugins.refit` in `tauri.conf.json`.
///
/// Call it before anything else of the app has started: the app's own binary also serves as the
/// guard that ends the runtime should the app die, and in that role this never returns.
#[must_use]
pub fn init<R: Runtime>() -> TauriPlugin<R, serde_json::Value> {
    Builder::new().build()
}
