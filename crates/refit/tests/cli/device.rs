//! The device commands on a store of their own, without anything running.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::support::{Package, Room, Served, json_of, refit};

/// A device: its settings, its data, its bundled runtime 1.0.0, and a registry.
pub(crate) struct Device {
    pub(crate) room: Room,
    pub(crate) served: Served,
}

impl Device {
    /// The command is for `run`; the other commands never start it.
    pub(crate) fn new(bundled: &Package, command: &Value) -> Self {
        let room = Room::new();
        let tgz = bundled.tgz(&room.path());
        let unpack = ["unpack", "--into", &room.at("bundled"), "--tarball"];
        refit().args(unpack).arg(tgz).assert().success();
        let served = Served::start(&room.site());
        let config = json!({
            "package": "demo",
            "registry": served.url,
            "entry": "server.js",
            "command": command,
            "cwd": "{data}",
            "ready": { "http": "/", "timeout": "20s" },
            // What is never started could not be rehearsed either.
            "rehearse": false,
        });
        fs::write(room.path().join("refit.json"), config.to_string()).unwrap();
        Self { room, served }
    }

    pub(crate) fn globals(&self) -> Vec<String> {
        [
            ("--config", "refit.json"),
            ("--data-dir", "data"),
            ("--bundled", "bundled"),
        ]
        .iter()
        .flat_map(|(option, name)| [(*option).to_owned(), self.room.at(name)])
        .collect()
    }

    /// Runs a command with `--json`.
    pub(crate) fn ask(&self, args: &[&str]) -> (i32, Value) {
        let globals = self.globals();
        let mut all: Vec<&str> = args.to_vec();
        all.extend(globals.iter().map(String::as_str));
        json_of(&all)
    }

    /// What the next launch would run.
    pub(crate) fn next(&self) -> String {
        let (code, told) = self.ask(&["resolve"]);
        assert_eq!(code, 0, "{told}");
        format!(
            "{} {}",
            told["source"].as_str().unwrap(),
            told["version"].as_str().unwrap()
        )
    }
}

pub(crate) fn demo(version: &str) -> Package {
    Package::new("demo", version).file("server.js", "// never started here")
}

/// Nothing here is started, least of all Node.
pub(crate) fn idle() -> Device {
    Device::new(&demo("1.0.0"), &json!(["never-started", "{entry}"]))
}

#[test]
fn a_version_is_found_staged_rolled_back_from_and_forgiven() {
    let device = idle();
    assert_eq!(device.next(), "bundled 1.0.0");

    device.room.publish(&[demo("1.1.0")]);
    let (code, found) = device.ask(&["check"]);
    assert_eq!(
        (code, &found["decision"], &found["version"]),
        (0, &json!("stage"), &json!("1.1.0"))
    );
    for later in ["bucket", "delaySeconds", "eligibleAt"] {
        assert_eq!(found.get(later), Some(&Value::Null), "{later}");
    }
    assert_eq!(device.next(), "bundled 1.0.0", "a check stages nothing");
    assert_eq!(device.ask(&["stage"]).0, 0);
    assert_eq!(device.next(), "pointer 1.1.0");

    let (code, status) = device.ask(&["status"]);
    assert_eq!(code, 0);
    assert_eq!(status["running"], Value::Null);
    assert_eq!(status["staged"]["version"], "1.1.0");
    assert_eq!(status["bundled"]["version"], "1.0.0");
    assert_eq!(status["bad"], json!([]));

    let (code, verified) = device.ask(&["verify"]);
    assert_eq!(code, 0);
    assert_eq!(
        verified,
        json!({ "verified": [{ "version": "1.1.0", "problem": null }] })
    );

    let (code, back) = device.ask(&["rollback"]);
    assert_eq!((code, &back["version"]), (0, &json!("1.0.0")), "{back}");
    assert_eq!(device.next(), "bundled 1.0.0");
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["bad"][0]["version"], "1.1.0");
    assert_eq!(status["bad"][0]["reason"], "rolled-back");
    assert_eq!(status["lastCheck"]["version"], "1.1.0");

    let (code, found) = device.ask(&["check"]);
    assert_eq!(
        (code, &found["reason"]),
        (3, &json!("bad-version")),
        "{found}"
    );

    let (code, again) = device.ask(&["retry", "1.1.0"]);
    assert_eq!((code, &again["outcome"]), (0, &json!("staged")), "{again}");
    assert_eq!(device.next(), "pointer 1.1.0");
    assert_eq!(
        device.ask(&["retry", "1.1.0"]).0,
        3,
        "it is not bad any more"
    );
}

#[test]
fn what_nothing_names_any_more_is_collected() {
    let device = idle();
    device.room.publish(&[demo("1.1.0"), demo("1.2.0")]);
    assert_eq!(device.ask(&["stage", "1.1.0"]).0, 0);
    assert_eq!(device.ask(&["stage", "1.2.0"]).0, 0);
    let (code, swept) = device.ask(&["gc"]);
    assert_eq!(
        (code, &swept["versions"]),
        (0, &json!(["1.1.0"])),
        "{swept}"
    );
    assert_eq!(device.next(), "pointer 1.2.0");
    assert_eq!(device.ask(&["gc"]).0, 3);
}

