use std::fs;
use std::time::Duration;

use rollout::{BadReason, Engines};

use super::*;
use crate::choose::{Source, WhyNot};
use crate::failure::How;
use crate::shell::Asked;
use crate::testing::{Bench, chosen, failure, id, now, taken, v};

fn is(version: &str, source: Source) -> (String, Source) {
    (version.to_owned(), source)
}

fn why(launch: &Launch) -> &WhyNot {
    &launch.choice.passed_over[0].why
}

#[test]
fn an_empty_store_runs_bundled_without_a_lease() {
    let bench = Bench::new();
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert!(launch.lease.is_none() && launch.taken.is_none());
    assert_ne!(launch.id, bench.begin().id);
}

#[test]
fn an_attempt_is_on_disk_before_the_launch_is_begun_and_a_lease_is_held() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.1.0", Source::Pointer));
    assert_eq!(bench.attempts_left(), 1);
    assert_eq!(launch.choice.trial.as_ref().unwrap().attempts_left, 1);
    assert_eq!(launch.taken.as_ref().unwrap().id, id("1.1.0"));
    let lease = launch.lease.as_ref().unwrap().path().to_owned();
    assert_eq!(lease, bench.path("leases").join(&launch.id));
    drop(launch);
    assert!(!lease.exists());
}

#[test]
fn resolve_tells_what_begin_would_choose_and_changes_nothing() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let before = fs::read(bench.path("current.json")).unwrap();
    let choice = bench.store.resolve(&bench.shell, now());
    assert_eq!(choice.version, v("1.2.0"));
    let mut newer = bench.shell.clone();
    newer.bundled.version = v("3.0.0");
    assert_eq!(bench.store.resolve(&newer, now()).source, Source::Bundled);
    assert_eq!(fs::read(bench.path("current.json")).unwrap(), before);
    fs::write(bench.path("current.json"), "garbage").unwrap();
    assert_eq!(
        bench.store.resolve(&bench.shell, now()).source,
        Source::Bundled
    );
    assert_eq!(fs::read(bench.path("current.json")).unwrap(), b"garbage");
}

#[test]
fn ready_starts_the_soak_and_takes_no_more_attempts() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    assert_eq!(bench.ready(&launch, &[]).unwrap(), []);
    assert_eq!(bench.pointer().trial.unwrap().ready_at, Some(now()));
    drop(launch);
    let again = bench.begin();
    assert!(again.taken.is_none());
    assert_eq!(bench.attempts_left(), 1);
}

#[test]
fn an_orderly_end_before_a_verdict_gives_the_attempt_back() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    bench.store.give_back(&taken(&launch)).unwrap();
    assert_eq!(bench.attempts_left(), 2);
}

#[test]
fn an_exit_condemns_at_once_when_a_later_choice_becomes_ready() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let next = bench.fall_back(How::Exited);
    assert_eq!(chosen(&next), is("1.1.0", Source::Previous));
    assert_eq!(
        bench.bad(),
        [("1.2.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    let pointer = bench.pointer();
    assert_eq!((pointer.id(), pointer.trial), (id("1.1.0"), None));
    assert!(!bench.is_stored("1.2.0") && !bench.path("records/1.2.0.json").exists());
    assert!(bench.is_stored("1.1.0"));
}

#[test]
fn condemning_the_only_stored_version_removes_the_pointer() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let next = bench.fall_back(How::Exited);
    assert_eq!(chosen(&next), is("1.0.0", Source::Bundled));
    assert!(!bench.path("current.json").exists());
    assert!(!bench.is_stored("1.1.0"));
}

#[test]
fn nothing_is_condemned_before_a_later_choice_is_ready() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    let attempts = taken(&launch);
    let failures = [Bench::fail(launch, How::Exited)];
    let bundled = bench.begin_after(&failures);
    assert_eq!(chosen(&bundled), is("1.0.0", Source::Bundled));
    // Bundled fails too: the environment is at fault, and the attempt goes back.
    bench.store.give_back(&attempts).unwrap();
    assert_eq!(bench.bad(), []);
    assert_eq!(bench.attempts_left(), 2);
    assert!(bench.is_stored("1.1.0"));
}

