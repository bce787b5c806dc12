use std::fs;
use std::path::Path;
use std::process::Command as Process;

use serde_json::json;

use crate::support::{Package, Room, Served, refit};

const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";

#[test]
fn an_index_names_tarballs_on_the_very_host_it_was_asked_at() {
    let room = Room::new();
    room.publish(&[
        Package::new("demo", "1.0.0"),
        Package::new("@acme/board", "2.0.0"),
    ]);
    let served = Served::start(&room.site());

    for path in ["/@acme/board", "/@acme%2fboard", "/@acme%2Fboard"] {
        let answer = served.get(path, &[("Accept", ABBREVIATED)]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(ABBREVIATED));
        assert_eq!(
            answer.json()["versions"]["2.0.0"]["dist"]["tarball"],
            format!("{}@acme/board/-/board-2.0.0.tgz", served.url)
        );
    }
    let named = format!("localhost:{}", served.host().split_once(':').unwrap().1);
    let answer = served.ask("GET", "/demo", &named, &[]);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json()["versions"]["1.0.0"]["dist"]["tarball"],
        format!("http://{named}/demo/-/demo-1.0.0.tgz")
    );
}

#[test]
fn an_index_that_is_known_already_is_not_sent_again() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    let served = Served::start(&room.site());
    let tag = served.get("/demo", &[]).header("etag").unwrap().to_owned();

    let known = served.get("/demo", &[("If-None-Match", &tag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(tag.as_str()));

    room.publish(&[Package::new("demo", "1.1.0")]);
    assert_eq!(served.get("/demo", &[("If-None-Match", &tag)]).status, 200);
}

#[test]
fn a_tarball_may_be_fetched_in_parts() {
    let room = Room::new();
    room.publish(&[Package::new("@acme/board", "2.0.0")]);
    let served = Served::start(&room.site());
    let whole = fs::read(room.site().join("@acme/board/-/board-2.0.0.tgz")).unwrap();

    let path = "/@acme/board/-/board-2.0.0.tgz";
    assert_eq!(served.get(path, &[]).body, whole);
    let part = served.get(path, &[("Range", "bytes=10-19")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &whole[10..20]));
}

#[test]
fn only_this_machine_is_answered_and_nothing_hidden_is_served() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    fs::write(room.path().join("secret"), "secret").unwrap();
    let served = Served::start(&room.site());

    assert_eq!(served.ask("GET", "/demo", "evil.example", &[]).status, 403);
    assert_eq!(served.ask("PUT", "/demo", served.host(), &[]).status, 405);
    for path in [
        "/none",
        "/",
        "/demo/-/demo-9.9.9.tgz",
        "/.refit-publish.lock",
        "/%2erefit-publish.lock",
        "/../secret",
        "/%2e%2e/secret",
        "/demo/..%2f..%2fsecret",
    ] {
        let answer = served.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json(), json!({ "error": "Not found" }), "{path}");
    }
}

#[cfg(unix)]
#[test]
fn it_ends_in_order_when_asked_to() {
    let room = Room::new();
    let mut served = Served::start(&room.site());
    let asked = Process::new("kill")
        .args(["-TERM", &served.id().to_string()])
        .status();
    assert!(asked.unwrap().success());
    assert_eq!(served.wait(), Some(0));
}

#[test]
fn a_port_that_is_taken_and_a_folder_that_is_not_there_are_told() {
    let room = Room::new();
    let served = Served::start(&room.site());
    let port = served.host().split_once(':').unwrap().1;
    refit()
        .arg("serve")
        .arg(room.site())
        .args(["--port", port])
        .assert()
        .code(1)
        .stderr(predicates::str::contains(port));
    refit()
        .args(["serve", &room.at("absent")])
        .assert()
        .code(1)
        .stderr(predicates::str::contains("absent"));
}

/// npm as it is installed here, with folders of its own.
fn npm(room: &Room, registry: &str, args: &[&str]) -> String {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let mut command = Process::new(npm);
    for (name, _) in std::env::vars_os() {
        if name
            .to_string_lossy()
            .to_ascii_lowercase()
            .starts_with("npm_")
        {
            command.env_remove(name);
        }
    }
    let output = command
        .args(args)
        .args(["--registry", registry, "--cache", &room.at("npm-cache")])
        .args(["--userconfig", &room.at("npmrc"), "--no-audit", "--no-fund"])
        .current_dir(room.path())
        .output()
        .expect("npm is installed");
    assert!(
        output.status.success(),
        "npm {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn npm_itself_reads_packs_and_installs_from_it() {
    let room = Room::new();
    room.publish(&[
        Package::new("demo", "1.0.0")
            .with("dependencies", json!({ "@acme/board": "^2.0.0" }))
            .file("index.js", "module.exports = 'demo'"),
        Package::new("@acme/board", "2.1.0").file("index.js", "module.exports = 'board'"),
    ]);
    let served = Served::start(&room.site());

    assert_eq!(
        npm(&room, &served.url, &["view", "demo", "version"]).trim(),
        "1.0.0"
    );
    npm(&room, &served.url, &["pack", "@acme/board"]);
    assert_eq!(
        fs::read(room.path().join("acme-board-2.1.0.tgz")).unwrap(),
        fs::read(room.site().join("@acme/board/-/board-2.1.0.tgz")).unwrap()
    );

    fs::write(room.path().join("package.json"), "{}").unwrap();
    npm(&room, &served.url, &["install", "demo"]);
    let installed = |path: &str| room.path().join("node_modules").join(path).is_file();
    assert!(installed("demo/index.js") && installed("@acme/board/index.js"));
    assert!(Path::new(&room.at("package-lock.json")).is_file());
}
