use std::fs;

use proptest::prelude::*;

use super::*;
use crate::testing::{Bench, id};

fn built(bench: &Bench, version: &str) -> TreeManifest {
    let root = bench.path(&format!("versions/{version}"));
    match build(&root, &id(version), &Digests::new(), Pace::Full).unwrap() {
        Built::Whole(manifest) => manifest,
        Built::NotATree(path) => panic!("{} is in the way", path.display()),
    }
}

fn find(bench: &Bench, version: &str) -> Found<TreeManifest> {
    TreeManifest::find(bench.store.layout(), &id(version)).unwrap()
}

#[test]
fn every_file_and_folder_is_described_in_a_line_of_its_own() {
    let bench = Bench::new();
    bench.place("1.1.0");
    fs::create_dir(bench.path("versions/1.1.0/empty")).unwrap();
    built(&bench, "1.1.0").save(bench.store.layout()).unwrap();
    let text = fs::read_to_string(bench.path("records/1.1.0~tree.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["schema"], 1);
    assert_eq!(value["version"], "1.1.0");
    assert_eq!(value["integrity"], id("1.1.0").integrity.to_string());
    assert_eq!(value["folders"][0]["path"], "dist");
    assert_eq!(value["folders"][1]["path"], "empty");
    let file = &value["files"][0];
    assert_eq!(file["path"], "dist/cli.js");
    assert_eq!(file["size"], 5);
    assert_eq!(file["sha256"], sha("1.1.0").as_str());
    assert!(file["mtime"].as_i64().unwrap() > 1_600_000_000_000_000_000);
    assert!(
        text.lines()
            .any(|line| line.contains("dist/cli.js") && line.contains("sha256"))
    );
    if cfg!(unix) {
        assert_eq!(file["mode"].as_str().unwrap().len(), 3);
    }
}

fn sha(text: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(text))
}

#[test]
fn what_is_known_is_not_read_again() {
    let bench = Bench::new();
    bench.place("1.1.0");
    let known: Digest = serde_json::from_value("ab".repeat(32).into()).unwrap();
    let known = Digests::from([("dist/cli.js".to_owned(), known)]);
    let root = bench.path("versions/1.1.0");
    let Built::Whole(manifest) = build(&root, &id("1.1.0"), &known, Pace::Full).unwrap() else {
        panic!("not a tree");
    };
    let shown: Vec<_> = manifest
        .files
        .iter()
        .map(|file| format!("{:?}", file.sha256))
        .collect();
    assert_eq!(shown[0], "ab".repeat(32));
    assert_ne!(shown[1], shown[0]);
}

#[cfg(unix)]
#[test]
fn a_link_makes_it_no_tree() {
    let bench = Bench::new();
    bench.place("1.1.0");
    let root = bench.path("versions/1.1.0");
    std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
    assert!(matches!(
        build(&root, &id("1.1.0"), &Digests::new(), Pace::Full).unwrap(),
        Built::NotATree(path) if path.ends_with("link")
    ));
}

#[test]
fn a_manifest_of_other_content_is_none_and_a_newer_one_is_left_alone() {
    let bench = Bench::new();
    bench.place("1.1.0");
    let layout = bench.store.layout();
    assert_eq!(find(&bench, "1.1.0"), Found::Missing);
    let manifest = built(&bench, "1.1.0");
    manifest.save(layout).unwrap();
    assert_eq!(find(&bench, "1.1.0"), Found::Valid(manifest.clone()));
    let other = VersionId {
        integrity: id("9.9.9").integrity,
        ..id("1.1.0")
    };
    assert_eq!(TreeManifest::find(layout, &other).unwrap(), Found::Missing);

    let path = bench.path("records/1.1.0~tree.json");
    for garbage in [
        "",
        "{",
        "[]",
        r#"{"schema":1}"#,
        r#"{"schema":0,"files":[]}"#,
    ] {
        fs::write(&path, garbage).unwrap();
        assert!(
            matches!(find(&bench, "1.1.0"), Found::Invalid(_)),
            "{garbage}"
        );
    }
    fs::write(&path, r#"{"schema":2,"other":[]}"#).unwrap();
    assert!(matches!(find(&bench, "1.1.0"), Found::Newer(2, _)));
    let text = manifest.to_json().unwrap();
    fs::write(&path, text.replacen("\"schema\": 1", "\"schema\": 3", 1)).unwrap();
    assert!(matches!(find(&bench, "1.1.0"), Found::Newer(3, _)));
}

#[test]
fn the_name_is_that_of_no_record() {
    let layout = Bench::new().store.layout().clone();
    for version in ["1.0.0-rc", "1.0.0", "1.0.0+b"] {
        let path = TreeManifest::path(&layout, &version.parse().unwrap());
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            name.strip_suffix(".json")
                .unwrap()
                .parse::<Version>()
                .is_err()
        );
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        paths in prop::collection::btree_set("[a-zA-Z0-9 ._\"\\\\é-]{1,12}(/[a-z]{1,4})?", 0..20),
        size in any::<u64>(),
        mode in prop::option::of(0_u32..0o10000),
        mtime in any::<i64>(),
        folders in any::<bool>(),
    ) {
        let sha256: Digest = serde_json::from_value("0f".repeat(32).into()).unwrap();
        let files = paths.iter().map(|path| TreeFile { path: path.clone(), size, mode, sha256, mtime });
        let folder = TreeFolder { path: "ü".to_owned(), mode };
        let manifest = TreeManifest::new(
            &id("1.1.0"),
            folders.then_some(folder).into_iter().collect(),
            files.collect(),
        );
        let text = manifest.to_json().unwrap();
        prop_assert_eq!(serde_json::from_str::<TreeManifest>(&text).unwrap(), manifest);
    }
}
