//! The demo's story: 1.0.0 is bundled, 1.1.0 is offered and good, 1.2.0 dies at start and is never
//! offered, 1.3.0 passes its rehearsal, stumbles over the app's own data and is taken back.
//!
//! `e2e-demo` opens a window for a person; `e2e-demo --headless` plays the person, and ends well
//! only if every step was seen.

use anyhow::{Context, Result, ensure};
use e2e::registries::Folder;
use e2e::{Scene, Teller, Window, parts};
use serde_json::json;

#[tokio::main]
async fn main() -> Result<()> {
    if std::env::args().any(|arg| arg == "--headless") {
        headless().await
    } else {
        person().await
    }
}

/// The demo's stage below `target/demo`, made afresh.
fn stage(name: &str) -> Result<Scene> {
    let dir = parts::root().join("target/demo").join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    }
    let mut scene = Scene::bare(Some(&dir))?;
    scene.bundle_from(&parts::root().join("src-tauri/runtime"));
    scene.set("package", json!("refit-demo"));
    scene.set("command", json!(["node", "{entry}", "--port", "{port}"]));
    // Minutes would be right for an app; a demo has not got them.
    scene.set("soak", json!("5s"));
    scene.set("check", json!({ "after": "4s", "every": "10s" }));
    Ok(scene)
}

fn package(version: &str) -> std::path::PathBuf {
    parts::root().join(format!("target/demo/packages/refit-demo-{version}.tgz"))
}

async fn headless() -> Result<()> {
    let mut tell = Teller::new(parts::root().join("target/demo"));
    let mut scene = stage("headless")?;
    let registry = Folder::start(scene.root()).await?;
    scene.set("registry", json!(registry.url()));
    registry.publish_file(&package("1.0.0")).await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    window.click("#add").await?;
    window.shows("#count", "1").await?;
    tell.seen_in(
        &window,
        "bundled",
        "the window shows the bundled runtime 1.0.0",
    )
    .await?;

    registry.publish_file(&package("1.1.0")).await?;
    tell.say("1.1.0 is published; waiting for the device to find it");
    window.banner_says("Version 1.1.0 is ready").await?;
    tell.seen_in(&window, "banner", "the banner says that 1.1.0 is ready")
        .await?;

    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    window.shows("#count", "1").await?;
    tell.seen_in(
        &window,
        "updated",
        "after the restart 1.1.0 runs, with the page's data",
    )
    .await?;

    tell.say("waiting for 1.1.0 to be confirmed");
    scene.confirmed("1.1.0").await?;
    registry.publish_file(&package("1.2.0")).await?;
    tell.say("1.2.0 is published; waiting for the device to rehearse it");
    let status = scene
        .status_where("1.2.0 to fail its rehearsal", |status| {
            status["bad"][0]["version"] == "1.2.0"
        })
        .await?;
    ensure!(
        status["bad"][0]["reason"] == "rehearsal" && status["staged"].is_null(),
        "1.2.0 was not found out before it was offered: {status}"
    );
    ensure!(
        window.banner().await?.is_none(),
        "the banner says {:?}",
        window.banner().await?
    );
    window.shows("#version", "1.1.0").await?;
    tell.seen_in(
        &window,
        "rehearsed",
        "1.2.0 dies in its rehearsal, out of sight; nobody hears of it, 1.1.0 goes on",
    )
    .await?;

    registry.publish_file(&package("1.3.0")).await?;
    tell.say("1.3.0 is published; it stumbles over what 1.1.0 wrote, which no rehearsal has");
    window.banner_says("Version 1.3.0 is ready").await?;
    tell.seen_in(
        &window,
        "banner-again",
        "the banner says that 1.3.0 is ready",
    )
    .await?;

    window.press("Restart to apply").await?;
    let said = window.banner_says("Try again").await?;
    ensure!(
        said.contains("1.3.0") && said.contains("1.1.0"),
        "the banner says only {said:?}"
    );
    window.shows("#version", "1.1.0").await?;
    window.shows("#count", "1").await?;
    tell.seen_in(
        &window,
        "fell-back",
        &format!("1.3.0 dies; the banner says: {said}"),
    )
    .await?;

    let status = scene.running("1.1.0").await?;
    ensure!(
        status["bad"].to_string().contains("\"1.3.0\""),
        "1.3.0 is not marked bad: {status}"
    );
    tell.seen("1.3.0 is marked bad, 1.1.0 goes on");
    window.close().await?;
    tell.seen("every step was seen; pictures are in target/demo");
    Ok(())
}

async fn person() -> Result<()> {
    let mut tell = Teller::new(parts::root().join("target/demo"));
    let mut scene = stage("window")?;
    // A person's own fonts and colours.
    scene.env.clear();
    let registry = Folder::start(scene.root()).await?;
    scene.set("registry", json!(registry.url()));
    registry.publish_file(&package("1.0.0")).await?;
    registry.publish_file(&package("1.1.0")).await?;
    let mut shell = scene.shell()?;
    tell.seen("the window is opening with the bundled runtime 1.0.0");
    tell.say("a banner will offer 1.1.0; press \"Restart to apply\"");
    let story = async {
        scene.confirmed_at_leisure("1.1.0").await?;
        tell.seen("1.1.0 runs and is confirmed");
        registry.publish_file(&package("1.2.0")).await?;
        tell.say(
            "1.2.0 is published now; it dies at start, so its rehearsal fails and nobody is asked",
        );
        scene.bad_at_leisure("1.2.0").await?;
        tell.seen("1.2.0 failed out of sight and is marked bad; the runtime page says so");
        registry.publish_file(&package("1.3.0")).await?;
        tell.say("1.3.0 is published now; it stumbles over the app's own data. Apply it, and see the app go on");
        scene.bad_at_leisure("1.3.0").await?;
        tell.seen("1.3.0 failed and is marked bad; the last good version goes on");
        tell.say("close the window to end the demo");
        std::future::pending::<Result<()>>().await
    };
    tokio::select! {
        told = story => told,
        ended = shell.wait() => {
            let status = ended?;
            ensure!(status.success(), "the shell ended with {status}; see {}", scene.root().join("shell.out").display());
            Ok(())
        }
    }
}