#[test]
fn a_time_out_or_a_foreign_kill_condemns_when_no_attempts_are_left() {
    for how in [How::TimedOut, How::Killed] {
        let bench = Bench::new();
        bench.stage("1.1.0");
        drop(bench.fall_back(how));
        assert_eq!(bench.bad(), [], "{how:?}");
        assert_eq!(bench.attempts_left(), 1);
        drop(bench.fall_back(how));
        assert_eq!(
            bench.bad(),
            [("1.1.0".to_owned(), BadReason::NotReadyInTime)]
        );
    }
}

#[test]
fn the_environment_condemns_nobody_and_gives_the_attempt_back() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    for _ in 0..4 {
        drop(bench.fall_back(How::Environment));
    }
    assert_eq!(bench.bad(), []);
    assert_eq!(bench.attempts_left(), 2);
}

#[test]
fn launches_that_die_without_a_word_use_the_attempts_up_and_then_condemn() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    drop(bench.begin());
    drop(bench.begin());
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
    assert_eq!(why(&launch), &WhyNot::NoVerdict);
    assert_eq!(launch.failures[0].how, How::NoVerdict);
    assert_eq!(bench.bad(), [], "condemned before anything was ready");
    bench.ready(&launch, &launch.failures).unwrap();
    assert_eq!(bench.bad(), [("1.2.0".to_owned(), BadReason::NoVerdict)]);
    assert_eq!(bench.pointer().id(), id("1.1.0"));
}

#[test]
fn a_confirmed_version_that_fails_is_passed_over_for_this_launch_only() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let next = bench.fall_back(How::Exited);
    assert_eq!(chosen(&next), is("1.0.0", Source::Bundled));
    assert_eq!(bench.bad(), []);
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}

#[test]
fn a_trial_that_another_process_is_starting_is_neither_started_nor_condemned_here() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let theirs = bench.begin();
    let other = bench.other_process();
    let ours = other.begin_launch(&bench.shell, Asked::ByPerson, &[], now());
    assert_eq!(chosen(&ours), is("1.1.0", Source::Previous));
    assert_eq!(why(&ours), &WhyNot::OnTrialElsewhere);
    assert_eq!(bench.store.resolve(&bench.shell, now()).version, v("1.1.0"));
    other.ready(&ours, &ours.failures, now()).unwrap();
    assert_eq!((bench.attempts_left(), bench.bad()), (1, vec![]));
    // Once theirs is ready, it is everybody's choice, without an attempt.
    bench.ready(&theirs, &[]).unwrap();
    let ours = other.begin_launch(&bench.shell, Asked::ByPerson, &[], now());
    assert_eq!(chosen(&ours), is("1.2.0", Source::Pointer));
    assert!(ours.taken.is_none());
}

#[test]
fn the_last_attempt_in_use_elsewhere_is_not_taken_for_a_missing_verdict() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    drop(bench.begin());
    let _theirs = bench.begin();
    assert_eq!(bench.attempts_left(), 0);
    let ours = bench.begin();
    assert_eq!(why(&ours), &WhyNot::OnTrialElsewhere);
    assert!(ours.failures.is_empty());
}

#[test]
fn a_guard_that_joined_the_lease_keeps_the_trial_alive_after_the_shell_died() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    let guard = Lease::join(launch.lease.as_ref().unwrap().path()).unwrap();
    drop(launch);
    assert_eq!(why(&bench.begin()), &WhyNot::OnTrialElsewhere);
    drop(guard);
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}

#[test]
fn a_folder_in_use_is_not_removed_by_condemning() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    let guard = Lease::join(launch.lease.as_ref().unwrap().path()).unwrap();
    let failures = [Bench::fail(launch, How::Exited)];
    let next = bench.begin_after(&failures);
    bench.ready(&next, &failures).unwrap();
    assert_eq!(bench.bad().len(), 1);
    assert!(!bench.path("current.json").exists());
    assert!(bench.is_stored("1.1.0"));
    drop(guard);
    bench.store.gc().unwrap();
    assert!(!bench.is_stored("1.1.0"));
}

#[test]
fn if_the_bad_list_cannot_be_written_pointer_and_folder_stay() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let failures = [Bench::fail(bench.begin(), How::Exited)];
    let next = bench.begin_after(&failures);
    let before = fs::read(bench.path("current.json")).unwrap();
    fs::write(bench.path("bad-versions.json"), r#"{"schema":9,"bad":[]}"#).unwrap();
    let error = bench.ready(&next, &failures).unwrap_err().to_string();
    assert!(error.contains("bad-versions.json"), "{error}");
    assert_eq!(fs::read(bench.path("current.json")).unwrap(), before);
    assert!(bench.is_stored("1.2.0"));
    assert_eq!(chosen(&next), is("1.1.0", Source::Previous));
}

