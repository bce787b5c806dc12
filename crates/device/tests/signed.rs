//! A device on which trust is turned on: what was staged before on anybody's word is not started, and
//! what is signed takes its place.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other stories need all of it")]
mod host;
#[path = "../../trust/tests/support/mod.rs"]
#[expect(dead_code, reason = "its own stories need all of it")]
mod publisher;

use std::path::Path;

use device::{AppliedOutcome, Device, Integrity, Local, StageOutcome};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use host::{Host, open, options, packed};
use publisher::Publisher;

const GOOD: &str = "// what is signed";

/// A repository that signs 1.1.0 with good bytes, whose site has them.
struct Site {
    host: Host,
    publisher: Publisher,
}

impl Site {
    async fn start() -> Self {
        let mut publisher = Publisher::new();
        let expires = Timestamp::now() + SignedDuration::from_hours(24);
        publisher.root.expires = expires;
        publisher.timestamp.expires = expires;
        publisher.snapshot.expires = expires;
        publisher.targets.expires = expires;
        let keys = publisher.keys["root"].clone();
        publisher.put_root(&keys);
        let tarball = packed(&package(), GOOD);
        let described = json!({
            "schema": 1, "package": "demo", "version": "1.1.0", "integrity": good().to_string(),
            "packedSize": tarball.len(), "unpackedSize": 10_000,
            "tarball": "demo/-/demo-1.1.0.tgz",
        });
        publisher.add("demo-1.1.0.json", described.to_string().as_bytes());
        publisher.add("latest.json", br#"{"version":"1.1.0"}"#);
        publisher.publish();
        let host = Host::start().await;
        host.put("/demo/-/demo-1.1.0.tgz", tarball);
        Self { host, publisher }
    }

    fn serve(&self) {
        for (path, bytes) in &self.publisher.files {
            self.host.put(&format!("/repo/{path}"), bytes.clone());
        }
    }

    fn local(&self, dir: &Path, registry: &Host) -> Local {
        let trust = json!({ "root": "root.json", "url": format!("{}repo/", self.host.url) });
        let mut options = options(dir, registry, &json!({ "trust": trust }), &[]);
        options.trust_root = Some(self.publisher.first_root());
        Local::open(options)
    }
}

fn package() -> Value {
    json!({ "name": "demo", "version": "1.1.0" })
}

fn good() -> Integrity {
    Integrity::from_digest(Sha512::digest(packed(&package(), GOOD)).into())
}

/// Has 1.1.0 staged as the registry has it, by a device without trust.
async fn stage_unsigned(dir: &Path, registry: &Host) {
    registry.publish(&["1.1.0"]);
    let device = open(dir, registry, &json!({}), &[]);
    let report = device.check().await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, StageOutcome::Staged);
    assert_eq!(device.local().resolve().version.as_str(), "1.1.0");
    device.stop().await;
}

fn pointer(local: &Local) -> Value {
    let path = local.store().unwrap().root().join("current.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn runs(local: &Local) -> String {
    local.resolve().version.to_string()
}

fn blocked(local: &Local) -> Option<String> {
    Some(local.at_rest(None).staged?.blocked?.reason)
}

#[tokio::test]
async fn what_was_staged_before_trust_is_not_started_and_what_is_signed_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Host::start().await;
    stage_unsigned(dir.path(), &registry).await;

    let site = Site::start().await;
    let device = Device::open(site.local(dir.path(), &registry));
    let local = device.local();
    let before = pointer(local);
    assert_eq!(runs(local), "1.0.0");
    assert_eq!(blocked(local).as_deref(), Some("not-signed"));
    let back = || device.roll_back(Some("1.1.0".parse().unwrap()), false);
    // Nobody can be asked, so nobody vouches for it.
    assert_eq!(back().await.unwrap_err().kind, "trust-missing");
    site.serve();
    assert_eq!(back().await.unwrap_err().kind, "not-signed");
    assert_eq!((runs(local), pointer(local)), ("1.0.0".to_owned(), before));

    let report = device.check().await.unwrap();
    assert_eq!(report.staged.unwrap().outcome, StageOutcome::Staged);
    let choice = local.resolve();
    assert_eq!(choice.version.as_str(), "1.1.0");
    assert_eq!(choice.integrity, Some(good()));
    assert_eq!(std::fs::read_to_string(choice.entry).unwrap(), GOOD);
    assert_eq!(pointer(local)["trial"]["signed"], true);
    // By name it is gone back to now, as what is signed.
    device
        .roll_back(Some("1.0.0".parse().unwrap()), false)
        .await
        .unwrap();
    assert_eq!(runs(local), "1.0.0");
    device.stop().await;
}

