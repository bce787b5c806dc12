//! A runtime page that turned against its user tries every way in, and gets nothing.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use e2e::registries::Folder;
use e2e::{Gate, Mode, Package, Scene, Window, wait};
use serde_json::json;

/// Tries everything by itself, as a real page would, and shows what came of it.
const PAGE: &str = include_str!("hostile.html");

#[tokio::test]
async fn a_hostile_runtime_page_reaches_four_commands_and_nothing_else() -> Result<()> {
    let mut scene = Scene::bare(None)?;
    let outside = Gate::to(None).await?;
    let page = PAGE.replace("{{outside}}", &outside.url());
    Package::new("1.0.0", Mode::Page(page)).write(&scene.bundled())?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&Package::new("1.1.0", Mode::Good)).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1h", "every": "1h" }));

    let window = Window::open(&scene).await?;
    window.shows("#done", "done").await?;
    let at = window.client().current_url().await?;
    let results = window.script("return window.results").await?;
    let results = results.as_object().cloned().unwrap_or_default();

    // It did run, and what it may do works: the refusals below are not just a broken bridge.
    ensure!(
        results["plugin:refit|status"]["got"]["bundled"]["version"] == "1.0.0",
        "{results:?}"
    );
    let allowed = ["plugin:refit|status", "plugin:event|listen"];
    // Tauri gives a caller without the page's key no answer at all.
    let unanswered = ["fetch ipc with a made-up key"];
    for (tried, result) in &results {
        if !allowed.contains(&tried.as_str()) {
            ensure!(result.get("got").is_none(), "{tried} gave {result}");
            let refused = result.get("refused").is_some() || unanswered.contains(&tried.as_str());
            ensure!(refused, "{tried} was not answered: {result}");
        }
    }
    ensure!(results.len() > 40, "only {} ways were tried", results.len());

    // What leaves no answer leaves no trace either.
    ensure!(
        window.client().windows().await?.len() == 1,
        "it opened a window"
    );
    for way in [
        "leave",
        "leave_to_shell",
        "leave_to_file",
        "open_window",
        "native",
    ] {
        window.script(&format!("{way}()")).await?;
        // The way out is asynchronous: two turns of the page's own clock, then look.
        window
            .script_async("setTimeout(() => setTimeout(done, 500, true), 500)")
            .await?;
        wait::until("the page to answer", async || window.text("#done").await).await?;
        ensure!(
            window.client().current_url().await? == at,
            "{way} went somewhere else"
        );
        ensure!(
            window.client().windows().await?.len() == 1,
            "{way} opened a window"
        );
    }
    ensure!(
        outside.connections() == 0,
        "it reached outside by navigating"
    );
    let status = scene.status().await?;
    ensure!(
        status["running"]["version"] == "1.0.0" && status["staged"].is_null(),
        "{status}"
    );
    ensure!(
        scene.bad().is_empty(),
        "it wrote the bad list: {:?}",
        scene.bad()
    );
    ensure!(window.shell().is_ok(), "it ended the shell");
    window.close().await
}
