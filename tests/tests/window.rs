//! Stories in the real window, through `WebDriver`. They need a display and a session bus:
//! `./scripts/test` gives them both. One at a time: a session bus knows one shell.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use e2e::registries::{Folder, Verdaccio};
use e2e::{Gate, Mode, Package, Scene, Window, display, wait};
use serde_json::{Value, json};

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

async fn visits(window: &Window) -> Result<u32> {
    Ok(window.text("#visits").await?.parse()?)
}

/// Offered, applied, and still there after the app's next start: the same from every registry.
async fn is_brought_up_to_date(scene: &Scene) -> Result<()> {
    let window = Window::open(scene).await?;
    window.shows("#version", "1.0.0").await?;
    let first = visits(&window).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    ensure!(
        window.text("#version").await? == "1.0.0",
        "it was applied unasked"
    );
    let shell = window.shell()?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    ensure!(
        window.shell()? == shell,
        "the app was restarted, not only the runtime"
    );
    window.banner_without("Restart to apply").await?;
    let second = visits(&window).await?;
    ensure!(
        second > first,
        "localStorage was lost by the update: {first}, then {second}"
    );
    window.close().await?;

    let window = Window::open(scene).await?;
    window.shows("#version", "1.1.0").await?;
    let third = visits(&window).await?;
    ensure!(
        third > second,
        "localStorage was lost by the restart: {second}, then {third}"
    );
    window.close().await
}

#[tokio::test]
async fn a_newer_version_in_a_served_folder_is_offered_applied_and_kept() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&good("1.1.0")).await?;
    scene.set("registry", json!(registry.url()));
    is_brought_up_to_date(&scene).await
}

#[tokio::test]
async fn a_newer_version_in_verdaccio_is_offered_applied_and_kept() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Verdaccio::start(scene.root()).await?;
    registry.publish(&good("1.1.0")).await?;
    scene.set("registry", json!(registry.url()));
    is_brought_up_to_date(&scene).await
}

#[tokio::test]
async fn a_download_on_its_way_is_a_line_in_the_page_and_nothing_else() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&good("1.1.0").ballast(3_000_000)).await?;
    let gate = Gate::to(Some(registry.port())).await?;
    gate.hold_after(1_000_000);
    scene.set("registry", json!(gate.url()));

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    gate.holding().await?;
    let line = "const line = document.querySelector('refit-banner')?.shadowRoot
                  ?.querySelector('[role=progressbar]');
                return line && !line.hidden ? line.ariaLabel + ' ' + line.ariaValueNow : null";
    wait::until("the line", async || {
        let seen = window.script(line).await?;
        let words = seen.as_str().context("there is no line")?;
        let percent = words
            .strip_prefix("Downloading version 1.1.0 ")
            .context("its name")?;
        let percent: u32 = percent.parse()?;
        ensure!(percent < 100, "it is at {percent} %");
        Ok(())
    })
    .await?;
    ensure!(
        window.banner().await?.is_none(),
        "the banner says {:?}",
        window.banner().await?
    );

    gate.open();
    window.banner_says("Version 1.1.0 is ready").await?;
    ensure!(window.script(line).await?.is_null(), "the line stays");
    window.close().await
}

#[tokio::test]
async fn a_version_that_dies_is_taken_back_and_runs_once_it_is_tried_again() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    let ebb = scene.root().join("ebb");
    registry
        .publish(&Package::new("1.1.0", Mode::DiesWhile(ebb.clone())))
        .await?;
    scene.set("registry", json!(registry.url()));

    let window = Window::open(&scene).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    // After its rehearsal: what no rehearsal finds is what a fallback is for.
    std::fs::write(&ebb, "")?;
    window.press("Restart to apply").await?;
    let said = window.banner_says("Try again").await?;
    ensure!(
        said.contains("1.1.0") && said.contains("1.0.0"),
        "the banner says only {said:?}"
    );
    window.shows("#version", "1.0.0").await?;
    ensure!(
        scene.bad() == ["1.1.0"],
        "the bad list is {:?}",
        scene.bad()
    );

    let check = scene.refit(&["check"]).await?;
    ensure!(
        check.json["decision"] != "stage",
        "a bad version is offered again: {check:?}"
    );

    std::fs::remove_file(&ebb)?;
    window.press("Try again").await?;
    // Trying again brings it back; whether it asks for a restart first is the banner's affair.
    wait::until("1.1.0 to run after all", async || {
        if window
            .banner()
            .await?
            .is_some_and(|said| said.contains("Restart to apply"))
        {
            window.press("Restart to apply").await?;
        }
        let seen = window.text("#version").await?;
        ensure!(
            seen == "1.1.0",
            "the page is {seen}, the banner {:?}",
            window.banner().await?
        );
        Ok(())
    })
    .await?;
    ensure!(scene.bad().is_empty(), "the bad list is {:?}", scene.bad());
    window.close().await
}

