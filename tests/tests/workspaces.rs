//! Many workspaces on one store: one version, pulled once, tried in one of them.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use e2e::registries::Folder;
use e2e::{Gate, Mode, Package, Scene, client};
use serde_json::{Value, json};

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// One that does not start in a folder in which `fail-here` lies.
fn picky(version: &str) -> Package {
    Package::new(version, Mode::DiesWhile("fail-here".into()))
}

/// A device with this many workspaces besides `main`, running.
async fn crew(count: usize) -> Result<(Scene, Folder, tokio::process::Child)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    for n in 1..=count {
        let folder = scene.root().join(format!("boards/{n}"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("settings"), format!("of {n}"))?;
        let folder = folder.to_string_lossy().into_owned();
        let name = format!("board-{n}");
        scene
            .refit_does(&["workspaces", "add", &name, "--folder", &folder])
            .await?;
    }
    let device = scene.run()?;
    everywhere(&scene, "1.0.0", &[]).await?;
    Ok((scene, registry, device))
}

async fn workspaces(scene: &Scene) -> Result<Vec<Value>> {
    let listed = scene.refit_does(&["workspaces", "list"]).await?;
    Ok(listed["workspaces"]
        .as_array()
        .context("no workspaces")?
        .clone())
}

/// Waits until every workspace but these runs this version.
async fn everywhere(scene: &Scene, version: &str, but: &[&str]) -> Result<Vec<Value>> {
    e2e::wait::until(&format!("{version} everywhere"), async || {
        let all = workspaces(scene).await?;
        for one in &all {
            let name = one["name"].as_str().unwrap_or_default();
            ensure!(
                but.contains(&name) || (one["state"] == "running" && one["version"] == version),
                "{all:?}"
            );
        }
        Ok(all)
    })
    .await
}

fn named<'a>(all: &'a [Value], name: &str) -> Result<&'a Value> {
    all.iter()
        .find(|one| one["name"] == name)
        .with_context(|| format!("no {name} in {all:?}"))
}

#[tokio::test]
async fn ten_workspaces_are_upgraded_with_one_download_and_one_that_fails_harms_nobody()
-> Result<()> {
    let (mut scene, registry, device) = crew(10).await?;
    let gate = Gate::to(Some(registry.port())).await?;
    scene.end(device).await?;
    scene.set("registry", json!(gate.url()));
    let device = scene.run()?;
    let before = everywhere(&scene, "1.0.0", &[]).await?;
    std::fs::write(scene.root().join("boards/7/fail-here"), "")?;
    registry.publish(&picky("1.1.0")).await?;

    let (first, second) = tokio::join!(
        scene.refit(&["apps", "upgrade"]),
        scene.refit(&["apps", "upgrade"])
    );
    let (first, second) = (first?, second?);
    for answer in [&first, &second] {
        ensure!(answer.code == Some(0), "{answer:?}");
    }
    let after = everywhere(&scene, "1.1.0", &["board-7"]).await?;
    let dead = named(&after, "board-7")?;
    ensure!(dead["state"] == "dead", "{dead}");
    ensure!(
        dead["detail"].as_str().is_some_and(|said| !said.is_empty()),
        "no reason: {dead}"
    );
    ensure!(
        scene.runtimes().len() == 10,
        "main and nine boards: {:?}",
        scene.runtimes()
    );
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    ensure!(
        gate.tarballs() == 1,
        "it was pulled {} times",
        gate.tarballs()
    );
    for n in 1..=10 {
        let name = format!("board-{n}");
        let (was, is) = (named(&before, &name)?, named(&after, &name)?);
        ensure!(was["folder"] == is["folder"], "{was} {is}");
        let settings = scene.root().join(format!("boards/{n}/settings"));
        ensure!(std::fs::read_to_string(settings)? == format!("of {n}"));
    }
    let url = named(&after, "board-3")?["url"]
        .as_str()
        .context("no address")?;
    let cwd = client::get(&format!("{url}cwd")).await?;
    ensure!(cwd.ends_with("boards/3"), "it runs in {cwd}");

    // Nothing to upgrade: nobody is restarted.
    let pids: Vec<_> = scene.runtimes().iter().map(|it| it.pid).collect();
    let again = scene.refit(&["apps", "upgrade"]).await?;
    ensure!(again.code == Some(3), "{again:?}");
    let now: Vec<_> = scene.runtimes().iter().map(|it| it.pid).collect();
    ensure!(pids == now, "somebody was restarted");

    std::fs::remove_file(scene.root().join("boards/7/fail-here"))?;
    scene
        .refit_does(&["workspaces", "restart", "board-7"])
        .await?;
    everywhere(&scene, "1.1.0", &[]).await?;
    scene.end(device).await
}

#[tokio::test]
async fn a_version_that_fails_in_the_first_workspace_reaches_no_other() -> Result<()> {
    let (scene, registry, device) = crew(2).await?;
    std::fs::write(scene.data().join("fail-here"), "")?;
    registry.publish(&picky("1.1.0")).await?;
    let pids = |scene: &Scene, n: usize| {
        let folder = scene.root().join(format!("boards/{n}"));
        scene
            .runtimes()
            .into_iter()
            .filter(|it| {
                std::fs::read_link(format!("/proc/{}/cwd", it.pid)).is_ok_and(|cwd| cwd == folder)
            })
            .map(|it| it.pid)
            .collect::<Vec<_>>()
    };
    let before = (pids(&scene, 1), pids(&scene, 2));
    let upgrade = scene.refit(&["apps", "upgrade"]).await?;
    ensure!(upgrade.code == Some(1), "{upgrade:?}");
    everywhere(&scene, "1.0.0", &[]).await?;
    ensure!(scene.bad() == ["1.1.0"], "{:?}", scene.bad());
    ensure!(
        before == (pids(&scene, 1), pids(&scene, 2)) && before.0.len() == 1,
        "a board was restarted: {before:?}"
    );
    scene.end(device).await
}

