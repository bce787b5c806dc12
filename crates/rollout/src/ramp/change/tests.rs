use super::*;
use crate::Position;
use crate::ramp::testing::{at, document, ramp, v, wish};
use crate::ramp::{parse_plan, parse_share, plan_text, recall};
use proptest::prelude::*;
use serde_json::json;

fn share(text: &str) -> Share {
    parse_share(text).unwrap()
}

fn now_share(change: &Change) -> String {
    change.outlook().now.to_string()
}

#[test]
fn the_first_start_makes_the_document() {
    let wish = Start {
        known: Some(v("1.0.0")),
        notes: Some("New.".to_owned()),
        ..wish("1.1.0")
    };
    let change = start(None, &wish, "2026-06-12T08:00:00.7Z".parse().unwrap()).unwrap();
    assert_eq!(change.outlook_before(), None);
    assert_eq!(
        change.after.value(),
        json!({
            "package": "demo", "version": "1.1.0", "publishedAt": "2026-06-12T08:00:00Z",
            "rollout": [
                { "percent": 30, "delaySeconds": 0 }, { "percent": 70, "delaySeconds": 43_200 },
            ],
            "stable": "1.0.0", "recalled": [], "critical": false, "notes": "New.",
            "signedAt": "2026-06-12T08:00:00Z",
        })
    );
    assert_eq!(change.everyones(), Some(&v("1.0.0")));
}

#[test]
fn stable_is_what_was_everyones() {
    let stable = |now: &str| {
        let change = start(Some(&document(&ramp())), &wish("1.2.0"), at(now)).unwrap();
        change.after.manifest().stable.clone()
    };
    // 1.1.0 is everyone's from the 13th at 8 on, and not a second earlier.
    assert_eq!(stable("13T07:59:59"), Some(v("1.0.0")));
    assert_eq!(stable("13T08:00:00"), Some(v("1.1.0")));

    let mut critical = ramp();
    critical["critical"] = true.into();
    let change = start(
        Some(&document(&critical)),
        &wish("1.2.0"),
        at("12T08:00:00"),
    )
    .unwrap();
    let after = change.after.manifest();
    assert_eq!(after.stable, Some(v("1.1.0")));
    assert!(!after.critical && after.notes.is_none(), "that was 1.1.0's");
    assert_eq!(after.recalled, [v("0.9.0")]);

    let mut recalled = ramp();
    recalled["recalled"] = json!(["1.1.0"]);
    let change = start(
        Some(&document(&recalled)),
        &wish("1.2.0"),
        at("20T08:00:00"),
    )
    .unwrap();
    assert_eq!(change.after.manifest().stable, Some(v("1.0.0")));
}

#[test]
fn what_devices_would_not_take_is_not_started() {
    let start = |version: &str, again| {
        let wish = Start {
            again,
            ..wish(version)
        };
        start(Some(&document(&ramp())), &wish, at("12T20:00:00"))
    };
    assert_eq!(start("1.1.0", false), Err(RampError::Started(v("1.1.0"))));
    let same = Start {
        plan: document(&ramp()).manifest().plan.clone(),
        notes: Some("Faster.".to_owned()),
        ..wish("1.1.0")
    };
    let again = super::start(Some(&document(&ramp())), &same, at("12T20:00:00")).unwrap_err();
    assert_eq!(again, RampError::StartedAlready(v("1.1.0")));
    assert!(again.is_nothing_to_do());
    for other in [
        Start {
            notes: None,
            ..same.clone()
        },
        Start {
            critical: true,
            ..same.clone()
        },
        Start {
            stable: Some(v("0.8.0")),
            ..same.clone()
        },
    ] {
        let error = super::start(Some(&document(&ramp())), &other, at("12T20:00:00")).unwrap_err();
        assert_eq!(error, RampError::Started(v("1.1.0")), "{other:?}");
    }
    assert_eq!(
        start("1.0.5", true),
        Err(RampError::NotNewer {
            version: v("1.0.5").into(),
            present: v("1.1.0").into()
        })
    );
    assert_eq!(start("0.9.0", true), Err(RampError::Recalled(v("0.9.0"))));
    let again = start("1.1.0", true).unwrap();
    assert_eq!(again.after.manifest().stable, Some(v("1.0.0")));
    assert_eq!(again.after.manifest().published_at, Some(at("12T20:00:00")));
    assert_eq!(now_share(&again), "30 %");
}

