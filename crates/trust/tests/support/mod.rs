//! A publisher who really signs, and a host that may be hostile. All in memory.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tough::schema::{
    DelegatedRole, Delegations, Hashes, Metafile, Role, RoleKeys, RoleType, Root, Signature,
    Signed, Snapshot, Target, Targets, Timestamp as Stamp,
};
use tough::sign::Sign as _;
use trust::{Fetch, FetchError, Limits, Repository, Trust, TrustError};
use url::Url;

/// The moment at which every story begins.
pub(crate) fn start() -> Timestamp {
    "2026-06-12T08:00:00Z".parse().unwrap()
}

pub(crate) fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * 24)
}

/// An Ed25519 key of the publisher's.
#[derive(Debug, Clone)]
pub(crate) struct Key(Arc<Ed25519KeyPair>);

impl Key {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Ed25519KeyPair::generate().unwrap()))
    }

    fn public(&self) -> tough::schema::key::Key {
        self.0.tuf_key()
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature {
            keyid: self.public().key_id().unwrap(),
            sig: Ed25519KeyPair::sign(&self.0, bytes)
                .as_ref()
                .to_vec()
                .into(),
        }
    }
}

/// A role with the signatures of these keys.
pub(crate) fn signed<T: Role>(role: &T, keys: &[Key]) -> Vec<u8> {
    let bytes = role.canonical_form().unwrap();
    let signatures = keys.iter().map(|key| key.sign(&bytes)).collect();
    json(&Signed {
        signed: role,
        signatures,
    })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).unwrap()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn up(version: &mut NonZeroU64) {
    *version = version.checked_add(1).unwrap();
}

