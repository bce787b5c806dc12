//! What taking up and committing make of what is there already.

use super::*;

#[test]
fn a_whole_version_is_taken_up_again_without_a_download() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let entry = room.stage(&offer).entry;
    fs::remove_file(room.layout().pointer()).unwrap();
    let BeginStage::TakenUp(staged) = room.begin(&offer) else {
        panic!("it was not taken up");
    };
    assert_eq!(staged.entry, entry);
    assert_eq!(room.pointer().unwrap().trial.unwrap().attempts_left, 2);
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
}

#[test]
fn a_folder_that_is_not_the_whole_content_is_fetched_anew() {
    type Spoil = fn(&Room, &Staged);
    let spoils: [(&str, Spoil); 4] = [
        ("no entry", |_, staged| {
            fs::remove_file(&staged.entry).unwrap();
        }),
        ("no record", |room, staged| {
            Record::remove(room.layout(), &staged.version).unwrap();
        }),
        ("other content", |room, staged| {
            let mut record = Record::load(room.layout(), &staged.version)
                .unwrap()
                .unwrap();
            record.integrity = Integrity::from_digest([9; 64]);
            record.save(room.layout()).unwrap();
        }),
        ("other entry", |room, staged| {
            let mut record = Record::load(room.layout(), &staged.version)
                .unwrap()
                .unwrap();
            record.entry = "package.json".into();
            record.save(room.layout()).unwrap();
        }),
    ];
    for (what, spoil) in spoils {
        let room = Room::new();
        let offer = offer("1.1.0");
        let staged = room.stage(&offer);
        fs::remove_file(room.layout().pointer()).unwrap();
        spoil(&room, &staged);
        assert!(matches!(room.begin(&offer), BeginStage::Fetch(_)), "{what}");
        assert_eq!(room.stage(&offer), staged, "{what}");
        assert!(staged.entry.is_file());
        assert_eq!(fs::read_dir(room.layout().trash()).unwrap().count(), 0);
    }
}

#[test]
fn a_taken_up_version_whose_own_engines_do_not_suit_any_more_is_incompatible() {
    let mut room = Room::new();
    let offer = offer_with("1.1.0", r#""engines": {"node": "^22"}"#);
    room.stage(&offer);
    fs::remove_file(room.layout().pointer()).unwrap();
    room.shell.host.node = NodeFact::Is(v("24.0.0"));
    assert!(matches!(room.begin(&offer), BeginStage::Incompatible(_)));
    assert_eq!(room.pointer(), None);
}

#[test]
fn a_confirmed_version_becomes_previous_and_a_trial_does_not() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    room.confirm();
    room.stage(&offer("1.2.0"));
    let pointer = room.pointer().unwrap();
    assert_eq!(pointer.previous.unwrap().version, v("1.1.0"));
    assert_eq!(pointer.replaced, None);

    room.stage(&offer("1.3.0"));
    let pointer = room.pointer().unwrap();
    assert_eq!(pointer.previous.unwrap().version, v("1.1.0"));
    assert_eq!(pointer.replaced.unwrap().version, v("1.2.0"));
}

#[test]
fn a_trial_that_became_ready_is_not_forgotten_for_one_that_never_did() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let mut pointer = room.pointer().unwrap();
    pointer.trial.as_mut().unwrap().ready_at = Some(plan().now);
    pointer.save(room.layout()).unwrap();
    room.stage(&offer("1.2.0"));
    room.stage(&offer("1.3.0"));
    let replaced = room.pointer().unwrap().replaced.unwrap();
    assert_eq!(
        (replaced.version, replaced.trial.ready_at),
        (v("1.1.0"), Some(plan().now))
    );
}

#[test]
fn unknown_fields_of_the_pointer_survive_a_staging() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let mut pointer = room.pointer().unwrap();
    pointer.extra.insert("future".into(), 7.into());
    pointer.save(room.layout()).unwrap();
    room.stage(&offer("1.2.0"));
    assert_eq!(room.pointer().unwrap().extra["future"], 7);
}

#[test]
fn a_version_listed_as_bad_meanwhile_is_not_committed() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let whole = room.unpack(&offer).verify().unwrap();
    room.condemn(&offer);
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::BecameBad { .. }), "{error}");
    assert_eq!(room.pointer(), None);
    room.assert_no_partial();
}

#[test]
fn an_older_answer_never_replaces_a_newer_one_that_was_staged_meanwhile() {
    let room = Room::new();
    let older = offer("1.1.0");
    let whole = room.unpack(&older).verify().unwrap();
    room.stage(&offer("1.2.0"));
    let before = room.pointer_bytes();
    let error = whole.commit().unwrap_err();
    assert!(
        matches!(&error, StageError::Overtaken { by, .. } if **by == v("1.2.0")),
        "{error}"
    );
    assert_eq!(room.pointer_bytes(), before);
    assert!(!room.layout().version(&v("1.1.0")).exists());
}

