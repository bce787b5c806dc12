//! Versions that are whole on disk before any pointer names them.

use super::*;
use crate::bad::BadList;
use crate::lease::InUse;
use crate::record::RehearsalRecord;
use crate::{Asked, Rehearsed};

fn rehearse() -> StagePlan {
    StagePlan {
        rehearse: true,
        ..plan()
    }
}

impl Room {
    fn place(&self, offer: &Offer) -> Placed {
        self.fetch_with(offer, &rehearse())
            .unpack(&offer.tgz[..])
            .unwrap()
            .verify()
            .unwrap()
            .place()
            .unwrap()
    }

    fn unrehearsed(&self, offer: &Offer) -> Placed {
        match self.begin_with(offer, &rehearse()) {
            BeginStage::Unrehearsed(placed) => placed,
            other => panic!("not to be rehearsed: {other:?}"),
        }
    }

    fn record(&self, version: &str) -> Record {
        Record::load(self.layout(), &v(version)).unwrap().unwrap()
    }

    fn bad(&self) -> Vec<(String, BadReason)> {
        let (list, _) = BadList::read(self.layout()).unwrap();
        list.entries()
            .map(|bad| (bad.version.to_string(), bad.reason.clone()))
            .collect()
    }

    fn in_use(&self) -> InUse {
        InUse::look(&StoreLock::take(self.layout()).unwrap(), self.layout()).unwrap()
    }

    fn runs(&self) -> String {
        let now = plan().now;
        let launch = self
            .store
            .begin_launch(&self.shell, Asked::ByPerson, &[], now);
        launch.choice.version.to_string()
    }
}

#[test]
fn a_placed_version_is_whole_and_leased_and_no_launch_finds_it() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let before = room.pointer_bytes();
    let placed = room.place(&offer("1.2.0"));
    assert_eq!(room.pointer_bytes(), before);
    assert_eq!(room.runs(), "1.1.0");
    assert!(placed.choice().entry.is_file());
    assert_eq!(placed.choice().trial, None);
    assert_eq!(room.record("1.2.0"), *placed.record());
    let in_use = room.in_use();
    assert!(in_use.holds(&v("1.2.0")));
    assert!(!in_use.tries(&placed.id()) && !in_use.runs(&placed.id()));
    drop(placed);
    assert!(!room.in_use().holds(&v("1.2.0")));
    room.assert_no_partial();
}

#[test]
fn what_is_placed_under_a_pointer_to_nothing_is_not_launched_before_its_rehearsal() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    room.confirm();
    let lost = offer("1.2.0");
    let staged = room.stage(&lost);
    room.confirm();
    // As in stores from before there were descriptions: nobody knows that it is damaged.
    fs::remove_file(room.layout().records().join("1.2.0~tree.json")).unwrap();
    fs::remove_file(staged.entry).unwrap();
    let placed = room.place(&lost);
    assert_eq!(room.runs(), "1.1.0");
    let now = plan().now;
    placed.point(Rehearsed::Passed, now).unwrap();
    assert_eq!(room.runs(), "1.2.0");
    let previous = room.pointer().unwrap().previous.unwrap();
    assert_eq!(previous.version, v("1.1.0"));
}

#[test]
fn a_rehearsed_version_becomes_a_trial_and_its_record_says_how() {
    let now = plan().now;
    for (how, passed, skipped) in [
        (Rehearsed::Passed, Some(now), None),
        (
            Rehearsed::Skipped("on battery".into()),
            None,
            Some("on battery"),
        ),
    ] {
        let room = Room::new();
        let staged = room.place(&offer("1.1.0")).point(how, now).unwrap();
        let pointer = room.pointer().unwrap();
        assert_eq!(pointer.version, v("1.1.0"));
        assert_eq!(pointer.entry, staged.entry);
        assert_eq!(pointer.trial.unwrap().attempts_left, 2);
        let rehearsal = room.record("1.1.0").rehearsal.unwrap();
        assert_eq!(
            (rehearsal.passed, rehearsal.skipped.as_deref()),
            (passed, skipped)
        );
        assert!(!room.in_use().holds(&v("1.1.0")));
        assert_eq!(room.runs(), "1.1.0");
    }
}

