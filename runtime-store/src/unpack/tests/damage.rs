//! Bytes that are no archive, or not the whole of one.

use super::*;

#[test]
fn a_record_that_describes_nothing_is_damage() {
    assert!(damage(&plain().pax(&[("path", "package/x")]).tgz()).contains("describes nothing"));
}

#[test]
fn an_archive_of_nothing_but_records_ends() {
    let limits = Limits {
        entries: 2,
        ..Limits::default()
    };
    let mut archive = Archive::new();
    for _ in 0..100 {
        archive = archive.global_pax(&[("comment", "x")]);
    }
    let room = Room::new();
    let error = room
        .unpack_within(&archive.tgz(), &limits)
        .unwrap_err()
        .to_string();
    assert!(error.contains("more records than entries"), "{error}");
}

#[test]
fn an_archive_cut_off_anywhere_is_damaged() {
    let whole = plain()
        .folder("package/empty/")
        .file("package/last", "x".repeat(700))
        .unfinished();
    for end in (0..=whole.len()).step_by(512) {
        assert!(
            damage(&gzip(&whole[..end])).contains("too early"),
            "cut at {end}"
        );
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
fn entries_behind_the_end_are_damage() {
    let behind = [plain().unfinished(), vec![0; 1024], plain().unfinished()].concat();
    assert!(damage(&gzip(&behind)).contains("behind its end"));
}

#[test]
fn an_endless_run_of_zeros_behind_the_end_ends() {
    let limits = Limits {
        total_bytes: 1 << 20,
        ..Limits::default()
    };
    let tar = [plain().unfinished(), vec![0; 8 << 20]].concat();
    let error = Room::new()
        .unpack_within(&gzip(&tar), &limits)
        .unwrap_err()
        .to_string();
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
        let error =
            unpack_into(Broken(&tgz[..end]), &room.folder(), &Limits::default()).unwrap_err();
        let StageError::Unpack(UnpackError::Read(source)) = error else {
            panic!("taken for damage at {end}: {error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
        assert!(!room.folder().exists());
    }
}
