//! The power goes between any two steps.

use super::*;

impl Bench {
    /// What [`Bench::snapshots`] does from now on ends after so many steps.
    fn cut_after(&self, steps: usize) {
        self.snapshots.cut.left.store(steps, Ordering::Relaxed);
    }

    fn was_cut(&self) -> bool {
        self.snapshots.cut.is_cut()
    }
}

#[test]
fn a_snapshot_that_was_cut_off_costs_nothing_and_is_taken_again() {
    let mut cuts = 0;
    for steps in 0.. {
        let bench = Bench::new();
        bench.write("board.json", "of 1.0.0");
        bench.take("1.1.0", "1.0.0").unwrap();
        take(&bench.snapshots, "1.2.0", "1.1.0", 1).unwrap();
        bench.write("board.json", "of 1.2.0");
        let before = bench.held();
        // The third one makes the first one go; the same version as a stale one replaces that.
        bench.cut_after(steps);
        let taken = take(&bench.snapshots, "1.1.0", "1.2.0", 2);
        assert_eq!(taken.is_err(), bench.was_cut(), "{taken:?}");
        assert_eq!(bench.held(), before, "after {steps} steps");
        let after = bench.rebooted();
        assert_eq!(after.recover().unwrap(), None);
        // What is listed is whole, whenever the cut came.
        for snapshot in after.list() {
            let data = after.place(&snapshot.version).join(DATA);
            assert_eq!(held(&data).len(), 1, "{snapshot:?} after {steps} steps");
        }
        assert!(after.of(&v("1.1.0")).is_some(), "the other one stays");
        let again = take(&after, "1.1.0", "1.2.0", 2).unwrap();
        let (Taken::New(about) | Taken::Kept(about)) = again;
        assert_eq!(after.of(&v("1.2.0")), Some(about));
        bench.write("board.json", "spoilt");
        after.put_back(&id("1.1.0")).unwrap().unwrap();
        assert_eq!(bench.held(), before, "after {steps} steps");
        assert_eq!(leftovers(&after), Vec::<String>::new());
        cuts += usize::from(bench.was_cut());
        if !bench.was_cut() {
            break;
        }
    }
    assert!(cuts >= 6, "only {cuts} places were cut");
}

#[test]
fn a_put_back_that_was_cut_off_is_finished_or_was_never_begun() {
    let mut finished = 0;
    for steps in 0.. {
        let bench = Bench::new();
        bench.write("board.json", "of 1.0.0");
        bench.write("deep/notes", "n");
        let kept = bench.held();
        bench.take("1.1.0", "1.0.0").unwrap();
        bench.write("board.json", "of 1.1.0");
        let spoilt = bench.held();
        bench.cut_after(steps);
        let cut = bench.snapshots.put_back(&id("1.1.0"));
        assert_eq!(cut.is_err(), bench.was_cut(), "{cut:?}");
        // Both are whole somewhere at any moment.
        for wanted in [&kept, &spoilt] {
            assert!(somewhere(&bench, wanted), "after {steps} steps");
        }
        let after = bench.rebooted();
        let recovered = after.recover().unwrap();
        match recovered {
            Some(put_back) => {
                finished += 1;
                assert_eq!(bench.held(), kept, "after {steps} steps");
                assert_eq!(held(&put_back.replaced.unwrap()), spoilt);
                assert_eq!(after.put_back(&id("1.1.0")).unwrap(), None);
            }
            None if bench.was_cut() => {
                assert_eq!(bench.held(), spoilt, "after {steps} steps");
                assert!(after.put_back(&id("1.1.0")).unwrap().is_some());
                assert_eq!(bench.held(), kept);
            }
            None => assert_eq!(bench.held(), kept),
        }
        assert_eq!(leftovers(&after), Vec::<String>::new());
        assert_eq!(after.recover().unwrap(), None, "once is enough");
        if !bench.was_cut() {
            break;
        }
    }
    assert!(finished >= 4, "only {finished} were finished");
}

#[test]
fn a_recovery_may_be_cut_off_too() {
    for (first, second) in (0..8).flat_map(|first| (0..8).map(move |second| (first, second))) {
        let bench = Bench::new();
        bench.write("board.json", "of 1.0.0");
        bench.take("1.1.0", "1.0.0").unwrap();
        bench.write("board.json", "of 1.1.0");
        bench.cut_after(first);
        let _ = bench.snapshots.put_back(&id("1.1.0"));
        let between = bench.rebooted();
        between.cut.left.store(second, Ordering::Relaxed);
        let _ = between.recover();
        let after = bench.rebooted();
        after.recover().unwrap();
        after.put_back(&id("1.1.0")).unwrap();
        assert_eq!(bench.held()["board.json"], "of 1.0.0", "{first} {second}");
        let aside = held(&after.root.join("replaced-1.1.0"));
        assert_eq!(aside["board.json"], "of 1.1.0", "{first} {second}");
    }
}

#[test]
fn what_somebody_made_after_a_cut_is_set_aside_too() {
    let bench = Bench::new();
    bench.write("board.json", "of 1.0.0");
    bench.take("1.1.0", "1.0.0").unwrap();
    bench.write("board.json", "of 1.1.0");
    // Two steps: the intent is written, and the folder moved away.
    bench.cut_after(2);
    bench.snapshots.put_back(&id("1.1.0")).unwrap_err();
    assert!(!bench.folder().exists());
    bench.write("board.json", "made without recovering");
    let put_back = bench.rebooted().recover().unwrap().unwrap();
    assert_eq!(bench.held()["board.json"], "of 1.0.0");
    assert_eq!(
        held(&put_back.replaced.unwrap())["board.json"],
        "made without recovering"
    );
    let aside = held(&bench.snapshots.root.join("replaced-1.1.0"));
    assert_eq!(aside["board.json"], "of 1.1.0");
}

#[test]
fn an_intent_that_cannot_be_read_stops_everything_and_says_what_to_do() {
    let bench = Bench::new();
    bench.write("board.json", "of 1.0.0");
    bench.take("1.1.0", "1.0.0").unwrap();
    fs::write(bench.snapshots.intent(), "{").unwrap();
    for error in [
        bench.snapshots.recover().unwrap_err(),
        bench.snapshots.put_back(&id("1.1.0")).unwrap_err(),
        bench.take("1.2.0", "1.1.0").unwrap_err(),
    ] {
        assert!(error.to_string().contains("put-back.json"), "{error}");
        assert!(matches!(error, SnapshotError::Stuck { .. }), "{error}");
    }
    assert_eq!(bench.held()["board.json"], "of 1.0.0");
    fs::write(bench.snapshots.intent(), r#"{"schema":2}"#).unwrap();
    assert!(bench.snapshots.recover().is_err());
    assert!(bench.snapshots.intent().exists(), "a newer shell's is left");
}

fn somewhere(bench: &Bench, wanted: &Held) -> bool {
    let root = &bench.snapshots.root;
    [
        bench.folder(),
        root.join("1.1.0").join(DATA),
        root.join("replaced-1.1.0"),
    ]
    .iter()
    .any(|place| place.is_dir() && held(place) == *wanted)
}

fn leftovers(snapshots: &DataSnapshots) -> Vec<String> {
    let mut names = names(&snapshots.root).unwrap();
    names.retain(|name| name == TAKING || name == INTENT || name.starts_with(REMOVING));
    names
}