#[test]
fn what_was_placed_is_found_again_with_everything_it_had_come_to() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let mut placed = room.place(&offer);
    assert_eq!(placed.begin_rehearsal().unwrap(), 1);
    assert_eq!(room.record("1.1.0").rehearsal.unwrap().begun, 1);
    assert_eq!(placed.lost(), 1, "it is under way");
    placed.note_failure("too slow").unwrap();
    assert_eq!(placed.lost(), 0);
    drop(placed);
    let mut again = room.unrehearsed(&offer);
    assert_eq!(
        (again.rehearsals(), again.failures()),
        (1, &["too slow".to_owned()][..])
    );
    assert_eq!(again.begin_rehearsal().unwrap(), 2);
    again.end_rehearsal().unwrap();
    assert_eq!((again.lost(), again.failures().len()), (0, 1));
    assert_eq!(again.begin_rehearsal().unwrap(), 3);
    drop(again);
    let mut again = room.unrehearsed(&offer);
    assert_eq!(again.lost(), 1, "the shell died under it");
    again.begin_rehearsal().unwrap();
    again.point(Rehearsed::Passed, plan().now).unwrap();
    assert!(matches!(
        room.begin_with(&offer, &rehearse()),
        BeginStage::AlreadyStaged
    ));
}

#[test]
fn who_rehearses_a_version_keeps_others_from_it_and_not_from_pointing_elsewhere() {
    let room = Room::new();
    let first = offer("1.1.0");
    let placed = room.place(&first);
    assert!(matches!(
        room.begin_with(&first, &rehearse()),
        BeginStage::Busy
    ));
    room.stage(&offer("1.2.0"));
    let error = placed.point(Rehearsed::Passed, plan().now).unwrap_err();
    assert!(
        matches!(error, StageError::Overtaken { ref by, .. } if **by == v("1.2.0")),
        "{error:?}"
    );
    assert_eq!(room.runs(), "1.2.0");
}

#[test]
fn what_no_longer_holds_after_a_rehearsal_moves_no_pointer() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let placed = room.place(&offer);
    room.condemn(&offer);
    let error = placed.point(Rehearsed::Passed, plan().now).unwrap_err();
    assert!(matches!(error, StageError::BecameBad { .. }), "{error:?}");

    let room = Room::new();
    let placed = room.place(&offer);
    fs::remove_file(placed.choice().entry).unwrap();
    placed.point(Rehearsed::Passed, plan().now).unwrap_err();
    assert_eq!(room.pointer(), None);

    let room = Room::new();
    let mut placed = room.place(&offer);
    Record::remove(room.layout(), &v("1.1.0")).unwrap();
    placed.begin_rehearsal().unwrap_err();
    placed.point(Rehearsed::Passed, plan().now).unwrap_err();
    assert_eq!(room.pointer(), None);
}

#[test]
fn a_rehearsal_condemns_durably_and_leaves_nothing_behind() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let before = room.pointer_bytes();
    let failing = offer("1.2.0");
    let entry = room
        .place(&failing)
        .condemn("failed twice", plan().now)
        .unwrap();
    assert_eq!(
        (entry.reason, entry.detail),
        (BadReason::Rehearsal, "failed twice".to_owned())
    );
    assert_eq!(room.bad(), [("1.2.0".to_owned(), BadReason::Rehearsal)]);
    assert!(!room.layout().version(&v("1.2.0")).exists());
    assert!(Record::load(room.layout(), &v("1.2.0")).unwrap().is_none());
    assert_eq!(room.pointer_bytes(), before);
    assert!(matches!(
        room.begin_with(&failing, &rehearse()),
        BeginStage::Bad(_)
    ));
}

