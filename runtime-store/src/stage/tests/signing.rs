//! Staging where only signed versions are believed: over what nobody vouches for, and marking it.

use super::*;

fn signed() -> StagePlan {
    StagePlan {
        signed: true,
        ..plan()
    }
}

/// The same version with other bytes.
fn other(version: &str) -> Offer {
    offer_with(version, r#""license": "MIT""#)
}

/// 1.1.0 was staged on nobody's word, then trust was turned on.
fn room(version: &str) -> (Room, Offer) {
    let mut room = Room::new();
    let offer = offer(version);
    room.stage(&offer);
    room.shell.signed_only = true;
    (room, offer)
}

fn is_signed(room: &Room) -> bool {
    room.pointer().unwrap().trial.unwrap().signed
}

fn stage(room: &Room, offer: &Offer) {
    room.stage_with(offer, &signed()).unwrap();
}

#[test]
fn signed_bytes_take_the_place_of_others_under_the_same_version() {
    let (room, _) = room("1.1.0");
    let signed = other("1.1.0");
    stage(&room, &signed);
    let pointer = room.pointer().unwrap();
    assert_eq!(pointer.integrity, signed.candidate.integrity);
    assert!(is_signed(&room));
    assert_eq!((pointer.previous, pointer.replaced), (None, None));
}

#[test]
fn signed_bytes_take_the_place_of_a_higher_version_that_nobody_vouches_for() {
    let (room, _) = room("9.9.9");
    stage(&room, &offer("1.1.0"));
    assert_eq!(room.pointer().unwrap().version, v("1.1.0"));
    assert!(is_signed(&room));
}

#[test]
fn the_same_bytes_are_marked_and_nothing_is_fetched() {
    let (room, offer) = room("1.1.0");
    assert!(!is_signed(&room));
    let begun = room.begin_with(&offer, &signed());
    assert!(matches!(begun, BeginStage::AlreadyStaged), "{begun:?}");
    assert!(is_signed(&room));
    // Once known, it stays so.
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
    assert!(is_signed(&room));
    fs::remove_file(room.layout().pointer()).unwrap();
    let begun = room.begin_with(&offer, &signed());
    assert!(matches!(begun, BeginStage::TakenUp(_)), "{begun:?}");
    assert!(is_signed(&room));
}

#[test]
fn what_runs_in_its_place_is_not_gone_below() {
    let mut room = Room::new();
    room.stage(&offer("1.2.0"));
    room.confirm();
    room.stage(&offer("1.3.0"));
    room.shell.signed_only = true;
    let begun = room.begin_with(&offer("1.1.0"), &signed());
    let BeginStage::NotNewer { than } = begun else {
        panic!("{begun:?}");
    };
    assert_eq!(than, v("1.2.0"));
    // Its bytes change while the confirmed version stays to fall back to.
    stage(&room, &other("1.3.0"));
    assert_eq!(
        room.pointer().unwrap().previous.unwrap().version,
        v("1.2.0")
    );
}

#[test]
fn what_was_ready_or_is_signed_is_not_staged_over_with_the_same_version() {
    let (room, _) = room("1.1.0");
    let pointer = room.pointer().unwrap();
    for (signed, ready) in [(true, false), (false, true)] {
        let mut kept = pointer.clone();
        let trial = kept.trial.as_mut().unwrap();
        trial.signed = signed;
        trial.ready_at = ready.then_some(plan().now);
        kept.save(room.layout()).unwrap();
        let begun = room.begin_with(&other("1.1.0"), &self::signed());
        assert!(matches!(begun, BeginStage::NotNewer { .. }), "{begun:?}");
    }
    assert_eq!(room.pointer().unwrap().version, v("1.1.0"));
}