#[tokio::test]
async fn what_is_stored_and_signed_is_gone_back_to_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Host::start().await;
    let site = Site::start().await;
    site.serve();
    let device = Device::open(site.local(dir.path(), &registry));
    device.check().await.unwrap();
    let applied = device
        .roll_back(Some("1.1.0".parse().unwrap()), false)
        .await;
    assert_eq!(applied.unwrap().outcome, AppliedOutcome::RolledBack);
    assert_eq!(runs(device.local()), "1.1.0");
    assert_eq!(pointer(device.local())["trial"]["signed"], true);
    device.stop().await;
}

#[tokio::test]
async fn a_device_that_lost_what_it_heard_hears_it_again_from_disk_before_it_starts_anything() {
    for content in ["", "{", r#"{"schema":1}"#] {
        let dir = tempfile::tempdir().unwrap();
        let registry = Host::start().await;
        let site = Site::start().await;
        site.serve();
        let device = Device::open(site.local(dir.path(), &registry));
        device.check().await.unwrap();
        assert_eq!(runs(device.local()), "1.1.0");
        device.stop().await;

        let releases = device.local().store().unwrap().root().join("releases.json");
        std::fs::write(&releases, content).unwrap();
        let device = Device::open(site.local(dir.path(), &registry));
        assert_eq!(runs(device.local()), "1.0.0", "{content}");
        assert_eq!(blocked(device.local()).as_deref(), Some("unheard"));
        let asked = site.host.asked_for("");
        device.start().await;
        assert_eq!(runs(device.local()), "1.1.0", "{content}");
        assert_eq!(site.host.asked_for(""), asked, "it asked somebody");
        device.stop().await;
        let kept: Value = serde_json::from_slice(&std::fs::read(&releases).unwrap()).unwrap();
        assert_eq!(kept["manifest"]["signed"], true, "{content}");
    }
}

#[tokio::test]
async fn an_older_word_in_a_newer_shells_file_does_not_hide_what_was_verified_since() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Host::start().await;
    let mut site = Site::start().await;
    site.serve();
    let device = Device::open(site.local(dir.path(), &registry));
    device.check().await.unwrap();
    let releases = device.local().store().unwrap().root().join("releases.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(&releases).unwrap()).unwrap();
    file["schema"] = json!(2);
    std::fs::write(&releases, file.to_string()).unwrap();
    assert_eq!(runs(device.local()), "1.1.0");

    let recall = br#"{"version":"1.1.0","recalled":["1.1.0"]}"#;
    site.publisher.add("latest.json", recall);
    site.publisher.publish();
    site.serve();
    let report = device.check().await.unwrap();
    assert_eq!(report.reason, "recalled");
    assert_eq!(runs(device.local()), "1.0.0");
    device.stop().await;

    // Another start, which knows the newer shell's file and what it verified itself.
    let device = Device::open(site.local(dir.path(), &registry));
    device.start().await;
    assert_eq!(runs(device.local()), "1.0.0");
    assert_eq!(blocked(device.local()).as_deref(), Some("recalled"));
    device.stop().await;
    let kept: Value = serde_json::from_slice(&std::fs::read(&releases).unwrap()).unwrap();
    assert_eq!(kept, file, "a newer shell's file was changed");
}

#[tokio::test]
async fn the_agents_binary_is_described_by_what_the_repository_says_now_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Host::start().await;
    let mut site = Site::start().await;
    let local = site.local(dir.path(), &registry);
    let version = "2.0.0".parse().unwrap();
    let ask = || local.described_agent(&version, "linux-x86_64");
    assert_eq!(ask().await.unwrap_err().kind, "trust-missing");
    site.serve();
    assert_eq!(ask().await.unwrap(), None);

    let described = |platform: &str| {
        json!({
            "schema": 1, "version": "2.0.0", "platform": platform,
            "sha256": "0".repeat(64), "size": 7,
        })
        .to_string()
    };
    let name = "_agent-2.0.0-linux-x86_64.json";
    site.publisher
        .add(name, described("linux-x86_64").as_bytes());
    site.publisher.publish();
    site.serve();
    let found = ask().await.unwrap().unwrap();
    assert_eq!((found.size, &*found.sha256), (7, &*"0".repeat(64)));
    // For another machine nothing is signed.
    let other = local.described_agent(&version, "linux-aarch64").await;
    assert_eq!(other.unwrap(), None);

    // What describes another binary under this name describes none.
    site.publisher
        .add(name, described("linux-aarch64").as_bytes());
    site.publisher.publish();
    site.serve();
    assert_eq!(ask().await.unwrap_err().kind, "agent-description");

    // What was verified before is not what it says now.
    site.host.clear();
    assert!(ask().await.is_err());

    let unsigned = open(dir.path(), &registry, &json!({}), &[]);
    let none = unsigned.local().described_agent(&version, "linux-x86_64");
    assert_eq!(none.await.unwrap_err().kind, "no-trust");
    unsigned.stop().await;
}

