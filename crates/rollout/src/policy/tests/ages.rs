//! How old a release must be.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::MinimumAge;

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(1_781_000_000 + second).unwrap()
}

fn age(least: u64, since: Option<i64>, now: i64) -> MinimumAge {
    MinimumAge {
        least: Duration::from_secs(least),
        since: since.map(second),
        now: second(now),
    }
}

fn came_to(scene: &Device, age: MinimumAge) -> (&'static str, &'static str) {
    let facts = Facts {
        minimum_age: Some(age),
        ..scene.facts()
    };
    let decision = decide(&facts);
    (decision.kind(), decision.reason())
}

#[test]
fn a_release_that_is_too_young_waits_to_the_second() {
    let scene = Device::offered("1.1.0");
    assert_eq!(
        came_to(&scene, age(60, Some(0), 59)),
        ("hold", "minimum-age")
    );
    assert_eq!(
        came_to(&scene, age(60, Some(0), 60)),
        ("stage", "no-manifest")
    );
    // Seen just now: its age begins.
    assert_eq!(came_to(&scene, age(60, None, 0)), ("hold", "minimum-age"));
    assert_eq!(came_to(&scene, age(0, None, 0)), ("stage", "no-manifest"));
    // Published in the future, by a clock that is ahead.
    assert_eq!(
        came_to(&scene, age(60, Some(90), 100)),
        ("hold", "minimum-age")
    );
}

#[test]
fn an_age_that_no_calendar_holds_is_never_reached_and_breaks_nothing() {
    let forever = MinimumAge {
        least: Duration::MAX,
        ..age(0, Some(0), 0)
    };
    assert_eq!(forever.until(), Some(Timestamp::MAX));
    assert_eq!(
        came_to(&Device::offered("1.1.0"), forever),
        ("hold", "minimum-age")
    );
}

#[test]
fn the_source_is_not_asked_about_what_is_too_young() {
    let scene = Device::offered("1.1.0");
    let version = scene.latest.as_ref().unwrap().version.clone();
    let offer = Offer::Take {
        version: version.clone(),
        reason: StageReason::Eligible,
    };
    let facts = |age| Facts {
        offer: &offer,
        candidate: None,
        minimum_age: Some(age),
        ..scene.facts()
    };
    let young = age(60, Some(0), 30);
    assert_eq!(worth_asking(&facts(young)), None);
    let until = second(60);
    assert_eq!(
        decide(&facts(young)),
        Decision::Hold(version.clone(), HoldReason::MinimumAge { until })
    );
    assert_eq!(worth_asking(&facts(age(60, Some(0), 60))), Some(&version));
}

#[test]
fn what_is_staged_already_or_bad_is_not_said_to_be_young() {
    let mut scene = Device::offered("1.1.0");
    let latest = scene.latest.clone().unwrap();
    let young = age(60, Some(0), 30);
    scene.bad = vec![BadEntry {
        version: latest.version.clone(),
        integrity: latest.integrity.clone(),
        reason: BadReason::CrashLoop,
        detail: String::new(),
        at: second(0),
    }];
    assert_eq!(came_to(&scene, young), ("hold", "bad-version"));
    scene.bad.clear();
    scene.staged = Some((latest.version, latest.integrity));
    assert_eq!(came_to(&scene, young), ("none", "already-staged"));
}

proptest! {
    #[test]
    fn time_only_admits(least in 0_u64..10_000, since in -5000_i64..5000, now in -5000_i64..5000, later in 0_i64..20_000) {
        let until = age(least, Some(since), now).until();
        let then = age(least, Some(since), now + later).until();
        prop_assert!(until.is_some() || then.is_none());
        if let Some(until) = until {
            prop_assert!(until > second(now));
            prop_assert_eq!(until, second(since + i64::try_from(least).unwrap()));
        }
    }
}
