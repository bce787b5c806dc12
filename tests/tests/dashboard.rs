//! The fleet's page in a real browser: five thousand devices on a real broker, a ramp over them, and its buttons.

#[path = "dashboard/shopfloor.rs"]
mod shopfloor;

use anyhow::{Context, Result, ensure};
use e2e::{Browser, parts, wait};
use fantoccini::key::Key;
use rollout::fleet::ramp::RampState;

use shopfloor::{BASELINE, Dashboard, NEW, Shopfloor};

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_watched_and_its_ramp_stopped_on_the_page() -> Result<()> {
    let mut fleet = Shopfloor::open().await?;
    let mut dashboard = Dashboard::start(&fleet)?;
    let browser = Browser::open(&dashboard.url, 1280, 1060).await?;
    sees_all_of_it(&browser).await?;
    sees_devices_arrive(&browser, &mut fleet).await?;
    filters_by_keyboard(&browser).await?;
    pauses(&browser, &fleet).await?;
    halts(&browser, &fleet).await?;

    // A server that is gone is told, and what was seen stays.
    dashboard.stop();
    browser.shows("[data-part=live]", "Not live").await?;
    let next_step = "start it again and open the address that it prints";
    browser.shows("[data-part=problem]", next_step).await?;
    browser.shows("[data-figure=total]", "5,000").await?;
    let broken = browser.script("return window.broken;").await?;
    ensure!(broken == serde_json::json!([]), "{broken}");
    browser.close().await
}

/// All of it, counted; and only a hundred rows, however many devices there are.
async fn sees_all_of_it(browser: &Browser) -> Result<()> {
    let watch = "window.broken = [];
        document.addEventListener('securitypolicyviolation', (it) => broken.push(it.violatedDirective));
        addEventListener('error', (it) => broken.push(it.message));";
    browser.script(watch).await?;
    browser.shows("[data-figure=total]", "5,000").await?;
    browser.shows("[data-part=live]", "Live").await?;
    let title = format!("Ramp to {NEW} on all devices");
    browser.shows("[data-ramp=global] h2", &title).await?;
    let next = "At step 2 of 4, 25 %. Goes on to 50 % in";
    browser.shows("[data-part=words]", next).await?;
    browser.shows("[data-part=found]", "5,000 devices").await?;
    let rows = "return document.querySelectorAll('tr[data-device]').length;";
    let rows = browser.script(rows).await?;
    ensure!(rows == 100, "{rows} rows are on the page");
    let hash = browser.script("return location.hash;").await?;
    ensure!(hash == "", "the key stays in the address");
    Ok(())
}

async fn sees_devices_arrive(browser: &Browser, fleet: &mut Shopfloor) -> Result<()> {
    let row = format!("tr[data-version='{NEW}'] td");
    let before = browser.text(&row).await?;
    fleet.arrive(40).await?;
    let after = thousands(fleet.on_new());
    ensure!(before != after, "nothing had to arrive");
    browser.shows(&row, &after).await?;
    let limit = "It halts by itself once it is more than 2 points above";
    browser.shows("[data-part=rates]", limit).await?;
    let pictures = parts::root().join("target/test-artifacts");
    std::fs::create_dir_all(&pictures)?;
    let picture = browser.picture().await?;
    Ok(std::fs::write(pictures.join("dashboard.png"), picture)?)
}

/// The first stop leads to the list, and what is typed filters it.
async fn filters_by_keyboard(browser: &Browser) -> Result<()> {
    browser.press_key(Key::Tab).await?;
    browser.press_key(Key::Enter).await?;
    browser.press("kiosk-0001").await?;
    browser.shows("[data-part=found]", "of 5,000 match").await?;
    let names =
        "return [...document.querySelectorAll('tr[data-device]')].map((it) => it.dataset.device);";
    wait::until("only kiosks in the list", async || {
        let names = browser.script(names).await?;
        let names = names.as_array().context("names")?;
        let suits =
            |it: &serde_json::Value| it.as_str().is_some_and(|it| it.contains("kiosk-0001"));
        ensure!(!names.is_empty() && names.iter().all(suits), "{names:?}");
        Ok(())
    })
    .await
}

async fn pauses(browser: &Browser, fleet: &Shopfloor) -> Result<()> {
    browser.click("[data-action=pause]").await?;
    let done = format!("The ramp to {NEW} is paused at 25 %.");
    browser.shows("[data-part=outcome]", &done).await?;
    let stays = "It stays there until it is resumed";
    browser
        .shows("[data-state=paused] [data-part=words]", stays)
        .await?;
    ensure!(fleet.ramp().await?.state.is == RampState::Paused);
    browser.shows("[data-part=said]", "The ramp to").await?;
    Ok(())
}

/// It is asked once, with what it does to how many; the safe answer has the focus.
async fn halts(browser: &Browser, fleet: &Shopfloor) -> Result<()> {
    browser.click("[data-action=halt]").await?;
    let question = browser.text("[data-part=question]").await?;
    let back = format!("devices that it has reached go back to {BASELINE}");
    ensure!(question.contains(&back), "{question}");
    let touched = thousands(fleet.on_new() + fleet.on_way());
    ensure!(question.contains(&touched), "{question}: {touched}");
    browser.press_key(Key::Escape).await?;
    browser.shows("[data-action=halt]", "Halt…").await?;
    ensure!(fleet.ramp().await?.state.is == RampState::Paused);

    browser.press_key(Key::Enter).await?;
    browser.click("[data-action=confirm-halt]").await?;
    let back = format!("go back to {BASELINE}");
    browser
        .shows("[data-state=halted] [data-part=words]", &back)
        .await?;
    let by = "at the dashboard";
    browser
        .shows("[data-state=halted] [data-part=reason]", by)
        .await?;
    let target = fleet.target().await?;
    let version = target.version.as_ref().map(rollout::Version::as_str);
    ensure!(
        version == Some(BASELINE) && target.ramp.is_none(),
        "{target:?}"
    );
    Ok(())
}

fn thousands(n: usize) -> String {
    if n < 1_000 {
        n.to_string()
    } else {
        format!("{},{:03}", n / 1_000, n % 1_000)
    }
}
