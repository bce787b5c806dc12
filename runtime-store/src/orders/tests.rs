use std::fs;

use super::*;
use crate::failure::How;
use crate::testing::{Bench, chosen, id, now, v};

fn roll_back(bench: &Bench, order: RollBack) -> Result<RolledBack, StoreError> {
    bench.store.roll_back(&bench.shell, order, now())
}

fn to(from: &str, to: &str, source: Source) -> RolledBack {
    RolledBack::To {
        from: Some(v(from)),
        to: v(to),
        source,
    }
}

fn rolled_back(versions: &[&str]) -> Vec<(String, BadReason)> {
    versions
        .iter()
        .map(|version| ((*version).to_owned(), BadReason::RolledBack))
        .collect()
}

#[test]
fn a_person_goes_back_to_the_previous_confirmed_version_and_what_they_left_is_listed() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Previous));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
    let pointer = bench.pointer();
    assert_eq!((pointer.id(), pointer.trial), (id("1.1.0"), None));
    assert!(!bench.is_stored("1.2.0"));
}

#[test]
fn without_a_previous_version_a_person_goes_back_to_bundled_and_then_no_further() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.1.0", "1.0.0", Source::Bundled));
    assert!(!bench.path("current.json").exists());
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, RolledBack::Nothing);
    assert_eq!(bench.bad(), rolled_back(&["1.1.0"]));
}

#[test]
fn a_previous_version_that_would_not_run_is_not_gone_back_to() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    fs::remove_file(bench.entry("1.1.0")).unwrap();
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.0.0", Source::Bundled));
}

#[test]
fn a_fleets_roll_back_lists_nothing() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    let outcome = roll_back(&bench, RollBack::Fleet).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Previous));
    assert_eq!(bench.bad(), []);
    assert!(bench.is_stored("1.2.0"));
}

#[test]
fn the_running_version_keeps_its_folder_when_a_person_goes_back_from_it() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let running = bench.begin();
    roll_back(&bench, RollBack::Person).unwrap();
    assert!(running.choice.entry.is_file());
    assert_eq!(chosen(&bench.begin()).0, "1.0.0");
}

#[test]
fn going_back_by_name_to_the_previous_version_runs_it_confirmed() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.1.0"))).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Pointer));
    assert_eq!(bench.pointer().trial, None);
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
}

#[test]
fn going_back_by_name_to_another_stored_version_puts_it_on_trial() {
    let bench = Bench::new();
    bench.place("1.1.0");
    bench.confirm("1.2.0");
    bench.confirm("1.3.0");
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.1.0"))).unwrap();
    assert_eq!(outcome, to("1.3.0", "1.1.0", Source::Pointer));
    assert_eq!(bench.attempts_left(), 2);
    assert_eq!(bench.bad(), rolled_back(&["1.3.0"]));
    // Nobody went back from 1.2.0: it stays what to fall back to.
    assert_eq!(bench.pointer().previous.unwrap().id(), id("1.2.0"));
    assert!(bench.is_stored("1.2.0"));
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
}

#[test]
fn a_version_that_is_not_stored_is_asked_for_and_then_what_it_replaced_is_listed() {
    let bench = Bench::new();
    bench.confirm("1.2.0");
    let order = RollBack::PersonTo(v("1.1.0"));
    let outcome = roll_back(&bench, order.clone()).unwrap();
    assert_eq!(outcome, RolledBack::NotStored(v("1.1.0")));
    // The caller stages it, which moves the pointer, and asks again.
    bench.stage("1.1.0");
    let outcome = roll_back(&bench, order).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Pointer));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
    assert_eq!(bench.pointer().previous, None);
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
}

#[test]
fn going_back_by_name_to_bundled_removes_the_pointer_and_lists_only_what_it_named() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.0.0"))).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.0.0", Source::Bundled));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
    assert!(bench.is_stored("1.1.0"), "nobody rolled back from it");
    assert!(!bench.path("current.json").exists());
    assert_eq!(chosen(&bench.begin()).0, "1.0.0");
}

#[test]
fn a_trial_that_runs_although_another_version_was_staged_over_it_is_listed_too() {
    for (order, target) in [
        (RollBack::Person, "1.1.0"),
        (RollBack::PersonTo(v("1.1.0")), "1.1.0"),
        (RollBack::PersonTo(v("1.0.0")), "1.0.0"),
    ] {
        for runs in [true, false] {
            let bench = Bench::new();
            bench.confirm("1.1.0");
            bench.stage("1.2.0");
            let running = bench.begin();
            bench.ready(&running, &[]).unwrap();
            bench.stage("1.3.0");
            let running = runs.then_some(running);
            roll_back(&bench, order.clone()).unwrap();
            let listed: &[&str] = if runs {
                &["1.3.0", "1.2.0"]
            } else {
                &["1.3.0"]
            };
            assert_eq!(bench.bad(), rolled_back(listed), "{order:?}");
            assert!(bench.is_stored("1.1.0"), "{order:?}");
            drop(running);
            assert_eq!(chosen(&bench.begin()).0, target, "{order:?}");
        }
    }
}

#[test]
fn what_was_fetched_for_the_order_lists_the_trial_it_replaced_and_not_the_confirmed_version() {
    let bench = Bench::new();
    bench.confirm("1.2.0");
    bench.stage("1.3.0");
    bench.stage("1.1.0");
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.1.0"))).unwrap();
    assert_eq!(outcome, to("1.3.0", "1.1.0", Source::Pointer));
    assert_eq!(bench.bad(), rolled_back(&["1.3.0"]));
    assert_eq!(bench.pointer().previous.unwrap().id(), id("1.2.0"));
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
}

