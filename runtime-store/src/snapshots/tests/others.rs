//! What others write between two attempts, and what cannot be done although the power stays.

use super::*;

#[test]
fn what_another_version_wrote_between_two_attempts_is_not_lost_to_the_second() {
    let bench = Bench::new();
    bench.write("board.json", "before 1.1.0");
    bench.take("1.1.0", "1.0.0").unwrap();
    // The trial itself may write what it likes.
    bench.snapshots.others_write(Some(&id("1.1.0"))).unwrap();
    assert!(!bench.snapshots.is_written_over(&id("1.1.0")));
    assert!(matches!(bench.take("1.1.0", "1.0.0"), Ok(Taken::Kept(_))));
    for runs in [Some(id("1.0.0")), None] {
        bench.snapshots.others_write(runs.as_ref()).unwrap();
        assert!(bench.snapshots.is_written_over(&id("1.1.0")));
        bench.write("board.json", "a day's work");
        assert!(matches!(bench.take("1.1.0", "1.0.0"), Ok(Taken::New(_))));
        assert!(!bench.snapshots.is_written_over(&id("1.1.0")));
        bench.write("board.json", "spoilt");
        bench.put_back("1.1.0").unwrap();
        assert_eq!(bench.held()["board.json"], "a day's work");
        bench.take("1.1.0", "1.0.0").unwrap();
    }
}

#[test]
fn a_person_still_goes_back_to_what_another_version_wrote_over() {
    let bench = Bench::new();
    bench.write("board.json", "of 1.0.0");
    bench.take("1.1.0", "1.0.0").unwrap();
    bench.snapshots.others_write(None).unwrap();
    assert!(bench.snapshots.of(&v("1.0.0")).is_some());
    assert!(bench.put_back("1.1.0").is_some());
}

#[test]
fn a_put_back_that_fails_is_not_made_up_for_later() {
    let mut failed = 0;
    for steps in 0.. {
        let bench = Bench::new();
        bench.write("board.json", "of 1.0.0");
        bench.take("1.1.0", "1.0.0").unwrap();
        bench.write("board.json", "of 1.1.0");
        let cut = &bench.snapshots.cut;
        cut.fails.store(true, Ordering::Relaxed);
        cut.left.store(steps, Ordering::Relaxed);
        if bench.snapshots.put_back(&id("1.1.0")).is_ok() {
            break;
        }
        failed += 1;
        // The folder is there, whatever could not be done, and what is written there now stays.
        let is_back = bench.held()["board.json"] == "of 1.0.0";
        bench.write("board.json", "written since");
        let after = bench.rebooted();
        after.recover().unwrap();
        assert_eq!(bench.held()["board.json"], "written since", "{steps}");
        assert_eq!(after.of(&v("1.0.0")).is_none(), is_back, "{steps}");
    }
    assert!(failed >= 4, "only {failed}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_holds_the_store_through_a_link_is_refused() {
    let bench = Bench::new();
    let data = bench.scratch.path().join("data");
    fs::create_dir(data.join("runtime-store")).unwrap();
    std::os::unix::fs::symlink(bench.scratch.path(), data.join("link")).unwrap();
    for inside in ["link/data", "link/data/runtime-store"] {
        let folder = data.join(inside);
        let snapshots = DataSnapshots::new(&data, "main", folder, 1 << 20, false).unwrap();
        let refused = take(&snapshots, "1.1.0", "1.0.0", 0).unwrap_err();
        assert!(matches!(refused, SnapshotError::Unfit { .. }), "{refused}");
        assert!(snapshots.list().is_empty());
    }
}