#[test]
fn a_pointer_that_moved_on_while_an_older_launch_fails_is_left_alone() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let failures = [Bench::fail(bench.begin(), How::Exited)];
    let next = bench.begin_after(&failures);
    bench.stage("1.3.0");
    bench.ready(&next, &failures).unwrap();
    assert_eq!(
        bench.bad(),
        [("1.2.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    let pointer = bench.pointer();
    assert_eq!(pointer.id(), id("1.3.0"));
    assert_eq!(pointer.previous.unwrap().id(), id("1.1.0"));
    assert!(bench.is_stored("1.3.0") && !bench.is_stored("1.2.0"));
}

#[test]
fn a_version_published_again_with_other_content_is_not_condemned_for_the_old() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let failures = [Bench::fail(bench.begin(), How::Exited)];
    let next = bench.begin_after(&failures);
    let other = VersionId {
        version: v("1.1.0"),
        integrity: id("9.9.9").integrity,
    };
    bench.place_with(&other, Engines::default());
    bench.point_at(&other);
    bench.ready(&next, &failures).unwrap();
    assert_eq!(bench.pointer().id(), other);
    assert!(bench.is_stored("1.1.0"));
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}

#[test]
fn three_crashes_in_the_soak_condemn_as_a_crash_loop() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let mut launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    for crashes in 1..3 {
        let after = bench.store.crashed(&launch, now()).unwrap();
        assert_eq!(after, AfterCrash::Restart { crashes });
        drop(launch);
        launch = bench.begin();
        assert_eq!(chosen(&launch), is("1.2.0", Source::Pointer));
        bench.ready(&launch, &[]).unwrap();
    }
    let after = bench.store.crashed(&launch, now()).unwrap();
    assert_eq!(after, AfterCrash::Loop);
    let failures = [Bench::fail(launch, How::CrashLoop)];
    let next = bench.begin_after(&failures);
    assert_eq!(chosen(&next), is("1.1.0", Source::Previous));
    bench.ready(&next, &failures).unwrap();
    assert_eq!(bench.bad(), [("1.2.0".to_owned(), BadReason::CrashLoop)]);
    assert_eq!(bench.pointer().id(), id("1.1.0"));
}

#[test]
fn a_version_that_exits_before_ready_in_its_soak_is_condemned_like_any_trial() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    drop(launch);
    drop(bench.fall_back(How::Exited));
    assert_eq!(
        bench.bad(),
        [("1.1.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
}

#[test]
fn a_time_out_in_the_soak_counts_as_a_crash() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    drop(launch);
    for crashes in 1..=2 {
        drop(bench.fall_back(How::TimedOut));
        assert_eq!(bench.bad(), []);
        assert_eq!(bench.pointer().trial.unwrap().crashes, crashes);
    }
    drop(bench.fall_back(How::TimedOut));
    assert_eq!(bench.bad(), [("1.1.0".to_owned(), BadReason::CrashLoop)]);
}

#[test]
fn a_confirmed_version_that_crashes_is_restarted() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    for _ in 0..5 {
        let after = bench.store.crashed(&launch, now()).unwrap();
        assert_eq!(after, AfterCrash::Restart { crashes: 0 });
    }
    let bundled = Bench::new().begin();
    let after = bench.store.crashed(&bundled, now()).unwrap();
    assert_eq!(after, AfterCrash::Restart { crashes: 0 });
}

#[test]
fn the_soak_counts_across_launches_and_its_end_confirms() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let (minute, soak) = (Duration::from_mins(1), Duration::from_mins(3));
    for left in [2, 1] {
        let launch = bench.begin();
        bench.ready(&launch, &[]).unwrap();
        let soaked = bench.store.soaked(&launch, minute, soak, now()).unwrap();
        let left = Duration::from_mins(left);
        assert_eq!(soaked, Soak::Soaking { left });
    }
    let launch = bench.begin();
    let soaked = bench.store.soaked(&launch, minute, soak, now()).unwrap();
    assert_eq!(soaked, Soak::Confirmed);
    let pointer = bench.pointer();
    assert_eq!(pointer.trial, None);
    assert_eq!(pointer.previous.unwrap().id(), id("1.1.0"));
    let soaked = bench.store.soaked(&launch, minute, soak, now()).unwrap();
    assert_eq!(soaked, Soak::NotOnTrial);
}

