//! `refit status`: what runs, what waits, what failed, with or without a running app.

use std::io::ErrorKind;

use device::{Device, LastCheck, Local, Request, Source, StagedVersion, Store, ask};
use serde::Deserialize;

use super::{block_on, local, resolve};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};

/// Show what runs, what waits for a restart, and what failed
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::look(globals)?;
    block_on(async {
        let (status, next) = match ask(local.data_dir(), &Request::Status).await? {
            Some(device::Answer::Status(status)) => (*status, None),
            Some(device::Answer::Problem(problem)) => return Err(problem.into()),
            Some(device::Answer::Applied(_) | device::Answer::Noted) => {
                return Err(local::strange_answer());
            }
            None => {
                let odd = local::problems(&local, globals);
                at_rest(local, odd)
            }
        };
        let table = table(rows(&status, next));
        let words = status.problems.join("\n");
        let answer = Answer::done(status).data(table);
        Ok(if words.is_empty() {
            answer
        } else {
            answer.words(words)
        })
    })
}

/// The status of a device whose app is not running, from its files alone, and what its next start
/// runs. `odd` is what was odd on the way there.
fn at_rest(local: Local, odd: Vec<String>) -> (device::Status, Option<String>) {
    let snapshot = local.store().map(Store::snapshot).unwrap_or_default();
    let choice = local.resolve();
    let last_check = local.store().map_or(Ok(None), last_check);
    let mut status = Device::open(local).status().borrow().as_ref().clone();
    if let Some(pointer) = snapshot.pointer {
        // A confirmed version has run; it does not wait.
        status.staged =
            (choice.source == Source::Pointer && pointer.trial.is_some()).then(|| StagedVersion {
                version: pointer.version,
                staged_at: pointer.staged_at,
            });
        status.previous = pointer.previous.map(|previous| previous.version);
    }
    status.bad = snapshot.bad.into_iter().map(Into::into).collect();
    status.problems = odd;
    status.problems.extend(snapshot.problems);
    match last_check {
        Ok(last_check) => status.last_check = last_check,
        Err(problem) => status.problems.push(problem),
    }
    let next = format!("{} ({})", choice.version, resolve::reason(&choice));
    (status, Some(next))
}

/// `releases.json` has the last check, whoever made it. Read here and not by way of the store,
/// which would set an unreadable file aside: a status changes nothing.
fn last_check(store: &Store) -> Result<Option<LastCheck>, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Releases {
        last_check: Option<LastCheck>,
    }
    let path = store.root().join("releases.json");
    let unusable = |why: String| format!("`{}` cannot be used: {why}", path.display());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(error.to_string())),
    };
    serde_json::from_str::<Releases>(text.strip_prefix('\u{feff}').unwrap_or(&text))
        .map(|releases| releases.last_check)
        .map_err(|error| unusable(error.to_string()))
}

/// `next` is what the next start runs, where nothing runs now.
fn rows(status: &device::Status, next: Option<String>) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    row(
        "Running",
        status.running.as_ref().map_or_else(
            || "no app is running".to_owned(),
            |it| {
                let trial = if it.trial { ", on trial" } else { "" };
                format!("{} at {}{trial}", it.version, it.url)
            },
        ),
    );
    if let Some(next) = next {
        row("Next start", next);
    }
    if let Some(staged) = &status.staged {
        let (version, since) = (&staged.version, staged.staged_at);
        row(
            "Staged",
            format!("{version} since {since}, waits for a start"),
        );
    }
    if let Some(previous) = &status.previous {
        row("Previous", previous.to_string());
    }
    row("Bundled", status.bundled.version.to_string());
    for bad in &status.bad {
        row(
            "Bad",
            format!("{} ({}, {})", bad.version, bad.reason, bad.at),
        );
    }
    if let Some(check) = &status.last_check {
        row("Last check", format!("{}: {}", check.at, check.message));
    }
    if let Some(failure) = &status.failure {
        row("Failure", failure.message.clone());
    }
    rows
}
