//! A version is tried out of sight before anybody hears of it.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use e2e::registries::Folder;
use e2e::{Mode, Package, Scene, Window, processes, wait};
use serde_json::{Value, json};

fn bad_for(status: &Value, version: &str, reason: &str) -> bool {
    let bad = status["bad"].as_array().cloned().unwrap_or_default();
    bad.iter()
        .any(|bad| bad["version"] == version && bad["reason"] == reason)
}

/// A device whose registry has one newer version of this manner.
async fn offered(mode: Mode) -> Result<(Scene, Folder)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&Package::new("1.1.0", mode)).await?;
    scene.set("registry", json!(registry.url()));
    Ok((scene, registry))
}

/// Nothing of a rehearsal is left: neither folder nor process.
async fn swept(scene: &Scene, runtimes: usize) -> Result<()> {
    wait::until("the rehearsal to be swept up", async || {
        let left = scene.data().join("rehearsals");
        let left = std::fs::read_dir(left).map_or(0, |left| left.flatten().count());
        ensure!(left == 0, "{left} folders are left");
        let alive = scene.runtimes();
        ensure!(alive.len() == runtimes, "alive: {alive:?}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_pointer_moves_only_after_the_rehearsal() -> Result<()> {
    let (scene, _registry) = offered(Mode::Slow(100)).await?;
    let device = scene.run()?;
    let status = scene
        .status_where("a rehearsal", |status| {
            status["progress"]["phase"] == "rehearsing"
        })
        .await?;
    ensure!(
        status["staged"].is_null() && scene.pointer().is_null(),
        "it was pointed at before: {status}"
    );
    wait::until("both to run", async || {
        let alive = scene.runtimes();
        ensure!(alive.len() == 2, "{alive:?}");
        Ok(())
    })
    .await?;
    ensure!(scene.pointer().is_null(), "{}", scene.pointer());
    scene.staged("1.1.0").await?;
    swept(&scene, 1).await?;
    scene.refit_does(&["apply"]).await?;
    scene.running("1.1.0").await?;
    scene.end(device).await
}

#[tokio::test]
async fn what_fails_out_of_sight_is_bad_and_nobody_hears_of_it_but_the_runtime_page() -> Result<()>
{
    let (scene, _registry) = offered(Mode::Dies).await?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    let shell = processes::below(window.shell()?).len();
    let status = scene
        .status_where("1.1.0 to be bad", |status| {
            bad_for(status, "1.1.0", "rehearsal")
        })
        .await?;
    ensure!(
        status["staged"].is_null() && status["fellBack"].is_null(),
        "{status}"
    );
    ensure!(
        window.banner().await?.is_none(),
        "the banner says {:?}",
        window.banner().await?
    );
    window.open_runtime_page(&scene).await?;
    window.shows("main", "1.1.0").await?;
    window.shows("main", "rehearsal").await?;
    window.main().await?;
    window.shows("#version", "1.0.0").await?;
    swept(&scene, 1).await?;
    ensure!(processes::below(window.shell()?).len() <= shell + 2);
    window.close().await
}

#[tokio::test]
async fn a_slow_and_a_lying_version_are_found_out() -> Result<()> {
    for mode in [Mode::Slow(700), Mode::Lies(10)] {
        let (mut scene, _registry) = offered(mode.clone()).await?;
        scene.set("rehearse", json!({ "requests": 20 }));
        let device = scene.run()?;
        scene
            .status_where(&format!("{mode:?} to be found out"), |status| {
                bad_for(status, "1.1.0", "rehearsal")
            })
            .await?;
        ensure!(
            scene.pointer().is_null(),
            "the pointer is {}",
            scene.pointer()
        );
        swept(&scene, 1).await?;
        scene.running("1.0.0").await?;
        scene.end(device).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_bundled_fails_the_same_rehearsal_nothing_is_bad() -> Result<()> {
    let mut scene = Scene::bare(None)?;
    Package::new("1.0.0", Mode::Slow(50)).write(&scene.bundled())?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Slow(50)))
        .await?;
    scene.set("registry", json!(registry.url()));
    // No version could be as quick on this machine.
    scene.set("rehearse", json!({ "p50": "1ms" }));
    let device = scene.run()?;
    let status = scene
        .status_where("a check's end", |status| !status["lastCheck"].is_null())
        .await?;
    ensure!(
        scene.bad().is_empty() && status["staged"].is_null(),
        "{status}"
    );
    scene.end(device).await
}

#[tokio::test]
async fn rehearsals_cut_short_by_the_end_of_the_app_are_counted() -> Result<()> {
    let (mut scene, _registry) = offered(Mode::Hangs).await?;
    scene.set("ready", json!({ "http": "/", "timeout": "6s" }));
    for round in 1..=2 {
        let mut device = scene.run()?;
        scene
            .status_where("a rehearsal", |status| {
                status["progress"]["phase"] == "rehearsing"
            })
            .await?;
        // Its process is there, so its attempt is on disk.
        wait::until("two runtimes", async || {
            ensure!(scene.runtimes().len() == 2);
            Ok(())
        })
        .await?;
        let record = scene.store().join("records/1.1.0.json");
        let record: Value = serde_json::from_slice(&std::fs::read(record)?)?;
        ensure!(record["rehearsal"]["begun"] == round, "{record}");
        device.kill().await?;
        scene.nobody_left().await?;
        ensure!(scene.pointer().is_null());
    }
    // Twice without a word: bundled is rehearsed, and since that passes, 1.1.0 is at fault.
    let device = scene.run()?;
    scene
        .status_where("1.1.0 to be bad", |status| {
            bad_for(status, "1.1.0", "rehearsal")
        })
        .await?;
    scene.end(device).await
}

#[tokio::test]
async fn the_persons_files_are_not_what_is_rehearsed_on() -> Result<()> {
    let (scene, _registry) = offered(Mode::Ruins).await?;
    let files = scene.data().join("files");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("ledger"), "ours")?;
    let device = scene.run()?;
    scene.staged("1.1.0").await?;
    ensure!(std::fs::read_to_string(files.join("ledger"))? == "ours");
    scene.end(device).await
}

#[tokio::test]
async fn a_copy_of_what_the_configuration_names_is_rehearsed_on() -> Result<()> {
    let (mut scene, _registry) = offered(Mode::Ruins).await?;
    scene.set("rehearse", json!({ "copy": ["{data}/files"] }));
    let files = scene.data().join("files");
    std::fs::create_dir_all(&files)?;
    std::fs::write(files.join("ledger"), "ours")?;
    let device = scene.run()?;
    scene
        .status_where("1.1.0 to be bad", |status| {
            bad_for(status, "1.1.0", "rehearsal")
        })
        .await?;
    ensure!(std::fs::read_to_string(files.join("ledger"))? == "ours");
    scene.end(device).await
}

#[tokio::test]
async fn a_release_engineer_smokes_and_soaks_an_address() -> Result<()> {
    let scene = Scene::new()?;
    let device = scene.run()?;
    let status = scene.running("1.0.0").await?;
    let url = status["running"]["url"].as_str().unwrap_or_default();
    let smoke = scene.refit(&["smoke", url]).await?;
    ensure!(smoke.code == Some(0) && smoke.json["ok"] == 50, "{smoke:?}");
    let soak = scene.refit(&["soak", url, "--requests", "200"]).await?;
    ensure!(soak.code == Some(0) && soak.json["failed"] == 0, "{soak:?}");
    let bundled = scene.refit(&["smoke", "1.0.0"]).await?;
    ensure!(bundled.code == Some(0), "{bundled:?}");
    scene.end(device).await?;
    let gone = scene.refit(&["soak", url, "--requests", "10"]).await?;
    ensure!(gone.code == Some(1), "{gone:?}");
    Ok(())
}
