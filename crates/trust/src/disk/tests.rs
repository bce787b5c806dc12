//! The power is cut between any two steps: what is found afterwards is the old state or the new one.

use std::sync::{Arc, Mutex};

use super::*;
use crate::durable::Step;

fn files(content: &str) -> Files {
    ["timestamp.json", "roots/1.root.json", "whole/targets.json"]
        .into_iter()
        .map(|name| (name.to_owned(), Bytes::from(format!("{name} {content}"))))
        .collect()
}

fn at(dir: &Path) -> Disk {
    Disk::new(dir.join("trust"))
}

/// Watches every step, and fails all from the `cut`-th on.
fn watched(dir: &Path, cut: usize) -> (Disk, Arc<Mutex<Vec<Step>>>) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let mut disk = at(dir);
    disk.durable.watched = Some(Arc::new(move |step| {
        let mut steps = seen.lock().unwrap();
        if steps.len() >= cut {
            return Err(io::Error::other("the power is gone"));
        }
        steps.push(step.clone());
        Ok(())
    }));
    (disk, steps)
}

/// What a cut leaves of files that were written and not brought to disk: as little as can be.
fn tear(steps: &[Step]) {
    for (place, step) in steps.iter().enumerate() {
        let Step::Write(path) = step else { continue };
        let synced = steps[place..].contains(&Step::Sync(path.clone()));
        if !synced && path.exists() {
            fs::write(path, b"").unwrap();
        }
    }
}

#[test]
fn a_power_cut_at_any_step_leaves_the_old_state_or_the_new_one() {
    let mut seen_old = 0;
    let mut seen_new = 0;
    for cut in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let named = BTreeSet::new();
        let old = files("old");
        assert_eq!(at(dir.path()).commit(0, &old, &named).unwrap(), Some(1));

        let new = files("new, and longer");
        let (disk, steps) = watched(dir.path(), cut);
        let outcome = disk.commit(1, &new, &named);
        let steps = steps.lock().unwrap().clone();
        tear(&steps);

        let found = at(dir.path()).read().unwrap().unwrap();
        if found.files == old {
            seen_old += 1;
            assert!(outcome.is_err());
        } else {
            seen_new += 1;
            assert_eq!(found.files, new);
        }
        // And it goes on from there.
        let next = at(dir.path()).commit(found.generation, &files("next"), &named);
        assert_eq!(next.unwrap(), Some(found.generation + 1));
        if steps.len() < cut {
            break;
        }
    }
    assert!(seen_old > 8 && seen_new > 2, "{seen_old} {seen_new}");
}

#[test]
fn a_power_cut_in_the_first_commit_leaves_nothing_or_all_of_it() {
    for cut in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let (disk, steps) = watched(dir.path(), cut);
        // An error is what the cut is about.
        let _ = disk.commit(0, &files("new"), &BTreeSet::new());
        let steps = steps.lock().unwrap().clone();
        tear(&steps);
        if let Some(found) = at(dir.path()).read().unwrap() {
            assert_eq!(found.files, files("new"));
        }
        if steps.len() < cut {
            break;
        }
    }
}

#[test]
fn everything_is_on_disk_before_the_name_and_the_name_before_anything_goes() {
    let dir = tempfile::tempdir().unwrap();
    let named = BTreeSet::new();
    at(dir.path()).commit(0, &files("old"), &named).unwrap();
    let (disk, steps) = watched(dir.path(), usize::MAX);
    disk.commit(1, &files("new"), &named).unwrap();
    let steps = steps.lock().unwrap().clone();
    let place = |wanted: &Step| steps.iter().position(|step| step == wanted);
    let root = dir.path().join("trust");
    let renamed = place(&Step::Rename(root.join("2"))).unwrap();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Step::Write(path) | Step::Folder(path) => {
                let synced = place(&Step::Sync(path.clone())).unwrap();
                assert!(at < synced && synced < renamed, "{step:?}");
            }
            Step::Remove(_) => {
                let synced = place(&Step::Sync(root.clone())).unwrap();
                assert!(renamed < synced && synced < at, "{step:?}");
            }
            Step::Sync(_) | Step::Rename(_) => {}
        }
    }
    let left: BTreeSet<_> = fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["2".to_owned(), "lock".to_owned()].into());
}

#[test]
fn a_target_cut_off_while_it_is_kept_is_not_taken_for_one() {
    let content = b"a description";
    let info = TargetInfo {
        length: content.len() as u64,
        sha256: sha256(content),
        custom: serde_json::Map::new(),
    };
    for cut in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let (disk, steps) = watched(dir.path(), cut);
        let outcome = disk.keep(&info.sha256, content);
        let steps = steps.lock().unwrap().clone();
        tear(&steps);
        match at(dir.path()).kept(&info) {
            Some(bytes) => assert_eq!(bytes, content),
            None => assert!(outcome.is_err()),
        }
        if steps.len() < cut {
            break;
        }
    }
}

