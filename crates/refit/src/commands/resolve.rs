//! `refit resolve`: what the next launch would run. Changes nothing, and is quick: it builds no
//! async runtime and no HTTP client.

use device::{Choice, Source};
use runtime_store::WhyNot;
use serde_json::json;

use super::local;
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

/// Say which version the next launch would run, and where its entry is
#[derive(Debug, clap::Args)]
pub(crate) struct Resolve {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::look(globals)?;
    let problems = local::problems(&local, globals);
    let choice = local.resolve();
    let reason = reason(&choice);
    if !choice.entry.is_file() {
        let mut message = format!(
            "Version {} ({reason}) cannot start: its entry {} is not a file",
            choice.version,
            choice.entry.display()
        );
        for problem in &problems {
            message.push('\n');
            message.push_str(problem);
        }
        return Err(Failure::new(
            "no-entry",
            message,
            "Check --bundled, and `entry` in the configuration.",
        ));
    }
    let mut words = vec![format!("Version {}: {reason}", choice.version)];
    words.extend_from_slice(&problems);
    Ok(Answer::done(json!({
        "version": choice.version,
        "source": choice.source,
        "entry": choice.entry,
        "reason": reason,
        "problems": problems,
    }))
    .data(choice.entry.display().to_string())
    .words(words.join("\n")))
}

/// Why this one, in words: what it is, and what was passed over before it.
pub(super) fn reason(choice: &Choice) -> String {
    let is = match (choice.source, &choice.trial) {
        (Source::Pointer, Some(_)) => "staged and on trial",
        (Source::Pointer, None) => "staged and confirmed",
        (Source::Previous, _) => "the last confirmed version",
        (Source::Bundled, _) => "bundled with the app",
    };
    let passed_over = choice.passed_over.iter().map(|passed| {
        let version = passed.version.as_ref();
        let version = version.map_or("what the pointer names", |it| it.as_str());
        if passed.source == Source::Bundled {
            return format!(
                "it runs as the last resort, although {}",
                words(&passed.why)
            );
        }
        format!("{version} was passed over: {}", words(&passed.why))
    });
    std::iter::once(is.to_owned())
        .chain(passed_over)
        .collect::<Vec<_>>()
        .join("; ")
}

fn words(why: &WhyNot) -> String {
    match why {
        WhyNot::NotNewerThanBundled => "it is not newer than the bundled version".to_owned(),
        WhyNot::Bad => "it failed here before".to_owned(),
        WhyNot::Recalled => "it was recalled by its publisher".to_owned(),
        WhyNot::Blocked(blocked) => format!("it {blocked}"),
        WhyNot::MissingEntry => "its files are not there".to_owned(),
        WhyNot::Incompatible(unsuitable) => format!("it {unsuitable}"),
        WhyNot::Contract(unmet) => format!("it {unmet}"),
        WhyNot::Damaged(detail) => format!("its files are damaged: {detail}"),
        WhyNot::FailedInThisLaunch => "it failed in this launch".to_owned(),
        WhyNot::OnTrialElsewhere => "another app is trying it right now".to_owned(),
        WhyNot::NoVerdict => "its launches ended without a word".to_owned(),
        WhyNot::NotYet => "the fleet wants it started later".to_owned(),
        WhyNot::TrialsOff => "REFIT_NO_AUTO_UPDATE is set, so it waits for a person".to_owned(),
        WhyNot::CannotWrite(why) | WhyNot::InvalidPointer(why) | WhyNot::CannotRead(why) => {
            why.clone()
        }
        WhyNot::NewerSchema => "a newer app wrote it".to_owned(),
    }
}
