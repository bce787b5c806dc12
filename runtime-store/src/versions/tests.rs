use std::fs;
use std::time::Duration;

use crate::testing::{Bench, now, v};

fn problem(bench: &Bench) -> Option<String> {
    let verified = bench.store.verify(Some(&v("1.1.0"))).unwrap();
    assert_eq!(verified.len(), 1);
    verified[0].problem.clone()
}

#[test]
fn whole_versions_are_listed_and_have_no_problem() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.stage("1.2.0");
    fs::create_dir(bench.path("versions/1.3.0")).unwrap();
    let versions = bench.store.versions().unwrap();
    let versions: Vec<_> = versions.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["1.1.0", "1.2.0"]);
    let verified = bench.store.verify(None).unwrap();
    let whole: Vec<_> = verified.iter().map(|it| it.problem.is_none()).collect();
    assert_eq!(whole, [true, true, false]);
}

#[test]
fn what_is_wrong_is_named_with_its_file() {
    let bench = Bench::new();
    assert!(problem(&bench).unwrap().contains("1.1.0` is not there"));
    bench.place("1.1.0");
    assert_eq!(problem(&bench), None);
    let manifest = bench.path("versions/1.1.0/package.json");
    fs::write(&manifest, r#"{"name":"other","version":"1.1.0"}"#).unwrap();
    assert!(problem(&bench).unwrap().contains("package.json"));
    fs::remove_file(bench.entry("1.1.0")).unwrap();
    assert!(problem(&bench).unwrap().contains("its entry"));
    fs::remove_file(bench.path("records/1.1.0.json")).unwrap();
    assert!(problem(&bench).unwrap().contains("1.1.0.json"));
}

#[test]
fn a_record_without_a_folder_counts_only_where_a_launch_may_go_there() {
    let bench = Bench::new();
    bench.confirm("1.1.0");
    bench.place("1.2.0");
    bench.store.daily_check(now(), Duration::ZERO);
    for version in ["1.1.0", "1.2.0"] {
        fs::remove_dir_all(bench.path(&format!("versions/{version}"))).unwrap();
    }
    let verified = bench.store.verify(None).unwrap();
    let found: Vec<_> = verified.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(found, ["1.1.0"]);
    assert!(verified[0].problem.is_some());
}