#[test]
fn what_the_others_may_have_can_be_decided() {
    let with = |stable: &str| Start {
        stable: Some(v(stable)),
        known: Some(v("1.1.5")),
        ..wish("1.2.0")
    };
    let now = at("20T08:00:00");
    let first = start(None, &with("0.9.0"), now).unwrap();
    assert_eq!(first.after.manifest().stable, Some(v("0.9.0")));
    let document = document(&ramp());
    let later = start(Some(&document), &with("1.0.0"), now).unwrap();
    assert_eq!(later.after.manifest().stable, Some(v("1.0.0")));
    assert_eq!(
        start(Some(&document), &with("0.9.0"), now),
        Err(RampError::Recalled(v("0.9.0")))
    );
    for stable in ["1.2.0", "1.3.0"] {
        let error = start(None, &with(stable), now).unwrap_err();
        assert_eq!(error.kind(), "not-older", "{error}");
    }
}

#[test]
fn before_there_is_a_document_nothing_starts_below_what_everyone_has() {
    let first = |version: &str, plan: &str| {
        let wish = Start {
            known: Some(v("1.4.0")),
            plan: parse_plan(plan).unwrap(),
            ..wish(version)
        };
        start(None, &wish, at("12T08:00:00"))
    };
    for (version, plan) in [("1.2.0", "100%"), ("1.2.0", "10%")] {
        let error = first(version, plan).unwrap_err();
        assert_eq!(error.kind(), "not-newer", "{version} {plan}");
    }
    // The first version published is named by the tag, and is what a site begins with.
    assert!(first("1.4.0", "100%").is_ok());
    assert!(first("1.4.0", "10%").is_ok());
    assert!(first("1.5.0", "10%").is_ok());
}

#[test]
fn what_came_to_nothing_is_remembered_past_the_next_start() {
    let now = at("12T20:00:00");
    let halted = halt(&document(&ramp()), now).unwrap().after;
    let next = start(Some(&halted), &wish("1.2.0"), now).unwrap().after;
    assert_eq!(next.value()["stopped"], json!(["1.1.0"]));
    let next = start(Some(&next), &wish("1.3.0"), now).unwrap().after;
    assert_eq!(next.stopped(), [v("1.1.0"), v("1.2.0")], "overtaken");
    let read = Document::parse(&next.bytes(), None).unwrap();
    assert_eq!(read, next);
    // Once 1.3.0 is what the others may have, both are older than it, and still nobody's.
    let everyones = promote(&next, Share::ALL, now).unwrap().after;
    let next = start(Some(&everyones), &wish("1.4.0"), now).unwrap().after;
    assert_eq!(next.manifest().stable, Some(v("1.3.0")));
    for never_out in ["1.1.0", "1.2.0"] {
        let error = recall(&next, &v("1.4.0"), &v(never_out), now).unwrap_err();
        assert_eq!(error, RampError::NotOut(v(never_out)));
    }
    assert!(recall(&next, &v("1.4.0"), &v("1.0.0"), now).is_ok());

    // Whoever starts it again, or says that the others may have it, lets it out.
    let again = start(Some(&halted), &wish("1.1.0"), now).unwrap().after;
    assert!(again.value().get("stopped").is_none());
    let named = Start {
        stable: Some(v("1.1.0")),
        ..wish("1.2.0")
    };
    assert!(
        start(Some(&halted), &named, now)
            .unwrap()
            .after
            .stopped()
            .is_empty()
    );
    // A memory that was spoilt by hand is none.
    let mut by_hand = ramp();
    by_hand["stopped"] = json!({ "x": 1 });
    assert!(document(&by_hand).stopped().is_empty());
}

#[test]
fn what_recalled_devices_go_to_is_not_halted() {
    let mut everyones = ramp();
    everyones["rollout"] = json!([]);
    let now = at("12T20:00:00");
    let recalled = recall(&document(&everyones), &v("1.1.0"), &v("1.0.0"), now)
        .unwrap()
        .after;
    let error = halt(&recalled, now).unwrap_err();
    assert_eq!(error, RampError::TheOnlyOne(v("1.0.0")));
    assert!(!error.is_nothing_to_do());
    // On its way it is nobody's place to go to yet.
    let next = start(Some(&recalled), &wish("1.2.0"), now).unwrap().after;
    assert_eq!(
        halt(&next, now).unwrap().after.manifest().version,
        v("1.0.0")
    );
}

#[test]
fn what_is_halted_may_be_started_over() {
    let halted = halt(&document(&ramp()), at("12T20:00:00")).unwrap().after;
    let change = start(Some(&halted), &wish("1.1.0"), at("13T20:00:00")).unwrap();
    assert_eq!(change.after.halted(), None);
    assert_eq!(change.after.manifest().stable, Some(v("1.0.0")));

    let mut alone = ramp();
    alone.as_object_mut().unwrap().remove("stable");
    let halted = halt(&document(&alone), at("12T20:00:00")).unwrap().after;
    let change = start(Some(&halted), &wish("1.1.0"), at("13T20:00:00")).unwrap();
    assert_eq!(now_share(&change), "30 %");
}

