//! A damaged copy is mended and no bad version; a host that cannot keep its promise looks for one that
//! asks for less.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use e2e::registries::Folder;
use e2e::{Gate, Mode, Package, Scene};
use serde_json::{Value, json};

fn newer() -> Package {
    Package::new("1.1.0", Mode::Good).ballast(100_000)
}

fn folder(scene: &Scene) -> PathBuf {
    scene.store().join("versions/1.1.0")
}

/// A device on which 1.1.0 is confirmed, at rest, and the way to its registry.
async fn confirmed() -> Result<(Scene, Folder, Gate)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&newer()).await?;
    let gate = Gate::to(Some(registry.port())).await?;
    scene.set("registry", json!(gate.url()));
    scene.set("soak", json!("1s"));
    let device = scene.run()?;
    scene.staged("1.1.0").await?;
    scene.refit_does(&["apply"]).await?;
    scene.confirmed("1.1.0").await?;
    scene.end(device).await?;
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    Ok((scene, registry, gate))
}

/// One way to damage a version's folder.
type Damage = fn(&Path) -> Result<()>;

fn damages() -> Vec<(&'static str, Damage)> {
    vec![
        ("a flipped byte", |dir| flip(&dir.join("dist/ballast.bin"))),
        ("a missing file", |dir| {
            Ok(std::fs::remove_file(dir.join("dist/ballast.bin"))?)
        }),
        ("an added file", |dir| {
            Ok(std::fs::write(dir.join("dist/extra.js"), "added")?)
        }),
        ("a wiped folder", |dir| {
            std::fs::remove_dir_all(dir)?;
            Ok(std::fs::create_dir(dir)?)
        }),
        ("a folder that is gone", |dir| {
            Ok(std::fs::remove_dir_all(dir)?)
        }),
    ]
}

fn flip(file: &Path) -> Result<()> {
    let mut bytes = std::fs::read(file)?;
    let byte = bytes.get_mut(5000).context("too short")?;
    *byte ^= 1;
    Ok(std::fs::write(file, bytes)?)
}

#[tokio::test]
async fn every_damage_is_mended_at_the_next_start() -> Result<()> {
    let (scene, _registry, _gate) = confirmed().await?;
    let pointer = scene.pointer();
    for (what, damage) in damages() {
        damage(&folder(&scene))?;
        let verified = scene.refit(&["verify", "1.1.0"]).await?;
        ensure!(verified.code == Some(1), "{what}: {verified:?}");
        let device = scene.run()?;
        scene.running("1.1.0").await.context(what)?;
        scene.runs(&newer()).await.context(what)?;
        ensure!(
            !folder(&scene).join("dist/extra.js").exists(),
            "{what} is left"
        );
        ensure!(scene.pointer() == pointer, "{what}: {}", scene.pointer());
        ensure!(scene.bad().is_empty(), "{what}: {:?}", scene.bad());
        scene.end(device).await?;
        scene.refit_does(&["verify", "1.1.0"]).await.context(what)?;
    }
    Ok(())
}

#[tokio::test]
async fn offline_something_runs_and_the_finding_is_shown_and_online_it_is_mended() -> Result<()> {
    let (mut scene, registry, _gate) = confirmed().await?;
    scene.set("registry", json!("http://127.0.0.1:9/"));
    let pointer = scene.pointer();
    flip(&folder(&scene).join("dist/ballast.bin"))?;
    let device = scene.run()?;
    let status = scene.running("1.0.0").await?;
    ensure!(
        status.to_string().contains("dist/ballast.bin"),
        "the finding is not shown: {status}"
    );
    ensure!(
        scene.bad().is_empty() && scene.pointer() == pointer,
        "{status}"
    );
    scene.end(device).await?;

    scene.set("registry", json!(registry.url()));
    let device = scene.run()?;
    scene.running("1.1.0").await?;
    scene.runs(&newer()).await?;
    scene.end(device).await
}

/// A device that runs 1.1.0, which needs the contract 2, at rest.
async fn contracted() -> Result<(Scene, Folder)> {
    let mut scene = Scene::new()?;
    scene.set("host", json!({ "contract": 2, "offers": ["tray"] }));
    let registry = Folder::start(scene.root()).await?;
    let needs = json!({ "contract": 2, "requires": ["tray"] });
    registry.publish(&newer().needs(needs)).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("soak", json!("1s"));
    let device = scene.run()?;
    scene.staged("1.1.0").await?;
    scene.refit_does(&["apply"]).await?;
    scene.confirmed("1.1.0").await?;
    scene.end(device).await?;
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    // Another shell, which offers less.
    scene.set("host", json!({ "contract": 1 }));
    Ok((scene, registry))
}

fn says_contract(status: &Value) -> bool {
    let said = status["contract"].to_string();
    said.contains("1.1.0") && said.contains("contract")
}

#[tokio::test]
async fn a_version_that_asks_for_more_than_the_host_has_heals_at_the_next_start_once_a_fix_is_out()
-> Result<()> {
    let (scene, registry) = contracted().await?;
    let pointer = scene.pointer();
    let device = scene.run()?;
    let status = scene.running("1.0.0").await?;
    ensure!(says_contract(&status), "{status}");
    ensure!(
        scene.pointer() == pointer && folder(&scene).is_dir(),
        "the cached copy is lost"
    );
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    scene.end(device).await?;

    let needs = json!({ "contract": 1 });
    registry
        .publish(&Package::new("1.2.0", Mode::Good).needs(needs))
        .await?;
    let device = scene.run()?;
    scene.running("1.2.0").await?;
    // Once everything is told that belongs to its being ready.
    scene.refit(&["check"]).await?;
    let status = scene.status().await?;
    ensure!(
        status["contract"]["version"] == "1.1.0" && status["contract"]["healed"] == "1.2.0",
        "what was healed is not told: {status}"
    );
    scene.end(device).await
}

#[tokio::test]
async fn an_unreachable_registry_keeps_the_copy_and_the_first_error() -> Result<()> {
    let (mut scene, _registry) = contracted().await?;
    scene.set("registry", json!("http://127.0.0.1:9/"));
    let pointer = scene.pointer();
    let device = scene.run()?;
    let status = scene.running("1.0.0").await?;
    ensure!(says_contract(&status), "{status}");
    ensure!(scene.pointer() == pointer && folder(&scene).is_dir());
    scene.end(device).await?;
    // The host that keeps the promise again runs it again.
    scene.set("host", json!({ "contract": 2, "offers": ["tray"] }));
    let device = scene.run()?;
    scene.running("1.1.0").await?;
    scene.end(device).await
}

#[tokio::test]
async fn what_asks_for_more_is_not_staged() -> Result<()> {
    for needs in [
        json!({ "contract": 2 }),
        json!({ "contract": "two" }),
        json!({ "requires": ["tray"] }),
        json!([]),
    ] {
        let mut scene = Scene::new()?;
        let registry = Folder::start(scene.root()).await?;
        registry.publish(&newer().needs(needs.clone())).await?;
        scene.set("registry", json!(registry.url()));
        let staged = scene.refit(&["stage"]).await?;
        ensure!(
            staged.code == Some(1) && staged.json["error"]["kind"] == "contract",
            "{needs}: {staged:?}"
        );
        scene.has_nothing_of("1.1.0")?;
    }
    Ok(())
}
