use rollout::BadReason;

use super::*;
use crate::testing::{Bench, id, now, v};

fn entry(version: &str, reason: BadReason) -> BadEntry {
    let id = id(version);
    BadEntry {
        version: id.version,
        integrity: id.integrity,
        reason,
        detail: "seen".to_owned(),
        at: now(),
    }
}

#[test]
fn what_is_written_is_read_back() {
    let bench = Bench::new();
    let layout = bench.store.layout();
    let mut list = BadList::load_for_change(layout, now()).unwrap();
    list.add(entry("1.1.0", BadReason::CrashLoop));
    list.save(layout).unwrap();
    assert_eq!(BadList::load(layout).unwrap(), Found::Valid(list));
}

#[test]
fn listing_the_same_content_again_keeps_the_newer_entry_only() {
    let mut list = BadList::default();
    list.add(entry("1.1.0", BadReason::CrashLoop));
    list.add(entry("1.2.0", BadReason::CrashLoop));
    list.add(entry("1.1.0", BadReason::RolledBack));
    let listed: Vec<_> = list
        .entries()
        .map(|it| (it.version.as_str(), &it.reason))
        .collect();
    assert_eq!(
        listed,
        [
            ("1.2.0", &BadReason::CrashLoop),
            ("1.1.0", &BadReason::RolledBack)
        ]
    );
}

#[test]
fn forgiving_leaves_other_versions_and_unreadable_entries() {
    let mut list: BadList = serde_json::from_str(r#"{"schema":1,"bad":[{"odd":true}]}"#).unwrap();
    list.add(entry("1.1.0", BadReason::CrashLoop));
    assert!(!list.forgive(&v("1.2.0")));
    assert!(list.forgive(&v("1.1.0")));
    assert_eq!(
        serde_json::to_string(&list).unwrap(),
        r#"{"schema":1,"bad":[{"odd":true}]}"#
    );
}
