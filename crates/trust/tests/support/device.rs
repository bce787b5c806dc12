//! Who is to believe it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use trust::{Limits, Repository, Trust, TrustError};
use url::Url;

use super::host::Host;
use super::{Publisher, start};

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
