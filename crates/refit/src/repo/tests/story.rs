//! A publisher with keys and two versions, and everything there is to do.

use std::cell::RefCell;
use std::num::NonZeroU64;
use std::path::PathBuf;

use jiff::Timestamp;
use rollout::ramp::{self, Document};
use rollout::{PackageName, Version};
use serde_json::json;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::keys::{KeyDir, Role};
use crate::repo::{Change, Desk, Draft, Init, Lifetimes, Refresh, Rotation, init, refresh, rotate};
use crate::site::shelf::{self, Latest, Tagging, Wishes};
use crate::site::{Site, intake};

/// What a publisher does, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// 1.0.0, before there is anything else.
    First,
    Plain,
    Init,
    /// 1.0.0 again, for its description.
    Describe,
    /// The manifest names 1.0.0.
    Start,
    Second,
    /// The manifest names 1.1.0, and so does `latest`.
    Ramp,
    Refresh,
    Rotate(Role),
    /// A new key without the old one.
    Lost(Role),
    /// The very first rollout, of 1.0.0.
    Begin,
    /// The rollout of 1.1.0.
    Next,
    Halt,
    Resume,
    /// 1.1.0 is taken back, to 1.0.0.
    Recall,
}

/// A site that never had a plain manifest before its repository, and orders as a person gives them.
pub(super) const ROLLOUT: [Step; 9] = [
    Step::First,
    Step::Init,
    Step::Describe,
    Step::Begin,
    Step::Second,
    Step::Next,
    Step::Halt,
    Step::Resume,
    Step::Recall,
];

/// What both manifests name once such an order is done.
pub(super) fn rolled_out(step: Step) -> (Option<String>, Option<String>) {
    let version = match step {
        Step::Begin | Step::Second | Step::Halt | Step::Recall => Some("1.0.0".to_owned()),
        Step::Next | Step::Resume => Some("1.1.0".to_owned()),
        _ => None,
    };
    (version.clone(), version)
}

pub(super) const STEPS: [Step; 13] = [
    Step::First,
    Step::Plain,
    Step::Init,
    Step::Describe,
    Step::Start,
    Step::Second,
    Step::Ramp,
    Step::Refresh,
    Step::Rotate(Role::Timestamp),
    Step::Rotate(Role::Snapshot),
    Step::Rotate(Role::Targets),
    Step::Rotate(Role::Root),
    Step::Refresh,
];

#[derive(Debug)]
pub(super) struct Publisher {
    dir: RefCell<TempDir>,
}

pub(super) fn now() -> Timestamp {
    "2026-06-12T08:00:00.25Z".parse().unwrap()
}

pub(super) fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap()
}

pub(super) fn manifest(version: &str, notes: &str) -> Change {
    let text = json!({ "version": version, "package": "@acme/demo", "notes": notes });
    Change {
        file: "latest.json".to_owned(),
        bytes: text.to_string().into_bytes(),
        latest: None,
    }
}

fn tarball(version: &str, more: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let text = json!({ "name": "@acme/demo", "version": version, "engines": { "node": ">=22" } });
    let text = text.to_string();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "package/package.json", text.as_bytes())
        .unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_size(more.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "package/more", more).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar.into_inner().unwrap()).unwrap();
    gzip.finish().unwrap()
}

