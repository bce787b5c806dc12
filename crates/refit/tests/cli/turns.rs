//! The device commands where a manifest is followed, or should be: turns, recalls, trust.

use std::fs;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::device::{Device, demo, edit, idle};
use crate::support::refit;

/// Follows `latest.json` of the site, which says this.
fn says(device: &Device, manifest: &Value) {
    let config = device.room.path().join("refit.json");
    let url = format!("{}latest.json", device.served.url);
    edit(&config, |config| config["manifest"] = json!(url));
    fs::write(device.room.site().join("latest.json"), manifest.to_string()).unwrap();
}

/// For everyone a day after its publication, which was just now.
fn held(version: &str) -> Value {
    json!({
        "version": version, "publishedAt": jiff::Timestamp::now().to_string(),
        "rollout": [{ "percent": 100, "delaySeconds": 86_400 }],
    })
}

#[test]
fn a_person_is_never_held_back_and_hears_where_this_device_stands() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    says(&device, &held("1.1.0"));

    let (code, found) = device.ask(&["check"]);
    assert_eq!((code, &found["decision"]), (0, &json!("stage")), "{found}");
    assert_eq!(found["version"], "1.1.0");
    assert!(found["bucket"].as_u64().is_some_and(|it| it < 100));
    assert_eq!(found["delaySeconds"], 86_400);
    assert!(found["eligibleAt"].is_string(), "{found}");
    assert_eq!(
        (&found["fromManifest"], &found["bypassed"]),
        (&json!(true), &json!(true))
    );

    let (_, status) = device.ask(&["status"]);
    let rollout = &status["rollout"];
    assert_eq!(rollout["mode"], "manifest");
    for key in ["decision", "version", "reason", "bucket", "delaySeconds"] {
        assert_eq!(rollout[key], found[key], "{key}");
    }
    assert_eq!(rollout["eligibleAt"], found["eligibleAt"]);
    refit()
        .arg("status")
        .args(device.globals())
        .assert()
        .success()
        .stdout(predicate::str::contains("Rollout").and(predicate::str::contains("turn is at")));

    let (code, staged) = device.ask(&["stage"]);
    assert_eq!(
        (code, &staged["decision"]),
        (0, &json!("stage")),
        "{staged}"
    );
    for key in ["version", "bucket", "delaySeconds", "eligibleAt"] {
        assert_eq!(staged[key], found[key], "{key}");
    }
    assert_eq!(device.next(), "pointer 1.1.0");
}

#[test]
fn a_recalled_version_is_nothing_to_stage_and_does_not_start() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    says(&device, &json!({ "version": "1.1.0" }));
    assert_eq!(device.ask(&["stage"]).0, 0);
    assert_eq!(device.next(), "pointer 1.1.0");

    says(
        &device,
        &json!({ "version": "1.1.0", "recalled": ["1.1.0"] }),
    );
    let (code, found) = device.ask(&["check"]);
    assert_eq!((code, &found["reason"]), (3, &json!("recalled")), "{found}");
    for args in [&["stage"][..], &["stage", "1.1.0"]] {
        let (code, told) = device.ask(args);
        assert_eq!((code, &told["reason"]), (3, &json!("recalled")), "{told}");
        assert_eq!(told["decision"], "hold");
        assert!(told["message"].as_str().unwrap().contains("recalled"));
    }

    assert_eq!(device.next(), "bundled 1.0.0");
    let (_, next) = device.ask(&["resolve"]);
    assert!(
        next["reason"].as_str().unwrap().contains("recalled"),
        "{next}"
    );
    let (_, status) = device.ask(&["status"]);
    assert_eq!(
        status["staged"]["blocked"]["reason"], "recalled",
        "{status}"
    );
    assert_eq!(status["rollout"]["recalled"], json!(["1.1.0"]));
    let table = refit()
        .arg("status")
        .args(device.globals())
        .output()
        .unwrap();
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("is not started"), "{table}");
    assert!(!table.contains("waits for a start"), "{table}");
}

#[test]
fn without_its_trust_root_a_device_has_no_updates() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    let url = format!("{}repo/", device.served.url);
    let config = device.room.path().join("refit.json");
    edit(&config, |config| {
        config["trust"] = json!({ "root": "root.json", "url": url });
    });
    for args in [&["check"][..], &["stage"], &["stage", "1.1.0"]] {
        let (code, told) = device.ask(args);
        assert_eq!((code, &told["error"]["kind"]), (1, &json!("trust-root")));
        // It is sought beside the configuration.
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains(&device.room.at("root.json")), "{told}");
    }
    assert_eq!(device.next(), "bundled 1.0.0");
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["rollout"]["mode"], "tuf");
    let problems = status["problems"].to_string();
    assert!(problems.contains("root.json"), "{status}");
}
