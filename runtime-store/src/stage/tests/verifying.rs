//! What is held against the decision before a version counts as whole.

use super::*;

#[test]
fn bytes_other_than_those_promised_are_refused() {
    let room = Room::new();
    let mut wrong = offer("1.1.0");
    wrong.candidate.integrity = Integrity::from_digest([7; 64]);
    let error = room.refused(&wrong, &plan());
    assert!(
        matches!(error, StageError::WrongIntegrity { .. }),
        "{error}"
    );

    let mut longer = offer("1.1.0");
    longer.tgz.push(0);
    let error = room.refused(&longer, &plan());
    assert!(
        matches!(error, StageError::WrongIntegrity { .. }),
        "{error}"
    );
}

#[test]
fn a_refused_or_broken_archive_leaves_nothing_behind() {
    let room = Room::new();
    let link =
        Archive::package("demo", "1.1.0", ENTRY).entry(tar::EntryType::Symlink, b"package/x", b"");
    let error = room.refused(&offer_of("1.1.0", link), &plan());
    assert!(
        matches!(error, StageError::Unpack(UnpackError::Refused { .. })),
        "{error}"
    );
    let mut cut = offer("1.1.0");
    cut.tgz.truncate(cut.tgz.len() / 2);
    let error = room.refused(&cut, &plan());
    assert!(
        matches!(error, StageError::Unpack(UnpackError::Damaged(_))),
        "{error}"
    );
}

#[test]
fn an_archive_of_another_package_or_version_is_refused() {
    let room = Room::new();
    for archive in [
        Archive::package("other", "1.1.0", ENTRY),
        Archive::package("demo", "1.1.1", ENTRY),
        Archive::package("demo", "not semver", ENTRY),
        Archive::package("Demo", "1.1.0", ENTRY),
    ] {
        let error = room.refused(&offer_of("1.1.0", archive), &plan());
        assert!(matches!(error, StageError::WrongPackage { .. }), "{error}");
    }
}

#[test]
fn an_archive_without_a_usable_package_json_is_refused() {
    let room = Room::new();
    let file = |content: &str| {
        Archive::new()
            .file("package/package.json", content)
            .file("package/dist/cli.js", "")
    };
    for archive in [
        Archive::new().file("package/dist/cli.js", ""),
        Archive::new()
            .folder("package/package.json")
            .file("package/dist/cli.js", ""),
        file("{"),
        file("[]"),
        file(&" ".repeat(5 << 20)),
    ] {
        let error = room.refused(&offer_of("1.1.0", archive), &plan());
        assert!(matches!(error, StageError::Manifest { .. }), "{error}");
    }
}

#[test]
fn a_byte_order_mark_before_package_json_is_no_obstacle() {
    let room = Room::new();
    let archive = Archive::new()
        .file(
            "package/package.json",
            "\u{feff}{\"name\": \"demo\", \"version\": \"1.1.0\"}",
        )
        .file("package/dist/cli.js", "");
    room.stage(&offer_of("1.1.0", archive));
}

#[test]
fn an_entry_that_is_not_a_file_inside_is_refused() {
    let room = Room::new();
    for entry in [
        "dist/other.js",
        "dist",
        "../bundled/dist/cli.js",
        "/etc/passwd",
        "",
        "./dist/cli.js",
    ] {
        let plan = StagePlan {
            entry: entry.into(),
            ..plan()
        };
        let error = room.refused(&offer("1.1.0"), &plan);
        assert!(
            matches!(error, StageError::NoEntry { .. }),
            "{entry}: {error}"
        );
    }
}

#[test]
fn the_archives_own_engines_count_whatever_the_registry_said() {
    let room = Room::new();
    let offer = offer_with("1.1.0", r#""engines": {"refit": ">=2"}"#);
    let error = room.refused(&offer, &plan());
    assert!(matches!(error, StageError::Incompatible { .. }), "{error}");
    assert!(error.to_string().contains("needs refit >=2"), "{error}");
}
