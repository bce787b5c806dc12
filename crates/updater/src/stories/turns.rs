//! When a version may come, and what that costs in requests.

use super::*;
use crate::{By, Outcome, UpdateEvent, Wanted};

#[tokio::test]
async fn held_is_one_request_to_the_host_and_none_to_the_registry() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    for asked in 1..=3 {
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
        assert_eq!(report.bucket, Some(49));
        assert_eq!(report.delay_seconds, Some(3600));
        assert_eq!(report.eligible_at, Some(at("2026-06-12T09:00:00Z")));
        assert!(report.from_manifest && !report.bypassed && report.trouble.is_none());
        assert_eq!((bench.host.asked(), bench.registry.asked()), (asked, 0));
    }
    let last = &bench.host.server.seen()[2];
    assert!(last.header("if-none-match").is_some());
    assert_eq!(bench.staged(), None);
}

#[tokio::test]
async fn nothing_new_is_one_request_that_304_answers() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["version"] = json!("1.0.0");
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.move_clock(at("2026-06-12T09:30:00Z"));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("none", "not-newer", Some("1.0.0")));
    assert_eq!((bench.host.asked(), bench.registry.asked()), (2, 0));
    // A 304 is news all the same: so it still is.
    let terms = bench.releases().manifest.unwrap();
    assert_eq!(terms.verified_at, at("2026-06-12T09:30:00Z"));
    let status = updater.status().borrow().clone();
    assert_eq!(status.checked_at, Some(at("2026-06-12T09:30:00Z")));
    assert_eq!(status.terms.unwrap().verified_at, Some(terms.verified_at));
}

#[tokio::test]
async fn time_alone_flips_it_with_the_host_off() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.host.down();
    bench.move_clock(at("2026-06-12T08:59:59Z"));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    bench.move_clock(at("2026-06-12T09:00:00Z"));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert_eq!(report.trouble.unwrap().kind, "registry-busy");
    assert_eq!(bench.staged(), Some(("1.1.0".into(), true)));
    let view = updater.status().borrow().terms.clone().unwrap();
    assert_eq!(view.verified_at, Some(start()));
    assert!(view.trouble.unwrap().contains("HTTP 503"));
}

#[tokio::test]
async fn a_person_waits_for_no_turn() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    let looked = updater.look(By::Person).await.unwrap();
    assert_eq!(said(&looked), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(bench.staged(), None);
    let report = updater.check(By::Person).await.unwrap();
    assert!(report.bypassed);
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert_eq!(bench.staged(), Some(("1.1.0".into(), false)));
    let again = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&again), ("none", "already-staged", Some("1.1.0")));
}

#[tokio::test]
async fn what_the_timer_staged_is_asked_for_once_a_person_checks() {
    let bench = Bench::new().await;
    bench.manifest(everyone);
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    assert_eq!(bench.staged(), Some(("1.1.0".into(), true)));
    updater.check(By::Person).await.unwrap();
    assert_eq!(bench.staged(), Some(("1.1.0".into(), false)));
}

#[tokio::test]
async fn what_is_staged_and_whose_turn_was_put_off_is_not_said_to_be_ready() {
    let bench = Bench::new().await;
    bench.manifest(everyone);
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.manifest(|_| {});
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    assert!(report.message.contains("is staged"), "{}", report.message);
    // A person's check is all that it takes.
    let report = updater.check(By::Person).await.unwrap();
    assert_eq!(said(&report), ("none", "already-staged", Some("1.1.0")));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("none", "already-staged", Some("1.1.0")));
}

#[tokio::test]
async fn a_person_who_joins_a_gated_check_asks_again() {
    let bench = Bench::new().await;
    let slow = Reply::json(&hour(|_| {})).dripping(60, Duration::from_millis(60));
    bench.host.answer("/latest.json", slow);
    let updater = bench.updater(bench.plain());
    let timer = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Timer).await })
    };
    while bench.host.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let person = updater.check(By::Person).await.unwrap();
    assert_eq!(said(&timer.await.unwrap().unwrap()).0, "hold");
    assert_eq!(said(&person), ("stage", "eligible", Some("1.1.0")));
    assert_eq!(bench.host.asked(), 2);
}

#[tokio::test]
async fn a_person_who_joins_a_check_that_spares_a_timer_the_download_asks_again() {
    let bench = Bench::new().await;
    let manifest = r#"{"name":"demo","version":"1.1.0"}"#;
    let bytes = crate::testing::tarball(&[("package.json", manifest)]);
    let listed = packument("demo", &bench.registry.server.origin, &[("1.1.0", &bytes)]);
    bench.registry.put("/demo", listed.to_string());
    bench.registry.put("/demo/-/demo-1.1.0.tgz", bytes);
    let updater = bench.updater(Policy::registry(Timestamp::UNIX_EPOCH));
    let error = updater.check(By::Timer).await.unwrap_err();
    assert_eq!(error.kind(), "no-entry");
    let slow = Reply::json(&listed).dripping(60, Duration::from_millis(40));
    bench.registry.answer("/demo", slow);
    let asked = bench.registry.asked();
    let timer = {
        let updater = updater.clone();
        tokio::spawn(async move { updater.check(By::Timer).await })
    };
    while bench.registry.asked() == asked {
        tokio::task::yield_now().await;
    }
    let error = updater.check(By::Person).await.unwrap_err();
    assert_eq!(error.kind(), "no-entry");
    let spared = timer.await.unwrap().unwrap();
    assert_eq!(said(&spared), ("hold", "refused-before", Some("1.1.0")));
}

