//! The agent's own binary, ordered by a fleet: a real broker, real binaries, a stub that starts again what ends.

use std::io::Cursor;
use std::time::Duration;

use broker::Broker;
use fleet::operator::orders::{self, Order};
use fleet::operator::ping::ping;
use fleet::operator::releases::{self, Artifact, Upload};
use fleet::{Client, Heartbeat, Login, Names, Settings, Standing, State};
use jiff::Timestamp;
use rollout::fleet::{Scope, Subject};
use serde_json::json;

use super::binaries::Binary;
use super::serving::Service;
use crate::device::edit;
use crate::support::{Served, refit};

const DEVICE: &str = "till-7";

/// A fleet of one device, and its operator.
struct Scene {
    service: Service,
    broker: Broker,
    names: Names,
    client: Client,
    tokio: tokio::runtime::Runtime,
}

impl Scene {
    /// The device runs agent 1.0.0 and believes whom `self_update` names.
    fn new(self_update: &str) -> Self {
        let broker = Broker::start();
        let tokio = tokio::runtime::Runtime::new().unwrap();
        let settings = Settings {
            fleet: "refit".parse().unwrap(),
            servers: vec![broker.url()],
            login: Login::Nobody,
            ca: None,
        };
        let names = Names::of(&settings.fleet);
        let client = tokio.block_on(async {
            let client = fleet::connect(&settings).await.unwrap();
            let jetstream = fleet::jetstream(&client);
            fleet::ensure(&jetstream, &names, 1).await.unwrap();
            client
        });
        let service = Service::new(&Binary::release("1.0.0"));
        edit(&service.device.room.path().join("refit.json"), |config| {
            config["fleet"] = json!({
                "servers": [broker.url()], "device": DEVICE, "selfUpdate": self_update,
            });
        });
        Self {
            service,
            broker,
            names,
            client,
            tokio,
        }
    }

    /// Publishes bytes under a version, whatever they are.
    fn publish(&self, version: &str, binary: &Binary) {
        let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        let upload = Upload {
            artifact: Artifact::agent(version.parse().unwrap(), platform.parse().unwrap()),
            package: "refit".to_owned(),
            by: "operator".to_owned(),
            at: Timestamp::now(),
        };
        self.tokio.block_on(async {
            let jetstream = fleet::jetstream(&self.client);
            let mut bytes = Cursor::new(&binary.0);
            let published = releases::publish(&jetstream, &self.names, upload, &mut bytes);
            published.await.unwrap();
        });
    }

    fn order(&self, version: &str) {
        let order = Order {
            subject: Subject::Agent,
            version: Some(version.parse().unwrap()),
            jitter: Duration::ZERO,
            by: "operator".to_owned(),
            at: Timestamp::now(),
        };
        self.tokio.block_on(async {
            let jetstream = fleet::jetstream(&self.client);
            orders::place(&jetstream, &self.names, &order, &Scope::Global)
                .await
                .unwrap();
        });
    }

    /// What the device answers; none where it does not just now.
    fn heartbeat(&self) -> Option<Heartbeat> {
        let device = DEVICE.parse().unwrap();
        let patience = Duration::from_secs(5);
        let answer = ping(
            &self.client,
            &self.names,
            &device,
            patience,
            Timestamp::now(),
        );
        self.tokio.block_on(answer).ok()
    }

    /// Waits until the agent stands so.
    fn stands(&self, what: &str, is_so: impl Fn(&Standing) -> bool) {
        self.service.until(what, || {
            let agent = self.heartbeat().and_then(|beat| beat.agent);
            agent.is_some_and(|agent| is_so(&agent))
        });
    }

    fn arrives_at(&self, version: &str) {
        self.stands(&format!("it arrives at {version}"), |agent| {
            let runs = agent.version.as_ref().map(rollout::Version::as_str);
            runs == Some(version) && agent.state == State::Arrived
        });
    }

    fn refuses(&self, reason: &str) {
        self.stands(&format!("it refuses: {reason}"), |agent| {
            agent.state == State::Refused && agent.reason == reason
        });
    }
}

#[test]
fn an_ordered_agent_comes_up_and_one_that_crashes_is_taken_back_and_told() {
    let mut scene = Scene::new("bucket");
    let good = Binary::release("2.0.0");
    scene.publish("2.0.0", &good);
    scene.service.start("1ms");
    scene.service.serves();
    scene.order("2.0.0");
    scene.arrives_at("2.0.0");
    assert_eq!(scene.service.ends(), ["85"], "{}", scene.service.words());
    scene.service.serves();
    scene.service.until("it is kept", || {
        scene.service.status()["replacement"].is_null()
    });

    let bad = Binary::release("3.0.0").crashing();
    scene.publish("3.0.0", &bad);
    scene.order("3.0.0");
    scene.refuses("quarantined");
    let ends = ["85", "85", "killed", "killed", "killed", "85"];
    assert_eq!(scene.service.ends(), ends, "{}", scene.service.words());
    scene.service.until("it is noted as told", || {
        scene.service.status()["quarantined"][0]["untold"].is_null()
    });
    let agent = scene.heartbeat().unwrap().agent.unwrap();
    assert_eq!(agent.version.unwrap().as_str(), "2.0.0");
    assert_eq!(agent.bad.len(), 1);
    assert_eq!(agent.bad[0].as_str(), "3.0.0");
    assert_eq!(std::fs::read(&scene.service.installed.exe).unwrap(), good.0);

    // Back down, as it is ordered; and what says of itself that it is another is not taken.
    scene.publish("1.5.0", &Binary::release("1.5.0"));
    scene.order("1.5.0");
    scene.arrives_at("1.5.0");
    scene.publish("4.0.0", &Binary::release("4.0.1"));
    scene.order("4.0.0");
    scene.refuses("mislabelled");
    let half = Binary::release("5.0.0");
    scene.publish("5.0.0", &Binary(half.0[..1 << 20].to_vec()));
    scene.order("5.0.0");
    scene.refuses("no-label");
    scene.service.stop();
    assert_eq!(scene.service.installed.version(), "1.5.0");
}

