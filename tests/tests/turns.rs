//! Whose turn it is, in the real window: held, eligible, recalled, withdrawn, expired.
//! They need a display and a session bus: `./scripts/test` gives them both.
#![cfg(target_os = "linux")]

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Mode, Package, Scene, Site, Window};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_hours(1);

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// A device that looks every second by itself.
fn eager() -> Result<Scene> {
    let mut scene = Scene::new()?;
    scene.set("check", json!({ "after": "1s", "every": "1s" }));
    Ok(scene)
}

/// Everyone has 1.0.0; 1.1.0 is out, and in an hour it is everyone's: whatever the device's id is.
async fn in_an_hour(site: &Site) -> Result<()> {
    site.release(&good("1.0.0")).await?;
    site.publisher.publish(&good("1.1.0")).await?;
    let plan = ["start", "1.1.0", "--plan", "100%@1h", "--notes", NOTES];
    site.publisher.rollout(&plan).await?;
    Ok(())
}

const NOTES: &str = "The lamps burn longer.";

async fn checked(scene: &Scene, reason: &str) -> Result<Value> {
    let what = format!("a check that ends on {reason}");
    scene
        .status_where(&what, |status| status["lastCheck"]["reason"] == reason)
        .await
}

/// Nothing of 1.1.0 came near: no banner, no file, no question to the registry.
async fn knows_nothing_of_it(scene: &Scene, site: &Site, window: &Window) -> Result<()> {
    window.main().await?;
    let banner = window.banner().await?;
    ensure!(banner.is_none(), "the banner says {banner:?}");
    let status = scene.status().await?;
    ensure!(status["staged"].is_null(), "{status}");
    scene.has_nothing_of("1.1.0")?;
    let asked = site.registry.requests();
    ensure!(asked.is_empty(), "the registry was asked: {asked:?}");
    Ok(())
}

