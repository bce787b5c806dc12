use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tar::EntryType;
use tempfile::TempDir;

use super::samples::{Archive, gzip, integrity};
use super::*;

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
        assert_eq!(fs::read(self.scratch.path().join("beside")).unwrap(), b"untouched");
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
    assert!(!room.folder().exists(), "the folder is still there after {error}");
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
    assert_eq!(tree.unpacked_bytes, found.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert!(room.folder().join("empty").is_dir());
    room.assert_tidy();
}

#[test]
fn large_files_keep_every_byte_across_buffers() {
    let content: Vec<u8> = (0..3_000_001u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let room = Room::new();
    let archive = plain().file("package/big", &content).file("package/after", "x");
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
    for (name, mode) in [("plain", 0o600), ("exec", 0o100), ("setuid", 0o4777), ("none", 0)] {
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
fn links_devices_pipes_and_unknown_entries_are_refused() {
    for (kind, why) in [
        (EntryType::Symlink, Refusal::SymbolicLink),
        (EntryType::Link, Refusal::HardLink),
        (EntryType::Char, Refusal::Device),
        (EntryType::Block, Refusal::Device),
        (EntryType::Fifo, Refusal::Fifo),
        (EntryType::Continuous, Refusal::UnknownType('7')),
        (EntryType::new(b'V'), Refusal::UnknownType('V')),
    ] {
        let archive = plain().with(kind, b"package/x", b"", |header| {
            header.set_link_name("package.json").unwrap();
        });
        assert_eq!(refusal(archive), why);
    }
}

#[test]
fn a_link_with_a_long_target_is_refused_as_a_link() {
    let archive = plain()
        .entry(EntryType::GNULongLink, b"././@LongLink", &[b'a'; 300])
        .entry(EntryType::Symlink, b"package/x", b"");
    assert_eq!(refusal(archive), Refusal::SymbolicLink);
}

#[test]
fn sparse_files_of_both_kinds_are_refused() {
    assert_eq!(
        refusal(plain().entry(EntryType::GNUSparse, b"package/x", b"")),
        Refusal::Sparse
    );
    for key in ["GNU.sparse.major", "GNU.sparse.size", "GNU.sparse.name", "GNU.sparse.map"] {
        let archive = plain().pax(&[(key, "1")]).file("package/GNUSparseFile.0/x", "data");
        assert_eq!(refusal(archive), Refusal::Sparse, "{key}");
    }
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused_in_whatever_record_they_stand() {
    for (name, why) in [
        ("/etc/passwd", Refusal::Absolute),
        ("package/../../beside", Refusal::ParentFolder),
        ("../beside", Refusal::ParentFolder),
        ("package/a\\..\\..\\beside", Refusal::Backslash),
        ("package/C:/beside", Refusal::Reserved("C:".into())),
        ("package//beside", Refusal::NotPlain),
        ("package/NUL", Refusal::Reserved("NUL".into())),
        ("package/trailing.", Refusal::Reserved("trailing.".into())),
    ] {
        assert_eq!(refusal(plain().file(name, "x")), why, "{name}");
        let in_pax = plain().pax(&[("path", name)]).file("package/harmless", "x");
        assert_eq!(refusal(in_pax), why, "{name} in a pax record");
        let long = plain()
            .entry(EntryType::GNULongName, b"././@LongLink", name.as_bytes())
            .file("package/harmless", "x");
        assert_eq!(refusal(long), why, "{name} as a long name");
    }
}

#[test]
fn a_prefix_field_that_leads_out_is_refused() {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..1].copy_from_slice(b"x");
    header.as_ustar_mut().unwrap().prefix[..10].copy_from_slice(b"package/..");
    header.set_mode(0o644);
    header.set_size(0);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    assert_eq!(refusal(plain().raw(header.as_bytes())), Refusal::ParentFolder);
}

#[test]
fn nul_bytes_and_names_that_are_not_utf_8_are_refused() {
    let nul = plain().pax(&[("path", "package/a\0b")]).file("package/a", "x");
    assert_eq!(refusal(nul), Refusal::Nul);
    let long = plain()
        .entry(EntryType::GNULongName, b"././@LongLink", b"package/a\0b\0")
        .file("package/a", "x");
    assert_eq!(refusal(long), Refusal::Nul);
    let latin = plain().entry(EntryType::Regular, b"package/caf\xe9", b"x");
    assert_eq!(refusal(latin), Refusal::NotUtf8);
}

#[test]
fn names_that_are_one_where_case_and_form_do_not_count_are_refused() {
    for (first, second, same) in [
        ("package/README", "package/readme", "README"),
        ("package/A/x", "package/a/y", "A"),
        ("package/caf\u{e9}", "package/cafe\u{301}", "caf\u{e9}"),
        ("package/stra\u{df}e/x", "other/STRASSE/y", "stra\u{df}e"),
        ("package/Dist/x", "package/dist/", "Dist"),
    ] {
        let archive = plain().file(first, "1").file(second, "");
        if second.ends_with('/') {
            assert_eq!(refusal(archive), Refusal::Collides("dist".into()));
        } else {
            assert_eq!(refusal(archive), Refusal::Collides(same.into()), "{first} {second}");
        }
    }
}

#[test]
fn duplicates_and_files_used_as_folders_are_refused() {
    assert_eq!(
        refusal(plain().file("package/package.json", "{}")),
        Refusal::Duplicate
    );
    // The first component is stripped, so these two are one.
    assert_eq!(refusal(plain().file("other/package.json", "{}")), Refusal::Duplicate);
    assert_eq!(
        refusal(plain().folder("package/d/").folder("package/d")),
        Refusal::Duplicate
    );
    assert_eq!(
        refusal(plain().file("package/package.json/x", "1")),
        Refusal::FileAndFolder
    );
    assert_eq!(refusal(plain().file("package/dist", "1")), Refusal::FileAndFolder);
    assert_eq!(
        refusal(plain().entry(EntryType::Directory, b"package/d", b"content")),
        Refusal::FolderWithContent
    );
    assert_eq!(refusal(plain().file("package.json", "1")), Refusal::OutsidePackage);
}

#[test]
fn limits_end_an_unpacking_where_they_say() {
    let small = Limits {
        entries: 4,
        total_bytes: 100,
        depth: 3,
        component_bytes: 10,
        path_bytes: 20,
        packed_bytes: 10_000,
    };
    let room = Room::new();
    let fits = Archive::new().file("p/a/b/c/x", "1").tgz();
    assert!(room.unpack_within(&fits, &Limits { depth: 4, ..small }).is_ok());
    let refused = |archive| refusal_within(archive, &small);
    assert_eq!(refused(Archive::new().file("p/a/b/c/d", "1")), Refusal::TooDeep(3));
    assert_eq!(
        refused(Archive::new().file("p/elevenbytes", "1")),
        Refusal::ComponentTooLong(10)
    );
    assert_eq!(
        refused(Archive::new().file("p/tenletters/tenletters", "1")),
        Refusal::NameTooLong(20)
    );
    assert_eq!(
        refused(Archive::new().file("p/a/1", "").file("p/b/1", "").file("p/b/2", "")),
        Refusal::TooMany(4)
    );
    assert_eq!(
        refused(Archive::new().file("p/a", [0; 60]).file("p/b", [0; 41])),
        Refusal::TooBig(100)
    );
}

#[test]
fn a_size_that_is_only_claimed_is_refused_before_a_byte_of_it_is_written() {
    let claims = plain().with(EntryType::Regular, b"package/x", b"", |header| header.set_size(3 << 30));
    assert_eq!(refusal(claims), Refusal::TooBig(2 << 30));
    let in_pax = plain()
        .pax(&[("size", "18446744073709551615")])
        .with(EntryType::Regular, b"package/x", b"", |header| header.set_size(0));
    assert_eq!(refusal(in_pax), Refusal::TooBig(2 << 30));
}

#[test]
fn more_packed_bytes_than_allowed_are_not_read() {
    let room = Room::new();
    let limits = Limits { packed_bytes: 64, ..Limits::default() };
    let error = room.unpack_within(&plain().tgz(), &limits).unwrap_err();
    assert!(matches!(error, StageError::Unpack(UnpackError::TooLarge(64))), "{error}");
    assert!(!room.folder().exists());
}

#[test]
fn a_metadata_record_is_never_read_at_the_length_it_claims() {
    for kind in [EntryType::XHeader, EntryType::XGlobalHeader, EntryType::GNULongName, EntryType::GNULongLink] {
        let archive = plain().with(kind, b"record", b"", |header| header.set_size(1 << 30));
        assert_eq!(refusal(archive), Refusal::RecordTooBig(1 << 30));
    }
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
        .with(EntryType::Regular, b"package/cut", b"pax", |header| header.set_size(0))
        .file("package/after", "x");
    room.unpack(&archive.tgz()).unwrap();
    let found = files(&room.folder());
    assert_eq!(found[long.strip_prefix("package/").unwrap()], b"long");
    assert_eq!(found["p".repeat(180).as_str()], b"pax");
    assert_eq!(found["after"], b"x");
}

#[test]
fn records_that_contradict_one_another_are_refused() {
    let contradictions = [
        plain().pax(&[("size", "3")]).file("package/x", "four"),
        plain().pax(&[("path", "package/a")]).pax(&[("path", "package/b")]).file("package/x", ""),
        plain()
            .pax(&[("path", "package/a")])
            .entry(EntryType::GNULongName, b"././@LongLink", b"package/b")
            .file("package/x", ""),
        plain().global_pax(&[("path", "package/a")]).file("package/x", ""),
    ];
    for archive in contradictions {
        assert!(matches!(refusal(archive), Refusal::Contradiction(_)));
    }
    assert_eq!(
        refusal(plain().entry(EntryType::XHeader, b"x", b"99 path=a\n").file("package/x", "")),
        Refusal::BadRecord
    );
}

#[test]
fn a_record_that_describes_nothing_is_damage() {
    assert!(damage(&plain().pax(&[("path", "package/x")]).tgz()).contains("describes nothing"));
}

#[test]
fn an_archive_of_nothing_but_records_ends() {
    let limits = Limits { entries: 2, ..Limits::default() };
    let mut archive = Archive::new();
    for _ in 0..100 {
        archive = archive.global_pax(&[("comment", "x")]);
    }
    let room = Room::new();
    let error = room.unpack_within(&archive.tgz(), &limits).unwrap_err().to_string();
    assert!(error.contains("more records than entries"), "{error}");
}

#[test]
fn an_archive_cut_off_anywhere_is_damaged() {
    let whole = plain().folder("package/empty/").file("package/last", "x".repeat(700)).unfinished();
    for end in (0..=whole.len()).step_by(512) {
        assert!(damage(&gzip(&whole[..end])).contains("too early"), "cut at {end}");
    }
    let packed = gzip(&[whole, vec![0; 1024]].concat());
    assert!(Room::new().unpack(&packed).is_ok());
    for end in 0..packed.len() {
        damage(&packed[..end]);
    }
}

#[test]
fn bytes_that_are_no_gzip_or_no_tar_are_damaged() {
    damage(b"<!doctype html><title>Not found</title>");
    damage(&gzip(b"<!doctype html>".repeat(100).as_slice()));
    let mut flipped = plain().tgz();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    assert!(Room::new().unpack(&flipped).is_err());
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
fn entries_behind_the_end_are_damage() {
    let behind = [plain().unfinished(), vec![0; 1024], plain().unfinished()].concat();
    assert!(damage(&gzip(&behind)).contains("behind its end"));
}

#[test]
fn an_endless_run_of_zeros_behind_the_end_ends() {
    let limits = Limits { total_bytes: 1 << 20, ..Limits::default() };
    let tar = [plain().unfinished(), vec![0; 8 << 20]].concat();
    let error = Room::new().unpack_within(&gzip(&tar), &limits).unwrap_err().to_string();
    assert!(error.contains("mostly padding"), "{error}");
}

#[test]
fn a_reader_that_fails_is_told_from_an_archive_that_is_damaged() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::Error::new(io::ErrorKind::ConnectionReset, "gone")),
                read => Ok(read),
            }
        }
    }
    let tgz = plain().tgz();
    for end in [0, 1, tgz.len() / 2, tgz.len()] {
        let room = Room::new();
        let error = unpack_into(Broken(&tgz[..end]), &room.folder(), &Limits::default()).unwrap_err();
        let StageError::Unpack(UnpackError::Read(source)) = error else {
            panic!("taken for damage at {end}: {error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
        assert!(!room.folder().exists());
    }
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
fn a_refusal_names_the_entry_on_one_line() {
    let room = Room::new();
    let archive = plain().file("package/../a\nb\u{1b}[31m", "");
    let error = room.unpack(&archive.tgz()).unwrap_err().to_string();
    assert!(error.contains("package/../a") && error.contains("`..`"), "{error}");
    assert!(!error.contains(['\n', '\u{1b}']), "{error:?}");
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
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

fn some_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "package/[a-cA-C]{1,2}(/[a-cA-C.]{1,2}){0,3}/?".prop_map(String::into_bytes),
        2 => "(\\.\\./|/|package/|\\./|[a-z]/){0,4}[a-z\\\\:. ]{0,4}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..120),
    ]
}

fn some_kind() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(b'0'), 2 => Just(b'5'), 1 => prop::sample::select(&b"\0123467SxgLKV"[..])]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_archive_writes_outside_its_folder_or_leaves_anything_but_files_and_folders(
        entries in prop::collection::vec(
            (some_kind(), some_name(), prop::collection::vec(any::<u8>(), 0..600), prop::option::of(0u64..2_000)),
            0..12,
        ),
        end in any::<bool>(),
    ) {
        let mut archive = Archive::new();
        for (kind, name, content, size) in entries {
            archive = archive.with(EntryType::new(kind), &name, &content, |header| {
                if let Some(size) = size {
                    header.set_size(size);
                }
            });
        }
        let room = Room::new();
        let tgz = if end { archive.tgz() } else { gzip(&archive.unfinished()) };
        match room.unpack(&tgz) {
            Ok(tree) => prop_assert_eq!(files(&room.folder()).len() as u64, tree.files),
            Err(_) => prop_assert!(!room.folder().exists()),
        }
        room.assert_tidy();
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000), packed in any::<bool>()) {
        let room = Room::new();
        let bytes = if packed { gzip(&bytes) } else { bytes };
        let _ = room.unpack(&bytes);
        room.assert_tidy();
    }
}
