//! What a device tells its fleet, and what it was ordered, across real power cuts.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::Broker;
use e2e::mounts::Mount;
use e2e::{privileges, wait};
use fleet::agent::{Agent, BoxFuture, Look, News, Pace, Prepared, Spec, Staging, Steered, Swap};
use fleet::operator::observe::Reports;
use fleet::{Event, Login, Names, Settings, State};
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Now, Refused, Scope, Subject, Target};
use tokio::sync::watch;

/// Something that runs 1.0.0 and is never asked for more: here it is the disk that is looked at.
#[derive(Debug)]
struct Still(watch::Sender<u64>);

impl Steered for Still {
    fn subject(&self) -> Subject {
        Subject::Runtime
    }

    fn look(&self) -> BoxFuture<'_, Look> {
        Box::pin(async {
            let version = || "1.0.0".parse::<Version>().expect("a version");
            Look {
                now: Now {
                    running: Some(version()),
                    next: version(),
                },
                bad: Vec::new(),
            }
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    fn may_follow(&self) -> Result<(), Refused> {
        Ok(())
    }

    fn is_halted(&self) -> bool {
        false
    }

    fn stage<'a>(&'a self, _: &'a Version, _: bool) -> BoxFuture<'a, Staging> {
        Box::pin(async { Staging::Staged })
    }

    fn swap<'a>(&'a self, _: &'a Version) -> BoxFuture<'a, Swap> {
        Box::pin(async { Swap::Tried })
    }
}

fn settings(url: &str) -> Result<Settings> {
    Ok(Settings {
        fleet: "refit".parse()?,
        servers: vec![url.to_owned()],
        login: Login::Nobody,
        ca: None,
    })
}

fn agent(url: &str, folder: &Path) -> Result<Agent> {
    let spec = Spec {
        settings: settings(url)?,
        device: "device-a".parse()?,
        groups: Vec::new(),
        folder: folder.to_owned(),
        clock: Arc::new(Timestamp::now),
        pace: Pace::default(),
    };
    let prepared = Prepared::open(spec).context("the outbox cannot be opened")?;
    Ok(prepared.follow(Arc::new(Still(watch::Sender::new(0))), None))
}

async fn until(
    agent: &Agent,
    what: &str,
    is_so: impl Fn(&fleet::agent::Status) -> bool,
) -> Result<()> {
    let mut status = agent.status();
    let waited = tokio::time::timeout(wait::LONG, status.wait_for(|status| is_so(status))).await;
    waited.with_context(|| format!("never: {what}"))??;
    Ok(())
}

async fn tells(agent: &Agent, numbers: std::ops::Range<u32>) {
    for n in numbers {
        let news = News::new(Subject::Runtime, Event::Checked, None);
        agent
            .reporter()
            .tell(news.because("test", &n.to_string()))
            .await;
    }
}

/// What the broker has, in order.
async fn told(url: &str, last: u32) -> Result<Vec<u32>> {
    let settings = settings(url)?;
    let client = fleet::connect(&settings).await?;
    let names = Names::of(&settings.fleet);
    let mut reports = Reports::open(&fleet::jetstream(&client), &names, None).await?;
    let mut told = Vec::new();
    let reading = async {
        while told.last() != Some(&last) {
            let (report, _) = reports.next().await?.context("no report")?;
            told.push(report.detail.parse()?);
        }
        Ok::<_, anyhow::Error>(())
    };
    let read = tokio::time::timeout(Duration::from_mins(1), reading).await;
    read.with_context(|| format!("the last report never came: {told:?}"))??;
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_to_be_told_is_told_once_and_in_order_however_often_the_power_goes()
-> Result<()> {
    if !privileges::root_and(
        &["python3", "mkfs.ext4", "mount"],
        "an outbox across power cuts",
    ) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let disk = Mount::disk(&dir.path().join("disk"))?;
    let folder = dir.path().join("disk/fleet");
    let mut broker = Broker::start();
    let url = broker.url();
    let client = fleet::connect(&settings(&url)?).await?;
    fleet::ensure(&fleet::jetstream(&client), &Names::of(&"refit".parse()?), 1).await?;
    drop(client);
    let mut next = 0;
    for round in 0..8 {
        let device = agent(&url, &folder)?;
        // With the broker and without it; in the middle of sending, and before anything was sent.
        if round % 2 == 0 {
            until(&device, "a connection", |it| it.is_connected).await?;
        } else {
            broker.kill();
        }
        tells(&device, next..next + 7).await;
        next += 7;
        drop(device);
        disk.cut()?;
        if round % 2 == 1 {
            broker.restart();
        }
    }
    let device = agent(&url, &folder)?;
    until(&device, "all sent", |it| it.is_connected && it.unsent == 0).await?;
    let told = told(&url, next - 1).await?;
    ensure!(told == (0..next).collect::<Vec<_>>(), "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_jitter_that_has_begun_is_the_same_after_a_power_cut() -> Result<()> {
    if !privileges::root_and(
        &["python3", "mkfs.ext4", "mount"],
        "an order across a power cut",
    ) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let disk = Mount::disk(&dir.path().join("disk"))?;
    let folder = dir.path().join("disk/fleet");
    let broker = Broker::start();
    let url = broker.url();
    let client = fleet::connect(&settings(&url)?).await?;
    let jetstream = fleet::jetstream(&client);
    let names = Names::of(&"refit".parse()?);
    fleet::ensure(&jetstream, &names, 1).await?;
    let now = Timestamp::now();
    let target = Target {
        version: Some("1.1.0".parse()?),
        generation: Target::next_generation(None, now),
        jitter: 604_800,
        // Heard so late that the window counts from when it was heard.
        at: now - jiff::SignedDuration::from_hours(24 * 6),
        by: "test".to_owned(),
        ramp: None,
    };
    let put = fleet::operator::orders::put(
        &jetstream,
        &names,
        Subject::Runtime,
        &Scope::Global,
        &target,
        0,
    );
    put.await?;
    let memory = || -> Result<serde_json::Value> {
        let text = std::fs::read_to_string(folder.join("memory-runtime.json"))?;
        Ok(serde_json::from_str(&text)?)
    };
    let device = agent(&url, &folder)?;
    until(&device, "it waits", |it| it.runtime.state == State::Waiting).await?;
    let before = memory()?["order"]["downloadAt"].clone();
    ensure!(before.is_string(), "no order is remembered");
    drop(device);
    disk.cut()?;
    let device = agent(&url, &folder)?;
    until(&device, "it waits again", |it| {
        it.is_connected && it.runtime.state == State::Waiting
    })
    .await?;
    ensure!(
        memory()?["order"]["downloadAt"] == before,
        "another share was drawn"
    );
    Ok(())
}
