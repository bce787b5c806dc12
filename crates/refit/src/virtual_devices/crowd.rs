//! Many virtual devices, and how they stand.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::device::{Config, Local, OrderedStaging};
use fleet::agent::{Agent, Pace, Prepared, Spec};
use fleet::{Settings, State};
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use rollout::Version;
use rollout::fleet::{Name, Target, Wait, part};
use runtime_store::{Limits, Shell, Store};
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use updater::{Follow, NpmSettings, Policy, Registry, Timeouts, Updater, UpdaterSpec};

use super::device::{Handle, VirtualDevice};
use super::seen::{Seen, What, by};
use super::spread::Spread;
use crate::failure::Failure;

/// So many are started, and stage, at a time: a listener's queue is only so long, and this machine is no thousand.
const AT_ONCE: usize = 64;

/// What a crowd is made of.
#[derive(Debug)]
pub(crate) struct CrowdSpec {
    pub(crate) count: usize,
    /// Their names are this and a number.
    pub(crate) prefix: Name,
    /// Where each has a folder of its own.
    pub(crate) folder: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) groups: Vec<Name>,
    pub(crate) soak: Duration,
}

/// Virtual devices that run.
#[derive(Debug)]
pub(crate) struct Crowd {
    members: Vec<Member>,
    seen: Arc<Seen>,
}

#[derive(Debug)]
struct Member {
    device: Arc<VirtualDevice>,
    agent: Agent,
    _watching: tokio::task::JoinHandle<()>,
}

/// How a crowd stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    pub(crate) devices: usize,
    pub(crate) connected: usize,
    /// How many run which version.
    pub(crate) versions: BTreeMap<String, usize>,
    /// How many stand how to what is ordered.
    pub(crate) states: BTreeMap<String, usize>,
    /// Reports that wait to be sent, on all of them.
    pub(crate) unsent: u64,
}

/// What became of one order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wave {
    pub(crate) version: String,
    /// How many heard of it, and within how many milliseconds after the order half, 99 % and all of the devices had.
    pub(crate) heard: usize,
    pub(crate) heard_half_ms: Option<i64>,
    pub(crate) heard_99_ms: Option<i64>,
    pub(crate) heard_all_ms: Option<i64>,
    /// How many began to fetch it; and, where the order had a window, how evenly over it.
    pub(crate) fetched: usize,
    pub(crate) fetching: Option<Spread>,
    /// How even the shares of the window are that they drew, and how long after its own share half, 99 % and all of them
    /// began: whether a spread is uneven by its draw, or because somebody was held up.
    pub(crate) drawn: Option<Spread>,
    pub(crate) late_half_ms: Option<i64>,
    pub(crate) late_99_ms: Option<i64>,
    pub(crate) late_all_ms: Option<i64>,
    pub(crate) swapped: usize,
    /// On how many it was ready, and on how many it failed.
    pub(crate) ready: usize,
    pub(crate) failed: usize,
}

/// What happened to a version, in devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    fetched: usize,
    ready: usize,
    failed: usize,
}

/// What all members are made of alike.
struct Mould {
    config: Config,
    shell: Arc<Shell>,
    registry: Registry,
    spec: CrowdSpec,
    seen: Arc<Seen>,
    turns: Arc<Semaphore>,
}

impl Crowd {
    /// Starts them. `local` is the device that the global options describe, of which every member is another one.
    pub(crate) async fn start(local: &Local, spec: CrowdSpec) -> Result<Self, Failure> {
        let seen = Arc::new(Seen::default());
        let mould = Arc::new(Mould {
            config: local.config().clone(),
            shell: Arc::new(local.shell().clone()),
            registry: registry(local.config())?,
            spec,
            seen: Arc::clone(&seen),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        });
        let starting = (0..mould.spec.count).map(|n| {
            let mould = Arc::clone(&mould);
            async move { tokio::spawn(async move { mould.member(n).await }).await }
        });
        let mut members = Vec::with_capacity(mould.spec.count);
        let mut starting = stream::iter(starting).buffer_unordered(AT_ONCE);
        while let Some(member) = starting.next().await {
            let member = member.map_err(|error| Failure::new("internal", error, "Report this."))?;
            members.push(member?);
        }
        drop(starting);
        Ok(Self { members, seen })
    }

