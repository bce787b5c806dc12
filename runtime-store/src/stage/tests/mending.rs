//! Damaged copies: found by launches, and replaced by the same content.

use super::*;
use crate::choose::{Source, WhyNot};
use crate::record::RehearsalRecord;
use crate::tree_manifest::{Built, Digests, Pace, TreeManifest, build};
use crate::{Asked, Choice};

fn mend() -> StagePlan {
    StagePlan {
        mend: true,
        ..plan()
    }
}

fn big(version: &str) -> Offer {
    let archive = Archive::package("demo", version, ENTRY)
        .file("package/dist/ballast", vec![7; 300_000])
        .file("package/lib/a/b.js", "b")
        .file("package/empty", "");
    offer_of(version, archive)
}

impl Room {
    fn dir(&self, version: &str) -> PathBuf {
        self.layout().version(&v(version))
    }

    fn launched(&self) -> Choice {
        let launch = self
            .store
            .begin_launch(&self.shell, Asked::Passively, &[], plan().now);
        self.store.give_back(launch.taken.as_slice()).unwrap();
        launch.choice.clone()
    }

    fn mended(&self, offer: &Offer) -> Staged {
        self.stage_with(offer, &mend()).unwrap()
    }

    fn problem(&self, version: &str) -> Option<String> {
        self.store.verify(Some(&v(version))).unwrap()[0]
            .problem
            .clone()
    }

    /// What was written when the version was staged, and what stands there now.
    fn trees(&self, offer: &Offer) -> (TreeManifest, TreeManifest) {
        let id = VersionId {
            version: offer.candidate.version.clone(),
            integrity: offer.candidate.integrity.clone(),
        };
        let Found::Valid(written) = TreeManifest::find(self.layout(), &id).unwrap() else {
            panic!("no manifest was written");
        };
        let dir = self.layout().version(&id.version);
        match build(&dir, &id, &Digests::new(), Pace::Full).unwrap() {
            Built::Whole(there) => (written, there),
            Built::NotATree(path) => panic!("{} is in the way", path.display()),
        }
    }
}

/// Flips a byte behind the same size and time.
fn flip_unseen(path: &Path) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[1000] ^= 1;
    fs::write(path, bytes).unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_times(fs::FileTimes::new().set_modified(time))
        .unwrap();
}

/// One way to damage a version's folder.
type Damages = (&'static str, fn(&Path));

fn damages() -> [Damages; 6] {
    [
        ("a flipped byte", |dir| {
            flip_unseen(&dir.join("dist/ballast"));
        }),
        ("a missing file", |dir| {
            fs::remove_file(dir.join("lib/a/b.js")).unwrap();
        }),
        ("a missing entry", |dir| {
            fs::remove_file(dir.join(ENTRY)).unwrap();
        }),
        ("an added file", |dir| {
            fs::write(dir.join("dist/added.pyc"), "").unwrap();
        }),
        ("a wiped folder", |dir| {
            fs::remove_dir_all(dir).unwrap();
            fs::create_dir(dir).unwrap();
        }),
        ("a folder that is gone", |dir| {
            fs::remove_dir_all(dir).unwrap();
        }),
    ]
}

#[test]
fn what_is_hashed_while_it_is_unpacked_is_what_stands_there() {
    let room = Room::new();
    let pty = room.shell.bundled.dir.join("node_modules/node-pty");
    fs::create_dir_all(pty.join("lib")).unwrap();
    fs::write(pty.join("package.json"), r#"{"name":"node-pty"}"#).unwrap();
    fs::write(pty.join("lib/pty.node"), "binary").unwrap();
    let offer = big("1.1.0");
    let carrying = StagePlan {
        carry: vec!["node_modules/node-pty".into()],
        ..plan()
    };
    room.stage_with(&offer, &carrying).unwrap();
    let (written, there) = room.trees(&offer);
    assert_eq!(written, there);
    let paths: Vec<_> = written.files.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "dist/ballast",
            "dist/cli.js",
            "empty",
            "lib/a/b.js",
            "node_modules/node-pty/lib/pty.node",
            "node_modules/node-pty/package.json",
            "package.json",
        ]
    );
    assert!(room.store.verify(None).unwrap()[0].contents);
}

