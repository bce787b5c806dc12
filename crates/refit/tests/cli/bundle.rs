use std::fs;
use std::path::{Path, PathBuf};

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::support::{Package, Room, Served, json_of, refit};

/// npm's package of Node for this system; it holds a text instead of a program.
fn node(version: &str) -> Package {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        "windows" => "win",
        os => os,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        arch => arch,
    };
    let program = format!("bin/node{}", std::env::consts::EXE_SUFFIX);
    Package::new(&format!("node-{system}-{machine}"), version)
        .program(&program, &format!("node {version}"))
        .file("README.md", "not wanted in a bundle")
}

fn board(version: &str) -> Package {
    Package::new("board", version)
        .with("dependencies", json!({ "@acme/pty": "^1.0.0" }))
        .with("scripts", json!({ "postinstall": "touch evil" }))
        .file("dist/cli.js", &format!("board {version}"))
}

/// A room whose registry has all of that.
fn stocked() -> (Room, Served) {
    let room = Room::new();
    room.publish(&[
        Package::new("@acme/pty", "1.2.0").file("pty.node", "1.2.0"),
        Package::new("@acme/pty", "2.0.0").file("pty.node", "2.0.0"),
        node("22.1.0"),
        node("24.3.0"),
        node("26.0.0"),
        board("1.0.0"),
        board("1.1.0"),
    ]);
    let served = Served::start(&room.site());
    (room, served)
}

fn bundle(room: &Room, served: &Served, args: &[&str]) -> (i32, Value) {
    let into = room.at("runtime");
    let mut all = vec!["bundle", "--into", &into, "--registry", &served.url];
    all.extend(args);
    json_of(&all)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_package_its_dependencies_and_a_node_become_one_folder() {
    let (room, served) = stocked();
    let (code, told) = bundle(
        &room,
        &served,
        &["board@1.0.0", "--with", "@acme/pty@1.2.0", "--node", "24"],
    );

    assert_eq!(code, 0, "{told}");
    assert_eq!(
        (&told["outcome"], &told["version"]),
        (&json!("bundled"), &json!("1.0.0"))
    );
    let dir = room.path().join("runtime");
    assert_eq!(read(&dir.join("dist/cli.js")), "board 1.0.0");
    assert!(read(&dir.join("package.json")).contains(r#""version":"1.0.0""#));
    assert_eq!(read(&dir.join("node_modules/@acme/pty/pty.node")), "1.2.0");
    let program = dir.join(format!("bin/node{}", std::env::consts::EXE_SUFFIX));
    assert_eq!(read(&program), "node 24.3.0");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&program).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(fs::symlink_metadata(&program).unwrap().is_file());
    }
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "bin",
            "dist",
            "node_modules",
            "package.json",
            "refit-bundle.json"
        ],
        "no script ran and nothing else is there"
    );
    let beside: Vec<_> = fs::read_dir(room.path())
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.as_encoded_bytes().starts_with(b".refit-")
        })
        .collect();
    assert!(beside.is_empty(), "nothing is left beside it: {beside:?}");
}

