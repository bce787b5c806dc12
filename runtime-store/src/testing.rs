//! Stores for tests: whole versions made through the store's own code, and launches of them.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use rollout::{BadReason, Engines, Host, Integrity, NodeFact, Version};
use tempfile::TempDir;

use crate::lock::StoreLock;
use crate::pointer::{Pointer, VersionId};
use crate::record::Record;
use crate::{
    Asked, Bundled, Failure, How, Launch, Shell, Source, Store, StoreError, TakenAttempt,
    transition,
};

/// Whose terms count there.
pub(crate) const SOURCE: &str = "https://host.example/latest.json";
pub(crate) const ENTRY: &str = "dist/cli.js";

/// A store in a folder of its own, and a shell with the bundled version 1.0.0.
pub(crate) struct Bench {
    scratch: TempDir,
    pub(crate) store: Store,
    pub(crate) shell: Shell,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("bundled");
        fs::create_dir_all(dir.join("dist")).unwrap();
        fs::write(dir.join(ENTRY), "bundled").unwrap();
        let bundled = Bundled {
            entry: dir.join(ENTRY),
            dir,
            version: v("1.0.0"),
        };
        Self {
            store: Store::open(&scratch.path().join("data")).unwrap(),
            shell: Shell {
                bundled,
                host: Host {
                    node: NodeFact::NotUsed,
                    shell: v("1.0.0"),
                },
                attempts: 2,
                launch_trials: true,
                not_before: crate::NotBefore::default(),
                experimental: false,
                built_at: Timestamp::UNIX_EPOCH,
                offers: rollout::contract::Offers::default(),
                signed_only: false,
                source: Some(SOURCE.to_owned()),
            },
            scratch,
        }
    }

    /// A second process's view of the same store.
    pub(crate) fn other_process(&self) -> Store {
        Store::open(&self.scratch.path().join("data")).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.store.root().join(name)
    }

    /// A whole version on disk that no pointer names.
    pub(crate) fn place(&self, version: &str) -> VersionId {
        self.place_with(&id(version), Engines::default())
    }

    pub(crate) fn place_with(&self, id: &VersionId, engines: Engines) -> VersionId {
        let layout = self.store.layout();
        let dir = layout.version(&id.version);
        let record = Record {
            schema: Record::SCHEMA,
            package: "demo".parse().unwrap(),
            version: id.version.clone(),
            integrity: id.integrity.clone(),
            entry: ENTRY.to_owned(),
            engines,
            needs: Some(rollout::contract::Needs::default()),
            rehearsal: None,
            source: "test".to_owned(),
            staged_at: now(),
            carried: None,
            extra: serde_json::Map::new(),
        };
        record.save(layout).unwrap();
        fs::create_dir_all(dir.join("dist")).unwrap();
        fs::write(dir.join(ENTRY), id.version.as_str()).unwrap();
        let package = serde_json::json!({ "name": "demo", "version": id.version });
        fs::write(dir.join("package.json"), package.to_string()).unwrap();
        id.clone()
    }

    pub(crate) fn entry(&self, version: &str) -> PathBuf {
        self.store.layout().version(&v(version)).join(ENTRY)
    }

    pub(crate) fn amend_record(&self, version: &str, amend: impl FnOnce(&mut Record)) {
        let layout = self.store.layout();
        let mut record = Record::load(layout, &v(version)).unwrap().unwrap();
        amend(&mut record);
        record.save(layout).unwrap();
    }

    /// Makes the record of a stored version one of a shell from the future.
    pub(crate) fn write_newer_record(&self, version: &str) {
        let record = serde_json::json!({ "schema": 2, "version": version, "later": true });
        fs::write(
            self.path(&format!("records/{version}.json")),
            record.to_string(),
        )
        .unwrap();
    }

    /// Places a version and points at it, on trial.
    pub(crate) fn stage(&self, version: &str) -> VersionId {
        let id = self.place(version);
        self.point_at(&id);
        id
    }

    pub(crate) fn point_at(&self, id: &VersionId) {
        let layout = self.store.layout();
        let _lock = StoreLock::take(layout).unwrap();
        let old = Pointer::load_for_change(layout, now()).unwrap();
        let entry = self.entry(id.version.as_str());
        transition::staged(old.as_ref(), id, &entry, self.shell.attempts, now())
            .save(layout)
            .unwrap();
    }

    /// Stages a version and ends its trial well.
    pub(crate) fn confirm(&self, version: &str) -> VersionId {
        let id = self.stage(version);
        let mut pointer = self.pointer();
        pointer.trial = None;
        pointer.replaced = None;
        pointer.save(self.store.layout()).unwrap();
        id
    }

    /// As [`Bench::stage`], by a timer.
    pub(crate) fn stage_gated(&self, version: &str) -> VersionId {
        let id = self.stage(version);
        self.amend(|pointer| {
            if let Some(trial) = &mut pointer.trial {
                trial.gated = true;
            }
        });
        id
    }

    pub(crate) fn amend(&self, amend: impl FnOnce(&mut Pointer)) {
        let mut pointer = self.pointer();
        amend(&mut pointer);
        pointer.save(self.store.layout()).unwrap();
    }

    /// What the publisher says, as the updater keeps it; `extra` goes beside the manifest.
    pub(crate) fn hear(&self, manifest: &serde_json::Value, extra: &serde_json::Value) {
        let mut terms = serde_json::json!({
            "manifest": manifest, "source": SOURCE,
            "verifiedAt": "2020-01-01T00:00:00Z",
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            terms[key] = value.clone();
        }
        let releases = serde_json::json!({ "schema": 1, "registry": null, "manifest": terms });
        self.store.save_releases(&releases).unwrap();
    }

    /// A manifest that names `newest` and recalls `recalled`.
    pub(crate) fn recall(&self, newest: &str, recalled: &[&str]) {
        self.hear(
            &serde_json::json!({ "version": newest, "recalled": recalled }),
            &serde_json::Value::Null,
        );
    }

    pub(crate) fn pointer(&self) -> Pointer {
        self.store.snapshot().pointer.expect("there is a pointer")
    }

    pub(crate) fn attempts_left(&self) -> u32 {
        self.pointer().trial.expect("on trial").attempts_left
    }

    pub(crate) fn bad(&self) -> Vec<(String, BadReason)> {
        let bad = self.store.snapshot().bad;
        bad.into_iter()
            .map(|bad| (bad.version.to_string(), bad.reason))
            .collect()
    }

    pub(crate) fn begin(&self) -> Launch {
        self.begin_after(&[])
    }

    pub(crate) fn begin_after(&self, failures: &[Failure]) -> Launch {
        self.store
            .begin_launch(&self.shell, Asked::Passively, failures, now())
    }

    pub(crate) fn ready(
        &self,
        launch: &Launch,
        failures: &[Failure],
    ) -> Result<Vec<rollout::BadEntry>, StoreError> {
        self.store.ready(launch, failures, now())
    }

    /// The launch's choice fails; its lease is let go.
    pub(crate) fn fail(launch: Launch, how: How) -> Failure {
        let failure = failure(&launch, how);
        drop(launch);
        failure
    }

    /// A launch whose first choice fails and whose next becomes ready.
    pub(crate) fn fall_back(&self, how: How) -> Launch {
        let failures = [Self::fail(self.begin(), how)];
        let next = self.begin_after(&failures);
        self.ready(&next, &failures).unwrap();
        next
    }

    /// Puts a folder with something in it where a file belongs, so that no rename can replace it:
    /// unlike a mode, that stops the superuser too.
    pub(crate) fn block(&self, name: &str) {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(path.join("in the way")).unwrap();
    }

    /// Puts a file where the store's folder belongs, so that nothing can be made in it.
    pub(crate) fn block_folder(&self, name: &str) {
        let path = self.path(name);
        let _ = fs::remove_dir_all(&path);
        fs::write(path, "in the way").unwrap();
    }

    pub(crate) fn is_stored(&self, version: &str) -> bool {
        self.store.layout().version(&v(version)).exists()
    }
}

pub(crate) fn failure(launch: &Launch, how: How) -> Failure {
    Failure {
        version: launch.choice.version.clone(),
        integrity: launch.choice.integrity.clone(),
        source: launch.choice.source,
        trial: launch.choice.trial.is_some(),
        taken: launch.taken.is_some(),
        how,
        detail: "seen in a test".to_owned(),
    }
}

pub(crate) fn taken(launch: &Launch) -> Vec<TakenAttempt> {
    launch.taken.iter().cloned().collect()
}

pub(crate) fn chosen(launch: &Launch) -> (String, Source) {
    (launch.choice.version.to_string(), launch.choice.source)
}

pub(crate) fn v(text: &str) -> Version {
    text.parse().unwrap()
}

/// A content that belongs to the version's name.
pub(crate) fn id(version: &str) -> VersionId {
    let mut digest = [0; 64];
    for (to, from) in digest.iter_mut().zip(version.bytes()) {
        *to = from;
    }
    VersionId {
        version: v(version),
        integrity: Integrity::from_digest(digest),
    }
}

/// A fixed time; tests do not look at the clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50)
}