#[tokio::test]
async fn experimental_and_critical_wait_for_no_turn_either_and_say_so() {
    for (critical, reason) in [(false, "experimental"), (true, "critical")] {
        let bench = Bench::new().await;
        bench.manifest(|it| it["critical"] = json!(critical));
        let policy = Policy {
            experimental: !critical,
            ..bench.plain()
        };
        let report = bench.updater(policy).check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("stage", reason, Some("1.1.0")));
        assert!(report.bypassed && report.staged.is_some());
    }
}

#[tokio::test]
async fn who_is_held_may_move_to_stable_meanwhile() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["version"] = json!("1.2.0");
        it["stable"] = json!("1.1.0");
    });
    let updater = bench.updater(bench.plain());
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "held", Some("1.1.0")));
    assert_eq!(bench.staged().unwrap().0, "1.1.0");
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.2.0")));
    bench.move_clock(at("2026-06-12T09:00:00Z"));
    updater.check(By::Timer).await.unwrap();
    assert_eq!(bench.staged().unwrap().0, "1.2.0");
}

#[tokio::test]
async fn a_pinned_device_gets_its_version_and_no_other() {
    for manifest in [true, false] {
        let bench = Bench::new().await;
        if manifest {
            bench.manifest(|it| it["version"] = json!("1.2.0"));
        }
        let policy = Policy {
            pin: Some(v("1.1.0")),
            ..bench.plain()
        };
        let updater = bench.updater_of("1.1.0", policy);
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("stage", "pinned", Some("1.1.0")));
        bench.running.send_replace(Some(v("1.1.0")));
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!((report.reason.as_str(), report.staged), ("pinned", None));
        assert_eq!(bench.staged().unwrap().0, "1.1.0");
    }
}

#[tokio::test]
async fn a_clock_that_is_behind_is_replaced_by_the_latest_signed_time() {
    let bench = Bench::new().await;
    bench.manifest(|it| it["signedAt"] = json!("2026-06-12T10:00:00Z"));
    let updater = bench.updater(bench.plain());
    // An hour before this was written, so it cannot be that early.
    let report = updater.look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    // A later manifest that says nothing of its time does not take it back.
    bench.manifest(|it| it["publishedAt"] = json!("2026-06-12T08:30:00Z"));
    bench.move_clock(Timestamp::UNIX_EPOCH);
    let report = updater.look(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));

    let bench = Bench::new().await;
    bench.manifest(|_| {});
    bench.move_clock(Timestamp::UNIX_EPOCH);
    let built = |text: &str| Policy {
        built_at: at(text),
        ..bench.plain()
    };
    let early = bench.updater(built("2026-06-12T08:59:59Z"));
    assert_eq!(early.look(By::Timer).await.unwrap().reason, "held");
    let late = bench.updater(built("2026-06-12T09:00:00Z"));
    assert_eq!(late.look(By::Timer).await.unwrap().reason, "eligible");
}

#[tokio::test]
async fn a_device_without_an_id_waits_with_the_slowest_and_draws_none_again() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["rollout"] =
            json!([{"percent": 99, "delaySeconds": 0}, {"percent": 1, "delaySeconds": 7200}]);
    });
    let id = bench.file("device-id");
    std::fs::remove_file(&id).unwrap();
    // Nothing can be read, written or set aside there.
    std::fs::rename(bench.file("lock"), bench.file("lock-before")).unwrap_or_default();
    std::fs::create_dir(bench.file("lock")).unwrap();
    let updater = bench.updater(bench.plain());
    for _ in 0..2 {
        let report = updater.look(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
        assert_eq!((report.bucket, report.delay_seconds), (None, Some(7200)));
    }
    assert!(!id.exists());
}

#[tokio::test]
async fn a_named_version_waits_for_no_turn() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let updater = bench.updater(bench.plain());
    let wanted = Wanted::Version(v("1.1.0"));
    let report = updater.stage(wanted, false).await.unwrap();
    assert_eq!(report.outcome, Outcome::Staged);
    assert_eq!(bench.staged(), Some(("1.1.0".into(), false)));
}

/// In real time: the turn comes after two seconds, and nobody asks.
#[tokio::test]
async fn the_timer_wakes_when_the_turn_comes_and_needs_no_host_then() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let begun = Timestamp::now();
    bench.move_clock(at("2026-06-12T08:59:58Z"));
    let policy = bench.plain();
    let offset = at("2026-06-12T08:59:58Z").duration_since(begun);
    let clock = Clock(Arc::new(move || Timestamp::now() + offset));
    let updater = bench.updater_by(clock, policy, Duration::ZERO);
    let mut events = updater.events();
    let UpdateEvent::Checked(first) = events.recv().await.unwrap() else {
        panic!("it was not its turn");
    };
    assert_eq!(first.reason, "held");
    bench.host.down();
    let next = updater.status().borrow().next_check_at;
    let staged = tokio::time::timeout(Duration::from_secs(30), events.recv());
    let staged = staged.await.unwrap().unwrap();
    assert_eq!(
        staged,
        UpdateEvent::Staged {
            version: v("1.1.0")
        }
    );
    let device = bench.store.device_id().unwrap().id;
    let pause = crate::schedule::after_turn(&device, Duration::from_mins(30));
    assert!(next.is_none_or(|next| next <= at("2026-06-12T09:00:00Z") + pause));
    assert_eq!(bench.staged(), Some(("1.1.0".into(), true)));
    updater.stop().await;
}
