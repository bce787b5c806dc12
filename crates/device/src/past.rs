//! What the status tells of the past: rehearsals, damage, what is kept of the data folder. Read from
//! the store's files, so that it is the same in a running app and on the command line.

use std::collections::BTreeMap;

use rollout::Version;
use runtime_store::{HistoryEntry, HistoryEvent, Store};

use crate::keeper;
use crate::local::Local;
use crate::notes::{DamageNote, DamageState, RehearsalNote, RehearsalOutcome, SnapshotNote};

/// As many rehearsals, and as many finds of damage, are told.
const MOST: usize = 10;

/// What the store's files say of the past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) rehearsals: Vec<RehearsalNote>,
    pub(crate) damage: Vec<DamageNote>,
    pub(crate) snapshots: Vec<SnapshotNote>,
}

impl Past {
    /// Blocks.
    pub(crate) fn read(local: &Local, store: &Store) -> Self {
        let history = store.history();
        let stored = store.versions().unwrap_or_default();
        let is_stored = |version: &Version| stored.iter().any(|it| it.version == *version);
        Self {
            rehearsals: rehearsals(&history),
            damage: damage(&history, is_stored),
            snapshots: keeper::list(local),
        }
    }
}

/// The last rehearsals, the newest last.
fn rehearsals(history: &[HistoryEntry]) -> Vec<RehearsalNote> {
    let all = history.iter().filter_map(rehearsal);
    let mut all: Vec<_> = all.collect();
    all.drain(..all.len().saturating_sub(MOST));
    all
}

fn rehearsal(entry: &HistoryEntry) -> Option<RehearsalNote> {
    let reason = entry.reason.clone().unwrap_or_default();
    let (outcome, detail) = match entry.event {
        HistoryEvent::Rehearsed => (RehearsalOutcome::Passed, reason),
        HistoryEvent::RehearsalSkipped => (RehearsalOutcome::Skipped, reason),
        HistoryEvent::RehearsalFailed => split(&reason),
        _ => return None,
    };
    Some(RehearsalNote {
        version: entry.version.clone(),
        outcome,
        detail,
        at: entry.at,
    })
}

/// How a failed rehearsal is written down.
pub(crate) fn failed(outcome: RehearsalOutcome, detail: &str) -> String {
    let code = match outcome {
        RehearsalOutcome::Bad => "bad",
        RehearsalOutcome::Inconclusive => "inconclusive",
        RehearsalOutcome::Passed | RehearsalOutcome::Failed | RehearsalOutcome::Skipped => "failed",
    };
    format!("{code}: {detail}")
}

fn split(reason: &str) -> (RehearsalOutcome, String) {
    let (code, detail) = reason.split_once(": ").unwrap_or(("failed", reason));
    let outcome = match code {
        "bad" => RehearsalOutcome::Bad,
        "inconclusive" => RehearsalOutcome::Inconclusive,
        _ => RehearsalOutcome::Failed,
    };
    (outcome, detail.to_owned())
}

/// The last find of damage in each version that is still here, the newest last.
fn damage(history: &[HistoryEntry], is_stored: impl Fn(&Version) -> bool) -> Vec<DamageNote> {
    let mut notes = BTreeMap::new();
    for entry in history {
        let (state, detail) = match entry.event {
            HistoryEvent::Damaged => (DamageState::Found, entry.reason.clone().unwrap_or_default()),
            HistoryEvent::Mended => {
                let found = notes
                    .get(entry.version.as_str())
                    .map(|note: &DamageNote| note.detail.clone());
                (DamageState::Mended, found.unwrap_or_default())
            }
            _ => continue,
        };
        let note = DamageNote {
            version: entry.version.clone(),
            detail,
            state,
            at: entry.at,
        };
        notes.insert(entry.version.as_str(), note);
    }
    let mut notes: Vec<_> = notes
        .into_values()
        .filter(|note| note.state == DamageState::Mended || is_stored(&note.version))
        .collect();
    notes.sort_by_key(|note| note.at);
    notes.drain(..notes.len().saturating_sub(MOST));
    notes
}

