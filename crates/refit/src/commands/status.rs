//! `refit status`: what runs, what waits, what failed, with or without a running app.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use device::{Device, Local, Request, Source, StagedVersion, Store, ask};

use super::{block_on, local};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::Answer;

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
        let table = table(&status);
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
    let mut status = Device::open(local).status().borrow().as_ref().clone();
    if let Some(pointer) = snapshot.pointer {
        status.staged = (choice.source == Source::Pointer).then(|| StagedVersion {
            version: pointer.version,
            staged_at: pointer.staged_at,
        });
        status.previous = pointer.previous.map(|previous| previous.version);
    }
    status.bad = snapshot.bad.into_iter().map(Into::into).collect();
    status.problems.extend(snapshot.problems);
    status
}

fn table(status: &device::Status) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.add_row([
        "Running".to_owned(),
        status.running.as_ref().map_or_else(
            || "no app is running".to_owned(),
            |it| {
                let trial = if it.trial { ", on trial" } else { "" };
                format!("{} at {}{trial}", it.version, it.url)
            },
        ),
    ]);
    if let Some(staged) = &status.staged {
        let row = format!(
            "{} since {}, waits for a start",
            staged.version, staged.staged_at
        );
        table.add_row(["Staged".to_owned(), row]);
    }
    if let Some(previous) = &status.previous {
        table.add_row(["Previous", previous.as_str()]);
    }
    table.add_row(["Bundled", status.bundled.version.as_str()]);
    for bad in &status.bad {
        let row = format!("{} ({}, {})", bad.version, bad.reason, bad.at);
        table.add_row(["Bad".to_owned(), row]);
    }
    if let Some(check) = &status.last_check {
        table.add_row([
            "Last check".to_owned(),
            format!("{}: {}", check.at, check.message),
        ]);
    }
    if let Some(failure) = &status.failure {
        table.add_row(["Failure", failure.message.as_str()]);
    }
    table.trim_fmt()
}
