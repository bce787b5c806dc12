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
        .stdout(predicate::str::contains("turn is at").and(predicate::str::contains("(in ")));
    refit()
        .arg("check")
        .args(device.globals())
        .assert()
        .success()
        .stderr(
            predicate::str::is_match(
                r"is newer\. `refit stage` fetches it\.\nIts turn here is at \S+Z \(in [^)]+\); a timer waits",
            )
            .unwrap(),
        );
    refit()
        .arg("check")
        .args(device.globals())
        .env("REFIT_EXPERIMENTAL", "1")
        .assert()
        .success()
        .stderr(predicate::str::contains("Its turn").not());

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

    says(
        &device,
        &json!({ "version": "1.1.0", "recalled": ["1.1.0", "1.0.0"] }),
    );
    assert_eq!(device.ask(&["check"]).0, 3);
    refit()
        .arg("status")
        .args(device.globals())
        .assert()
        .success()
        .stdout(predicate::str::contains(
            "it was recalled, and nothing else may run yet",
        ));
}

#[test]
fn who_had_a_recalled_version_hears_what_takes_its_place() {
    let device = idle();
    device.room.publish(&[demo("1.1.0"), demo("1.2.0")]);
    says(&device, &json!({ "version": "1.2.0" }));
    assert_eq!(device.ask(&["stage"]).0, 0);
    says(
        &device,
        &json!({ "version": "1.1.0", "recalled": ["1.2.0"] }),
    );
    refit()
        .arg("check")
        .args(device.globals())
        .assert()
        .success()
        .stderr(predicate::str::contains(
            "Version 1.1.0 takes the place of 1.2.0, which was recalled. `refit stage`",
        ));
}

#[test]
fn a_rollback_past_a_recalled_version_says_why() {
    let device = idle();
    device.room.publish(&[demo("1.1.0"), demo("1.2.0")]);
    says(&device, &json!({ "version": "1.2.0" }));
    assert_eq!(device.ask(&["stage", "1.1.0"]).0, 0);
    let pointer = device.room.path().join("data/runtime-store/current.json");
    edit(&pointer, |pointer| pointer["trial"] = Value::Null);
    assert_eq!(device.ask(&["stage", "1.2.0"]).0, 0);
    assert_eq!(device.ask(&["status"]).1["previous"], "1.1.0");
    says(
        &device,
        &json!({ "version": "1.2.0", "recalled": ["1.1.0"] }),
    );
    assert_eq!(device.ask(&["check"]).0, 3);

    let (code, back) = device.ask(&["rollback"]);
    assert_eq!((code, &back["version"]), (0, &json!("1.0.0")), "{back}");
    let why = "Version 1.1.0, which was before it, was recalled by its publisher.";
    assert!(back["reason"].as_str().unwrap().ends_with(why), "{back}");
}

/// The site of this device, signed, and a device that follows it.
fn signs(device: &Device) {
    let room = &device.room;
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    refit()
        .args(["repo", "init", &room.at("site"), "--keys", &room.at("keys")])
        .args(["--root-out", &room.at("root.json")])
        .assert()
        .success();
    let url = format!("{}repo/", device.served.url);
    edit(&room.path().join("refit.json"), |config| {
        config["trust"] = json!({ "root": "root.json", "url": url });
    });
}

#[test]
fn a_signed_site_without_a_rollout_is_told_as_one() {
    let device = idle();
    device.room.publish(&[demo("1.1.0")]);
    signs(&device);
    for channel in ["latest", "beta"] {
        edit(&device.room.path().join("refit.json"), |config| {
            config["channel"] = json!(channel);
        });
        let (code, told) = device.ask(&["check"]);
        let error = &told["error"];
        assert_eq!((code, &error["kind"]), (1, &json!("no-rollout")), "{told}");
        let named = format!("no rollout on channel `{channel}`");
        assert!(
            error["message"].as_str().unwrap().contains(&named),
            "{told}"
        );
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("refit rollout start"), "{told}");
    }
}

#[test]
fn a_repository_that_is_away_is_told_once() {
    let mut device = idle();
    device.room.publish(&[demo("1.1.0")]);
    signs(&device);
    device.served.stop();
    for args in [&["check"][..], &["stage"]] {
        let told = refit().args(args).args(device.globals()).output().unwrap();
        let words = String::from_utf8(told.stderr).unwrap();
        assert_eq!(told.status.code(), Some(1), "{words}");
        assert!(words.starts_with("Error: http://"), "{words}");
        assert_eq!(words.matches("http:").count(), 1, "{words}");
        assert_eq!(words.lines().count(), 2, "{words}");
    }
}

#[test]
fn who_looks_for_nothing_by_itself_says_so() {
    let device = idle();
    let off = r"Off +REFIT_NO_AUTO_UPDATE: nothing is looked for unless somebody asks\n";
    let off = predicate::str::is_match(off).unwrap();
    let status = || {
        let mut command = refit();
        command.arg("status").args(device.globals());
        command
    };
    status()
        .env("REFIT_NO_AUTO_UPDATE", "1")
        .assert()
        .stdout(off.clone());
    status().assert().stdout(off.not());
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
        let hint = told["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("refit repo init --root-out"), "{told}");
    }
    assert_eq!(device.next(), "bundled 1.0.0");
    let (_, status) = device.ask(&["status"]);
    assert_eq!(status["rollout"]["mode"], "tuf");
    let problems = status["problems"].to_string();
    assert!(problems.contains("root.json"), "{status}");
    let told = refit()
        .arg("status")
        .args(device.globals())
        .output()
        .unwrap();
    let text = [told.stdout, told.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.matches("there are no updates").count(), 1, "{text}");
}

/// Nobody is asked: the host is gone by then.
#[test]
fn what_a_signed_version_needs_is_explained_from_what_is_kept() {
    for (range, verdict, decision) in [("*", "open", "stage"), (">=99", "closed", "hold")] {
        let mut device = idle();
        signs(&device);
        let (room, keys) = (&device.room, device.room.at("keys"));
        let package = demo("1.1.0").with("engines", json!({ "refit": range }));
        let (site, tgz) = (room.at("site"), package.tgz(&room.path()));
        let signed = |args: &[&str]| {
            let mut command = refit();
            command
                .args(args)
                .args(["--keys", &keys])
                .assert()
                .success();
        };
        signed(&["publish", &site, tgz.to_str().unwrap()]);
        signed(&[
            "rollout", "start", &site, "1.1.0", "--plan", "100%", "--yes",
        ]);
        device.ask(&["check"]);
        device.served.stop();
        let before = device.room.tree("data");
        let (_, told) = device.ask(&["explain"]);
        let gates = told["gates"].as_array().unwrap();
        let engines = gates.iter().find(|gate| gate["name"] == "engines");
        assert_eq!(engines.unwrap()["verdict"], verdict, "{told}");
        assert_eq!(told["decision"], decision, "{told}");
        assert_eq!(device.room.tree("data"), before, "it changed something");
    }
}