/// The same with what could not be mended in this run, and why.
pub(crate) fn with_unmended(
    mut notes: Vec<DamageNote>,
    unmended: &BTreeMap<String, String>,
) -> Vec<DamageNote> {
    for note in &mut notes {
        if note.state != DamageState::Found {
            continue;
        }
        if let Some(why) = unmended.get(note.version.as_str()) {
            note.state = DamageState::Waiting;
            note.detail = format!("{}. It could not be fetched again: {why}", note.detail);
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn entry(
        second: i64,
        event: HistoryEvent,
        version: &str,
        reason: Option<&str>,
    ) -> HistoryEntry {
        HistoryEntry {
            at: Timestamp::from_second(second).unwrap(),
            event,
            version: version.parse().unwrap(),
            from: None,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn rehearsals_are_told_as_they_ended() {
        let failed_as = |outcome| failed(outcome, "exit code 1: no port");
        let history = [
            entry(1, HistoryEvent::Rehearsed, "1.1.0", Some("ok=50/50")),
            entry(2, HistoryEvent::Staged, "1.1.0", None),
            entry(
                3,
                HistoryEvent::RehearsalSkipped,
                "1.2.0",
                Some("on battery saver"),
            ),
            entry(
                4,
                HistoryEvent::RehearsalFailed,
                "1.3.0",
                Some(&failed_as(RehearsalOutcome::Failed)),
            ),
            entry(
                5,
                HistoryEvent::RehearsalFailed,
                "1.3.0",
                Some(&failed_as(RehearsalOutcome::Bad)),
            ),
            entry(
                6,
                HistoryEvent::RehearsalFailed,
                "1.4.0",
                Some(&failed_as(RehearsalOutcome::Inconclusive)),
            ),
        ];
        let notes = rehearsals(&history);
        let outcomes: Vec<_> = notes.iter().map(|note| note.outcome).collect();
        assert_eq!(
            outcomes,
            [
                RehearsalOutcome::Passed,
                RehearsalOutcome::Skipped,
                RehearsalOutcome::Failed,
                RehearsalOutcome::Bad,
                RehearsalOutcome::Inconclusive,
            ]
        );
        assert_eq!(notes[0].detail, "ok=50/50");
        assert_eq!(notes[3].detail, "exit code 1: no port");
    }

    #[test]
    fn ten_are_told_and_the_newest_is_the_last() {
        let history: Vec<_> = (0..25)
            .map(|second| entry(second, HistoryEvent::Rehearsed, "1.1.0", None))
            .collect();
        let notes = rehearsals(&history);
        assert_eq!(notes.len(), 10);
        assert_eq!(notes[9].at.as_second(), 24);
    }

    #[test]
    fn damage_is_found_then_mended_and_forgotten_with_its_version() {
        let found = entry(1, HistoryEvent::Damaged, "1.1.0", Some("cli.js is missing"));
        let state = |history: &[HistoryEntry], stored: bool| {
            damage(history, |_| stored)
                .first()
                .map(|it| (it.state, it.detail.clone()))
        };
        let detail = || "cli.js is missing".to_owned();
        let history = [found.clone()];
        assert_eq!(state(&history, true), Some((DamageState::Found, detail())));
        assert_eq!(state(&history, false), None, "nothing of it is left");
        let mended = [found.clone(), entry(2, HistoryEvent::Mended, "1.1.0", None)];
        assert_eq!(state(&mended, false), Some((DamageState::Mended, detail())));
        let again = [found.clone(), mended[1].clone(), found];
        assert_eq!(state(&again, true), Some((DamageState::Found, detail())));
    }

    #[test]
    fn what_could_not_be_mended_waits_and_says_why() {
        let history = [entry(
            1,
            HistoryEvent::Damaged,
            "1.1.0",
            Some("cli.js is missing"),
        )];
        let why = BTreeMap::from([("1.1.0".to_owned(), "no network".to_owned())]);
        let notes = with_unmended(damage(&history, |_| true), &why);
        assert_eq!(notes[0].state, DamageState::Waiting);
        assert!(
            notes[0].detail.starts_with("cli.js is missing"),
            "{notes:?}"
        );
        assert!(notes[0].detail.contains("no network"), "{notes:?}");
    }
}
