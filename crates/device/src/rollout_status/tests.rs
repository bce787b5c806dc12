use super::*;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn config(news: &Value) -> Config {
    let mut config = json!({ "package": "demo", "entry": "x.js", "command": ["x"] });
    for (key, value) in news.as_object().unwrap() {
        config[key] = value.clone();
    }
    Config::parse(config, "test").unwrap()
}

fn plain() -> Config {
    config(&json!({ "manifest": "https://host.example/latest.json" }))
}

fn signed() -> Config {
    let trust = json!({ "root": "root.json", "url": "https://host.example/repo/" });
    config(&json!({ "trust": trust }))
}

/// `device-a` is in bucket 79 of 1.0.1.
fn terms(news: &Value) -> Terms {
    let mut terms = json!({
        "manifest": {
            "version": "1.0.1", "publishedAt": "2026-06-12T08:00:00Z", "stable": "1.0.0",
            "rollout": [{"percent": 50, "delaySeconds": 0}, {"percent": 50, "delaySeconds": 3600}],
            "recalled": ["0.9.0"], "notes": "A clock.",
        },
        "source": "https://host.example/latest.json",
        "verifiedAt": "2026-06-12T08:00:00Z",
    });
    for (key, value) in news.as_object().unwrap() {
        terms[key] = value.clone();
    }
    serde_json::from_value(terms).unwrap()
}

fn of(config: &Config, terms: Option<&Terms>, device: Option<&str>, now: &str) -> Rollout {
    Rollout::of(&RolloutFacts {
        config,
        experimental: false,
        terms,
        device,
        last_check: None,
        trouble: None,
        now: at(now),
    })
}

#[test]
fn a_device_knows_its_bucket_and_its_turn_from_what_was_kept() {
    let kept = terms(&json!({}));
    let rollout = of(
        &plain(),
        Some(&kept),
        Some("device-a"),
        "2026-06-12T08:30:00Z",
    );
    assert_eq!(rollout.mode, Mode::Manifest);
    assert_eq!(rollout.version.unwrap().as_str(), "1.0.1");
    assert_eq!(
        (rollout.bucket, rollout.delay_seconds),
        (Some(79), Some(3600))
    );
    assert_eq!(rollout.eligible_at, Some(at("2026-06-12T09:00:00Z")));
    assert_eq!(rollout.stable.unwrap().as_str(), "1.0.0");
    assert_eq!(rollout.recalled.len(), 1);
    assert_eq!((rollout.expires, rollout.expired), (None, false));
}

#[test]
fn a_device_without_an_id_has_no_bucket_and_the_slowest_turn() {
    let kept = terms(&json!({}));
    let rollout = of(&plain(), Some(&kept), None, "2026-06-12T08:30:00Z");
    assert_eq!((rollout.bucket, rollout.delay_seconds), (None, Some(3600)));
}

#[test]
fn signed_terms_expire_to_the_second() {
    let kept = terms(&json!({ "signed": true, "expires": "2026-06-19T08:00:00Z" }));
    let expired = |now| of(&signed(), Some(&kept), None, now).expired;
    assert!(!expired("2026-06-19T07:59:59Z"));
    assert!(expired("2026-06-19T08:00:00Z"));
}

#[test]
fn the_word_of_an_earlier_configuration_is_nobodys() {
    let (unsigned, kept) = (terms(&json!({})), terms(&json!({ "signed": true })));
    let heard = |config: &Config, terms: &Terms| {
        of(config, Some(terms), None, "2026-06-12T08:30:00Z")
            .version
            .is_some()
    };
    assert!(heard(&plain(), &unsigned) && heard(&signed(), &kept));
    assert!(!heard(&signed(), &unsigned), "unsigned, and yet believed");
    assert!(!heard(&plain(), &kept));
    assert!(!heard(&config(&json!({})), &unsigned));
}

#[test]
fn without_a_manifest_everything_comes_from_the_registry() {
    let rollout = of(
        &config(&json!({ "channel": "1.4.0" })),
        None,
        None,
        "2026-06-12T08:30:00Z",
    );
    assert_eq!(rollout.mode, Mode::Registry);
    assert_eq!((rollout.version, rollout.delay_seconds), (None, None));
    assert_eq!(rollout.pinned.unwrap().as_str(), "1.4.0");
}

#[test]
fn notes_are_about_one_version_and_have_an_end() {
    let of_version = |terms: &Terms, version: &str| notes(Some(terms), &version.parse().unwrap());
    let kept = terms(&json!({}));
    assert_eq!(of_version(&kept, "1.0.1").as_deref(), Some("A clock."));
    assert_eq!(of_version(&kept, "1.0.0"), None);
    let mut long = kept.clone();
    long.manifest.notes = Some("ä".repeat(NOTES + 1));
    assert_eq!(
        of_version(&long, "1.0.1").unwrap().chars().count(),
        NOTES + 1
    );
    assert!(of_version(&long, "1.0.1").unwrap().ends_with('…'));
    long.manifest.notes = Some("ä".repeat(NOTES));
    assert!(!of_version(&long, "1.0.1").unwrap().ends_with('…'));
    long.manifest.notes = Some(" \n".to_owned());
    assert_eq!(of_version(&long, "1.0.1"), None);
}

#[test]
fn a_person_starts_what_is_held_but_nothing_that_must_not_run() {
    let version: Version = "1.0.1".parse().unwrap();
    let since = at("2026-06-19T08:00:00Z");
    for (why, passes) in [
        (Blocked::Recalled, false),
        (Blocked::Expired { since }, false),
        (Blocked::Held { eligible_at: None }, true),
        (Blocked::Withdrawn, true),
    ] {
        let blocked = BlockedVersion::of(&version, &why);
        assert_eq!(blocked.passes_a_person(), passes, "{why:?}");
        assert!(blocked.message.starts_with("Version 1.0.1 "), "{blocked:?}");
    }
}

#[test]
fn a_recalled_version_goes_on_until_there_is_something_to_leave_it_for() {
    let version: Version = "1.0.1".parse().unwrap();
    let leaves = RecalledRunning::of(&version, true).message;
    assert!(leaves.contains("until the next start"), "{leaves}");
    let stays = RecalledRunning::of(&version, false).message;
    assert!(stays.contains("came with the app"), "{stays}");
}
