//! `refit`, the command line: what a device, a publisher and a server operator type.
//!
//! ```text
//! arguments ─► args ─► commands/<name> ─► Answer ─► output ─► stdout (data) · stderr (words) · exit code
//!                           └─► Failure ─► output ─► message and hint, or {"error": …}, exit 1
//! ```
//!
//! One file per subcommand, each thin: what a command does lives in `device`, `runtime_store`,
//! `updater` or, for what publishers fill and sign, in [`site`], [`repo`] and [`keys`];
//! how they let versions out is in [`rollouts`]. What is peculiar to the headless agent is in [`agent`].
//!
//! # Invariants
//!
//! * stdout carries data only: with `--json` exactly one object, whatever happened, wrong usage
//!   excepted; `run` and `serve`, which go on, print one object a line for each change. Words and
//!   progress go to stderr.
//! * Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing to do (and why); `agent` ends with 85 where it is
//!   to be started anew.
//! * `resolve` builds no async runtime and no HTTP client and starts no process.

mod agent;
mod args;
mod bundle;
mod commands;
mod dashboard;
mod failure;
mod keys;
mod output;
mod progress;
mod repo;
mod rollouts;
mod site;
mod tarball;
mod virtual_devices;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // The guard of a runtime that `run` starts is this same binary.
    device::run_guard_if_asked();
    // Counted before anything can go wrong: see `agent::sentinel`.
    if let Some(end) = agent::begin_if_asked() {
        return end;
    }
    let cli = args::Cli::parse();
    output::finish(cli.globals.json, commands::run(cli))
}
