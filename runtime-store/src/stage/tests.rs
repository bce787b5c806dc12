use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rollout::{BadReason, Candidate, Engines, Host, Integrity, NodeFact};
use tempfile::TempDir;

use super::*;
use crate::bad::BadList;
use crate::carry::CarryError;
use crate::files::Found;
use crate::lease::{Lease, Use};
use crate::pointer::{Pointer, VersionId};
use crate::shell::Bundled;
use crate::unpack::UnpackError;
use crate::unpack::samples::{Archive, integrity};

mod carrying;
mod committing;
mod contract;
mod mending;
mod placing;
mod recalling;
mod signing;
mod verifying;

const ENTRY: &str = "dist/cli.js";

/// A store beside a bundled runtime 1.0.0.
struct Room {
    _scratch: TempDir,
    store: Store,
    shell: Shell,
}

/// A version as it is offered: what the registry says and the bytes it serves.
#[derive(Clone)]
struct Offer {
    candidate: Candidate,
    tgz: Vec<u8>,
}

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn offer(version: &str) -> Offer {
    offer_of(version, Archive::package("demo", version, ENTRY))
}

fn offer_of(version: &str, archive: Archive) -> Offer {
    let tgz = archive.tgz();
    Offer {
        candidate: Candidate {
            package: "demo".parse().unwrap(),
            version: v(version),
            integrity: integrity(&tgz),
            engines: Engines::default(),
            tarball: format!("http://127.0.0.1/demo-{version}.tgz"),
            unpacked_size: None,
        },
        tgz,
    }
}

/// A package whose package.json has more than a name and a version.
fn offer_with(version: &str, more: &str) -> Offer {
    let manifest = format!(r#"{{"name": "demo", "version": "{version}", {more}}}"#);
    offer_of(
        version,
        Archive::new()
            .file("package/package.json", manifest)
            .file("package/dist/cli.js", ""),
    )
}

fn plan() -> StagePlan {
    StagePlan {
        entry: ENTRY.into(),
        carry: Vec::new(),
        limits: Limits::default(),
        source: "test".into(),
        now: Timestamp::from_second(1_800_000_000).unwrap(),
        older: false,
        gated: false,
        signed: false,
        rehearse: false,
        mend: false,
    }
}

impl Room {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("bundled");
        fs::create_dir_all(dir.join("dist")).unwrap();
        fs::write(dir.join(ENTRY), "").unwrap();
        let store = Store::open(&scratch.path().join("data")).unwrap();
        let shell = Shell {
            bundled: Bundled {
                entry: dir.join(ENTRY),
                dir,
                version: v("1.0.0"),
            },
            host: Host {
                node: NodeFact::Is(v("22.1.0")),
                shell: v("0.1.0"),
            },
            attempts: 2,
            launch_trials: true,
            not_before: crate::NotBefore::default(),
            experimental: false,
            built_at: jiff::Timestamp::UNIX_EPOCH,
            offers: rollout::contract::Offers::default(),
            signed_only: false,
            source: Some("https://host.example/latest.json".into()),
        };
        Self {
            _scratch: scratch,
            store,
            shell,
        }
    }

    fn layout(&self) -> &Layout {
        self.store.layout()
    }

    fn begin(&self, offer: &Offer) -> BeginStage {
        self.begin_with(offer, &plan())
    }

    fn begin_with(&self, offer: &Offer, plan: &StagePlan) -> BeginStage {
        self.store
            .begin_stage(&offer.candidate, &self.shell, plan)
            .unwrap()
    }

    fn fetch(&self, offer: &Offer) -> Partial {
        self.fetch_with(offer, &plan())
    }

    fn fetch_with(&self, offer: &Offer, plan: &StagePlan) -> Partial {
        match self.begin_with(offer, plan) {
            BeginStage::Fetch(partial) => partial,
            other => panic!("nothing to fetch: {other:?}"),
        }
    }

    fn unpack(&self, offer: &Offer) -> Unpacked {
        self.fetch(offer).unpack(&offer.tgz[..]).unwrap()
    }

    fn stage(&self, offer: &Offer) -> Staged {
        self.stage_with(offer, &plan()).unwrap()
    }

    fn stage_with(&self, offer: &Offer, plan: &StagePlan) -> Result<Staged, StageError> {
        self.fetch_with(offer, plan)
            .unpack(&offer.tgz[..])?
            .verify()?
            .commit()
    }

    fn pointer(&self) -> Option<Pointer> {
        match Pointer::load(self.layout()).unwrap() {
            Found::Missing => None,
            Found::Valid(pointer) => Some(pointer),
            other => panic!("not a pointer: {other:?}"),
        }
    }

    /// Ends the soak of what the pointer names.
    fn confirm(&self) {
        let mut pointer = self.pointer().unwrap();
        pointer.trial = None;
        pointer.save(self.layout()).unwrap();
    }

    fn condemn(&self, offer: &Offer) {
        let mut list = BadList::default();
        list.add(BadEntry {
            version: offer.candidate.version.clone(),
            integrity: offer.candidate.integrity.clone(),
            reason: BadReason::ExitedBeforeReady,
            detail: String::new(),
            at: plan().now,
        });
        list.save(self.layout()).unwrap();
    }

    fn lease(&self, offer: &Offer) -> Lease {
        let id = VersionId {
            version: offer.candidate.version.clone(),
            integrity: offer.candidate.integrity.clone(),
        };
        let lock = StoreLock::take(self.layout()).unwrap();
        Lease::take(&lock, self.layout(), "launch", &id, Use::Launch, plan().now).unwrap()
    }

    /// Bytes of the pointer file, to show that it did not change.
    fn pointer_bytes(&self) -> Option<Vec<u8>> {
        fs::read(self.layout().pointer()).ok()
    }

    /// No folder is left of a staging that did not succeed.
    fn assert_no_partial(&self) {
        let left: Vec<PathBuf> = fs::read_dir(self.layout().partials())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Fetches and verifies, expects that to fail without a trace, and returns why.
    fn refused(&self, offer: &Offer, plan: &StagePlan) -> StageError {
        let before = self.pointer_bytes();
        let error = self.stage_with(offer, plan).unwrap_err();
        assert_eq!(self.pointer_bytes(), before);
        self.assert_no_partial();
        assert!(!self.layout().version(&offer.candidate.version).exists());
        error
    }
}

#[test]
fn a_staged_version_is_whole_recorded_and_what_the_pointer_names_on_trial() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let staged = room.stage(&offer);

    let dir = room.layout().version(&v("1.1.0"));
    assert_eq!(staged.entry, dir.join("dist").join("cli.js"));
    assert_eq!(fs::read_to_string(&staged.entry).unwrap(), "// 1.1.0");
    let pointer = room.pointer().unwrap();
    assert!(pointer.names(&v("1.1.0"), &offer.candidate.integrity));
    assert_eq!(pointer.entry, staged.entry);
    assert_eq!(pointer.staged_at, plan().now);
    assert_eq!(pointer.trial.map(|trial| trial.attempts_left), Some(2));
    assert_eq!(pointer.previous, None);
    let record = Record::load(room.layout(), &v("1.1.0")).unwrap().unwrap();
    assert_eq!(record.integrity, offer.candidate.integrity);
    assert_eq!(
        (record.entry.as_str(), record.source.as_str()),
        (ENTRY, "test")
    );
    assert_eq!(record.carried, None);
    room.assert_no_partial();
    assert_eq!(fs::read_dir(room.layout().partials()).unwrap().count(), 0);
}

