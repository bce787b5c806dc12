//! `refit fleet` for operators, against a real broker.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use broker::Broker;
use serde_json::{Value, json};

use crate::support::{Package, REFIT, Room, json_of, refit};

mod device;
mod following;
mod publishing;

use device::Device;

/// A broker with the fleet `refit` on it, and room for packages.
pub(crate) struct Harbour {
    pub(crate) broker: Broker,
    pub(crate) room: Room,
}

impl Harbour {
    pub(crate) fn new() -> Self {
        let harbour = Self {
            broker: Broker::start(),
            room: Room::new(),
        };
        assert_eq!(harbour.json(&["init"]).0, 0);
        harbour
    }

    /// `refit fleet ARGS --server … --json`: its exit code and its one object.
    pub(crate) fn json(&self, args: &[&str]) -> (i32, Value) {
        let url = self.broker.url();
        let mut all = vec!["fleet"];
        all.extend(args);
        all.extend(["--server", &url]);
        json_of(&all)
    }

    /// The same without --json: its exit code, stdout and stderr.
    pub(crate) fn words(&self, args: &[&str]) -> (i32, String, String) {
        let output = refit()
            .arg("fleet")
            .args(args)
            .args(["--server", &self.broker.url()])
            .env("USER", "operator")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code().unwrap(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Publishes a runtime of this version, whose file says `content`.
    pub(crate) fn publish(&self, version: &str, content: &str) -> (i32, Value) {
        let package = Package::new("demo", version).file("dist/cli.js", content);
        let tgz = package.tgz(&self.room.path());
        self.json(&["publish", tgz.to_str().unwrap(), "--by", "operator"])
    }

    pub(crate) fn device(&self, id: &str) -> Device {
        Device::new(&self.broker.url(), id)
    }
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < late, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_order_is_refused_that_nobody_can_mean() {
    let harbour = Harbour::new();
    let (code, told) = harbour.json(&["rollout", "1.0.0", "--global"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("not-published")));
    assert_eq!(harbour.publish("1.0.0", "one").0, 0);
    let (_, told) = harbour.json(&["rollout", "2.0.0", "--global"]);
    assert!(
        told["error"]["hint"].as_str().unwrap().contains("1.0.0"),
        "{told}"
    );

    for wrong in [
        &["rollout", "1.0.0"][..],
        &["rollout", "1.0.0", "--devices", ""],
        &["rollout", "1.0.0", "--groups", "a,,b"],
        &["rollout", "1.0.0", "--groups", "a.b"],
        &["rollout", "1.0.0", "--global", "--groups", "a"],
        &["rollout", "one", "--global"],
        &["rollout", "1.0.0", "--global", "--jitter", "soon"],
        &["rollout", "1.0.0", "--global", "--jitter", "8d"],
        &["rollout", "1.0.0", "--global", "--jitter", "30"],
        &["clear"],
        &["ping", "a.b"],
        &["history", "--scope", "everywhere"],
    ] {
        let (code, stdout, stderr) = harbour.words(wrong);
        assert_eq!((code, stdout.as_str()), (2, ""), "{wrong:?}: {stderr}");
        assert!(!stderr.is_empty());
    }
    assert_eq!(harbour.json(&["current"]).0, 3);
}

#[test]
fn orders_are_shown_as_they_stand_and_as_they_came() {
    let harbour = Harbour::new();
    assert_eq!(harbour.json(&["history"]).0, 3);
    for version in ["1.0.0", "1.1.0"] {
        assert_eq!(harbour.publish(version, version).0, 0);
    }
    let order = |args: &[&str]| harbour.json(&[&["rollout"], args, &["--by", "operator"]].concat());
    let (code, told) = order(&["1.0.0", "--global", "--jitter", "30m"]);
    assert_eq!(code, 0);
    assert_eq!(
        (
            &told["version"],
            &told["orders"][0]["scope"],
            &told["orders"][0]["jitter"]
        ),
        (&json!("1.0.0"), &json!("global"), &json!(1_800))
    );
    let (_, told) = order(&["1.1.0", "--devices", "a,b", "--groups", "kiosks"]);
    assert_eq!(told["orders"].as_array().unwrap().len(), 3);
    assert_eq!(
        told["warnings"].as_array().unwrap().len(),
        3,
        "nobody was heard of yet: {told}"
    );
    let (_, told) = order(&["1.1.0", "--global"]);
    assert_eq!(told["orders"][0]["before"], "1.0.0");
    let (code, told) = harbour.json(&["clear", "--devices", "a", "--by", "bob"]);
    assert_eq!((code, &told["version"]), (0, &Value::Null));
    assert_eq!(harbour.json(&["clear", "--devices", "a"]).0, 3);
    assert_eq!(harbour.json(&["clear", "--devices", "c"]).0, 3);

    let (code, told) = harbour.json(&["current"]);
    assert_eq!(code, 0);
    let all: Vec<_> = told["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["scope"].as_str().unwrap(),
                it["version"].as_str(),
                it["by"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        all,
        [
            ("device.a", None, "bob"),
            ("device.b", Some("1.1.0"), "operator"),
            ("global", Some("1.1.0"), "operator"),
            ("group.kiosks", Some("1.1.0"), "operator"),
        ]
    );
    let (code, told) = harbour.json(&["history", "--scope", "global"]);
    assert_eq!(code, 0);
    let all: Vec<_> = told["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["version"].as_str().unwrap(),
                it["jitter"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(all, [("1.0.0", 1_800), ("1.1.0", 0)]);
    assert_eq!(
        harbour.json(&["history"]).1["orders"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    assert_eq!(harbour.json(&["history", "--agent"]).0, 3);

    let (_, shown, _) = harbour.words(&["current"]);
    assert!(shown.contains("group.kiosks"), "{shown}");
    let (code, stdout, stderr) =
        harbour.words(&["rollout", "1.0.0", "--global", "--jitter", "90s"]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert_eq!(
        stderr,
        "Ordered 1.0.0 for global, over 1 minute 30 seconds (it was 1.1.0)\n"
    );
}

#[test]
fn devices_are_counted_and_who_needs_somebody_is_named() {
    let harbour = Harbour::new();
    assert_eq!(harbour.json(&["status"]).0, 3);
    assert_eq!(harbour.json(&["groups"]).0, 3);
    let device = |id: &str| harbour.device(id);
    device("a").beats(
        &json!({ "groups": ["kiosks"], "runtime": { "version": "1.1.0", "state": "arrived" } }),
    );
    device("b").beats(&json!({ "groups": ["kiosks", "east"], "runtime": { "version": "1.0.0", "state": "staging", "target": "1.1.0" } }));
    device("c").beats(
        &json!({ "runtime": { "version": "1.0.0", "state": "refused", "target": "1.1.0",
        "reason": "incompatible", "detail": "it needs node >= 99" } }),
    );

    let (code, told) = harbour.json(&["status"]);
    assert_eq!(code, 0);
    assert_eq!((&told["devices"], &told["late"]), (&json!(3), &json!(0)));
    assert_eq!(
        told["mix"],
        json!([
            { "version": "1.1.0", "state": "arrived", "devices": 1 },
            { "version": "1.0.0", "state": "staging", "devices": 1 },
            { "version": "1.0.0", "state": "refused", "devices": 1 },
        ])
    );
    assert_eq!(told["troubled"]["total"], 1);
    let troubled = &told["troubled"]["devices"][0];
    assert_eq!(
        (&troubled["device"], &troubled["reason"]),
        (&json!("c"), &json!("incompatible"))
    );
    let (_, told) = harbour.json(&["groups"]);
    assert_eq!(
        told["groups"],
        json!([
            { "group": "east", "devices": 1 },
            { "group": "kiosks", "devices": 2 },
        ])
    );
    let (_, shown, _) = harbour.words(&["status"]);
    assert!(
        shown.contains("c  1.0.0, refused (is to have 1.1.0): incompatible: it needs node >= 99"),
        "{shown}"
    );
    assert!(shown.ends_with("3 devices, 0 late\n"), "{shown}");
    let (_, told) = harbour.json(&["status", "--agent"]);
    assert_eq!(told["devices"], 0);
}

#[test]
fn a_device_is_asked_itself() {
    let harbour = Harbour::new();
    let (code, told) = harbour.json(&["ping", "kiosk-7"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("no-answer")));
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("not heard of"),
        "{told}"
    );

    let device = harbour.device("kiosk-7");
    let beat = json!({ "runtime": { "version": "1.1.0", "state": "arrived" } });
    device.beats(&beat);
    let (_, told) = harbour.json(&["ping", "kiosk-7"]);
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("last heard of"),
        "{told}"
    );

    let answering = device.answers(&beat);
    let (code, told) = harbour.json(&["ping", "kiosk-7", "--timeout", "30s"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        (&told["device"], &told["runtime"]["version"]),
        (&json!("kiosk-7"), &json!("1.1.0"))
    );
    assert!(told["answeredInMs"].is_u64());
    let (_, shown, _) = harbour.words(&["ping", "kiosk-7", "--timeout", "30s"]);
    assert_eq!(shown, "kiosk-7: 1.1.0, arrived\n");
    drop(answering);

    let silent = device.listens();
    let (code, told) = harbour.json(&["ping", "kiosk-7", "--timeout", "300ms"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("no-answer")));
    assert!(
        told["error"]["message"].as_str().unwrap().contains("300ms"),
        "{told}"
    );
    drop(silent);
}

#[test]
fn without_a_broker_or_a_fleet_it_says_so() {
    let broker = Broker::start();
    let (code, told) = json_of(&["fleet", "current", "--server", &broker.url()]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("no-fleet")));
    let (code, told) = json_of(&["fleet", "status", "--server", &broker.url()]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("no-fleet")));
    refit().args(["fleet", "current"]).assert().code(2);
    refit()
        .args(["fleet", "current", "--server", "nats://broker.example"])
        .assert()
        .code(1);
}

#[test]
fn the_help_says_what_each_order_is_for() {
    for order in [
        "publish",
        "rollout",
        "clear",
        "current",
        "status",
        "ping",
        "history",
        "groups",
        "releases",
        "unpublish",
    ] {
        let output = refit().args(["fleet", order, "--help"]).output().unwrap();
        assert!(output.status.success());
        let help = String::from_utf8(output.stdout)
            .unwrap()
            .replace("refit.exe", "refit");
        insta::assert_snapshot!(format!("help_{order}"), help);
    }
}
