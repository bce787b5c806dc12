use super::*;
use crate::testing::{Bench, chosen, id};

const PTY: &str = "node_modules/node-pty";

/// 1.1.0 is confirmed, with node-pty carried over from a bundled runtime that has `version`.
fn carried_bench(wants: &str) -> Bench {
    let bench = Bench::new();
    bundle(&bench, "1.0.0");
    bench.confirm("1.1.0");
    let layout = bench.store.layout();
    let dir = layout.version(&id("1.1.0").version);
    let package = serde_json::json!({
        "name": "demo", "version": "1.1.0", "dependencies": { "node-pty": wants },
    });
    fs::write(dir.join("package.json"), package.to_string()).unwrap();
    let carried = carry::copy(&bench.shell.bundled.dir, PTY, &dir).unwrap();
    let mut record = bench.store.versions().unwrap().remove(0);
    record.carried = Some(serde_json::json!([carried]));
    record.save(layout).unwrap();
    bench
}

fn bundle(bench: &Bench, version: &str) {
    let dir = bench.shell.bundled.dir.join(PTY);
    fs::create_dir_all(&dir).unwrap();
    let package = serde_json::json!({ "name": "node-pty", "version": version });
    fs::write(dir.join("package.json"), package.to_string()).unwrap();
}

fn recarry(bench: &Bench) -> Vec<Version> {
    bench
        .store
        .recarry(&bench.shell, &[PTY.to_owned()])
        .unwrap()
}

fn stored_pty(bench: &Bench) -> String {
    let path = format!("versions/1.1.0/{PTY}/package.json");
    fs::read_to_string(bench.path(&path)).unwrap()
}

#[test]
fn an_unchanged_bundled_runtime_changes_nothing() {
    assert_eq!(recarry(&carried_bench("*")), []);
}

#[test]
fn a_changed_dependency_is_carried_afresh_and_the_version_still_runs() {
    let bench = carried_bench("^1.0.0");
    bundle(&bench, "1.0.5");
    assert_eq!(recarry(&bench), [id("1.1.0").version]);
    assert!(stored_pty(&bench).contains("1.0.5"));
    assert_eq!(recarry(&bench), [], "its record was not brought up to date");
    assert_eq!(chosen(&bench.begin()).0, "1.1.0");
    assert_eq!(bench.store.verify(None).unwrap()[0].problem, None);
    bench.store.sweep().unwrap();
    for folder in ["trash", "partial"] {
        assert_eq!(fs::read_dir(bench.path(folder)).unwrap().count(), 0);
    }
}

#[test]
fn a_version_in_use_or_with_another_range_is_left_as_it_is() {
    let bench = carried_bench("*");
    bundle(&bench, "2.0.0");
    let running = bench.begin();
    assert_eq!(recarry(&bench), []);
    drop(running);
    assert_eq!(recarry(&bench).len(), 1);

    let bench = carried_bench("^1.0.0");
    bundle(&bench, "2.0.0");
    assert_eq!(recarry(&bench), []);
    assert!(stored_pty(&bench).contains("1.0.0"));
}

#[test]
fn what_is_carried_afresh_is_described_and_what_was_taken_over_keeps_its_digest() {
    let bench = carried_bench("*");
    let day = std::time::Duration::from_hours(24);
    bench.store.daily_check(crate::testing::now(), day);
    // Not to be seen without reading: it must not look as if it belonged there afterwards.
    let entry = bench.entry("1.1.0");
    let time = fs::metadata(&entry).unwrap().modified().unwrap();
    fs::write(&entry, "1.1.1").unwrap();
    let file = fs::File::options().write(true).open(&entry).unwrap();
    file.set_times(fs::FileTimes::new().set_modified(time))
        .unwrap();

    bundle(&bench, "1.0.5");
    assert_eq!(recarry(&bench), [id("1.1.0").version]);
    bench.store.quick_check(&id("1.1.0")).unwrap();
    let problem = bench.store.verify(None).unwrap()[0].problem.clone();
    assert_eq!(problem.as_deref(), Some("`dist/cli.js` was changed"));
    bundle(&bench, "1.0.6");
    assert_eq!(recarry(&bench), [], "a damaged version was described anew");
}

#[test]
fn what_a_runtime_added_keeps_nothing_from_being_carried_afresh() {
    let bench = carried_bench("*");
    let day = std::time::Duration::from_hours(24);
    bench.store.daily_check(crate::testing::now(), day);
    fs::write(bench.path("versions/1.1.0/dist/cache"), "").unwrap();
    bundle(&bench, "1.0.5");
    assert_eq!(recarry(&bench), [id("1.1.0").version]);
    assert!(!bench.path("versions/1.1.0/dist/cache").exists());
    bench.store.quick_check(&id("1.1.0")).unwrap();
}
