//! Recalls, and trials that may not be launched yet or no more, from the disk to the choice.

use std::fs;
use std::time::Duration;

use jiff::SignedDuration;
use rollout::BadReason;
use serde_json::{Value, json};

use super::*;
use crate::choose::{Source, WhyNot};
use crate::failure::How;
use crate::testing::{Bench, chosen, id, now, taken, v};
use crate::{Asked, Launch, RollBack, Soak};

fn is(version: &str, source: Source) -> (String, Source) {
    (version.to_owned(), source)
}

fn whys(launch: &Launch) -> Vec<WhyNot> {
    let passed_over = launch.choice.passed_over.iter();
    passed_over.map(|it| it.why.clone()).collect()
}

fn hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

/// 1.3.0 reaches everyone an hour from now.
fn in_an_hour() -> Value {
    json!({ "version": "1.3.0", "publishedAt": now(), "stable": "1.1.0",
        "rollout": [{ "percent": 100, "delaySeconds": 3600 }] })
}

fn held() -> Blocked {
    Blocked::Held {
        eligible_at: Some(hours(1)),
    }
}

impl Bench {
    fn begin_at(&self, now: Timestamp) -> Launch {
        self.store
            .begin_launch(&self.shell, Asked::Passively, &[], now)
    }

    fn blocked(&self, now: Timestamp) -> Option<Blocked> {
        self.store.snapshot().blocked(&self.shell, now)
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }
}

#[test]
fn terms_are_read_as_the_updater_keeps_them() {
    let bench = Bench::new();
    assert_eq!(bench.store.terms(), None);
    bench.hear(
        &in_an_hour(),
        &json!({ "signed": true, "expires": hours(2), "etag": "\"1\"" }),
    );
    let terms = bench.store.terms().unwrap();
    assert_eq!(terms.manifest.version, v("1.3.0"));
    assert_eq!((terms.signed, terms.expires), (true, Some(hours(2))));
    assert_eq!(bench.store.snapshot().terms, Some(terms));
}

#[test]
fn what_is_not_terms_reads_as_none_and_stays_where_it_is() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let good = json!({ "manifest": { "version": "2.0.0", "recalled": ["1.1.0"] },
        "source": "x", "verifiedAt": "2020-01-01T00:00:00Z" });
    for bytes in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        json!({ "manifest": good }).to_string(),
        json!({ "schema": 0, "manifest": good }).to_string(),
        json!({ "schema": 1 }).to_string(),
        json!({ "schema": 1, "manifest": null }).to_string(),
        json!({ "schema": 1, "manifest": "1.3.0" }).to_string(),
        json!({ "schema": 1, "manifest": { "manifest": { "version": "../1" } } }).to_string(),
        "[".repeat(100_000),
    ] {
        fs::write(bench.path("releases.json"), &bytes).unwrap();
        assert_eq!(bench.store.terms(), None, "{bytes:.80}");
        assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
        assert_eq!(bench.file("releases.json"), bytes.as_bytes());
    }
    assert_eq!(bench.store.snapshot().problems, Vec::<String>::new());
    bench.block("releases.json");
    assert_eq!(bench.store.terms(), None);
    assert!(bench.path("releases.json").is_dir(), "it was moved");
}

#[test]
fn a_recalled_version_is_passed_over_and_comes_back_when_the_recall_is_over() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    let before = bench.file("current.json");
    bench.recall("1.1.0", &["1.2.0"]);
    for asked in [Asked::Passively, Asked::ByPerson] {
        let launch = bench.store.begin_launch(&bench.shell, asked, &[], now());
        assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
        assert_eq!(whys(&launch), [WhyNot::Recalled]);
        assert_eq!(launch.choice.passed_over[0].version, Some(v("1.2.0")));
        bench.ready(&launch, &[]).unwrap();
    }
    assert_eq!(bench.blocked(now()), Some(Blocked::Recalled));

    bench.recall("1.1.0", &["1.2.0", "1.1.0", "1.0.0"]);
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert_eq!(whys(&launch), [WhyNot::Recalled, WhyNot::Recalled]);
    drop(launch);
    bench.store.gc().unwrap();

    assert_eq!(bench.bad(), [], "a recall lists nothing");
    assert_eq!(bench.file("current.json"), before);
    bench.recall("1.2.0", &[]);
    assert_eq!(chosen(&bench.begin()), is("1.2.0", Source::Pointer));
    assert_eq!(bench.blocked(now()), None);
}

