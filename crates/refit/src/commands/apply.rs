//! `refit apply`: asks the running app to restart into what is staged.

use device::{Applied, AppliedOutcome, Request, ask};
use serde_json::json;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Have the running app restart its runtime into the version that waits
///
/// Where none waits and the running version was recalled by its publisher, it is left for what the
/// next start would run.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let data = local::data_dir(globals)?;
    if !data.is_dir() {
        return Err(Failure::new(
            "file",
            format_args!("The data folder {} is not there", data.display()),
            "Name the app's data folder with --data-dir.",
        ));
    }
    block_on(async {
        match ask(&data, &Request::Apply).await? {
            Some(answer) => applied(answer),
            None => Ok(outcome(&Applied {
                outcome: AppliedOutcome::Nothing,
                version: None,
                reason: "No app is running here. What is staged is applied at its next start."
                    .to_owned(),
            })),
        }
    })
}

/// The owner's answer to anything that restarts.
pub(super) fn applied(answer: device::Answer) -> Result<Answer, Failure> {
    match answer {
        device::Answer::Applied(applied) => Ok(outcome(&applied)),
        device::Answer::Problem(problem) => Err(problem.into()),
        _ => Err(local::strange_answer()),
    }
}

/// What came of a restart. One that ended on another version did not do what was asked.
pub(super) fn outcome(applied: &Applied) -> Answer {
    let words = applied.reason.clone();
    let json = json!(applied);
    match applied.outcome {
        AppliedOutcome::Applied | AppliedOutcome::RolledBack | AppliedOutcome::Staged => {
            Answer::done(json).words(words)
        }
        AppliedOutcome::FellBack => Answer::unwell(json, words),
        AppliedOutcome::Nothing => Answer::nothing_to_do(json, words),
    }
}
