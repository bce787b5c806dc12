use std::fs;

use predicates::prelude::*;
use serde_json::json;

use crate::support::{Package, Room, json_of, pack, refit};

#[test]
fn what_is_published_is_named_by_its_own_package_json() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0")
        .with("engines", json!({ "node": ">=20" }))
        .file("dist/cli.js", "hello")
        .tgz(&room.path());
    let misnamed = room.path().join("other-9.9.9.tgz");
    fs::rename(tgz, &misnamed).unwrap();

    let (code, told) = json_of(&["publish", &room.at("site"), misnamed.to_str().unwrap()]);

    assert_eq!(code, 0);
    assert_eq!(told["published"][0]["package"], "demo");
    assert_eq!(told["published"][0]["version"], "1.0.0");
    assert_eq!(told["published"][0]["outcome"], "published");
    let packument = room.packument("demo");
    assert_eq!(packument["dist-tags"], json!({ "latest": "1.0.0" }));
    let version = &packument["versions"]["1.0.0"];
    assert_eq!(version["engines"], json!({ "node": ">=20" }));
    assert_eq!(version["dist"]["fileCount"], 2);
    assert_eq!(
        version["dist"]["integrity"],
        told["published"][0]["integrity"]
    );
    assert_eq!(
        fs::read(room.site().join("demo/-/demo-1.0.0.tgz")).unwrap(),
        fs::read(misnamed).unwrap(),
        "the very bytes are served"
    );
}

#[test]
fn the_same_version_with_the_same_content_is_nothing_to_do() {
    let room = Room::new();
    let package = Package::new("@acme/board", "2.0.0");
    room.publish(std::slice::from_ref(&package));
    let before = room.packument("@acme/board");

    let tgz = package.tgz(&room.path());
    refit()
        .arg("publish")
        .arg(room.site())
        .arg(&tgz)
        .assert()
        .code(3)
        .stdout("")
        .stderr("@acme/board@2.0.0 is published already, with this content\n");
    assert_eq!(room.packument("@acme/board"), before);
}

#[test]
fn the_same_version_with_other_content_is_refused_and_nothing_beside_it_is_published() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0").file("a", "one")]);
    let before = room.packument("demo");
    let newer = Package::new("demo", "1.1.0").tgz(&room.path());
    let changed = Package::new("demo", "1.0.0")
        .file("a", "two")
        .tgz(&room.path());

    let (code, told) = json_of(&[
        "publish",
        &room.at("site"),
        newer.to_str().unwrap(),
        changed.to_str().unwrap(),
    ]);

    assert_eq!(code, 1);
    insta::assert_snapshot!(room.plain(&told.to_string()));
    assert_eq!(room.packument("demo"), before);
    let names: Vec<_> = fs::read_dir(room.site().join("demo/-"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["demo-1.0.0.tgz"]);
}

#[test]
fn a_tag_of_the_publishers_own_leaves_latest_alone() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    let next = Package::new("demo", "2.0.0-rc.1").tgz(&room.path());
    let publish = |tag: &str| {
        refit()
            .arg("publish")
            .arg(room.site())
            .arg(&next)
            .args(["--tag", tag])
            .assert()
    };
    publish("next").success();
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.0.0", "next": "2.0.0-rc.1" })
    );
    publish("next").code(3);
    publish("latest").success();
    assert_eq!(room.packument("demo")["dist-tags"]["latest"], "2.0.0-rc.1");
    publish("1.x").code(2);
}

#[test]
fn a_base_url_is_for_hosts_that_rewrite_nothing() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let publish = || {
        let mut command = refit();
        command.arg("publish").arg(room.site()).arg(&tgz);
        command
    };
    publish().assert().success();
    let tarball = || room.packument("demo")["versions"]["1.0.0"]["dist"]["tarball"].clone();
    assert_eq!(tarball(), "/demo/-/demo-1.0.0.tgz");
    publish()
        .args(["--url", "https://updates.example/npm"])
        .assert()
        .success();
    assert_eq!(
        tarball(),
        "https://updates.example/npm/demo/-/demo-1.0.0.tgz"
    );
    publish()
        .args(["--url", "ftp://updates.example"])
        .assert()
        .code(2);
}