#[test]
fn a_list_that_cannot_be_written_leaves_the_folder() {
    let room = Room::new();
    let placed = room.place(&offer("1.1.0"));
    fs::write(room.layout().bad_list(), r#"{"schema":9,"bad":[]}"#).unwrap();
    placed.condemn("failed twice", plan().now).unwrap_err();
    assert!(room.layout().version(&v("1.1.0")).exists());
}

#[test]
fn what_runs_elsewhere_is_not_condemned_by_its_rehearsal() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let placed = room.place(&offer);
    // A shell that does not rehearse takes it up meanwhile.
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
    let now = plan().now;
    let launch = room
        .store
        .begin_launch(&room.shell, Asked::Passively, &[], now);
    room.store.ready(&launch, &[], now).unwrap();
    let error = placed.condemn("failed twice", now).unwrap_err();
    assert!(
        matches!(error, crate::StoreError::InService { .. }),
        "{error}"
    );
    assert_eq!(room.bad(), []);
    drop(launch);
    assert_eq!(room.runs(), "1.1.0");
}

#[test]
fn condemned_after_another_shell_staged_it_it_is_launched_by_nobody() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let placed = room.place(&offer);
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
    placed.condemn("failed twice", plan().now).unwrap();
    assert_eq!(room.runs(), "1.0.0");
    assert_eq!(room.pointer(), None);
}

#[test]
fn where_rehearsals_are_off_what_waits_for_one_is_taken_up() {
    let room = Room::new();
    let offer = offer("1.1.0");
    drop(room.place(&offer));
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
    assert_eq!(room.record("1.1.0").rehearsal, None);

    let room = Room::new();
    let mut placed = room.place(&offer);
    placed.begin_rehearsal().unwrap();
    drop(placed);
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
    let rehearsal = room.record("1.1.0").rehearsal.unwrap();
    assert!(
        rehearsal.begun == 1 && !rehearsal.is_open(),
        "{rehearsal:?}"
    );
}

#[test]
fn a_version_from_before_rehearsals_is_rehearsed_when_it_is_taken_up() {
    let room = Room::new();
    let offer = offer("1.1.0");
    room.stage(&offer);
    assert_eq!(room.record("1.1.0").rehearsal, None);
    fs::remove_file(room.layout().pointer()).unwrap();
    let placed = room.unrehearsed(&offer);
    assert_eq!(placed.rehearsals(), 0);
    placed.point(Rehearsed::Passed, plan().now).unwrap();
    fs::remove_file(room.layout().pointer()).unwrap();
    assert!(
        matches!(room.begin_with(&offer, &rehearse()), BeginStage::TakenUp(_)),
        "it has passed once and for all"
    );
}

#[test]
fn what_already_runs_here_is_not_rehearsed_any_more() {
    let room = Room::new();
    let first = offer("1.1.0");
    room.stage(&first);
    let mut pointer = room.pointer().unwrap();
    pointer.trial.as_mut().unwrap().ready_at = Some(plan().now);
    pointer.save(room.layout()).unwrap();
    room.stage(&offer("1.2.0"));
    let older = StagePlan {
        older: true,
        ..rehearse()
    };
    let begun = room.begin_with(&first, &older);
    assert!(matches!(begun, BeginStage::TakenUp(_)), "{begun:?}");
}

#[test]
fn a_person_who_rolls_back_to_what_was_not_rehearsed_stages_it_first() {
    let room = Room::new();
    let offer = offer("1.1.0");
    drop(room.place(&offer));
    let order = crate::RollBack::PersonTo(v("1.1.0"));
    let done = room
        .store
        .roll_back(&room.shell, order, plan().now)
        .unwrap();
    assert_eq!(done, crate::RolledBack::NotStored(v("1.1.0")));
    assert_eq!(room.pointer(), None);
}

#[test]
fn every_launch_of_it_holds_the_same_lease_under_an_id_of_its_own() {
    let room = Room::new();
    let placed = room.place(&offer("1.1.0"));
    let launches = [placed.launch(), placed.launch()];
    assert_ne!(launches[0].id, launches[1].id);
    for launch in &launches {
        assert_eq!(launch.lease.as_ref().unwrap().path(), placed.lease().path());
        assert!(launch.taken.is_none());
    }
    drop(placed);
    assert!(room.in_use().holds(&v("1.1.0")), "a launch still holds it");
    drop(launches);
    assert!(!room.in_use().holds(&v("1.1.0")));
}