#[test]
fn a_dependency_without_a_version_is_the_one_that_the_package_asks_for() {
    let (room, served) = stocked();
    let (code, told) = bundle(&room, &served, &["board@^1.0.0", "--with", "@acme/pty"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(told["version"], "1.1.0");
    assert_eq!(told["with"][0]["version"], "1.2.0");
}

#[test]
fn a_folder_that_is_exactly_that_is_nothing_to_do() {
    let (room, served) = stocked();
    let args = ["board@latest", "--with", "@acme/pty", "--node", "22"];
    assert_eq!(bundle(&room, &served, &args).0, 0);
    let stamp = || {
        fs::metadata(room.path().join("runtime/refit-bundle.json"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = stamp();
    let (code, told) = bundle(&room, &served, &args);
    assert_eq!((code, &told["outcome"]), (3, &json!("unchanged")));
    assert_eq!(stamp(), before);

    fs::remove_dir_all(room.path().join("runtime/node_modules")).unwrap();
    assert_eq!(
        bundle(&room, &served, &args).0,
        0,
        "a part that is gone is brought back"
    );
    assert!(room.path().join("runtime/node_modules/@acme/pty").is_dir());
}

#[test]
fn another_version_replaces_the_whole_folder() {
    let (room, served) = stocked();
    assert_eq!(
        bundle(&room, &served, &["board@1.0.0", "--with", "@acme/pty"]).0,
        0
    );
    assert_eq!(bundle(&room, &served, &["board@1.1.0"]).0, 0);
    let dir = room.path().join("runtime");
    assert_eq!(read(&dir.join("dist/cli.js")), "board 1.1.0");
    assert!(!dir.join("node_modules").exists());
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let (room, served) = stocked();
    let dir = room.path().join("runtime");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("thesis.txt"), "mine").unwrap();
    let (code, told) = bundle(&room, &served, &["board@1.0.0"]);
    assert_eq!((code, &told["error"]["kind"]), (1, &json!("exists")));
    assert_eq!(read(&dir.join("thesis.txt")), "mine");
}

#[test]
fn bytes_that_are_not_what_the_registry_names_change_nothing() {
    let (room, served) = stocked();
    assert_eq!(bundle(&room, &served, &["board@1.0.0"]).0, 0);
    let altered = room.site().join("board/-/board-1.1.0.tgz");
    fs::write(&altered, board("1.1.0").file("extra", "evil").pack()).unwrap();

    let (code, told) = bundle(&room, &served, &["board@1.1.0"]);

    assert_eq!(code, 1);
    assert_eq!(told["error"]["kind"], "wrong-integrity", "{told}");
    assert_eq!(
        read(&room.path().join("runtime/dist/cli.js")),
        "board 1.0.0"
    );
}

#[test]
fn npms_own_setting_says_which_registry_is_asked() {
    let (room, served) = stocked();
    let npmrc: PathBuf = room.path().join("npmrc");
    fs::write(&npmrc, format!("registry={}\n", served.url)).unwrap();
    refit()
        .args(["bundle", "board@1.0.0", "--into", &room.at("runtime")])
        .env("npm_config_userconfig", npmrc)
        .assert()
        .success();
}

#[test]
fn what_is_not_there_is_named() {
    let (room, served) = stocked();
    for (args, named) in [
        (&["board@9.9.9"][..], "board@9.9.9"),
        (&["nothing@1.0.0"], "nothing"),
        (&["board", "--node", ">99"], "node-"),
    ] {
        refit()
            .args([
                "bundle",
                "--into",
                &room.at("runtime"),
                "--registry",
                &served.url,
            ])
            .args(args)
            .assert()
            .code(1)
            .stderr(predicate::str::contains(named));
    }
    assert!(!room.path().join("runtime").exists());
    refit()
        .args(["bundle", "bo ard@1", "--into", &room.at("runtime")])
        .assert()
        .code(2);
}

#[test]
fn a_registry_without_node_is_told_as_one() {
    let room = Room::new();
    room.publish(&[board("1.0.0")]);
    let served = Served::start(&room.site());
    let (code, told) = bundle(&room, &served, &["board@1.0.0", "--node", "24"]);
    let error = &told["error"];
    assert_eq!((code, &error["kind"]), (1, &json!("no-node")), "{told}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("is not on this registry"), "{told}");
    assert!(message.contains(&served.url), "{told}");
    assert!(!error["hint"].as_str().unwrap().contains("package's name"));
    assert!(!room.path().join("runtime").exists());
}

#[test]
fn a_placeholder_in_version_control_does_not_stand_in_the_way() {
    let (room, served) = stocked();
    let dir = room.path().join("runtime");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join(".gitignore"), "*").unwrap();
    assert_eq!(bundle(&room, &served, &["board@1.0.0"]).0, 0);
    assert_eq!(read(&dir.join("dist/cli.js")), "board 1.0.0");
}