#[test]
fn a_login_is_not_put_where_everybody_reads_it() {
    let room = Room::new();
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    for url in [
        "https://user:secret@updates.example/npm",
        "https://user@updates.example/",
        "https://:secret@updates.example/",
        "https://updates.example/?token=secret",
        "https://updates.example/#secret",
    ] {
        refit()
            .arg("publish")
            .arg(room.site())
            .arg(&tgz)
            .args(["--url", url])
            .assert()
            .code(2)
            .stderr(predicate::str::contains("without a"));
        assert!(!room.site().join("demo").exists(), "{url}");
    }
}

#[test]
fn what_a_device_would_refuse_is_refused_here() {
    let room = Room::new();
    let hostile = room.path().join("hostile.tgz");
    let link = pack(|tar| {
        let manifest = br#"{"name":"demo","version":"1.0.0"}"#;
        let mut header = tar::Header::new_gnu();
        header.set_size(manifest.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "package/package.json", manifest.as_slice())
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "package/out", "/etc").unwrap();
    });
    fs::write(&hostile, link).unwrap();

    refit()
        .arg("publish")
        .arg(room.site())
        .arg(&hostile)
        .assert()
        .code(1)
        .stdout("")
        .stderr(
            predicate::str::contains("hostile.tgz").and(predicate::str::contains("symbolic link")),
        );
    let left: Vec<_> = fs::read_dir(room.site())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "nothing is left in the folder: {left:?}");
}

#[test]
fn a_tarball_without_a_usable_package_json_is_refused_by_name() {
    let room = Room::new();
    for (package, says) in [
        (Package::new("demo", "one"), "semver"),
        (Package::new("../up", "1.0.0"), "package name"),
        (
            Package::new("demo", "1.0.0").with("version", json!(7)),
            "no `version`",
        ),
    ] {
        let path = room.path().join("wrong.tgz");
        fs::write(&path, package.pack()).unwrap();
        refit()
            .arg("publish")
            .arg(room.site())
            .arg(&path)
            .assert()
            .code(1)
            .stderr(predicate::str::contains("wrong.tgz").and(predicate::str::contains(says)));
    }
}

#[test]
fn an_index_that_cannot_be_read_is_left_as_it_is() {
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    let index = room.site().join("demo/index.json");
    fs::write(&index, "<html>").unwrap();
    let next = Package::new("demo", "1.1.0").tgz(&room.path());
    refit()
        .arg("publish")
        .arg(room.site())
        .arg(next)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("index.json"));
    assert_eq!(fs::read_to_string(index).unwrap(), "<html>");
}

#[test]
fn publishers_at_the_same_time_lose_nothing() {
    let room = Room::new();
    let tarballs: Vec<_> = (0..6)
        .map(|n| Package::new("demo", &format!("1.0.{n}")).tgz(&room.path()))
        .collect();
    std::thread::scope(|scope| {
        for tarball in &tarballs {
            let site = room.site();
            scope.spawn(move || {
                refit()
                    .arg("publish")
                    .arg(site)
                    .arg(tarball)
                    .assert()
                    .success();
            });
        }
    });
    assert_eq!(
        room.packument("demo")["versions"]
            .as_object()
            .unwrap()
            .len(),
        6
    );
}

#[test]
fn a_tarball_that_a_stopped_publisher_left_is_no_version_yet() {
    let room = Room::new();
    let left = room.site().join("demo/-/demo-1.0.0.tgz");
    fs::create_dir_all(left.parent().unwrap()).unwrap();
    fs::write(&left, "half").unwrap();
    fs::write(room.site().join(".refit-left.tmp"), "half").unwrap();
    let package = Package::new("demo", "1.0.0");
    room.publish(std::slice::from_ref(&package));
    assert_eq!(fs::read(left).unwrap(), package.pack());
}

#[cfg(unix)]
#[test]
fn whoever_serves_the_folder_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    room.publish(&[Package::new("demo", "1.0.0")]);
    for file in ["demo/index.json", "demo/-/demo-1.0.0.tgz"] {
        let mode = fs::metadata(room.site().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o444, 0o444, "{file}");
    }
}
