//! Versions that must no longer run.

use super::*;
use crate::{By, Outcome, Wanted};

#[tokio::test]
async fn who_runs_a_recalled_version_gets_the_older_stable_one() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.running.send_replace(Some(v("1.2.0")));
    bench.manifest(|it| {
        it["version"] = json!("1.2.0");
        it["recalled"] = json!(["1.2.0"]);
        it["stable"] = json!("1.1.0");
        everyone(it);
    });
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "recalled", Some("1.1.0")));
    assert_eq!(report.staged.unwrap().outcome, Outcome::Staged);
    assert_eq!(bench.staged().unwrap().0, "1.1.0");
    let view = updater.status().borrow().terms.clone().unwrap();
    assert_eq!(view.recalled, [v("1.2.0")]);
}

#[tokio::test]
async fn putting_back_an_older_version_halts_and_downgrades_nobody() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.running.send_replace(Some(v("1.2.0")));
    bench.manifest(everyone);
    for by in [By::Timer, By::Person] {
        let report = updater.check(by).await.unwrap();
        assert_eq!(said(&report), ("none", "not-newer", Some("1.1.0")));
    }
    assert_eq!(bench.staged().unwrap().0, "1.2.0");
}

#[tokio::test]
async fn putting_back_an_older_version_with_a_recall_is_told_as_one() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["version"] = json!("1.2.0");
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.manifest(|it| {
        it["recalled"] = json!(["1.2.0"]);
        everyone(it);
    });
    let instead = "Version 1.1.0 takes the place of 1.2.0, which was recalled";
    // Whether it runs or only waits.
    for running in [None, Some(v("1.2.0"))] {
        bench.running.send_replace(running);
        let report = updater.look(By::Person).await.unwrap();
        assert_eq!(report.version, Some(v("1.1.0")), "{report:?}");
        assert_eq!(report.message, instead);
    }
}

#[tokio::test]
async fn a_recalled_version_is_for_nobody_who_asks_for_it_either() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["recalled"] = json!(["1.1.0"]);
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    let report = updater.check(By::Person).await.unwrap();
    assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
    let file = bench.file("demo.tgz");
    std::fs::write(&file, version("demo", "1.1.0")).unwrap();
    let tarball = Wanted::Tarball {
        file,
        integrity: None,
    };
    for (wanted, older) in [
        (Wanted::Latest, false),
        (Wanted::Version(v("1.1.0")), false),
        (Wanted::Version(v("1.1.0")), true),
        (tarball, false),
    ] {
        let report = updater.stage(wanted, older).await.unwrap();
        assert_eq!(report.outcome, Outcome::Held);
        assert_eq!(report.reason, "recalled");
    }
    assert_eq!(bench.registry.asked(), 0);
    assert_eq!(bench.staged(), None);
    let report = updater.stage(Wanted::Version(v("1.2.0")), false).await;
    assert_eq!(report.unwrap().outcome, Outcome::Staged);
}

#[tokio::test]
async fn a_recall_is_over_when_the_list_is() {
    let bench = Bench::new().await;
    bench.manifest(|it| {
        it["recalled"] = json!(["1.1.0"]);
        everyone(it);
    });
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    bench.manifest(everyone);
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("stage", "eligible", Some("1.1.0")));
    assert!(report.staged.is_some());
    assert_eq!(bench.store.snapshot().bad, []);
}

#[tokio::test]
async fn what_waits_of_a_halted_ramp_is_in_nobodys_way() {
    for (by, staged) in [(By::Timer, "1.2.0"), (By::Person, "1.3.0")] {
        let bench = Bench::new().await;
        bench.publish(&["1.1.0", "1.2.0", "1.3.0"]);
        bench.manifest(|it| {
            it["version"] = json!("1.3.0");
            everyone(it);
        });
        let updater = bench.updater(bench.plain());
        updater.check(by).await.unwrap();
        assert_eq!(bench.staged().unwrap().0, "1.3.0");
        bench.manifest(|it| {
            it["version"] = json!("1.2.0");
            everyone(it);
        });
        updater.check(By::Timer).await.unwrap();
        // What a person asked for stays.
        assert_eq!(bench.staged().unwrap().0, staged);
    }
}
