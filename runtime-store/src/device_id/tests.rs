use std::fs;

use proptest::prelude::*;

use crate::Store;
use crate::testing::Bench;

#[test]
fn the_device_id_is_made_once_and_is_its_users_only() {
    let bench = Bench::new();
    assert_eq!(bench.store.known_device_id(), None);
    assert!(!bench.path("device-id").exists(), "looking made one");
    let first = bench.store.device_id().unwrap();
    assert!(first.first_launch);
    let again = bench.other_process().device_id().unwrap();
    assert_eq!(again.id, first.id);
    assert_eq!(bench.store.known_device_id(), Some(first.id));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(bench.path("device-id")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
}

#[test]
fn a_first_launch_is_told_until_it_was_reported_and_then_no_more() {
    let bench = Bench::new();
    for _ in 0..2 {
        // Whoever was to report it may have died.
        assert!(bench.other_process().device_id().unwrap().first_launch);
    }
    bench.store.first_launch_reported().unwrap();
    assert!(!bench.other_process().device_id().unwrap().first_launch);
    bench.store.first_launch_reported().unwrap();
}

#[test]
fn a_device_from_before_first_launches_were_reported_has_none() {
    let bench = Bench::new();
    let id = "9be5b3a5-3a5b-4be0-8c55-5f0df2b6f5a2";
    fs::write(bench.path("device-id"), format!("\u{feff}{id} \n")).unwrap();
    let device = bench.store.device_id().unwrap();
    assert_eq!((device.id.as_str(), device.first_launch), (id, false));
}

#[test]
fn an_unreadable_device_id_is_set_aside_and_made_anew_once() {
    let bench = Bench::new();
    fs::write(bench.path("device-id"), b"\xFF not a uuid").unwrap();
    assert_eq!(bench.store.known_device_id(), None);
    assert_eq!(
        bench.store.snapshot().problems,
        Vec::<String>::new(),
        "looking moved it"
    );
    let made = bench.store.device_id().unwrap();
    assert!(made.first_launch);
    assert_eq!(bench.store.device_id().unwrap().id, made.id);
    let problems = bench.store.snapshot().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("device-id.invalid-"), "{problems:?}");
}

/// Where the store cannot be written there is no id, however often it is asked for: another one at
/// each start would be another place in every rollout.
#[test]
fn an_id_that_cannot_be_written_is_an_error_each_time_and_leaves_nothing() {
    let bench = Bench::new();
    for name in ["device-id", "first-launch"] {
        let bench = Bench::new();
        let made = bench.store.device_id().unwrap().id;
        fs::remove_file(bench.path("device-id")).unwrap();
        // A link that leads nowhere can be replaced; a name that is a folder cannot.
        bench.block(name);
        let first = bench.store.device_id();
        if name == "first-launch" {
            first.unwrap_err();
            assert!(bench.store.device_id().is_err());
            assert!(!bench.path("device-id").exists());
        } else {
            assert_ne!(first.unwrap().id, made, "a folder is set aside");
        }
    }
    // The folder itself is gone, and cannot be made again.
    let root = bench.store.root().to_owned();
    fs::remove_dir_all(&root).unwrap();
    fs::write(&root, "in the way").unwrap();
    for _ in 0..3 {
        bench.store.device_id().unwrap_err();
        assert_eq!(bench.store.known_device_id(), None);
    }
    assert_eq!(fs::read_to_string(&root).unwrap(), "in the way");
}

/// What can happen to those two files.
#[derive(Debug, Clone)]
enum Step {
    /// Asked, and the answer reaches whoever counts.
    Counted,
    /// Asked, and the process dies before it can tell anybody.
    Lost,
    /// The power goes after the marker was written.
    OnlyMarked,
    /// Counted, and the process dies before it can say so.
    CountedTwice,
    /// The disk garbles the id.
    Garbled,
    Swept,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Counted),
        Just(Step::Lost),
        Just(Step::OnlyMarked),
        Just(Step::CountedTwice),
        Just(Step::Garbled),
        Just(Step::Swept),
    ]
}

fn count(store: &Store, counted: &mut Vec<String>) -> String {
    let device = store.device_id().unwrap();
    if device.first_launch {
        counted.push(device.id.clone());
    }
    device.id
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_first_launch_is_lost_and_none_is_told_again_once_reported(
        steps in prop::collection::vec(step(), 0..12)
    ) {
        let bench = Bench::new();
        let mut counted = Vec::new();
        let mut reported = Vec::new();
        let mut garbled = Vec::new();
        for step in &steps {
            match step {
                Step::Counted => {
                    let id = count(&bench.store, &mut counted);
                    bench.store.first_launch_reported().unwrap();
                    reported.push(id);
                }
                Step::Lost => drop(bench.store.device_id().unwrap()),
                Step::OnlyMarked => {
                    if bench.store.known_device_id().is_none() {
                        fs::write(bench.path("first-launch"), "").unwrap();
                    }
                }
                Step::CountedTwice => drop(count(&bench.store, &mut counted)),
                Step::Garbled => {
                    garbled.extend(bench.store.known_device_id());
                    fs::write(bench.path("device-id"), "x").unwrap();
                }
                Step::Swept => drop(bench.store.gc().unwrap()),
            }
            if let Some(id) = bench.store.known_device_id() {
                let device = bench.store.device_id().unwrap();
                prop_assert_eq!(&device.id, &id);
                prop_assert_eq!(device.first_launch, !reported.contains(&id));
            }
        }
        let last = count(&bench.store, &mut counted);
        prop_assert!(counted.contains(&last), "{} was never counted", last);
        let mut once = reported.clone();
        once.dedup();
        for id in once {
            prop_assert!(counted.contains(&id));
        }
    }
}