#[test]
fn a_soak_that_ends_after_the_pointer_moved_on_makes_the_version_previous() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    let half = Duration::from_mins(5);
    bench.store.soaked(&launch, half, half * 2, now()).unwrap();
    bench.stage("1.3.0");
    assert_eq!(bench.pointer().previous.unwrap().id(), id("1.1.0"));
    let soaked = bench.store.soaked(&launch, half, half * 2, now()).unwrap();
    assert_eq!(soaked, Soak::Confirmed);
    let pointer = bench.pointer();
    assert_eq!(pointer.id(), id("1.3.0"));
    assert_eq!(pointer.previous.unwrap().id(), id("1.2.0"));
    assert_eq!(pointer.trial.unwrap().attempts_left, 2);
    assert_eq!(pointer.replaced, None);
}

#[test]
fn a_version_that_crashes_thrice_after_the_pointer_moved_on_is_listed_and_the_pointer_stays() {
    let bench = Bench::new();
    bench.stage("1.2.0");
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    bench.stage("1.3.0");
    for _ in 0..2 {
        bench.store.crashed(&launch, now()).unwrap();
    }
    let after = bench.store.crashed(&launch, now()).unwrap();
    assert_eq!(after, AfterCrash::Loop);
    let failures = [Bench::fail(launch, How::CrashLoop)];
    let next = bench.begin_after(&failures);
    assert_eq!(chosen(&next), is("1.3.0", Source::Pointer));
    bench.ready(&next, &failures).unwrap();
    assert_eq!(bench.bad(), [("1.2.0".to_owned(), BadReason::CrashLoop)]);
    let pointer = bench.pointer();
    assert_eq!((pointer.id(), pointer.replaced), (id("1.3.0"), None));
}

#[test]
fn a_pointer_at_or_below_bundled_is_cleared_by_a_launch() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.shell.bundled.version = v("1.1.0");
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Bundled));
    assert!(!bench.path("current.json").exists());
}

#[test]
fn a_pointer_to_a_missing_entry_is_cleared_to_previous() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    fs::remove_file(bench.entry("1.2.0")).unwrap();
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Previous));
    let pointer = bench.pointer();
    assert_eq!((pointer.id(), pointer.trial), (id("1.1.0"), None));
}

#[test]
fn a_pointer_unsuitable_for_this_shell_stays_for_one_that_it_suits() {
    let bench = Bench::new();
    let needs = Engines {
        node: None,
        refit: Some(">=2".to_owned()),
    };
    let id = bench.place_with(&id("1.1.0"), needs);
    bench.point_at(&id);
    assert_eq!(chosen(&bench.begin()), is("1.0.0", Source::Bundled));
    assert_eq!((bench.pointer().id(), bench.attempts_left()), (id, 2));
    let mut newer = bench.shell.clone();
    newer.host.shell = v("2.0.0");
    let launch = bench
        .store
        .begin_launch(&newer, Asked::Passively, &[], now());
    assert_eq!(chosen(&launch), is("1.1.0", Source::Pointer));
}

#[test]
fn an_invalid_pointer_is_set_aside_reported_and_bundled_runs() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    fs::write(bench.path("current.json"), "{").unwrap();
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert!(matches!(why(&launch), WhyNot::InvalidPointer(_)));
    let problems = bench.store.snapshot().problems;
    assert!(
        problems[0].contains("current.json.invalid-"),
        "{problems:?}"
    );
    assert!(!bench.path("current.json").exists());
}

#[test]
fn a_newer_shells_pointer_is_left_alone_and_bundled_runs() {
    let bench = Bench::new();
    let text = r#"{"schema":2,"version":"9.0.0"}"#;
    fs::write(bench.path("current.json"), text).unwrap();
    let launch = bench.begin();
    assert_eq!(why(&launch), &WhyNot::NewerSchema);
    bench.ready(&launch, &[]).unwrap();
    bench.store.gc().unwrap();
    assert_eq!(
        fs::read_to_string(bench.path("current.json")).unwrap(),
        text
    );
}

#[test]
fn an_unreadable_bad_list_is_set_aside_and_blocks_no_launch() {
    for bytes in [&b""[..], b"{\"schema\":1", b"\xFF\xFF", b"[]"] {
        let bench = Bench::new();
        bench.stage("1.1.0");
        fs::write(bench.path("bad-versions.json"), bytes).unwrap();
        assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
        assert!(!bench.path("bad-versions.json").exists());
        let problems = bench.store.snapshot().problems;
        assert!(problems[0].contains("bad-versions.json.invalid-"));
    }
}

