//! Whatever an archive holds, it stays in its folder.

use proptest::prelude::*;

use super::*;

fn some_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "package/[a-cA-C]{1,2}(/[a-cA-C.]{1,2}){0,3}/?".prop_map(String::into_bytes),
        2 => "(\\.\\./|/|package/|\\./|[a-z]/){0,4}[a-z\\\\:. ]{0,4}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..120),
    ]
}

fn some_kind() -> impl Strategy<Value = u8> {
    prop_oneof![6 => Just(b'0'), 2 => Just(b'5'), 1 => prop::sample::select(&b"\x00123467SxgLKV"[..])]
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
