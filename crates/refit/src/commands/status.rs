//! `refit status`: what runs, what waits, what failed, with or without a running app.

use std::io::ErrorKind;

use device::{
    Applying, BusyNote, DamageState, LastCheck, Local, Mode, Request, Rollout, Store, Updates,
    WaitsFor, ask,
};
use jiff::Timestamp;
use serde::Deserialize;

use super::{block_on, local, resolve};
use crate::args::Globals;
use crate::failure::Failure;
use crate::output::{Answer, table};
use crate::rollouts::words::relative;

/// Show what runs, what waits for a restart, and what failed
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

pub(crate) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let local = local::look(globals)?;
    block_on(async {
        let (status, next) = match ask(local.data_dir(), &Request::Status).await? {
            Some(device::Answer::Status(status)) => (*status, None),
            Some(device::Answer::Problem(problem)) => return Err(problem.into()),
            Some(_) => return Err(local::strange_answer()),
            None => {
                let odd = local::problems(&local, globals);
                at_rest(&local, odd)
            }
        };
        let table = table(rows(&status, next, runtime_store::now()));
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
fn at_rest(local: &Local, odd: Vec<String>) -> (device::Status, Option<String>) {
    let choice = local.resolve();
    let (last_check, unread) = match local.store().map_or(Ok(None), last_check) {
        Ok(last_check) => (last_check, None),
        Err(problem) => (None, Some(problem)),
    };
    let mut status = local.at_rest(last_check);
    let more = odd.into_iter().filter(|it| !status.problems.contains(it));
    status.problems = more.chain(status.problems.clone()).chain(unread).collect();
    let mut next = format!("{} ({})", choice.version, resolve::reason(&choice));
    let recalled = status.rollout.as_ref().map(|it| &it.recalled[..]);
    if recalled.is_some_and(|it| it.contains(&choice.version)) {
        next.push_str("; it was recalled, and nothing else may run yet");
    }
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
    // What is no file may never end: a status hangs on nothing.
    match path.metadata() {
        Ok(it) if !it.is_file() => return Err(unusable("it is not a file".to_owned())),
        Ok(_) | Err(_) => {}
    }
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
fn rows(status: &device::Status, next: Option<String>, now: Timestamp) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), value]);
    if status.updates == Updates::NoAutoUpdate {
        let words = "REFIT_NO_AUTO_UPDATE: nothing is looked for unless somebody asks";
        row("Off", words.to_owned());
    }
    if let Some(managed) = &status.managed {
        let words = format!(
            "{}: {} ({})",
            managed.message, managed.source, managed.updates
        );
        row("Managed", words);
    }
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
        let waits = match &staged.blocked {
            None => "waits for a start",
            Some(_) => "is not started",
        };
        row("Staged", format!("{version} since {since}, {waits}"));
        if let Some(blocked) = &staged.blocked {
            row("Blocked", blocked.message.clone());
        }
    }
    // Without an app there is nothing that a restart could cost.
    if let Some(applying) = status
        .applying
        .as_ref()
        .filter(|_| status.running.is_some())
    {
        row("Waits for", waits_for(applying, status.busy.as_ref()));
    }
    if let Some(recalled) = &status.recalled_running {
        row("Runs on", recalled.message.clone());
    }
    if let Some(previous) = &status.previous {
        row("Previous", previous.to_string());
    }
    row("Bundled", status.bundled.version.to_string());
    for damage in status
        .damage
        .iter()
        .filter(|it| it.state != DamageState::Mended)
    {
        row("Damaged", format!("{}: {}", damage.version, damage.detail));
    }
    if let Some(contract) = status.contract.as_ref().filter(|it| it.healed.is_none()) {
        row("Contract", contract.message.clone());
    }
    for bad in &status.bad {
        row(
            "Bad",
            format!("{} ({}, {})", bad.version, bad.reason, bad.at),
        );
    }
    if let Some(rollout) = &status.rollout {
        for (name, value) in rollout_rows(rollout, now) {
            // A problem is told once, below the table.
            if name != TROUBLE || !status.problems.contains(&value) {
                row(name, value);
            }
        }
    }
    if let Some(fleet) = &status.fleet {
        let words = fleet.message.strip_prefix("Fleet ");
        row("Fleet", words.unwrap_or(&fleet.message).to_owned());
    }
    if let Some(check) = &status.last_check {
        row("Last check", format!("{}: {}", check.at, check.message));
    }
    if let Some(failure) = &status.failure {
        row("Failure", failure.message.clone());
    }
    rows
}

/// What keeps a staged version from being applied.
fn waits_for(applying: &Applying, busy: Option<&BusyNote>) -> String {
    let mut words = match applying.waits_for {
        WaitsFor::Person => "a restart, or `refit apply`",
        WaitsFor::Idle => "the runtime to be idle",
        WaitsFor::NextLaunch => "the next start of the app",
        WaitsFor::Turn => "its publisher",
    }
    .to_owned();
    if let Some(at) = applying.deadline {
        words = format!("{words}, until {at} at most");
    }
    match busy.map(|busy| busy.tasks) {
        None => {}
        Some(None) => words.push_str("; it is busy"),
        Some(Some(tasks)) => words = format!("{words}; it is busy, tasks: {tasks}"),
    }
    words
}

/// Why nothing newer was heard.
const TROUBLE: &str = "Trouble";

