use proptest::prelude::*;

use super::*;
use crate::testing::id;
use crate::tree_manifest::{Digest, TreeFile, TreeFolder};

fn digest(byte: u8) -> Digest {
    serde_json::from_value(format!("{byte:02x}").repeat(32).into()).unwrap()
}

fn manifest() -> TreeManifest {
    let folder = |path: &str| TreeFolder {
        path: path.into(),
        mode: Some(0o755),
    };
    let file = |path: &str, size| TreeFile {
        path: path.into(),
        size,
        mode: Some(0o644),
        sha256: digest(1),
        mtime: 5,
    };
    TreeManifest::new(
        &id("1.1.0"),
        vec![folder("dist"), folder("dist/lib")],
        vec![
            file("package.json", 3),
            file("dist/cli.js", 10),
            file("dist/lib/a.js", 4),
            // Sorts between a folder and what is in it.
            file("dist-notes", 1),
        ],
    )
}

/// What stands there when nothing is wrong.
fn as_staged(manifest: &TreeManifest) -> Vec<Seen> {
    let folders = manifest.folders.iter().map(|folder| Seen {
        path: folder.path.clone(),
        kind: Kind::Folder,
        mode: folder.mode,
    });
    let files = manifest.files.iter().map(|file| Seen {
        path: file.path.clone(),
        kind: Kind::File {
            size: file.size,
            mtime: file.mtime,
        },
        mode: file.mode,
    });
    let mut seen: Vec<_> = folders.chain(files).collect();
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    seen
}

fn found(seen: &[Seen], closed: &[&str]) -> Vec<(String, What)> {
    let closed: Vec<_> = closed.iter().map(ToString::to_string).collect();
    let mut found = compare(&manifest(), seen, &closed).differences;
    found.sort();
    found.into_iter().map(|it| (it.path, it.what)).collect()
}

fn with(change: impl FnOnce(&mut Vec<Seen>)) -> Vec<(String, What)> {
    let mut seen = as_staged(&manifest());
    change(&mut seen);
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    found(&seen, &[])
}

fn at<'a>(seen: &'a mut [Seen], path: &str) -> &'a mut Seen {
    seen.iter_mut().find(|it| it.path == path).unwrap()
}

#[test]
fn a_tree_as_it_was_staged_has_nothing_wrong_and_all_files_are_alike() {
    let manifest = manifest();
    let comparison = compare(&manifest, &as_staged(&manifest), &[]);
    assert_eq!(comparison.differences, []);
    let indices: Vec<_> = comparison.alike.iter().map(|it| it.0).collect();
    let mut sorted = indices.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1, 2, 3]);
}

#[test]
fn each_kind_of_damage_is_told_by_its_path() {
    let one = |path: &str, what| vec![(path.to_owned(), what)];
    assert_eq!(
        with(|seen| seen.retain(|it| it.path != "dist/cli.js")),
        one("dist/cli.js", What::Missing)
    );
    let cache = Seen {
        path: "dist/__pycache__".into(),
        kind: Kind::Folder,
        mode: Some(0o755),
    };
    assert_eq!(
        with(|seen| seen.insert(1, cache)),
        one("dist/__pycache__", What::Added)
    );
    assert_eq!(
        with(|seen| at(seen, "package.json").kind = Kind::File { size: 4, mtime: 5 }),
        one("package.json", What::Changed)
    );
    assert_eq!(
        with(|seen| at(seen, "dist/lib").mode = Some(0o777)),
        one(
            "dist/lib",
            What::Mode {
                was: 0o755,
                is: 0o777
            }
        )
    );
    for kind in [Kind::Folder, Kind::Other] {
        assert_eq!(
            with(|seen| at(seen, "package.json").kind = kind),
            one("package.json", What::Kind)
        );
    }
    assert_eq!(
        with(|seen| at(seen, "dist/lib").kind = Kind::Other),
        one("dist/lib", What::Kind)
    );
}

#[test]
fn another_time_is_no_difference_and_is_told() {
    let manifest = manifest();
    let mut seen = as_staged(&manifest);
    at(&mut seen, "package.json").kind = Kind::File { size: 3, mtime: 6 };
    let comparison = compare(&manifest, &seen, &[]);
    assert_eq!(comparison.differences, []);
    let index = manifest
        .files
        .iter()
        .position(|it| it.path == "package.json")
        .unwrap();
    assert!(comparison.alike.contains(&(index, 6)));
}

#[test]
fn what_lies_in_a_closed_folder_is_not_said_to_be_missing() {
    let mut seen = as_staged(&manifest());
    at(&mut seen, "dist").mode = Some(0);
    seen.retain(|it| !it.path.starts_with("dist/"));
    assert_eq!(
        found(&seen, &["dist"]),
        [
            ("dist".to_owned(), What::Mode { was: 0o755, is: 0 }),
            ("dist".to_owned(), What::Unreadable),
        ]
    );
}

#[test]
fn a_flood_of_files_hides_nothing_that_is_not_known_to_be_missing() {
    let manifest = manifest();
    let flood: Vec<_> = (0..most_seen(&manifest))
        .map(|number| Seen {
            path: format!("cache{number:06}"),
            kind: Kind::File { size: 1, mtime: 1 },
            mode: None,
        })
        .collect();
    let differences = compare(&manifest, &flood, &[]).differences;
    assert!(differences.iter().all(|it| it.what == What::Added));
    let words = in_words(&differences);
    assert!(words.starts_with("`cache000000` was added, "), "{words}");
    assert!(
        words.ends_with(&format!(", and {} more", flood.len() - 5)),
        "{words}"
    );
    assert_eq!(words.matches('`').count(), 10);
}

#[test]
fn names_cannot_forge_words() {
    let difference = Difference {
        path: "a\n\u{1b}[2J`".repeat(100),
        what: What::Mode {
            was: 0o644,
            is: 0o4755,
        },
    };
    let words = difference.to_string();
    assert!(!words.chars().any(char::is_control), "{words:?}");
    assert!(words.contains('…') && words.len() < 300, "{words}");
    assert!(
        words.ends_with("has mode 4755 and should have 644"),
        "{words}"
    );
}

proptest! {
    /// However a tree was tampered with, what is told is exactly what was done.
    #[test]
    fn exactly_what_was_done_is_found(done in prop::collection::vec(0_u8..5, 6)) {
        let manifest = manifest();
        let mut seen = Vec::new();
        let mut expected = Vec::new();
        for (mut entry, done) in as_staged(&manifest).into_iter().zip(done) {
            let mut tell = |path: &str, what| expected.push(Difference { path: path.to_owned(), what });
            match (done, &mut entry.kind) {
                (1, _) => {
                    tell(&entry.path, What::Missing);
                    continue;
                }
                (2, Kind::File { size, .. }) => {
                    *size += 1;
                    tell(&entry.path, What::Changed);
                }
                (3, _) => {
                    let was = entry.mode.replace(0o600).unwrap();
                    tell(&entry.path, What::Mode { was, is: 0o600 });
                }
                (4, _) => {
                    let mut added = entry.clone();
                    added.path.push('~');
                    tell(&added.path, What::Added);
                    seen.push(added);
                }
                _ => {}
            }
            seen.push(entry);
        }
        seen.sort_by(|a, b| a.path.cmp(&b.path));
        let mut found = compare(&manifest, &seen, &[]).differences;
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