#[test]
fn the_very_content_that_the_pointer_names_is_staged_already() {
    let room = Room::new();
    let offer = offer("1.1.0");
    room.stage(&offer);
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
    room.confirm();
    assert!(matches!(room.begin(&offer), BeginStage::AlreadyStaged));
}

#[test]
fn a_version_on_the_bad_list_is_refused_and_other_content_of_it_is_not() {
    let room = Room::new();
    room.condemn(&offer("1.1.0"));
    assert!(
        matches!(room.begin(&offer("1.1.0")), BeginStage::Bad(entry) if entry.version == v("1.1.0"))
    );
    let again = offer_with("1.1.0", r#""description": "published again""#);
    assert!(matches!(room.begin(&again), BeginStage::Fetch(_)));
}

#[test]
fn engines_that_the_registry_names_are_judged_before_a_byte_is_fetched() {
    let room = Room::new();
    let mut offer = offer("1.1.0");
    offer.candidate.engines.node = Some(">=24".into());
    assert!(matches!(room.begin(&offer), BeginStage::Incompatible(why) if why.engine == "node"));
}

#[test]
fn only_what_is_newer_than_pointer_and_bundled_is_staged() {
    let room = Room::new();
    for version in ["0.9.0", "1.0.0", "1.0.0+build", "1.0.0-rc.1"] {
        assert!(
            matches!(room.begin(&offer(version)), BeginStage::NotNewer { than } if than == v("1.0.0")),
            "{version}"
        );
    }
    room.stage(&offer("1.2.0"));
    let republished = offer_with("1.2.0", r#""description": "published again""#);
    for offer in [offer("1.1.0"), offer("1.2.0-rc.1"), republished] {
        assert!(
            matches!(room.begin(&offer), BeginStage::NotNewer { than } if than == v("1.2.0")),
            "{}",
            offer.candidate.version
        );
    }
}

#[test]
fn an_ordered_roll_back_goes_below_the_pointer_and_never_below_bundled() {
    let room = Room::new();
    room.stage(&offer("1.2.0"));
    room.confirm();
    let older = StagePlan {
        older: true,
        ..plan()
    };
    assert!(matches!(
        room.begin_with(&offer("0.9.0"), &older),
        BeginStage::NotNewer { .. }
    ));
    let staged = room.stage_with(&offer("1.1.0"), &older).unwrap();
    assert_eq!(staged.version, v("1.1.0"));
    assert_eq!(
        room.pointer().unwrap().previous.unwrap().version,
        v("1.2.0")
    );
}

#[test]
fn a_pointer_without_its_entry_or_to_a_bad_version_does_not_stand_in_the_way() {
    let room = Room::new();
    let offer = offer("1.2.0");
    fs::remove_file(room.stage(&offer).entry).unwrap();
    room.stage(&offer);
    assert!(room.pointer().unwrap().entry.is_file());

    room.condemn(&offer);
    room.stage(&super::tests::offer("1.1.0"));
    assert_eq!(room.pointer().unwrap().version, v("1.1.0"));
    assert_eq!(room.pointer().unwrap().replaced, None);
}

#[test]
fn what_is_being_staged_by_one_is_busy_for_another_and_is_not_swept() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let first = room.fetch(&offer);
    let marker = first.claim.dir().join("marker");
    fs::write(&marker, "").unwrap();
    assert!(matches!(room.begin(&offer), BeginStage::Busy));
    room.store.sweep().unwrap();
    assert!(marker.is_file(), "a live partial was swept");
    drop(first);
    room.assert_no_partial();
    assert!(matches!(room.begin(&offer), BeginStage::Fetch(_)));
}

#[test]
fn what_a_dead_process_left_in_a_partial_is_not_built_upon() {
    let room = Room::new();
    let offer = offer("1.1.0");
    let left = room.layout().partial(&v("1.1.0"));
    fs::create_dir(&left).unwrap();
    fs::write(left.join("left"), "").unwrap();
    fs::write(room.layout().partial_lock(&v("1.1.0")), "").unwrap();
    let staged = room.stage(&offer);
    assert!(!staged.entry.with_file_name("left").exists());
    assert!(!room.layout().version(&v("1.1.0")).join("left").exists());
}

#[test]
fn dropping_any_step_removes_the_partial_and_leaves_the_pointer() {
    let room = Room::new();
    room.stage(&offer("1.1.0"));
    let before = room.pointer_bytes();
    let next = offer("1.2.0");
    let steps: [fn(&Room, &Offer); 3] = [
        |room, offer| drop(room.fetch(offer)),
        |room, offer| drop(room.unpack(offer)),
        |room, offer| drop(room.unpack(offer).verify().unwrap()),
    ];
    for (index, step) in steps.iter().enumerate() {
        step(&room, &next);
        room.assert_no_partial();
        assert_eq!(room.pointer_bytes(), before, "step {index}");
        assert!(!room.layout().version(&v("1.2.0")).exists());
        assert_eq!(Record::load(room.layout(), &v("1.2.0")).unwrap(), None);
    }
    room.stage(&next);
}

#[test]
fn what_would_run_into_a_full_disk_is_not_begun() {
    let room = Room::new();
    let mut huge = offer("1.1.0");
    huge.candidate.unpacked_size = Some(u64::MAX / 2);
    let error = room
        .store
        .begin_stage(&huge.candidate, &room.shell, &plan())
        .unwrap_err();
    assert!(matches!(error, StageError::NoRoom { .. }), "{error}");
    huge.candidate.unpacked_size = Some(1);
    assert!(matches!(room.begin(&huge), BeginStage::Fetch(_)));
}

#[test]
fn a_full_disk_and_a_read_only_one_are_told_apart() {
    use std::io;
    let error = |kind: io::ErrorKind| StageError::write("write", Path::new("x"), kind.into());
    assert!(matches!(
        error(io::ErrorKind::StorageFull),
        StageError::DiskFull { .. }
    ));
    assert!(matches!(
        error(io::ErrorKind::QuotaExceeded),
        StageError::DiskFull { .. }
    ));
    assert!(matches!(
        error(io::ErrorKind::ReadOnlyFilesystem),
        StageError::ReadOnly { .. }
    ));
    assert!(matches!(
        error(io::ErrorKind::PermissionDenied),
        StageError::ReadOnly { .. }
    ));
    assert!(matches!(
        error(io::ErrorKind::InvalidInput),
        StageError::Write { .. }
    ));
    let full = crate::StoreError::io("write", "x", io::ErrorKind::StorageFull.into());
    assert!(matches!(
        StageError::from(full),
        StageError::DiskFull { .. }
    ));
}

#[test]
fn a_newer_shells_pointer_is_left_alone() {
    let room = Room::new();
    let newer = br#"{"schema": 2, "something": "else"}"#;
    fs::write(room.layout().pointer(), newer).unwrap();
    let error = room
        .store
        .begin_stage(&offer("1.1.0").candidate, &room.shell, &plan())
        .unwrap_err();
    assert!(matches!(error, StageError::Store(_)), "{error}");
    assert_eq!(room.pointer_bytes().unwrap(), newer);
    room.assert_no_partial();
}