#[test]
fn a_trial_whose_lease_cannot_be_written_is_not_launched_and_confirmed_versions_are() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.block_folder("leases");
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    fs::remove_file(bench.path("leases")).unwrap();
    let launch = bench.begin();
    assert!(matches!(why(&launch), WhyNot::CannotWrite(_)), "{launch:?}");
    assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
    assert!(launch.lease.is_none());
    assert_eq!(bench.attempts_left(), 2);
}

#[test]
fn a_store_whose_lock_cannot_be_taken_runs_bundled() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.block("lock");
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert!(matches!(why(&launch), WhyNot::CannotRead(_)));
}

#[test]
fn a_failure_of_bundled_lists_nothing() {
    let bench = Bench::new();
    let launch = bench.begin();
    let failures = [failure(&launch, How::Exited)];
    assert_eq!(bench.ready(&launch, &failures).unwrap(), []);
    assert!(!bench.path("bad-versions.json").exists());
}

#[test]
fn unknown_fields_of_the_pointer_survive_every_transition() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let path = bench.path("current.json");
    let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    value["a"] = 1.into();
    value["trial"]["b"] = 2.into();
    value["previous"]["c"] = 3.into();
    fs::write(&path, value.to_string()).unwrap();
    let launch = bench.begin();
    bench.ready(&launch, &[]).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(
        (&value["a"], &value["trial"]["b"], &value["previous"]["c"]),
        (&1.into(), &2.into(), &3.into())
    );
}

#[test]
fn a_pointer_to_what_a_newer_shell_staged_is_passed_over_and_left_as_it_is() {
    for confirmed in [true, false] {
        let bench = Bench::new();
        bench.confirm("1.1.0");
        bench.stage("1.2.0");
        if confirmed {
            bench.confirm("1.2.0");
        }
        bench.write_newer_record("1.2.0");
        let pointer = fs::read(bench.path("current.json")).unwrap();

        let launch = bench.begin();
        assert_eq!(chosen(&launch), ("1.1.0".to_owned(), Source::Previous));
        assert_eq!(launch.choice.passed_over[0].why, WhyNot::NewerSchema);
        assert_eq!(launch.taken, None);
        bench.ready(&launch, &launch.failures).unwrap();
        bench.store.gc().unwrap();
        assert_eq!(fs::read(bench.path("current.json")).unwrap(), pointer);
        assert!(bench.is_stored("1.2.0"));
        assert!(bench.path("records/1.2.0.json").exists());
        assert_eq!(bench.store.snapshot().problems, [""; 0]);
        assert!(
            bench.store.verify(Some(&v("1.2.0"))).unwrap()[0]
                .problem
                .as_ref()
                .is_some_and(|problem| problem.contains("newer shell"))
        );
    }
}

#[test]
fn a_version_whose_record_is_gone_or_unreadable_costs_no_more_than_itself() {
    for record in [None, Some(""), Some("{\"schema\":1,"), Some("\u{feff}{}")] {
        let bench = Bench::new();
        bench.confirm("1.1.0");
        bench.confirm("1.2.0");
        let path = bench.path("records").join("1.2.0.json");
        match record {
            None => fs::remove_file(&path).unwrap(),
            Some(text) => fs::write(&path, text).unwrap(),
        }
        // The confirmed version before it, not bundled, and no valid pointer is set aside.
        assert_eq!(
            chosen(&bench.begin()),
            is("1.1.0", Source::Previous),
            "{record:?}"
        );
        assert_eq!(bench.pointer().version, v("1.1.0"));
        assert!(
            !bench
                .store
                .snapshot()
                .problems
                .iter()
                .any(|it| it.contains("current.json"))
        );
    }
}

#[test]
fn a_previous_that_this_app_cannot_host_takes_the_place_of_what_is_condemned() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.amend_record("1.1.0", |record| {
        record.needs = Some(rollout::contract::Needs {
            contract: Some(2),
            requires: Vec::new(),
        });
    });
    bench.stage("1.2.0");
    let next = bench.fall_back(How::Exited);
    assert_eq!(chosen(&next), is("1.0.0", Source::Bundled));
    assert_eq!(bench.bad().len(), 1);
    assert_eq!(bench.pointer().id(), id("1.1.0"));
    drop(next);
    bench.store.gc().unwrap();
    bench.shell.offers.contract = 2;
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}