#[tokio::test]
async fn time_alone_makes_it_a_devices_turn_with_the_manifests_host_off() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.set("check", json!({ "after": "1s", "every": "30m" }));
    let site = Site::plain(&mut scene).await?;
    in_an_hour(&site).await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    checked(&scene, "held").await?;
    window.open_runtime_page(&scene).await?;
    // "at 3:40 PM", or "on" a day, where that is past midnight.
    window.shows("main", "Rolling out: your turn is").await?;
    knows_nothing_of_it(&scene, &site, &window).await?;

    site.host.off().await?;
    // The turn, and the pause after it that keeps devices from asking all at once.
    site.clock.pass(HOUR * 2)?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.press("What's new").await?;
    window.banner_says(NOTES).await?;
    ensure!(
        window.text("#version").await? == "1.0.0",
        "it was applied unasked"
    );
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn a_persons_own_check_does_not_wait_for_a_turn() -> Result<()> {
    let mut scene = eager()?;
    let site = Site::plain(&mut scene).await?;
    in_an_hour(&site).await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    checked(&scene, "held").await?;
    knows_nothing_of_it(&scene, &site, &window).await?;
    window.open_runtime_page(&scene).await?;
    window.press_in_page("Check now").await?;
    scene.staged("1.1.0").await?;
    window.main().await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.close().await?;

    // What a person took is theirs: the next start does not ask whose turn it is.
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn a_recalled_version_runs_on_until_the_next_start_and_comes_back_when_the_recall_is_lifted()
-> Result<()> {
    let mut scene = eager()?;
    scene.set("soak", json!("1s"));
    let site = Site::plain(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    let window = Window::open(&scene).await?;
    for version in ["1.1.0", "1.2.0"] {
        if version == "1.2.0" {
            site.release(&good(version)).await?;
        }
        window
            .banner_says(&format!("Version {version} is ready"))
            .await?;
        window.press("Restart to apply").await?;
        window.shows("#version", version).await?;
        scene.confirmed(version).await?;
    }

    let recall = ["recall", "1.2.0", "--to", "1.1.0"];
    site.publisher.rollout(&recall).await?;
    scene
        .status_where("the recall to arrive", |status| {
            status["recalledRunning"]["version"] == "1.2.0"
        })
        .await?;
    window.open_runtime_page(&scene).await?;
    window
        .shows("[data-refit=recalled-running]", "recalled version 1.2.0")
        .await?;
    window.main().await?;
    ensure!(
        window.text("#version").await? == "1.2.0",
        "it was taken away while it ran"
    );
    window.close().await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.1.0").await?;
    window.banner_says("recalled").await?;
    window.open_runtime_page(&scene).await?;
    let why = "[data-refit=passed-over]";
    window.shows(why, "1.2.0").await?;
    window.shows(why, "recalled").await?;
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());

    site.publisher
        .rollout(&["recall", "1.2.0", "--undo"])
        .await?;
    let again = ["start", "1.2.0", "--plan", "100%"];
    site.publisher.rollout(&again).await?;
    window.main().await?;
    window.banner_says("Version 1.2.0 is ready").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.2.0").await?;
    window.close().await
}

/// What was staged in the background and never started is taken off the table by `change`: the
/// banner goes, the page says `why`, and the next start stays where it was.
async fn taken_off_the_table(
    scene: &Scene,
    why: &str,
    change: impl AsyncFnOnce() -> Result<()>,
) -> Result<Window> {
    let window = Window::open(scene).await?;
    window.shows("#version", "1.0.0").await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    change().await?;
    window.banner_without("Restart to apply").await?;
    window.open_runtime_page(scene).await?;
    window.shows("main", why).await?;
    window.close().await?;

    let window = Window::open(scene).await?;
    window.shows("#version", "1.0.0").await?;
    scene.running("1.0.0").await?;
    window.banner_without("Restart to apply").await?;
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    let left = &scene.pointer()["trial"]["attemptsLeft"];
    ensure!(left == 2, "an attempt was taken: {}", scene.pointer());
    Ok(window)
}

#[tokio::test]
async fn what_was_recalled_before_its_first_start_is_not_started() -> Result<()> {
    let mut scene = eager()?;
    let site = Site::plain(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    site.publisher.publish(&good("1.0.0")).await?;
    let window = taken_off_the_table(&scene, "recalled", async || {
        let recall = ["recall", "1.1.0", "--to", "1.0.0"];
        site.publisher.rollout(&recall).await?;
        Ok(())
    })
    .await?;
    window.close().await
}

#[tokio::test]
async fn what_was_withdrawn_before_its_first_start_is_not_started() -> Result<()> {
    let mut scene = eager()?;
    let site = Site::plain(&mut scene).await?;
    site.release(&good("1.0.0")).await?;
    site.release(&good("1.1.0")).await?;
    let window = taken_off_the_table(&scene, "no longer being rolled out", async || {
        site.publisher.rollout(&["halt"]).await?;
        Ok(())
    })
    .await?;
    // Going on brings it back, as it was.
    site.publisher.rollout(&["resume"]).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.close().await
}

#[tokio::test]
async fn what_nobody_vouches_for_any_more_is_not_started_and_the_page_says_how_stale_it_is()
-> Result<()> {
    let mut scene = eager()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    let window =
        taken_off_the_table(&scene, "expired", async || site.clock.pass(HOUR * 24 * 8)).await?;
    site.publisher.repo(&["refresh"]).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    window.open_runtime_page(&scene).await?;
    let trust = "[data-refit=trust]";
    window
        .shows(trust, "Signed updates, verified just now")
        .await?;
    window.close().await
}

#[tokio::test]
async fn hostile_hosts_get_nothing_into_the_window() -> Result<()> {
    let mut scene = eager()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    scene.refit_does(&["stage"]).await?;
    site.release(&good("1.2.0")).await?;
    let released = site.publisher.keep("released")?;
    site.publisher
        .rollout(&["recall", "1.2.0", "--to", "1.1.0"])
        .await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.1.0").await?;
    scene
        .status_where("the recall to arrive", |status| {
            status["rollout"]["recalled"][0] == "1.2.0"
        })
        .await?;
    // From here on both hosts say what they said before 1.2.0 was taken back.
    site.host.serve(&released);
    site.registry.serve(&released);
    window.open_runtime_page(&scene).await?;
    let trouble = "[data-refit=trouble]";
    window.shows(trouble, "goes back from version").await?;
    window.press_in_page("Check now").await?;
    scene
        .status_where("a person's check", |status| {
            status["lastCheck"]["by"] == "person"
        })
        .await?;
    scene.has_nothing_of("1.2.0")?;
    window.main().await?;
    window.banner_without("1.2.0").await?;
    window.close().await?;

    let window = Window::open(&scene).await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn who_opted_in_takes_what_is_held() -> Result<()> {
    let mut scene = eager()?;
    scene.env.insert("REFIT_EXPERIMENTAL".into(), "on".into());
    let site = Site::plain(&mut scene).await?;
    in_an_hour(&site).await?;
    let window = Window::open(&scene).await?;
    window.banner_says("Version 1.1.0 is ready").await?;
    checked(&scene, "already-staged").await?;
    window.press("Restart to apply").await?;
    window.shows("#version", "1.1.0").await?;
    window.close().await
}

#[tokio::test]
async fn no_automatic_updates_beats_opting_in() -> Result<()> {
    let mut scene = eager()?;
    scene.env.insert("REFIT_EXPERIMENTAL".into(), "1".into());
    scene
        .env
        .insert("REFIT_NO_AUTO_UPDATE".into(), "yes".into());
    let site = Site::plain(&mut scene).await?;
    in_an_hour(&site).await?;
    let window = Window::open(&scene).await?;
    window.shows("#version", "1.0.0").await?;
    // Nothing happening can only be waited for: several times what a check would have taken.
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(
        site.host.requests().is_empty(),
        "{:?}",
        site.host.requests()
    );
    knows_nothing_of_it(&scene, &site, &window).await?;
    // A person is heard all the same, and only by asking.
    window.open_runtime_page(&scene).await?;
    window.press_in_page("Check now").await?;
    scene.staged("1.1.0").await?;
    window.close().await
}
