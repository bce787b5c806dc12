//! A release engineer's day: a ramp that is started, pushed, stopped, gone on with and taken back,
//! and what three devices of three batches, and a real one, make of it.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::reader::{self, Seen};
use e2e::{Mode, Package, Scene, Site, processes};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

fn good(version: &str) -> Package {
    Package::new(version, Mode::Good)
}

/// A device's id, and what `refit explain` says of it.
struct Fleet<'a> {
    scene: &'a Scene,
    site: &'a Site,
    ids: Vec<String>,
}

impl<'a> Fleet<'a> {
    /// A device in each of these ranges of buckets, as 1.1.0 draws them.
    async fn of(scene: &'a Scene, site: &'a Site, ranges: &[[u64; 2]]) -> Result<Self> {
        let mut fleet = Self {
            scene,
            site,
            ids: Vec::new(),
        };
        for [from, upto] in ranges {
            let mut number = 0;
            loop {
                let id = format!("00000000-0000-4000-8000-{number:012x}");
                let bucket = fleet.explain(&id, None).await?["bucket"].as_u64();
                if bucket.is_some_and(|bucket| (*from..*upto).contains(&bucket)) {
                    fleet.ids.push(id);
                    break;
                }
                number += 1;
                ensure!(number < 100, "no device draws {from} to {upto}");
            }
        }
        Ok(fleet)
    }

    async fn explain(&self, id: &str, at: Option<Timestamp>) -> Result<Value> {
        let manifest = self.site.publisher.site().join("latest.json");
        let manifest = manifest.to_string_lossy();
        let mut args = vec!["explain", "--device", id, "--manifest", &manifest];
        args.extend(["--current", "1.0.5"]);
        let at = at.map(|at| at.to_string());
        if let Some(at) = &at {
            args.extend(["--at", at]);
        }
        // Asked where nothing is stored: it is about another device.
        let elsewhere = self.scene.root().join("office");
        let output = self.scene.command_of(&elsewhere, &args)?.output().await?;
        let answer = e2e::scene::answer(&output)?;
        ensure!(answer.json["decision"].is_string(), "{answer:?}");
        Ok(answer.json)
    }

    /// What each of them would do this long after now.
    async fn after(&self, hours: i64) -> Result<Vec<String>> {
        let at =
            Timestamp::now() + SignedDuration::from_hours(hours) + SignedDuration::from_mins(5);
        let mut found = Vec::new();
        for id in &self.ids {
            let said = self.explain(id, Some(at)).await?;
            found.push(format!(
                "{} {} {}",
                said["decision"].as_str().unwrap_or_default(),
                said["version"].as_str().unwrap_or_default(),
                said["reason"].as_str().unwrap_or_default()
            ));
        }
        Ok(found)
    }
}

const HELD: &str = "hold 1.1.0 held";
const TAKES: &str = "stage 1.1.0 eligible";

