use super::*;
use crate::testing::{Bench, id, now, v};

fn take(bench: &Bench, launch: &str, version: &str, trial: bool) -> Lease {
    let lock = StoreLock::take(bench.store.layout()).unwrap();
    let layout = bench.store.layout();
    let to = if trial { Use::Trial } else { Use::Launch };
    Lease::take(&lock, layout, launch, &id(version), to, now()).unwrap()
}

fn look(bench: &Bench) -> InUse {
    let lock = StoreLock::take(bench.store.layout()).unwrap();
    InUse::look(&lock, bench.store.layout()).unwrap()
}

#[test]
fn a_lease_holds_its_version_until_its_last_holder_lets_go() {
    let bench = Bench::new();
    let shell = take(&bench, "a", "1.1.0", true);
    let guard = Lease::join(shell.path()).unwrap();
    for holder in [shell, guard] {
        let in_use = look(&bench);
        assert!(in_use.holds(&v("1.1.0")) && !in_use.holds(&v("1.2.0")));
        assert!(in_use.tries(&id("1.1.0")));
        drop(holder);
    }
    assert_eq!(look(&bench), InUse::default());
    assert!(!bench.path("leases/a").exists());
}

#[test]
fn a_lease_of_a_confirmed_version_is_no_trial() {
    let bench = Bench::new();
    let _lease = take(&bench, "a", "1.1.0", false);
    let in_use = look(&bench);
    assert!(in_use.holds(&v("1.1.0")) && !in_use.tries(&id("1.1.0")));
}

#[test]
fn a_file_that_nobody_locks_holds_nothing_and_is_swept() {
    let bench = Bench::new();
    fs::write(bench.path("leases/dead"), "{}").unwrap();
    let live = take(&bench, "live", "1.1.0", true);
    assert!(!look(&bench).holds(&v("9.9.9")));
    bench.store.sweep().unwrap();
    assert!(!bench.path("leases/dead").exists());
    assert!(live.path().exists());
}

#[test]
fn a_live_lease_that_cannot_be_read_holds_every_version() {
    let bench = Bench::new();
    let lease = take(&bench, "a", "1.1.0", true);
    fs::write(lease.path(), "garbage").unwrap();
    assert!(look(&bench).holds(&v("9.9.9")));
}

#[test]
fn a_lease_that_is_gone_cannot_be_joined() {
    let bench = Bench::new();
    let lease = take(&bench, "a", "1.1.0", true);
    let path = lease.path().to_owned();
    drop(lease);
    let error = Lease::join(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_lease_whose_last_holder_is_letting_go_holds_nothing() {
    let bench = Bench::new();
    fs::write(bench.path("leases/a"), "{}").unwrap();
    // What `drop` holds between letting go and removing the file.
    let leaving = File::open(bench.path("leases/a")).unwrap();
    leaving.lock().unwrap();
    assert_eq!(look(&bench), InUse::default());
    drop(leaving);
    assert_eq!(look(&bench), InUse::default());
}

#[test]
fn a_lease_has_its_content_and_its_lock_before_the_store_is_free_for_a_sweep() {
    let bench = Bench::new();
    let lock = StoreLock::take(bench.store.layout()).unwrap();
    let layout = bench.store.layout();
    let lease = Lease::take(&lock, layout, "a", &id("1.1.0"), Use::Trial, now()).unwrap();
    sweep(&lock, layout).unwrap();
    let in_use = InUse::look(&lock, layout).unwrap();
    assert!(lease.path().exists() && in_use.tries(&id("1.1.0")));
    assert!(in_use.runs(&id("1.1.0")) && !in_use.runs(&id("1.2.0")));
    assert!(!in_use.holds(&v("1.2.0")), "its content is not there yet");
}
