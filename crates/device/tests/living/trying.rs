//! What happens to a version between its staging and its launch: it is rehearsed out of sight, and
//! applied when the configuration says so, and not over somebody's work.

use device::{HistoryEvent, RehearsalOutcome, StageOutcome, Status, Updates, WaitsFor, Wanted};
use serde_json::{Value, json};

use crate::bench::{Bench, held, runs, until};
use crate::host::Release;

const BUSY: &str = r#"{"busy":true,"tasks":3}"#;

/// Looks by itself at once.
fn looking(news: &Value) -> Value {
    let mut config = json!({ "check": { "after": "1ms", "every": "1h" } });
    for (key, value) in news.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn applies(status: &Status) -> Option<(WaitsFor, bool)> {
    let applying = status.applying.as_ref()?;
    Some((applying.waits_for, applying.deadline.is_some()))
}

#[tokio::test]
async fn a_version_is_offered_only_after_it_ran_out_of_sight_and_there_it_touches_nothing() {
    let bench = Bench::new(looking(&json!({ "rehearse": { "requests": 5 } }))).await;
    let where_it_ran = bench.dir.path().join("where");
    let code = format!("note {}\nwrite data.txt new", where_it_ran.display());
    bench.host.release(&[Release::new("1.1.0", &code)]);
    std::fs::create_dir_all(bench.files()).unwrap();
    std::fs::write(bench.files().join("data.txt"), "old").unwrap();

    let device = bench.start().await;
    let status = until(&device, |status| {
        let rehearsed = !status.rehearsals.is_empty();
        assert!(
            rehearsed || status.staged.is_none(),
            "offered before: {status:#?}"
        );
        status.staged.is_some()
    })
    .await;
    let note = &status.rehearsals[0];
    assert_eq!(note.outcome, RehearsalOutcome::Passed);
    assert!(note.detail.starts_with("ok=5/5 p50="), "{note:?}");
    let folder = bench.dir.path().join("data/rehearsals");
    assert!(
        held(&where_it_ran).contains("rehearsals"),
        "{}",
        held(&where_it_ran)
    );
    assert_eq!(held(&bench.files().join("data.txt")), "old");
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert!(left.iter().all(|it| it.path().is_file()), "{left:?}");

    device.apply().await.unwrap();
    assert_eq!(held(&bench.files().join("data.txt")), "new");
    device.stop().await;
}

#[tokio::test]
async fn one_that_fails_out_of_sight_is_bad_and_never_offered() {
    let bench = Bench::new(looking(&json!({ "rehearse": { "requests": 5 } }))).await;
    bench.host.release(&[Release::new("1.1.0", "exit 1")]);
    let device = bench.start().await;
    let mut events = device.events();
    let status = until(&device, |status| {
        assert_eq!(status.staged, None);
        !status.bad.is_empty() && status.rehearsals.len() == 3
    })
    .await;
    assert_eq!(status.bad[0].reason, "rehearsal");
    let outcomes: Vec<_> = status.rehearsals.iter().map(|it| it.outcome).collect();
    let (failed, bad) = (RehearsalOutcome::Failed, RehearsalOutcome::Bad);
    assert_eq!(outcomes, [failed, failed, bad]);
    // What banner and notices are made from has nothing of it.
    assert!(events.try_recv().is_err(), "it was announced");
    assert_eq!((&status.fell_back, &status.failure), (&None, &None));
    let status = until(&device, |status| runs(status, "1.0.0")).await;
    assert_eq!(status.applying, None);
    device.stop().await;
}

#[tokio::test]
async fn where_bundled_fails_too_nothing_is_bad_and_nothing_offered() {
    let bench = Bench::new(json!({ "rehearse": { "requests": 5 } })).await;
    bench
        .host
        .release(&[Release::new("1.1.0", "exit-in-rehearsal")]);
    let device = bench.open();
    std::fs::write(bench.dir.path().join("bundled/cli.js"), "exit-in-rehearsal").unwrap();
    // A person's own command in a process of its own writes it down too.
    let report = device.stage(Wanted::Latest).await.unwrap();
    assert_eq!(report.outcome, StageOutcome::Held, "{report:?}");
    assert_eq!(report.reason, "rehearsal-inconclusive");
    let status = device.local().at_rest(None);
    assert_eq!((&status.staged, status.bad.len()), (&None, 0));
    let last = status.rehearsals.last().unwrap();
    assert_eq!(last.outcome, RehearsalOutcome::Inconclusive, "{last:?}");
}

#[tokio::test]
async fn now_applies_what_is_staged_by_itself() {
    let bench = Bench::new(looking(&json!({ "apply": "now" }))).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.start().await;
    until(&device, |status| runs(status, "1.1.0")).await;
    // Written by somebody else than who tells what runs, and so a moment later perhaps.
    let written = async {
        let is_applied = |it: &device::HistoryEntry| it.event == HistoryEvent::Applied;
        while !device.history().await.iter().any(is_applied) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let written = tokio::time::timeout(std::time::Duration::from_secs(20), written);
    written.await.unwrap();
    device.stop().await;
}

#[tokio::test]
async fn idle_waits_while_the_runtime_is_busy_and_says_so() {
    let busy = json!({ "apply": "idle", "busy": { "http": "/busy" } });
    let bench = Bench::new(busy).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    std::fs::write(bench.files().join("busy.json"), BUSY).unwrap();
    device.stage(Wanted::Latest).await.unwrap();
    let status = until(&device, |status| status.busy.is_some()).await;
    assert_eq!(status.busy.as_ref().unwrap().tasks, Some(3));
    assert_eq!(
        applies(&status),
        Some((WaitsFor::Idle, true)),
        "{status:#?}"
    );
    assert!(runs(&status, "1.0.0"));
    std::fs::write(bench.files().join("busy.json"), r#"{"busy":false}"#).unwrap();
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    assert_eq!((&status.busy, &status.applying), (&None, &None));
    device.stop().await;
}

#[tokio::test]
async fn work_in_any_workspace_is_work() {
    for busy in [
        json!({ "http": "/busy" }),
        json!({ "file": "{workspace}/busy.json" }),
    ] {
        let bench = Bench::new(json!({ "apply": "now", "busy": busy, "rehearse": false })).await;
        bench.host.release(&[Release::new("1.1.0", "")]);
        let device = bench.running("1.0.0").await;
        let added = device.workspace_add("board", None, std::collections::BTreeMap::new());
        let board = added.await.unwrap().folder.join("busy.json");
        let main = bench.files().join("busy.json");
        std::fs::write(&main, BUSY).unwrap();
        std::fs::write(&board, BUSY).unwrap();
        device.stage(Wanted::Latest).await.unwrap();
        let tasks = |status: &Status| status.busy.as_ref().and_then(|it| it.tasks);
        until(&device, |status| tasks(status) == Some(6)).await;
        std::fs::write(&main, r#"{"busy":false}"#).unwrap();
        let status = until(&device, |status| tasks(status) == Some(3)).await;
        assert!(runs(&status, "1.0.0"));
        // Half written, it is no leave to restart.
        std::fs::write(&board, r#"{"busy":"#).unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        assert!(runs(&device.status().borrow(), "1.0.0"));
        std::fs::write(&board, r#"{"busy":false}"#).unwrap();
        until(&device, |status| runs(status, "1.1.0")).await;
        device.stop().await;
    }
}

#[tokio::test]
async fn nobody_is_interrupted_for_what_a_start_would_pass_over() {
    let bench = Bench::new(json!({
        "apply": "idle", "busy": { "http": "/busy" }, "rehearse": false,
    }))
    .await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    std::fs::write(bench.files().join("busy.json"), BUSY).unwrap();
    let launch = |status: &Status| status.running.as_ref().map(|it| it.launch_id.clone());
    let before = launch(&device.status().borrow());
    device.stage(Wanted::Latest).await.unwrap();
    until(&device, |status| status.busy.is_some()).await;
    std::fs::remove_dir_all(bench.stored("1.1.0")).unwrap();
    bench.host.release(&[]);
    std::fs::write(bench.files().join("busy.json"), r#"{"busy":false}"#).unwrap();
    until(&device, |status| status.busy.is_none()).await;
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(
        launch(&device.status().borrow()),
        before,
        "it was restarted"
    );
    device.stop().await;
}

#[tokio::test]
async fn where_nothing_happens_by_itself_a_person_is_asked_whatever_the_mode() {
    let mut bench = Bench::new(json!({ "apply": "next-launch", "rehearse": false })).await;
    bench.env.push(("REFIT_NO_AUTO_UPDATE", "1"));
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    let status = until(&device, |status| status.staged.is_some()).await;
    assert_eq!(applies(&status), Some((WaitsFor::Person, false)));
    device.stop().await;
}

#[tokio::test]
async fn a_ceiling_ends_the_longest_wait() {
    let bench = Bench::new(json!({
        "apply": "idle", "busy": { "file": "{data}/files/busy.json" }, "ceiling": "4s",
    }))
    .await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    std::fs::write(bench.files().join("busy.json"), BUSY).unwrap();
    device.stage(Wanted::Latest).await.unwrap();
    until(&device, |status| status.busy.is_some()).await;
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    // That file is older than this launch: it is the old version's word.
    assert_eq!(status.busy, None);
    device.stop().await;
}

#[tokio::test]
async fn what_does_not_come_up_is_not_applied_by_itself_again() {
    // With attempts left, so that it is not condemned.
    let ready = json!({ "http": "/", "timeout": "2s" });
    let bench = Bench::new(json!({ "apply": "now", "attempts": 5, "ready": ready })).await;
    let starts = bench.dir.path().join("starts");
    let code = format!("count {}\nhang", starts.display());
    bench.host.release(&[Release::new("1.1.0", &code)]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    let status = until(&device, |status| {
        status.fell_back.is_some() && runs(status, "1.0.0")
    })
    .await;
    assert_eq!((&status.applying, status.bad.len()), (&None, 0));
    // More than one look later.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(held(&starts), "1\n");
    device.stop().await;
}

#[tokio::test]
async fn nothing_is_applied_by_itself_where_updates_are_off() {
    let mut bench = Bench::new(json!({ "apply": "now", "rehearse": false })).await;
    bench.env.push(("REFIT_NO_AUTO_UPDATE", "1"));
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    let launch = |status: &Status| status.running.as_ref().map(|it| it.launch_id.clone());
    let before = launch(&device.status().borrow());
    device.stage(Wanted::Latest).await.unwrap();
    let status = until(&device, |status| status.staged.is_some()).await;
    assert_eq!(status.updates, Updates::NoAutoUpdate);
    assert_eq!(applies(&status), Some((WaitsFor::Person, false)));
    // More than one look later it still waits, and nothing was restarted.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(launch(&device.status().borrow()), before);
    device.stop().await;
}

#[tokio::test]
async fn what_the_next_launch_applies_asks_nobody() {
    let bench = Bench::new(json!({ "apply": "next-launch" })).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    let status = until(&device, |status| status.staged.is_some()).await;
    assert_eq!(applies(&status), Some((WaitsFor::NextLaunch, false)));
    device.stop().await;
    let device = bench.running("1.1.0").await;
    device.stop().await;
}

#[tokio::test]
async fn nothing_is_applied_by_itself_before_this_devices_turn() {
    let bench = Bench::new(json!({ "apply": "now", "rehearse": false })).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let mut bench = bench;
    bench.news["manifest"] = json!(format!("{}latest.json", bench.host.url));
    let published = jiff::Timestamp::now()
        .checked_sub(jiff::SignedDuration::from_hours(48))
        .unwrap();
    bench.host.say(&json!({
        "version": "1.1.0", "publishedAt": published.to_string(), "rollout": [],
    }));
    let device = bench.open();
    let report = device.check().await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, StageOutcome::Staged);
    drop(device);
    // Recalled since.
    bench.host.say(&json!({
        "version": "1.1.0", "publishedAt": published.to_string(), "rollout": [],
        "recalled": ["1.1.0"],
    }));
    let device = bench.open();
    device.look().await.unwrap();
    device.start().await;
    let status = until(&device, |status| {
        runs(status, "1.0.0") && status.staged.is_some()
    })
    .await;
    assert_eq!(
        applies(&status),
        Some((WaitsFor::Turn, false)),
        "{status:#?}"
    );
    device.stop().await;
}

#[tokio::test]
async fn in_a_swap_the_address_stays_and_the_page_is_told_to_load_again() {
    let bench = Bench::new(json!({ "swap": true, "drain": "1s", "rehearse": false })).await;
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    let before = device.status().borrow().running.clone().unwrap();
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    let after = status.running.clone().unwrap();
    assert_eq!(after.url, before.url);
    assert_ne!(after.launch_id, before.launch_id);
    device.stop().await;
}

#[tokio::test]
async fn where_none_is_wanted_none_is_held() {
    let bench = Bench::new(json!({ "rehearse": false })).await;
    bench
        .host
        .release(&[Release::new("1.1.0", "exit-in-rehearsal")]);
    let device = bench.open();
    let report = device.stage(Wanted::Latest).await.unwrap();
    assert_eq!(report.outcome, StageOutcome::Staged);
    assert_eq!(device.local().at_rest(None).rehearsals, []);
}
