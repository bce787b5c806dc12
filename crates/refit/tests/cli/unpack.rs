use std::fs;
use std::path::Path;

use predicates::prelude::*;

use crate::support::{Package, Room, json_of, refit};

#[test]
fn a_tarball_becomes_a_folder() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0")
        .file("a/b.txt", "text")
        .tgz(&room.path());
    let into = room.at("out");

    let (code, told) = json_of(&[
        "unpack",
        "--tarball",
        tgz.to_str().unwrap(),
        "--into",
        &into,
    ]);

    assert_eq!(code, 0);
    assert_eq!(told["files"], 2);
    assert!(told["integrity"].as_str().unwrap().starts_with("sha512-"));
    assert_eq!(
        fs::read_to_string(Path::new(&into).join("a/b.txt")).unwrap(),
        "text"
    );
}

#[test]
fn a_damaged_tarball_leaves_no_folder() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let bytes = fs::read(&tgz).unwrap();
    fs::write(&tgz, &bytes[..bytes.len() / 2]).unwrap();
    refit()
        .args(["unpack", "--into", &room.at("out"), "--tarball"])
        .arg(&tgz)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("demo-1.0.0.tgz"));
    assert!(!Path::new(&room.at("out")).exists());
}

#[test]
fn a_folder_that_is_there_is_left_alone() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let (code, told) = json_of(&[
        "unpack",
        "--tarball",
        tgz.to_str().unwrap(),
        "--into",
        &room.at("site"),
    ]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(room.plain(&told.to_string()));
}

#[test]
fn a_missing_parent_is_not_the_tarballs_fault() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let into = room.at("nope/x/y");
    let (code, told) = json_of(&[
        "unpack",
        "--tarball",
        tgz.to_str().unwrap(),
        "--into",
        &into,
    ]);
    assert_eq!((code, &told["error"]["kind"]), (1, &"file".into()));
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains(&room.at("nope/x")), "{told}");
}

#[cfg(unix)]
#[test]
fn only_a_file_is_taken_for_a_tarball() {
    let room = Room::new();
    let pipe = room.at("pipe.tgz");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let (out, site) = (room.at("out"), room.at("site"));
    for tarball in [pipe.as_str(), "/dev/zero"] {
        for command in [
            vec!["unpack", "--into", &out, "--tarball", tarball],
            vec!["publish", &site, tarball],
        ] {
            refit()
                .args(command)
                .timeout(std::time::Duration::from_secs(20))
                .assert()
                .code(1)
                .stderr(predicate::str::contains(format!("{tarball} is not a file")));
        }
    }
    assert!(!Path::new(&out).exists());
    assert_eq!(fs::read_dir(&site).unwrap().count(), 0);
}

#[test]
fn a_tarball_larger_than_devices_accept_is_refused_before_it_is_copied() {
    let room = Room::new();
    let huge = room.at("huge.tgz");
    // Sparse: it takes no room.
    let file = fs::File::create(&huge).unwrap();
    file.set_len((1 << 30) + 1).unwrap();
    let (code, told) = json_of(&["publish", &room.at("site"), &huge]);
    assert_eq!((code, &told["error"]["kind"]), (1, &"refused".into()));
    assert_eq!(fs::read_dir(room.at("site")).unwrap().count(), 0);
}
