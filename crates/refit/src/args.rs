//! The command line's grammar.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};

use crate::agent::label;
use crate::commands::{
    agent, apply, apps, bundle, check, explain, fleet, gc, keys, publish, repo, resolve, retry,
    rollback, rollout, run, serve, simulate, smoke, soak, stage, status, unpack, verify,
    workspaces,
};

/// What the binary's own label says.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| label::own().version.to_string());
    &VERSION
}

/// Keeps the runtime inside an installed desktop app current.
#[derive(Debug, Parser)]
#[command(
    name = "refit",
    version = version(),
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing to do."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The app's Refit settings: a JSON file with what `plugins.refit` holds
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// The app's data folder, which holds its runtime store
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// The runtime inside the installer
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    pub(crate) bundled: Option<PathBuf>,
    /// Which of the app's runtimes it is about, where the settings have several; `main` by default
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help_heading = "Global options"
    )]
    pub(crate) app: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::Check),
    Explain(explain::Explain),
    Stage(stage::Stage),
    Resolve(resolve::Resolve),
    Run(run::Run),
    Agent(agent::Agent),
    Status(status::Status),
    Apply(apply::Apply),
    Rollback(rollback::Rollback),
    Retry(retry::Retry),
    Verify(verify::Verify),
    Gc(gc::Gc),
    Workspaces(workspaces::Workspaces),
    Apps(apps::Apps),
    Bundle(bundle::Bundle),
    Unpack(unpack::Unpack),
    Keys(keys::Keys),
    Repo(repo::Repo),
    Publish(publish::Publish),
    Rollout(rollout::Rollout),
    Simulate(simulate::Simulate),
    Serve(serve::Serve),
    Fleet(fleet::Fleet),
    Smoke(smoke::Smoke),
    Soak(soak::Soak),
}
