//! Who signs.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tough::schema::{
    DelegatedRole, Delegations, Hashes, Metafile, Role, RoleKeys, RoleType, Root, Signature,
    Signed, Snapshot, Target, Targets, Timestamp as Stamp,
};
use tough::sign::Sign as _;

use super::host::Host;
use super::{days, start};

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
