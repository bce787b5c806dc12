use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use tar::EntryType;
use tempfile::TempDir;

use super::samples::{Archive, gzip, integrity};
use super::*;

mod anything;
mod damage;
mod rules;

/// Where an archive is unpacked to, with something beside it that must not change.
struct Room {
    scratch: TempDir,
}

impl Room {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("beside"), "untouched").unwrap();
        Self { scratch }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("into")
    }

    fn unpack(&self, tgz: &[u8]) -> Result<UnpackedTree, StageError> {
        self.unpack_within(tgz, &Limits::default())
    }

    fn unpack_within(&self, tgz: &[u8], limits: &Limits) -> Result<UnpackedTree, StageError> {
        unpack_into(tgz, &self.folder(), limits)
    }

    /// Nothing came into being but, perhaps, the folder asked for.
    fn assert_tidy(&self) {
        let mut names: Vec<_> = fs::read_dir(self.scratch.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.retain(|name| name != "into");
        assert_eq!(names, ["beside"]);
        assert_eq!(
            fs::read(self.scratch.path().join("beside")).unwrap(),
            b"untouched"
        );
    }
}

/// Unpacks, expects a refusal that leaves nothing behind, and returns it.
fn refusal(archive: Archive) -> Refusal {
    refusal_within(archive, &Limits::default())
}

fn refusal_within(archive: Archive, limits: &Limits) -> Refusal {
    let room = Room::new();
    let error = room.unpack_within(&archive.tgz(), limits).unwrap_err();
    room.assert_tidy();
    assert!(
        !room.folder().exists(),
        "the folder is still there after {error}"
    );
    match error {
        StageError::Unpack(UnpackError::Refused { why, entry }) => {
            assert!(!entry.is_empty() || why == Refusal::NotPlain);
            why
        }
        other => panic!("not a refusal: {other}"),
    }
}

fn damage(tgz: &[u8]) -> String {
    let room = Room::new();
    let error = room.unpack(tgz).unwrap_err();
    assert!(!room.folder().exists());
    match error {
        StageError::Unpack(UnpackError::Damaged(what)) => what,
        other => panic!("not damage: {other}"),
    }
}

/// Every file below `root` by its path.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_dir() {
                walk(root, &path, found);
            } else {
                assert!(kind.is_file(), "{} is neither", path.display());
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(name.replace('\\', "/"), fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn plain() -> Archive {
    Archive::package("demo", "1.0.0", "dist/cli.js")
}

#[test]
fn a_package_becomes_a_folder_and_its_very_bytes_are_counted_and_hashed() {
    let room = Room::new();
    let tgz = plain().folder("package/empty/").tgz();
    let tree = room.unpack(&tgz).unwrap();
    assert_eq!(tree.integrity, integrity(&tgz));
    assert_eq!(tree.packed_bytes, tgz.len() as u64);
    assert_eq!((tree.files, tree.folders), (2, 2));
    let found = files(&room.folder());
    assert_eq!(found["dist/cli.js"], b"// 1.0.0");
    assert_eq!(
        tree.unpacked_bytes,
        found.values().map(|bytes| bytes.len() as u64).sum::<u64>()
    );
    assert!(room.folder().join("empty").is_dir());
    room.assert_tidy();
}

#[test]
fn large_files_keep_every_byte_across_buffers() {
    let content: Vec<u8> = (0..3_000_001u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0])
        .collect();
    let room = Room::new();
    let archive = plain()
        .file("package/big", &content)
        .file("package/after", "x");
    room.unpack(&archive.tgz()).unwrap();
    let found = files(&room.folder());
    assert!(found["big"] == content);
    assert_eq!(found["after"], b"x");
}

#[cfg(unix)]
#[test]
fn modes_are_0644_or_0755_whatever_the_archive_says() {
    use std::os::unix::fs::PermissionsExt as _;
    let room = Room::new();
    let mut archive = plain().folder("package/d/");
    for (name, mode) in [
        ("plain", 0o600),
        ("exec", 0o100),
        ("setuid", 0o4777),
        ("none", 0),
    ] {
        archive = archive.with(
            EntryType::Regular,
            format!("package/d/{name}").as_bytes(),
            b"x",
            |header| header.set_mode(mode),
        );
    }
    room.unpack(&archive.tgz()).unwrap();
    let mode = |name: &str| {
        let path = room.folder().join("d").join(name);
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    };
    assert_eq!(mode(""), 0o755);
    assert_eq!(mode("plain"), 0o644);
    assert_eq!(mode("exec"), 0o755);
    assert_eq!(mode("setuid"), 0o755);
    assert_eq!(mode("none"), 0o644);
}

#[test]
fn pax_records_and_long_names_name_and_size_what_follows() {
    let room = Room::new();
    let long = format!("package/{}/{}", "d".repeat(150), "f".repeat(150));
    let in_pax = format!("package/{}", "p".repeat(180));
    let archive = plain()
        .global_pax(&[("comment", "0123456789abcdef")])
        .file(&long, "long")
        .pax(&[("path", &in_pax), ("mtime", "1.5"), ("size", "3")])
        .with(EntryType::Regular, b"package/cut", b"pax", |header| {
            header.set_size(0);
        })
        .file("package/after", "x");
    room.unpack(&archive.tgz()).unwrap();
    let found = files(&room.folder());
    assert_eq!(found[long.strip_prefix("package/").unwrap()], b"long");
    assert_eq!(found["p".repeat(180).as_str()], b"pax");
    assert_eq!(found["after"], b"x");
}

#[test]
fn bytes_behind_the_gzip_data_are_hashed_and_otherwise_ignored() {
    let room = Room::new();
    let mut tgz = plain().tgz();
    tgz.extend_from_slice(b"anything at all");
    let tree = room.unpack(&tgz).unwrap();
    assert_eq!(tree.integrity, integrity(&tgz));
    assert_eq!(tree.packed_bytes, tgz.len() as u64);
}

#[test]
fn a_second_gzip_member_goes_on_where_the_first_ended() {
    let room = Room::new();
    let tar = [plain().unfinished(), vec![0; 1024]].concat();
    let (first, second) = tar.split_at(700);
    let tgz = [gzip(first), gzip(second)].concat();
    assert_eq!(room.unpack(&tgz).unwrap().integrity, integrity(&tgz));
    assert_eq!(files(&room.folder()).len(), 2);
}

#[test]
fn a_folder_that_is_there_already_is_left_alone() {
    let room = Room::new();
    fs::create_dir(room.folder()).unwrap();
    fs::write(room.folder().join("mine"), "").unwrap();
    let error = room.unpack(&plain().tgz()).unwrap_err();
    assert!(matches!(error, StageError::TargetExists { .. }), "{error}");
    assert!(room.folder().join("mine").is_file());
}

#[test]
fn deep_folders_named_in_turns_cost_no_more_than_shallow_ones() {
    let deep = |first: &str| format!("package/{first}{}", "/d".repeat(60));
    let (left, right) = (deep("l"), deep("r"));
    let mut archive = Archive::new();
    for number in 0..4_000 {
        let folder = if number % 2 == 0 { &left } else { &right };
        archive = archive.file(&format!("{folder}/{number}"), "");
    }
    let room = Room::new();
    let tgz = archive.tgz();
    let start = Instant::now();
    assert_eq!(room.unpack(&tgz).unwrap().files, 4_000);
    // A second or less even here; opening every folder of every path anew takes many times that.
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}
