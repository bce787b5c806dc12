use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// `device-a` is in bucket 79 of 1.0.1.
fn terms(change: impl FnOnce(&mut serde_json::Value)) -> Terms {
    let mut manifest = serde_json::json!({
        "version": "1.0.1", "publishedAt": "2026-06-12T08:00:00Z", "stable": "1.0.0",
        "rollout": [{"percent": 50, "delaySeconds": 0}, {"percent": 50, "delaySeconds": 3600}],
    });
    change(&mut manifest);
    serde_json::from_value(serde_json::json!({
        "manifest": manifest, "source": "https://host.example/latest.json",
        "verifiedAt": "2026-06-12T08:00:00Z",
    }))
    .unwrap()
}

fn judge(
    terms: &Terms,
    version: &str,
    gated: bool,
    now: &str,
    by_person: bool,
) -> Result<(), Blocked> {
    judge_by(terms, version, gated, now, (by_person, false))
}

fn judge_by(
    terms: &Terms,
    version: &str,
    gated: bool,
    now: &str,
    (by_person, experimental): (bool, bool),
) -> Result<(), Blocked> {
    let version = version.parse().unwrap();
    let waiting = Waiting {
        version: &version,
        staged_at: at("2026-06-12T08:30:00Z"),
        gated,
    };
    let by = Launcher {
        device: Some("device-a"),
        now: at(now),
        by_person,
        experimental,
    };
    terms.judge(&waiting, &by)
}

const BEFORE: &str = "2026-06-12T08:59:59Z";
const AFTER: &str = "2026-06-12T09:00:00Z";

#[test]
fn a_plan_that_was_slowed_down_holds_what_waits() {
    let terms = terms(|_| {});
    let held = Blocked::Held {
        eligible_at: Some(at(AFTER)),
    };
    assert_eq!(judge(&terms, "1.0.1", true, BEFORE, false), Err(held));
    assert_eq!(judge(&terms, "1.0.1", true, AFTER, false), Ok(()));
}

#[test]
fn what_a_person_staged_or_starts_is_not_gated() {
    let terms = terms(|_| {});
    assert_eq!(judge(&terms, "1.0.1", false, BEFORE, false), Ok(()));
    assert_eq!(judge(&terms, "1.0.1", true, BEFORE, true), Ok(()));
}

#[test]
fn a_device_that_waits_for_no_turn_does_not_start_what_was_halted() {
    let terms = terms(|_| {});
    let experimental = |version| judge_by(&terms, version, true, BEFORE, (false, true));
    assert_eq!(experimental("1.0.1"), Ok(()));
    assert_eq!(experimental("1.0.2"), Err(Blocked::Withdrawn));
    // A person who names it has the last word.
    let by_person = judge_by(&terms, "1.0.2", true, BEFORE, (true, true));
    assert_eq!(by_person, Ok(()));
}

#[test]
fn a_turn_that_had_come_stays_when_the_clock_goes_back() {
    let terms =
        terms(|it| it["rollout"] = serde_json::json!([{"percent": 100, "delaySeconds": 60}]));
    assert_eq!(
        judge(&terms, "1.0.1", true, "2020-01-01T00:00:00Z", false),
        Ok(())
    );
}

#[test]
fn a_recall_and_an_expiry_hold_for_everyone() {
    let recalled = terms(|it| it["recalled"] = serde_json::json!(["1.0.1"]));
    let refused = judge(&recalled, "1.0.1", false, AFTER, true);
    assert_eq!(refused, Err(Blocked::Recalled));
    let mut expiring = terms(|_| {});
    expiring.expires = Some(at(AFTER));
    assert_eq!(judge(&expiring, "1.0.1", false, BEFORE, false), Ok(()));
    let since = at(AFTER);
    let refused = judge(&expiring, "1.0.1", false, AFTER, true);
    assert_eq!(refused, Err(Blocked::Expired { since }));
}

#[test]
fn a_halt_withdraws_and_something_newer_does_not() {
    let terms = terms(|_| {});
    assert_eq!(
        judge(&terms, "1.0.2", true, AFTER, false),
        Err(Blocked::Withdrawn)
    );
    assert_eq!(judge(&terms, "1.0.2", false, AFTER, false), Ok(()));
    assert_eq!(judge(&terms, "0.9.0", true, BEFORE, false), Ok(()));
}

#[test]
fn what_is_stable_or_critical_needs_no_turn() {
    let critical = terms(|it| it["critical"] = true.into());
    assert_eq!(judge(&critical, "1.0.1", true, BEFORE, false), Ok(()));
    let stable = terms(|it| {
        it["version"] = "0.9.0".into();
        it["stable"] = "1.0.1".into();
    });
    assert_eq!(judge(&stable, "1.0.1", true, BEFORE, false), Ok(()));
}

#[test]
fn terms_of_other_versions_of_this_program_are_read() {
    for text in [
        include_str!("../../fixtures/terms-1.json"),
        include_str!("../../fixtures/terms-later.json"),
    ] {
        let terms: Terms = serde_json::from_str(text).unwrap();
        assert_eq!(terms.manifest.version.as_str(), "0.15.0");
        let again: Terms = serde_json::from_str(&serde_json::to_string(&terms).unwrap()).unwrap();
        assert_eq!(again, terms);
    }
}

#[test]
fn the_time_is_never_before_the_build_or_the_last_signed_time() {
    let mut terms = terms(|_| {});
    let built = at("2026-06-01T00:00:00Z");
    let early = at("2001-01-01T00:00:00Z");
    assert_eq!(Terms::corrected(Some(&terms), early, built), built);
    terms.floor = Some(at(AFTER));
    assert_eq!(Terms::corrected(Some(&terms), early, built), at(AFTER));
    assert_eq!(Terms::corrected(None, early, built), built);
}
