use super::*;
use crate::Withheld;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// `device-a` is in bucket 65 of 1.0.0, and `device-b` in 76.
fn manifest(change: impl FnOnce(&mut serde_json::Value)) -> Manifest {
    let mut value = serde_json::json!({
        "version": "1.0.0", "publishedAt": "2026-06-12T08:00:00Z",
        "rollout": [{"percent": 66, "delaySeconds": 0}, {"percent": 34, "delaySeconds": 3600}],
    });
    change(&mut value);
    serde_json::from_value(value).unwrap()
}

fn facts(manifest: &Manifest) -> OfferFacts<'_> {
    OfferFacts {
        manifest,
        device: Some("device-b"),
        now: at("2026-06-12T08:30:00Z"),
        by_person: false,
        experimental: false,
        pin: None,
    }
}

fn held() -> Withheld {
    Withheld::Held {
        eligible_at: Some(at("2026-06-12T09:00:00Z")),
    }
}

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn take(version: &str, reason: StageReason) -> Offer {
    Offer::Take {
        version: v(version),
        reason,
    }
}

#[test]
fn the_gate_opens_with_the_time_alone() {
    let manifest = manifest(|_| {});
    let mut facts = facts(&manifest);
    let nothing = Offer::Nothing {
        newest: v("1.0.0"),
        withheld: held(),
    };
    assert_eq!(offer(&facts), (nothing, false));
    facts.now = at("2026-06-12T09:00:00Z");
    let taken = (take("1.0.0", StageReason::Eligible), false);
    assert_eq!(offer(&facts), taken);
    facts.now = at("2026-06-12T08:00:00Z");
    facts.device = Some("device-a");
    assert_eq!(offer(&facts), taken);
}

#[test]
fn a_person_a_switch_or_a_critical_release_goes_past_it() {
    let plain = manifest(|_| {});
    let person = OfferFacts {
        by_person: true,
        ..facts(&plain)
    };
    assert_eq!(offer(&person), (take("1.0.0", StageReason::Eligible), true));
    let switched = OfferFacts {
        experimental: true,
        ..facts(&plain)
    };
    assert_eq!(
        offer(&switched),
        (take("1.0.0", StageReason::Experimental), true)
    );
    let critical = manifest(|it| it["critical"] = true.into());
    assert_eq!(
        offer(&facts(&critical)),
        (take("1.0.0", StageReason::Critical), true)
    );
}

#[test]
fn whoever_is_held_may_have_what_is_stable() {
    let manifest = manifest(|it| it["stable"] = "0.9.0".into());
    let reason = StageReason::Instead {
        newest: v("1.0.0"),
        withheld: held(),
    };
    assert_eq!(offer(&facts(&manifest)), (take("0.9.0", reason), false));
}

#[test]
fn what_is_recalled_is_offered_to_nobody() {
    let recalled = manifest(|it| {
        it["recalled"] = serde_json::json!(["1.0.0", "0.9.0"]);
        it["stable"] = "0.9.0".into();
        it["critical"] = true.into();
    });
    let asked = OfferFacts {
        by_person: true,
        experimental: true,
        ..facts(&recalled)
    };
    let nothing = Offer::Nothing {
        newest: v("1.0.0"),
        withheld: Withheld::Recalled,
    };
    assert_eq!(offer(&asked), (nothing, false));
}

#[test]
fn a_pin_is_followed_whatever_the_rollout_says_but_not_against_a_recall() {
    let plain = manifest(|_| {});
    let (old, same, new) = (v("0.8.0"), v("1.0.0"), v("1.1.0"));
    let pinned = |pin| {
        offer(&OfferFacts {
            pin: Some(pin),
            ..facts(&plain)
        })
        .0
    };
    let reason = StageReason::Instead {
        newest: v("1.0.0"),
        withheld: Withheld::Pinned { to: old.clone() },
    };
    assert_eq!(pinned(&old), take("0.8.0", reason));
    assert_eq!(pinned(&same), take("1.0.0", StageReason::Pinned));
    assert_eq!(pinned(&new), take("1.1.0", StageReason::Pinned));
    let recalled = manifest(|it| it["recalled"] = serde_json::json!(["0.8.0"]));
    let nothing = Offer::Nothing {
        newest: v("0.8.0"),
        withheld: Withheld::Recalled,
    };
    let facts = OfferFacts {
        pin: Some(&old),
        ..facts(&recalled)
    };
    assert_eq!(offer(&facts).0, nothing);
}