/// What is rolled out and on whose word. Where no manifest is followed there is nothing to tell.
fn rollout_rows(rollout: &Rollout, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let heard = |at: Option<Timestamp>| {
        at.map_or_else(
            || "nothing heard yet".to_owned(),
            |at| format!("heard at {}", told(at, now)),
        )
    };
    let whose = match rollout.mode {
        Mode::Registry => return rows,
        Mode::Manifest => format!("the publisher's manifest, {}", heard(rollout.verified_at)),
        Mode::Tuf => {
            let valid = match (rollout.expires, rollout.expired) {
                (Some(at), true) => {
                    format!("; expired at {}: nothing new is started", told(at, now))
                }
                (Some(at), false) => format!("; valid until {}", told(at, now)),
                (None, _) => String::new(),
            };
            format!("signed, {}{valid}", heard(rollout.verified_at))
        }
    };
    if let Some(version) = &rollout.version {
        let bucket = rollout.bucket.map_or_else(
            || "no device id, so the slowest batch".to_owned(),
            |bucket| format!("bucket {bucket}"),
        );
        let turn = match (rollout.experimental, rollout.eligible_at) {
            _ if rollout.recalled.contains(version) => match &rollout.stable {
                Some(stable) => format!("recalled; {stable} takes its place"),
                None => "recalled".to_owned(),
            },
            (true, _) => "at once (REFIT_EXPERIMENTAL)".to_owned(),
            (false, None) => "for everyone".to_owned(),
            (false, Some(at)) => {
                let comes = if at > now { "is" } else { "came" };
                format!("this device's turn {comes} at {}, {bucket}", told(at, now))
            }
        };
        rows.push(("Rollout", format!("{version}, {turn}")));
    }
    rows.push(("Updates", whose));
    if let Some(trouble) = &rollout.trouble {
        rows.push((TROUBLE, trouble.clone()));
    }
    if !rollout.recalled.is_empty() {
        let recalled: Vec<_> = rollout.recalled.iter().map(ToString::to_string).collect();
        rows.push(("Recalled", recalled.join(", ")));
    }
    rows
}

/// A time, and how far away that is.
fn told(at: Timestamp, now: Timestamp) -> String {
    format!("{at} ({})", relative(at, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(news: &serde_json::Value) -> Vec<(&'static str, String)> {
        let mut rollout = json!({
            "mode": "tuf", "experimental": false, "pinned": null, "version": "1.2.0",
            "decision": "hold", "reason": "held", "message": "m", "bucket": 65,
            "delaySeconds": 43200, "eligibleAt": "2026-06-12T20:00:00Z", "stable": null,
            "recalled": ["1.1.5", "1.1.6"], "verifiedAt": "2026-06-12T08:00:00Z",
            "expires": "2026-06-19T08:00:00Z", "expired": false, "trouble": null,
        });
        for (key, value) in news.as_object().unwrap() {
            rollout[key] = value.clone();
        }
        let now = "2026-06-12T09:00:00Z".parse().unwrap();
        rollout_rows(&serde_json::from_value(rollout).unwrap(), now)
    }

    #[test]
    fn a_rollout_is_told_with_its_turn_its_age_and_its_recalls() {
        assert_eq!(
            rows(&json!({})),
            [
                (
                    "Rollout",
                    "1.2.0, this device's turn is at 2026-06-12T20:00:00Z (in 11 hours), bucket 65"
                        .to_owned()
                ),
                (
                    "Updates",
                    "signed, heard at 2026-06-12T08:00:00Z (1 hour ago); valid until \
                     2026-06-19T08:00:00Z (in 6 days 23 hours)"
                        .to_owned()
                ),
                ("Recalled", "1.1.5, 1.1.6".to_owned()),
            ]
        );
        let past = rows(&json!({ "eligibleAt": "2026-06-12T08:30:00Z" }));
        let came =
            "1.2.0, this device's turn came at 2026-06-12T08:30:00Z (30 minutes ago), bucket 65";
        assert_eq!(past[0].1, came);
        let stale = rows(&json!({ "expired": true, "trouble": "No answer." }));
        assert!(stale[1].1.contains("expired at 2026-06-19"), "{stale:?}");
        assert_eq!(stale[2], ("Trouble", "No answer.".to_owned()));
        let newest = rows(&json!({ "experimental": true }));
        assert!(newest[0].1.contains("REFIT_EXPERIMENTAL"), "{newest:?}");
        let gone = rows(&json!({ "recalled": ["1.2.0"], "experimental": true }));
        assert_eq!(gone[0].1, "1.2.0, recalled");
        let instead = rows(&json!({ "recalled": ["1.2.0"], "stable": "1.1.4" }));
        assert_eq!(instead[0].1, "1.2.0, recalled; 1.1.4 takes its place");
        let unknown = rows(&json!({ "bucket": null }));
        assert!(unknown[0].1.contains("slowest batch"), "{unknown:?}");
    }

    #[test]
    fn what_an_apply_waits_for_is_told_with_its_end() {
        let applying = |waits_for, deadline: Option<&str>| Applying {
            mode: device::Apply::Now,
            waits_for,
            deadline: deadline.map(|at| at.parse().unwrap()),
        };
        let busy = BusyNote {
            tasks: Some(3),
            since: "2026-06-12T08:00:00Z".parse().unwrap(),
        };
        let idle = applying(WaitsFor::Idle, Some("2026-06-13T08:00:00Z"));
        assert_eq!(
            waits_for(&idle, Some(&busy)),
            "the runtime to be idle, until 2026-06-13T08:00:00Z at most; it is busy, tasks: 3"
        );
        let person = applying(WaitsFor::Person, None);
        assert_eq!(waits_for(&person, None), "a restart, or `refit apply`");
    }

    #[test]
    fn without_a_manifest_there_is_nothing_to_tell() {
        assert_eq!(rows(&json!({ "mode": "registry" })), []);
        let unheard = rows(&json!({
            "mode": "manifest", "version": null, "verifiedAt": null, "recalled": []
        }));
        let words = "the publisher's manifest, nothing heard yet".to_owned();
        assert_eq!(unheard, [("Updates", words)]);
    }
}
