//! What the runtime keeps in its folder is kept from before a new version's first launch, and comes
//! back where that fails, or a person goes back with it.

use device::{AppliedOutcome, HistoryEvent, Wanted};
use serde_json::json;

use crate::bench::{Bench, held, runs, until};
use crate::host::Release;

async fn bench() -> Bench {
    let news = json!({ "rehearse": false, "snapshot": { "folder": "{data}/files" } });
    let bench = Bench::new(news).await;
    std::fs::create_dir_all(bench.files()).unwrap();
    std::fs::write(bench.files().join("data.txt"), "old").unwrap();
    bench
}

#[tokio::test]
async fn a_version_that_fails_leaves_the_data_as_they_were() {
    let bench = bench().await;
    bench
        .host
        .release(&[Release::new("1.1.0", "write data.txt new\nexit 1")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    let applied = device.apply().await.unwrap();
    assert_eq!(applied.outcome, AppliedOutcome::FellBack);
    assert_eq!(held(&bench.files().join("data.txt")), "old");
    let events: Vec<_> = device
        .history()
        .await
        .into_iter()
        .map(|it| it.event)
        .collect();
    assert!(events.contains(&HistoryEvent::Snapshot), "{events:?}");
    assert!(events.contains(&HistoryEvent::PutBack), "{events:?}");
    device.stop().await;
}

#[tokio::test]
async fn a_person_goes_back_with_the_data_or_without() {
    let bench = bench().await;
    bench
        .host
        .release(&[Release::new("1.1.0", "write data.txt new")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    let status = until(&device, |status| {
        runs(status, "1.1.0") && !status.snapshots.is_empty()
    })
    .await;
    let kept = &status.snapshots[0];
    assert_eq!((kept.version.as_str(), kept.bytes), ("1.1.0", 3));
    assert_eq!(kept.of.as_ref().unwrap().as_str(), "1.0.0");

    let back = device.roll_back(None, true).await.unwrap();
    assert_eq!(back.outcome, AppliedOutcome::RolledBack, "{back:?}");
    assert!(back.reason.contains("data are as it left them"), "{back:?}");
    assert_eq!(held(&bench.files().join("data.txt")), "old");

    device.retry(None).await.unwrap();
    device.apply().await.unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    device.roll_back(None, false).await.unwrap();
    assert_eq!(held(&bench.files().join("data.txt")), "new");
    device.stop().await;
}

#[tokio::test]
async fn without_anything_kept_nobody_goes_back_with_data_and_nothing_changes() {
    let mut bench = bench().await;
    bench.news["snapshot"] = json!(null);
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    let refused = device.roll_back(None, true).await.unwrap_err();
    assert_eq!(refused.kind, "no-snapshot", "{refused:?}");
    until(&device, |status| runs(status, "1.1.0")).await;
    device.stop().await;
}

#[tokio::test]
async fn data_that_cannot_be_kept_are_a_problem_and_stop_nothing() {
    let mut bench = bench().await;
    bench.news["snapshot"]["cap"] = json!("2B");
    std::fs::write(bench.files().join("data.txt"), "more than two bytes").unwrap();
    bench.host.release(&[Release::new("1.1.0", "")]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    let status = until(&device, |status| runs(status, "1.1.0")).await;
    if status.snapshots.is_empty() {
        let told = status
            .problems
            .iter()
            .any(|it| it.contains("were not kept before"));
        assert!(told, "{:?}", status.problems);
    }
    device.stop().await;
}

/// A runtime whose folder any workspace may write into, and another workspace.
async fn shared(code: &str) -> (Bench, device::Device) {
    let mut bench = bench().await;
    bench.news["cwd"] = json!("{data}");
    bench.host.release(&[Release::new("1.1.0", code)]);
    let device = bench.running("1.0.0").await;
    let added = device.workspace_add("board", None, std::collections::BTreeMap::new());
    added.await.unwrap();
    device.stage(Wanted::Latest).await.unwrap();
    (bench, device)
}

#[tokio::test]
async fn nothing_is_put_back_under_another_workspace() {
    let (bench, device) = shared("write files/data.txt new\nexit 1").await;
    let applied = device.apply().await.unwrap();
    assert_eq!(applied.outcome, AppliedOutcome::FellBack);
    assert_eq!(held(&bench.files().join("data.txt")), "new");
    until(&device, |status| {
        let told = |it: &String| it.contains("other workspaces run");
        status.problems.iter().any(told) && !status.snapshots.is_empty()
    })
    .await;
    device.stop().await;
}

#[tokio::test]
async fn nobody_goes_back_with_the_data_under_another_workspace() {
    let (bench, device) = shared("").await;
    device.apply().await.unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    let refused = device.roll_back(None, true).await.unwrap_err();
    assert_eq!(refused.kind, "workspaces-run", "{refused:?}");
    assert!(runs(&device.status().borrow(), "1.1.0"));
    device.stop().await;
    // Once the app is closed it is done.
    let device = bench.open();
    std::fs::write(bench.files().join("data.txt"), "new").unwrap();
    device.roll_back(None, true).await.unwrap();
    assert_eq!(held(&bench.files().join("data.txt")), "old");
}

#[tokio::test]
async fn what_the_old_version_wrote_after_a_swap_that_failed_is_not_lost_to_the_next_attempt() {
    let mut bench = bench().await;
    (bench.news["swap"], bench.news["attempts"]) = (json!(true), json!(5));
    bench.news["ready"] = json!({ "http": "/", "timeout": "2s" });
    let starts = bench.dir.path().join("starts");
    let code = format!("count {}\nhang", starts.display());
    bench.host.release(&[Release::new("1.1.0", &code)]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    let applied = device.apply().await.unwrap();
    assert_eq!(applied.outcome, AppliedOutcome::FellBack);
    // Days of work.
    std::fs::write(bench.files().join("data.txt"), "work").unwrap();
    device.stop().await;
    let device = bench.running("1.0.0").await;
    assert_eq!(held(&starts), "1\n1\n");
    assert_eq!(held(&bench.files().join("data.txt")), "work");
    device.stop().await;
}

#[tokio::test]
async fn data_are_those_of_what_ran_last_though_it_was_never_confirmed() {
    let bench = bench().await;
    let older = Release::new("1.1.0", "");
    bench.host.release(&[older]);
    let device = bench.running("1.0.0").await;
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    until(&device, |status| runs(status, "1.1.0")).await;
    bench.host.release(&[Release::new("1.2.0", "")]);
    device.stage(Wanted::Latest).await.unwrap();
    device.apply().await.unwrap();
    let status = until(&device, |status| {
        runs(status, "1.2.0") && status.snapshots.len() == 2
    })
    .await;
    let of = |at: usize| status.snapshots[at].of.as_ref().unwrap().as_str();
    assert_eq!((of(0), of(1)), ("1.0.0", "1.1.0"));
    // Nor are they what an older one left.
    std::fs::remove_dir_all(bench.dir.path().join("data/snapshots/main/1.1.0")).unwrap();
    let bundled = Some("1.0.0".parse().unwrap());
    let refused = device.roll_back(bundled, true).await.unwrap_err();
    assert_eq!(refused.kind, "no-snapshot", "{refused:?}");
    device.stop().await;
}
