//! `refit rollout` on a signed site: what is signed is read, written and finished.

use std::fs;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::rollout::{PLAN, args, change, latest, manifest, site, tell};
use crate::support::{Package, Room, refit};

/// A signed site on which three versions are published and nothing is started, and its keys.
fn signed() -> (Room, String) {
    let room = Room::new();
    let (site, keys) = (room.at("site"), room.at("keys"));
    refit().args(["keys", "new", &keys]).assert().success();
    refit()
        .args(["repo", "init", &site, "--keys", &keys])
        .assert()
        .success();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        let tgz = Package::new("demo", version).tgz(&room.path());
        let publish = ["publish", &site, "--keys", &keys];
        refit().args(publish).arg(tgz).assert().success();
    }
    (room, keys)
}

#[test]
fn a_change_stopped_before_its_last_write_is_finished_by_its_repetition() {
    let (room, keys) = signed();
    let file = room.site().join("latest.json");
    let with_keys = ["--keys", keys.as_str()];
    for order in [
        &["start", "1.0.0", "--plan", "100%"][..],
        &["start", "1.1.0", "--plan", PLAN],
        &["promote", "--to", "60%"],
        &["halt"],
        &["resume"],
        &["recall", "1.1.0", "--to", "1.0.0"],
        &["recall", "1.1.0", "--undo"],
    ] {
        let before = fs::read(&file).ok();
        let order = [order, &with_keys].concat();
        change(&room, &order);
        let signed = fs::read(&file).unwrap();
        match &before {
            Some(before) => fs::write(&file, before).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        // Nobody agreed to anything: nothing is written.
        assert_ne!(tell(&room, &order).0, 0, "{order:?}");
        assert_eq!(fs::read(&file).ok(), before, "{order:?}");
        let told = change(&room, &order);
        assert_eq!(told["outcome"], "mended", "{told}");
        assert_eq!(told["mended"], json!(["latest.json"]));
        assert_eq!(fs::read(&file).unwrap(), signed, "{order:?}");
        assert_ne!(tell(&room, &[&order[..], &["--yes"]].concat()).0, 0);
    }
}

#[test]
fn what_is_wanted_at_once_waits_for_its_turn_and_is_done() {
    let (room, keys) = signed();
    let with_keys = ["--keys", keys.as_str()];
    change(
        &room,
        &[&["start", "1.0.0", "--plan", "100%"][..], &with_keys].concat(),
    );
    change(
        &room,
        &[&["start", "1.1.0", "--plan", PLAN][..], &with_keys].concat(),
    );
    let site = room.at("site");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..6 {
                    let refresh = ["repo", "refresh", &site, "--keys", &keys];
                    refit().args(refresh).assert().success();
                }
            });
        }
        for _ in 0..3 {
            change(&room, &[&["halt"][..], &with_keys].concat());
            change(&room, &[&["resume"][..], &with_keys].concat());
        }
    });
}

#[test]
fn only_what_the_repository_describes_is_named_by_what_is_signed() {
    let room = Room::new();
    let (site, keys) = (room.at("site"), room.at("keys"));
    room.publish(&[Package::new("demo", "1.0.0")]);
    refit().args(["keys", "new", &keys]).assert().success();
    refit()
        .args(["repo", "init", &site, "--keys", &keys])
        .assert()
        .success();
    let publish = |version: &str| {
        let tgz = Package::new("demo", version).tgz(&room.path());
        refit()
            .args(["publish", &site, "--keys", &keys])
            .arg(tgz)
            .assert()
            .success();
    };
    publish("1.1.0");
    let start = |version: &str| {
        tell(
            &room,
            &["start", version, "--plan", "10%", "--yes", "--keys", &keys],
        )
    };
    // 1.0.0 is what the tag says that the others have.
    for version in ["1.0.0", "1.1.0"] {
        let (code, told) = start(version);
        let error = &told["error"];
        assert_eq!(
            (code, &error["kind"]),
            (1, &json!("not-published")),
            "{told}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("demo@1.0.0 is published, but the repository does not describe it"),
            "{message}"
        );
        assert!(error["hint"].as_str().unwrap().contains("--keys"));
    }
    let (code, told) = tell(&room, &["status"]);
    assert_eq!((code, &told["version"]), (3, &Value::Null));
    refit()
        .args(args(&site, &["status"]))
        .assert()
        .code(3)
        .stderr(predicate::str::contains(
            "get nothing until `refit rollout start`",
        ));
    publish("1.0.0");
    assert_eq!(start("1.1.0").0, 0);
}

