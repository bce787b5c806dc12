//! When a version is applied, and what is kept while it is.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use e2e::client::Hammer;
use e2e::registries::Folder;
use e2e::{Mode, Package, Scene, Window, parts};
use serde_json::{Value, json};

/// A device with a busy lease whose registry has one newer version.
async fn device(apply: &str, mode: Mode) -> Result<(Scene, Folder)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&Package::new("1.1.0", mode)).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("apply", json!(apply));
    scene.set("busy", json!({ "http": "/busy" }));
    Ok((scene, registry))
}

/// What the runtime says of itself from now on.
fn busy(scene: &Scene, says: &Value) -> Result<()> {
    Ok(std::fs::write(scene.data().join("busy"), says.to_string())?)
}

fn runs(status: &Value, version: &str) -> bool {
    status["phase"] == "running" && status["running"]["version"] == version
}

#[tokio::test]
async fn the_banner_says_what_a_restart_would_interrupt() -> Result<()> {
    let (scene, _registry) = device("prompt", Mode::Good).await?;
    busy(&scene, &json!({ "busy": true, "tasks": 3 }))?;
    let window = Window::open(&scene).await?;
    window.banner_says("3 tasks running").await?;
    busy(&scene, &json!({ "busy": false }))?;
    window.banner_without("3 tasks running").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn idle_waits_for_the_end_of_the_work() -> Result<()> {
    let (scene, _registry) = device("idle", Mode::Good).await?;
    busy(&scene, &json!({ "busy": true, "tasks": 1 }))?;
    let device = scene.run()?;
    scene.staged("1.1.0").await?;
    let status = scene
        .status_where("the wait", |status| {
            status["applying"]["waitsFor"] == "idle" && status["busy"]["tasks"] == 1
        })
        .await?;
    ensure!(
        status["applying"]["deadline"].is_string() && runs(&status, "1.0.0"),
        "{status}"
    );
    busy(&scene, &json!({ "busy": false }))?;
    scene.running("1.1.0").await?;
    scene.end(device).await
}

#[tokio::test]
async fn no_work_is_waited_for_longer_than_the_ceiling() -> Result<()> {
    let (mut scene, _registry) = device("now", Mode::Good).await?;
    scene.set("ceiling", json!("4s"));
    busy(&scene, &json!({ "busy": true, "tasks": 1 }))?;
    let device = scene.run()?;
    scene
        .status_where("the wait", |status| {
            status["applying"]["deadline"].is_string() && status["staged"]["version"] == "1.1.0"
        })
        .await?;
    scene.running("1.1.0").await?;
    scene.end(device).await
}

#[tokio::test]
async fn now_asks_nobody() -> Result<()> {
    let (scene, _registry) = device("now", Mode::Good).await?;
    let device = scene.run()?;
    scene.running("1.1.0").await?;
    scene.end(device).await
}

#[tokio::test]
async fn next_launch_asks_nobody_and_restarts_nothing() -> Result<()> {
    let (scene, _registry) = device("next-launch", Mode::Good).await?;
    let window = Window::open(&scene).await?;
    scene.staged("1.1.0").await?;
    let status = scene.running("1.0.0").await?;
    ensure!(status["applying"]["waitsFor"] == "next-launch", "{status}");
    let said = window.banner().await?.unwrap_or_default();
    ensure!(
        !said.contains("Restart to apply"),
        "the banner says {said:?}"
    );
    window.close().await?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn a_swap_under_load_fails_no_request_and_the_window_moves_over() -> Result<()> {
    let (mut scene, registry) = device("prompt", Mode::Good).await?;
    scene.set("swap", json!(true));
    busy(&scene, &json!({ "busy": false }))?;
    let window = Window::open(&scene).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    let before = scene.running("1.0.0").await?["running"]["url"].clone();
    let client = Hammer::on(before.as_str().unwrap_or_default().to_owned());
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    let status = scene.running("1.1.0").await?;
    ensure!(
        status["running"]["url"] == before,
        "the address is another: {status}"
    );
    // One that never becomes ready, though its rehearsal went well, takes nobody's place.
    registry
        .publish(&Package::new("1.2.0", Mode::DiesWhile("busy".into())))
        .await?;
    scene.refit_does(&["stage"]).await?;
    let applied = scene.refit(&["apply"]).await?;
    let seen = client.end().await?;
    ensure!(
        seen.failed.is_empty() && seen.answered > 20,
        "{seen:?}, {applied:?}"
    );
    scene.running("1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn data_that_a_condemned_version_ruined_is_put_back() -> Result<()> {
    let (mut scene, _registry) = device("prompt", Mode::Ruins).await?;
    scene.set("snapshot", json!({ "folder": "{data}/files" }));
    let ledger = scene.data().join("files/ledger");
    std::fs::create_dir_all(scene.data().join("files"))?;
    std::fs::write(&ledger, "ours")?;
    let device = scene.run()?;
    scene.staged("1.1.0").await?;
    scene.refit(&["apply"]).await?;
    scene
        .status_where("1.1.0 to be given up", |status| {
            runs(status, "1.0.0") && status["bad"][0]["version"] == "1.1.0"
        })
        .await?;
    ensure!(
        std::fs::read_to_string(&ledger)? == "ours",
        "the ledger says {:?}",
        std::fs::read_to_string(&ledger)
    );
    scene.end(device).await
}

#[tokio::test]
async fn a_roll_back_takes_the_data_along_when_it_is_asked_to() -> Result<()> {
    for with_data in [false, true] {
        let (mut scene, _registry) = device("prompt", Mode::Good).await?;
        scene.set("snapshot", json!({ "folder": "{data}/files" }));
        scene.set("soak", json!("1s"));
        let ledger = scene.data().join("files/ledger");
        std::fs::create_dir_all(scene.data().join("files"))?;
        std::fs::write(&ledger, "before")?;
        let device = scene.run()?;
        scene.staged("1.1.0").await?;
        scene.refit_does(&["apply"]).await?;
        scene.confirmed("1.1.0").await?;
        std::fs::write(&ledger, "since")?;
        let order: &[&str] = if with_data {
            &["rollback", "--with-data"]
        } else {
            &["rollback"]
        };
        scene.refit_does(order).await?;
        scene.running("1.0.0").await?;
        let expected = if with_data { "before" } else { "since" };
        let found = std::fs::read_to_string(&ledger)?;
        ensure!(found == expected, "with data {with_data}: {found}");
        scene.end(device).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_runtime_page_shows_how_long_work_is_waited_for() -> Result<()> {
    let (scene, _registry) = device("idle", Mode::Good).await?;
    busy(&scene, &json!({ "busy": true, "tasks": 2 }))?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    scene.staged("1.1.0").await?;
    window.open_runtime_page(&scene).await?;
    window.shows("[data-refit=busy]", "2 tasks").await?;
    let status = scene
        .status_where("the wait", |status| {
            status["applying"]["deadline"].is_string()
        })
        .await?;
    let applying = window.text("[data-refit=applying]").await?;
    ensure!(
        applying.contains("latest"),
        "no ceiling is shown: {applying:?}, {status}"
    );
    window
        .picture(&parts::root().join("target/stories/applying.png"))
        .await?;
    window.close().await
}

#[tokio::test]
async fn a_person_rolls_back_with_the_data_on_the_runtime_page() -> Result<()> {
    let (mut scene, _registry) = device("prompt", Mode::Good).await?;
    scene.set("snapshot", json!({ "folder": "{data}/files" }));
    scene.set("soak", json!("1s"));
    let ledger = scene.data().join("files/ledger");
    std::fs::create_dir_all(scene.data().join("files"))?;
    std::fs::write(&ledger, "before")?;
    let window = Window::open(&scene).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    scene.confirmed("1.1.0").await?;
    std::fs::write(&ledger, "since")?;
    window.open_runtime_page(&scene).await?;
    e2e::wait::until("the button", async || {
        window.click("[data-action=roll-back-data]").await
    })
    .await?;
    e2e::wait::until("the question", async || {
        window.click("[data-action=confirm-roll-back-data]").await
    })
    .await?;
    scene.running("1.0.0").await?;
    let found = std::fs::read_to_string(&ledger)?;
    ensure!(found == "before", "the ledger says {found}");
    window.close().await
}
