//! `refit workspaces` and `refit apps`: on files alone, and beside a running app.

use std::fs;

use serde_json::{Value, json};

use crate::device::{Device, demo, edit, idle};
use crate::support::{Package, refit};

fn names(told: &Value) -> Vec<String> {
    let all = told["workspaces"].as_array().unwrap();
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    all.iter().map(name).collect()
}

#[test]
fn workspaces_are_listed_added_and_removed_on_files_alone() {
    let device = idle();
    let (code, told) = device.ask(&["workspaces", "list"]);
    assert_eq!((code, names(&told)), (0, vec!["main".to_owned()]));
    assert!(
        !device.room.path().join("data").exists(),
        "a list makes a folder"
    );

    let folder = device.room.at("boards/home");
    let (code, added) = device.ask(&[
        "workspaces",
        "add",
        "home",
        "--folder",
        &folder,
        "--env",
        "BOARD=home=1",
        "--schedule",
        "5m /tick",
    ]);
    assert_eq!((code, &added["state"]), (0, &json!("stopped")), "{added}");
    assert_eq!(added["folder"], folder);
    assert!(fs::metadata(&folder).unwrap().is_dir());
    let file = device.room.path().join("data/workspaces.json");
    let stored: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(
        stored,
        json!({ "schema": 1, "workspaces": [{
            "name": "home", "folder": folder, "env": { "BOARD": "home=1" },
            "schedules": [{ "every": "5m", "path": "/tick" }],
        }] })
    );

    let (code, twice) = device.ask(&["workspaces", "add", "home"]);
    assert_eq!((code, &twice["error"]["kind"]), (1, &json!("workspace")));
    let (code, nobody) = device.ask(&["workspaces", "restart", "home"]);
    assert_eq!((code, &nobody["state"]), (3, &json!("stopped")));
    let (code, unknown) = device.ask(&["workspaces", "remove", "other"]);
    assert_eq!(
        (code, &unknown["error"]["kind"]),
        (1, &json!("no-such-workspace"))
    );

    assert_eq!(device.ask(&["workspaces", "remove", "home"]).0, 0);
    let (_, told) = device.ask(&["workspaces", "list"]);
    assert_eq!(names(&told), ["main"]);
    assert!(
        fs::metadata(&folder).unwrap().is_dir(),
        "it is the person's"
    );
}

#[test]
fn a_newer_apps_list_is_left_alone() {
    let device = idle();
    let data = device.room.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let newer = r#"{"schema":2}"#;
    fs::write(data.join("workspaces.json"), newer).unwrap();
    let (code, refused) = device.ask(&["workspaces", "add", "home"]);
    assert_eq!(
        (code, &refused["error"]["kind"]),
        (1, &json!("newer-schema"))
    );
    let kept = fs::read_to_string(data.join("workspaces.json")).unwrap();
    assert_eq!(kept, newer);
}

#[test]
fn what_is_no_variable_or_timed_call_is_wrong_usage() {
    for args in [
        ["--env", "BOARD"],
        ["--schedule", "/tick"],
        ["--schedule", "soon /tick"],
    ] {
        refit()
            .args(["workspaces", "add", "home"])
            .args(args)
            .assert()
            .code(2);
    }
}

/// The device of [`idle`] with a second runtime, `notes`.
fn two() -> Device {
    let device = idle();
    let notes = Package::new("notes", "3.0.0").file("server.js", "// never started here");
    let tgz = notes.tgz(&device.room.path());
    fs::create_dir(device.room.path().join("bundled/apps")).unwrap();
    let unpack = ["unpack", "--into", &device.room.at("bundled/apps/notes")];
    refit()
        .args(unpack)
        .arg("--tarball")
        .arg(tgz)
        .assert()
        .success();
    edit(&device.room.path().join("refit.json"), |config| {
        config["rehearse"] = json!(false);
        let mut notes = config.clone();
        notes["package"] = json!("notes");
        config["apps"] = json!({ "notes": notes });
    });
    device
}

fn of<'a>(told: &'a Value, app: &str) -> &'a Value {
    let all = told["apps"].as_array().unwrap();
    all.iter().find(|it| it["app"] == app).unwrap()
}

#[test]
fn two_runtimes_are_listed_checked_and_staged_each_in_its_own_store() {
    let device = two();
    let (code, told) = device.ask(&["apps", "list"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(of(&told, "main")["package"], "demo");
    assert_eq!(of(&told, "main")["version"], "1.0.0");
    assert_eq!(of(&told, "notes")["version"], "3.0.0");
    assert_eq!(of(&told, "notes")["workspaces"][0]["state"], "stopped");

    device.room.publish(&[
        demo("1.0.0"),
        Package::new("notes", "3.1.0").file("server.js", "// never started here"),
    ]);
    let (code, told) = device.ask(&["apps", "check"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(of(&told, "main")["decision"], "none");
    assert_eq!(of(&told, "notes")["decision"], "stage");

    let (code, told) = device.ask(&["apps", "upgrade"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(of(&told, "main")["outcome"], "up-to-date");
    assert_eq!(of(&told, "notes")["outcome"], "staged");
    assert_eq!(of(&told, "notes")["to"], "3.1.0");
    assert_eq!(device.next(), "bundled 1.0.0");
    let (code, next) = device.ask(&["--app", "notes", "resolve"]);
    assert_eq!(
        (code, &next["version"], &next["source"]),
        (0, &json!("3.1.0"), &json!("pointer"))
    );
    let (_, status) = device.ask(&["status", "--app", "notes"]);
    assert_eq!(
        status["app"],
        json!({ "name": "notes", "package": "notes" })
    );
    let (code, verified) = device.ask(&["verify", "--app", "notes"]);
    assert_eq!(
        (code, &verified["verified"][0]["version"]),
        (0, &json!("3.1.0"))
    );

    let (code, again) = device.ask(&["apps", "upgrade", "main"]);
    assert_eq!((code, again["apps"].as_array().unwrap().len()), (3, 1));
}

#[test]
fn an_app_that_is_none_is_an_error_that_names_those_that_are() {
    let device = two();
    for args in [
        &["--app", "other", "status"][..],
        &["--app", "other", "verify"],
        &["--app", "../x", "gc"],
        &["apps", "upgrade", "other"],
    ] {
        let (code, told) = device.ask(args);
        assert_eq!(
            (code, &told["error"]["kind"]),
            (1, &json!("no-such-app")),
            "{args:?}"
        );
    }
    assert!(!device.room.path().join("data/apps/other").exists());
}
