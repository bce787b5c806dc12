use std::fs;
use std::path::Path;

use predicates::prelude::*;
use serde_json::json;

use crate::support::{Package, Room, json_of, refit};

#[test]
fn there_is_one_key_for_each_role_and_its_secret_stays_in_its_file() {
    let room = Room::new();
    let output = refit()
        .args(["keys", "new", &room.at("keys"), "--json"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let roles: Vec<_> = told["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["root", "targets", "snapshot", "timestamp"]);
    for role in roles {
        let text = fs::read_to_string(room.at(&format!("keys/{role}.pem"))).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
        let secret = text.lines().nth(1).unwrap();
        for shown in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(shown).contains(secret));
        }
    }
    refit()
        .args(["keys", "new", &room.at("others")])
        .assert()
        .success()
        .stdout("")
        .stderr(predicate::str::contains("offline"));
}

#[test]
fn keys_that_are_there_are_left_alone() {
    let room = Room::new();
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    let before = fs::read(room.at("keys/root.pem")).unwrap();
    for gone in ["targets.pem", "snapshot.pem", "timestamp.pem"] {
        fs::remove_file(room.at(&format!("keys/{gone}"))).unwrap();
    }
    let (code, told) = json_of(&["keys", "new", &room.at("keys")]);
    assert_eq!(code, 1);
    assert_eq!(told["error"]["kind"], "keys");
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("root.pem")
    );
    assert_eq!(fs::read(room.at("keys/root.pem")).unwrap(), before);
    assert!(!fs::exists(room.at("keys/targets.pem")).unwrap());
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_and_one_that_others_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    let mode = |name: &str| {
        let found = fs::metadata(room.at(name)).unwrap();
        found.permissions().mode() & 0o777
    };
    assert_eq!(mode("keys"), 0o700);
    for role in ["root", "targets", "snapshot", "timestamp"] {
        assert_eq!(mode(&format!("keys/{role}.pem")), 0o600);
    }
    let init = |site: &str| {
        let mut command = refit();
        command.args(["repo", "init", &room.at(site), "--keys", &room.at("keys")]);
        command
    };
    init("one")
        .assert()
        .success()
        .stderr(predicate::str::contains("Warning").not());
    let key = room.at("keys/timestamp.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    // Once, however often it is read.
    let once = |count| predicate::str::contains("timestamp.pem can be read by others").count(count);
    let (site, keys) = (room.at("one"), room.at("keys"));
    for order in [&["refresh"][..], &["rotate", "timestamp"]] {
        refit()
            .arg("repo")
            .args(order)
            .args([&site, "--keys", &keys])
            .assert()
            .success()
            .stderr(once(1));
    }
}

#[test]
fn a_file_that_is_no_key_is_named_and_not_quoted() {
    let room = Room::new();
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    fs::write(room.at("keys/snapshot.pem"), "a secret of another kind").unwrap();
    refit()
        .args(["repo", "init", &room.at("site"), "--keys", &room.at("keys")])
        .assert()
        .code(1)
        .stderr(
            predicate::str::contains("snapshot.pem").and(predicate::str::contains("secret").not()),
        );
    assert!(!fs::exists(room.at("site/repo")).unwrap());
}

#[test]
fn no_command_takes_keys_that_lie_in_the_site() {
    let room = crate::repo::room(true);
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    let (site, inside, outside) = (room.at("site"), room.at("site/a/keys"), room.at("keys"));
    fs::create_dir_all(&inside).unwrap();
    for entry in fs::read_dir(&outside).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), Path::new(&inside).join(entry.file_name())).unwrap();
    }
    let before = room.tree("site");
    let refused = |args: &[&str]| {
        let (code, told) = json_of(args);
        let error = &told["error"];
        assert_eq!(
            (code, &error["kind"]),
            (2, &json!("usage")),
            "{args:?}: {told}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("is inside the site"),
            "{args:?}: {message}"
        );
        assert!(
            room.tree("site") == before,
            "{args:?}: nothing may be written"
        );
    };
    let mut orders = vec![
        vec!["repo", "init", &site],
        vec!["repo", "refresh", &site],
        vec!["repo", "rotate", "timestamp", &site],
        vec!["publish", &site, tgz.to_str().unwrap()],
    ];
    for order in [
        &["start", &site, "1.0.0", "--plan", "100%"][..],
        &["promote", &site, "--all"],
        &["halt", &site],
        &["resume", &site],
        &["recall", &site, "1.0.0", "--undo"],
        &["status", &site],
    ] {
        orders.push([&["rollout"][..], order].concat());
    }
    let round = format!("{site}/../site/a/keys");
    for order in &orders {
        refused(&[&order[..], &["--keys", &inside]].concat());
    }
    refused(&["repo", "refresh", &site, "--keys", &round]);
    // Nor a single key.
    let key = format!("{inside}/root.pem");
    let with_keys = [&site[..], "--keys", &outside];
    for order in [
        &["repo", "init", "--root-key", &key][..],
        &["repo", "refresh", "--root", "--root-key", &key],
        &["repo", "rotate", "targets", "--root-key", &key],
        &["repo", "rotate", "targets", "--new-key", &key],
    ] {
        refused(&[order, &with_keys].concat());
    }
    refused(&["keys", "new", &room.at("site/more/keys")]);

    // A link is where it leads, and where it lies.
    #[cfg(unix)]
    for (target, link) in [(&inside, "link"), (&outside, "site/link")] {
        std::os::unix::fs::symlink(target, room.at(link)).unwrap();
        let (code, told) = json_of(&["repo", "refresh", &site, "--keys", &room.at(link)]);
        assert_eq!(code, 2, "{link}: {told}");
    }
}
