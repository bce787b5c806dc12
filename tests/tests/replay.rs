//! Old truths told again: everything that is served here was signed by the right keys, once.
//!
//! 1.2.0 was released and then recalled. Who can make a device believe the older of these two states
//! makes it take a version that its publisher took back.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::publisher::{bytes, copy, newest, target};
use e2e::{Answer, Mode, Package, Rule, Scene, Site, processes};
use serde_json::json;

/// Longer than any role but the root is signed for.
const MONTHS: Duration = Duration::from_hours(24 * 100);

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// A device that runs 1.1.0 and knows that 1.2.0 was recalled; `released` is the site before that.
struct Story {
    scene: Scene,
    site: Site,
    released: PathBuf,
}

impl Story {
    async fn new() -> Result<Self> {
        let mut scene = Scene::new()?;
        let site = Site::signed(&mut scene).await?;
        site.release(&good("1.1.0")).await?;
        scene.refit_does(&["stage"]).await?;
        scene.runs(&good("1.1.0")).await?;
        site.release(&good("1.2.0")).await?;
        let released = site.publisher.keep("released")?;
        site.publisher
            .rollout(&["recall", "1.2.0", "--to", "1.1.0"])
            .await?;
        let check = scene.refit(&["check"]).await?;
        ensure!(check.json["version"] == "1.1.0", "{check:?}");
        Ok(Self {
            scene,
            site,
            released,
        })
    }

    /// The true site says something new again: 1.2.5 comes, and is not this device's yet.
    async fn moves_on(&self) -> Result<()> {
        let publisher = &self.site.publisher;
        publisher.publish(&good("1.2.5")).await?;
        let plan = ["start", "1.2.5", "--plan", "100%@1h"];
        publisher.rollout(&plan).await?;
        Ok(())
    }

    /// The attack fails for this reason, whoever asks, and 1.1.0 stays.
    async fn refused(&self, kind: &str) -> Result<()> {
        let answer = self.scene.refit(&["stage"]).await?;
        self.stays(&answer).await?;
        let said = self.scene.trouble().await?;
        ensure!(said.contains(kind), "{kind} was expected, not {said}");
        Ok(())
    }

    async fn stays(&self, answer: &Answer) -> Result<()> {
        ensure!(answer.json["outcome"] != "staged", "{answer:?}");
        self.scene.has_nothing_of("1.2.0")?;
        self.scene.runs(&good("1.1.0")).await?;
        Ok(())
    }

    /// Without the attack, the same device takes 1.3.0: nothing else was in the way.
    async fn goes_on(&self) -> Result<()> {
        self.site.behave();
        self.site.clock.set(0)?;
        self.site.release(&good("1.3.0")).await?;
        self.scene.refit_does(&["stage"]).await?;
        self.scene.runs(&good("1.3.0")).await?;
        Ok(())
    }
}

#[tokio::test]
async fn the_whole_site_of_yesterday_is_refused() -> Result<()> {
    let story = Story::new().await?;
    story.site.host.serve(&story.released);
    story.site.registry.serve(&story.released);
    story.refused("trust-rollback").await?;
    story.goes_on().await
}

#[tokio::test]
async fn yesterdays_timestamp_alone_is_refused() -> Result<()> {
    let story = Story::new().await?;
    let old = Rule::From(story.released.clone());
    story.site.host.rule("/repo/metadata/timestamp.json", old);
    story.refused("trust-rollback").await?;
    story.goes_on().await
}

/// Today's timestamp, with a part of yesterday behind it.
async fn mixed(role: &str) -> Result<()> {
    let story = Story::new().await?;
    story.moves_on().await?;
    let site = story.site.publisher.site();
    let old = bytes(&story.released, &newest(&story.released, role)?)?;
    let host = &story.site.host;
    host.rule(&newest(site, role)?, Rule::Bytes(old));
    let latest = bytes(&story.released, &target(&story.released, "latest.json")?)?;
    host.rule("/repo/targets/*.latest.json", Rule::Bytes(latest));
    story.refused("trust-mismatch").await?;
    story.goes_on().await
}

#[tokio::test]
async fn yesterdays_snapshot_under_todays_name_is_refused() -> Result<()> {
    mixed("snapshot").await
}

#[tokio::test]
async fn yesterdays_targets_in_todays_snapshot_are_refused() -> Result<()> {
    mixed("targets").await
}

#[tokio::test]
async fn yesterdays_manifest_in_todays_repository_is_refused() -> Result<()> {
    let story = Story::new().await?;
    story.moves_on().await?;
    let site = story.site.publisher.site();
    let old = bytes(&story.released, &target(&story.released, "latest.json")?)?;
    story
        .site
        .host
        .rule(&target(site, "latest.json")?, Rule::Bytes(old));
    story.refused("trust-mismatch").await?;
    story.goes_on().await
}