#[test]
fn staging_what_is_staged_already_is_nothing_to_do() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    let (code, staged) = device.ask(&["stage"]);
    assert_eq!(
        (code, &staged["outcome"], &staged["version"]),
        (0, &json!("staged"), &json!("1.1.0"))
    );
    let (code, again) = device.ask(&["stage", "1.1.0"]);
    assert_eq!(
        (code, &again["outcome"]),
        (3, &json!("already-staged")),
        "{again}"
    );
}

#[test]
fn a_file_is_staged_only_if_it_is_what_was_named() {
    let device = idle();
    let tgz = demo("1.1.0").tgz(&device.room.path());
    let tgz = tgz.to_str().unwrap();
    let other = format!("sha512-{}==", "A".repeat(86));
    let (code, told) = device.ask(&["stage", "--tarball", tgz, "--integrity", &other]);
    assert_eq!(code, 1, "{told}");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("demo-1.1.0.tgz"),
        "{told}"
    );
    assert_eq!(device.next(), "bundled 1.0.0");

    let (code, told) = device.ask(&["stage", "--tarball", tgz]);
    assert_eq!((code, &told["outcome"]), (0, &json!("staged")), "{told}");
    assert_eq!(device.next(), "pointer 1.1.0");
}

#[test]
fn an_older_version_is_reached_by_rolling_back_to_it() {
    let device = idle();
    device.room.publish(&[demo("1.1.0"), demo("1.2.0")]);
    assert_eq!(device.ask(&["stage", "1.2.0"]).0, 0);
    let (code, back) = device.ask(&["rollback", "--to", "1.1.0"]);
    assert_eq!((code, &back["version"]), (0, &json!("1.1.0")), "{back}");
    assert_eq!(device.next(), "pointer 1.1.0");
}

#[test]
fn with_no_app_running_there_is_nothing_to_apply() {
    let device = idle();
    fs::create_dir(device.room.at("data")).unwrap();
    let (code, told) = device.ask(&["apply"]);
    assert_eq!(code, 3);
    insta::assert_snapshot!(told.to_string());
}

#[test]
fn a_data_folder_that_is_not_there_has_nothing_to_apply_to() {
    let device = idle();
    let (code, told) = device.ask(&["apply"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("file")));
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains(&device.room.at("data")), "{told}");
}

/// Changes a JSON file.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn what_is_kept_is_told_even_where_nothing_was_removed() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let pointer = device.room.path().join("data/runtime-store/current.json");
    fs::write(pointer, "garbage").unwrap();
    refit()
        .arg("gc")
        .args(device.globals())
        .assert()
        .code(3)
        .stderr(predicate::str::contains("Kept every version: the pointer"));
}

#[cfg(unix)]
#[test]
fn staging_ends_in_order_when_it_is_interrupted() {
    use std::process::Stdio;

    let device = idle();
    // A registry that takes the question and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let config = device.room.path().join("refit.json");
    edit(&config, |config| config["registry"] = json!(url));
    let staging = std::process::Command::new(crate::support::REFIT)
        .args(["stage", "--json"])
        .args(device.globals())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let asked = silent.accept().unwrap();

    let interrupt = std::process::Command::new("kill")
        .args(["-INT", &staging.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());

    let ended = staging.wait_with_output().unwrap();
    drop(asked);
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert_eq!(told["error"]["kind"], "interrupted", "{told}");
}

#[test]
fn an_unknown_setting_is_named() {
    let device = idle();
    let config = device.room.path().join("refit.json");
    fs::write(
        &config,
        r#"{"package":"demo","entry":"x","command":["x"],"chanel":"beta"}"#,
    )
    .unwrap();
    for command in ["resolve", "status", "check"] {
        let (code, told) = device.ask(&[command]);
        assert_eq!(code, 1);
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("chanel") && message.contains("refit.json"),
            "{told}"
        );
    }
    assert!(
        !Path::new(&device.room.at("data")).exists(),
        "nothing was made"
    );
}

#[test]
fn a_command_says_which_option_it_needs() {
    for command in ["resolve", "status", "run", "gc", "apply"] {
        refit().arg(command).assert().code(2).stdout("").stderr(
            predicate::str::contains("--data-dir").or(predicate::str::contains("--config")),
        );
    }
}

#[test]
fn a_registry_that_is_away_is_told_with_its_address() {
    let device = idle();
    let url = device.served.url.clone();
    let Device { room, served } = device;
    drop(served);
    refit()
        .arg("check")
        .args([
            "--config",
            &room.at("refit.json"),
            "--data-dir",
            &room.at("data"),
        ])
        .args(["--bundled", &room.at("bundled")])
        .assert()
        .code(1)
        .stdout("")
        .stderr(predicate::str::contains(url.trim_end_matches('/')));
}

#[test]
fn a_stored_version_that_lost_a_part_is_told_and_passed_over() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let entry = device
        .room
        .path()
        .join("data/runtime-store/versions/1.1.0/server.js");
    fs::remove_file(entry).unwrap();
    let (code, told) = device.ask(&["verify"]);
    assert_eq!(code, 1, "{told}");
    assert!(
        told["verified"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("server.js"),
        "{told}"
    );
    assert_eq!(device.next(), "bundled 1.0.0");
    assert_eq!(device.ask(&["verify", "9.9.9"]).0, 1, "it is not stored");
}
