use super::*;
use crate::testing::{Bench, id};

#[test]
fn what_reading_would_refuse_is_not_written() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    let layout = bench.store.layout();
    let good = bench.pointer();
    let before = fs::read(layout.pointer()).unwrap();
    let version = layout.version(&good.version);
    for (what, entry) in [
        ("relative", PathBuf::from("dist/cli.js")),
        ("dotted", version.join("dist/../dist/cli.js")),
        ("the folder", version.clone()),
        ("another file", version.join("package.json")),
        ("outside", bench.shell.bundled.entry.clone()),
    ] {
        let mut pointer = good.clone();
        pointer.entry = entry;
        let error = pointer.save(layout).unwrap_err();
        assert!(matches!(error, StoreError::WouldBeInvalid { .. }), "{what}");
    }
    let mut pointer = good.clone();
    pointer.integrity = id("9.9.9").integrity;
    pointer.save(layout).unwrap_err();
    let mut pointer = good;
    pointer.schema = 2;
    pointer.save(layout).unwrap_err();
    assert_eq!(fs::read(layout.pointer()).unwrap(), before);
}

#[test]
fn a_pointer_to_a_missing_entry_is_still_a_pointer() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    fs::remove_dir_all(bench.entry("1.1.0").parent().unwrap()).unwrap();
    assert!(matches!(
        Pointer::load(bench.store.layout()).unwrap(),
        Found::Valid(_)
    ));
}

#[test]
fn changing_a_store_sets_an_invalid_pointer_aside_and_stops_at_a_newer_one() {
    let bench = Bench::new();
    let layout = bench.store.layout();
    fs::write(layout.pointer(), "no").unwrap();
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(Pointer::load_for_change(layout, now).unwrap(), None);
    assert!(!layout.pointer().exists());
    fs::write(layout.pointer(), r#"{"schema":2}"#).unwrap();
    Pointer::load_for_change(layout, now).unwrap_err();
    assert!(layout.pointer().exists());
}
