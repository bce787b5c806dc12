use std::fs::{self, File, FileTimes};
#[cfg(unix)]
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::testing::{Bench, id, now};

const DAY: Duration = Duration::from_hours(24);

/// A store with the version 1.1.0 and its tree manifest.
fn described() -> Bench {
    let bench = Bench::new();
    bench.place("1.1.0");
    fs::write(bench.path("versions/1.1.0/dist/ballast"), vec![7; 600_000]).unwrap();
    bench.store.daily_check(now(), DAY);
    bench
}

fn quick(bench: &Bench) -> Result<(), String> {
    bench
        .store
        .quick_check(&id("1.1.0"))
        .map_err(|damage| damage.detail)
}

fn full(bench: &Bench) -> Option<String> {
    let verified = bench.store.verify(Some(&id("1.1.0").version)).unwrap();
    assert_eq!(verified.len(), 1);
    verified[0].problem.clone()
}

fn has_finding(bench: &Bench) -> bool {
    !bench.store.damaged().is_empty()
}

/// Flips a byte; afterwards the file has the size and the time that it had.
fn flip_unseen(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[2] ^= 1;
    fs::write(path, bytes).unwrap();
    set_time(path, time);
}

fn set_time(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

#[test]
fn a_version_as_it_was_staged_passes_both_checks_and_leaves_no_finding() {
    let bench = described();
    assert_eq!(quick(&bench), Ok(()));
    assert_eq!(full(&bench), None);
    assert!(!has_finding(&bench));
}

/// A damage, and the words for it.
type Damages = (&'static str, fn(&Path));

#[test]
fn every_damage_that_names_sizes_or_times_show_is_found_at_the_next_launch() {
    let damages: [Damages; 8] = [
        ("`dist/cli.js` was changed", |dir| {
            let path = dir.join("dist/cli.js");
            flip_unseen(&path);
            set_time(&path, SystemTime::now() + Duration::from_secs(9));
        }),
        ("`dist/cli.js` was changed", |dir| {
            fs::write(dir.join("dist/cli.js"), "longer than it was").unwrap();
        }),
        ("`dist/ballast` is missing", |dir| {
            fs::remove_file(dir.join("dist/ballast")).unwrap();
        }),
        ("`dist/extra.js` was added", |dir| {
            fs::write(dir.join("dist/extra.js"), "").unwrap();
        }),
        (
            "`dist/__pycache__` was added, `dist/__pycache__/a.pyc` was added",
            |dir| {
                fs::create_dir(dir.join("dist/__pycache__")).unwrap();
                fs::write(dir.join("dist/__pycache__/a.pyc"), "").unwrap();
            },
        ),
        ("is empty", |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::create_dir(dir).unwrap();
        }),
        ("is not there", |dir| fs::remove_dir_all(dir).unwrap()),
        ("is not there", |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::write(dir, "a file").unwrap();
        }),
    ];
    for (words, damage) in damages {
        let bench = described();
        damage(&bench.path("versions/1.1.0"));
        let found = quick(&bench).unwrap_err();
        assert!(
            found.ends_with(words) || found.ends_with(&format!("{words}`")),
            "{found}"
        );
        assert!(!has_finding(&bench), "a quick check wrote one");
        assert_eq!(full(&bench), Some(found));
        assert!(has_finding(&bench));
    }
}

#[cfg(unix)]
#[test]
fn modes_links_and_closed_folders_are_found() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let mode = |path: PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let bench = described();
    let dir = bench.path("versions/1.1.0");
    let was = fs::metadata(dir.join("dist/cli.js"))
        .unwrap()
        .permissions()
        .mode()
        & 0o7777;
    mode(dir.join("dist/cli.js"), 0o600);
    assert_eq!(
        quick(&bench),
        Err(format!(
            "`dist/cli.js` has mode 600 and should have {was:o}"
        ))
    );
    mode(dir.join("dist/cli.js"), was);
    assert_eq!(quick(&bench), Ok(()));

    let elsewhere = bench.path("elsewhere");
    fs::rename(dir.join("dist"), &elsewhere).unwrap();
    symlink(&elsewhere, dir.join("dist")).unwrap();
    assert!(
        quick(&bench)
            .unwrap_err()
            .contains("`dist` is something else than it was")
    );
    fs::remove_file(dir.join("dist")).unwrap();
    fs::rename(&elsewhere, dir.join("dist")).unwrap();
    assert_eq!(quick(&bench), Ok(()));

    mode(dir.join("dist"), 0);
    let found = quick(&bench).unwrap_err();
    mode(dir.join("dist"), 0o755);
    assert!(found.contains("`dist` has mode 0"), "{found}");
}