#[tokio::test]
async fn a_ramp_is_started_pushed_stopped_gone_on_with_and_taken_back() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.set("check", json!({ "after": "1s", "every": "1s" }));
    let site = Site::plain(&mut scene).await?;
    let publisher = &site.publisher;
    site.release(&good("1.0.5")).await?;
    publisher.publish(&good("1.1.0")).await?;
    ensure!(
        publisher.manifest()?["version"] == "1.0.5",
        "publishing moved the ramp: {}",
        publisher.manifest()?
    );
    let plan = ["start", "1.1.0", "--plan", "30%,30%@12h,40%@24h"];
    publisher.rollout(&plan).await?;

    let fleet = Fleet::of(&scene, &site, &[[0, 30], [30, 60], [60, 100]]).await?;
    ensure!(
        fleet.after(0).await? == [TAKES, HELD, HELD],
        "{:?}",
        fleet.after(0).await?
    );
    ensure!(fleet.after(11).await? == [TAKES, HELD, HELD]);
    ensure!(fleet.after(12).await? == [TAKES, TAKES, HELD]);
    ensure!(fleet.after(24).await? == [TAKES, TAKES, TAKES]);

    // A real device of the second batch.
    std::fs::create_dir_all(scene.store())?;
    std::fs::write(
        scene.store().join("device-id"),
        format!("{}\n", fleet.ids[1]),
    )?;
    let mut device = scene.command(&["run"])?.spawn()?;
    scene.running("1.0.0").await?;
    // Held as it is, what is stable may come.
    scene.staged("1.0.5").await?;
    scene.refit_does(&["apply"]).await?;
    scene.running("1.0.5").await?;

    publisher.rollout(&["promote", "--to", "60%"]).await?;
    ensure!(
        fleet.after(0).await? == [TAKES, TAKES, HELD],
        "{:?}",
        fleet.after(0).await?
    );
    scene.staged("1.1.0").await?;

    publisher.rollout(&["halt"]).await?;
    for hours in [0, 24] {
        for said in fleet.after(hours).await? {
            ensure!(!said.contains("1.1.0"), "halted, and {said}");
        }
    }
    publisher.rollout(&["resume"]).await?;
    ensure!(
        fleet.after(0).await? == [TAKES, TAKES, HELD],
        "{:?}",
        fleet.after(0).await?
    );
    scene
        .status_where("it to be offered again", |status| {
            status["staged"]["version"] == "1.1.0" && status["staged"]["blocked"].is_null()
        })
        .await?;
    scene.refit_does(&["apply"]).await?;
    scene.running("1.1.0").await?;

    publisher.rollout(&["promote", "--all"]).await?;
    ensure!(fleet.after(0).await? == [TAKES, TAKES, TAKES]);

    let recall = ["recall", "1.1.0", "--to", "1.0.5"];
    publisher.rollout(&recall).await?;
    for said in fleet.after(48).await? {
        ensure!(!said.starts_with("stage 1.1.0"), "recalled, and {said}");
    }
    scene
        .status_where("the recall to arrive", |status| {
            status["rollout"]["recalled"][0] == "1.1.0"
        })
        .await?;
    scene.running("1.1.0").await?;
    let id = device.id().context("it has ended")?;
    processes::signal(i32::try_from(id)?, rustix::process::Signal::TERM)?;
    device.wait().await?;
    let resolved = scene.refit_does(&["resolve"]).await?;
    ensure!(resolved["version"] != "1.1.0", "{resolved}");
    ensure!(scene.bad().is_empty(), "{:?}", scene.bad());
    Ok(())
}

/// How often devices ask, at least, while something is published.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_while_somebody_publishes_sees_the_old_or_the_new_whole() -> Result<()> {
    let mut scene = Scene::new()?;
    let site = Site::signed(&mut scene).await?;
    site.release(&good("1.1.0")).await?;
    let folder = site.publisher.site().to_owned();
    let first = reader::whole(&folder, "story-runtime")?;
    ensure!(first.newest.as_deref() == Some("1.1.0"), "{first:?}");

    let done = std::sync::Arc::new(AtomicBool::new(false));
    let reading = {
        let done = done.clone();
        tokio::task::spawn_blocking(move || -> Result<Vec<Seen>> {
            let mut seen = vec![first];
            while !done.load(Ordering::Relaxed) {
                let now = reader::whole(&folder, "story-runtime")
                    .with_context(|| format!("after {:?}", seen.last()))?;
                if seen.last() != Some(&now) {
                    seen.push(now);
                }
            }
            Ok(seen)
        })
    };
    let rounds = AtomicUsize::new(0);
    let publishing = async {
        let mut patch = 0;
        while patch < 4 || rounds.load(Ordering::Relaxed) < ROUNDS {
            patch += 1;
            let version = format!("1.1.{patch}");
            site.release(&good(&version).ballast(200_000)).await?;
            site.publisher.repo(&["refresh"]).await?;
        }
        site.publisher.rollout(&["halt"]).await?;
        site.publisher.repo(&["rotate", "timestamp"]).await?;
        anyhow::Ok(())
    };
    // Devices that ask for the first time, and one that has been there all along.
    let asking = async {
        while !done.load(Ordering::Relaxed) {
            let round = rounds.fetch_add(1, Ordering::Relaxed);
            for data in ["data".to_owned(), format!("data-{round}")] {
                let mut command = scene.command_of(&scene.root().join(&data), &["check"])?;
                let answer = e2e::scene::answer(&command.output().await?)?;
                let said = format!("round {round}, {data}: {answer:?}");
                ensure!(answer.code != Some(1), "{said}");
                ensure!(answer.json["trouble"].is_null(), "{said}");
            }
        }
        anyhow::Ok(())
    };
    let publishing = async {
        publishing.await?;
        done.store(true, Ordering::Relaxed);
        Ok(())
    };
    let both = tokio::try_join!(publishing, asking);
    done.store(true, Ordering::Relaxed);
    let seen = reading.await??;
    both?;
    ensure!(
        seen.len() >= 8 && seen.is_sorted_by(|a, b| a.timestamp <= b.timestamp),
        "{seen:?}"
    );
    Ok(())
}
