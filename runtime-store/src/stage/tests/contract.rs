//! What a runtime needs of this app, at staging and over what does not run here.

use rollout::contract::{Needs, Offers, Unmet};

use super::*;
use crate::{Asked, Source, WhyNot};

fn needing(version: &str, contract: u32) -> Offer {
    offer_with(version, &format!(r#""refit": {{"contract": {contract}}}"#))
}

impl Room {
    fn offering(contract: u32) -> Self {
        let mut room = Self::new();
        room.shell.offers.contract = contract;
        room
    }

    fn begin_launch(&self) -> crate::Launch {
        self.store
            .begin_launch(&self.shell, Asked::Passively, &[], plan().now)
    }
}

#[test]
fn an_archive_whose_contract_is_not_met_leaves_no_trace() {
    let room = Room::new();
    let error = room.refused(&needing("1.1.0", 2), &plan());
    let StageError::Contract { version, why } = error else {
        panic!("{error:?}");
    };
    assert_eq!(version, v("1.1.0"));
    let too_new = Unmet::TooNew {
        needs: 2,
        offered: 1,
    };
    assert_eq!(*why, too_new);
}

#[test]
fn a_declaration_that_cannot_be_read_is_refused_too() {
    let room = Room::new();
    let offer = offer_with("1.1.0", r#""refit": {"requires": "tray"}"#);
    let error = room.refused(&offer, &plan());
    assert!(matches!(error, StageError::Contract { .. }), "{error:?}");
}

#[test]
fn what_it_needs_is_in_its_record() {
    let room = Room::offering(2);
    room.stage(&needing("1.1.0", 2));
    let record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    let needs = Needs {
        contract: Some(2),
        requires: Vec::new(),
    };
    assert_eq!(record.needs, Some(needs));
}

#[test]
fn a_stored_version_that_this_app_cannot_host_is_passed_over_and_stays() {
    let mut room = Room::offering(2);
    let offer = needing("1.1.0", 2);
    room.stage(&offer);
    let before = room.pointer_bytes();
    room.shell.offers = Offers::default();
    let launch = room.begin_launch();
    assert_eq!(launch.choice.source, Source::Bundled);
    assert!(
        matches!(launch.choice.passed_over[..], [ref it] if matches!(it.why, WhyNot::Contract(_))),
        "{:?}",
        launch.choice.passed_over
    );
    assert!(launch.failures.is_empty());
    room.store.ready(&launch, &[], plan().now).unwrap();
    room.store.gc().unwrap();
    assert_eq!(room.pointer_bytes(), before);
    assert!(matches!(room.begin(&offer), BeginStage::Contract(_)));
    room.shell.offers.contract = 2;
    assert_eq!(room.begin_launch().choice.version, v("1.1.0"));
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
}

#[test]
fn a_record_from_before_contracts_is_held_against_its_package() {
    let mut room = Room::offering(2);
    room.stage(&needing("1.1.0", 2));
    let mut record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    record.needs = None;
    record.save(room.layout()).unwrap();
    fs::remove_file(room.layout().records().join("1.1.0~tree.json")).unwrap();
    assert_eq!(room.begin_launch().choice.version, v("1.1.0"));
    room.shell.offers = Offers::default();
    assert_eq!(room.begin_launch().choice.source, Source::Bundled);
    let package = room.layout().version(&v("1.1.0")).join("package.json");
    fs::write(&package, "{").unwrap();
    room.shell.offers.contract = 2;
    assert_eq!(room.begin_launch().choice.source, Source::Bundled);
    fs::remove_file(package).unwrap();
    assert_eq!(room.begin_launch().choice.source, Source::Pointer);
}

#[test]
fn a_fix_heals_over_what_does_not_run_here_even_if_it_is_older() {
    for (fix, contract) in [("1.3.0", 1), ("1.1.5", 1)] {
        let mut room = Room::offering(2);
        room.stage(&offer("1.1.0"));
        room.confirm();
        room.stage(&needing("1.2.0", 2));
        room.confirm();
        room.shell.offers = Offers::default();
        assert_eq!(room.begin_launch().choice.version, v("1.1.0"));
        room.stage(&needing(fix, contract));
        let pointer = room.pointer().unwrap();
        assert_eq!(
            (pointer.version, pointer.previous.unwrap().version),
            (v(fix), v("1.1.0")),
            "what it falls back to runs here"
        );
        assert_eq!(room.begin_launch().choice.version, v(fix));
    }
}

#[test]
fn what_is_taken_up_is_held_against_the_contract_too() {
    let mut room = Room::offering(2);
    let offer = needing("1.1.0", 2);
    room.stage(&offer);
    fs::remove_file(room.layout().pointer()).unwrap();
    room.shell.offers = Offers::default();
    assert!(matches!(room.begin(&offer), BeginStage::Contract(_)));
    assert_eq!(room.pointer(), None);
}

#[test]
fn a_person_leaves_what_runs_and_not_what_does_not_run_here() {
    let mut room = Room::offering(2);
    room.stage(&offer("1.1.0"));
    room.confirm();
    room.stage(&needing("1.2.0", 2));
    room.confirm();
    room.shell.offers = Offers::default();
    let done = room
        .store
        .roll_back(&room.shell, crate::RollBack::Person, plan().now)
        .unwrap();
    let crate::RolledBack::To { from, to, source } = done else {
        panic!("{done:?}");
    };
    assert_eq!(
        (from, to, source),
        (Some(v("1.1.0")), v("1.0.0"), Source::Bundled)
    );
    room.shell.offers.contract = 2;
    assert_eq!(room.begin_launch().choice.version, v("1.2.0"));
}

#[test]
fn the_bundled_runtime_runs_all_the_same_and_that_is_told() {
    let room = Room::new();
    let package = room.shell.bundled.dir.join("package.json");
    fs::write(package, r#"{"refit": {"contract": 7}}"#).unwrap();
    let launch = room.begin_launch();
    assert_eq!(launch.choice.source, Source::Bundled);
    let told = &launch.choice.passed_over[..];
    assert!(
        matches!(told, [it] if it.source == Source::Bundled && matches!(it.why, WhyNot::Contract(_))),
        "{told:?}"
    );
    let followed = room
        .store
        .follow_launch(&room.shell, None, plan().now)
        .unwrap();
    assert_eq!(followed.choice, launch.choice);
    room.stage(&offer("1.1.0"));
    assert_eq!(room.begin_launch().choice.passed_over, []);
}
