//! `refit explain`: why a device does or does not get the newest version.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::device::{Device, demo, edit, idle};
use crate::support::{Room, json_of, refit};

/// `device-a` is in bucket 79 of 1.0.1: a turn later than most.
fn manifest() -> Value {
    json!({
        "package": "demo", "version": "1.0.1", "publishedAt": "2026-06-12T08:00:00Z", "stable": "1.0.0",
        "rollout": [{ "percent": 79, "delaySeconds": 0 }, { "percent": 21, "delaySeconds": 43_200 }],
    })
}

fn gate<'a>(told: &'a Value, name: &str) -> &'a Value {
    let gates = told["gates"].as_array().unwrap();
    gates.iter().find(|gate| gate["name"] == name).unwrap()
}

/// A device that follows a manifest which it heard on the 12th, and whose hosts are gone.
fn follower() -> Device {
    let mut device = idle();
    edit(&device.room.path().join("refit.json"), |config| {
        config["manifest"] = "http://127.0.0.1:9/latest.json".into();
        config["registry"] = "http://127.0.0.1:9/".into();
    });
    let store = device.room.path().join("data/runtime-store");
    fs::create_dir_all(&store).unwrap();
    fs::write(
        store.join("releases.json"),
        json!({ "schema": 1, "manifest": {
            "manifest": manifest(), "source": "http://127.0.0.1:9/latest.json",
            "verifiedAt": "2026-06-12T08:30:00Z",
        } })
        .to_string(),
    )
    .unwrap();
    device.served.stop();
    device
}

#[test]
fn any_device_at_any_time_needs_nothing_but_the_manifest() {
    let room = Room::new();
    let file = room.at("latest.json");
    fs::write(&file, manifest().to_string()).unwrap();
    let args = |at: &'static str| {
        let file = file.clone();
        [
            "explain",
            "--manifest",
            &file,
            "--device",
            "device-a",
            "--current",
            "1.0.0",
            "--at",
            at,
        ]
        .map(str::to_owned)
    };
    let told = |at| {
        let args = args(at);
        json_of(&args.each_ref().map(String::as_str))
    };
    let (code, before) = told("2026-06-12T19:59:59Z");
    assert_eq!(
        (code, &before["decision"], &before["reason"]),
        (0, &json!("hold"), &json!("held"))
    );
    assert_eq!(before["version"], "1.0.1");
    assert_eq!(
        (&before["bucket"], &before["delaySeconds"]),
        (&json!(79), &json!(43_200))
    );
    assert_eq!(before["eligibleAt"], "2026-06-12T20:00:00Z");
    assert_eq!(
        before["next"],
        json!({ "gate": "turn", "at": "2026-06-12T20:00:00Z" })
    );
    assert_eq!(gate(&before, "turn")["verdict"], "closed");
    let (_, after) = told("2026-06-12T20:00:00Z");
    assert_eq!(
        (&after["decision"], &after["reason"]),
        (&json!("stage"), &json!("eligible"))
    );
    assert_eq!(after["next"], Value::Null);

    let output = refit().args(args("2026-06-12T09:00:00Z")).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    insta::assert_snapshot!(
        "any_device",
        room.plain(&String::from_utf8(output.stdout).unwrap())
    );
}

#[test]
fn a_manifest_is_read_as_devices_read_it() {
    let room = Room::new();
    let file = room.at("latest.json");
    for (text, why) in [("<html>", "HTML"), ("{}", "version"), ("", "latest.json")] {
        fs::write(&file, text).unwrap();
        let (code, told) = json_of(&["explain", "--manifest", &file]);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("manifest")),
            "{told}"
        );
        assert!(
            told["error"]["message"].as_str().unwrap().contains(why),
            "{told}"
        );
    }
    fs::write(&file, r#"{"version":"1.0.0"}"#).unwrap();
    let (code, told) = json_of(&["explain", "--manifest", &file]);
    assert_eq!((code, &told["reason"]), (0, &json!("eligible")), "{told}");
    for wrong in [
        &["explain"][..],
        &["explain", "--at", "soon"],
        &["explain", "--device", ""],
    ] {
        refit().args(wrong).assert().code(2).stdout("");
    }
    refit()
        .args([
            "explain",
            "--manifest",
            &file,
            "--data-dir",
            &room.at("data"),
        ])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--config"));
}

#[test]
fn this_device_is_explained_from_what_it_heard_last_without_asking_anybody() {
    let device = follower();
    let at = ["--at", "2026-06-12T09:00:00Z"];
    let (code, told) = device.ask(&["explain", "--device", "device-a", at[0], at[1]]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        (&told["decision"], &told["reason"]),
        (&json!("hold"), &json!("held"))
    );
    assert_eq!(told["version"], "1.0.1");
    assert_eq!(told["bucket"], 79);
    assert!(
        gate(&told, "trust")["why"]
            .as_str()
            .unwrap()
            .contains("2026-06-12T08:30:00Z")
    );
    assert!(
        gate(&told, "turn")["source"]
            .as_str()
            .unwrap()
            .contains("--device")
    );

    // Without an id it is in the slowest batch, and none is made for asking.
    let (_, told) = device.ask(&["explain", at[0], at[1]]);
    assert_eq!(
        (&told["bucket"], &told["delaySeconds"]),
        (&Value::Null, &json!(43_200))
    );
    let id = device.room.path().join("data/runtime-store/device-id");
    assert!(!id.exists());
    // By now everybody's turn has come.
    let (_, told) = device.ask(&["explain"]);
    assert_eq!(
        (&told["decision"], &told["reason"]),
        (&json!("stage"), &json!("eligible"))
    );
    assert_eq!(gate(&told, "engines")["verdict"], "unknown");
}