#[test]
fn a_status_says_what_its_signatures_are_worth() {
    let (room, keys) = signed();
    let at = room.at("site");
    let start = ["start", "1.0.0", "--plan", "100%", "--keys", &keys];
    change(
        &room,
        &[&start[..], &["--notes", "a\u{1b}]52;c;eA==\u{7}b\rc"]].concat(),
    );
    let status = |more: &[&str]| {
        let output = refit()
            .args(args(&at, &["status"]))
            .args(more)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let (code, table, words) = status(&[]);
    assert_eq!(code, Some(0));
    assert!(table.contains("Signed until"), "{table}");
    assert!(table.contains(r"a\u{1b}]52;c;eA==\u{7}b\u{d}c"), "{table}");
    assert!(!table.contains('\u{1b}') && !table.contains('\r'));
    assert!(words.contains("Not verified"), "{words}");
    let (_, table, words) = status(&["--keys", &keys]);
    assert!(table.contains("then its timestamp expires"), "{table}");
    assert_eq!(words, "");
    assert_eq!(tell(&room, &["status"]).1["expired"], false);

    for (file, role) in [("timestamp.json", "timestamp"), ("1.root.json", "root")] {
        let file = room.site().join("repo/metadata").join(file);
        let whole = fs::read(&file).unwrap();
        let mut value: Value = serde_json::from_slice(&whole).unwrap();
        value["signed"]["expires"] = "2020-06-12T08:00:00Z".into();
        fs::write(&file, value.to_string()).unwrap();
        let (_, _, words) = status(&[]);
        let wanted = format!("{role} expired at 2020-06-12T08:00:00Z");
        assert!(words.contains(&wanted), "{words}");
        let (_, told) = tell(&room, &["status"]);
        assert_eq!(told["expires"][role], "2020-06-12T08:00:00Z", "{told}");
        assert_eq!(told["expired"], true);
        fs::write(&file, whole).unwrap();
    }
    // A plain site has no signatures.
    let plain = site();
    let (_, told) = tell(&plain, &["status"]);
    assert_eq!(
        (&told["expires"], &told["expired"]),
        (&json!({}), &json!(false))
    );
}

#[test]
fn the_first_version_published_is_the_first_that_is_rolled_out() {
    for plan in ["100%", "100%@1h"] {
        let room = Room::new();
        let (site, keys) = (room.at("site"), room.at("keys"));
        refit().args(["keys", "new", &keys]).assert().success();
        refit()
            .args(["repo", "init", &site, "--keys", &keys])
            .assert()
            .success();
        let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
        refit()
            .args(["publish", &site, "--keys", &keys])
            .arg(tgz)
            .assert()
            .success();
        assert_eq!(latest(&room), "1.1.0", "npm needs a `latest`");
        change(&room, &["start", "1.1.0", "--plan", plan, "--keys", &keys]);
        assert_eq!(manifest(&room)["version"], "1.1.0");
        assert_eq!(manifest(&room).get("stable"), None, "{plan}");
    }
}

#[test]
fn a_signed_site_needs_its_keys() {
    let (room, keys) = signed();
    let start = ["start", "1.0.0", "--plan", "100%", "--yes"];
    let (code, told) = tell(&room, &start);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (2, &json!("usage")),
        "{told}"
    );
    let with_keys = ["--keys", keys.as_str()];
    change(&room, &[&start[..4], &with_keys].concat());
    change(
        &room,
        &[&["start", "1.1.0", "--plan", PLAN][..], &with_keys].concat(),
    );
    change(&room, &[&["halt"][..], &with_keys].concat());

    // What is plain is no authority: what is signed is read and written.
    fs::write(room.site().join("latest.json"), r#"{"version":"6.6.6"}"#).unwrap();
    assert_eq!(tell(&room, &["status"]).1["version"], "6.6.6");
    let (_, told) = tell(&room, &[&["status"][..], &with_keys].concat());
    assert_eq!(
        (&told["version"], &told["verified"]),
        (&json!("1.0.0"), &json!(true))
    );
    assert_eq!(told["halted"]["version"], "1.1.0");
    change(&room, &[&["resume"][..], &with_keys].concat());
    assert_eq!(manifest(&room)["version"], "1.1.0");
}