    /// How they stand now.
    pub(crate) fn standing(&self) -> Standing {
        let mut standing = Standing {
            devices: self.members.len(),
            connected: 0,
            versions: BTreeMap::new(),
            states: BTreeMap::new(),
            unsent: 0,
        };
        for member in &self.members {
            let status = member.agent.status();
            let status = status.borrow();
            standing.connected += usize::from(status.is_connected);
            standing.unsent += status.unsent;
            let version = member.device.runs();
            let version = version.map_or_else(|| "none".to_owned(), |it| it.to_string());
            *standing.versions.entry(version).or_default() += 1;
            *standing
                .states
                .entry(word(status.runtime.state))
                .or_default() += 1;
        }
        standing
    }

    /// Whether every device runs this version, or has said why it does not.
    pub(crate) fn has_answered(&self, version: &Version) -> bool {
        self.members.iter().all(|member| {
            let status = member.agent.status();
            let status = status.borrow();
            let standing = &status.runtime;
            standing.target.as_ref() == Some(version)
                && matches!(standing.state, State::Arrived | State::Refused)
        })
    }

    /// On how many devices which version was ever fetched, ready, failed.
    pub(crate) fn counts(&self) -> BTreeMap<String, Counts> {
        let all = self.seen.all().into_iter();
        all.map(|(version, moments)| {
            let counts = Counts {
                fetched: moments.fetched.len(),
                ready: moments.ready.len(),
                failed: moments.failed.len(),
            };
            (version, counts)
        })
        .collect()
    }

    /// What became of an order.
    pub(crate) fn wave(&self, target: &Target) -> Option<Wave> {
        let version = target.version.as_ref()?.to_string();
        let moments = self.seen.all().remove(&version).unwrap_or_default();
        let from = target.at.as_millisecond();
        let count = self.members.len();
        let window = i64::from(target.jitter) * 1_000;
        let lead = rollout::fleet::lead(target.window());
        let begins = from + i64::try_from(lead.as_millis()).unwrap_or(0);
        let fetched = &moments.fetched;
        let since: Vec<_> = fetched.iter().map(|(at, _)| at - begins).collect();
        let drawn: Vec<_> = fetched
            .iter()
            .map(|(_, device)| share(device, target))
            .collect();
        let late: Vec<_> = since
            .iter()
            .zip(&drawn)
            .map(|(since, share)| since - share)
            .collect();
        let spread = |moments: &[i64]| {
            (window > 0 && !moments.is_empty()).then(|| Spread::of(moments, window))
        };
        Some(Wave {
            version,
            heard: moments.heard.len(),
            heard_half_ms: by(&moments.heard, from, count, 50),
            heard_99_ms: by(&moments.heard, from, count, 99),
            heard_all_ms: by(&moments.heard, from, count, 100),
            fetched: moments.fetched.len(),
            fetching: spread(&since),
            drawn: spread(&drawn),
            late_half_ms: by(&late, 0, late.len(), 50),
            late_99_ms: by(&late, 0, late.len(), 99),
            late_all_ms: by(&late, 0, late.len(), 100),
            swapped: moments.swapped.len(),
            ready: moments.ready.len(),
            failed: moments.failed.len(),
        })
    }
}

/// A device's share of an order's window, in milliseconds.
fn share(device: &str, target: &Target) -> i64 {
    let share = part(device, target.generation, Wait::Download, target.window());
    i64::try_from(share.as_millis()).unwrap_or(i64::MAX)
}