/// A repository as its publisher sees it. Everything may be changed and signed again.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) root: Root,
    pub(crate) timestamp: Stamp,
    pub(crate) snapshot: Snapshot,
    pub(crate) targets: Targets,
    pub(crate) delegated: BTreeMap<String, Targets>,
    /// Who signs what: by the role's name, `root` too.
    pub(crate) keys: BTreeMap<String, Vec<Key>>,
    /// What lies on the host, by the path below the repository.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Publisher {
    /// A repository with nothing in it, whose roles all expire 30 days after the start; the root
    /// after a year.
    pub(crate) fn new() -> Self {
        let first = NonZeroU64::MIN;
        let spec = || "1.0.31".to_owned();
        let expires = start() + days(30);
        let mut publisher = Self {
            root: Root {
                spec_version: spec(),
                consistent_snapshot: true,
                version: first,
                expires: start() + days(365),
                keys: HashMap::new(),
                roles: HashMap::new(),
                _extra: HashMap::new(),
            },
            timestamp: Stamp::new(spec(), first, expires),
            snapshot: Snapshot::new(spec(), first, expires),
            targets: Targets {
                delegations: None,
                ..Targets::new(spec(), first, expires)
            },
            delegated: BTreeMap::new(),
            keys: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        for role in ["root", "timestamp", "snapshot", "targets"] {
            publisher.set_keys(role, 1, vec![Key::new()]);
        }
        publisher.sign_root();
        publisher.sign_all();
        publisher
    }

    /// A repository with `latest.json` and nothing else.
    pub(crate) fn with_latest(content: &[u8]) -> Self {
        let mut publisher = Self::new();
        publisher.add("latest.json", content);
        publisher.publish();
        publisher
    }

    /// The root that an app is built with.
    pub(crate) fn first_root(&self) -> Vec<u8> {
        self.files["metadata/1.root.json"].clone()
    }

    pub(crate) fn newest_root(&self) -> Vec<u8> {
        self.files[&format!("metadata/{}.root.json", self.root.version)].clone()
    }

    /// Names the keys of a role in the root, and lets them sign from now on.
    pub(crate) fn set_keys(&mut self, role: &str, threshold: u64, keys: Vec<Key>) {
        let mut keyids = Vec::new();
        for key in &keys {
            let id = key.public().key_id().unwrap();
            self.root.keys.insert(id.clone(), key.public());
            keyids.push(id);
        }
        let role_keys = RoleKeys {
            keyids,
            threshold: NonZeroU64::new(threshold).unwrap(),
            _extra: HashMap::new(),
        };
        self.root.roles.insert(role_type(role), role_keys);
        self.keys.insert(role.to_owned(), keys);
    }

    /// A new key for a role, and the next root, signed by the old and the new root keys.
    pub(crate) fn rotate(&mut self, role: &str) {
        let old = self.keys["root"].clone();
        self.set_keys(role, 1, vec![Key::new()]);
        self.next_root(&old);
    }

    /// The next root, signed by the present root keys and by `also`.
    pub(crate) fn next_root(&mut self, also: &[Key]) {
        up(&mut self.root.version);
        let mut keys = self.keys["root"].clone();
        for key in also {
            if !keys.iter().any(|one| one.public() == key.public()) {
                keys.push(key.clone());
            }
        }
        self.put_root(&keys);
    }

    fn sign_root(&mut self) {
        let keys = self.keys["root"].clone();
        self.put_root(&keys);
    }

    pub(crate) fn put_root(&mut self, keys: &[Key]) {
        let name = format!("metadata/{}.root.json", self.root.version);
        self.files.insert(name, signed(&self.root, keys));
    }

    pub(crate) fn add(&mut self, name: &str, content: &[u8]) {
        let target = target(content);
        self.targets.add_target(name.try_into().unwrap(), target);
        let path = format!("targets/{}.{name}", sha256(content));
        self.files.insert(path, content.to_vec());
    }

    /// Delegates `paths` to a new role with a key of its own.
    pub(crate) fn delegate(&mut self, name: &str, paths: &[&str], content: &[(&str, &[u8])]) {
        let key = Key::new();
        let delegations = self
            .targets
            .delegations
            .get_or_insert_with(Delegations::new);
        let id = key.public().key_id().unwrap();
        delegations.keys.insert(id.clone(), key.public());
        let role = serde_json::json!({
            "name": name, "keyids": [hex::encode(&*id)], "threshold": 1,
            "paths": paths, "terminating": false,
        });
        let role: DelegatedRole = serde_json::from_value(role).unwrap();
        delegations.roles.push(role);
        let mut targets = Targets {
            delegations: None,
            ..Targets::new("1.0.31".into(), NonZeroU64::MIN, start() + days(30))
        };
        for (file, bytes) in content {
            targets.add_target((*file).try_into().unwrap(), target(bytes));
            let path = format!("targets/{}.{file}", sha256(bytes));
            self.files.insert(path, bytes.to_vec());
        }
        self.delegated.insert(name.to_owned(), targets);
        self.keys.insert(name.to_owned(), vec![key]);
    }

    /// New targets, snapshot and timestamp.
    pub(crate) fn publish(&mut self) {
        up(&mut self.targets.version);
        up(&mut self.snapshot.version);
        up(&mut self.timestamp.version);
        self.sign_all();
    }

    /// A new timestamp alone.
    pub(crate) fn stamp(&mut self) {
        up(&mut self.timestamp.version);
        self.sign_timestamp();
    }

    /// Signs all but the root as they are, with the versions they have.
    pub(crate) fn sign_all(&mut self) {
        self.sign_targets();
        self.sign_snapshot();
        self.sign_timestamp();
    }

    pub(crate) fn sign_targets(&mut self) {
        for (name, role) in self.delegated.clone() {
            let bytes = signed(&role, &self.keys[&name]);
            self.list(&name, role.version, bytes);
        }
        let bytes = signed(&self.targets, &self.keys["targets"]);
        self.list("targets", self.targets.version, bytes);
    }

    fn list(&mut self, name: &str, version: NonZeroU64, bytes: Vec<u8>) {
        let meta = metafile(version, &bytes);
        self.snapshot.meta.insert(format!("{name}.json"), meta);
        self.files
            .insert(format!("metadata/{version}.{name}.json"), bytes);
    }

    pub(crate) fn sign_snapshot(&mut self) {
        let version = self.snapshot.version;
        let bytes = signed(&self.snapshot, &self.keys["snapshot"]);
        let meta = metafile(version, &bytes);
        self.timestamp.meta.insert("snapshot.json".into(), meta);
        self.files
            .insert(format!("metadata/{version}.snapshot.json"), bytes);
    }

    pub(crate) fn sign_timestamp(&mut self) {
        let bytes = signed(&self.timestamp, &self.keys["timestamp"]);
        self.files.insert("metadata/timestamp.json".into(), bytes);
    }

    pub(crate) fn host(&self) -> Host {
        let host = Host::default();
        host.serve(self);
        host
    }
}

fn role_type(role: &str) -> RoleType {
    match role {
        "root" => RoleType::Root,
        "timestamp" => RoleType::Timestamp,
        "snapshot" => RoleType::Snapshot,
        _ => RoleType::Targets,
    }
}

fn target(content: &[u8]) -> Target {
    Target {
        length: content.len() as u64,
        hashes: hashes(content),
        custom: HashMap::new(),
        _extra: HashMap::new(),
    }
}

fn hashes(bytes: &[u8]) -> Hashes {
    Hashes {
        sha256: Sha256::digest(bytes).to_vec().into(),
        _extra: HashMap::new(),
    }
}

pub(crate) fn metafile(version: NonZeroU64, bytes: &[u8]) -> Metafile {
    Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(hashes(bytes)),
        version,
        _extra: HashMap::new(),
    }
}

/// How a host answers for one file.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// An error that is not "not found".
    Broken(&'static str),
    /// Some bytes, then an error.
    CutOff(Vec<u8>),
    /// Bytes without end.
    Endless,
    /// Nothing, for ever.
    Silent,
    /// One byte a second, for ever.
    Trickle,
}

/// A static host, or somebody who answers for it. Clones are the same host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    files: BTreeMap<String, Answer>,
    asked: Vec<String>,
    down: bool,
}

