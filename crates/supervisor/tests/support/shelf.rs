//! A store whose versions are scripts of the fixture, put there as staging would have left them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollout::{BadReason, Integrity, Version};
use runtime_store::{Asked, Pointer, Store};
use serde_json::{Value, json};
use supervisor::Supervisor;

use super::{Bench, write};

pub(crate) struct Shelf {
    pub(crate) bench: Bench,
    pub(crate) store: Store,
}

pub(crate) fn version(text: &str) -> Version {
    text.parse().expect("version")
}

/// One content per version.
fn integrity(version: &str) -> Integrity {
    let digit = char::from(b'a' + version.bytes().fold(0, |sum, byte| (sum + byte) % 26));
    let digest: String = std::iter::repeat_n(digit, 85).collect();
    format!("sha512-{digest}A==").parse().expect("integrity")
}

impl Shelf {
    pub(crate) fn new(bundled: &str) -> Self {
        let bench = Bench::new(bundled);
        let store = Store::open(&bench.spec.data).expect("store");
        Self { bench, store }
    }

    /// Puts a version where it belongs; no pointer names it yet.
    pub(crate) fn put(&self, version: &str, script: &str) -> PathBuf {
        let root = self.store.root();
        let record = json!({
            "schema": 1, "package": "demo", "version": version, "integrity": integrity(version),
            "entry": "dist/cli.js", "source": "a test", "stagedAt": "2026-01-01T00:00:00Z",
        });
        write(
            &root.join(format!("records/{version}.json")),
            &record.to_string(),
        );
        let entry = root.join(format!("versions/{version}/dist/cli.js"));
        write(&entry, script);
        entry
    }

    pub(crate) fn on_trial(&self, version: &str, attempts: u32, previous: Option<&str>) {
        let trial = json!({ "attemptsLeft": attempts, "readyAt": null, "crashes": 0 });
        self.point(version, &trial, previous);
    }

    pub(crate) fn confirmed(&self, version: &str, previous: Option<&str>) {
        self.point(version, &Value::Null, previous);
    }

    /// Staged over a trial, which the pointer then remembers as `replaced`.
    pub(crate) fn replace_trial(&self, version: &str) {
        let mut before = serde_json::to_value(self.pointer().expect("pointer")).expect("json");
        let replaced = json!({
            "version": before["version"], "integrity": before["integrity"], "trial": before["trial"],
        });
        before["replaced"] = replaced;
        before["version"] = version.into();
        before["integrity"] = serde_json::to_value(integrity(version)).expect("json");
        let entry = format!("versions/{version}/dist/cli.js");
        before["entry"] = self
            .store
            .root()
            .join(entry)
            .to_str()
            .expect("utf-8")
            .into();
        before["trial"] = json!({ "attemptsLeft": 2, "readyAt": null, "crashes": 0 });
        write(&self.store.root().join("current.json"), &before.to_string());
    }

    fn point(&self, version: &str, trial: &Value, previous: Option<&str>) {
        let root = self.store.root();
        let pointer = json!({
            "schema": 1, "version": version, "integrity": integrity(version),
            "entry": root.join(format!("versions/{version}/dist/cli.js")),
            "stagedAt": "2026-01-01T00:00:00Z", "trial": trial,
            "previous": previous.map(|v| json!({ "version": v, "integrity": integrity(v) })),
        });
        write(&root.join("current.json"), &pointer.to_string());
        let snapshot = self.store.snapshot();
        assert!(snapshot.problems.is_empty(), "{:?}", snapshot.problems);
    }

    /// What the publisher says, as the updater would have kept it.
    pub(crate) fn hear(&self, manifest: &Value) {
        let releases = json!({ "schema": 1, "manifest": {
            "manifest": manifest, "source": "a test", "verifiedAt": "2026-01-01T00:00:00Z",
        }});
        self.store.save_releases(&releases).expect("releases");
    }

    /// As if a timer had staged what is on trial.
    pub(crate) fn gate(&self) {
        let mut pointer = serde_json::to_value(self.pointer().expect("pointer")).expect("json");
        pointer["trial"]["gated"] = true.into();
        write(
            &self.store.root().join("current.json"),
            &pointer.to_string(),
        );
    }

    pub(crate) fn start(&self) -> Supervisor {
        self.start_with(Asked::Passively)
    }

    pub(crate) fn start_with(&self, asked: Asked) -> Supervisor {
        let shell = Arc::new(self.bench.shell.clone());
        let store = Some(self.store.clone());
        Supervisor::start(store, shell, self.bench.spec.clone(), asked)
    }

    pub(crate) fn pointer(&self) -> Option<Pointer> {
        self.store.snapshot().pointer
    }

    pub(crate) fn attempts_left(&self) -> u32 {
        let trial = self.pointer().expect("pointer").trial;
        trial.expect("a trial").attempts_left
    }

    /// What the pointer names.
    pub(crate) fn named(&self) -> Option<String> {
        Some(self.pointer()?.version.to_string())
    }

    pub(crate) fn bad(&self) -> Vec<(String, BadReason)> {
        let bad = self.store.snapshot().bad;
        bad.into_iter()
            .map(|bad| (bad.version.to_string(), bad.reason))
            .collect()
    }

    pub(crate) fn is_stored(&self, version: &str) -> bool {
        self.store.root().join("versions").join(version).exists()
    }

    pub(crate) fn leases(&self) -> usize {
        fs::read_dir(self.store.root().join("leases"))
            .expect("leases")
            .count()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }
}

pub(crate) fn touch(path: &Path) {
    fs::write(path, "").expect("touch");
}