#[test]
fn a_recalled_trial_costs_no_attempt_and_its_spent_attempts_are_no_failure() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.recall("1.3.0", &["1.2.0"]);
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
    assert_eq!((taken(&launch), bench.attempts_left()), (Vec::new(), 2));
    drop(launch);

    bench.amend(|pointer| pointer.trial.as_mut().unwrap().attempts_left = 0);
    let launch = bench.begin();
    assert!(launch.failures.is_empty());
    bench.ready(&launch, &launch.failures).unwrap();
    assert_eq!(bench.bad(), []);
    drop(launch);
    // Once it is over, what happened before counts again.
    bench.recall("1.3.0", &[]);
    let launch = bench.begin();
    assert_eq!(launch.failures[0].how, How::NoVerdict);
}

#[test]
fn a_useless_pointer_gives_way_to_a_recalled_previous_version_which_waits() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.confirm("1.2.0");
    bench.recall("1.3.0", &["1.1.0"]);
    fs::remove_file(bench.entry("1.2.0")).unwrap();
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert_eq!(whys(&launch), [WhyNot::MissingEntry, WhyNot::Recalled]);
    assert_eq!(bench.pointer().id(), id("1.1.0"));
    bench.store.gc().unwrap();
    bench.recall("1.3.0", &[]);
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}

#[test]
fn condemning_a_trial_over_a_recalled_version_keeps_that_for_later() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.recall("1.2.0", &["1.1.0"]);
    let launch = bench.fall_back(How::Exited);
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert_eq!(
        bench.bad(),
        [("1.2.0".to_owned(), BadReason::ExitedBeforeReady)]
    );
    assert!(!bench.is_stored("1.2.0"));
    assert_eq!(
        (bench.pointer().id(), bench.pointer().trial),
        (id("1.1.0"), None)
    );
    drop(launch);
    bench.store.gc().unwrap();
    bench.recall("1.2.0", &[]);
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Pointer));
}

#[test]
fn a_trial_whose_turn_has_not_come_waits_and_costs_nothing() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &Value::Null);
    let before = bench.file("current.json");
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
    assert_eq!(whys(&launch), [WhyNot::Blocked(held())]);
    assert_eq!(taken(&launch), []);
    bench.ready(&launch, &[]).unwrap();
    drop(launch);
    bench.store.gc().unwrap();
    assert_eq!(bench.file("current.json"), before);
    assert_eq!(bench.blocked(now()), Some(held()));
    assert_eq!(bench.store.resolve(&bench.shell, now()).version, v("1.1.0"));

    // With its attempts spent it still waits: nothing is condemned for being early.
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().attempts_left = 0);
    assert!(bench.begin().failures.is_empty());
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().attempts_left = 2);

    // To the second.
    let second = SignedDuration::from_secs(1);
    assert_eq!(chosen(&bench.begin_at(hours(1) - second)).0, "1.1.0");
    assert_eq!(bench.blocked(hours(1)), None);
    let resolved = bench.store.resolve(&bench.shell, hours(1));
    assert_eq!(resolved.version, v("1.3.0"));
    let launch = bench.begin_at(hours(1));
    assert_eq!(chosen(&launch), is("1.3.0", Source::Pointer));
    assert_eq!(bench.attempts_left(), 1);
}