#[tokio::test]
async fn a_person_rolls_back_from_the_runtime_page_and_the_version_stays_away() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&good("1.1.0")).await?;
    scene.set("registry", json!(registry.url()));
    let window = Window::open(&scene).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;

    window.open_runtime_page(&scene).await?;
    window.shows("main", "1.1.0").await?;
    window.shows("main", "1.0.0").await?;
    window.press_in_page("Roll back…").await?;
    window.press_in_page("Roll back to 1.0.0").await?;
    scene.running("1.0.0").await?;
    window.shows("main", "Rolled back").await?;
    ensure!(
        scene.bad() == ["1.1.0"],
        "the bad list is {:?}",
        scene.bad()
    );

    window.press_in_page("Check now").await?;
    let status = scene
        .status_where("a person's check", |status| {
            status["lastCheck"]["by"] == "person"
        })
        .await?;
    ensure!(
        status["lastCheck"]["decision"] != "stage",
        "it came back: {}",
        status["lastCheck"]
    );
    window.main().await?;
    window.shows("#version", "1.0.0").await?;
    window.close().await
}

#[tokio::test]
async fn when_even_bundled_fails_the_start_page_says_what_went_wrong() -> Result<()> {
    let scene = Scene::bare(None)?;
    Package::new("1.0.0", Mode::Dies).write(&scene.bundled())?;
    let window = Window::open(&scene).await?;
    window.shows("body", "not-there.js").await?;
    window.close().await
}

async fn is_in_front(expected: impl Fn(&str) -> bool) -> Result<()> {
    wait::until("another window in front", async || {
        let front = display::in_front("refit-shell")?;
        ensure!(expected(&front), "in front is {front}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_second_instance_ends_and_brings_the_first_to_the_front() -> Result<()> {
    let scene = Scene::new()?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    let main = display::in_front("refit-shell")?;
    window.open_runtime_page(&scene).await?;
    is_in_front(|front| front != main).await?;
    let runtimes = scene.runtimes().len();

    let mut second = scene.shell()?;
    let ended = tokio::time::timeout(wait::LONG, second.wait())
        .await
        .context("it stays")??;
    ensure!(ended.success(), "the second instance ended with {ended}");
    is_in_front(|front| front == main).await?;
    ensure!(
        scene.runtimes().len() == runtimes,
        "runtimes: {:?}",
        scene.runtimes()
    );
    window.close().await
}

/// A page's own question to Refit.
async fn status_in_page(window: &Window) -> Result<Value> {
    window
        .script_async(
            "window.__TAURI_INTERNALS__.invoke('plugin:refit|status')\
             .then(done, (error) => done({ error: String(error?.message ?? error) }))",
        )
        .await
}

#[tokio::test]
async fn a_development_build_says_so_and_opens_no_connection() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.play("refit-shell-dev")?;
    let registry = Gate::to(None).await?;
    scene.set("registry", json!(registry.url()));
    scene.set("check", json!({ "after": "1s", "every": "1s" }));
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    let status = status_in_page(&window).await?;
    ensure!(status["updates"] == "development-build", "status: {status}");

    // A person's order does not reach the network either.
    let checked = window
        .script_async(
            "window.__TAURI_INTERNALS__.invoke('plugin:refit|check')\
             .then((report) => done({ report }), (error) => done({ error }))",
        )
        .await?;
    ensure!(!checked.is_null(), "the check was not answered");
    // Nothing happening can only be waited for: several times what a check would have taken.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    ensure!(
        registry.connections() == 0,
        "{} connections",
        registry.connections()
    );
    ensure!(
        !scene.store().join("current.json").exists(),
        "it wrote a pointer"
    );
    window.close().await
}

#[tokio::test]
async fn a_development_build_runs_the_file_that_is_named() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.play("refit-shell-dev")?;
    let other = scene.root().join("other");
    good("9.9.9").write(&other)?;
    scene.env.insert(
        "REFIT_RUNTIME".into(),
        other.join("dist/cli.js").into_os_string(),
    );
    let window = Window::open(&scene).await?;
    window.shows("#version", "9.9.9").await?;
    window.close().await?;

    scene.env.insert(
        "REFIT_RUNTIME".into(),
        other.join("dist/none.js").into_os_string(),
    );
    let window = Window::open(&scene).await?;
    window.shows("body", "none.js").await?;
    ensure!(
        scene.runtimes().is_empty(),
        "it fell back quietly: {:?}",
        scene.runtimes()
    );
    window.close().await
}

#[tokio::test]
async fn a_release_build_does_not_look_at_the_named_file() -> Result<()> {
    let mut scene = Scene::new()?;
    let other = scene.root().join("other");
    good("9.9.9").write(&other)?;
    scene.env.insert(
        "REFIT_RUNTIME".into(),
        other.join("dist/cli.js").into_os_string(),
    );
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    window.close().await
}

#[tokio::test]
async fn the_command_line_applies_through_the_running_shell() -> Result<()> {
    let mut scene = Scene::new()?;
    let registry = Folder::start(scene.root()).await?;
    registry.publish(&good("1.1.0")).await?;
    scene.set("registry", json!(registry.url()));
    let nobody = scene.refit(&["apply"]).await?;
    ensure!(nobody.code == Some(3), "without a shell: {nobody:?}");

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    scene.staged("1.1.0").await?;
    let applied = scene.refit(&["apply"]).await?;
    ensure!(applied.code == Some(0), "apply: {applied:?}");
    ensure!(applied.json["version"] == "1.1.0", "apply: {applied:?}");
    window.shows("#version", "1.1.0").await?;
    scene.running("1.1.0").await?;
    window.close().await
}
