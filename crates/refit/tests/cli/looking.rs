//! The commands that only look, `resolve` and `status`: what they tell, and that they change nothing.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::device::{demo, edit, idle};
use crate::support::refit;

#[test]
fn what_resolves_to_no_file_is_an_error_that_names_it() {
    let device = idle();
    fs::remove_file(device.room.path().join("bundled/server.js")).unwrap();
    let (code, told) = device.ask(&["resolve"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("no-entry")));
    assert!(told.to_string().contains("server.js"), "{told}");

    fs::remove_dir_all(device.room.path().join("bundled")).unwrap();
    let (code, told) = device.ask(&["resolve"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.to_string().contains("package.json"), "{told}");
}

#[test]
fn what_is_odd_about_the_folders_is_told_with_what_resolves() {
    let device = idle();
    fs::write(device.room.at("data"), "a file").unwrap();
    refit()
        .arg("resolve")
        .args(device.globals())
        .assert()
        .success()
        .stderr(predicate::str::contains("data is not a folder"));
    let (_, told) = device.ask(&["resolve"]);
    assert!(
        told["problems"].to_string().contains("is not a folder"),
        "{told}"
    );
    let (_, status) = device.ask(&["status"]);
    assert!(
        status["problems"].to_string().contains("is not a folder"),
        "{status}"
    );
}

#[test]
fn looking_makes_no_folder() {
    let device = idle();
    for command in ["resolve", "status"] {
        assert_eq!(device.ask(&[command]).0, 0);
        assert!(!Path::new(&device.room.at("data")).exists(), "{command}");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_to_be_named() {
    let device = idle();
    fs::remove_file(device.room.at("refit.json")).unwrap();
    let (code, told) = device.ask(&["resolve"]);
    assert_eq!(code, 1, "{told}");
    let hint = told["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--config"), "{told}");
}

#[test]
fn a_confirmed_version_does_not_wait_for_a_start() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let status = || {
        let output = refit().arg("status").args(device.globals()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let table = status();
    assert!(table.contains("waits for a start"), "{table}");
    assert!(table.contains("1.1.0 (staged and on trial)"), "{table}");

    let pointer = device.room.path().join("data/runtime-store/current.json");
    edit(&pointer, |pointer| pointer["trial"] = Value::Null);

    let table = status();
    assert!(!table.contains("Staged "), "{table}");
    assert!(table.contains("1.1.0 (staged and confirmed)"), "{table}");
    assert_eq!(device.ask(&["status"]).1["staged"], Value::Null);
}

#[test]
fn the_last_check_is_read_past_a_mark_and_missed_in_words() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["check"]).0, 0);
    let releases = device.room.path().join("data/runtime-store/releases.json");
    let text = fs::read_to_string(&releases).unwrap();
    fs::write(&releases, format!("\u{feff}{text}")).unwrap();
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["lastCheck"]["version"], "1.1.0", "{status}");

    fs::write(&releases, "garbage").unwrap();
    let (_, status) = device.ask(&["status"]);
    assert!(
        status["problems"].to_string().contains("releases.json"),
        "{status}"
    );
}

#[cfg(unix)]
#[test]
fn a_status_hangs_on_nothing() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["check"]).0, 0);
    let releases = device.room.path().join("data/runtime-store/releases.json");
    fs::remove_file(&releases).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&releases).status();
    assert!(made.unwrap().success());
    let mut globals = device.globals();
    globals.extend(["status".to_owned(), "--json".to_owned()]);
    let output = refit()
        .args(globals)
        .timeout(std::time::Duration::from_secs(20))
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        told["problems"].to_string().contains("is not a file"),
        "{told}"
    );
}

#[test]
fn data_is_on_stdout_and_words_are_on_stderr() {
    let device = idle();
    refit()
        .arg("resolve")
        .args(device.globals())
        .assert()
        .success()
        .stdout(format!(
            "{}\n",
            Path::new(&device.room.at("bundled"))
                .join("server.js")
                .display()
        ))
        .stderr("Version 1.0.0: bundled with the app\n");
}

#[test]
fn a_status_is_a_table_for_people() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["check"]).0, 0);
    refit()
        .arg("status")
        .args(device.globals())
        .assert()
        .success()
        .stderr("")
        .stdout(predicate::str::is_match(
            r"^Running +no app is running\nNext start +1\.0\.0 \(bundled with the app\)\nBundled +1\.0\.0\nLast check +\S+Z: Version 1\.1\.0 is newer\n$",
        ).unwrap());
}

#[test]
fn looking_changes_nothing() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    assert_eq!(device.ask(&["stage"]).0, 0);
    let store = device.room.path().join("data/runtime-store");
    let pointer = store.join("current.json");
    fs::write(&pointer, "garbage").unwrap();
    fs::write(store.join("releases.json"), "garbage").unwrap();
    let (code, told) = device.ask(&["resolve"]);
    assert_eq!((code, &told["source"]), (0, &json!("bundled")), "{told}");
    let (_, status) = device.ask(&["status"]);
    assert!(
        status["problems"].to_string().contains("current.json"),
        "{status}"
    );
    assert_eq!(fs::read_to_string(&pointer).unwrap(), "garbage");
    assert_eq!(
        fs::read_to_string(store.join("releases.json")).unwrap(),
        "garbage"
    );
}
