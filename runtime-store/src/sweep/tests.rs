use super::*;
use crate::testing::{Bench, v};

#[test]
fn unlocked_partials_leftovers_and_trash_go_and_a_live_partial_stays() {
    let bench = Bench::new();
    for folder in ["partial/1.1.0", "partial/1.2.0", "partial/1.3.0", "trash/x"] {
        fs::create_dir_all(bench.path(folder).join("dist")).unwrap();
    }
    fs::write(bench.path("partial/1.2.0~lock"), "").unwrap();
    let live = File::create(bench.path("partial/1.3.0~lock")).unwrap();
    live.lock().unwrap();
    fs::write(bench.path(".current.json.abc.tmp"), "").unwrap();
    fs::write(bench.path("records/.1.1.0.json.abc.tmp"), "").unwrap();

    let swept = bench.other_process().sweep().unwrap();
    assert_eq!((swept.partials, swept.trash), (2, 3));
    assert!(swept.kept[0].contains("1.3.0"), "{swept:?}");
    assert_eq!(
        names(&bench.path("partial")).unwrap(),
        ["1.3.0", "1.3.0~lock"]
    );
    for gone in [".current.json.abc.tmp", "records/.1.1.0.json.abc.tmp"] {
        assert!(!bench.path(gone).exists(), "{gone}");
    }
    drop(live);
    bench.store.sweep().unwrap();
    assert_eq!(names(&bench.path("partial")).unwrap(), [""; 0]);
}

#[test]
fn gc_keeps_pointer_previous_and_what_is_leased_and_removes_the_rest() {
    let bench = Bench::new();
    bench.stage("1.1.0");
    let leased = bench.begin();
    for version in ["1.2.0", "1.3.0"] {
        bench.confirm(version);
    }
    bench.place("1.4.0");
    let swept = bench.store.gc().unwrap();
    assert_eq!(swept.versions, [v("1.4.0")]);
    assert_eq!(swept.kept, ["version 1.1.0: it is in use"]);
    for (version, stays) in [
        ("1.1.0", true),
        ("1.2.0", true),
        ("1.3.0", true),
        ("1.4.0", false),
    ] {
        assert_eq!(bench.is_stored(version), stays, "{version}");
    }
    assert!(!bench.path("records/1.4.0.json").exists());
    drop(leased);
    assert_eq!(bench.store.gc().unwrap().versions, [v("1.1.0")]);
    assert_eq!(names(&bench.path("trash")).unwrap(), [""; 0]);
}

#[test]
fn half_folders_strangers_and_lonely_records_go() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.place("1.2.0");
    fs::remove_file(bench.path("records/1.2.0.json")).unwrap();
    fs::create_dir(bench.path("versions/not a version")).unwrap();
    bench.place("1.3.0");
    fs::remove_dir_all(bench.path("versions/1.3.0")).unwrap();
    bench.store.gc().unwrap();
    assert_eq!(names(&bench.path("versions")).unwrap(), ["1.1.0"]);
    assert_eq!(names(&bench.path("records")).unwrap(), ["1.1.0.json"]);
}

#[test]
fn gc_removes_no_version_while_the_pointer_cannot_be_read() {
    for pointer in ["garbage", r#"{"schema":2}"#] {
        let bench = Bench::new();
        bench.confirm("1.1.0");
        fs::write(bench.path("current.json"), pointer).unwrap();
        let swept = bench.store.gc().unwrap();
        assert!(bench.is_stored("1.1.0"));
        assert_eq!(swept.kept.len(), 1);
    }
}

#[test]
fn gc_keeps_what_a_newer_shell_staged_and_its_record() {
    let bench = Bench::new();
    for version in ["1.1.0", "1.2.0", "1.3.0"] {
        bench.place(version);
    }
    for version in ["1.1.0", "1.3.0"] {
        bench.write_newer_record(version);
    }
    fs::remove_dir_all(bench.path("versions/1.3.0")).unwrap();
    let swept = bench.store.gc().unwrap();
    assert_eq!(swept.versions, [v("1.2.0")]);
    assert_eq!(swept.kept, ["version 1.1.0: a newer shell staged it"]);
    assert!(bench.is_stored("1.1.0"));
    assert_eq!(
        names(&bench.path("records")).unwrap(),
        ["1.1.0.json", "1.3.0.json"]
    );
}

#[test]
fn what_stands_beside_a_record_goes_with_it_and_a_needed_version_that_is_gone_stays_known() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.place("1.2.0");
    bench.place("1.3.0");
    let day = std::time::Duration::from_hours(24);
    bench.store.daily_check(crate::testing::now(), day);
    for version in ["1.1.0", "1.3.0"] {
        fs::remove_dir_all(bench.path(&format!("versions/{version}"))).unwrap();
    }
    fs::write(bench.path("records/1.4.0~tree.json"), "").unwrap();
    fs::write(bench.path("records/1.4.0~damage.json"), "").unwrap();
    bench.store.gc().unwrap();
    assert_eq!(
        names(&bench.path("records")).unwrap(),
        ["1.1.0.json", "1.1.0~tree.json"]
    );
}