#[tokio::test]
async fn workspaces_come_and_go_and_never_pull() -> Result<()> {
    let (scene, registry, device) = crew(1).await?;
    registry.publish(&good("1.1.0")).await?;
    scene.refit_does(&["workspaces", "add", "another"]).await?;
    let all = everywhere(&scene, "1.0.0", &[]).await?;
    let folder = named(&all, "another")?["folder"]
        .as_str()
        .context("no folder")?
        .to_owned();
    ensure!(scene.pointer().is_null(), "{}", scene.pointer());
    let twice = scene.refit(&["workspaces", "add", "another"]).await?;
    ensure!(twice.code == Some(1), "{twice:?}");
    scene
        .refit_does(&["workspaces", "remove", "another"])
        .await?;
    ensure!(workspaces(&scene).await?.len() == 2);
    ensure!(
        std::path::Path::new(&folder).is_dir(),
        "the person's folder is gone"
    );
    scene.end(device).await
}

#[tokio::test]
async fn schedules_follow_the_live_instance() -> Result<()> {
    let (scene, registry, device) = crew(1).await?;
    scene.end(device).await?;
    let file = scene.data().join("workspaces.json");
    let mut stored: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    stored["workspaces"][0]["schedules"] = json!([{ "every": "1s", "path": "/tick" }]);
    std::fs::write(&file, stored.to_string())?;
    let ticks = async |scene: &Scene| -> Result<u32> {
        let all = workspaces(scene).await?;
        let url = named(&all, "board-1")?["url"]
            .as_str()
            .context("it does not run")?
            .to_owned();
        Ok(client::get(&format!("{url}ticks")).await?.parse()?)
    };
    let device = scene.run()?;
    let ticking = async |scene: &Scene| {
        e2e::wait::until("two ticks", async || {
            let seen = ticks(scene).await?;
            ensure!(seen >= 2, "{seen} ticks");
            Ok(())
        })
        .await
    };
    ticking(&scene).await?;
    scene
        .refit_does(&["workspaces", "restart", "board-1"])
        .await?;
    // The count is in the process: these are calls to the new one.
    ticking(&scene).await?;
    std::fs::write(scene.root().join("boards/1/fail-here"), "")?;
    registry.publish(&picky("1.1.0")).await?;
    scene.refit(&["apps", "upgrade"]).await?;
    let all = everywhere(&scene, "1.1.0", &["board-1"]).await?;
    ensure!(named(&all, "board-1")?["state"] == "dead", "{all:?}");
    std::fs::remove_file(scene.root().join("boards/1/fail-here"))?;
    scene
        .refit_does(&["workspaces", "restart", "board-1"])
        .await?;
    ticking(&scene).await?;
    scene.end(device).await
}

#[tokio::test]
async fn a_thief_of_ports_gets_no_workspace_believed_to_be_another() -> Result<()> {
    let (scene, registry, device) = crew(2).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::Steals))
        .await?;
    scene.refit(&["apps", "upgrade"]).await?;
    let all = everywhere(&scene, "1.1.0", &[]).await?;
    for one in &all {
        let url = one["url"].as_str().context("no address")?;
        let said = client::get(&format!("{url}version")).await?;
        ensure!(said == "1.1.0", "{url} says {said}: {all:?}");
    }
    let mut pids: Vec<String> = Vec::new();
    for one in &all {
        let url = one["url"].as_str().context("no address")?;
        pids.push(client::get(&format!("{url}pid")).await?);
    }
    pids.sort();
    pids.dedup();
    ensure!(pids.len() == 3, "two share a process: {pids:?}, {all:?}");
    scene.end(device).await
}

#[tokio::test]
async fn two_runtimes_live_side_by_side() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    let notes = |version: &str, mode: Mode| Package::new(version, mode).named("story-notes");
    notes("3.0.0", Mode::Good).write(&scene.bundled().join("apps/notes"))?;
    registry.publish(&good("1.1.0")).await?;
    registry.publish(&notes("3.1.0", Mode::Dies)).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    let mut other = scene.config.clone();
    other["package"] = json!("story-notes");
    scene.set("apps", json!({ "notes": other }));
    let device = scene.run()?;
    scene.running("1.0.0").await?;
    let apps = async |scene: &Scene| scene.refit_does(&["apps", "list"]).await;
    e2e::wait::until("both", async || {
        let listed = apps(&scene).await?;
        let all = listed["apps"].as_array().context("no apps")?;
        ensure!(
            all.len() == 2
                && all
                    .iter()
                    .all(|app| app["workspaces"][0]["state"] == "running"),
            "{listed}"
        );
        Ok(())
    })
    .await?;
    scene.refit(&["apps", "upgrade"]).await?;
    scene.running("1.1.0").await?;
    let listed = apps(&scene).await?;
    ensure!(
        listed.to_string().contains("1.1.0") && listed.to_string().contains("3.0.0"),
        "{listed}"
    );
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    let other = scene.refit_does(&["--app", "notes", "status"]).await?;
    ensure!(
        other["bad"][0]["version"] == "3.1.0" && other["running"]["version"] == "3.0.0",
        "{other}"
    );
    scene.end(device).await
}
