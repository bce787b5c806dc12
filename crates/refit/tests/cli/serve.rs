use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::time::{Duration, SystemTime};

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

#[test]
fn a_manifest_and_a_repository_are_served_as_by_a_static_host() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    fs::write(room.at("site/latest.json"), r#"{"version":"1.0.0"}"#).unwrap();
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    refit()
        .args(["repo", "init", &room.at("site"), "--keys", &room.at("keys")])
        .assert()
        .success();
    let served = Served::start(&room.site());

    for (path, caching) in [
        ("/latest.json", "no-cache"),
        ("/repo/metadata/timestamp.json", "no-cache"),
        (
            "/repo/metadata/1.root.json",
            "public, max-age=31536000, immutable",
        ),
        (
            "/repo/metadata/1.targets.json",
            "public, max-age=31536000, immutable",
        ),
    ] {
        let whole = served.get(path, &[]);
        let lies = fs::read(room.at(&format!("site{path}"))).unwrap();
        assert_eq!((whole.status, &whole.body), (200, &lies), "{path}");
        assert_eq!(whole.header("content-type"), Some("application/json"));
        assert_eq!(whole.header("cache-control"), Some(caching), "{path}");
        let tag = whole.header("etag").unwrap();
        let known = served.get(path, &[("If-None-Match", tag)]);
        assert_eq!((known.status, known.body.len()), (304, 0), "{path}");
        let part = served.get(path, &[("Range", "bytes=3-9")]);
        assert_eq!((part.status, part.body.as_slice()), (206, &lies[3..10]));
        let head = served.ask("HEAD", path, served.host(), &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("etag"), Some(tag));
    }
    let none = served.get("/repo/metadata/2.root.json", &[]);
    assert_eq!(
        (none.status, none.header("cache-control")),
        (404, Some("no-cache"))
    );
    let head = served.ask("HEAD", "/demo", served.host(), &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_manifest_that_changed_is_sent_whole_to_whoever_goes_on_with_the_old_one() {
    let room = Room::new();
    let file = room.at("site/latest.json");
    fs::write(&file, r#"{"version":"1.0.0"}"#).unwrap();
    let served = Served::start(&room.site());
    let before = served.get("/latest.json", &[]);
    let tag = before.header("etag").unwrap();
    fs::write(&file, r#"{"version":"1.10.0"}"#).unwrap();
    let after = served.get("/latest.json", &[("If-Range", tag), ("Range", "bytes=5-")]);
    assert_eq!((after.status, after.body), (200, fs::read(&file).unwrap()));
    let now = httpdate_of_now();
    let again = served.get("/latest.json", &[("If-Modified-Since", &now)]);
    assert_eq!(again.status, 200, "a second is too coarse");
}

/// A time that is after every file's, as HTTP writes it.
fn httpdate_of_now() -> String {
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn keys_are_not_served_and_a_bucket_has_its_own_host() {
    let room = Room::new();
    refit()
        .args(["keys", "new", &room.at("site/keys")])
        .assert()
        .success();
    let served = Served::start(&room.site());
    for path in ["/keys/root.pem", "/keys/root%2epem", "/keys/ROOT.PEM"] {
        assert_eq!(served.get(path, &[]).status, 404, "{path}");
    }
    refit().args(["serve", "s3://bucket/site"]).assert().code(2);
}

#[test]
fn a_key_is_not_served_whatever_its_name() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    refit()
        .args(["keys", "new", &room.at("keys")])
        .assert()
        .success();
    let key = fs::read(room.at("keys/root.pem")).unwrap();
    let spaced = [b"\n  ", key.as_slice()].concat();
    for (name, content) in [
        ("root.key", &key),
        ("beta.json", &key),
        ("spaced", &spaced),
        ("demo/-/demo-2.0.0.tgz", &key),
    ] {
        fs::write(room.site().join(name), content).unwrap();
    }
    fs::create_dir(room.site().join("secret")).unwrap();
    fs::write(room.site().join("secret/index.json"), &key).unwrap();
    fs::write(room.site().join("innocent"), "no -----BEGIN here").unwrap();
    let served = Served::start(&room.site());
    for path in [
        "/root.key",
        "/beta.json",
        "/spaced",
        "/demo/-/demo-2.0.0.tgz",
        "/secret",
        "/secret/index.json",
    ] {
        for headers in [&[][..], &[("Range", "bytes=30-")]] {
            let answer = served.get(path, headers);
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.json(), json!({ "error": "Not found" }), "{path}");
        }
    }
    assert_eq!(served.get("/innocent", &[]).status, 200);
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_the_site_only() {
    use std::os::unix::fs::symlink;
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    fs::create_dir(room.path().join("private")).unwrap();
    fs::write(room.path().join("private/index.json"), "{}").unwrap();
    fs::create_dir(room.path().join("site/.hidden")).unwrap();
    fs::write(room.path().join("site/.hidden/file"), "hidden").unwrap();
    fs::write(room.path().join("site/latest.json"), "{}").unwrap();
    for (to, link) in [
        (room.path().join("private/index.json"), "file.txt"),
        (room.path().join("private"), "folder"),
        (room.path().join("site/.hidden/file"), "unhidden"),
        (room.path().join("nowhere"), "dangling"),
        ("latest.json".into(), "stable.json"),
    ] {
        symlink(to, room.site().join(link)).unwrap();
    }
    let served = Served::start(&room.site());
    for path in [
        "/file.txt",
        "/folder",
        "/folder/index.json",
        "/unhidden",
        "/dangling",
    ] {
        assert_eq!(served.get(path, &[]).status, 404, "{path}");
    }
    assert_eq!(served.get("/stable.json", &[]).body, b"{}");
}

#[test]
fn a_tarball_is_gone_on_with_only_if_it_is_the_same() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    let served = Served::start(&room.site());
    let path = "/demo/-/demo-1.0.0.tgz";
    let whole = served.get(path, &[]);
    let tag = whole.header("etag").unwrap();
    let strong = tag.trim_start_matches("W/");
    let weak = format!("W/{strong}");
    let range = ("Range", "bytes=10-19");
    let part = served.get(path, &[range, ("If-Range", strong)]);
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, &whole.body[10..20])
    );
    let later = httpdate_of_now();
    for wrong in ["\"other\"", weak.as_str(), later.as_str()] {
        let answer = served.get(path, &[range, ("If-Range", wrong)]);
        assert_eq!(
            (answer.status, answer.body),
            (200, whole.body.clone()),
            "{wrong}"
        );
    }
}

#[test]
fn a_manifest_is_known_by_its_content_and_not_by_its_time_and_size() {
    let room = Room::new();
    let file = room.at("site/latest.json");
    let time = SystemTime::UNIX_EPOCH + Duration::from_hours(500_000);
    let write = |text: &str, time: SystemTime| {
        fs::write(&file, text).unwrap();
        let opened = fs::File::options().append(true).open(&file).unwrap();
        opened.set_modified(time).unwrap();
    };
    write(r#"{"version":"1.0.0"}"#, time);
    let served = Served::start(&room.site());
    let tag = served
        .get("/latest.json", &[])
        .header("etag")
        .unwrap()
        .to_owned();
    let known = [("If-None-Match", tag.as_str())];

    // A copy that keeps times, of the same length.
    write(r#"{"version":"1.0.1"}"#, time);
    let other = served.get("/latest.json", &known);
    assert_eq!((other.status, other.body), (200, fs::read(&file).unwrap()));
    let head = served.ask("HEAD", "/latest.json", served.host(), &known);
    assert_eq!(head.status, 200);
    // The same content again, at another time.
    write(r#"{"version":"1.0.0"}"#, time + Duration::from_mins(1));
    assert_eq!(served.get("/latest.json", &known).status, 304);
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