#[test]
fn a_person_or_the_switch_lets_it_past_the_gate() {
    let mut bench = Bench::new();
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &Value::Null);
    let by_person = |bench: &Bench| {
        let asked = Asked::ByPerson;
        chosen(&bench.store.begin_launch(&bench.shell, asked, &[], now())).0
    };
    assert_eq!(by_person(&bench), "1.3.0");
    assert_eq!(chosen(&bench.begin()).0, "1.0.0");
    bench.shell.experimental = true;
    assert_eq!(bench.blocked(now()), None);
    assert_eq!(bench.store.resolve(&bench.shell, now()).version, v("1.3.0"));
    // `REFIT_NO_AUTO_UPDATE` beats it.
    bench.shell.launch_trials = false;
    let launch = bench.begin();
    assert_eq!(whys(&launch), [WhyNot::TrialsOff]);
}

#[test]
fn what_a_person_asked_for_waits_for_no_turn() {
    let bench = Bench::new();
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &Value::Null);
    assert!(!bench.store.asked_for(&v("1.2.0")).unwrap());
    assert_eq!(bench.blocked(now()), Some(held()));
    assert!(bench.store.asked_for(&v("1.3.0")).unwrap());
    assert_eq!(bench.blocked(now()), None);
    assert_eq!(chosen(&bench.begin()), is("1.3.0", Source::Pointer));
    assert!(!Bench::new().store.asked_for(&v("1.3.0")).unwrap());
}

#[test]
fn a_trial_whose_manifest_expired_is_not_launched_by_anybody() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.3.0");
    bench.hear(
        &json!({ "version": "1.3.0" }),
        &json!({ "signed": true, "expires": hours(1) }),
    );
    bench.shell.experimental = true;
    let expired = Blocked::Expired { since: hours(1) };
    for asked in [Asked::Passively, Asked::ByPerson] {
        let launch = bench.store.begin_launch(&bench.shell, asked, &[], hours(1));
        assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
        assert_eq!(whys(&launch), [WhyNot::Blocked(expired)]);
    }
    assert_eq!(bench.attempts_left(), 2);
    assert_eq!(bench.blocked(hours(1)), Some(expired));
    assert_eq!(chosen(&bench.begin()).0, "1.3.0", "a moment before");
}

#[test]
fn time_takes_nothing_from_what_was_ready_once() {
    let bench = Bench::new();
    bench.hear(
        &in_an_hour(),
        &json!({ "signed": true, "expires": hours(1) }),
    );
    bench.stage_gated("1.3.0");
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().ready_at = Some(now()));
    for trial in [true, false] {
        for now in [Timestamp::UNIX_EPOCH, hours(-9000), hours(0), hours(9000)] {
            let launch = bench.begin_at(now);
            assert_eq!(chosen(&launch).0, "1.3.0", "at {now}, on trial: {trial}");
            assert_eq!(bench.blocked(now), None);
        }
        bench.amend(|pointer| pointer.trial = None);
    }
}

#[test]
fn a_turn_that_had_come_stays_when_the_clock_goes_back() {
    let bench = Bench::new();
    bench.stage_gated("1.3.0");
    bench.amend(|pointer| pointer.staged_at = hours(1));
    bench.hear(&in_an_hour(), &Value::Null);
    let launch = bench.begin_at(hours(-24));
    assert_eq!(chosen(&launch), is("1.3.0", Source::Pointer));
}

#[test]
fn a_clock_behind_this_build_or_the_last_signature_is_not_believed() {
    let mut bench = Bench::new();
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &Value::Null);
    let dead_battery = Timestamp::UNIX_EPOCH;
    assert_eq!(bench.blocked(dead_battery), Some(held()));
    bench.hear(&in_an_hour(), &json!({ "floor": hours(1) }));
    assert_eq!(bench.blocked(dead_battery), None);
    bench.hear(&in_an_hour(), &Value::Null);
    bench.shell.built_at = hours(1);
    assert_eq!(chosen(&bench.begin_at(dead_battery)).0, "1.3.0");
}

