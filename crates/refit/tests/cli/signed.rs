use std::fs;

use predicates::prelude::*;
use serde_json::{Value, json};

use crate::repo::{metadata, room};
use crate::support::{Package, json_of, refit};

#[test]
fn a_signed_site_is_changed_with_its_keys_only() {
    let room = room(true);
    let before = fs::read(room.at("site/demo/index.json")).unwrap();
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site")])
        .arg(&tgz)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("--keys"));
    refit()
        .args(["keys", "new", &room.at("others")])
        .assert()
        .success();
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("others")])
        .arg(&tgz)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("trusted-root.json"));
    // Not even with the right root beside the wrong keys.
    fs::copy(
        room.at("keys/trusted-root.json"),
        room.at("others/trusted-root.json"),
    )
    .unwrap();
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("others")])
        .arg(&tgz)
        .assert()
        .code(1)
        .stderr(predicate::str::contains("targets.pem is not a key"));
    assert_eq!(fs::read(room.at("site/demo/index.json")).unwrap(), before);
    assert!(!fs::exists(room.at("site/demo/-/demo-1.1.0.tgz")).unwrap());
    assert!(!fs::exists(room.at("site/repo/metadata/2.targets.json")).unwrap());
}

#[test]
fn keys_without_a_repository_are_told() {
    let room = room(false);
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
        .arg(&tgz)
        .assert()
        .code(2)
        .stderr(predicate::str::contains("repo init"));
}

#[test]
fn a_version_is_described_and_latest_stays_where_it_is() {
    let room = room(true);
    let publish = |version: &str| {
        let package = Package::new("demo", version).with("engines", json!({ "node": ">=22" }));
        let tgz = package.tgz(&room.path());
        let args = ["publish", &room.at("site"), "--keys", &room.at("keys")];
        json_of(&[&args[..], &[tgz.to_str().unwrap()]].concat())
    };
    let (code, told) = publish("1.1.0");
    assert_eq!(
        (code, &told["published"][0]["outcome"]),
        (0, &json!("published"))
    );
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.0.0" })
    );

    let targets = metadata(&room, "2.targets.json");
    let target = &targets["signed"]["targets"]["demo-1.1.0.json"];
    let sha256 = target["hashes"]["sha256"].as_str().unwrap();
    let text = fs::read(room.at(&format!("site/repo/targets/{sha256}.demo-1.1.0.json"))).unwrap();
    assert_eq!(target["length"], text.len());
    let description: Value = serde_json::from_slice(&text).unwrap();
    let tarball = fs::read(room.at("site/demo/-/demo-1.1.0.tgz")).unwrap();
    assert_eq!(
        description,
        json!({
            "schema": 1, "package": "demo", "version": "1.1.0",
            "integrity": told["published"][0]["integrity"],
            "packedSize": tarball.len(),
            "unpackedSize": room.packument("demo")["versions"]["1.1.0"]["dist"]["unpackedSize"],
            "engines": { "node": ">=22" },
            "tarball": "demo/-/demo-1.1.0.tgz",
        })
    );
    let before = metadata(&room, "timestamp.json");
    let (code, told) = publish("1.1.0");
    assert_eq!(
        (code, &told["published"][0]["outcome"]),
        (3, &json!("unchanged"))
    );
    assert_eq!(metadata(&room, "timestamp.json"), before);
}

#[test]
fn what_was_published_before_is_described_when_it_is_published_again() {
    let room = room(true);
    let tgz = Package::new("demo", "1.0.0").tgz(&room.path());
    let args = [
        "publish",
        &room.at("site"),
        tgz.to_str().unwrap(),
        "--keys",
        &room.at("keys"),
    ];
    let (code, told) = json_of(&args);
    assert_eq!(
        (code, &told["published"][0]["outcome"]),
        (0, &json!("updated"))
    );
    assert!(metadata(&room, "2.targets.json")["signed"]["targets"]["demo-1.0.0.json"].is_object());
}

#[test]
fn what_is_described_keeps_its_content_also_where_the_index_was_lost() {
    let room = room(true);
    let publish = |file: &str| {
        let tgz = Package::new("demo", "1.1.0")
            .file("a", file)
            .tgz(&room.path());
        refit()
            .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
            .arg(tgz)
            .assert()
    };
    publish("one").success();
    fs::remove_file(room.at("site/demo/index.json")).unwrap();
    publish("two")
        .code(1)
        .stderr(predicate::str::contains("other content"));
    publish("one").success();
}

#[test]
fn on_a_site_with_a_manifest_a_new_version_is_nobodys_yet() {
    let room = room(false);
    fs::write(room.at("site/latest.json"), r#"{"version":"1.0.0"}"#).unwrap();
    room.publish(&[Package::new("demo", "1.1.0")]);
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.0.0" })
    );
    // npm needs a `latest`, so a package's first version is named all the same.
    room.publish(&[Package::new("other", "3.0.0")]);
    assert_eq!(
        room.packument("other")["dist-tags"],
        json!({ "latest": "3.0.0" })
    );
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site"), "--tag", "latest"])
        .arg(tgz)
        .assert()
        .success();
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.1.0" })
    );
}

