use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::testing::{id, now, v};

mod cuts;
mod others;

/// Where the power goes: after how many steps.
#[derive(Debug)]
pub(super) struct Cut {
    left: AtomicUsize,
    gone: AtomicBool,
    /// Only that step fails; the power stays.
    fails: AtomicBool,
}

impl Default for Cut {
    fn default() -> Self {
        Self {
            left: AtomicUsize::new(usize::MAX),
            gone: AtomicBool::new(false),
            fails: AtomicBool::new(false),
        }
    }
}

impl Cut {
    pub(super) fn step(&self) -> Result<(), SnapshotError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            let fails = self.fails.load(Ordering::Relaxed);
            self.gone.store(!fails, Ordering::Relaxed);
            let gone = std::io::Error::other("the power is gone");
            return Err(StoreError::io("go on with", "/", gone).into());
        }
        if left != usize::MAX {
            self.left.store(left - 1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(super) fn is_cut(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

/// What a folder holds: names, and contents, link targets, or nothing for a folder.
type Held = BTreeMap<String, String>;

struct Bench {
    scratch: TempDir,
    snapshots: DataSnapshots,
}

impl Bench {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir(scratch.path().join("data")).unwrap();
        let snapshots = Self::of(&scratch, 1 << 20, false);
        Self { scratch, snapshots }
    }

    fn of(scratch: &TempDir, cap: u64, links: bool) -> DataSnapshots {
        let data = scratch.path().join("data");
        let folder = data.join("files");
        DataSnapshots::new(&data, "main", folder, cap, links).unwrap()
    }

    /// Another process after a reboot: the power is there again.
    fn rebooted(&self) -> DataSnapshots {
        Self::of(&self.scratch, 1 << 20, false)
    }

    fn folder(&self) -> PathBuf {
        self.snapshots.folder.clone()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn held(&self) -> Held {
        held(&self.folder())
    }

    fn take(&self, version: &str, of: &str) -> Result<Taken, SnapshotError> {
        take(&self.snapshots, version, of, 0)
    }

    fn put_back(&self, version: &str) -> Option<PutBack> {
        self.snapshots.put_back(&id(version)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names = names(&self.snapshots.root).unwrap();
        names.retain(|name| name != LOCK);
        names
    }
}

fn take(
    snapshots: &DataSnapshots,
    version: &str,
    of: &str,
    minute: i64,
) -> Result<Taken, SnapshotError> {
    let at = now() + jiff::SignedDuration::from_mins(minute);
    let (id, of) = (id(version), v(of));
    let before = BeforeLaunch {
        id: &id,
        staged_at: at,
        of: Some(&of),
    };
    snapshots.take(&before, at)
}

fn held(folder: &Path) -> Held {
    fn walk(folder: &Path, prefix: &str, held: &mut Held) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                held.insert(format!("{name}/"), String::new());
                walk(&entry.path(), &format!("{name}/"), held);
            } else if kind.is_symlink() {
                let target = fs::read_link(entry.path()).unwrap();
                held.insert(name, format!("-> {}", target.display()));
            } else {
                held.insert(name, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
    let mut found = Held::new();
    if folder.is_dir() {
        walk(folder, "", &mut found);
    }
    found
}

#[test]
fn what_was_kept_is_put_back_and_what_it_replaces_is_set_aside() {
    let bench = Bench::new();
    bench.write("board.json", "one card");
    bench.write("deep/er/notes", "hello");
    fs::create_dir(bench.folder().join("empty")).unwrap();
    let before = bench.held();
    let Taken::New(taken) = bench.take("1.1.0", "1.0.0").unwrap() else {
        panic!("there was none");
    };
    assert_eq!((taken.bytes, taken.files), (13, 2));
    assert_eq!(taken.of, Some(v("1.0.0")));
    assert_eq!(bench.snapshots.list(), std::slice::from_ref(&taken));
    assert_eq!(bench.snapshots.of(&v("1.0.0")), Some(taken.clone()));
    assert_eq!(bench.snapshots.of(&v("1.1.0")), None);
    bench.write("board.json", "migrated");
    bench.write("new", "by 1.1.0");
    fs::remove_dir_all(bench.folder().join("deep")).unwrap();
    let after = bench.held();
    let put_back = bench.put_back("1.1.0").unwrap();
    assert_eq!(put_back.snapshot, taken);
    assert_eq!(bench.held(), before);
    assert_eq!(held(&put_back.replaced.unwrap()), after);
    assert_eq!(bench.names(), ["replaced-1.1.0"], "it is used up");
    assert_eq!(bench.put_back("1.1.0"), None);
    // What was set aside stays until there is a newer snapshot.
    bench.take("1.2.0", "1.0.0").unwrap();
    assert_eq!(bench.names(), ["1.2.0"]);
}

#[test]
fn another_attempt_of_a_trial_keeps_the_first_snapshot_and_another_trial_takes_its_own() {
    let bench = Bench::new();
    bench.write("board.json", "before");
    let first = bench.take("1.1.0", "1.0.0").unwrap();
    bench.write("board.json", "half migrated");
    let Taken::Kept(kept) = bench.take("1.1.0", "1.0.0").unwrap() else {
        panic!("it was taken again");
    };
    assert_eq!(Taken::New(kept), first);
    // Staged again later: what was there then must not come back.
    let again = take(&bench.snapshots, "1.1.0", "1.0.0", 60).unwrap();
    assert!(matches!(again, Taken::New(_)));
    bench.write("board.json", "migrated");
    bench.put_back("1.1.0").unwrap();
    assert_eq!(bench.held()["board.json"], "half migrated");
}

#[test]
fn a_snapshot_of_other_content_is_not_put_back() {
    let bench = Bench::new();
    bench.write("board.json", "before");
    bench.take("1.1.0", "1.0.0").unwrap();
    bench.write("board.json", "after");
    let other = VersionId {
        integrity: Integrity::from_digest([9; 64]),
        ..id("1.1.0")
    };
    assert_eq!(bench.snapshots.put_back(&other).unwrap(), None);
    assert_eq!(bench.put_back("1.2.0"), None);
    assert_eq!(bench.held()["board.json"], "after");
    assert_eq!(bench.snapshots.list().len(), 1);
}

#[test]
fn the_last_two_are_kept() {
    let bench = Bench::new();
    bench.write("board.json", "x");
    for (minute, version) in ["1.1.0", "1.2.0", "1.3.0", "1.4.0"].iter().enumerate() {
        let minute = i64::try_from(minute).unwrap();
        take(&bench.snapshots, version, "1.0.0", minute).unwrap();
    }
    assert_eq!(bench.names(), ["1.3.0", "1.4.0"]);
}

#[test]
fn a_folder_that_was_not_there_comes_back_empty() {
    let bench = Bench::new();
    bench.take("1.1.0", "1.0.0").unwrap();
    bench.write("board.json", "by 1.1.0");
    bench.put_back("1.1.0").unwrap();
    assert_eq!(bench.held(), Held::new());
    assert!(bench.folder().is_dir());
}

#[test]
fn a_folder_that_is_gone_comes_back() {
    let bench = Bench::new();
    bench.write("board.json", "before");
    bench.take("1.1.0", "1.0.0").unwrap();
    fs::remove_dir_all(bench.folder()).unwrap();
    let put_back = bench.put_back("1.1.0").unwrap();
    assert_eq!(put_back.replaced, None);
    assert_eq!(bench.held()["board.json"], "before");
}

#[test]
fn more_than_may_be_copied_is_refused_and_nothing_is_lost() {
    let bench = Bench::new();
    bench.write("board.json", "ten bytes!");
    bench.take("1.1.0", "1.0.0").unwrap();
    let small = Bench::of(&bench.scratch, 9, false);
    let shares = small.can_share_here(&bench.folder().join("board.json"));
    let taken = take(&small, "1.2.0", "1.1.0", 1);
    if shares {
        assert!(matches!(taken, Ok(Taken::New(_))));
        return;
    }
    let error = taken.unwrap_err();
    assert!(
        matches!(error, SnapshotError::TooBig { cap: 9, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("snapshot.cap"), "{error}");
    assert_eq!(bench.names(), ["1.1.0"]);
    // Bytes that the disk shares are no copies.
    let linked = Bench::of(&bench.scratch, 9, true);
    take(&linked, "1.2.0", "1.1.0", 1).unwrap();
    assert_eq!(bench.names(), ["1.1.0", "1.2.0"]);
    // What cannot be taken anew must not come back from an earlier trial.
    take(&small, "1.1.0", "1.2.0", 2).unwrap_err();
    assert_eq!(bench.names(), ["1.2.0"]);
    assert_eq!(bench.put_back("1.1.0"), None);
}

impl DataSnapshots {
    fn can_share_here(&self, sample: &Path) -> bool {
        let probe = self.root.join("probe");
        let shared = reflink_copy::reflink(sample, &probe).is_ok();
        let _ = fs::remove_file(&probe);
        shared
    }
}

#[test]
fn a_folder_that_would_hold_its_own_snapshots_is_refused() {
    let data = Path::new(if cfg!(windows) { "C:\\data" } else { "/data" });
    let refused = |folder: PathBuf| DataSnapshots::new(data, "main", folder, 1, false).is_err();
    assert!(refused(data.to_owned()));
    assert!(refused(data.join("snapshots")));
    assert!(refused(data.join("snapshots/main/x")));
    assert!(refused(data.join("runtime-store")));
    assert!(refused(PathBuf::from("files")));
    assert!(!refused(data.join("files")));
    assert!(!refused(data.join("snapshots-of-mine")));
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_modes_and_times_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let bench = Bench::new();
    bench.write("secret", "s");
    bench.write("tool", "#!");
    let mode = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(bench.folder().join("secret"), mode(0o400)).unwrap();
    fs::set_permissions(bench.folder().join("tool"), mode(0o755)).unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let tool = File::options()
        .write(true)
        .open(bench.folder().join("tool"));
    tool.unwrap().set_modified(old).unwrap();
    symlink("/etc/passwd", bench.folder().join("out")).unwrap();
    symlink("gone", bench.folder().join("dangling")).unwrap();
    // Nothing that is not a file, folder or link is kept, and nothing waits for it.
    let _socket = std::os::unix::net::UnixListener::bind(bench.folder().join("socket")).unwrap();
    let mut before = bench.held_but("socket");
    bench.take("1.1.0", "1.0.0").unwrap();
    bench.write("tool", "changed");
    bench.put_back("1.1.0").unwrap();
    assert_eq!(bench.held(), std::mem::take(&mut before));
    let about = |name: &str| fs::metadata(bench.folder().join(name)).unwrap();
    assert_eq!(about("secret").permissions().mode() & 0o777, 0o400);
    assert_eq!(about("tool").permissions().mode() & 0o777, 0o755);
    assert_eq!(about("tool").modified().unwrap(), old);
    let root = fs::metadata(&bench.snapshots.root).unwrap();
    assert_eq!(root.permissions().mode() & 0o777, 0o700);
}

#[cfg(unix)]
impl Bench {
    fn held_but(&self, name: &str) -> Held {
        let away = self.folder().join(name);
        let aside = self.scratch.path().join(name);
        fs::rename(&away, &aside).unwrap();
        let held = self.held();
        fs::rename(&aside, &away).unwrap();
        held
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_folders_place_is_not_followed() {
    let bench = Bench::new();
    let elsewhere = bench.scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, bench.folder()).unwrap();
    let error = bench.take("1.1.0", "1.0.0").unwrap_err();
    assert!(matches!(error, SnapshotError::Unfit { .. }), "{error}");
    assert_eq!(bench.names(), Vec::<String>::new());
}

#[test]
fn what_a_setting_that_was_changed_left_is_of_no_other_folder() {
    let bench = Bench::new();
    bench.write("board.json", "before");
    bench.take("1.1.0", "1.0.0").unwrap();
    let data = bench.scratch.path().join("data");
    let other = DataSnapshots::new(&data, "main", data.join("other"), 1, false).unwrap();
    assert_eq!(other.list(), []);
    assert_eq!(other.put_back(&id("1.1.0")).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_a_folder_holds_comes_back_as_it_was(
        before in prop::collection::btree_map("[a-c]{1,2}(/[d-e]{1,2}){0,2}", "[ -~]{0,12}", 0..8),
        after in prop::collection::btree_map("[a-c]{1,2}(/[d-e]{1,2}){0,2}", "[ -~]{0,12}", 0..8),
    ) {
        let bench = Bench::new();
        let put = |files: &BTreeMap<String, String>| for (name, text) in files {
            let path = bench.folder().join(name);
            // A name can be a file in one and a folder in the other; then it is left out.
            let made = path.parent().is_some_and(|parent| fs::create_dir_all(parent).is_ok());
            if made { let _ = fs::write(path, text); }
        };
        put(&before);
        let was = bench.held();
        bench.take("1.1.0", "1.0.0").unwrap();
        if after.len() % 2 == 0 { let _ = fs::remove_dir_all(bench.folder()); }
        put(&after);
        let became = bench.held();
        let put_back = bench.put_back("1.1.0").unwrap();
        prop_assert_eq!(bench.held(), was);
        let aside = put_back.replaced.map(|place| held(&place)).unwrap_or_default();
        prop_assert_eq!(aside, became);
    }
}