#[test]
fn every_damage_is_passed_over_and_mended_and_the_pointer_stays_byte_for_byte() {
    for confirmed in [true, false] {
        for (what, damage) in damages() {
            let room = Room::new();
            let (old, offer) = (big("1.1.0"), big("1.2.0"));
            room.stage(&old);
            room.confirm();
            room.stage(&offer);
            if confirmed {
                room.confirm();
            }
            assert_eq!(room.launched().version, v("1.2.0"), "{what}");
            let pointer = room.pointer_bytes();

            damage(&room.dir("1.2.0"));
            let problem = room.problem("1.2.0").expect(what);
            let choice = room.launched();
            assert_eq!(choice.source, Source::Previous, "{what}");
            assert_eq!(
                choice.passed_over[0].why,
                WhyNot::Damaged(problem),
                "{what}"
            );
            assert_eq!(room.store.damaged().len(), 1, "{what}");
            assert_eq!(room.pointer_bytes(), pointer, "{what}");
            room.store.gc().unwrap();
            assert_eq!(room.pointer_bytes(), pointer, "{what}");
            assert_eq!(room.store.snapshot().bad, [], "{what}");

            room.mended(&offer);
            assert_eq!(room.pointer_bytes(), pointer, "{what}");
            assert_eq!(room.problem("1.2.0"), None, "{what}");
            assert_eq!(room.launched().source, Source::Pointer, "{what}");
            assert_eq!(room.store.damaged(), [], "{what}");
            let (written, there) = room.trees(&offer);
            assert_eq!(written, there, "{what}");
            room.assert_no_partial();
        }
    }
}

#[test]
fn resolve_says_what_a_launch_would_do_about_damage() {
    let room = Room::new();
    room.stage(&big("1.1.0"));
    fs::write(room.dir("1.1.0").join("dist/added"), "").unwrap();
    let choice = room.store.resolve(&room.shell, plan().now);
    assert_eq!(choice.source, Source::Bundled);
    assert!(
        matches!(&choice.passed_over[0].why, WhyNot::Damaged(why) if why.contains("dist/added"))
    );
    let attempts = |room: &Room| room.pointer().unwrap().trial.unwrap().attempts_left;
    assert_eq!(room.launched().source, Source::Bundled);
    assert_eq!(attempts(&room), 2, "it had an attempt taken off");
}

#[test]
fn the_previous_version_is_looked_at_and_mended_too() {
    let room = Room::new();
    let (old, new) = (big("1.1.0"), big("1.2.0"));
    room.stage(&old);
    room.confirm();
    room.stage(&new);
    let pointer = room.pointer_bytes();
    for version in ["1.1.0", "1.2.0"] {
        fs::write(room.dir(version).join("dist/added"), "").unwrap();
    }
    let choice = room.launched();
    assert_eq!(choice.source, Source::Bundled);
    assert_eq!(choice.passed_over.len(), 2);
    room.mended(&old);
    assert_eq!(room.launched().version, v("1.1.0"));
    assert_eq!(room.pointer_bytes(), pointer);
}

#[test]
fn whoever_stages_a_damaged_version_again_mends_it() {
    for (what, damage) in damages().into_iter().skip(1) {
        let room = Room::new();
        let offer = big("1.1.0");
        room.stage(&offer);
        let pointer = room.pointer_bytes();
        damage(&room.dir("1.1.0"));
        room.stage(&offer);
        assert_eq!(room.pointer_bytes(), pointer, "{what}");
        assert_eq!(room.launched().source, Source::Pointer, "{what}");
        assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
    }
}

#[test]
fn whoever_stages_it_again_asks_for_it_and_a_mender_does_not() {
    for (plan, gated) in [(mend(), true), (plan(), false)] {
        let room = Room::new();
        let offer = big("1.1.0");
        room.stage(&offer);
        let mut pointer = room.pointer().unwrap();
        pointer.trial.as_mut().unwrap().gated = true;
        pointer.trial.as_mut().unwrap().attempts_left = 1;
        pointer.save(room.layout()).unwrap();
        fs::write(room.dir("1.1.0").join("dist/added"), "").unwrap();
        room.stage_with(&offer, &plan).unwrap();
        let trial = room.pointer().unwrap().trial.unwrap();
        assert_eq!((trial.gated, trial.attempts_left), (gated, 1));
    }
}

#[test]
fn what_is_whole_needs_no_mending_and_a_second_mender_finds_it_whole() {
    let room = Room::new();
    let offer = big("1.1.0");
    room.stage(&offer);
    assert!(matches!(
        room.begin_with(&offer, &mend()),
        BeginStage::AlreadyStaged
    ));
    fs::remove_file(room.dir("1.1.0").join(ENTRY)).unwrap();
    let first = room.fetch_with(&offer, &mend());
    assert!(matches!(room.begin_with(&offer, &mend()), BeginStage::Busy));
    first
        .unpack(&offer.tgz[..])
        .unwrap()
        .verify()
        .unwrap()
        .commit()
        .unwrap();
    assert!(matches!(
        room.begin_with(&offer, &mend()),
        BeginStage::AlreadyStaged
    ));
}

