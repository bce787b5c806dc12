//! The reference shell: a small Tauri app around `tauri-plugin-refit`.
//!
//! ```text
//! main ─► guard?  (the runtime's guard is this very binary)
//!      ─► options (dev-options: --config, --data-dir, --bundled)
//!      ─► app     plugins, menu, windows ─► run
//! ```
//!
//! # Invariants
//!
//! * Nothing here decides about versions: the plugin does.
//! * The windows open no page but the shell's own and, in `main`, the runtime's.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod log;
mod menu;
mod options;
#[cfg(unix)]
mod signals;
mod windows;

use std::process::ExitCode;

fn main() -> ExitCode {
    tauri_plugin_refit::run_guard_if_asked();
    match options::Options::read().and_then(|options| app::run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "there is no window yet to say it in")]
            {
                eprintln!("refit-shell: {error}");
            }
            ExitCode::FAILURE
        }
    }
}