#[test]
fn a_flipped_byte_behind_the_same_size_and_time_is_refused_from_the_full_check_on() {
    let bench = described();
    flip_unseen(&bench.path("versions/1.1.0/dist/ballast"));
    assert_eq!(quick(&bench), Ok(()), "it cannot be seen without reading");
    let words = "`dist/ballast` was changed".to_owned();
    assert_eq!(full(&bench), Some(words.clone()));
    assert_eq!(quick(&bench), Err(words));
    // In another process too.
    assert!(bench.other_process().quick_check(&id("1.1.0")).is_err());
    // Put right by hand, it is known to be right once it was read.
    flip_unseen(&bench.path("versions/1.1.0/dist/ballast"));
    assert!(quick(&bench).is_err());
    assert_eq!(full(&bench), None);
    assert_eq!(quick(&bench), Ok(()));
    assert!(!has_finding(&bench));
}

#[test]
fn what_has_only_another_time_is_read_once() {
    let bench = described();
    let path = bench.path("versions/1.1.0/dist/ballast");
    set_time(&path, SystemTime::now() - Duration::from_hours(1));
    let Health::Whole(Some(_)) = bench.store.glance(&id("1.1.0")) else {
        panic!("another time was not noticed");
    };
    assert_eq!(quick(&bench), Ok(()));
    assert_eq!(bench.store.glance(&id("1.1.0")), Health::Whole(None));
    // Known by its new time, it is not read: this flip is not seen.
    flip_unseen(&path);
    assert_eq!(quick(&bench), Ok(()));
}

#[test]
fn a_finding_about_other_content_says_nothing() {
    let bench = described();
    flip_unseen(&bench.path("versions/1.1.0/dist/ballast"));
    full(&bench);
    let other = VersionId {
        integrity: id("2.0.0").integrity,
        ..id("1.1.0")
    };
    bench.store.quick_check(&other).unwrap();
    fs::write(bench.path("records/1.1.0~damage.json"), "garbage").unwrap();
    assert_eq!(quick(&bench), Ok(()));
    assert!(!has_finding(&bench));
}