#[test]
fn only_the_same_content_takes_its_place_and_never_under_who_uses_it() {
    let room = Room::new();
    let offer = big("1.1.0");
    let begin = |offer: &Offer| {
        room.store
            .begin_stage(&offer.candidate, &room.shell, &mend())
    };
    let none = begin(&offer).unwrap_err();
    assert!(matches!(none, StageError::NothingToMend { .. }), "{none}");
    room.stage(&offer);
    let other = offer_with("1.1.0", r#""other": true"#);
    let none = begin(&other).unwrap_err();
    assert!(matches!(none, StageError::NothingToMend { .. }), "{none}");

    fs::write(room.dir("1.1.0").join("dist/added"), "").unwrap();
    let pointer = room.pointer_bytes();
    let error = room
        .fetch_with(&offer, &mend())
        .unpack(&other.tgz[..])
        .unwrap()
        .verify()
        .unwrap_err();
    assert!(
        matches!(error, StageError::WrongIntegrity { .. }),
        "{error}"
    );

    let whole = room.fetch_with(&offer, &mend());
    let whole = whole.unpack(&offer.tgz[..]).unwrap().verify().unwrap();
    let lease = room.lease(&offer);
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::InUse { .. }), "{error}");
    let error = begin(&offer).unwrap_err();
    assert!(matches!(error, StageError::InUse { .. }), "{error}");
    assert!(room.dir("1.1.0").join("dist/added").is_file());
    assert_eq!(room.pointer_bytes(), pointer);
    drop(lease);
    room.mended(&offer);
    assert!(!room.dir("1.1.0").join("dist/added").exists());
}

#[test]
fn what_is_bad_or_became_bad_is_not_mended() {
    let room = Room::new();
    let offer = big("1.1.0");
    room.stage(&offer);
    fs::write(room.dir("1.1.0").join("dist/added"), "").unwrap();
    let whole = room.fetch_with(&offer, &mend());
    let whole = whole.unpack(&offer.tgz[..]).unwrap().verify().unwrap();
    room.condemn(&offer);
    let error = whole.commit().unwrap_err();
    assert!(matches!(error, StageError::BecameBad { .. }), "{error}");
    assert!(matches!(
        room.begin_with(&offer, &mend()),
        BeginStage::Bad(_)
    ));
}

#[test]
fn the_record_keeps_what_it_knows() {
    let room = Room::new();
    let offer = big("1.1.0");
    room.stage(&offer);
    let mut record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    record.rehearsal = Some(RehearsalRecord {
        begun: 1,
        passed: Some(plan().now),
        ..RehearsalRecord::default()
    });
    record.source = "where it came from first".to_owned();
    record.save(room.layout()).unwrap();
    fs::remove_dir_all(room.dir("1.1.0")).unwrap();
    room.mended(&offer);
    let now = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    assert_eq!(now, record);
}

#[test]
fn a_damaged_version_is_not_taken_up_again() {
    let room = Room::new();
    let offer = big("1.1.0");
    room.stage(&offer);
    fs::remove_file(room.layout().pointer()).unwrap();
    flip_unseen(&room.dir("1.1.0").join("dist/ballast"));
    room.stage(&offer);
    assert_eq!(room.problem("1.1.0"), None);
    assert_eq!(room.store.damaged(), []);
}

/// Wherever the power is cut while a version is mended, nothing damaged runs, the pointer is as it
/// was, and mending again makes it whole.
#[test]
fn a_cut_in_the_middle_of_mending_is_mended() {
    for steps in 0..=4 {
        let room = Room::new();
        let offer = big("1.1.0");
        room.stage(&offer);
        let pointer = room.pointer_bytes();
        flip_unseen(&room.dir("1.1.0").join("dist/ballast"));
        assert!(room.problem("1.1.0").is_some());
        let records = room.layout().records();
        let (tree, finding) = (
            records.join("1.1.0~tree.json"),
            records.join("1.1.0~damage.json"),
        );
        // As mending does it: folder away, manifest, finding, record; the rename is what is cut off.
        let whole = room.fetch_with(&offer, &mend());
        let whole = whole.unpack(&offer.tgz[..]).unwrap().verify().unwrap();
        if steps >= 1 {
            fs::remove_dir_all(room.dir("1.1.0")).unwrap();
        }
        if steps >= 2 {
            whole.tree.save(room.layout()).unwrap();
        }
        if steps >= 3 {
            fs::remove_file(&finding).unwrap();
        }
        if steps >= 4 {
            whole.record.save(room.layout()).unwrap();
        }
        drop(whole);
        assert!(tree.is_file());
        let choice = room.launched();
        assert_eq!(choice.source, Source::Bundled, "cut after {steps}");
        assert!(matches!(choice.passed_over[0].why, WhyNot::Damaged(_)));
        room.store.gc().unwrap();
        assert_eq!(room.pointer_bytes(), pointer, "cut after {steps}");
        room.mended(&offer);
        assert_eq!(room.launched().source, Source::Pointer, "cut after {steps}");
        assert_eq!(room.pointer_bytes(), pointer, "cut after {steps}");
    }
}
