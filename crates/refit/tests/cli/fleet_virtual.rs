//! `refit fleet simulate-devices`: many devices in one process, with stores, connections and outboxes of their own.

use std::io::{BufRead as _, BufReader};
use std::process::{Command as Process, Stdio};

use broker::Broker;
use serde_json::{Value, json};

use crate::device::{Device, demo, edit, idle};
use crate::support::{Package, REFIT, json_of};

/// A broker with these versions, in the registry and in its object store.
fn scene(versions: &[Package]) -> (Broker, Device) {
    let broker = Broker::start();
    let device = idle();
    device.room.publish(versions);
    let url = broker.url();
    assert_eq!(json_of(&["fleet", "init", "--server", &url]).0, 0);
    for version in versions {
        let tgz = version.tgz(&device.room.path());
        let publish = ["fleet", "publish", tgz.to_str().unwrap(), "--server", &url];
        assert_eq!(json_of(&publish).0, 0);
    }
    edit(&device.room.path().join("refit.json"), |config| {
        config["soak"] = json!("1s");
    });
    (broker, device)
}

/// Plays so many devices, orders as soon as all have a connection, and gives the last line that is told.
fn play(
    broker: &Broker,
    device: &Device,
    count: usize,
    more: &[&str],
    orders: impl FnOnce(&str),
) -> Value {
    let url = broker.url();
    let mut crowd = Process::new(REFIT)
        .args([
            "--json",
            "fleet",
            "simulate-devices",
            "--server",
            &url,
            "--count",
        ])
        .arg(count.to_string())
        .args(more)
        .args(device.globals())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(crowd.stdout.take().unwrap())
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let up = |line: &Value| line["standing"]["connected"] == count;
    lines.by_ref().find(up).expect("all with a connection");
    orders(&url);
    let last = lines.last().expect("a last line");
    assert!(crowd.wait().unwrap().success());
    last
}

#[test]
fn an_order_reaches_them_all_and_is_spread_over_its_window() {
    let (broker, device) = scene(&[demo("1.1.0")]);
    let order = |url: &str| {
        let rollout = [
            "fleet", "rollout", "1.1.0", "--global", "--jitter", "3s", "--server", url,
        ];
        assert_eq!(json_of(&rollout).0, 0);
    };
    let told = play(
        &broker,
        &device,
        60,
        &["--until", "1.1.0", "--groups", "lab"],
        order,
    );
    assert_eq!(
        told["standing"]["versions"],
        json!({ "1.1.0": 60 }),
        "{told}"
    );
    let wave = &told["wave"];
    for what in ["heard", "fetched", "swapped", "ready"] {
        assert_eq!(wave[what], 60, "{what}: {told}");
    }
    assert_eq!(
        (&wave["failed"], &wave["fetching"]["n"]),
        (&json!(0), &json!(60))
    );
    // Nobody before its share of the window was over.
    assert_eq!(wave["drawn"]["n"], 60, "{told}");
    assert!(wave["lateHalfMs"].as_i64().unwrap() >= 0, "{told}");
    assert!(told["heartbeats"].as_u64().unwrap() >= 60, "{told}");
    assert!(told["bytesPerDevice"].as_u64().unwrap() > 0);
    // The operator sees them too.
    let (code, groups) = json_of(&["fleet", "groups", "--server", &broker.url()]);
    assert_eq!(code, 0, "{groups}");
    assert!(groups.to_string().contains("\"lab\""), "{groups}");
}

#[test]
fn what_its_entry_says_is_what_a_spawn_does() {
    let bad = Package::new("demo", "1.2.0").file("server.js", "// refit-virtual: exit\n");
    let (broker, device) = scene(&[demo("1.1.0"), bad]);
    let order = |url: &str| {
        let rollout = ["fleet", "rollout", "1.2.0", "--global", "--server", url];
        assert_eq!(json_of(&rollout).0, 0);
    };
    let told = play(&broker, &device, 20, &["--until", "1.2.0"], order);
    assert_eq!(
        told["standing"]["versions"],
        json!({ "1.0.0": 20 }),
        "{told}"
    );
    assert_eq!(
        told["standing"]["states"],
        json!({ "refused": 20 }),
        "{told}"
    );
    assert_eq!(
        (&told["wave"]["failed"], &told["wave"]["ready"]),
        (&json!(20), &json!(0))
    );
}

#[test]
fn it_says_what_it_cannot_play() {
    let (broker, device) = scene(&[demo("1.1.0")]);
    edit(&device.room.path().join("refit.json"), |config| {
        config["manifest"] = json!("http://127.0.0.1:1/latest.json");
    });
    let url = broker.url();
    let globals = device.globals();
    let mut args = vec!["fleet", "simulate-devices", "--server", &url];
    args.extend(globals.iter().map(String::as_str));
    let (code, told) = json_of(&args);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (1, &json!("not-simulated")),
        "{told}"
    );
}