/// A fleet whose operator publishes and orders whatever they like.
struct Fleet {
    broker: broker::Broker,
    client: fleet::Client,
    names: fleet::Names,
}

impl Fleet {
    async fn start() -> Self {
        let broker = broker::Broker::start();
        let settings = fleet::Settings {
            fleet: "refit".parse().unwrap(),
            servers: vec![broker.url()],
            login: fleet::Login::Nobody,
            ca: None,
        };
        let client = fleet::connect(&settings).await.unwrap();
        let names = fleet::Names::of(&settings.fleet);
        let jetstream = fleet::jetstream(&client);
        fleet::ensure(&jetstream, &names, 1).await.unwrap();
        Self {
            broker,
            client,
            names,
        }
    }

    async fn publishes_and_orders(&self, version: &str, tarball: Vec<u8>) {
        use fleet::operator::{orders, releases};
        let jetstream = fleet::jetstream(&self.client);
        let upload = releases::Upload {
            artifact: releases::Artifact::runtime(version.parse().unwrap()),
            package: "demo".to_owned(),
            by: "test".to_owned(),
            at: Timestamp::now(),
        };
        let mut bytes = std::io::Cursor::new(tarball);
        releases::publish(&jetstream, &self.names, upload, &mut bytes)
            .await
            .unwrap();
        let order = orders::Order {
            subject: rollout::fleet::Subject::Runtime,
            version: Some(version.parse().unwrap()),
            jitter: std::time::Duration::ZERO,
            by: "test".to_owned(),
            at: Timestamp::now(),
        };
        let scope = rollout::fleet::Scope::Global;
        orders::place(&jetstream, &self.names, &order, &scope)
            .await
            .unwrap();
    }

    /// The first report of this kind.
    async fn hears(&self, event: fleet::Event) -> fleet::Report {
        let jetstream = fleet::jetstream(&self.client);
        let reports = fleet::operator::observe::Reports::open(&jetstream, &self.names, None);
        let mut reports = reports.await.unwrap();
        let hearing = async {
            loop {
                let (report, _) = reports.next().await.unwrap().unwrap();
                if report.event == event {
                    return report;
                }
            }
        };
        let patience = std::time::Duration::from_mins(1);
        tokio::time::timeout(patience, hearing).await.unwrap()
    }
}

#[tokio::test]
async fn a_fleet_chooses_among_what_is_signed_and_nothing_else_whatever_its_broker_has() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Host::start().await;
    // The registry has both, and the operator's store too; the repository names 1.1.0 alone.
    registry.publish(&["1.1.0", "1.2.0"]);
    let site = Site::start().await;
    site.serve();
    let fleet = Fleet::start().await;
    let mut options = {
        let local = site.local(dir.path(), &registry);
        let trust = local.config().trust.clone();
        let mut options = options(dir.path(), &registry, &json!({}), &[]);
        options.config.trust = trust;
        options.trust_root = Some(site.publisher.first_root());
        options
    };
    let settings = json!({ "servers": [fleet.broker.url()], "device": "device-a" });
    options.config.fleet = serde_json::from_value(settings).unwrap();
    let device = Device::open(Local::open(options));
    device.start().await;
    let other = packed(
        &json!({ "name": "demo", "version": "1.2.0" }),
        "// not signed",
    );
    fleet.publishes_and_orders("1.2.0", other).await;
    let refused = fleet.hears(fleet::Event::Refused).await;
    assert_eq!(
        (&*refused.reason, refused.version.unwrap().as_str()),
        ("not-signed", "1.2.0")
    );
    assert_eq!(runs(device.local()), "1.0.0");
    // What is signed is taken, and only its very bytes: the broker has others under that name.
    fleet
        .publishes_and_orders("1.1.0", packed(&package(), "// other bytes"))
        .await;
    let staged = fleet.hears(fleet::Event::Staged).await;
    assert_eq!(staged.version.unwrap().as_str(), "1.1.0");
    // It may be on its way up just now.
    let stored = pointer(device.local());
    assert_eq!(stored["integrity"], good().to_string());
    let entry = stored["entry"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(entry).unwrap(), GOOD);
    device.stop().await;
}
