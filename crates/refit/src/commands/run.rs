//! `refit run`: the supervisor without a window, for servers and kiosks.

use device::{Device, Phase, RunningSource, StagedVersion, Status};
use serde_json::json;

use super::serve::stop_signal;
use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, say, tell};

/// Run the app's runtime without a window, and keep it current, until ctrl-c
///
/// Prints where it serves. `refit apply` restarts it into a version that was staged meanwhile. A
/// version that its publisher recalls goes on until the next start, or until `refit apply`.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::open(globals)?;
    let json = globals.json;
    block_on(async move {
        let stop = stop_signal()?;
        let device = Device::open(local);
        device.start().await;
        let ended = tokio::select! {
            failure = follow(&device, json) => Err(failure),
            () = stop => Ok(Answer::silent()),
        };
        device.stop().await;
        ended
    })
}

/// Tells what happens. Returns when nothing runs any more, not even the bundled version.
async fn follow(device: &Device, json: bool) -> Failure {
    let mut changes = device.status();
    let mut before: Option<std::sync::Arc<Status>> = None;
    let mut told = None;
    loop {
        let status = changes.borrow_and_update().clone();
        // Once, as a rule: restarts keep the port where they can.
        if let Some(running) = &status.running
            && told.as_ref() != Some(&running.url)
        {
            tell(json, &json!({ "url": running.url }), &running.url);
            told = Some(running.url.clone());
        }
        for words in news(before.as_deref(), &status) {
            say(&words);
        }
        if status.phase == Phase::Failed {
            let failure = status.failure.clone();
            return failure.map_or_else(
                || Failure::new("not-running", "Nothing runs", "See the runtime's log."),
                |failure| {
                    let mut message = failure.message;
                    // The message quotes some of it already.
                    for line in failure.detail.lines() {
                        if !message.contains(line.trim()) {
                            message.push('\n');
                            message.push_str(line);
                        }
                    }
                    Failure::new("not-running", message, failure.hint)
                },
            );
        }
        before = Some(status);
        if changes.changed().await.is_err() {
            return Failure::new("internal", "The device ended by itself", "Report this.");
        }
    }
}

/// What a person at the terminal would want to hear of.
fn news(before: Option<&Status>, now: &Status) -> Vec<String> {
    let mut news = Vec::new();
    let version = |status: &Status| status.running.as_ref().map(|it| it.version.clone());
    if let Some(running) = &now.running
        && before.and_then(version).as_ref() != Some(&running.version)
    {
        news.push(format!("Version {} is running", running.version));
    }
    if let Some(fallback) = &now.fell_back
        && before.and_then(|it| it.fell_back.as_ref()) != Some(fallback)
    {
        news.push(fallback.message.clone());
    }
    if let Some(passed) = &now.passed_over
        && passed.first_time
        // Before its turn nobody who did not ask hears of a version.
        && passed.reason != "held"
        && before.and_then(|it| it.passed_over.as_ref()) != Some(passed)
    {
        news.push(passed.message.clone());
    }
    if let Some(recalled) = &now.recalled_running
        && before.and_then(|it| it.recalled_running.as_ref()) != Some(recalled)
    {
        let mut words = recalled.message.clone();
        // Of the bundled version there is nothing to go back to.
        if now
            .running
            .as_ref()
            .is_some_and(|it| it.source != RunningSource::Bundled)
        {
            words.push_str(" `refit apply` leaves it now.");
        }
        news.push(words);
    }
    if let Some(staged) = waiting(now)
        && before.and_then(waiting) != Some(staged)
    {
        news.push(format!(
            "Version {} is ready. `refit apply` restarts into it.",
            staged.version
        ));
    }
    for problem in &now.problems {
        if !before.is_some_and(|it| it.problems.contains(problem)) {
            news.push(problem.clone());
        }
    }
    news
}

/// What waits for a restart. While the first launch is on its way, it may be just that version
/// which starts.
fn waiting(status: &Status) -> Option<&StagedVersion> {
    let up = matches!(status.phase, Phase::Running | Phase::Restarting);
    status
        .staged
        .as_ref()
        .filter(|staged| up && staged.is_offered())
}
