//! The shell dies at the worst moments; its next start must not notice.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::registries::Folder;
use e2e::{Gate, Mode, Package, Scene, processes, wait};
use serde_json::json;

/// What the guard may take to end everything below a shell that died.
const GUARD: Duration = Duration::from_secs(5);

fn pid(child: &tokio::process::Child) -> Result<i32> {
    Ok(i32::try_from(child.id().context("it has ended")?)?)
}

/// SIGKILL, and then nobody may be left in the guard's time.
async fn kill(scene: &Scene, mut shell: tokio::process::Child) -> Result<()> {
    processes::kill(pid(&shell)?)?;
    shell.wait().await?;
    let began = Instant::now();
    scene.nobody_left().await?;
    ensure!(
        began.elapsed() < GUARD,
        "descendants lived on for {:?}",
        began.elapsed()
    );
    Ok(())
}

#[tokio::test]
async fn a_shell_killed_in_the_middle_of_a_stage_stages_again_at_its_next_start() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Good).ballast(3_000_000))
        .await?;
    let gate = Gate::to(Some(registry.port())).await?;
    gate.hold_after(1_000_000);
    scene.set("registry", json!(gate.url()));

    let shell = scene.shell()?;
    scene.running("1.0.0").await?;
    gate.holding().await?;
    ensure!(
        scene.pointer().is_null(),
        "the pointer moved before the stage was through"
    );
    kill(&scene, shell).await?;
    ensure!(
        scene.store().join("partial/1.1.0").is_dir(),
        "it was killed too late or too early"
    );

    gate.open();
    let shell = scene.shell()?;
    scene.running("1.0.0").await?;
    scene.staged("1.1.0").await?;
    scene.refit_does(&["apply"]).await?;
    scene.running("1.1.0").await?;
    let partials = std::fs::read_dir(scene.store().join("partial"))?.flatten();
    let partials: Vec<_> = partials.map(|entry| entry.file_name()).collect();
    ensure!(
        !partials.iter().any(|name| name == "1.1.0"),
        "a partial is left: {partials:?}"
    );
    kill(&scene, shell).await
}

#[tokio::test]
async fn a_shell_killed_in_the_middle_of_launches_gives_up_the_trial_when_none_is_left()
-> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Hangs))
        .await?;
    scene.set("rehearse", json!(false));
    scene.set("registry", json!(registry.url()));
    scene.set("ready", json!({ "http": "/", "timeout": "5m" }));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    scene.refit_does(&["stage"]).await?;
    ensure!(
        scene.pointer()["trial"]["attemptsLeft"] == 2,
        "{}",
        scene.pointer()
    );

    for left in [1, 0] {
        let shell = scene.shell()?;
        wait::until("the staged version to be tried", async || {
            let tried = scene.runtimes();
            let stored = scene.store().to_string_lossy().into_owned();
            let is_stored = |arg: &String| arg.starts_with(&stored);
            ensure!(
                tried.iter().any(|it| it.args.iter().any(is_stored)),
                "running: {tried:?}"
            );
            Ok(())
        })
        .await?;
        // The attempt was on disk before the process that we just saw existed.
        ensure!(
            scene.pointer()["trial"]["attemptsLeft"] == left,
            "{}",
            scene.pointer()
        );
        kill(&scene, shell).await?;
        ensure!(
            scene.pointer()["trial"]["attemptsLeft"] == left,
            "{}",
            scene.pointer()
        );
    }
    let shell = scene.shell()?;
    let status = scene.running("1.0.0").await?;
    ensure!(status["bad"][0]["version"] == "1.1.0", "{status}");
    ensure!(status["bad"][0]["reason"] == "no-verdict", "{status}");
    kill(&scene, shell).await
}

#[tokio::test]
async fn a_shell_that_is_asked_to_end_in_a_launch_gives_the_attempt_back() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Hangs))
        .await?;
    scene.set("rehearse", json!(false));
    scene.set("registry", json!(registry.url()));
    scene.set("ready", json!({ "http": "/", "timeout": "5m" }));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    scene.refit_does(&["stage"]).await?;

    let mut run = scene.command(&["run"])?.spawn()?;
    wait::until("the attempt to be taken", async || {
        ensure!(
            scene.pointer()["trial"]["attemptsLeft"] == 1,
            "{}",
            scene.pointer()
        );
        ensure!(!scene.runtimes().is_empty(), "nothing runs yet");
        Ok(())
    })
    .await?;
    processes::signal(pid(&run)?, rustix::process::Signal::TERM)?;
    tokio::time::timeout(wait::LONG, run.wait())
        .await
        .context("it does not end")??;
    scene.nobody_left().await?;
    ensure!(
        scene.pointer()["trial"]["attemptsLeft"] == 2,
        "{}",
        scene.pointer()
    );
    ensure!(
        scene.bad().is_empty(),
        "it was condemned: {:?}",
        scene.bad()
    );
    Ok(())
}

#[tokio::test]
async fn a_version_that_keeps_crashing_after_it_was_ready_is_taken_back() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Crashes(1500)))
        .await?;
    scene.set("rehearse", json!(false));
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    scene.refit_does(&["stage"]).await?;

    let shell = scene.shell()?;
    let status = scene
        .status_where("1.1.0 to be given up", |status| {
            status["bad"][0]["version"] == "1.1.0" && status["running"]["version"] == "1.0.0"
        })
        .await?;
    ensure!(status["bad"][0]["reason"] == "crash-loop", "{status}");
    ensure!(status["phase"] == "running", "{status}");
    kill(&scene, shell).await
}
