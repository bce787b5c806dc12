use std::path::PathBuf;

use super::*;
use crate::choose::Source;
use crate::testing::{id, now, v};

fn entry(version: &str) -> PathBuf {
    PathBuf::from("/store/versions")
        .join(version)
        .join("cli.js")
}

fn on_trial(old: Option<&Pointer>, version: &str) -> Pointer {
    staged(old, &id(version), &entry(version), 2, now())
}

fn good(version: &str, previous: Option<&str>) -> Pointer {
    let previous = previous.map(|version| id(version).into());
    confirmed(&id(version), &entry(version), now(), previous, None)
}

fn choice(version: &str, source: Source) -> Choice {
    Choice {
        version: v(version),
        integrity: (source != Source::Bundled).then(|| id(version).integrity),
        source,
        dir: PathBuf::new(),
        entry: entry(version),
        trial: None,
        passed_over: Vec::new(),
    }
}

fn failed(version: &str, how: How) -> Failure {
    Failure {
        version: v(version),
        integrity: Some(id(version).integrity),
        source: Source::Pointer,
        trial: true,
        taken: true,
        how,
        detail: String::new(),
    }
}

fn previous(pointer: &Pointer) -> Option<&str> {
    pointer.previous.as_ref().map(|it| it.version.as_str())
}

fn replaced(pointer: &Pointer) -> Option<&str> {
    pointer.replaced.as_ref().map(|it| it.version.as_str())
}

#[test]
fn staging_over_a_confirmed_version_makes_it_previous() {
    let next = on_trial(Some(&good("1.1.0", Some("1.0.1"))), "1.2.0");
    assert_eq!(previous(&next), Some("1.1.0"));
    assert_eq!(next.trial, Some(Trial::new(2)));
    assert_eq!(next.replaced, None);
}

#[test]
fn staging_over_a_trial_carries_previous_over_unchanged() {
    let trial = on_trial(Some(&good("1.1.0", None)), "1.2.0");
    let next = on_trial(Some(&trial), "1.3.0");
    assert_eq!(previous(&next), Some("1.1.0"));
    assert_eq!(replaced(&next), Some("1.2.0"));
}

#[test]
fn staging_the_same_version_with_other_content_is_no_previous_of_itself() {
    let next = on_trial(Some(&good("1.1.0", Some("1.0.1"))), "1.1.0");
    assert_eq!(previous(&next), Some("1.0.1"));
    let next = on_trial(Some(&good("1.2.0", Some("1.1.0"))), "1.2.0");
    let back = on_trial(Some(&next), "1.1.0");
    assert_eq!(previous(&back), None);
}

#[test]
fn the_trial_that_was_ready_is_the_one_remembered() {
    let mut first = on_trial(None, "1.1.0");
    first.trial.as_mut().unwrap().ready_at = Some(now());
    let second = on_trial(Some(&first), "1.2.0");
    let third = on_trial(Some(&second), "1.3.0");
    assert_eq!(replaced(&third), Some("1.1.0"));
    let mut second = second;
    second.trial.as_mut().unwrap().ready_at = Some(now());
    assert_eq!(replaced(&on_trial(Some(&second), "1.3.0")), Some("1.2.0"));
}

#[test]
fn an_attempt_taken_and_given_back_changes_nothing() {
    let pointer = on_trial(None, "1.1.0");
    let taken = take_attempt(pointer.clone());
    assert_ne!(taken, pointer);
    assert_eq!(give_back(taken, &id("1.1.0")), pointer);
    assert_eq!(give_back(pointer.clone(), &id("1.2.0")), pointer);
    let mut none = pointer;
    none.trial.as_mut().unwrap().attempts_left = 0;
    assert_eq!(take_attempt(none.clone()), none);
}

#[test]
fn a_failure_of_a_version_that_others_confirmed_meanwhile_condemns_nothing() {
    for pointer in [good("1.1.0", None), good("1.2.0", Some("1.1.0"))] {
        let failures = [failed("1.1.0", How::Exited)];
        let ready = choice("1.0.0", Source::Bundled);
        let verdict = judge(Some(pointer.clone()), &ready, &failures, now());
        assert_eq!(verdict.condemned, []);
        assert_eq!(verdict.pointer, Some(pointer));
    }
}

#[test]
fn a_time_out_of_a_version_that_the_pointer_moved_on_from_condemns_nothing() {
    let ready = choice("1.0.0", Source::Bundled);
    for pointer in [None, Some(good("1.3.0", None))] {
        let verdict = judge(pointer, &ready, &[failed("1.1.0", How::TimedOut)], now());
        assert_eq!(verdict.condemned, []);
    }
}

#[test]
fn a_condemned_previous_or_replaced_version_is_forgotten() {
    let trial = on_trial(Some(&good("1.1.0", None)), "1.2.0");
    let next = on_trial(Some(&trial), "1.3.0");
    let bad: Vec<_> = ["1.1.0", "1.2.0"]
        .iter()
        .filter_map(|version| failed(version, How::Exited).listed(BadReason::RolledBack, now()))
        .collect();
    let ready = choice("1.3.0", Source::Pointer);
    let after = without(Some(next), &bad, &ready, now()).unwrap();
    assert_eq!((previous(&after), replaced(&after)), (None, None));
    assert_eq!(after.id(), id("1.3.0"));
}

#[test]
fn short_reports_add_up_to_a_soak() {
    let mut pointer = on_trial(None, "1.1.0");
    let whole = Duration::from_mins(1);
    for _ in 0..80 {
        match soak(
            pointer,
            &id("1.1.0"),
            Duration::from_millis(1_600),
            whole,
            false,
            now(),
        ) {
            Soaked::Soaking { pointer: next, .. } => pointer = next,
            Soaked::Confirmed { pointer } => {
                assert_eq!(pointer.trial, None);
                return;
            }
            Soaked::NotOnTrial => panic!("it is on trial"),
        }
    }
    panic!("the soak never ends");
}

#[test]
fn what_went_on_running_while_another_failed_beside_it_goes_on_soaking() {
    let mut soaking = on_trial(Some(&good("1.1.0", None)), "1.2.0");
    let trial = soaking.trial.as_mut().unwrap();
    trial.ready_at = Some(now());
    trial.soaked_seconds = 300;
    let trial = trial.clone();
    let pointer = on_trial(Some(&soaking), "1.3.0");
    let ready = Choice {
        trial: Some(trial.clone()),
        ..choice("1.2.0", Source::Pointer)
    };
    let failures = [failed("1.3.0", How::Exited)];
    let verdict = judge(Some(pointer), &ready, &failures, now());
    assert_eq!(verdict.condemned.len(), 1);
    let next = without(verdict.pointer, &verdict.condemned, &ready, now()).unwrap();
    assert_eq!(next.version, v("1.2.0"));
    assert_eq!(next.trial, Some(trial));
    assert_eq!((previous(&next), replaced(&next)), (Some("1.1.0"), None));
}