#[test]
fn what_was_read_of_a_folder_that_is_no_longer_there_counts_for_nothing() {
    let bench = described();
    let layout = bench.store.layout();
    let dir = layout.version(&id("1.1.0").version);
    let before = standing(&dir);
    let aside = bench.path("aside");
    fs::rename(&dir, &aside).unwrap();
    fs::create_dir(&dir).unwrap();
    assert_ne!(standing(&dir), before);
    fs::remove_dir(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    assert_eq!(standing(&dir), before);
}

#[test]
fn a_version_taken_away_while_it_is_read_leaves_no_finding() {
    let bench = described();
    let dir = bench.path("versions/1.1.0");
    let barred = bench.path("records/1.1.0.json");
    fs::remove_dir_all(&dir).unwrap();
    fs::remove_file(barred).unwrap();
    let health = bench.store.full_check(&id("1.1.0"), Pace::Full).unwrap();
    assert_eq!(health, Health::Unknown);
    assert!(!bench.path("records/1.1.0~damage.json").exists());
}

#[test]
fn versions_are_told_from_what_stands_beside_their_records() {
    let bench = described();
    bench.place("1.0.0-rc");
    let recorded = recorded(bench.store.layout()).unwrap();
    let recorded: Vec<_> = recorded.iter().map(Version::as_str).collect();
    assert_eq!(recorded, ["1.0.0-rc", "1.1.0"]);
    assert_eq!(beside("1.1.0~tree.json"), Some(id("1.1.0").version));
    assert_eq!(beside("1.1.0~damage.json"), Some(id("1.1.0").version));
    assert_eq!(beside("1.1.0.json"), None);
}

/// One way to tamper with a file of [`described`].
#[derive(Debug, Clone, Copy)]
enum Tamper {
    Flip(usize),
    Append,
    Remove,
    Rename,
    Beside,
}

fn tamper(file: &Path, how: Tamper) {
    match how {
        Tamper::Flip(at) => {
            let mut bytes = fs::read(file).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 0x10;
            fs::write(file, bytes).unwrap();
        }
        Tamper::Append => {
            let mut bytes = fs::read(file).unwrap();
            bytes.push(0);
            fs::write(file, bytes).unwrap();
        }
        Tamper::Remove => fs::remove_file(file).unwrap(),
        Tamper::Rename => fs::rename(file, file.with_extension("moved")).unwrap(),
        Tamper::Beside => fs::write(file.with_extension("new"), "").unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is done to whichever file, and whatever times say: a full check finds it and names
    /// it, and from then on so does the next launch.
    #[test]
    fn nothing_that_is_done_to_a_file_escapes_a_full_check(
        file in prop::sample::select(vec!["dist/cli.js", "dist/ballast", "package.json"]),
        how in prop_oneof![
            any::<usize>().prop_map(Tamper::Flip),
            Just(Tamper::Append),
            Just(Tamper::Remove),
            Just(Tamper::Rename),
            Just(Tamper::Beside),
        ],
        same_time in any::<bool>(),
    ) {
        let bench = described();
        let path = bench.path("versions/1.1.0").join(file);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        tamper(&path, how);
        if same_time && path.exists() {
            set_time(&path, time);
        }
        let found = full(&bench).expect("it was not found");
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        prop_assert!(found.contains(stem), "{}", found);
        prop_assert_eq!(quick(&bench), Err(found));
    }
}

#[test]
fn nothing_is_left_beside_a_record_that_is_removed() {
    let bench = described();
    fs::write(bench.path("versions/1.1.0/dist/added"), "").unwrap();
    full(&bench);
    Record::remove(bench.store.layout(), &id("1.1.0").version).unwrap();
    assert_eq!(names(&bench.path("records")).unwrap(), [""; 0]);
}

/// As a runtime that keeps a cache beside its code.
fn litter(bench: &Bench) {
    let cache = bench.path("versions/1.1.0/dist/__pycache__");
    fs::create_dir_all(&cache).unwrap();
    fs::write(cache.join("a.pyc"), "").unwrap();
}

#[test]
fn what_was_added_is_taken_away_without_fetching_anything_once_nobody_uses_it() {
    let bench = described();
    bench.confirm("1.1.0");
    let runs = bench.begin();
    litter(&bench);
    assert!(full(&bench).unwrap().contains("__pycache__"));
    assert!(!bench.store.tidy(&id("1.1.0")).unwrap(), "it is in use");
    assert!(bench.path("versions/1.1.0/dist/__pycache__").exists());
    drop(runs);
    assert!(bench.store.tidy(&id("1.1.0")).unwrap());
    assert!(!bench.path("versions/1.1.0/dist/__pycache__").exists());
    assert!(!has_finding(&bench) && quick(&bench).is_ok());
}

#[test]
fn nothing_is_taken_away_where_more_is_wrong() {
    let bench = described();
    litter(&bench);
    flip_unseen(&bench.path("versions/1.1.0/dist/cli.js"));
    assert!(full(&bench).is_some());
    assert!(!bench.store.tidy(&id("1.1.0")).unwrap());
    assert!(bench.path("versions/1.1.0/dist/__pycache__").exists());
}

#[test]
fn what_a_running_version_adds_keeps_no_other_launch_of_it_from_running() {
    let bench = described();
    bench.confirm("1.1.0");
    let leads = bench.begin();
    assert_eq!(leads.choice.version.as_str(), "1.1.0");
    litter(&bench);
    let follow = || {
        bench
            .store
            .follow_launch(&bench.shell, Some(&id("1.1.0")), now())
    };
    let follows = follow().unwrap();
    drop(leads);
    // The leader is started again beside it.
    let leads = bench.begin();
    assert_eq!(leads.choice.version.as_str(), "1.1.0");
    flip_unseen(&bench.path("versions/1.1.0/dist/cli.js"));
    assert!(full(&bench).is_some());
    assert!(matches!(follow(), Err(crate::WhyNot::Damaged(_))));
    drop((leads, follows));
    bench.store.daily_check(now(), DAY);
    assert_ne!(bench.begin().choice.version.as_str(), "1.1.0");
}