#[test]
fn a_manifest_decides_on_the_latest_of_its_own_package_only() {
    for signed in [false, true] {
        let room = room(false);
        let manifest = r#"{"package":"demo","version":"1.0.0"}"#;
        fs::write(room.at("site/latest.json"), manifest).unwrap();
        if signed {
            let (site, keys) = (room.at("site"), room.at("keys"));
            let init = ["repo", "init", &site, "--keys", &keys];
            refit().args(init).assert().success();
        }
        for (package, version, latest) in [
            ("other", "3.0.0", "3.0.0"),
            ("other", "3.1.0", "3.1.0"),
            ("demo", "1.1.0", "1.0.0"),
        ] {
            let mut publish = refit();
            publish.args(["publish", &room.at("site")]);
            publish.arg(Package::new(package, version).tgz(&room.path()));
            if signed {
                publish.args(["--keys", &room.at("keys")]);
            }
            let waits = predicate::str::contains("Nobody gets");
            let done = publish.assert().success();
            if package == "demo" {
                done.stderr(waits);
            } else {
                done.stderr(waits.not());
            }
            assert_eq!(
                room.packument(package)["dist-tags"],
                json!({ "latest": latest }),
                "{package}@{version}, signed: {signed}"
            );
        }
    }
}

#[test]
fn nothing_is_published_with_a_rollout_that_names_what_is_not_described() {
    let room = room(true);
    let (site, keys) = (room.at("site"), room.at("keys"));
    let tgz = |version: &str| Package::new("demo", version).tgz(&room.path());
    let newer = tgz("1.1.0");
    let args = ["publish", &site, "--keys", &keys, newer.to_str().unwrap()];
    let start = [&args[..], &["--plan", "30%,70%@12h", "--yes"]].concat();
    let before = room.tree("site");
    // 1.0.0 is what the tag says that the others have, and was published before there were keys.
    let (code, told) = json_of(&start);
    let error = &told["error"];
    assert_eq!(
        (code, &error["kind"]),
        (1, &json!("not-published")),
        "{told}"
    );
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("demo@1.0.0 is published, but the repository does not describe it"));
    assert!(room.tree("site") == before, "nothing may be written");

    refit()
        .args(["publish", &site, "--keys", &keys])
        .arg(tgz("1.0.0"))
        .assert()
        .success();
    let (code, told) = json_of(&start);
    assert_eq!(
        (code, &told["manifest"]["stable"]),
        (0, &json!("1.0.0")),
        "{told}"
    );
}

#[test]
fn a_version_is_published_and_its_rollout_started_in_one_go() {
    let room = room(true);
    let first = Package::new("demo", "1.0.0").tgz(&room.path());
    refit()
        .args(["publish", &room.at("site"), "--keys", &room.at("keys")])
        .arg(first)
        .assert()
        .success();
    let tgz = Package::new("demo", "1.1.0").tgz(&room.path());
    let site = room.at("site");
    let keys = room.at("keys");
    let plan = "30%,30%@12h,40%@24h";
    let args = [
        "publish",
        &site,
        tgz.to_str().unwrap(),
        "--keys",
        &keys,
        "--plan",
        plan,
    ];

    let before = metadata(&room, "timestamp.json");
    let (code, told) = json_of(&args);
    assert_eq!(
        (code, &told["error"]["kind"]),
        (2, &json!("usage")),
        "nobody was asked"
    );
    assert_eq!(metadata(&room, "timestamp.json"), before);
    assert!(!fs::exists(room.at("site/demo/-/demo-1.1.0.tgz")).unwrap());

    let (code, told) = json_of(&[&args[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{told}");
    let now: Value =
        serde_json::from_slice(&fs::read(room.at("site/latest.json")).unwrap()).unwrap();
    assert_eq!(now["version"], "1.1.0");
    assert_eq!(now["rollout"].as_array().unwrap().len(), 3);
    assert_eq!(now["stable"], "1.0.0");
    assert_eq!(told["manifest"], now);
    // One signature for both: no device finds one without the other.
    let targets = metadata(&room, "3.targets.json");
    let names: Vec<_> = targets["signed"]["targets"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.0.0" })
    );

    let other = Package::new("demo", "1.2.0").tgz(&room.path());
    let (code, _) = json_of(&[&args[..], &["--yes", other.to_str().unwrap()]].concat());
    assert_eq!(code, 2, "a plan is for one version");

    // Whoever follows no manifest gets it once everyone does.
    let args = [
        "publish",
        &site,
        other.to_str().unwrap(),
        "--keys",
        &keys,
        "--plan",
        "100%",
    ];
    let (code, told) = json_of(&[&args[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        room.packument("demo")["dist-tags"],
        json!({ "latest": "1.2.0" })
    );
}
