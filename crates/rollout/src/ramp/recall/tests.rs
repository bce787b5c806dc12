use super::*;
use crate::ramp::testing::{at, document, ramp, v, wish};
use crate::ramp::{halt, resume, start};
use serde_json::json;

#[test]
fn the_newest_recalled_gives_its_place_to_another_for_everyone() {
    let before = document(&ramp());
    let change = recall(&before, &v("1.1.0"), &v("1.0.0"), at("12T20:00:00")).unwrap();
    assert_eq!(
        change.after.value(),
        json!({
            "package": "demo", "version": "1.0.0", "publishedAt": "2026-06-12T20:00:00Z",
            "rollout": [], "stable": "1.0.0", "recalled": ["0.9.0", "1.1.0"], "later": { "x": [1] },
            "signedAt": "2026-06-12T20:00:00Z", "stopped": ["1.1.0"],
        })
    );
    assert_eq!(change.everyones(), Some(&v("1.0.0")));
}

#[test]
fn an_older_one_recalled_leaves_the_ramp_alone() {
    let before = document(&ramp());
    let change = recall(&before, &v("1.0.0"), &v("0.8.0"), at("12T20:00:00")).unwrap();
    let after = change.after.manifest();
    assert_eq!(after.recalled, [v("0.9.0"), v("1.0.0")]);
    assert_eq!(after.stable, Some(v("0.8.0")));
    assert_eq!(after.plan, before.manifest().plan);
    assert_eq!(after.published_at, before.manifest().published_at);
    assert_eq!(after.notes, before.manifest().notes);
}

#[test]
fn what_takes_the_place_is_everyones_and_may_run() {
    let recall = |version: &str, to: &str, now: &str| {
        recall(&document(&ramp()), &v(version), &v(to), at(now))
    };
    let now = "12T20:00:00";
    assert_eq!(
        recall("1.1.0", "1.1.0", now),
        Err(RampError::Itself(v("1.1.0")))
    );
    assert_eq!(
        recall("1.1.0", "0.9.0", now),
        Err(RampError::Recalled(v("0.9.0")))
    );
    assert_eq!(
        recall("1.1.0", "1.2.0", now),
        Err(RampError::NotOut(v("1.2.0")))
    );
    assert_eq!(
        recall("1.0.0", "1.1.0", now),
        Err(RampError::NotOut(v("1.1.0")))
    );
    assert!(recall("1.0.0", "1.1.0", "13T08:00:00").is_ok());
    // Between what the others have and the newest is only what never was everyone's.
    assert_eq!(
        recall("1.1.0", "1.0.5", "13T08:00:00"),
        Err(RampError::NotOut(v("1.0.5")))
    );
    assert!(recall("1.1.0", "0.8.0", now).is_ok());
    // Where nothing older is known, whatever is older will do: a recall must not be out of reach.
    let mut first = ramp();
    first.as_object_mut().unwrap().remove("stable");
    let first = document(&first);
    assert!(super::recall(&first, &v("1.1.0"), &v("1.0.0"), at(now)).is_ok());
}

#[test]
fn what_was_halted_is_no_place_to_go_to() {
    let now = at("12T20:00:00");
    let halted = halt(&document(&ramp()), now).unwrap().after;
    let error = recall(&halted, &v("1.0.0"), &v("1.1.0"), now).unwrap_err();
    assert_eq!(error, RampError::NotOut(v("1.1.0")));
    let next = start(Some(&halted), &wish("1.2.0"), now).unwrap().after;
    let error = recall(&next, &v("1.0.0"), &v("1.1.0"), now).unwrap_err();
    assert_eq!(error, RampError::NotOut(v("1.1.0")));
}

#[test]
fn what_was_recalled_on_its_way_is_remembered_as_nobodys() {
    let now = at("12T20:00:00");
    let before = document(&ramp());
    let recalled = recall(&before, &v("1.1.0"), &v("1.0.0"), now)
        .unwrap()
        .after;
    assert_eq!(recalled.stopped(), [v("1.1.0")]);
    let undone = unrecall(&recalled, &v("1.1.0"), now).unwrap().after;
    assert_eq!(undone.stopped(), [v("1.1.0")]);
    let later = recall(&before, &v("1.1.0"), &v("1.0.0"), at("20T08:00:00")).unwrap();
    assert!(later.after.stopped().is_empty(), "it was everyone's");
}

#[test]
fn a_recall_is_over_when_the_list_is() {
    let before = document(&ramp());
    let now = at("12T20:00:00");
    let recalled = recall(&before, &v("1.1.0"), &v("1.0.0"), now).unwrap();
    assert!(
        recall(&recalled.after, &v("1.1.0"), &v("1.0.0"), now)
            .unwrap_err()
            .is_nothing_to_do()
    );
    let undone = unrecall(&recalled.after, &v("1.1.0"), now).unwrap();
    let after = undone.after.manifest();
    assert_eq!(after.recalled, [v("0.9.0")]);
    assert_eq!(after.version, v("1.0.0"), "it is not offered by itself");
    assert!(start(Some(&undone.after), &wish("1.1.0"), now).is_ok());
    assert_eq!(
        unrecall(&undone.after, &v("1.1.0"), now),
        Err(RampError::NotRecalled(v("1.1.0")))
    );
}

#[test]
fn the_version_put_back_by_a_halt_can_be_recalled_too() {
    let now = at("12T20:00:00");
    let halted = halt(&document(&ramp()), now).unwrap().after;
    let change = recall(&halted, &v("1.0.0"), &v("0.8.0"), now).unwrap();
    assert_eq!(change.after.manifest().version, v("0.8.0"));
    let resumed = resume(&change.after, now).unwrap();
    assert_eq!(resumed.after.manifest().stable, Some(v("0.8.0")));
    let recalled = recall(&halted, &v("1.1.0"), &v("1.0.0"), now).unwrap();
    assert_eq!(recalled.after.halted(), None, "nothing is left to resume");
}