#[test]
fn explaining_changes_nothing() {
    let device = follower();
    let store = device.room.path().join("data/runtime-store");
    fs::write(store.join("current.json"), "garbage").unwrap();
    let files = |dir: &Path| {
        let mut files: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    let output = refit()
        .arg("explain")
        .args(device.globals())
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("current.json"), "{words}");
    let before = files(&store);
    assert!(
        refit()
            .arg("explain")
            .args(device.globals())
            .output()
            .unwrap()
            .status
            .success()
    );
    assert_eq!(files(&store), before);
    fs::remove_dir_all(device.room.path().join("data")).unwrap();
    assert_eq!(device.ask(&["explain"]).0, 0);
    assert!(!device.room.path().join("data").exists());
}

#[test]
fn switches_are_named() {
    let device = follower();
    let told = |name: &str| {
        let output = refit()
            .args(["explain", "--json", "--at", "2026-06-12T09:00:00Z"])
            .args(device.globals())
            .env(name, "1")
            .output()
            .unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let newest = told("REFIT_EXPERIMENTAL");
    assert_eq!(
        (&newest["decision"], &newest["reason"]),
        (&json!("stage"), &json!("experimental"))
    );
    assert_eq!(gate(&newest, "turn")["verdict"], "past");
    assert_eq!(
        gate(&newest, "experimental")["source"],
        "REFIT_EXPERIMENTAL"
    );
    let off = told("REFIT_NO_AUTO_UPDATE");
    assert_eq!(gate(&off, "updates")["verdict"], "closed");
    assert_eq!(gate(&off, "updates")["source"], "REFIT_NO_AUTO_UPDATE");
    // Its turn has come, and nothing happens all the same.
    let output = refit()
        .args(["explain", "--json", "--at", "2026-06-13T09:00:00Z"])
        .args(device.globals())
        .env("REFIT_NO_AUTO_UPDATE", "1")
        .output()
        .unwrap();
    let off: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&off["decision"], &off["reason"]),
        (&json!("hold"), &json!("updates-off")),
        "{off}"
    );
}

#[test]
fn without_a_manifest_the_registrys_last_word_counts() {
    let mut device = idle();
    device
        .room
        .publish(&[demo("1.1.0").with("engines", json!({ "refit": ">=99" }))]);
    device.ask(&["check"]);
    device.served.stop();
    let (_, told) = device.ask(&["explain"]);
    assert_eq!(
        (&told["decision"], &told["reason"]),
        (&json!("hold"), &json!("incompatible")),
        "{told}"
    );
    assert_eq!(gate(&told, "engines")["verdict"], "closed");
    assert_eq!(gate(&told, "turn")["verdict"], "idle");
    // A manifest on trial tells what following one would mean.
    let file = device.room.at("latest.json");
    fs::write(&file, r#"{"version":"1.1.0","recalled":["1.1.0"]}"#).unwrap();
    let (_, told) = device.ask(&["explain", "--manifest", &file]);
    assert_eq!(told["reason"], "recalled", "{told}");
}

#[test]
fn what_waits_is_judged_and_what_failed_is_named() {
    let mut device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    device.served.stop();
    let file = device.room.at("latest.json");
    fs::write(&file, r#"{"version":"1.1.0"}"#).unwrap();
    let (_, told) = device.ask(&["explain", "--manifest", &file]);
    assert_eq!(
        (&told["decision"], &told["reason"]),
        (&json!("none"), &json!("already-staged"))
    );
    assert_eq!(gate(&told, "first-launch")["verdict"], "open");
    // On one that runs 1.0.5, nothing of the kind waits.
    let (_, told) = device.ask(&["explain", "--manifest", &file, "--current", "1.0.5"]);
    assert_eq!(told["decision"], "stage", "{told}");
    fs::write(&file, r#"{"version":"1.0.0","recalled":["1.1.0"]}"#).unwrap();
    let (_, told) = device.ask(&["explain", "--manifest", &file]);
    assert_eq!(gate(&told, "first-launch")["verdict"], "closed", "{told}");

    assert_eq!(device.ask(&["rollback"]).0, 0);
    fs::write(&file, r#"{"version":"1.1.0"}"#).unwrap();
    let (_, told) = device.ask(&["explain", "--manifest", &file]);
    assert_eq!(
        (&told["decision"], &told["reason"]),
        (&json!("hold"), &json!("bad-version")),
        "{told}"
    );
    // Another device never had it.
    let (_, told) = device.ask(&["explain", "--manifest", &file, "--device", "device-a"]);
    assert_eq!(told["decision"], "stage");
}

#[test]
fn a_file_that_does_not_end_is_not_read_to_its_end() {
    let room = Room::new();
    let file = room.at("large.json");
    fs::write(&file, vec![b' '; (1 << 20) + 1]).unwrap();
    let mut files = vec![file.as_str()];
    if cfg!(unix) {
        files.push("/dev/zero");
    }
    for file in files {
        let (code, told) = json_of(&["explain", "--manifest", file]);
        assert_eq!((code, &told["error"]["kind"]), (1, &json!("file")));
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains("larger than"), "{message}");
    }
}

#[test]
fn the_help_says_what_it_is_for() {
    let output = refit().args(["explain", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    insta::assert_snapshot!("help", help.replace("refit.exe", "refit"));
}