#[test]
fn the_newest_version_that_waits_for_its_rehearsal_outlives_a_collection() {
    let room = Room::new();
    room.stage(&offer("1.2.0"));
    room.confirm();
    let newer = [offer("1.3.0"), offer("1.4.0")];
    for offer in &newer {
        drop(room.place(offer));
    }
    let failing = offer("1.5.0");
    drop(room.place(&failing));
    room.condemn(&failing);
    let mut swept = room.store.gc().unwrap().versions;
    swept.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(swept, [v("1.3.0"), v("1.5.0")]);
    room.unrehearsed(&newer[1])
        .point(Rehearsed::Passed, plan().now)
        .unwrap();
    assert_eq!(room.store.gc().unwrap().versions, []);
    room.stage(&offer("1.6.0"));
    room.confirm();
    room.stage(&offer("1.7.0"));
    drop(room.store.gc().unwrap());
    let order = crate::RollBack::PersonTo(v("1.4.0"));
    let done = room.store.roll_back(&room.shell, order, plan().now);
    assert_eq!(done.unwrap(), crate::RolledBack::NotStored(v("1.4.0")));
}

#[test]
fn only_the_last_failures_are_kept_and_none_without_end() {
    let room = Room::new();
    let mut placed = room.place(&offer("1.1.0"));
    for round in 0..6 {
        placed.note_failure(format!("round {round}")).unwrap();
    }
    placed.note_failure("x".repeat(1 << 20)).unwrap();
    assert_eq!(placed.failures().len(), RehearsalRecord::MOST_FAILURES);
    assert_eq!(placed.failures()[0], "round 3");
    assert!(placed.failures()[3].len() <= 2000);
}

#[test]
fn what_a_rehearsal_writes_beside_the_code_is_taken_away_and_fetches_nothing() {
    let room = Room::new();
    let offer = offer("1.2.0");
    let litter = |room: &Room| {
        let cache = room.layout().version(&v("1.2.0")).join("dist/__pycache__");
        fs::create_dir(&cache).unwrap();
        fs::write(cache.join("a.pyc"), "").unwrap();
        cache
    };
    let mut placed = room.place(&offer);
    placed.begin_rehearsal().unwrap();
    placed.end_rehearsal().unwrap();
    // Nothing is known about it that day.
    let cache = litter(&room);
    drop(placed);
    let placed = room.unrehearsed(&offer);
    assert!(!cache.exists());
    assert_eq!(placed.rehearsals(), 1);
    let cache = litter(&room);
    placed.point(Rehearsed::Passed, plan().now).unwrap();
    assert!(!cache.exists());
    assert_eq!(room.runs(), "1.2.0");
}

#[test]
fn rehearsals_are_counted_on_where_the_same_content_is_fetched_again() {
    let room = Room::new();
    let offer = offer("1.2.0");
    let mut placed = room.place(&offer);
    for _ in 0..3 {
        placed.begin_rehearsal().unwrap();
    }
    drop(placed);
    fs::remove_file(room.layout().version(&v("1.2.0")).join(ENTRY)).unwrap();
    let placed = room.place(&offer);
    assert_eq!((placed.rehearsals(), placed.lost()), (3, 3));
}

#[test]
fn what_somebody_took_up_meanwhile_waits_for_no_rehearsal_again() {
    let room = Room::new();
    let offer = offer("1.2.0");
    let mut placed = room.place(&offer);
    placed.begin_rehearsal().unwrap();
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
    let taken_up = room.record("1.2.0");
    assert!(!taken_up.awaits_rehearsal());
    placed.note_failure("slow").unwrap();
    placed.begin_rehearsal().unwrap();
    assert_eq!(room.record("1.2.0"), taken_up);
    assert_eq!((placed.rehearsals(), placed.failures().len()), (2, 1));
    // Also where it was never to have one.
    let other = offer_with("1.3.0", r#""other": true"#);
    let mut placed = room.place(&other);
    assert!(matches!(room.begin(&other), BeginStage::TakenUp(_)));
    placed.note_failure("slow").unwrap();
    assert!(!room.record("1.3.0").awaits_rehearsal());
}
