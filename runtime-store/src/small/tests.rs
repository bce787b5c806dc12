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

#[test]
fn what_is_changed_is_read_and_written_with_nobody_in_between() {
    let bench = Bench::new();
    bench.store.save_releases(&Vec::<u32>::new()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            // As other processes have it: a handle of their own.
            let store = bench.other_process();
            scope.spawn(move || {
                for _ in 0..10 {
                    let add = |list: &mut Vec<u32>| list.push(thread);
                    store.update_releases(add).unwrap();
                }
            });
        }
    });
    let list: Vec<u32> = bench.store.load_releases().unwrap();
    assert_eq!(list.len(), 40);
}

#[test]
fn nothing_is_written_over_a_newer_shells_or_where_nothing_changed() {
    let bench = Bench::new();
    let newer = r#"{"schema":2,"manifest":1}"#;
    fs::write(bench.path("releases.json"), newer).unwrap();
    let read = bench
        .store
        .update_releases(|releases: &mut serde_json::Value| {
            let manifest = releases["manifest"].clone();
            releases["manifest"] = 2.into();
            manifest
        });
    assert_eq!(read.unwrap(), 1);
    let text = fs::read_to_string(bench.path("releases.json")).unwrap();
    assert_eq!(text, newer);
    // Of another shape altogether: nothing can be used of it, and it stays.
    let pushed = bench.store.update_releases(|list: &mut Vec<u32>| {
        list.push(1);
        list.len()
    });
    assert_eq!(pushed.unwrap(), 1);
    let text = fs::read_to_string(bench.path("releases.json")).unwrap();
    assert_eq!(text, newer);

    fs::write(bench.path("releases.json"), "[1,").unwrap();
    let add = |list: &mut Vec<u32>| list.push(7);
    bench.store.update_releases(add).unwrap();
    assert_eq!(bench.store.load_releases(), Some(vec![7]));
    assert_eq!(bench.store.snapshot().problems.len(), 1);
}

#[test]
fn a_good_file_that_took_an_unreadable_ones_place_is_not_set_aside() {
    let bench = Bench::new();
    for _ in 0..60 {
        fs::write(bench.path("releases.json"), "{").unwrap();
        let (reader, writer) = (bench.other_process(), bench.other_process());
        std::thread::scope(|scope| {
            scope.spawn(|| reader.load_releases::<Vec<u32>>());
            scope.spawn(|| {
                writer
                    .update_releases(|list: &mut Vec<u32>| list.push(1))
                    .unwrap();
            });
        });
        assert_eq!(bench.store.load_releases(), Some(vec![1]));
    }
}
