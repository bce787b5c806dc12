use std::fs;

use crate::testing::Bench;

#[test]
fn releases_are_read_back_and_unreadable_ones_are_set_aside() {
    let bench = Bench::new();
    assert_eq!(bench.store.load_releases::<Vec<u32>>(), None);
    bench.store.save_releases(&vec![1, 2]).unwrap();
    assert_eq!(bench.store.load_releases(), Some(vec![1, 2]));
    fs::write(bench.path("releases.json"), "[1,").unwrap();
    assert_eq!(bench.store.load_releases::<Vec<u32>>(), None);
    assert!(!bench.path("releases.json").exists());
    assert_eq!(bench.store.snapshot().problems.len(), 1);
}

#[test]
fn what_cannot_be_written_is_an_error_that_names_its_file() {
    let bench = Bench::new();
    bench.block("releases.json");
    let error = bench.store.save_releases(&1).unwrap_err().to_string();
    assert!(error.contains("releases.json"), "{error}");
}

#[test]
fn what_a_newer_shell_knows_of_releases_is_neither_moved_nor_replaced() {
    let bench = Bench::new();
    let newer = r#"{"schema":2,"lastCheck":"yes","registry":[1]}"#;
    fs::write(bench.path("releases.json"), newer).unwrap();
    assert_eq!(bench.store.load_releases::<Vec<u32>>(), None);
    bench.store.save_releases(&vec![1]).unwrap();
    assert_eq!(
        fs::read_to_string(bench.path("releases.json")).unwrap(),
        newer
    );
}
