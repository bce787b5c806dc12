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

    // All of it, counted.
    browser.shows("[data-figure=total]", "5,000").await?;
    browser.shows("[data-part=live]", "Live").await?;
    browser.shows("[data-ramp=global] h2", &format!("Ramp to {NEW} on all devices")).await?;
    browser.shows("[data-part=words]", "At step 2 of 4, 25 %. Goes on to 50 % in").await?;
    browser.shows("[data-part=found]", "5,000 devices").await?;
    let rows = browser.script("return document.querySelectorAll('tr[data-device]').length;").await?;
    ensure!(rows == 100, "{rows} rows are on the page");
    let hash = browser.script("return location.hash;").await?;
    ensure!(hash == "", "the key stays in the address");
    browser
        .script("window.broken = []; document.addEventListener('securitypolicyviolation', (it) => broken.push(it.violatedDirective)); addEventListener('error', (it) => broken.push(it.message));")
        .await?;

    // Devices that arrive are seen to.
    let row = format!("tr[data-version='{NEW}'] td");
    let before = browser.text(&row).await?;
    fleet.arrive(40).await?;
    let after = fleet.on_new();
    browser.shows(&row, &thousands(after)).await?;
    ensure!(before != thousands(after), "nothing had to arrive");
    browser.shows("[data-part=rates]", "It halts by itself once it is more than 2 points above").await?;
    let pictures = parts::root().join("target/test-artifacts");
    std::fs::create_dir_all(&pictures)?;
    std::fs::write(pictures.join("dashboard.png"), browser.picture().await?)?;

    // By keyboard alone: the first stop leads to the list, and what is typed filters it.
    browser.press_key(Key::Tab).await?;
    browser.press_key(Key::Enter).await?;
    browser.press("kiosk-0001").await?;
    browser.shows("[data-part=found]", "of 5,000 match").await?;
    wait::until("only kiosks in the list", async || {
        let names = browser
            .script("return [...document.querySelectorAll('tr[data-device]')].map((it) => it.dataset.device);")
            .await?;
        let names = names.as_array().context("names")?;
        let suits = names.iter().all(|it| it.as_str().is_some_and(|it| it.contains("kiosk-0001")));
        ensure!(!names.is_empty() && suits, "{names:?}");
        Ok(())
    })
    .await?;

    browser.click("[data-action=pause]").await?;
    browser.shows("[data-part=outcome]", &format!("The ramp to {NEW} is paused at 25 %.")).await?;
    browser.shows("[data-state=paused] [data-part=words]", "It stays there until it is resumed").await?;
    ensure!(fleet.ramp().await?.state.is == RampState::Paused);
    browser.shows("[data-part=said]", "The ramp to").await?;

    // Halting is asked once, with what it does to how many; the safe answer has the focus.
    browser.click("[data-action=halt]").await?;
    let question = browser.text("[data-part=question]").await?;
    ensure!(question.contains(&format!("devices that it has reached go back to {BASELINE}")), "{question}");
    let touched = fleet.on_new() + fleet.on_way();
    ensure!(question.contains(&thousands(touched)), "{question}: {touched}");
    browser.press_key(Key::Escape).await?;
    browser.shows("[data-action=halt]", "Halt…").await?;
    ensure!(fleet.ramp().await?.state.is == RampState::Paused);
    browser.press_key(Key::Enter).await?;
    browser.click("[data-action=confirm-halt]").await?;
    browser.shows("[data-state=halted] [data-part=words]", &format!("go back to {BASELINE}")).await?;
    browser.shows("[data-state=halted] [data-part=reason]", "at the dashboard").await?;
    let target = fleet.target().await?;
    ensure!(target.version.as_ref().is_some_and(|it| it.as_str() == BASELINE) && target.ramp.is_none());

    // A server that is gone is told, and what was seen stays.
    dashboard.stop();
    browser.shows("[data-part=live]", "Not live").await?;
    browser.shows("[data-part=problem]", "start it again and open the address that it prints").await?;
    browser.shows("[data-figure=total]", "5,000").await?;
    let broken = browser.script("return window.broken;").await?;
    ensure!(broken == serde_json::json!([]), "{broken}");
    browser.close().await
}

fn thousands(n: usize) -> String {
    if n < 1_000 {
        n.to_string()
    } else {
        format!("{},{:03}", n / 1_000, n % 1_000)
    }
}