impl Host {
    /// Serves what the publisher has now, and nothing else.
    pub(crate) fn serve(&self, publisher: &Publisher) {
        self.0.lock().unwrap().files = publisher
            .files
            .iter()
            .map(|(path, bytes)| (path.clone(), Answer::Bytes(bytes.clone())))
            .collect();
    }

    pub(crate) fn answer(&self, path: &str, answer: Answer) {
        self.0.lock().unwrap().files.insert(path.into(), answer);
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.answer(path, Answer::Bytes(bytes.to_vec()));
    }

    pub(crate) fn remove(&self, path: &str) {
        self.0.lock().unwrap().files.remove(path);
    }

    pub(crate) fn down(&self, down: bool) {
        self.0.lock().unwrap().down = down;
    }

    /// What was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    pub(crate) fn fetch(&self) -> Arc<dyn Fetch> {
        Arc::new(self.clone())
    }
}

type Stream = BoxStream<'static, Result<Bytes, FetchError>>;

impl Fetch for Host {
    fn fetch(&self, url: Url) -> BoxFuture<'static, Result<Stream, FetchError>> {
        let path = url.path().trim_start_matches("/repo/").to_owned();
        let mut inside = self.0.lock().unwrap();
        inside.asked.push(path.clone());
        let answer = if inside.down {
            Some(Answer::Broken("no route to host"))
        } else {
            inside.files.get(&path).cloned()
        };
        let broken = || FetchError::Other(format!("connection lost to {url}"));
        let stream: Result<Stream, FetchError> = match answer {
            None => Err(FetchError::NotFound),
            Some(Answer::Bytes(bytes)) => {
                let parts: Vec<_> = bytes.chunks(1000).map(Bytes::copy_from_slice).collect();
                Ok(stream::iter(parts.into_iter().map(Ok)).boxed())
            }
            Some(Answer::Broken(why)) => Err(FetchError::Other(why.to_owned())),
            Some(Answer::CutOff(bytes)) => {
                Ok(stream::iter([Ok(Bytes::from(bytes)), Err(broken())]).boxed())
            }
            Some(Answer::Endless) => {
                Ok(stream::repeat(Ok(Bytes::from_static(&[b' '; 1000]))).boxed())
            }
            Some(Answer::Silent) => Ok(stream::pending().boxed()),
            Some(Answer::Trickle) => Ok(stream::repeat(())
                .then(|()| async {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(Bytes::from_static(b" "))
                })
                .boxed()),
        };
        Box::pin(std::future::ready(stream))
    }
}

/// A device: an app's root and a folder that lives as long as this.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) root: Vec<u8>,
    pub(crate) limits: Limits,
}

impl Device {
    pub(crate) fn new(root: Vec<u8>) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            root,
            limits: Limits::default(),
        }
    }

    /// With the publisher's first root, and refreshed once at the start.
    pub(crate) async fn up_to_date(publisher: &Publisher) -> Self {
        let device = Self::new(publisher.first_root());
        device.refresh(&publisher.host()).await.unwrap();
        device
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("trust")
    }

    /// A new process on this device.
    pub(crate) fn trust(&self) -> Trust {
        let url = |path| Url::parse(&format!("https://user:hunter2@host/repo/{path}/")).unwrap();
        Trust::new(
            self.root.clone(),
            self.store(),
            url("metadata"),
            url("targets"),
            self.limits,
        )
    }

    pub(crate) async fn refresh(&self, host: &Host) -> Result<Repository, TrustError> {
        self.refresh_at(host, start()).await
    }

    pub(crate) async fn refresh_at(
        &self,
        host: &Host,
        now: Timestamp,
    ) -> Result<Repository, TrustError> {
        let outcome = self.trust().refresh(host.fetch(), now).await;
        if let Err(error) = &outcome {
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!error.hint().is_empty());
        }
        outcome
    }

    /// The newest generation's folder.
    pub(crate) fn generation(&self) -> PathBuf {
        let newest = std::fs::read_dir(self.store())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u64>().ok())
            .max()
            .unwrap();
        self.store().join(newest.to_string())
    }

    /// The stored version of a role; 0 where there is none.
    pub(crate) fn version(&self, role: &str) -> u64 {
        if role == "root" {
            return std::fs::read_dir(self.generation().join("roots"))
                .unwrap()
                .map(|entry| {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    name.split('.').next().unwrap().parse().unwrap()
                })
                .max()
                .unwrap();
        }
        let Ok(bytes) = std::fs::read(self.generation().join(format!("{role}.json"))) else {
            return 0;
        };
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        value["signed"]["version"].as_u64().unwrap()
    }

    /// Root, timestamp, snapshot, targets.
    pub(crate) fn versions(&self) -> [u64; 4] {
        ["root", "timestamp", "snapshot", "targets"].map(|role| self.version(role))
    }

    /// `latest.json` as it is known without the host.
    pub(crate) async fn latest(&self) -> Option<Vec<u8>> {
        let kept = self.trust().kept().await.unwrap()?;
        kept.read("latest.json", 1 << 20).await.unwrap()
    }
}

/// Every file below a folder, with its content.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.clone(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}