#[test]
fn the_device_that_has_an_id_has_its_own_place_and_one_without_the_last() {
    let bench = Bench::new();
    bench.stage_gated("1.3.0");
    // Every bucket but the slowest has it at once.
    let plan =
        json!([{ "percent": 100, "delaySeconds": 0 }, { "percent": 1, "delaySeconds": 3600 }]);
    let mut manifest = in_an_hour();
    manifest["rollout"] = plan;
    bench.hear(&manifest, &Value::Null);
    let slowest = bench.blocked(now());
    assert!(matches!(slowest, Some(Blocked::Held { .. })), "{slowest:?}");
    bench.store.device_id().unwrap();
    assert_eq!(bench.blocked(now()), None);
    assert_eq!(chosen(&bench.begin()).0, "1.3.0");
}

#[test]
fn a_recalled_version_whose_soak_ends_does_not_push_out_what_to_fall_back_to() {
    let soak = Duration::from_mins(1);
    for (recalled, previous) in [(vec!["1.2.0"], "1.1.0"), (Vec::new(), "1.2.0")] {
        let bench = Bench::new();
        bench.confirm("1.1.0");
        bench.stage("1.2.0");
        let running = bench.begin();
        bench.ready(&running, &[]).unwrap();
        bench.stage("1.3.0");
        bench.recall("1.3.0", &recalled);
        let soaked = bench.store.soaked(&running, soak, soak, now()).unwrap();
        assert_eq!(soaked, Soak::Confirmed);
        let pointer = bench.pointer();
        assert_eq!(pointer.previous.unwrap().version, v(previous));
        assert_eq!(pointer.replaced, None);
    }
}

#[test]
fn a_trial_that_is_recalled_while_it_runs_goes_at_its_next_launch() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let running = bench.begin();
    bench.ready(&running, &[]).unwrap();
    bench.recall("1.1.0", &["1.2.0"]);
    // It crashes, as it may: that is its own doing and counts.
    bench.store.crashed(&running, now()).unwrap();
    drop(running);
    let next = bench.begin();
    assert_eq!(chosen(&next), is("1.1.0", Source::Previous));
    bench.ready(&next, &[]).unwrap();
    assert_eq!(bench.bad(), []);
    assert_eq!(bench.pointer().trial.unwrap().crashes, 1);
}

#[test]
fn an_order_back_to_a_version_by_name_is_past_the_gate() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &Value::Null);
    let order = RollBack::PersonTo(v("1.3.0"));
    bench.store.roll_back(&bench.shell, order, now()).unwrap();
    assert_eq!(chosen(&bench.begin()).0, "1.3.0");
}

/// A halt downgrades nobody, not even who has not ended the soak of what it had.
#[test]
fn what_is_held_back_takes_nothing_from_what_still_soaks() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    let soaking = bench.begin();
    bench.ready(&soaking, &[]).unwrap();
    bench.stage_gated("1.3.0");
    drop(soaking);
    let withdrawn = json!({ "version": "1.2.0", "publishedAt": now() });
    let recalled = json!({ "version": "1.2.0", "recalled": ["1.3.0"] });
    for terms in [in_an_hour(), withdrawn, recalled] {
        bench.hear(&terms, &json!({}));
        bench.store.gc().unwrap();
        let before = bench.file("current.json");
        let launch = bench.begin();
        assert_eq!(chosen(&launch), is("1.2.0", Source::Previous), "{terms}");
        assert_eq!(launch.choice.passed_over.len(), 1);
        assert_eq!(taken(&launch), []);
        assert_eq!(bench.file("current.json"), before, "nothing is written");
    }
    // Its soak goes on, and ends as it would have.
    let launch = bench.begin();
    let soak = Duration::from_mins(1);
    let soaked = bench.store.soaked(&launch, soak, soak, now()).unwrap();
    assert_eq!(soaked, Soak::Confirmed);
    assert_eq!(bench.pointer().previous.unwrap().version, v("1.2.0"));
    drop(launch);
    let failing = bench.begin();
    assert_eq!(chosen(&failing), is("1.2.0", Source::Previous));
    assert_eq!(failing.choice.trial, None);
}

#[test]
fn what_never_was_ready_is_not_gone_back_to() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.stage_gated("1.3.0");
    bench.hear(&in_an_hour(), &json!({}));
    assert_eq!(chosen(&bench.begin()), is("1.1.0", Source::Previous));
}

