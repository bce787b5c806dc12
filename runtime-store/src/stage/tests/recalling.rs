//! Staging under what the publisher says: over recalled versions, and with or without a gate.

use serde_json::json;

use super::*;
use crate::transition;

impl Room {
    fn recall(&self, recalled: &[&str]) {
        let releases = json!({ "schema": 1, "manifest": {
            "manifest": { "version": "1.2.0", "recalled": recalled },
            "source": "https://host.example/latest.json", "verifiedAt": "2026-06-12T08:00:00Z",
        }});
        self.store.save_releases(&releases).unwrap();
    }

    fn stage_and_confirm(&self, version: &str) {
        self.stage(&offer(version));
        self.confirm();
    }

    fn previous(&self) -> Option<String> {
        Some(self.pointer()?.previous?.version.to_string())
    }

    fn gated(&self) -> bool {
        self.pointer().unwrap().trial.unwrap().gated
    }
}

fn gated() -> StagePlan {
    StagePlan {
        gated: true,
        ..plan()
    }
}

#[test]
fn a_recalled_version_is_not_staged_whoever_asks() {
    let room = Room::new();
    room.recall(&["1.2.0"]);
    let offer = offer("1.2.0");
    for older in [false, true] {
        let plan = StagePlan { older, ..plan() };
        let begun = room.store.begin_stage(&offer.candidate, &room.shell, &plan);
        assert!(
            matches!(begun, Err(StageError::Recalled { .. })),
            "{begun:?}"
        );
    }
    assert_eq!(room.pointer(), None);
}

#[test]
fn a_version_that_is_recalled_while_it_is_fetched_is_not_staged() {
    let room = Room::new();
    let offer = offer("1.2.0");
    let whole = room.unpack(&offer).verify().unwrap();
    room.recall(&["1.2.0"]);
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::Recalled { .. }), "{error}");
    assert_eq!(room.pointer(), None);
    assert!(!room.layout().version(&v("1.2.0")).exists());
}

#[test]
fn an_older_version_takes_the_place_of_a_recalled_one() {
    let room = Room::new();
    room.stage_and_confirm("1.3.0");
    assert!(matches!(
        room.begin(&offer("1.2.0")),
        BeginStage::NotNewer { .. }
    ));
    room.recall(&["1.3.0"]);
    room.stage(&offer("1.2.0"));
    assert_eq!(room.pointer().unwrap().version, v("1.2.0"));
    assert_eq!(room.previous().as_deref(), Some("1.3.0"), "skipped there");
}

#[test]
fn what_runs_in_the_place_of_a_recalled_version_is_not_staged_again_nor_gone_below() {
    let room = Room::new();
    room.stage_and_confirm("1.2.0");
    room.stage_and_confirm("1.3.0");
    room.recall(&["1.3.0"]);
    let before = room.pointer();
    assert!(matches!(
        room.begin(&offer("1.2.0")),
        BeginStage::AlreadyStaged
    ));
    assert!(matches!(
        room.begin(&offer("1.1.0")),
        BeginStage::NotNewer { than } if than == v("1.2.0")
    ));
    assert_eq!(room.pointer(), before);
    // Both recalled: nothing stands in the way.
    room.recall(&["1.3.0", "1.2.0"]);
    room.stage(&offer("1.1.0"));
    assert_eq!(room.pointer().unwrap().version, v("1.1.0"));
}

#[test]
fn staging_over_a_recalled_version_keeps_what_ran_in_its_place() {
    let room = Room::new();
    room.stage_and_confirm("1.1.0");
    room.stage_and_confirm("1.3.0");
    room.recall(&["1.3.0"]);
    room.stage(&offer("1.2.0"));
    assert_eq!(room.previous().as_deref(), Some("1.1.0"));
    room.store.gc().unwrap();
    assert!(!room.layout().version(&v("1.3.0")).exists());
    assert!(room.layout().version(&v("1.1.0")).exists());
}

#[test]
fn the_soak_of_a_recalled_version_is_not_waited_for() {
    let room = Room::new();
    room.stage_and_confirm("1.1.0");
    room.stage(&offer("1.3.0"));
    room.recall(&["1.3.0"]);
    room.stage(&offer("1.2.0"));
    let pointer = room.pointer().unwrap();
    assert_eq!((pointer.version, pointer.replaced), (v("1.2.0"), None));
    assert_eq!(pointer.previous.unwrap().version, v("1.1.0"));
}

#[test]
fn a_timers_staging_is_gated_until_a_person_asks_for_it() {
    let room = Room::new();
    let offer = offer("1.2.0");
    room.stage_with(&offer, &gated()).unwrap();
    assert!(room.gated());
    assert!(matches!(
        room.begin_with(&offer, &gated()),
        BeginStage::AlreadyStaged
    ));
    assert!(room.gated());
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
    assert!(!room.gated(), "not durable");
    // A timer that finds it again takes nothing back.
    room.begin_with(&offer, &gated());
    assert!(!room.gated());
}

#[test]
fn a_whole_version_that_is_taken_up_is_gated_by_who_takes_it_up() {
    for by_timer in [false, true] {
        let room = Room::new();
        let offer = offer("1.2.0");
        room.stage_with(&offer, &gated()).unwrap();
        fs::remove_file(room.layout().pointer()).unwrap();
        let plan = StagePlan {
            gated: by_timer,
            ..plan()
        };
        let begun = room.begin_with(&offer, &plan);
        assert!(matches!(begun, BeginStage::TakenUp(_)), "{begun:?}");
        assert_eq!(room.gated(), by_timer);
    }
}

#[test]
fn a_person_who_fetches_what_a_timer_has_staged_meanwhile_has_asked_for_it() {
    let room = Room::new();
    let offer = offer("1.2.0");
    let whole = room.unpack(&offer).verify().unwrap();
    let id = VersionId {
        version: offer.candidate.version.clone(),
        integrity: offer.candidate.integrity.clone(),
    };
    // As if another process had been faster.
    let entry = room.layout().version(&id.version).join(ENTRY);
    fs::create_dir_all(entry.parent().unwrap()).unwrap();
    fs::write(&entry, "").unwrap();
    let mut pointer = transition::staged(None, &id, &entry, 2, gated().now);
    pointer.trial.as_mut().unwrap().gated = true;
    pointer.save(room.layout()).unwrap();
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::Overtaken { .. }), "{error}");
    assert!(!room.gated());
}
