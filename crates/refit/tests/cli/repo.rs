use std::fs;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::support::{Package, REFIT, Room, json_of, refit};

/// A room with keys, one published version, and a repository where `signed`.
pub(crate) fn room(signed: bool) -> Room {
    let room = Room::new();
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    room.publish(&[Package::new("demo", "1.0.0")]);
    if signed {
        init(&room).assert().success();
    }
    room
}

fn init(room: &Room) -> assert_cmd::Command {
    let mut command = refit();
    command.args(["repo", "init", &room.at("site"), "--keys", &room.at("keys")]);
    command.args(["--root-out", &room.at("root.json")]);
    command
}

/// `refit repo` with the room's site and keys.
fn repo(room: &Room, args: &[&str]) -> (i32, Value) {
    let (site, keys) = (room.at("site"), room.at("keys"));
    let mut all = vec!["repo"];
    all.extend(args);
    all.extend([site.as_str(), "--keys", keys.as_str()]);
    json_of(&all)
}

pub(crate) fn metadata(room: &Room, name: &str) -> Value {
    let path = room.at(&format!("site/repo/metadata/{name}"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_slice(&text).unwrap()
}

fn seconds(from: &str, to: &str) -> i64 {
    let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    time(to) - time(from)
}

#[test]
fn a_repository_is_made_and_its_root_is_for_the_shell() {
    let room = room(false);
    fs::write(room.at("site/latest.json"), r#"{"version":"1.0.0"}"#).unwrap();
    fs::write(room.at("site/notes.json"), r#"{"not":"a manifest"}"#).unwrap();
    init(&room)
        .assert()
        .success()
        .stdout("")
        .stderr(predicate::str::contains("root.json").and(predicate::str::contains("offline")));

    let trusted = fs::read(room.at("root.json")).unwrap();
    assert_eq!(
        trusted,
        fs::read(room.at("site/repo/metadata/1.root.json")).unwrap()
    );
    let trusted: Value = serde_json::from_slice(&trusted).unwrap();
    assert_eq!(trusted["signed"]["consistent_snapshot"], true);
    for role in ["root", "targets", "snapshot", "timestamp"] {
        let role = &trusted["signed"]["roles"][role];
        assert_eq!(role["threshold"], 1);
        assert_eq!(role["keyids"].as_array().unwrap().len(), 1);
    }
    let targets = metadata(&room, "1.targets.json");
    let names: Vec<_> = targets["signed"]["targets"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names, ["latest.json"]);

    let timestamp = metadata(&room, "timestamp.json");
    let signed_at = timestamp["signed"]["x-signedAt"].as_str().unwrap();
    let days = |file: &str| {
        let expires = metadata(&room, file)["signed"]["expires"].clone();
        seconds(signed_at, expires.as_str().unwrap()) / 86_400
    };
    assert_eq!(
        [
            "1.root.json",
            "1.targets.json",
            "1.snapshot.json",
            "timestamp.json"
        ]
        .map(days),
        [365, 90, 30, 7]
    );

    let (code, told) = repo(&room, &["init"]);
    assert_eq!((code, &told["new"]), (3, &json!(false)));
}

#[test]
fn lifetimes_are_asked_for_once_and_kept() {
    let room = room(false);
    init(&room)
        .args(["--timestamp-expires", "1d", "--snapshot-expires", "3d"])
        .assert()
        .success();
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
        .arg(Package::new("demo", "1.1.0").tgz(&room.path()))
        .assert()
        .success();
    let timestamp = metadata(&room, "timestamp.json");
    let signed = &timestamp["signed"];
    let (at, until) = (signed["x-signedAt"].as_str(), signed["expires"].as_str());
    assert_eq!(seconds(at.unwrap(), until.unwrap()), 86_400);
    let snapshot = metadata(&room, "2.snapshot.json");
    let until = snapshot["signed"]["expires"].as_str();
    assert_eq!(seconds(at.unwrap(), until.unwrap()), 3 * 86_400);
    for wrong in ["0s", "1s", "soon", "100y"] {
        refit()
            .args([
                "repo",
                "refresh",
                &room.at("site"),
                "--keys",
                &room.at("keys"),
            ])
            .args(["--timestamp-expires", wrong])
            .assert()
            .code(2);
    }
}

#[test]
fn a_refresh_signs_the_timestamp_with_its_key_alone() {
    let room = room(true);
    for role in ["root", "targets", "snapshot"] {
        fs::remove_file(room.at(&format!("keys/{role}.pem"))).unwrap();
    }
    let (code, told) = repo(&room, &["refresh"]);
    assert_eq!((code, &told["signed"]), (0, &json!(["timestamp"])));
    assert_eq!(metadata(&room, "timestamp.json")["signed"]["version"], 2);
    assert!(!fs::exists(room.at("site/repo/metadata/2.snapshot.json")).unwrap());

    let (code, told) = repo(&room, &["refresh", "--root"]);
    assert_eq!(code, 1);
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("root.pem")
    );
    assert!(!fs::exists(room.at("site/repo/metadata/2.root.json")).unwrap());
}

#[test]
fn the_root_is_signed_again_with_a_key_that_is_kept_elsewhere() {
    let room = room(true);
    fs::rename(room.at("keys/root.pem"), room.at("usb.pem")).unwrap();
    let (code, _) = repo(
        &room,
        &["refresh", "--root", "--root-key", &room.at("usb.pem")],
    );
    assert_eq!(code, 0);
    let signed = metadata(&room, "2.root.json");
    assert_eq!(signed["signed"]["version"], 2);
    assert_eq!(
        signed["signed"]["keys"],
        metadata(&room, "1.root.json")["signed"]["keys"]
    );
    assert_eq!(repo(&room, &["refresh"]).0, 0);
}

#[test]
fn each_role_gets_a_new_key_and_the_old_one_is_kept_aside() {
    let room = room(true);
    for (number, role) in ["timestamp", "snapshot", "targets", "root"]
        .iter()
        .enumerate()
    {
        let old = fs::read(room.at(&format!("keys/{role}.pem"))).unwrap();
        let (code, told) = repo(&room, &["rotate", role]);
        assert_eq!(code, 0, "{told}");
        assert_eq!(told["rootVersion"], number + 2);
        let retired = room.at(&format!("keys/{role}.retired-{}.pem", number + 1));
        assert_eq!(fs::read(&retired).unwrap(), old);
        assert_ne!(fs::read(room.at(&format!("keys/{role}.pem"))).unwrap(), old);
        assert!(!fs::exists(room.at(&format!("keys/{role}.next.pem"))).unwrap());

        let before = metadata(&room, &format!("{}.root.json", number + 1));
        let after = metadata(&room, &format!("{}.root.json", number + 2));
        for other in ["root", "targets", "snapshot", "timestamp"] {
            let same = before["signed"]["roles"][other] == after["signed"]["roles"][other];
            assert_eq!(same, other != *role, "{other} when rotating {role}");
        }
        assert_eq!(after["signed"]["keys"].as_object().unwrap().len(), 4);
    }
    // And it goes on with the new keys.
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
        .arg(tgz)
        .assert()
        .success();
    fs::copy(
        room.at("keys/targets.retired-3.pem"),
        room.at("keys/targets.pem"),
    )
    .unwrap();
    let tgz = Package::new("demo", "1.2.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
        .arg(tgz)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("targets.pem is not a key"));
}

#[test]
fn a_key_made_elsewhere_may_take_a_role() {
    let room = room(true);
    refit()
        .args(["keys", "new", &room.at("others")])
        .assert()
        .success();
    let new = room.at("others/targets.pem");
    let (code, _) = repo(&room, &["rotate", "targets", "--new-key", &new]);
    assert_eq!(code, 0);
    assert_eq!(
        fs::read(room.at("keys/targets.pem")).unwrap(),
        fs::read(new).unwrap()
    );
    refit()
        .args([
            "repo",
            "rotate",
            "delegated",
            &room.at("site"),
            "--keys",
            &room.at("keys"),
        ])
        .assert()
        .code(2);
}

#[test]
fn a_threshold_asks_for_as_many_root_keys() {
    let room = room(false);
    for other in ["second", "third"] {
        refit()
            .args(["keys", "new", &room.at(other)])
            .assert()
            .success();
    }
    init(&room)
        .args(["--threshold", "2"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--root-key"));
    let (second, third) = (room.at("second/root.pem"), room.at("third/root.pem"));
    init(&room)
        .args([
            "--threshold",
            "2",
            "--root-key",
            &second,
            "--root-key",
            &third,
        ])
        .assert()
        .success();
    let first = metadata(&room, "1.root.json");
    assert_eq!(first["signed"]["roles"]["root"]["threshold"], 2);
    assert_eq!(first["signatures"].as_array().unwrap().len(), 3);

    let (code, told) = repo(&room, &["rotate", "timestamp"]);
    assert_eq!(code, 1);
    assert!(
        told["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("--root-key")
    );
    assert!(!fs::exists(room.at("site/repo/metadata/2.root.json")).unwrap());
    let (code, _) = repo(&room, &["rotate", "timestamp", "--root-key", &third]);
    assert_eq!(code, 0);
    assert_eq!(
        metadata(&room, "2.root.json")["signed"]["roles"]["root"]["threshold"],
        2
    );
}

#[test]
fn what_somebody_changed_on_the_host_is_not_signed() {
    let room = room(true);
    let path = room.at("site/repo/metadata/1.targets.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"targets\": {}", "\"targets\": {} ")).unwrap();
    let (code, told) = repo(&room, &["refresh"]);
    assert_eq!(code, 1);
    assert_eq!(told["error"]["kind"], "repository");
    fs::write(&path, text).unwrap();

    // An old state that is put back is not made the newest.
    let old = fs::read(room.at("site/repo/metadata/timestamp.json")).unwrap();
    assert_eq!(repo(&room, &["refresh"]).0, 0);
    fs::write(room.at("site/repo/metadata/timestamp.json"), old).unwrap();
    let (code, told) = repo(&room, &["refresh"]);
    assert_eq!(code, 1);
    assert!(
        told["error"]["message"]
            .as_str()
            .unwrap()
            .contains("old state")
    );
}

#[test]
fn a_plain_manifest_that_was_left_behind_is_put_right() {
    let room = room(false);
    fs::write(room.at("site/latest.json"), r#"{"version":"1.0.0"}"#).unwrap();
    init(&room).assert().success();
    fs::write(room.at("site/latest.json"), r#"{"version":"0.9.0"}"#).unwrap();
    let (code, told) = repo(&room, &["refresh"]);
    assert_eq!((code, &told["mended"]), (0, &json!(["latest.json"])));
    assert_eq!(
        fs::read_to_string(room.at("site/latest.json")).unwrap(),
        r#"{"version":"1.0.0"}"#
    );
}

#[test]
fn a_key_that_signs_or_has_signed_gives_no_role_a_new_start() {
    let room = room(true);
    assert_eq!(repo(&room, &["rotate", "timestamp"]).0, 0);
    // What counts is the key, wherever its file lies.
    for name in ["targets", "snapshot", "root", "timestamp.retired-1"] {
        fs::copy(
            room.at(&format!("keys/{name}.pem")),
            room.at(&format!("copy of {name}.pem")),
        )
        .unwrap();
    }
    let before = (room.tree("site"), room.tree("keys"));
    for (role, key, says) in [
        ("targets", "keys/targets.pem", "signs for targets now"),
        ("targets", "copy of targets.pem", "signs for targets now"),
        ("targets", "copy of snapshot.pem", "signs for snapshot now"),
        ("snapshot", "keys/root.pem", "signs for root now"),
        ("root", "copy of root.pem", "signs for root now"),
        ("timestamp", "keys/timestamp.retired-1.pem", "was replaced"),
        ("targets", "copy of timestamp.retired-1.pem", "was replaced"),
    ] {
        let (code, told) = repo(&room, &["rotate", role, "--new-key", &room.at(key)]);
        let error = &told["error"];
        assert_eq!((code, &error["kind"]), (1, &json!("keys")), "{told}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(key) && message.contains(says),
            "{role} {key}: {message}"
        );
        let after = (room.tree("site"), room.tree("keys"));
        assert!(after == before, "{role} {key}: nothing may be written");
    }
    // Nothing of it stands in the way of a rotation that is one.
    assert_eq!(repo(&room, &["rotate", "targets"]).0, 0);
}

#[test]
fn only_manifests_of_what_is_published_here_are_signed() {
    let room = room(false);
    room.publish(&[Package::new("other", "3.0.0")]);
    let write = |name: &str, value: &Value| {
        fs::write(room.at(&format!("site/{name}")), value.to_string()).unwrap();
    };
    write(
        "latest.json",
        &json!({ "package": "evil", "version": "9.9.9" }),
    );
    write(
        "beta.json",
        &json!({ "package": "demo", "version": "1.0.0" }),
    );
    write(
        "gone.json",
        &json!({ "package": "demo", "version": "7.0.0" }),
    );
    // Looks like a manifest of demo's own version, and is none.
    write(
        "package.json",
        &json!({ "name": "demo", "version": "1.0.0" }),
    );
    write("notes.json", &json!({ "not": "a manifest" }));
    let (code, told) = repo(&room, &["init"]);
    assert_eq!((code, &told["manifests"]), (0, &json!(["beta.json"])));
    let left_out = ["gone.json", "latest.json", "package.json"];
    assert_eq!(told["leftOut"], json!(left_out), "{told}");
    let targets = metadata(&room, "1.targets.json");
    let names: Vec<_> = targets["signed"]["targets"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names, ["beta.json"]);
}

#[test]
fn what_is_left_out_of_a_new_repository_is_said() {
    let room = room(false);
    let package = r#"{"name":"demo","version":"1.0.0"}"#;
    fs::write(room.at("site/package.json"), package).unwrap();
    fs::write(
        room.at("site/latest.json"),
        r#"{"package":"evil","version":"9.9.9"}"#,
    )
    .unwrap();
    init(&room).assert().success().stderr(
        predicate::str::contains("Not signed, being about nothing that is published here")
            .and(predicate::str::contains("latest.json, package.json"))
            .and(predicate::str::contains("and signed").not()),
    );
    assert_eq!(
        fs::read_to_string(room.at("site/package.json")).unwrap(),
        package
    );
}

/// Modes hold for everybody but the superuser, in whose place a user without rights goes then.
#[cfg(unix)]
#[test]
fn a_root_that_cannot_be_kept_beside_its_keys_is_published_once() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65_534;
    let room = room(true);
    let mode = |name: &str, mode| {
        fs::set_permissions(room.at(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("keys", 0o500);
    let superuser = fs::write(room.at("keys/probe"), "").is_ok();
    let program = room.at("refit");
    fs::copy(REFIT, &program).unwrap();
    if superuser {
        fs::remove_file(room.at("keys/probe")).unwrap();
        for path in room.tree("").into_keys() {
            chown(path, Some(NOBODY), None).unwrap();
        }
        chown(room.path(), Some(NOBODY), None).unwrap();
    }
    let refresh = |more: &[&str]| {
        let mut command = std::process::Command::new(&program);
        command.args(["repo", "refresh", &room.at("site")]);
        command.args(["--keys", &room.at("keys")]).args(more);
        if superuser {
            command.uid(NOBODY);
        }
        command.output().unwrap()
    };
    for more in [&["--root"][..], &[]] {
        let output = refresh(more);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("not remembered"));
    }
    mode("keys", 0o700);
    assert_eq!(metadata(&room, "2.root.json")["signed"]["version"], 2);
    assert!(!fs::exists(room.at("site/repo/metadata/3.root.json")).unwrap());
}
