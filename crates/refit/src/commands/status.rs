//! `refit status`: what runs, what waits, what failed, with or without a running app.

use device::{Device, LastCheck, Local, Request, Source, StagedVersion, Store, ask};
use serde::Deserialize;

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};

/// Show what runs, what waits for a restart, and what failed
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::open(globals)?;
    block_on(async {
        let status = match ask(local.data_dir(), &Request::Status).await? {
            Some(device::Answer::Status(status)) => *status,
            Some(device::Answer::Problem(problem)) => return Err(problem.into()),
            Some(device::Answer::Applied(_) | device::Answer::Noted) => {
                return Err(local::strange_answer());
            }
            None => at_rest(local),
        };
        let table = table(rows(&status));
        let words = status.problems.join("\n");
        let answer = Answer::done(status).data(table);
        Ok(if words.is_empty() {
            answer
        } else {
            answer.words(words)
        })
    })
}

/// The status of a device whose app is not running, from its files alone.
fn at_rest(local: Local) -> device::Status {
    let snapshot = local.store().map(Store::snapshot).unwrap_or_default();
    let choice = local.resolve();
    let last_check = local.store().and_then(last_check);
    let mut status = Device::open(local).status().borrow().as_ref().clone();
    if let Some(pointer) = snapshot.pointer {
        status.staged = (choice.source == Source::Pointer).then(|| StagedVersion {
            version: pointer.version,
            staged_at: pointer.staged_at,
        });
        status.previous = pointer.previous.map(|previous| previous.version);
    }
    status.last_check = last_check;
    status.bad = snapshot.bad.into_iter().map(Into::into).collect();
    status.problems.extend(snapshot.problems);
    status
}

/// `releases.json` has the last check, whoever made it. Read here and not by way of the store,
/// which would set an unreadable file aside: a status changes nothing.
fn last_check(store: &Store) -> Option<LastCheck> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Releases {
        last_check: Option<LastCheck>,
    }
    let text = std::fs::read(store.root().join("releases.json")).ok()?;
    serde_json::from_slice::<Releases>(&text).ok()?.last_check
}

fn rows(status: &device::Status) -> Vec<[String; 2]> {
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
