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
