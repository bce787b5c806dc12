//! A fleet of one: its operator, its device, and what both see.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{Context, kv};
use fleet::agent::{Agent, Clock, Pace, Prepared, Spec, Status, Steered};
use fleet::{Heartbeat, Login, Names, Report, Settings};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use rollout::fleet::{Name, Scope, Subject, Target};
use tokio::sync::watch;

/// For how long anything may take: far longer than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn settings(url: &str) -> Settings {
    Settings {
        fleet: name("refit"),
        servers: url.split(',').map(str::to_owned).collect(),
        login: Login::Nobody,
        ca: None,
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn names() -> Names {
    Names::of(&name("refit"))
}

/// An agent of `device-a` in group `kiosks`, which keeps its memory in `folder`.
pub(crate) fn agent(settings: Settings, folder: &Path, steered: Arc<dyn Steered>) -> Agent {
    agent_by(Arc::new(Timestamp::now), settings, folder, steered)
}

/// The same by another clock.
pub(crate) fn agent_by(
    clock: Clock,
    settings: Settings,
    folder: &Path,
    steered: Arc<dyn Steered>,
) -> Agent {
    let pace = Pace {
        every: Duration::from_secs(30),
        soon: Duration::from_millis(50),
    };
    prepared_by(clock, settings, folder, pace).follow(steered, None)
}

/// The same before it follows, in this rhythm.
pub(crate) fn prepared(settings: Settings, folder: &Path, pace: Pace) -> Prepared {
    prepared_by(Arc::new(Timestamp::now), settings, folder, pace)
}

fn prepared_by(clock: Clock, settings: Settings, folder: &Path, pace: Pace) -> Prepared {
    let spec = Spec {
        settings,
        device: name("device-a"),
        groups: vec![name("kiosks")],
        folder: folder.to_owned(),
        clock,
        pace,
    };
    Prepared::open(spec).unwrap()
}

/// Waits for the status to be so.
pub(crate) async fn until(agent: &Agent, what: &str, is_so: impl Fn(&Status) -> bool) -> Status {
    let mut status = agent.status();
    wait(&mut status, what, is_so).await
}

async fn wait(
    status: &mut watch::Receiver<Status>,
    what: &str,
    is_so: impl Fn(&Status) -> bool,
) -> Status {
    let waited = tokio::time::timeout(PATIENCE, status.wait_for(|status| is_so(status)));
    let found = waited.await.ok().map(|found| found.unwrap().clone());
    found.unwrap_or_else(|| panic!("never: {what}; {:?}", status.borrow()))
}

/// The operator.
pub(crate) struct Operator {
    pub(crate) jetstream: Context,
}

impl Operator {
    pub(crate) async fn connect(url: &str) -> Self {
        Self::connect_by(&settings(url)).await
    }

    async fn connect_by(settings: &Settings) -> Self {
        let client = fleet::connect(settings).await.unwrap();
        Self {
            jetstream: fleet::jetstream(&client),
        }
    }

    pub(crate) async fn makes_a_fleet(url: &str, replicas: usize) -> Self {
        Self::makes_this_fleet(&settings(url), replicas).await
    }

    /// The same with another login.
    pub(crate) async fn makes_this_fleet(settings: &Settings, replicas: usize) -> Self {
        let operator = Self::connect_by(settings).await;
        fleet::ensure(&operator.jetstream, &names(), replicas)
            .await
            .unwrap();
        operator
    }

    pub(crate) async fn targets(&self) -> kv::Store {
        self.jetstream
            .get_key_value(names().targets())
            .await
            .unwrap()
    }

    /// Writes this target for a scope.
    pub(crate) async fn writes(&self, scope: &str, target: &Target) {
        let key = scope.parse::<Scope>().unwrap().key(Subject::Runtime);
        let body = serde_json::to_vec(target).unwrap();
        self.targets().await.put(key, body.into()).await.unwrap();
    }

    /// Orders a version for a scope; gives the generation.
    pub(crate) async fn orders(&self, scope: &str, version: &str, jitter: u32) -> u64 {
        let target = target(
            version,
            Target::next_generation(None, Timestamp::now()),
            jitter,
        );
        self.writes(scope, &target).await;
        target.generation
    }

    /// Reports until one is so, all from the first on.
    pub(crate) async fn reads_reports(&self, is_last: impl Fn(&Report) -> bool) -> Vec<Report> {
        use async_nats::jetstream::consumer::push::OrderedConfig;
        let stream = self.jetstream.get_stream(names().reports()).await.unwrap();
        let config = OrderedConfig {
            deliver_subject: "reports-of-a-test".to_owned(),
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let mut reports = Vec::new();
        let reading = async {
            while let Some(message) = messages.next().await {
                let report: Report = serde_json::from_slice(&message.unwrap().payload).unwrap();
                reports.push(report);
                if is_last(reports.last().unwrap()) {
                    return;
                }
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        assert!(read.is_ok(), "the last report never came: {reports:#?}");
        reports
    }

    /// The device's heartbeat, once it is so.
    pub(crate) async fn sees(&self, what: &str, is_so: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
        let devices = self
            .jetstream
            .get_key_value(names().devices())
            .await
            .unwrap();
        let mut changes = devices.watch_with_history("device-a").await.unwrap();
        let looking = async {
            loop {
                let entry = changes.next().await.unwrap().unwrap();
                let heartbeat: Heartbeat = serde_json::from_slice(&entry.value).unwrap();
                if is_so(&heartbeat) {
                    return heartbeat;
                }
            }
        };
        let seen = tokio::time::timeout(PATIENCE, looking).await;
        seen.unwrap_or_else(|_| panic!("never seen: {what}"))
    }
}

pub(crate) fn target(version: &str, generation: u64, jitter: u32) -> Target {
    Target {
        version: (!version.is_empty()).then(|| version.parse().unwrap()),
        generation,
        jitter,
        at: Timestamp::now(),
        by: "test".to_owned(),
        ramp: None,
    }
}