#[test]
fn an_ordered_agent_is_kept_once_it_had_a_connection_to_its_broker_and_not_ended_for_want_of_one() {
    let mut scene = Scene::new("bucket");
    scene.publish("2.0.0", &Binary::release("2.0.0"));
    scene.service.start("1h");
    scene.service.serves();
    scene.order("2.0.0");
    scene.arrives_at("2.0.0");
    let status = scene.service.status();
    assert_eq!(status["replacement"]["ordered"], true, "{status}");
    scene.service.stop();

    scene.broker.kill();
    let options = ["--healthy-after", "1ms", "--hung-after", "1s"];
    scene.service.start_with(&options);
    scene.service.serves();
    assert!(scene.service.status()["replacement"].is_object());
    scene.broker.restart();
    scene.service.until("it is kept", || {
        scene.service.status()["replacement"].is_null()
    });
    scene.service.stop();
    assert_eq!(scene.service.ends(), ["85", "0", "0"]);
}

#[test]
fn neither_work_nor_an_administrator_who_has_updates_off_is_overruled_by_a_new_agent() {
    let mut scene = Scene::new("bucket");
    let busy = scene.service.device.room.at("busy.json");
    edit(
        &scene.service.device.room.path().join("refit.json"),
        |config| {
            config["busy"] = json!({ "file": busy });
        },
    );
    scene.publish("2.0.0", &Binary::release("2.0.0"));
    scene.service.start("1ms");
    scene.service.serves();
    // What was there before it started says nothing of it.
    std::fs::write(&busy, r#"{"busy":true,"tasks":1}"#).unwrap();
    scene.order("2.0.0");
    scene.stands("it waits for the work", |agent| {
        agent.state == State::Staged && agent.reason == "busy"
    });
    assert!(scene.service.ends().is_empty());
    std::fs::write(&busy, r#"{"busy":false}"#).unwrap();
    scene.arrives_at("2.0.0");
    scene.service.stop();

    scene.service.environment = vec![("REFIT_NO_AUTO_UPDATE", "1")];
    scene.publish("3.0.0", &Binary::release("3.0.0"));
    scene.order("3.0.0");
    scene.service.start("1ms");
    scene.stands("it follows nobody", |agent| {
        agent.state == State::Off && agent.reason == "updates-off"
    });
    scene.service.stop();
    assert_eq!(scene.service.installed.version(), "2.0.0");
}

#[test]
fn what_the_repository_does_not_sign_is_not_taken_whatever_the_bucket_has() {
    let mut scene = Scene::new("signed");
    let site = &scene.service.device.room;
    let (keys, root) = (site.at("keys"), site.at("root.json"));
    for order in [
        &["keys", "new", &keys][..],
        &[
            "repo",
            "init",
            &site.at("site"),
            "--keys",
            &keys,
            "--root-out",
            &root,
        ],
    ] {
        refit().args(order).assert().success();
    }
    let served = Served::start(&site.site());
    edit(&site.path().join("refit.json"), |config| {
        config["trust"] = json!({ "root": root, "url": format!("{}repo/", served.url) });
    });
    let good = Binary::release("2.0.0");
    let mut forged = good.clone();
    let last = forged.0.len() - 1;
    forged.0[last] ^= 1;
    scene.publish("2.0.0", &forged);
    scene.publish("3.0.0", &Binary::release("3.0.0"));
    let binary = good.put(&site.path().join("binary"));
    let sign = ["publish", &site.at("site"), "--keys", &keys, "--agent"];
    refit().args(sign).arg(binary).assert().success();

    scene.service.start("1ms");
    scene.service.serves();
    scene.order("3.0.0");
    scene.refuses("not-signed");
    scene.order("2.0.0");
    scene.refuses("wrong-digest");
    assert_eq!(scene.service.installed.version(), "1.0.0");
    assert!(scene.service.ends().is_empty());

    // The right bytes, on a broker that lost its disk.
    scene.broker.restart_empty();
    scene.tokio.block_on(async {
        let jetstream = fleet::jetstream(&scene.client);
        let patience = std::time::Instant::now() + Duration::from_mins(1);
        while let Err(error) = fleet::ensure(&jetstream, &scene.names, 1).await {
            assert!(std::time::Instant::now() < patience, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    scene.publish("2.0.0", &good);
    scene.order("2.0.0");
    scene.arrives_at("2.0.0");
    scene.service.stop();
    assert_eq!(scene.service.ends(), ["85", "0"]);
}
