use rollout::{Blocked, Terms};
use serde_json::json;

use crate::choose::{Source, WhyNot};
use crate::testing::{Bench, SOURCE, chosen, now, v};
use crate::{Asked, Launch};

/// Recalls 1.1.0; verified `days` after the bench's own terms.
fn recalling(source: &str, days: i64) -> Terms {
    let at = "2020-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap()
        + jiff::SignedDuration::from_hours(24 * days);
    serde_json::from_value(json!({
        "manifest": { "version": "1.3.0", "recalled": ["1.1.0"] },
        "source": source, "verifiedAt": at, "signed": true,
    }))
    .unwrap()
}

fn runs(bench: &Bench) -> String {
    bench.store.resolve(&bench.shell, now()).version.to_string()
}

fn whys(launch: &Launch) -> Vec<WhyNot> {
    let passed_over = launch.choice.passed_over.iter();
    passed_over.map(|it| it.why.clone()).collect()
}

#[test]
fn what_was_heard_counts_where_it_cannot_be_written_down() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.recall("1.1.0", &[]);
    bench.store.heard(Some(recalling(SOURCE, 1)));
    assert_eq!(chosen(&bench.begin()).0, "1.0.0");
    assert_eq!(runs(&bench), "1.0.0");
    assert!(bench.store.snapshot().recalls(&v("1.1.0")));
    // Clones are the same store; another process's is not.
    assert!(bench.store.clone().terms().unwrap().signed);
    assert!(!bench.other_process().terms().unwrap().signed);
    bench.store.heard(None);
    assert_eq!(runs(&bench), "1.1.0");
}

#[test]
fn another_processs_later_word_comes_before_it() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.recall("1.1.0", &[]);
    bench.store.heard(Some(recalling(SOURCE, -1)));
    assert_eq!(runs(&bench), "1.1.0");
}

#[test]
fn terms_of_whom_this_app_does_not_follow_hold_nothing_back() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.recall("1.1.0", &["1.1.0"]);
    assert_eq!(runs(&bench), "1.0.0");
    for source in [None, Some("https://other.example/latest.json".to_owned())] {
        bench.shell.source = source;
        assert_eq!(runs(&bench), "1.1.0");
        assert_eq!(bench.store.terms_for(&bench.shell), None);
        assert!(!bench.store.snapshot_for(&bench.shell).recalls(&v("1.1.0")));
        assert_eq!(chosen(&bench.begin()).0, "1.1.0");
    }
    // Others' are no obstacle to those of whom it follows.
    bench.shell.source = Some("x".to_owned());
    bench.store.heard(Some(recalling("x", -1)));
    assert_eq!(runs(&bench), "1.0.0");
}

#[test]
fn unsigned_terms_are_none_to_who_believes_signed_ones_only() {
    let mut bench = Bench::new();
    bench.stage("1.1.0");
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().signed = true);
    bench.shell.signed_only = true;
    bench.recall("1.1.0", &[]);
    let unheard = [WhyNot::Blocked(Blocked::Unheard)];
    assert_eq!(whys(&bench.begin()), unheard);
    let snapshot = bench.store.snapshot_for(&bench.shell);
    assert_eq!(
        snapshot.blocked(&bench.shell, now()),
        Some(Blocked::Unheard)
    );
    bench.hear(&json!({ "version": "1.1.0" }), &json!({ "signed": true }));
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
}

#[test]
fn without_terms_a_signed_trial_waits_whoever_asks_and_loses_nothing() {
    let mut bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().signed = true);
    bench.shell.signed_only = true;
    let before = bench.pointer();
    for asked in [Asked::Passively, Asked::ByPerson] {
        for bytes in ["", "{", r#"{"schema":2}"#] {
            std::fs::write(bench.path("releases.json"), bytes).unwrap();
            let launch = bench.store.begin_launch(&bench.shell, asked, &[], now());
            assert_eq!(chosen(&launch), ("1.1.0".to_owned(), Source::Previous));
            assert_eq!(whys(&launch), [WhyNot::Blocked(Blocked::Unheard)]);
            assert!(launch.taken.is_none());
            assert_eq!(bench.pointer(), before);
        }
    }
    // It was ready once: only a recall ends that.
    bench.amend(|pointer| pointer.trial.as_mut().unwrap().ready_at = Some(now()));
    assert_eq!(chosen(&bench.begin()).0, "1.2.0");
}