#[test]
fn other_content_of_a_leased_version_is_refused_and_its_folder_stays() {
    let room = Room::new();
    let first = offer("1.1.0");
    let entry = room.stage(&first).entry;
    fs::remove_file(room.layout().pointer()).unwrap();
    let lease = room.lease(&first);
    let second = offer_with("1.1.0", r#""description": "published again""#);
    let whole = room.unpack(&second).verify().unwrap();
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::InUse { .. }), "{error}");
    assert_eq!(fs::read_to_string(&entry).unwrap(), "// 1.1.0");
    assert_eq!(room.pointer(), None);
    room.assert_no_partial();

    drop(lease);
    room.stage(&second);
    assert_eq!(fs::read_to_string(&entry).unwrap(), "");
}

#[test]
fn the_same_version_under_another_spelling_makes_way() {
    let room = Room::new();
    room.stage(&offer("1.1.0+one"));
    fs::remove_file(room.layout().pointer()).unwrap();
    room.stage(&offer("1.1.0+two"));
    assert!(!room.layout().version(&v("1.1.0+one")).exists());
    assert!(!room.layout().record(&v("1.1.0+one")).exists());
    assert_eq!(room.pointer().unwrap().version.as_str(), "1.1.0+two");
}

#[test]
fn an_old_folder_that_cannot_be_moved_away_refuses_the_staging() {
    let room = Room::new();
    let first = offer("1.1.0");
    let entry = room.stage(&first).entry;
    fs::remove_file(room.layout().pointer()).unwrap();
    let second = offer_with("1.1.0", r#""description": "published again""#);
    let whole = room.unpack(&second).verify().unwrap();
    fs::remove_dir(room.layout().trash()).unwrap();
    fs::write(room.layout().trash(), "").unwrap();
    whole.commit().unwrap_err();
    assert_eq!(fs::read_to_string(&entry).unwrap(), "// 1.1.0");
    let record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    assert_eq!(record.integrity, first.candidate.integrity);
    assert_eq!(room.pointer(), None);
    room.assert_no_partial();
}

#[test]
fn a_failure_before_the_rename_leaves_the_pointer_and_no_version() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let before = room.pointer_bytes();
    let whole = room.unpack(&offer("1.2.0")).verify().unwrap();
    fs::remove_dir_all(room.layout().records()).unwrap();
    fs::write(room.layout().records(), "").unwrap();
    whole.commit().unwrap_err();
    assert_eq!(room.pointer_bytes(), before);
    assert!(!room.layout().version(&v("1.2.0")).exists());
    room.assert_no_partial();
}

#[test]
fn a_pointer_that_cannot_be_written_leaves_a_whole_version_to_be_taken_up() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let mut whole = room.unpack(&offer).verify().unwrap();
    // Nothing can be renamed over a folder that is not empty.
    let pointer = room.layout().pointer();
    let lock = StoreLock::take(room.layout()).unwrap();
    let standing = Standing::load(&lock, &whole.order).unwrap();
    fs::create_dir_all(pointer.join("in the way")).unwrap();
    let record = whole.record.clone();
    record.save(room.layout()).unwrap();
    let order = whole.order.clone();
    whole.claim.move_into_place(&lock).unwrap();
    commit::point_at(&lock, &order, &standing).unwrap_err();
    drop(lock);

    fs::remove_dir_all(&pointer).unwrap();
    assert!(matches!(room.begin(&offer), BeginStage::TakenUp(_)));
}

#[test]
fn a_whole_version_that_changed_since_it_was_looked_at_is_not_taken_up() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let staged = room.stage(&offer);
    fs::remove_file(room.layout().pointer()).unwrap();
    let order = Order {
        layout: room.layout().clone(),
        store: room.store.clone(),
        candidate: offer.candidate.clone(),
        shell: room.shell.clone(),
        plan: plan(),
    };
    let found = take_up::find(&order).unwrap().unwrap();
    let mut now = found.clone();
    now.carried = Some(serde_json::json!([]));
    let changes: [&dyn Fn(); 3] = [
        &|| now.save(room.layout()).unwrap(),
        &|| fs::remove_file(&staged.entry).unwrap(),
        &|| Record::remove(room.layout(), &staged.version).unwrap(),
    ];
    let lock = StoreLock::take(room.layout()).unwrap();
    let standing = Standing::load(&lock, &order).unwrap();
    for (change, found) in changes.iter().zip([&found, &now, &now]) {
        change();
        let outcome = take_up::take_up(&lock, &order, &standing, found).unwrap();
        assert!(outcome.is_none(), "{outcome:?}");
    }
    assert_eq!(room.pointer(), None);
}

#[test]
fn what_a_newer_shell_staged_is_neither_fetched_anew_nor_replaced() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let whole = room.unpack(&offer).verify().unwrap();
    let dir = room.layout().version(&v("1.1.0"));
    fs::create_dir_all(dir.join("later")).unwrap();
    let record = room.layout().record(&v("1.1.0"));
    fs::write(&record, r#"{"schema":2}"#).unwrap();

    let error = whole.commit().unwrap_err();
    assert!(error.to_string().contains("newer shell"), "{error}");
    let again = room
        .store
        .begin_stage(&offer.candidate, &room.shell, &plan())
        .unwrap_err();
    assert!(again.to_string().contains("newer shell"), "{again}");
    assert!(dir.join("later").is_dir());
    assert_eq!(fs::read_to_string(&record).unwrap(), r#"{"schema":2}"#);
    assert_eq!(room.pointer(), None);
}
