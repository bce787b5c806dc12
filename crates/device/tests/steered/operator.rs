//! The operator of a fleet of one.

use std::io::Cursor;
use std::time::Duration;

use broker::Broker;
use device::{Device, Status};
use fleet::operator::orders::{self, Order};
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, Event, Login, Names, Report, Settings, State};
use jiff::Timestamp;
use rollout::fleet::{Scope, Subject, Target, Wait};
use serde_json::{Value, json};

use crate::bench::{Bench, until};
use crate::host::Release;

const PATIENCE: Duration = Duration::from_mins(1);

/// A broker with a fleet, and a device's settings for it.
pub(crate) struct Operator {
    pub(crate) broker: Broker,
    pub(crate) client: Client,
    pub(crate) names: Names,
}

impl Operator {
    pub(crate) async fn start() -> Self {
        let broker = Broker::start();
        let settings = Settings {
            fleet: "refit".parse().unwrap(),
            servers: vec![broker.url()],
            login: Login::Nobody,
            ca: None,
        };
        let client = fleet::connect(&settings).await.unwrap();
        let names = Names::of(&settings.fleet);
        fleet::ensure(&fleet::jetstream(&client), &names, 1)
            .await
            .unwrap();
        Self {
            broker,
            client,
            names,
        }
    }

    /// A headless device that follows it, with these settings besides.
    pub(crate) async fn bench(&self, news: Value) -> Bench {
        let mut config = json!({
            "rehearse": false,
            "fleet": { "servers": [self.broker.url()], "device": "device-a", "groups": ["kiosks"] },
        });
        for (key, value) in news.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mut bench = Bench::new(config).await;
        bench.headless = true;
        std::fs::create_dir_all(bench.files()).unwrap();
        bench
    }

    /// Publishes a version's tarball in the broker's object store.
    pub(crate) async fn publishes(&self, version: &str, tarball: Vec<u8>) {
        let upload = Upload {
            artifact: Artifact {
                subject: Subject::Runtime,
                version: version.parse().unwrap(),
                platform: None,
            },
            package: "demo".to_owned(),
            by: "test".to_owned(),
            at: Timestamp::now(),
        };
        let jetstream = fleet::jetstream(&self.client);
        releases::publish(&jetstream, &self.names, upload, &mut Cursor::new(tarball))
            .await
            .unwrap();
    }

    /// Publishes these both in the registry and in the object store.
    pub(crate) async fn releases(&self, bench: &Bench, all: &[Release<'_>]) {
        bench.host.release(all);
        for release in all {
            self.publishes(release.version, release.pack()).await;
        }
    }

    /// Orders a version for every device.
    pub(crate) async fn orders(&self, version: &str) {
        let order = Order {
            subject: Subject::Runtime,
            version: (!version.is_empty()).then(|| version.parse().unwrap()),
            jitter: Duration::ZERO,
            by: "test".to_owned(),
            at: Timestamp::now(),
        };
        let jetstream = fleet::jetstream(&self.client);
        orders::place(&jetstream, &self.names, &order, &Scope::Global)
            .await
            .unwrap();
    }

    /// Orders a version over an hour, so that `device-a` fetches it at once and has its share of the swap later.
    pub(crate) async fn orders_to_fetch_now_and_swap_later(&self, version: &str) {
        const HOUR: Duration = Duration::from_hours(1);
        let now = Timestamp::now();
        let drawn = |wait, generation| rollout::fleet::part("device-a", generation, wait, HOUR);
        let generation = (Target::next_generation(None, now)..)
            .find(|it| {
                drawn(Wait::Download, *it) < Duration::from_secs(1)
                    && drawn(Wait::Swap, *it) > HOUR / 2
            })
            .unwrap();
        let target = Target {
            version: Some(version.parse().unwrap()),
            generation,
            jitter: 3_600,
            at: now,
            by: "test".to_owned(),
            ramp: None,
        };
        let jetstream = fleet::jetstream(&self.client);
        let (subject, scope) = (Subject::Runtime, Scope::Global);
        orders::put(&jetstream, &self.names, subject, &scope, &target, 0)
            .await
            .unwrap();
    }

    /// Every report from the first on, until one is so.
    pub(crate) async fn hears(&self, is_last: impl Fn(&Report) -> bool) -> Vec<Report> {
        let jetstream = fleet::jetstream(&self.client);
        let reading = fleet::operator::observe::Reports::open(&jetstream, &self.names, None);
        let mut reading = reading.await.unwrap();
        let mut reports = Vec::new();
        let hearing = async {
            loop {
                let (report, _) = reading.next().await.unwrap().unwrap();
                reports.push(report);
                if is_last(reports.last().unwrap()) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, hearing).await.is_err() {
            panic!("the last report never came: {reports:#?}");
        }
        reports
    }
}

/// What was told of a version, in order.
pub(crate) fn told(reports: &[Report], version: &str) -> Vec<Event> {
    let about = |report: &&Report| {
        report
            .version
            .as_ref()
            .is_some_and(|it| it.as_str() == version)
    };
    let events = reports.iter().filter(about).map(|report| report.event);
    events.filter(|event| *event != Event::Checked).collect()
}

/// The first status in which the device stands so in its fleet.
pub(crate) async fn stands(device: &Device, state: State, reason: &str) -> Status {
    let status = until(device, |status| {
        let fleet = status.fleet.as_ref();
        fleet.is_some_and(|it| it.state == state && it.reason == reason)
    });
    status.await.as_ref().clone()
}
