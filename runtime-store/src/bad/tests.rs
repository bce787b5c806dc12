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

#[test]
fn an_entry_counts_whatever_is_odd_about_its_reason_detail_or_time_and_is_kept_as_it_is() {
    let about = id("1.1.0");
    let odd = [
        serde_json::json!({ "reason": "crash-loop", "at": "yesterday" }),
        serde_json::json!({ "reason": { "code": 7 }, "at": "2026-06-12T08:00:00Z" }),
        serde_json::json!({ "reason": "crash-loop", "detail": ["a", 1], "at": 1_700_000_000 }),
        serde_json::json!({ "later": true }),
    ];
    for mut entry in odd {
        entry["version"] = serde_json::json!(about.version);
        entry["integrity"] = serde_json::json!(about.integrity);
        let file = serde_json::json!({ "schema": 1, "bad": [entry] });
        let mut list: BadList = serde_json::from_value(file.clone()).unwrap();
        assert!(
            list.entries()
                .any(|entry| entry.is_about(&about.version, &about.integrity)),
            "{file}"
        );
        assert_eq!(list.unreadable(), 0, "{file}");
        assert_eq!(serde_json::to_value(&list).unwrap(), file);
        assert!(list.forgive(&about.version), "{file}");
    }
}

#[test]
fn an_entry_without_a_sound_version_or_integrity_counts_for_nothing_and_is_kept() {
    let file = r#"{"schema":1,"bad":[{"version":"1.1","integrity":"sha512-"},null,17]}"#;
    let list: BadList = serde_json::from_str(file).unwrap();
    assert_eq!((list.entries().count(), list.unreadable()), (0, 3));
    assert_eq!(serde_json::to_string(&list).unwrap(), file);
}