impl Publisher {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        KeyDir::make(&dir.path().join("keys")).unwrap();
        for version in ["1.0.0", "1.1.0"] {
            let path = dir.path().join(format!("{version}.tgz"));
            std::fs::write(path, tarball(version, b"")).unwrap();
        }
        Self {
            dir: RefCell::new(dir),
        }
    }

    /// Another machine with the same files.
    pub(super) fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        for from in ["", "keys"] {
            for entry in std::fs::read_dir(self.dir.borrow().path().join(from)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let to = dir.path().join(from).join(path.file_name().unwrap());
                    std::fs::copy(&path, to).unwrap();
                }
            }
        }
        Self {
            dir: RefCell::new(dir),
        }
    }

    pub(super) fn become_of(&self, other: Self) {
        self.dir.replace(other.dir.into_inner());
    }

    pub(super) fn keys_path(&self) -> PathBuf {
        self.dir.borrow().path().join("keys")
    }

    fn keys(&self) -> KeyDir {
        KeyDir::open(&self.keys_path()).unwrap()
    }

    /// The root that the shell was built with.
    pub(super) fn first_root(&self) -> Option<Vec<u8>> {
        std::fs::read(self.dir.borrow().path().join("built-in.json")).ok()
    }

    pub(super) fn hide(&self, role: &str) {
        let keys = self.keys_path();
        std::fs::rename(
            keys.join(format!("{role}.pem")),
            keys.join(format!("{role}.away")),
        )
        .unwrap();
    }

    pub(super) fn show(&self, role: &str) {
        let keys = self.keys_path();
        std::fs::rename(
            keys.join(format!("{role}.away")),
            keys.join(format!("{role}.pem")),
        )
        .unwrap();
    }

    pub(super) async fn desk(&self, site: &Site) -> Desk {
        Desk::open(site.clone(), Some(&self.keys_path()))
            .await
            .unwrap()
    }

    pub(super) async fn refresh(
        &self,
        site: &Site,
        now: Timestamp,
    ) -> Result<crate::repo::refresh::Refreshed, Failure> {
        refresh(site, &self.keys(), &Refresh::default(), now).await
    }

    /// The same, by a clock that is said to be right.
    pub(super) async fn refresh_anyway(
        &self,
        site: &Site,
        now: Timestamp,
    ) -> Result<crate::repo::refresh::Refreshed, Failure> {
        let wishes = Refresh {
            clock_is_right: true,
            ..Refresh::default()
        };
        refresh(site, &self.keys(), &wishes, now).await
    }

    /// A draft with a version on a plain site, whose tarball has something more in it.
    pub(super) async fn shelved(
        &self,
        desk: &Desk,
        version: &str,
        more: &[u8],
    ) -> Result<Draft, Failure> {
        let path = self.dir.borrow().path().join("more.tgz");
        std::fs::write(&path, tarball(version, more)).unwrap();
        let prepared = intake::prepare(&desk.site().store().scratch(), &path)?;
        let mut draft = desk.draft();
        let tagging = Tagging {
            latest: Latest::Moves,
            package: None,
        };
        let wishes = Wishes::default();
        shelf::shelve(desk, &mut draft, vec![prepared], &wishes, &tagging, now()).await?;
        Ok(draft)
    }

    /// Publishes it.
    pub(super) async fn add(&self, site: &Site, version: &str, more: &[u8]) -> Result<(), Failure> {
        let desk = Desk::hold(site.clone(), None).await?;
        let draft = self.shelved(&desk, version, more).await?;
        desk.write(draft, now()).await.map(drop)
    }

    /// An order of a rollout, as `refit rollout` gives it.
    async fn order(&self, step: Step, site: &Site) -> Result<(), Failure> {
        let mut desk = Desk::hold(site.clone(), Some(&self.keys_path())).await?;
        let package: PackageName = "@acme/demo".parse().unwrap();
        let (first, second): (Version, Version) =
            ("1.0.0".parse().unwrap(), "1.1.0".parse().unwrap());
        let bytes = desk.manifest("latest.json").await?;
        let document = bytes.map(|bytes| Document::parse(&bytes, Some(&package)).unwrap());
        let start = |version: &Version, plan: &str, known| {
            let wish = ramp::Start {
                package: package.clone(),
                version: version.clone(),
                plan: ramp::parse_plan(plan).unwrap(),
                notes: None,
                critical: false,
                stable: None,
                known,
                again: false,
            };
            ramp::start(document.as_ref(), &wish, now())
        };
        let change = match (step, &document) {
            (Step::Begin, _) => start(&first, "100%", None),
            (Step::Next, _) => start(&second, "30%,70%@12h", None),
            (Step::Halt, Some(document)) => ramp::halt(document, now()),
            (Step::Resume, Some(document)) => ramp::resume(document, now()),
            (_, Some(document)) => ramp::recall(document, &second, &first, now()),
            (_, None) => panic!("{step:?}"),
        };
        match change {
            Ok(change) => {
                let latest = change.everyones().cloned();
                let change = Change {
                    file: "latest.json".to_owned(),
                    bytes: change.after.bytes(),
                    latest: latest.map(|version| (package.clone(), version)),
                };
                desk.publish_manifest(change, now()).await
            }
            // So already; all that may be missing is the plain file.
            Err(_) => desk.mend(now()).await.map(drop),
        }
    }

    async fn publish(&self, site: &Site, version: &str, signed: bool) -> Result<(), Failure> {
        let keys = self.keys_path();
        let tarball = self.dir.borrow().path().join(format!("{version}.tgz"));
        let prepared = intake::prepare(&site.store().scratch(), &tarball)?;
        let desk = Desk::hold(site.clone(), signed.then_some(keys.as_path())).await?;
        let mut draft = desk.draft();
        let tagging = Tagging {
            latest: if signed { Latest::Stays } else { Latest::Moves },
            package: None,
        };
        let wishes = Wishes::default();
        shelf::shelve(&desk, &mut draft, vec![prepared], &wishes, &tagging, now()).await?;
        desk.write(draft, now()).await?;
        Ok(())
    }

    pub(super) async fn take(&self, step: Step, site: &Site) -> Result<(), Failure> {
        let keys = self.keys_path();
        match step {
            Step::First => self.publish(site, "1.0.0", false).await,
            Step::Plain => {
                let mut desk = Desk::open(site.clone(), None).await?;
                desk.manifest("latest.json").await?;
                desk.publish_manifest(manifest("1.0.0", "plain"), now())
                    .await
            }
            Step::Init => {
                let wishes = Init {
                    threshold: NonZeroU64::MIN,
                    root_keys: Vec::new(),
                    lifetimes: Lifetimes::default(),
                };
                let made = init(site, &self.keys(), &wishes, now()).await?;
                let built_in = self.dir.borrow().path().join("built-in.json");
                std::fs::write(built_in, made.root).unwrap();
                Ok(())
            }
            Step::Describe => self.publish(site, "1.0.0", true).await,
            Step::Start => {
                let desk = Desk::open(site.clone(), Some(&keys)).await?;
                desk.publish_manifest(manifest("1.0.0", "signed"), now())
                    .await
            }
            Step::Second => self.publish(site, "1.1.0", true).await,
            Step::Ramp => {
                let desk = Desk::open(site.clone(), Some(&keys)).await?;
                let change = Change {
                    latest: Some(("@acme/demo".parse().unwrap(), "1.1.0".parse().unwrap())),
                    ..manifest("1.1.0", "ramp")
                };
                desk.publish_manifest(change, now()).await
            }
            Step::Begin | Step::Next | Step::Halt | Step::Resume | Step::Recall => {
                self.order(step, site).await
            }
            Step::Refresh => self.refresh(site, now()).await.map(drop),
            Step::Rotate(role) | Step::Lost(role) => {
                let wishes = Rotation {
                    role,
                    lost: step == Step::Lost(role),
                    new_key: None,
                    root_keys: Vec::new(),
                    lifetimes: Lifetimes::default(),
                };
                rotate(site, &self.keys(), &wishes, now()).await.map(drop)
            }
        }
    }
}

/// What the plain and the signed manifest name once a step is done.
pub(super) fn expected(step: Step) -> (Option<String>, Option<String>) {
    let at = STEPS.iter().position(|one| *one == step).unwrap();
    let done = |other: Step| STEPS.iter().position(|one| *one == other).unwrap() <= at;
    let newest = |first: Step| {
        if done(Step::Ramp) {
            Some("1.1.0".to_owned())
        } else {
            done(first).then(|| "1.0.0".to_owned())
        }
    };
    (newest(Step::Plain), newest(Step::Init))
}
