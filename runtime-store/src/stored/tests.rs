use super::*;
use crate::testing::{Bench, id, v};

#[test]
fn a_version_is_derived_from_its_entry_only_if_the_whole_path_is_canonical() {
    let bench = Bench::new();
    bench.place("1.1.0");
    let entry = bench.entry("1.1.0");
    assert_eq!(bench.store.version_of_entry(&entry), Some(v("1.1.0")));

    let versions = bench.store.layout().versions();
    fs::create_dir(versions.join("no-version")).unwrap();
    fs::write(versions.join("no-version/cli.js"), "").unwrap();
    fs::write(versions.join("1.5.0"), "a file").unwrap();
    for path in [
        versions.join("1.1.0/../1.1.0/dist/cli.js"),
        versions.join("./1.1.0/dist/./cli.js"),
        versions.join("1.1.0/dist/missing.js"),
        versions.join("1.1.0/dist"),
        versions.join("no-version/cli.js"),
        versions.join("1.5.0"),
        bench.shell.bundled.entry.clone(),
        std::path::PathBuf::from("dist/cli.js"),
        std::path::PathBuf::new(),
    ] {
        assert_eq!(bench.store.version_of_entry(&path), None, "{path:?}");
    }
}

#[test]
fn a_folder_without_a_matching_record_is_no_version() {
    let bench = Bench::new();
    let layout = bench.store.layout();
    bench.place("1.1.0");
    assert!(matches!(look(layout, &id("1.1.0")), Entry::Whole { .. }));
    let mut other = id("1.1.0");
    other.integrity = id("1.2.0").integrity;
    assert_eq!(look(layout, &other), Entry::Missing);
    Record::remove(layout, &v("1.1.0")).unwrap();
    assert_eq!(look(layout, &id("1.1.0")), Entry::Missing);
}

#[test]
fn removing_takes_folder_and_record() {
    let bench = Bench::new();
    let layout = bench.store.layout();
    bench.place("1.1.0");
    remove(layout, &v("1.1.0")).unwrap().unwrap().delete();
    assert!(!bench.is_stored("1.1.0"));
    assert!(!layout.record(&v("1.1.0")).exists());
    assert!(remove(layout, &v("1.1.0")).unwrap().is_none());
}
