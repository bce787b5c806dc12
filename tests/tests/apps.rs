//! The Apps page in the real window: what runs in which workspace, and one button for all.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use e2e::registries::Folder;
use e2e::{Mode, Package, Scene, Window, parts};
use serde_json::json;

/// A board of the page.
fn board(name: &str) -> String {
    format!("[data-refit=workspace][data-workspace='{name}']")
}

/// A device with two workspaces besides `main`, whose registry has 1.1.0, which does not start in a
/// folder with `fail-here`.
async fn device() -> Result<(Scene, Folder)> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry
        .publish(&Package::new("1.1.0", Mode::DiesWhile("fail-here".into())))
        .await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));
    for name in ["one", "two"] {
        let folder = scene.root().join("boards").join(name);
        std::fs::create_dir_all(&folder)?;
        let folder = folder.to_string_lossy().into_owned();
        scene
            .refit_does(&["workspaces", "add", name, "--folder", &folder])
            .await?;
    }
    Ok((scene, registry))
}

#[tokio::test]
async fn one_button_upgrades_every_workspace_and_tells_of_each() -> Result<()> {
    let (scene, _registry) = device().await?;
    std::fs::write(scene.root().join("boards/two/fail-here"), "")?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    window.open_apps_page(&scene).await?;
    window.shows("[data-refit=installed]", "1.0.0").await?;
    for name in ["main", "one", "two"] {
        let version = format!("{} [data-refit=workspace-version]", board(name));
        window.shows(&version, "1.0.0").await?;
    }
    for fact in ["os", "arch", "shell", "node"] {
        let said = window.text(&format!("[data-refit={fact}]")).await?;
        ensure!(!said.trim().is_empty(), "nothing is said of {fact}");
    }

    window.click("[data-action=upgrade]").await?;
    window.shows("[data-refit=upgraded]", "two").await?;
    window.shows("[data-refit=installed]", "1.1.0").await?;
    for name in ["main", "one"] {
        let version = format!("{} [data-refit=workspace-version]", board(name));
        window.shows(&version, "1.1.0").await?;
    }
    let dead = format!("{}[data-state=dead]", board("two"));
    window.shows(&dead, "two").await?;
    window
        .picture(&parts::root().join("target/stories/apps.png"))
        .await?;
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());

    std::fs::remove_file(scene.root().join("boards/two/fail-here"))?;
    window
        .click(&format!("{} [data-action=restart]", board("two")))
        .await?;
    window
        .shows(&format!("{}[data-state=running]", board("two")), "1.1.0")
        .await?;
    window.main().await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn the_main_window_moves_to_the_workspace_that_is_chosen() -> Result<()> {
    let (scene, _registry) = device().await?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    window.open_apps_page(&scene).await?;
    let one = format!("{}[data-state=running]", board("one"));
    window.shows(&one, "1.0.0").await?;
    window
        .click(&format!("{} [data-action=show]", board("one")))
        .await?;
    window.main().await?;
    window.shows("#cwd", "boards/one").await?;

    window.other().await?;
    let input = fantoccini::Locator::Css("input[name=workspace]");
    let input = window.client().wait().for_element(input).await?;
    input.send_keys("three").await?;
    window.click("[data-action=add]").await?;
    let three = format!("{}[data-state=running]", board("three"));
    window.shows(&three, "1.0.0").await?;
    window
        .click(&format!("{} [data-action=remove]", board("three")))
        .await?;
    window
        .click(&format!("{} [data-action=confirm-remove]", board("three")))
        .await?;
    e2e::wait::until("the workspace to be gone", async || {
        let left = window.text(&board("three")).await;
        ensure!(left.is_err(), "{left:?}");
        Ok(())
    })
    .await?;
    window.close().await
}
