//! What older and newer versions of Refit left in `releases.json`.

use super::*;
use crate::By;

#[tokio::test]
async fn the_files_of_other_versions_never_stop_a_check() {
    for name in [
        "releases-before-manifests.json",
        "releases-newer-manifest.json",
        "releases-every-part-wrong.json",
        "releases-newer-schema.json",
        "releases-cut-off.json",
    ] {
        let bench = Bench::new().await;
        std::fs::write(bench.file("releases.json"), fixture(name)).unwrap();
        bench.manifest(|_| {});
        let updater = bench.updater(bench.plain());
        let report = updater.check(By::Timer).await.unwrap();
        assert_eq!(said(&report), ("hold", "held", Some("1.1.0")), "{name}");
    }
}

#[tokio::test]
async fn the_last_check_of_an_older_version_is_shown() {
    let bench = Bench::new().await;
    let file = fixture("releases-before-manifests.json");
    std::fs::write(bench.file("releases.json"), file).unwrap();
    let updater = bench.updater(bench.plain());
    let mut status = updater.status();
    let status = status.wait_for(|it| it.last_check.is_some()).await.unwrap();
    let last = status.last_check.clone().unwrap();
    assert_eq!(
        (last.reason.as_str(), last.eligible_at),
        ("not-newer", None)
    );
    assert!(!last.from_manifest);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_set_aside_and_the_rest_stays() {
    let bench = Bench::new().await;
    let file = fixture("releases-newer-manifest.json");
    std::fs::write(bench.file("releases.json"), &file).unwrap();
    bench.host.answer("/latest.json", Reply::new(500, ""));
    bench.updater(bench.plain()).look(By::Timer).await.unwrap();
    let before: Value = serde_json::from_str(&file).unwrap();
    let after = std::fs::read_to_string(bench.file("releases.json")).unwrap();
    let after: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(after["manifestSetAside"], before["manifest"]);
    assert_eq!(after["hologram"], before["hologram"]);
    assert_eq!(after.get("manifest"), None);
}

#[test]
fn a_part_that_cannot_be_read_costs_no_other_part() {
    let text = fixture("releases-every-part-wrong.json");
    let whole: Releases = serde_json::from_str(&text).unwrap();
    assert_eq!(whole.manifest, None);
    assert!(whole.last_check.is_none() && whole.registry.is_none() && whole.refused.is_none());
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["checkedAt"] = json!("2026-06-12T08:00:00Z");
    let one: Releases = serde_json::from_value(value).unwrap();
    assert_eq!(one.checked_at, Some(start()));
}

#[tokio::test]
async fn what_was_heard_last_is_shown_after_a_restart() {
    let bench = Bench::new().await;
    bench.manifest(|it| it["notes"] = json!("Faster."));
    bench.updater(bench.plain()).check(By::Timer).await.unwrap();
    let updater = bench.updater(bench.plain());
    let mut status = updater.status();
    let shown = status.wait_for(|it| it.terms.is_some()).await.unwrap();
    let view = shown.terms.clone().unwrap();
    assert_eq!(view.notes.as_deref(), Some("Faster."));
    assert_eq!((view.verified_at, view.trouble), (Some(start()), None));
    assert_eq!(bench.host.asked(), 1);
}

#[test]
fn the_page_about_the_format_shows_a_manifest() {
    let page = include_str!("../../../../docs/formats/latest.json.md");
    let shown = page.split("```json").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let manifest = rollout::Manifest::parse(shown.as_bytes(), &"kanban".parse().unwrap()).unwrap();
    assert_eq!(manifest.plan.0.len(), 3);
    for (device, version, bucket) in [
        ("device-a", "1.0.0", 65),
        ("device-b", "1.0.0", 76),
        ("fixed-device", "2.0.0", 26),
        ("device-a", "1.0.1", 79),
    ] {
        assert!(page.contains(&format!("| `{device}` | `{version}` | {bucket} |")));
        assert_eq!(rollout::Position::of(device, &v(version)).bucket(), bucket);
    }
}

#[tokio::test]
async fn what_is_kept_of_another_package_does_not_count() {
    let bench = Bench::new().await;
    bench.manifest(|it| it["package"] = json!("demo"));
    let check = async || {
        let updater = bench.updater(bench.plain());
        updater.check(By::Timer).await.unwrap()
    };
    check().await;
    let file = std::fs::read_to_string(bench.file("releases.json")).unwrap();
    let mut file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["manifest"]["manifest"]["package"], json!("demo"));
    file["manifest"]["manifest"]["package"] = json!("before");
    std::fs::write(bench.file("releases.json"), file.to_string()).unwrap();
    check().await;
    let asked = bench.host.server.seen();
    assert_eq!(asked[1].header("if-none-match"), None);
}