#[test]
fn terms_count_also_where_a_newer_shell_wrote_the_rest_of_the_file() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let terms = json!({ "manifest": { "version": "2.0.0", "recalled": ["1.1.0"] },
        "source": crate::testing::SOURCE, "verifiedAt": "2020-01-01T00:00:00Z" });
    let text = json!({ "schema": 2, "manifest": terms, "registry": "later" }).to_string();
    fs::write(bench.path("releases.json"), &text).unwrap();
    let launch = bench.begin();
    assert_eq!(chosen(&launch), is("1.0.0", Source::Bundled));
    assert_eq!(whys(&launch), [WhyNot::Recalled]);
    assert_eq!(bench.file("releases.json"), text.as_bytes());
}

/// 1.2.0 waits over the confirmed 1.1.0, and nobody vouches for it; then signed versions only.
fn unsigned() -> Bench {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.shell.signed_only = true;
    bench.hear(&json!({ "version": "1.2.0" }), &json!({ "signed": true }));
    bench
}

#[test]
fn what_nobody_vouches_for_is_passed_over_whoever_asks_and_stays_as_it_is() {
    let bench = unsigned();
    let before = bench.file("current.json");
    for asked in [Asked::Passively, Asked::ByPerson] {
        let launch = bench.store.begin_launch(&bench.shell, asked, &[], now());
        assert_eq!(chosen(&launch), is("1.1.0", Source::Previous));
        assert_eq!(whys(&launch), [WhyNot::Blocked(Blocked::NotSigned)]);
        assert!(taken(&launch).is_empty() && launch.failures.is_empty());
        bench.ready(&launch, &[]).unwrap();
    }
    assert_eq!(bench.file("current.json"), before);
    assert_eq!(bench.blocked(now()), Some(Blocked::NotSigned));
    bench.amend(|pointer| *pointer = crate::transition::vouched_for(pointer.clone()));
    assert_eq!(chosen(&bench.begin()), is("1.2.0", Source::Pointer));
}

#[test]
fn what_was_ready_before_goes_on_when_trust_is_turned_on() {
    let bench = unsigned();
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().ready_at = Some(now()));
    assert_eq!(chosen(&bench.begin()), is("1.2.0", Source::Pointer));
    bench.amend(|pointer| pointer.trial = None);
    assert_eq!(chosen(&bench.begin()), is("1.2.0", Source::Pointer));
}

#[test]
fn what_is_stored_under_a_name_is_gone_back_to_only_if_it_is_what_is_signed() {
    let bench = unsigned();
    let roll = |order| bench.store.roll_back(&bench.shell, order, now());
    let not_signed = |result| matches!(result, Err(crate::StoreError::NotSigned { .. }));
    let before = bench.file("current.json");
    for version in ["1.1.0", "1.2.0"] {
        assert!(
            not_signed(roll(RollBack::PersonTo(v(version)))),
            "{version}"
        );
        let mut other = id(version);
        other.integrity = id("9.9.9").integrity;
        assert!(
            not_signed(roll(RollBack::PersonToSigned(other))),
            "{version}"
        );
    }
    assert_eq!(bench.file("current.json"), before);
    roll(RollBack::PersonToSigned(id("1.2.0"))).unwrap();
    assert!(bench.pointer().trial.unwrap().signed);
    assert_eq!(chosen(&bench.begin()), is("1.2.0", Source::Pointer));
    // Bundled came with the app.
    roll(RollBack::PersonTo(v("1.0.0"))).unwrap();
    assert_eq!(chosen(&bench.begin()), is("1.0.0", Source::Bundled));
}

#[test]
fn going_back_leaves_what_runs_and_not_what_nobody_vouches_for() {
    let bench = unsigned();
    let order = RollBack::Person;
    let back = bench.store.roll_back(&bench.shell, order, now()).unwrap();
    let crate::RolledBack::To { from, to, .. } = back else {
        panic!("{back:?}");
    };
    assert_eq!((from, to), (Some(v("1.1.0")), v("1.0.0")));
    assert!(bench.bad().iter().all(|(version, _)| version != "1.2.0"));
}