#[test]
fn promoting_lets_in_the_first_and_leaves_the_others_their_turns() {
    let promoted = |to: &str, now: &str| promote(&document(&ramp()), share(to), at(now));
    let plan = |change: &Change| plan_text(&change.after.manifest().plan);

    let change = promoted("45%", "12T10:00:00").unwrap();
    assert_eq!(plan(&change), "30%,15%@2h,15%@12h,40%@24h");
    assert_eq!(change.outlook_before().unwrap().now, share("30%"));
    assert_eq!(now_share(&change), "45 %");
    assert_eq!(
        change.after.manifest().published_at,
        Some(at("12T08:00:00"))
    );
    assert_eq!(change.after.value()["later"], json!({ "x": [1] }));
    assert_eq!(change.after.value()["notes"], "Faster.");

    let change = promoted("100%", "12T20:00:00").unwrap();
    assert_eq!(plan(&change), "30%,70%@12h");
    assert_eq!(change.everyones(), Some(&v("1.1.0")));

    for (to, now) in [
        ("30%", "12T10:00:00"),
        ("45%", "12T20:00:00"),
        ("100%", "13T08:00:00"),
    ] {
        let error = promoted(to, now).unwrap_err();
        assert!(error.is_nothing_to_do(), "{to}: {error}");
    }
}

#[test]
fn what_waits_for_its_publication_is_promoted_without_moving_the_others() {
    let mut later = ramp();
    later["publishedAt"] = "2026-06-12T10:00:00Z".into();
    let change = promote(&document(&later), share("10%"), at("12T08:00:00")).unwrap();
    assert_eq!(
        plan_text(&change.after.manifest().plan),
        "10%,20%@2h,30%@14h,40%@24h",
        "nobody waits longer than a day"
    );
    assert_eq!(now_share(&change), "10 %");
}

#[test]
fn halting_puts_back_what_everyone_has_and_remembers() {
    let change = halt(&document(&ramp()), at("12T20:00:00")).unwrap();
    assert_eq!(
        change.after.value(),
        json!({
            "package": "demo", "version": "1.0.0", "publishedAt": "2026-06-12T20:00:00Z",
            "rollout": [], "recalled": ["0.9.0"], "later": { "x": [1] },
            "signedAt": "2026-06-12T20:00:00Z",
            "halted": {
                "version": "1.1.0", "publishedAt": "2026-06-12T08:00:00Z",
                "rollout": ramp()["rollout"], "notes": "Faster.", "critical": false,
                "at": "2026-06-12T20:00:00Z",
            },
        })
    );
    assert_eq!(change.everyones(), Some(&v("1.0.0")));
    let halted = change.after;
    assert_eq!(halted.halted().unwrap().share(), share("60%"));
    let now = at("12T21:00:00");
    let is_halted = RampError::IsHalted(v("1.1.0"));
    let again = halt(&halted, now).unwrap_err();
    assert_eq!(again, RampError::HaltedAlready(v("1.1.0")));
    assert!(again.is_nothing_to_do());
    assert_eq!(promote(&halted, Share::ALL, now), Err(is_halted));
}

#[test]
fn halted_with_nothing_older_it_is_nobodys() {
    for stable in [json!(null), json!("1.1.0")] {
        let mut alone = ramp();
        alone["stable"] = stable;
        alone["critical"] = true.into();
        alone["recalled"] = json!([]);
        let change = halt(&document(&alone), at("12T20:00:00")).unwrap();
        let after = change.after.manifest();
        assert_eq!(
            (&after.version, after.published_at),
            (&v("1.1.0"), Some(never()))
        );
        assert!(!after.critical, "which would let everyone in");
        assert_eq!(now_share(&change), "0 %");
        assert!(change.outlook().later.is_empty());
        assert_eq!(change.everyones(), None);
        let resumed = resume(&change.after, at("14T20:00:00")).unwrap();
        assert_eq!(now_share(&resumed), "100 %", "it was critical");
    }
}

#[test]
fn resuming_goes_on_where_it_stopped() {
    let halted = halt(&document(&ramp()), at("12T19:59:59")).unwrap().after;
    let change = resume(&halted, at("15T00:00:00")).unwrap();
    let after = change.after.manifest();
    assert_eq!(now_share(&change), "30 %");
    assert_eq!(change.outlook().later[0].at, at("15T00:00:01"));
    assert_eq!(after.version, v("1.1.0"));
    assert_eq!(after.stable, Some(v("1.0.0")));
    assert_eq!(after.notes.as_deref(), Some("Faster."));
    assert_eq!(change.after.halted(), None);
    assert_eq!(change.after.value()["later"], json!({ "x": [1] }));
    assert_eq!(
        resume(&change.after, at("15T00:00:00")),
        Err(RampError::NotHalted)
    );
}

