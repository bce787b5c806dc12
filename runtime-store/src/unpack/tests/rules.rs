//! One test or more for each rule that an archive can break.

use super::*;

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
    for key in [
        "GNU.sparse.major",
        "GNU.sparse.size",
        "GNU.sparse.name",
        "GNU.sparse.map",
    ] {
        let archive = plain()
            .pax(&[(key, "1")])
            .file("package/GNUSparseFile.0/x", "data");
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
    assert_eq!(
        refusal(plain().raw(header.as_bytes())),
        Refusal::ParentFolder
    );
}

#[test]
fn nul_bytes_and_names_that_are_not_utf_8_are_refused() {
    let nul = plain()
        .pax(&[("path", "package/a\0b")])
        .file("package/a", "x");
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
            assert_eq!(
                refusal(archive),
                Refusal::Collides(same.into()),
                "{first} {second}"
            );
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
    assert_eq!(
        refusal(plain().file("other/package.json", "{}")),
        Refusal::Duplicate
    );
    assert_eq!(
        refusal(plain().folder("package/d/").folder("package/d")),
        Refusal::Duplicate
    );
    assert_eq!(
        refusal(plain().file("package/package.json/x", "1")),
        Refusal::FileAndFolder
    );
    assert_eq!(
        refusal(plain().file("package/dist", "1")),
        Refusal::FileAndFolder
    );
    assert_eq!(
        refusal(plain().entry(EntryType::Directory, b"package/d", b"content")),
        Refusal::FolderWithContent
    );
    assert_eq!(
        refusal(plain().file("package.json", "1")),
        Refusal::OutsidePackage
    );
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
    assert!(
        room.unpack_within(&fits, &Limits { depth: 4, ..small })
            .is_ok()
    );
    let refused = |archive| refusal_within(archive, &small);
    assert_eq!(
        refused(Archive::new().file("p/a/b/c/d", "1")),
        Refusal::TooDeep(3)
    );
    assert_eq!(
        refused(Archive::new().file("p/elevenbytes", "1")),
        Refusal::ComponentTooLong(10)
    );
    assert_eq!(
        refused(Archive::new().file("p/tenletters/tenletters", "1")),
        Refusal::NameTooLong(20)
    );
    assert_eq!(
        refused(
            Archive::new()
                .file("p/a/1", "")
                .file("p/b/1", "")
                .file("p/b/2", "")
        ),
        Refusal::TooMany(4)
    );
    assert_eq!(
        refused(Archive::new().file("p/a", [0; 60]).file("p/b", [0; 41])),
        Refusal::TooBig(100)
    );
}

#[test]
fn a_size_that_is_only_claimed_is_refused_before_a_byte_of_it_is_written() {
    let claims = plain().with(EntryType::Regular, b"package/x", b"", |header| {
        header.set_size(3 << 30);
    });
    assert_eq!(refusal(claims), Refusal::TooBig(2 << 30));
    let in_pax = plain().pax(&[("size", "18446744073709551615")]).with(
        EntryType::Regular,
        b"package/x",
        b"",
        |header| header.set_size(0),
    );
    assert_eq!(refusal(in_pax), Refusal::TooBig(2 << 30));
}

#[test]
fn more_packed_bytes_than_allowed_are_not_read() {
    let room = Room::new();
    let limits = Limits {
        packed_bytes: 64,
        ..Limits::default()
    };
    let error = room.unpack_within(&plain().tgz(), &limits).unwrap_err();
    assert!(
        matches!(error, StageError::Unpack(UnpackError::TooLarge(64))),
        "{error}"
    );
    assert!(!room.folder().exists());
}

#[test]
fn a_metadata_record_is_never_read_at_the_length_it_claims() {
    for kind in [
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNULongLink,
    ] {
        let archive = plain().with(kind, b"record", b"", |header| header.set_size(1 << 30));
        assert_eq!(refusal(archive), Refusal::RecordTooBig(1 << 30));
    }
}

#[test]
fn records_that_contradict_one_another_are_refused() {
    let contradictions = [
        plain().pax(&[("size", "3")]).file("package/x", "four"),
        plain()
            .pax(&[("path", "package/a")])
            .pax(&[("path", "package/b")])
            .file("package/x", ""),
        plain()
            .pax(&[("path", "package/a")])
            .entry(EntryType::GNULongName, b"././@LongLink", b"package/b")
            .file("package/x", ""),
        plain()
            .global_pax(&[("path", "package/a")])
            .file("package/x", ""),
    ];
    for archive in contradictions {
        assert!(matches!(refusal(archive), Refusal::Contradiction(_)));
    }
    assert_eq!(
        refusal(
            plain()
                .entry(EntryType::XHeader, b"x", b"99 path=a\n")
                .file("package/x", "")
        ),
        Refusal::BadRecord
    );
}

#[test]
fn a_refusal_names_the_entry_on_one_line() {
    let room = Room::new();
    let archive = plain().file("package/../a\nb\u{1b}[31m", "");
    let error = room.unpack(&archive.tgz()).unwrap_err().to_string();
    assert!(
        error.contains("package/../a") && error.contains("`..`"),
        "{error}"
    );
    assert!(!error.contains(['\n', '\u{1b}']), "{error:?}");
}