#[test]
fn a_version_that_a_newer_shell_staged_is_not_fetched_over_by_an_order() {
    let bench = Bench::new();
    bench.place("1.1.0");
    bench.confirm("1.2.0");
    bench.write_newer_record("1.1.0");
    let error = roll_back(&bench, RollBack::PersonTo(v("1.1.0"))).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { schema: 2, .. }));
    assert_eq!(bench.pointer().id(), id("1.2.0"));
}

#[test]
fn what_would_not_run_is_refused_by_name_with_the_next_step() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let error = roll_back(&bench, RollBack::PersonTo(v("0.9.0"))).unwrap_err();
    assert!(
        error.to_string().contains("bundled version 1.0.0"),
        "{error}"
    );
    bench.stage("1.2.0");
    drop(bench.fall_back(How::Exited));
    bench.place("1.2.0");
    let error = roll_back(&bench, RollBack::PersonTo(v("1.2.0"))).unwrap_err();
    assert!(error.to_string().contains("refit retry"), "{error}");
    assert_eq!(bench.pointer().id(), id("1.1.0"));
}

#[test]
fn nothing_moves_when_the_bad_list_cannot_be_written() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let before = fs::read(bench.path("current.json")).unwrap();
    let newer = r#"{"schema":2,"bad":[]}"#;
    fs::write(bench.path("bad-versions.json"), newer).unwrap();
    roll_back(&bench, RollBack::Person).unwrap_err();
    assert_eq!(fs::read(bench.path("current.json")).unwrap(), before);
    assert!(bench.is_stored("1.1.0"));
}

#[test]
fn nothing_moves_under_a_newer_shells_pointer() {
    let bench = Bench::new();
    fs::write(bench.path("current.json"), r#"{"schema":2}"#).unwrap();
    let error = roll_back(&bench, RollBack::Person).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { schema: 2, .. }));
}

#[test]
fn forgiving_drops_every_entry_of_a_version_and_only_those() {
    let bench = Bench::new();
    for version in ["1.1.0", "1.2.0"] {
        bench.stage(version);
        drop(bench.fall_back(How::Exited));
    }
    assert!(bench.store.forgive(&v("1.1.0")).unwrap());
    assert!(!bench.store.forgive(&v("1.1.0")).unwrap());
    let left: Vec<_> = bench.bad().into_iter().map(|bad| bad.0).collect();
    assert_eq!(left, ["1.2.0"]);
    bench.stage("1.1.0");
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
}

#[test]
fn a_recalled_version_is_not_gone_back_to() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    bench.place("1.1.5");
    bench.recall("1.2.0", &["1.1.0", "1.1.5", "1.1.7"]);
    let before = fs::read(bench.path("current.json")).unwrap();
    for recalled in ["1.1.0", "1.1.5", "1.1.7"] {
        let error = roll_back(&bench, RollBack::PersonTo(v(recalled))).unwrap_err();
        assert!(
            matches!(&error, StoreError::Recalled { version } if **version == v(recalled)),
            "{error}"
        );
        assert!(error.to_string().contains("recalled"), "{error}");
    }
    assert_eq!(fs::read(bench.path("current.json")).unwrap(), before);
    assert_eq!(bench.bad(), []);
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.0.0", Source::Bundled));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
}

#[test]
fn bundled_is_gone_back_to_even_when_it_is_recalled() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.recall("1.1.0", &["1.0.0"]);
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.0.0"))).unwrap();
    assert_eq!(outcome, to("1.1.0", "1.0.0", Source::Bundled));
}

/// What runs in the place of a recalled version is what a person goes back from.
#[test]
fn over_a_recalled_version_a_person_goes_back_from_what_runs() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    bench.recall("1.1.0", &["1.2.0"]);
    let running = bench.begin();
    assert_eq!(chosen(&running), ("1.1.0".to_owned(), Source::Previous));
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.1.0", "1.0.0", Source::Bundled));
    assert_eq!(bench.bad(), rolled_back(&["1.1.0"]));
    drop(running);
    assert_eq!(chosen(&bench.begin()).0, "1.0.0");
    assert_eq!(
        roll_back(&bench, RollBack::Person).unwrap(),
        RolledBack::Nothing
    );
    bench.recall("1.2.0", &[]);
    assert_eq!(chosen(&bench.begin()).0, "1.2.0", "the recall is over");
}

#[test]
fn a_version_that_was_recalled_while_it_runs_is_left_like_any_other() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    let _running = bench.begin();
    bench.recall("1.1.0", &["1.2.0"]);
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Previous));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
}

#[test]
fn a_recalled_version_that_runs_nowhere_is_not_listed_by_an_order_for_what_runs() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    bench.recall("1.1.0", &["1.2.0"]);
    let outcome = roll_back(&bench, RollBack::PersonTo(v("1.1.0"))).unwrap();
    assert_eq!(outcome, to("1.2.0", "1.1.0", Source::Pointer));
    assert_eq!(bench.bad(), []);
    assert_eq!(
        chosen(&bench.begin()),
        ("1.1.0".to_owned(), Source::Pointer)
    );
}

#[test]
fn a_trial_that_runs_under_a_recalled_one_is_what_is_left() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let running = bench.begin();
    bench.ready(&running, &[]).unwrap();
    bench.stage("1.3.0");
    bench.recall("1.1.0", &["1.3.0"]);
    let outcome = roll_back(&bench, RollBack::Person).unwrap();
    assert_eq!(outcome, to("1.3.0", "1.1.0", Source::Previous));
    assert_eq!(bench.bad(), rolled_back(&["1.2.0"]));
}