#[test]
fn whoever_comes_too_late_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let disk = at(dir.path());
    let named = BTreeSet::new();
    disk.commit(0, &files("one"), &named).unwrap();
    for over in [0, 2, 7] {
        assert_eq!(disk.commit(over, &files("late"), &named).unwrap(), None);
    }
    assert_eq!(disk.read().unwrap().unwrap().files, files("one"));
}

#[test]
fn only_targets_that_are_named_stay() {
    let dir = tempfile::tempdir().unwrap();
    let disk = at(dir.path());
    for content in [&b"wanted"[..], b"not wanted"] {
        disk.keep(&sha256(content), content).unwrap();
    }
    fs::write(dir.path().join("trust/targets/new"), b"cut off").unwrap();
    let named = BTreeSet::from([sha256(b"wanted")]);
    disk.commit(0, &files("x"), &named).unwrap();
    let left: Vec<_> = fs::read_dir(dir.path().join("trust/targets"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [sha256(b"wanted")]);
}

/// Two who write and one who reads, as processes do.
#[test]
fn writers_wait_for_each_other_and_readers_see_whole_generations() {
    const COMMITS: usize = 40;
    let dir = tempfile::tempdir().unwrap();
    at(dir.path())
        .commit(0, &files("first"), &BTreeSet::new())
        .unwrap();
    let whole = |found: &Files| {
        let mut words = found
            .iter()
            .map(|(name, bytes)| String::from_utf8_lossy(bytes).replace(name.as_str(), ""));
        let first = words.next();
        found.len() == 3 && words.all(|word| Some(word) == first)
    };
    std::thread::scope(|scope| {
        for who in ["one", "other"] {
            let dir = dir.path();
            scope.spawn(move || {
                let disk = at(dir);
                let mut done = 0;
                while done < COMMITS {
                    let found = disk.read().unwrap().unwrap();
                    let new = files(&format!("{who} {done}"));
                    let outcome = disk.commit(found.generation, &new, &BTreeSet::new());
                    done += usize::from(outcome.unwrap().is_some());
                }
            });
        }
        scope.spawn(|| {
            let disk = at(dir.path());
            loop {
                let found = disk.read().unwrap().unwrap();
                assert!(whole(&found.files), "{:?}", found.files);
                if found.generation == 1 + 2 * COMMITS as u64 {
                    break;
                }
            }
        });
    });
}

#[test]
fn who_holds_the_lock_and_never_lets_go_is_not_waited_for_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let mut disk = at(dir.path());
    disk.patience = Duration::from_millis(5);
    let named = BTreeSet::new();
    assert_eq!(disk.commit(0, &files("old"), &named).unwrap(), Some(1));
    let lock = disk.dir.join(LOCK);
    let stopped = File::open(&lock).unwrap();
    stopped.lock().unwrap();
    let busy = TrustError::Busy { path: lock.clone() };
    assert_eq!(disk.read().unwrap_err(), busy);
    assert_eq!(
        disk.commit(1, &files("new"), &named).unwrap_err(),
        busy.clone()
    );
    assert_eq!(disk.keep("00", b"x").unwrap_err(), busy.clone());
    assert!(busy.hint().contains(&lock.display().to_string()));
    assert!(!busy.is_refusal());
    // Who only reads keeps nobody from reading.
    stopped.unlock().unwrap();
    stopped.lock_shared().unwrap();
    assert_eq!(disk.read().unwrap().unwrap().files, files("old"));
    assert_eq!(disk.commit(1, &files("new"), &named).unwrap_err(), busy);
    stopped.unlock().unwrap();
    assert_eq!(disk.commit(1, &files("new"), &named).unwrap(), Some(2));
}

#[test]
fn a_store_that_lost_what_was_verified_is_no_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let disk = at(dir.path());
    let named = BTreeSet::new();
    assert_eq!(disk.commit(0, &files("old"), &named).unwrap(), Some(1));
    disk.keep("00", b"x").unwrap();
    fs::remove_dir_all(disk.folder(1)).unwrap();
    let error = disk.read().unwrap_err();
    assert_eq!(error.kind(), "trust-damaged");
    assert!(error.hint().contains("remove"), "{}", error.hint());
}

#[test]
fn what_only_looks_like_a_generation_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let disk = at(dir.path());
    let named = BTreeSet::new();
    assert_eq!(disk.commit(0, &files("old"), &named).unwrap(), Some(1));
    fs::write(disk.dir.join("99999999999"), b"").unwrap();
    fs::create_dir(disk.dir.join("007")).unwrap();
    fs::create_dir(disk.dir.join("+8")).unwrap();
    assert_eq!(disk.read().unwrap().unwrap().generation, 1);
    assert_eq!(disk.commit(1, &files("new"), &named).unwrap(), Some(2));
}
