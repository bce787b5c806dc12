//! A stored version that is damaged, or needs another host than this one, is put right before it is
//! launched, where that can be done; where not, something else runs and says why.

use std::fs;
use std::path::Path;

use device::{AppliedOutcome, DamageState, HistoryEvent, Wanted};
use serde_json::{Value, json};

use crate::bench::{Bench, runs, until};
use crate::host::Release;

/// A device that has 1.1.0, confirmed, and is stopped.
async fn has_1_1_0() -> Bench {
    let bench = Bench::new(json!({ "rehearse": false, "soak": "0s" })).await;
    bench
        .host
        .release(&[Release::new("1.1.0", "write out.txt done")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    until(&device, |status| {
        status
            .running
            .as_ref()
            .is_some_and(|it| it.version.as_str() == "1.1.0" && !it.trial)
    })
    .await;
    device.stop().await;
    bench
}

/// Another byte, and nothing else that is seen without reading.
fn flip(file: &Path) {
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    let mut bytes = fs::read(file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(file, bytes).unwrap();
    let times = fs::FileTimes::new().set_modified(modified);
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_times(times)
        .unwrap();
}

#[tokio::test]
async fn a_missing_file_is_fetched_again_before_the_launch() {
    let bench = has_1_1_0().await;
    let file = bench.stored("1.1.0").join("cli.js");
    fs::remove_file(&file).unwrap();
    let device = bench.start().await;
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    assert!(file.exists());
    let note = &status.damage[0];
    assert_eq!(
        (note.version.as_str(), note.state),
        ("1.1.0", DamageState::Mended)
    );
    assert!(note.detail.contains("cli.js"), "{note:?}");
    assert_eq!(status.bad, [], "damage is nobody's fault");
    device.stop().await;
}

#[tokio::test]
async fn a_wiped_folder_is_fetched_again() {
    let bench = has_1_1_0().await;
    fs::remove_dir_all(bench.stored("1.1.0")).unwrap();
    bench.running("1.1.0").await.stop().await;
}

#[tokio::test]
async fn what_was_added_is_taken_away_and_nobody_is_asked_for_that() {
    let mut bench = has_1_1_0().await;
    bench.host.clear();
    bench.env.push(("REFIT_NO_AUTO_UPDATE", "1"));
    // As a runtime does that keeps a cache beside its code: at every start.
    for _ in 0..2 {
        fs::write(bench.stored("1.1.0").join("more.js"), "").unwrap();
        let device = bench.start().await;
        let status = until(&device, |status| {
            let mended = |it: &device::DamageNote| it.state == DamageState::Mended;
            runs(status, "1.1.0") && status.damage.iter().any(mended)
        })
        .await;
        assert!(status.damage[0].detail.contains("more.js"), "{status:?}");
        assert!(!bench.stored("1.1.0").join("more.js").exists());
        device.stop().await;
    }
}

#[tokio::test]
async fn a_network_that_swallows_every_question_holds_no_launch_up_for_long() {
    let mut bench = has_1_1_0().await;
    fs::remove_file(bench.stored("1.1.0").join("cli.js")).unwrap();
    // It takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", silent.local_addr().unwrap());
    bench.news["registry"] = json!(address);
    let begun = std::time::Instant::now();
    let device = bench.start().await;
    let status = until(&device, |status| {
        runs(status, "1.0.0") && !status.damage.is_empty()
    })
    .await;
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(25), "{took:?}");
    assert!(status.damage[0].detail.contains("cli.js"), "{status:?}");
    device.stop().await;
}

#[tokio::test]
async fn offline_bundled_runs_and_the_finding_stands_until_it_can_be_mended() {
    let bench = has_1_1_0().await;
    fs::remove_file(bench.stored("1.1.0").join("cli.js")).unwrap();
    bench.host.clear();
    let device = bench.start().await;
    let status = until(&device, |status| {
        runs(status, "1.0.0") && !status.damage.is_empty()
    })
    .await;
    let note = &status.damage[0];
    assert_eq!(note.state, DamageState::Waiting, "{note:?}");
    assert!(note.detail.contains("cli.js"), "{note:?}");
    assert_eq!(status.bad, []);
    device.stop().await;
    let history = device.history().await;
    let found = history
        .iter()
        .filter(|it| it.event == HistoryEvent::Damaged);
    assert_eq!(found.count(), 1, "{history:?}");

    bench
        .host
        .release(&[Release::new("1.1.0", "write out.txt done")]);
    let device = bench.running("1.1.0").await;
    let mended = &device.status().borrow().damage[0].clone();
    assert_eq!(mended.state, DamageState::Mended);
    device.stop().await;
}

#[tokio::test]
async fn where_updates_are_off_nothing_is_fetched_that_nobody_asked_for() {
    let mut bench = has_1_1_0().await;
    fs::remove_file(bench.stored("1.1.0").join("cli.js")).unwrap();
    bench.env.push(("REFIT_NO_AUTO_UPDATE", "1"));
    let asked = bench.host.asked_for("/demo");
    let device = bench.start().await;
    until(&device, |status| {
        runs(status, "1.0.0") && !status.damage.is_empty()
    })
    .await;
    assert_eq!(bench.host.asked_for("/demo"), asked);
    device.stop().await;
}

#[tokio::test]
async fn a_flipped_byte_is_found_while_it_runs_and_mended_at_the_next_start() {
    let bench = has_1_1_0().await;
    let file = bench.stored("1.1.0").join("cli.js");
    // Staging counts as a check, and was long ago.
    let record = bench
        .dir
        .path()
        .join("data/runtime-store/records/1.1.0.json");
    let mut long_ago: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    long_ago["stagedAt"] = json!("2020-01-01T00:00:00Z");
    fs::write(&record, long_ago.to_string()).unwrap();
    flip(&file);
    let device = bench.running("1.1.0").await;
    let status = until(&device, |status| {
        status
            .damage
            .iter()
            .any(|it| it.state == DamageState::Waiting)
    })
    .await;
    assert!(runs(&status, "1.1.0"), "nothing restarts by itself");
    device.stop().await;
    let device = bench.start().await;
    until(&device, |status| {
        runs(status, "1.1.0")
            && status
                .damage
                .iter()
                .any(|it| it.state == DamageState::Mended)
    })
    .await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "write out.txt done");
    device.stop().await;
}

/// A device whose 1.1.0 was staged by a shell that offers the second contract, and which itself
/// offers the first.
async fn needs_more() -> Bench {
    let second = json!({ "contract": 2 });
    let mut bench = Bench::new(json!({ "rehearse": false, "soak": "0s", "host": second })).await;
    let needs = Release {
        needs: json!({ "contract": 2 }),
        ..Release::new("1.1.0", "")
    };
    bench.host.release(&[needs]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
    bench.news["host"] = json!({});
    bench
}

#[tokio::test]
async fn a_published_fix_heals_at_the_next_spawn() {
    let bench = needs_more().await;
    bench.host.release(&[Release::new("1.2.0", "")]);
    let device = bench.start().await;
    let status = until(&device, |status| {
        runs(status, "1.2.0") && status.contract.is_some()
    })
    .await;
    let note = status.contract.clone().unwrap();
    assert_eq!(note.version.as_str(), "1.1.0");
    assert!(note.message.contains("host contract 2"), "{note:?}");
    assert_eq!(note.healed.unwrap().as_str(), "1.2.0");
    assert_eq!(status.bad, []);
    device.stop().await;
}

#[tokio::test]
async fn offline_the_copy_is_kept_and_the_first_finding_told() {
    let bench = needs_more().await;
    bench.host.clear();
    let device = bench.start().await;
    let status = until(&device, |status| {
        runs(status, "1.0.0") && status.contract.is_some()
    })
    .await;
    let note = status.contract.clone().unwrap();
    assert!(
        note.message.contains("needs the host contract 2"),
        "{note:?}"
    );
    assert_eq!(note.healed, None);
    // It stays, and nobody is asked to restart into what would not run.
    let blocked = status.staged.clone().unwrap().blocked.unwrap();
    assert_eq!(
        (&*blocked.reason, &blocked.message),
        ("contract", &note.message)
    );
    let applied = device.apply().await.unwrap();
    assert_eq!(
        (applied.outcome, applied.reason),
        (AppliedOutcome::Nothing, note.message)
    );
    device.stop().await;
    assert!(bench.stored("1.1.0").join("cli.js").exists());
}

#[tokio::test]
async fn a_bundled_runtime_that_needs_another_host_runs_and_says_so() {
    let mut bench = Bench::new(json!({ "rehearse": false })).await;
    bench.bundled = r#"{"version":"1.0.0","refit":{"contract":2}}"#;
    let device = bench.start().await;
    let status = until(&device, |status| runs(status, "1.0.0")).await;
    let told = status
        .problems
        .iter()
        .any(|it| it.contains("host contract 2"));
    assert!(told, "{:?}", status.problems);
    assert_eq!(status.contract, None);
    device.stop().await;
}
