//! One file per subcommand.

pub(crate) mod bundle;
pub(crate) mod publish;
pub(crate) mod serve;
pub(crate) mod unpack;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::Answer;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<Answer, Failure> {
    let Cli { globals, command } = cli;
    match command {
        Command::Bundle(command) => command.run(),
        Command::Unpack(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Serve(command) => command.run(globals.json),
    }
}

/// Runs a future to its end. Built here, not in `main`: `resolve` must not pay for it.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
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