/// As on the wire.
fn word(state: State) -> String {
    let word = serde_json::to_value(state).ok();
    word.and_then(|word| word.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// One client for all: ten thousand connection pools and sets of roots are no part of what is shown here.
fn registry(config: &Config) -> Result<Registry, Failure> {
    if config.trust.is_some() || config.manifest.is_some() {
        return Err(Failure::new(
            "not-simulated",
            "Virtual devices follow a registry; these settings name a manifest or a signed repository",
            "Leave `manifest` and `trust` out of the settings that you simulate with.",
        ));
    }
    // Each would ask npm for it.
    let Some(address) = config.registry.clone() else {
        return Err(Failure::new(
            "no-registry",
            "Virtual devices need a registry that the settings name",
            "Name it with `registry`; `refit serve` serves one on this machine.",
        ));
    };
    let npm = NpmSettings::read(&BTreeMap::new(), None);
    Registry::new(
        config.package.clone(),
        Some(address),
        npm,
        Timeouts::default(),
    )
    .map_err(|error| Failure::new(error.kind(), &error, error.hint()))
}

impl Mould {
    async fn member(&self, n: usize) -> Result<Member, Failure> {
        let name = format!("{}-{n:05}", self.spec.prefix);
        let id: Name = name
            .parse()
            .map_err(|error| Failure::usage(error, "Choose a shorter --name."))?;
        let folder = self.spec.folder.join(&name);
        let broken = |error: &dyn std::fmt::Display| {
            Failure::new(
                "virtual-device",
                format_args!(
                    "The virtual device {name} cannot use {}: {error}",
                    folder.display()
                ),
                "Name another --folder with room for all of them.",
            )
        };
        let opened = {
            let folder = folder.clone();
            let spec = Spec {
                settings: self.spec.settings.clone(),
                device: id,
                groups: self.spec.groups.clone(),
                folder: folder.join("fleet"),
                clock: Arc::new(Timestamp::now),
                pace: Pace::default(),
            };
            tokio::task::spawn_blocking(move || {
                let store = Store::open(&folder).map_err(|error| error.to_string())?;
                let prepared = Prepared::open(spec).map_err(|error| error.to_string())?;
                Ok::<_, String>((store, prepared))
            })
        };
        let opened = opened.await.map_err(|error| broken(&error))?;
        let (store, prepared) = opened.map_err(|error| broken(&error))?;
        let (running, runs) = watch::channel(None);
        let updater = self.updater(&store, runs);
        let staging = OrderedStaging {
            store,
            shell: Arc::clone(&self.shell),
            updater,
            pin: None,
        };
        let seen = Arc::clone(&self.seen);
        let turns = Arc::clone(&self.turns);
        let device = VirtualDevice::new(name.into(), staging, running, self.spec.soak, seen, turns);
        device.tells(prepared.reporter());
        device.launches().await;
        let agent = prepared.follow(Arc::new(Handle(Arc::clone(&device))), None);
        let watching = tokio::spawn(watch_orders(agent.status(), Arc::clone(&self.seen)));
        Ok(Member {
            device,
            agent,
            _watching: watching,
        })
    }

    fn updater(&self, store: &Store, running: watch::Receiver<Option<Version>>) -> Updater {
        let spec = UpdaterSpec {
            registry: self.registry.for_package(self.config.package.clone()),
            channel: self.config.channel.clone(),
            entry: self.config.entry.clone(),
            carry: Vec::new(),
            limits: Limits::default(),
            passive: false,
            after: self.config.check.after,
            every: self.config.check.every,
            policy: Policy {
                follow: Follow::Registry,
                experimental: false,
                built_at: self.shell.built_at,
                pin: None,
                minimum_age: None,
            },
            rehearser: None,
            mirror: None,
            steered: watch::channel(true).1,
        };
        Updater::start(spec, store.clone(), Arc::clone(&self.shell), running)
    }
}

/// Notes when a device first hears of a version.
async fn watch_orders(mut status: watch::Receiver<fleet::agent::Status>, seen: Arc<Seen>) {
    let mut known: Option<Version> = None;
    loop {
        let target = status.borrow_and_update().runtime.target.clone();
        if target != known {
            if let Some(version) = &target {
                seen.note(What::Heard, version);
            }
            known = target;
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
