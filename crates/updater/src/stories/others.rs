//! Other processes, newer shells, and disks that take nothing: what was heard stays heard.

use super::*;
use crate::By;

/// Asked slowly: whoever asks for the manifest meanwhile gets what is put there then.
async fn begin_slow_check(
    bench: &Bench,
    updater: &Updater,
    reply: Reply,
) -> tokio::task::JoinHandle<CheckReport> {
    let asked = bench.host.asked();
    let slow = reply.chunked().dripping(8, Duration::from_millis(50));
    bench.host.answer("/latest.json", slow);
    let updater = updater.clone();
    let check = tokio::spawn(async move { updater.check(By::Timer).await.unwrap() });
    while bench.host.asked() == asked {
        tokio::task::yield_now().await;
    }
    check
}

fn recalling(manifest: &mut Value) {
    manifest["recalled"] = json!(["1.1.0"]);
}

#[tokio::test]
async fn a_check_that_comes_to_nothing_undoes_no_recall_that_another_process_heard() {
    for in_the_way in [
        Some("<!doctype html> a page of the network, in pieces"),
        None,
    ] {
        let bench = Bench::new().await;
        bench.manifest(|_| {});
        let one = bench.updater(bench.plain());
        one.check(By::Timer).await.unwrap();
        // A page of the network, or what the host had until now.
        let text = in_the_way.map_or_else(|| hour(|_| {}).to_string(), str::to_owned);
        let slow = begin_slow_check(&bench, &one, Reply::new(200, text)).await;
        bench.manifest(recalling);
        let other = bench.updater(bench.plain());
        let report = other.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
        let heard = bench.releases().manifest;
        let report = slow.await.unwrap();
        assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
        assert_eq!(report.trouble.is_some(), in_the_way.is_some());
        assert_eq!(bench.releases().manifest, heard);
        // What the next question hears counts again.
        bench.manifest(|_| {});
        let report = one.check(By::Timer).await.unwrap();
        assert_eq!(report.reason, "held");
        assert!(
            bench
                .releases()
                .manifest
                .unwrap()
                .manifest
                .recalled
                .is_empty()
        );
    }
}

#[tokio::test]
async fn who_hears_what_was_written_later_is_not_overruled_by_who_asked_later() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    let one = bench.updater(bench.plain());
    one.check(By::Timer).await.unwrap();
    let late = hour(|it| {
        recalling(it);
        it["signedAt"] = json!("2026-06-12T07:00:00Z");
    });
    let slow = begin_slow_check(&bench, &one, Reply::new(200, late.to_string())).await;
    bench.manifest(|it| it["signedAt"] = json!("2026-06-12T06:00:00Z"));
    let other = bench.updater(bench.plain());
    assert_eq!(other.check(By::Timer).await.unwrap().reason, "held");
    assert_eq!(slow.await.unwrap().reason, "recalled");
    assert!(
        !bench
            .releases()
            .manifest
            .unwrap()
            .manifest
            .recalled
            .is_empty()
    );
}

/// As if a newer shell had been here.
fn newer_shells(bench: &Bench) -> String {
    let file = std::fs::read_to_string(bench.file("releases.json")).unwrap();
    let mut file: Value = serde_json::from_str(&file).unwrap();
    file["schema"] = json!(2);
    file["lastCheck"] = json!("yesterday");
    let text = file.to_string();
    std::fs::write(bench.file("releases.json"), &text).unwrap();
    text
}

#[tokio::test]
async fn what_a_newer_shell_heard_counts_where_nobody_can_be_asked() {
    let bench = Bench::new().await;
    bench.manifest(|_| {});
    bench.updater(bench.plain()).look(By::Timer).await.unwrap();
    let text = newer_shells(&bench);
    bench.host.down();
    let report = bench.updater(bench.plain()).check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "held", Some("1.1.0")));
    assert!(report.trouble.is_some() && bench.staged().is_none());
    let after = std::fs::read_to_string(bench.file("releases.json")).unwrap();
    assert_eq!(after, text);
}

#[tokio::test]
async fn launches_go_by_a_recall_that_cannot_be_written_down() {
    let bench = Bench::new().await;
    bench.manifest(everyone);
    let updater = bench.updater(bench.plain());
    updater.check(By::Timer).await.unwrap();
    assert_eq!(bench.staged().unwrap().0, "1.1.0");
    newer_shells(&bench);
    bench.manifest(recalling);
    let (store, shell) = (&updater.0.stager.store, &updater.0.stager.shell);
    let resolved = |store: &Store| store.resolve(shell, start()).version;
    assert_eq!(resolved(store), v("1.1.0"));
    let report = updater.check(By::Timer).await.unwrap();
    assert_eq!(said(&report), ("hold", "recalled", Some("1.1.0")));
    assert_eq!(resolved(store), v("1.0.0"));
    // And when it is over, that too.
    bench.manifest(everyone);
    updater.check(By::Timer).await.unwrap();
    assert_eq!(resolved(store), v("1.1.0"));
}