#[tokio::test]
async fn the_first_root_again_as_the_second_is_refused() -> Result<()> {
    let story = Story::new().await?;
    let first = Rule::Other("/repo/metadata/1.root.json".into());
    story.site.host.rule("/repo/metadata/2.root.json", first);
    let answer = story.scene.refit(&["stage"]).await?;
    story.stays(&answer).await?;
    story.goes_on().await
}

#[tokio::test]
async fn a_host_that_stands_still_is_believed_until_its_word_expires() -> Result<()> {
    let mut scene = Scene::new()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.1.0")).await?;
    let frozen = site.publisher.keep("frozen")?;
    site.release(&good("1.2.0")).await?;
    site.host.serve(&frozen);
    let check = scene.refit(&["check"]).await?;
    ensure!(check.json["decision"] == "none", "{check:?}");

    site.clock.pass(MONTHS)?;
    let late = scene.refit(&["stage"]).await?;
    ensure!(late.code != Some(0), "{late:?}");
    let said = scene.trouble().await?;
    ensure!(said.contains("\"expired\""), "{said}");
    scene.has_nothing_of("1.2.0")?;
    // Never launched, and nobody vouches for it any more: it is not started, and not thrown away.
    scene.runs(&good("1.0.0")).await?;
    ensure!(scene.pointer()["version"] == "1.1.0", "{}", scene.pointer());

    site.publisher.repo(&["refresh"]).await?;
    site.behave();
    scene.refit_does(&["stage"]).await?;
    scene.runs(&good("1.2.0")).await?;
    Ok(())
}

#[tokio::test]
async fn what_has_run_runs_on_when_nobody_vouches_for_it_any_more() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.set("soak", json!("1s"));
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    scene.refit_does(&["stage"]).await?;
    let mut run = scene.command(&["run"])?.spawn()?;
    scene.confirmed("1.1.0").await?;
    let id = i32::try_from(run.id().context("it has ended")?)?;
    processes::signal(id, rustix::process::Signal::TERM)?;
    run.wait().await?;

    site.host.off().await?;
    site.clock.pass(MONTHS)?;
    let resolved = scene.runs(&good("1.1.0")).await?;
    ensure!(resolved["source"] == "pointer", "{resolved}");
    Ok(())
}

#[tokio::test]
async fn a_clock_that_was_far_ahead_once_locks_nobody_out() -> Result<()> {
    let story = Story::new().await?;
    story.site.clock.pass(MONTHS * 40)?;
    let said = story.scene.trouble().await?;
    ensure!(said.contains("\"expired\""), "{said}");
    story.goes_on().await
}

#[tokio::test]
async fn a_clock_far_behind_is_replaced_by_what_was_signed() -> Result<()> {
    let story = Story::new().await?;
    let plan = ["start", "1.3.0", "--plan", "100%@1h"];
    story.site.publisher.publish(&good("1.3.0")).await?;
    story.site.publisher.rollout(&plan).await?;
    story.site.clock.set(-20 * 365 * 86_400)?;
    let check = story.scene.refit(&["check"]).await?;
    ensure!(check.json["version"] == "1.3.0", "{check:?}");
    story.scene.refit_does(&["stage"]).await?;
    story.scene.runs(&good("1.3.0")).await?;
    Ok(())
}

/// Every file below a folder.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[tokio::test]
async fn a_torn_trust_store_forgets_nothing() -> Result<()> {
    let story = Story::new().await?;
    let kept = story.scene.store().join("trust");
    let whole = story.scene.root().join("trust-before");
    copy(&kept, &whole)?;
    let all = files(&kept)?;
    ensure!(all.len() >= 3, "there is only {all:?}");
    story.site.host.serve(&story.released);
    story.site.registry.serve(&story.released);

    for file in all {
        let length = std::fs::metadata(&file)?.len();
        for cut in [0, 1, length / 2, length.saturating_sub(1)] {
            std::fs::remove_dir_all(&kept)?;
            copy(&whole, &kept)?;
            std::fs::File::options()
                .write(true)
                .open(&file)?
                .set_len(cut)?;
            let answer = story.scene.refit(&["stage"]).await?;
            story
                .stays(&answer)
                .await
                .with_context(|| format!("{} cut off at {cut} of {length}", file.display()))?;
        }
    }
    std::fs::remove_dir_all(&kept)?;
    copy(&whole, &kept)?;
    story.goes_on().await
}
