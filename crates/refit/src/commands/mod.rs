//! One file per subcommand.

pub(crate) mod agent;
pub(crate) mod apply;
pub(crate) mod apps;
pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod gc;
pub(crate) mod keys;
mod local;
pub(crate) mod publish;
pub(crate) mod repo;
pub(crate) mod resolve;
pub(crate) mod retry;
pub(crate) mod rollback;
pub(crate) mod rollout;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod smoke;
pub(crate) mod soak;
pub(crate) mod stage;
pub(crate) mod status;
pub(crate) mod unpack;
pub(crate) mod verify;
pub(crate) mod workspaces;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::Answer;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<Answer, Failure> {
    let Cli { globals, command } = cli;
    match command {
        Command::Check(check::Check {}) => check::run(&globals),
        Command::Explain(command) => command.run(&globals),
        Command::Stage(command) => command.run(&globals),
        Command::Resolve(resolve::Resolve {}) => resolve::run(&globals),
        Command::Run(run::Run {}) => run::run(&globals),
        Command::Agent(command) => command.run(&globals),
        Command::Status(status::Status {}) => status::run(&globals),
        Command::Apply(apply::Apply {}) => apply::run(&globals),
        Command::Rollback(command) => command.run(&globals),
        Command::Retry(command) => command.run(&globals),
        Command::Verify(command) => command.run(&globals),
        Command::Gc(gc::Gc {}) => gc::run(&globals),
        Command::Workspaces(command) => command.run(&globals),
        Command::Apps(command) => command.run(&globals),
        Command::Bundle(command) => command.run(),
        Command::Unpack(command) => command.run(),
        Command::Keys(command) => command.run(),
        Command::Repo(command) => command.run(),
        Command::Publish(command) => command.run(globals.json),
        Command::Rollout(command) => command.run(globals.json),
        Command::Simulate(command) => command.run(),
        Command::Fleet(command) => command.run(&globals),
        Command::Serve(command) => command.run(globals.json),
        Command::Smoke(command) => command.run(&globals),
        Command::Soak(command) => command.run(),
    }
}

/// Runs a future to its end. Built here, not in `main`: `resolve` must not pay for it.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    log_to_stderr();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                "system",
                format_args!("Could not start the threads this command needs: {error}"),
                "Close some programs, then try again.",
            )
        })?
        .block_on(future)
}

/// What the parts log goes to stderr: warnings, or what `RUST_LOG` asks for.
fn log_to_stderr() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // A second call in one process changes nothing, and need not.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}