#[test]
fn what_was_recalled_meanwhile_is_not_resumed() {
    let halted = halt(&document(&ramp()), at("12T20:00:00")).unwrap().after;
    let mut by_hand = halted.value();
    by_hand["recalled"] = json!(["1.1.0"]);
    assert_eq!(
        resume(&document(&by_hand), at("12T21:00:00")),
        Err(RampError::Recalled(v("1.1.0")))
    );
    let recalled = recall(&halted, &v("1.1.0"), &v("1.0.0"), at("12T21:00:00")).unwrap();
    assert_eq!(
        resume(&recalled.after, at("12T22:00:00")),
        Err(RampError::NotHalted)
    );
    by_hand["recalled"] = json!([]);
    by_hand["version"] = "1.2.0".into();
    assert!(matches!(
        resume(&document(&by_hand), at("12T22:00:00")),
        Err(RampError::NotNewer { .. })
    ));
}

fn any_document() -> impl Strategy<Value = Document> {
    let batch = (0_u32..=6_000, 0_u64..=100_000).prop_map(
        |(share, delay)| json!({ "percent": Share::from_hundredths(share), "delaySeconds": delay }),
    );
    (
        prop::collection::vec(batch, 0..5),
        any::<bool>(),
        prop::option::of(Just("1.0.0")),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(plan, zebra, stable, critical)| {
            let mut value = ramp();
            value["rollout"] = plan.into();
            value["stable"] = stable.into();
            value["critical"] = critical.into();
            if zebra {
                value["zebra"] = json!([{ "kept": 1.50 }]);
            }
            document(&value)
        })
}

/// When a position's turn is.
fn turn(document: &Document, position: Position) -> Timestamp {
    let manifest = document.manifest();
    let delay = SignedDuration::from_secs(manifest.plan.delay(position).into());
    manifest.published_at.unwrap() + delay
}

proptest! {
    #[test]
    fn promoting_takes_nobody_out(
        before in any_document(), to in 1_u32..=10_000, since in -50_000_i64..100_000, h in any::<u32>()
    ) {
        let now = before.manifest().published_at.unwrap() + SignedDuration::from_secs(since);
        let position = Position::from_hash(h);
        let to = Share::from_hundredths(to);
        let first = position.hundredths() < to.hundredths();
        let was = turn(&before, position);
        if let Ok(change) = promote(&before, to, now) {
            let after = &change.after;
            prop_assert!(after.manifest().plan.slowest() <= Plan::MOST_DELAY);
            let is = turn(after, position);
            prop_assert!(is <= was, "nobody waits longer than before");
            prop_assert!(!first || is <= now);
            if !first && since >= 0 {
                prop_assert_eq!(is, was, "the others keep their turns");
            }
        } else if first {
            prop_assert!(was <= now || before.manifest().critical, "nothing to do means nothing missing");
        }
    }

    #[test]
    fn right_after_resuming_the_share_is_that_of_the_halt(
        before in any_document(), since in -50_000_i64..100_000, pause in 0_i64..10_000_000
    ) {
        let now = before.manifest().published_at.unwrap() + SignedDuration::from_secs(since);
        let Ok(halted) = halt(&before, now) else {
            prop_assert!(everyone(before.manifest(), now) && before.manifest().stable.is_none());
            return Ok(());
        };
        let resumed = resume(&halted.after, now + SignedDuration::from_secs(pause)).unwrap();
        prop_assert_eq!(resumed.outlook().now, halted.outlook_before().unwrap().now);
        prop_assert_eq!(resumed.outlook().now, halted.after.halted().unwrap().share());
        let turns = |outlook: Outlook, from: Timestamp| outlook.later.iter()
            .map(|turn| (turn.at.duration_since(from), turn.share)).collect::<Vec<_>>();
        prop_assert_eq!(
            turns(resumed.outlook(), resumed.at), turns(halted.outlook_before().unwrap(), halted.at),
            "and the others wait as long as they still had to"
        );
    }

    #[test]
    fn unknown_fields_survive_everything(before in any_document(), now in 0_i64..100_000) {
        let now = before.manifest().published_at.unwrap() + SignedDuration::from_secs(now);
        let halted = halt(&before, now);
        let resumed = halted.as_ref().ok().map(|halted| resume(&halted.after, now));
        let every = [
            start(Some(&before), &wish("1.2.0"), now),
            promote(&before, Share::ALL, now),
            halted,
            recall(&before, &v("1.1.0"), &v("1.0.0"), now),
        ].into_iter().chain(resumed);
        let zebra = before.value().get("zebra").cloned();
        for change in every.flatten() {
            let value = change.after.value();
            prop_assert_eq!(&value["later"], &json!({ "x": [1] }));
            prop_assert_eq!(value.get("zebra"), zebra.as_ref());
            let read = Document::parse(&change.after.bytes(), None).unwrap();
            prop_assert_eq!(&read, &change.after, "what is written is what is read");
            prop_assert_eq!(&value["signedAt"], &json!(now));
        }
    }
}
